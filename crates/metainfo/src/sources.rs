//! Where a torrent says that its bytes come from: trackers and web seeds.
//!
//! They stand outside `info`: no hash covers them, nothing is decided upon them, and what makes no
//! sense among them is passed over. The URLs are bytes as they came; whoever prints them escapes.

use crate::bencode::{Dictionary, Value};
use crate::metainfo::shown;
use std::collections::HashSet;

/// The trackers of `announce-list` (BEP 12) tier by tier, or else `announce`; none twice, no tier
/// empty.
pub(crate) fn tiers(outer: Dictionary<'_>) -> Vec<Vec<Vec<u8>>> {
    let mut seen = HashSet::new();
    let mut tiers = Vec::new();
    if let Some(Value::List(list)) = outer.get(b"announce-list") {
        for tier in list.items() {
            let Value::List(tier) = tier else { continue };
            let urls = tier.items().filter_map(bytes).filter(|url| seen.insert(*url));
            let tier: Vec<Vec<u8>> = urls.map(<[u8]>::to_vec).collect();
            tiers.extend((!tier.is_empty()).then_some(tier));
        }
    }
    if tiers.is_empty() {
        tiers.extend(shown(outer, b"announce").map(|url| vec![url]));
    }
    tiers
}

/// `url-list` (BEP 19), which may be one string, then `httpseeds` (BEP 17); none twice, none empty.
pub(crate) fn web_seeds(outer: Dictionary<'_>) -> Vec<Vec<u8>> {
    let mut seen = HashSet::new();
    let mut urls = Vec::new();
    for key in [&b"url-list"[..], b"httpseeds"] {
        match outer.get(key) {
            Some(Value::Bytes(url)) => urls.push(url),
            Some(Value::List(list)) => urls.extend(list.items().filter_map(bytes)),
            _ => {}
        }
    }
    urls.retain(|url| !url.is_empty() && seen.insert(*url));
    urls.into_iter().map(<[u8]>::to_vec).collect()
}

fn bytes(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bencode::Item;

    fn list(urls: &[&str]) -> Item {
        Item::List(urls.iter().map(|url| Item::bytes(*url)).collect())
    }

    fn outer<T>(entries: &[(&str, Item)], read: fn(Dictionary<'_>) -> T) -> T {
        let bytes = Item::dictionary(entries.iter().cloned()).encode();
        read(Dictionary::parse(&bytes).unwrap().0)
    }

    #[test]
    fn trackers_keep_their_tiers_and_come_once() {
        let announce = ("announce", Item::bytes("a"));
        let list = Item::List(vec![
            list(&["b", "a", "b"]),
            list(&[]),
            Item::from(1),
            list(&["a"]),
            Item::List(vec![Item::from(1), Item::bytes("c")]),
        ]);
        let found = outer(&[announce.clone(), ("announce-list", list)], tiers);
        assert_eq!(found, [vec![b"b".to_vec(), b"a".to_vec()], vec![b"c".to_vec()]]);
        assert_eq!(outer(std::slice::from_ref(&announce), tiers), [[b"a"]]);
        let empty = ("announce-list", Item::List(vec![]));
        assert_eq!(outer(&[announce, empty], tiers), [[b"a"]]);
        assert!(outer(&[("announce", Item::from(1))], tiers).is_empty());
    }

    #[test]
    fn web_seeds_are_one_or_many() {
        assert_eq!(outer(&[("url-list", Item::bytes("a"))], web_seeds), [b"a"]);
        assert!(outer(&[("url-list", Item::bytes(""))], web_seeds).is_empty());
        let both = [("url-list", list(&["a", "", "b", "a"])), ("httpseeds", list(&["c", "b"]))];
        assert_eq!(outer(&both, web_seeds), [b"a", b"b", b"c"]);
    }
}

//! Adding to a .torrent what is not part of it: a signature, for one.
//!
//! Only the bytes of the one entry change: `info`, every other key and whatever follows the end
//! stay as they came, so that the info hash stays too. rtorrent keeps foreign keys in its session.

use crate::bencode::{Dictionary, Item, Span};
use crate::{Flaw, ParseError};

/// Gives an outermost key this value: in place of an earlier one, else before the first key that
/// is greater. `info` is refused.
pub fn set_key(torrent: &[u8], key: &[u8], value: &Item) -> Result<Vec<u8>, ParseError> {
    if key == b"info" {
        return Err(ParseError::key("info", Flaw::Hashed));
    }
    let (outer, _) = Dictionary::parse(torrent)?;
    let span = outer.spans().find(|span| span.key == key);
    let (start, end) = match span {
        Some(Span { start, end, .. }) => (start, end),
        None => {
            let at = outer.spans().find(|span| span.key > key).map(|span| span.start);
            let at = at.unwrap_or(outer.raw().len() - 1);
            (at, at)
        }
    };
    let mut out = torrent[..start].to_vec();
    out.extend(Item::bytes(key).encode());
    out.extend(value.encode());
    out.extend(&torrent[end..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(torrent: &[u8], key: &str) -> String {
        let out = set_key(torrent, key.as_bytes(), &Item::bytes("!")).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_new_key_stands_in_order() {
        let torrent = b"d1:bi1e4:infode1:zlee";
        assert_eq!(set(torrent, "a"), "d1:a1:!1:bi1e4:infode1:zlee");
        assert_eq!(set(torrent, "minisign"), "d1:bi1e4:infode8:minisign1:!1:zlee");
        assert_eq!(set(torrent, "zz"), "d1:bi1e4:infode1:zle2:zz1:!e");
        assert_eq!(set(b"de", "a"), "d1:a1:!e");
    }

    #[test]
    fn an_old_value_gives_way_and_nothing_else_moves() {
        assert_eq!(set(b"d1:zi1e1:al1:xe4:infodee\n", "a"), "d1:zi1e1:a1:!4:infodee\n");
    }

    #[test]
    fn info_is_not_touched() {
        let error = set_key(b"d4:infodee", b"info", &Item::from(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its key `info` cannot be replaced: the info hash is taken over it"
        );
        assert!(set_key(b"d4:info", b"a", &Item::from(1)).is_err());
    }
}

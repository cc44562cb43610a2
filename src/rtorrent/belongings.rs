//! What rtorrent knows of a download beside its data, and forgets when it is erased.
//!
//! Its answers cannot carry every byte: what is not plain comes as `?` (0.9.8) or `%FF` (0.16). Its
//! session's file can, but may be older. So each value is the answer's, and where the file has one
//! that such an answer may stand for, the file's. Ratio, timestamps and counters cannot be given
//! back, and are not kept.

use super::download::is_image;
use metainfo::bencode::{Dictionary, Item, Value};
use std::collections::BTreeMap;

/// The custom field that says for which try of a heal a download was loaded.
pub(super) const MARK: &str = "seedship_heal";

/// The numbered custom fields, `custom1` (of ruTorrent the label) to `custom5`.
pub(super) const LABELS: [&str; 5] = ["custom1", "custom2", "custom3", "custom4", "custom5"];

/// What a download has in rtorrent beside its data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Belongings {
    /// `d.directory`: its own for many files, the one that holds the file for one.
    pub directory: Vec<u8>,
    /// The watch file that it is tied to; empty if there is none.
    pub tied_to: Vec<u8>,
    /// The group that throttles it; empty if there is none.
    pub throttle: Vec<u8>,
    /// 0 (off) to 3 (high).
    pub priority: i64,
    /// `custom1` to `custom5`.
    pub labels: [Vec<u8>; 5],
    /// The custom fields with names.
    pub customs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Belongings {
    /// The keys are those of rtorrent's own session file.
    pub fn to_item(&self) -> Item {
        let bytes = |value: &Vec<u8>| Item::bytes(value.clone());
        let customs = self.customs.iter().map(|(key, value)| (key.clone(), bytes(value)));
        let mut entries = vec![
            ("directory", bytes(&self.directory)),
            ("tied_to_file", bytes(&self.tied_to)),
            ("throttle_name", bytes(&self.throttle)),
            ("priority", Item::from(self.priority)),
            ("custom", Item::dictionary(customs)),
        ];
        entries.extend(LABELS.into_iter().zip(self.labels.iter().map(bytes)));
        Item::dictionary(entries)
    }

    /// Reads them from a bencoded dictionary, ours or rtorrent's; `None` if it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Dictionary::parse(bytes).ok().map(|(found, _)| Self::read(&found))
    }

    /// Reads them from such a dictionary within another.
    pub fn read(found: &Dictionary<'_>) -> Self {
        let bytes = |key: &str| match found.get(key.as_bytes()) {
            Some(Value::Bytes(bytes)) => bytes.to_vec(),
            _ => Vec::new(),
        };
        let mut customs = BTreeMap::new();
        if let Some(Value::Dictionary(fields)) = found.get(b"custom") {
            for (key, value) in fields.entries() {
                if let Value::Bytes(value) = value {
                    customs.insert(key.to_vec(), value.to_vec());
                }
            }
        }
        Self {
            directory: bytes("directory"),
            tied_to: bytes("tied_to_file"),
            throttle: bytes("throttle_name"),
            priority: match found.get(b"priority") {
                Some(Value::Integer(priority)) => priority,
                _ => 2,
            },
            labels: LABELS.map(bytes),
            customs,
        }
    }

    /// Whether each of these, as rtorrent told them, may be an answer for what `saved` has.
    pub(super) fn may_be(&self, saved: &Self) -> bool {
        let told = [&self.directory, &self.tied_to, &self.throttle].into_iter().chain(&self.labels);
        let were = [&saved.directory, &saved.tied_to, &saved.throttle];
        let mut values = told.zip(were.into_iter().chain(&saved.labels));
        let mut customs = self.customs.iter().map(|(key, value)| {
            let mut all = saved.customs.iter();
            all.any(|(name, bytes)| is_image(key, name) && is_image(value, bytes))
        });
        values.all(|(told, was)| is_image(told, was)) && customs.all(|found| found)
    }

    /// These, as rtorrent told them, with the bytes of `saved` where an answer may stand for them.
    #[must_use]
    pub(super) fn exact(self, saved: &Self) -> Self {
        let exact = |told: Vec<u8>, saved: &Vec<u8>| match is_image(&told, saved) {
            true => saved.clone(),
            false => told,
        };
        let mut customs: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for (key, value) in self.customs {
            let whole = saved.customs.iter().find(|(name, _)| is_image(&key, name));
            match whole {
                Some((name, bytes)) => customs.insert(name.clone(), exact(value, bytes)),
                None => customs.insert(key, value),
            };
        }
        let mut labels = self.labels;
        for (label, saved) in labels.iter_mut().zip(&saved.labels) {
            *label = exact(std::mem::take(label), saved);
        }
        Self {
            directory: exact(self.directory, &saved.directory),
            tied_to: exact(self.tied_to, &saved.tied_to),
            throttle: exact(self.throttle, &saved.throttle),
            priority: self.priority,
            labels,
            customs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(text: &[u8]) -> Vec<u8> {
        text.to_vec()
    }

    #[test]
    fn what_an_answer_cannot_carry_is_the_sessions() {
        let customs =
            |all: &[(&[u8], &[u8])]| all.iter().map(|(k, v)| (bytes(k), bytes(v))).collect();
        let told = Belongings {
            directory: bytes(b"/dl/?"),
            tied_to: bytes(b"/watch/new"),
            customs: customs(&[(b"a?", b"%FF"), (b"plain", b"now"), (b"new", b"?")]),
            ..Belongings::default()
        };
        let saved = Belongings {
            directory: bytes(b"/dl/\xff"),
            tied_to: bytes(b"/watch/old"),
            customs: customs(&[(b"a\xfe", b"\xff"), (b"plain", b"before"), (b"gone", b"x")]),
            ..Belongings::default()
        };
        let exact = told.clone().exact(&saved);
        assert_eq!(exact.directory, b"/dl/\xff");
        assert_eq!(exact.tied_to, told.tied_to);
        let expected = customs(&[(b"a\xfe", b"\xff"), (b"plain", b"now"), (b"new", b"?")]);
        assert_eq!(exact.customs, expected);
        assert_eq!(told.clone().exact(&Belongings::default()), told);
        assert!(!told.may_be(&saved), "what was saved is older");
        let image =
            Belongings { directory: bytes(b"/dl/?"), tied_to: bytes(b"/watch/old"), ..told };
        let saved = Belongings { customs: customs(&[(b"a\xfe", b"\xff")]), ..saved };
        assert!(Belongings { customs: customs(&[(b"a?", b"%FF")]), ..image }.may_be(&saved));
    }

    proptest! {
        #[test]
        fn they_come_back_from_disk(
            directory: Vec<u8>, tied_to: Vec<u8>, throttle: Vec<u8>, priority: i64,
            labels: [Vec<u8>; 5], customs: BTreeMap<Vec<u8>, Vec<u8>>,
        ) {
            let all = Belongings { directory, tied_to, throttle, priority, labels, customs };
            prop_assert_eq!(Belongings::parse(&all.to_item().encode()), Some(all));
        }

        #[test]
        fn foreign_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = Belongings::parse(&bytes);
        }
    }
}

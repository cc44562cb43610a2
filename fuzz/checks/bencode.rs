//! What must hold for any bytes that are read as bencode.

use metainfo::amend::set_key;
use metainfo::bencode::{Dictionary, Item, MAX_DEPTH, MAX_OUTER_KEYS, Value};

/// Reads the bytes and holds every promise of the reader against them.
pub(crate) fn check(bytes: &[u8]) {
    let (outer, rest) = match Dictionary::parse(bytes) {
        Ok(read) => read,
        Err(error) => {
            assert!(error.at <= bytes.len(), "{error}");
            return;
        }
    };
    assert_eq!([outer.raw(), rest].concat(), bytes, "nothing is lost");
    let again = copy(Value::Dictionary(outer), 1).encode();
    assert_eq!(again.len(), outer.raw().len(), "every value has one spelling");
    if outer.entries().map(|(key, _)| key).is_sorted() {
        assert_eq!(again, outer.raw(), "sorted keys leave nothing to choose");
    }
    amended(bytes, outer);
}

/// A copy to write again. Recursion is safe: the reader bounds the depth.
fn copy(value: Value<'_>, depth: usize) -> Item {
    assert!(depth <= MAX_DEPTH + 1);
    match value {
        Value::Integer(number) => Item::Integer(number),
        Value::Bytes(bytes) => Item::bytes(bytes),
        Value::List(list) => Item::List(list.items().map(|item| copy(item, depth + 1)).collect()),
        Value::Dictionary(dictionary) => {
            Item::dictionary(dictionary.entries().map(|(key, value)| (key, copy(value, depth + 1))))
        }
    }
}

/// A key that is set can be read, is set once, and leaves all others as they were.
fn amended(bytes: &[u8], outer: Dictionary<'_>) {
    let key: &[u8] = b"minisign";
    let amended = set_key(bytes, key, &Item::bytes("text")).unwrap_or_default();
    assert!(!amended.is_empty(), "what could be read can be amended");
    let Ok((new, _)) = Dictionary::parse(&amended) else {
        // one key more may be one too many
        assert_eq!(outer.entries().count(), MAX_OUTER_KEYS);
        return;
    };
    assert_eq!(new.get(key), Some(Value::Bytes(b"text")));
    let others = |d: Dictionary<'_>| -> Vec<_> {
        d.entries()
            .filter(|(found, _)| *found != key)
            .map(|(found, value)| (found.to_vec(), copy(value, 1)))
            .collect()
    };
    assert_eq!(others(new), others(outer));
}

//! Bencode to be written: keys are sorted by construction, so that the same value always has the
//! same bytes.

use std::collections::BTreeMap;

/// A value to encode. Its nesting is the caller's own: it is written, compared and dropped by
/// recursion, so it is never built from somebody else's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `i42e`
    Integer(i64),
    /// `4:spam`
    Bytes(Vec<u8>),
    /// `l…e`
    List(Vec<Item>),
    /// `d…e`
    Dictionary(BTreeMap<Vec<u8>, Item>),
}

impl Item {
    /// A byte string.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A dictionary of these entries; of two with one key the last stays.
    pub fn dictionary<K: Into<Vec<u8>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Dictionary(entries.into_iter().map(|(key, item)| (key.into(), item)).collect())
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(number) => out.extend(format!("i{number}e").bytes()),
            Self::Bytes(bytes) => write_string(bytes, out),
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.write(out));
                out.push(b'e');
            }
            Self::Dictionary(entries) => {
                out.push(b'd');
                for (key, item) in entries {
                    write_string(key, out);
                    item.write(out);
                }
                out.push(b'e');
            }
        }
    }
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", bytes.len()).bytes());
    out.extend(bytes);
}

impl From<i64> for Item {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_as_bytes() {
        let item = Item::dictionary([
            ("b", Item::List(vec![Item::bytes("x"), Item::Integer(-1)])),
            ("a b", Item::bytes("")),
            ("B", Item::from(0)),
        ]);
        assert_eq!(item.encode(), b"d1:Bi0e3:a b0:1:bl1:xi-1eee");
    }
}

//! minisign's public keys, and what its keys and signatures have in common: base64 of two bytes of
//! algorithm, eight of id, and the rest.

use crate::error::{Error, Exit, Result, escaped};
use minisign_verify::PublicKey;
use serde::{Deserialize, Serialize};

/// A minisign public key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// Its id in hex, as minisign prints it: upper case, without leading zeros.
    pub id: String,
    /// Its text, `RWQ…`, as on the second line of `minisign.pub`.
    pub text: String,
    pub(super) public: PublicKey,
}

impl Key {
    /// Reads the second line of a `minisign.pub`.
    pub fn parse(text: &str) -> Result<Self> {
        let public = PublicKey::from_base64(text).ok();
        match (public, key_id(text)) {
            (Some(public), Some(id)) => Ok(Self { id, text: text.to_owned(), public }),
            _ => {
                let thing = format!("public key `{}`", escaped(text.as_bytes()));
                Err(Error::new(Exit::Config, "read", thing, "it is no minisign public key")
                    .hint("take the second line of minisign.pub, 56 characters from RW on")
                    .unrecorded())
            }
        }
    }
}

impl TryFrom<String> for Key {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| match error.hint {
            Some(hint) => format!("`{text}`: {}; {hint}", error.cause),
            None => error.cause,
        })
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.text
    }
}

/// The key id in the base64 text of a key or signature, in minisign's own notation: both begin
/// with two bytes of algorithm and eight of id, the least significant first.
pub(super) fn key_id(base64: &str) -> Option<String> {
    let bytes = beginning(base64, 12)?;
    let id = bytes.get(2..10)?.try_into().map(u64::from_le_bytes).ok()?;
    Some(format!("{id:X}"))
}

/// The first bytes of a base64 text, in threes.
pub(super) fn beginning(base64: &str, bytes: usize) -> Option<Vec<u8>> {
    let mut bits = base64.bytes().take(bytes.div_ceil(3) * 4).map(sextet);
    let mut out = Vec::with_capacity(bytes);
    while let Some(first) = bits.next() {
        let group = [first, bits.next()?, bits.next()?, bits.next()?];
        let word = group.into_iter().try_fold(0u32, |word, six| Some(word << 6 | six?))?;
        out.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    Some(out).filter(|out| out.len() >= bytes)
}

/// The six bits of a base64 character (RFC 4648 §4).
fn sextet(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

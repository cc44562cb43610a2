//! The info hash: the one name that a torrent has everywhere.

use std::fmt;

use sha1::{Digest, Sha1};

/// The SHA-1 of the raw bytes of a torrent's `info` dictionary (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InfoHash([u8; 20]);

impl InfoHash {
    /// Takes 20 raw bytes as an info hash.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Hashes the raw bytes of an `info` dictionary.
    pub fn of(raw_info: &[u8]) -> Self {
        Self(Sha1::digest(raw_info).into())
    }

    /// Reads 40 hexadecimal digits of either case; `None` for anything else.
    pub fn parse(hex: &str) -> Option<Self> {
        let hex = hex.as_bytes();
        if hex.len() != 40 {
            return None;
        }
        let mut out = [0; 20];
        for (byte, pair) in out.iter_mut().zip(hex.chunks_exact(2)) {
            let digit = |c: u8| (c as char).to_digit(16);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Some(Self(out))
    }

    /// The 20 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

/// 40 upper-case hexadecimal digits, the form in which rtorrent names its session files.
impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02X}"))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfoHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_of_either_case_comes_back_in_upper_case() {
        let upper = "0123456789ABCDEF0123456789ABCDEF01234567";
        for hex in [upper, &upper.to_lowercase()] {
            assert_eq!(InfoHash::parse(hex).map(|h| h.to_string()).as_deref(), Some(upper));
        }
        assert_eq!(InfoHash::parse(upper).unwrap().as_bytes()[..3], [0x01, 0x23, 0x45]);
    }

    #[test]
    fn anything_but_forty_digits_is_refused() {
        for bad in ["", "0123", &"0".repeat(39), &"0".repeat(41), &"g".repeat(40), &"é".repeat(20)]
        {
            assert_eq!(InfoHash::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_hash_is_sha1() {
        let abc = InfoHash::of(b"abc");
        assert_eq!(abc.to_string(), "A9993E364706816ABA3E25717850C26C9CD0D89D");
    }
}

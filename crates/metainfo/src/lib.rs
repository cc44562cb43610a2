//! Bencode and .torrent files: parse, authenticate, create (BEP 3, 47, 52). Pure: no I/O.
//!
//! The info hash is always taken over the raw bytes of the `info` dictionary as they came, never
//! over a re-encoding: what was signed and announced is what is hashed.

use std::fmt;

/// The SHA-1 of the raw bytes of a torrent's `info` dictionary (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InfoHash([u8; 20]);

impl InfoHash {
    /// Takes 20 raw bytes as an info hash.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
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

/// BEP 47 attributes of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attr {
    /// `x`: the owner may execute the file.
    pub executable: bool,
    /// `p`: padding; its bytes count as zeros and are never read nor written.
    pub padding: bool,
    /// `l`: the file is a symbolic link; its target as path components, relative to the payload's
    /// root as BEP 47 has it.
    pub symlink: Option<Vec<Vec<u8>>>,
}

/// One file of a payload, in the order of the torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path components below the payload's directory: none empty, `.`, `..`, none with `/` or NUL.
    /// Empty for a single-file torrent, whose file is the torrent's name.
    pub path: Vec<Vec<u8>>,
    /// Exact length in bytes.
    pub length: u64,
    /// BEP 47 attributes.
    pub attr: Attr,
}

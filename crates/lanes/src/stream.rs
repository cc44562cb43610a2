//! The hashes that a torrent needs of a stream of bytes, taken while it goes by.
//!
//! Whoever has the stream fills a buffer; what is full goes to a thread that hashes it, and the next
//! buffer is filled meanwhile. There is one buffer more than there are threads, so that whoever fills
//! waits for the slowest, and memory is bounded by [`MEMORY`], whatever comes. A buffer holds whole
//! pieces where several fit in. Longer ones go through it part by part: their SHA-1 is one chain, which
//! the threads go on with in turn, while each takes the blocks of its own part by itself.

mod crew;

use crew::{Chain, Crew, Job};
use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
};

/// Bytes in a leaf of a hash tree of BitTorrent v2 (BEP 52).
const BLOCK: usize = 16 << 10;

/// All buffers together hold at most this many bytes.
const MEMORY: usize = 16 << 20;

/// A buffer never holds more pieces, which may be of one byte: what is kept of each while it is hashed
/// is bounded too.
const PIECES: usize = 4096;

/// More threads would have buffers too small to be worth handing over.
const THREADS: usize = 31;

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
    crew: Crew,
    way: Way,
    leaves: bool,
    /// How many bytes a buffer takes.
    size: usize,
    /// The buffer that is being filled.
    bytes: Vec<u8>,
    /// Buffers that were handed over.
    sent: usize,
    length: u64,
}

/// How buffers relate to pieces.
#[derive(Debug)]
enum Way {
    /// Each holds whole pieces of so many bytes.
    Whole(usize),
    /// Pieces reach over several.
    Chain(Arc<Chain>),
}

impl Hasher {
    /// Begins with the first piece; `threads` hash at the same time. Where the system gives no thread,
    /// [`update`](Self::update) hashes itself.
    pub fn new(piece_length: NonZeroU64, leaves: bool, threads: NonZeroUsize) -> Self {
        let threads = threads.get().min(THREADS);
        // A multiple of a block, so that leaves never reach over two buffers.
        let room = MEMORY / (threads + 1) / BLOCK * BLOCK;
        let piece = usize::try_from(piece_length.get()).unwrap_or(usize::MAX);
        let fit = (room / piece).min(PIECES);
        // Where leaves are asked for, whole pieces must be whole blocks too.
        let (way, size) = match fit >= 2 && (!leaves || piece % BLOCK == 0) {
            true => (Way::Whole(piece), fit * piece),
            false => (Way::Chain(Arc::new(Chain::new(piece_length))), room.min(1 << 20)),
        };
        let bytes = Vec::with_capacity(size);
        Self { crew: Crew::of(threads), way, leaves, size, bytes, sent: 0, length: 0 }
    }

    /// Takes the next bytes. Waits while every thread is busy and every buffer full.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.size - self.bytes.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.bytes.extend_from_slice(now);
            bytes = later;
            if self.bytes.len() == self.size {
                self.send();
                self.bytes = self.crew.empty(self.size);
            }
        }
    }

    /// Waits for what is still being hashed.
    pub fn finish(mut self) -> Hashes {
        if !self.bytes.is_empty() {
            self.send();
        }
        let Self { crew, way, length, .. } = self;
        let mut done = crew.finish();
        done.sort_unstable_by_key(|done| done.number);
        let mut hashes = Hashes { length, ..Hashes::default() };
        for done in done {
            hashes.pieces.extend(done.pieces);
            hashes.leaves.extend(done.leaves);
        }
        if let Way::Chain(chain) = way {
            hashes.pieces = chain.finish();
        }
        hashes
    }

    fn send(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let (piece, chain) = match &self.way {
            Way::Whole(piece) => (*piece, None),
            Way::Chain(chain) => (0, Some(Arc::clone(chain))),
        };
        self.crew.give(Job { number: self.sent, bytes, piece, chain, leaves: self.leaves });
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests;

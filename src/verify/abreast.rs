//! Many pieces read and hashed side by side, on every processor.
//!
//! A thread takes a group of pieces, one for each lane that the processor hashes at once, and reads a
//! little of each in turn into a buffer that stays in its cache. So memory does not depend on the
//! length of a piece, bytes are hashed before they have left the cache, and no thread waits for
//! another. The system is told which pieces come next, so that a disk reads them in their order.
//!
//! Pieces are given out as they are done, in no order. A piece of which a byte could not be read is
//! given out with the reason.

use super::{fault::Stopped, files::Files};
use crate::error::{Error, Result};
use lanes::Sha1s;
use metainfo::{BLOCK, Metainfo};
use nix::sys::resource::{Resource, getrlimit};
use std::{
    num::NonZero,
    ops::ControlFlow,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
};

/// What is read of a piece at a time, in bytes: sixteen times that fits the second cache of a core. A
/// multiple of a block of BitTorrent v2.
const PART: usize = 32 << 10;

/// More threads than this would only wait for memory.
const THREADS: usize = 16;

/// What came of a piece.
#[derive(Debug)]
pub(super) struct Hashed {
    pub(super) sha1: [u8; 20],
    /// The SHA-256 of each block of its file's bytes, where that was asked for.
    pub(super) leaves: Vec<[u8; 32]>,
    /// Why the rest of it could not be read; the sums then say nothing.
    pub(super) stopped: Option<Stopped>,
}

/// What is to be hashed.
pub(super) struct Work<'w, J> {
    pub(super) torrent: &'w Metainfo,
    /// The pieces, in the order in which they are begun.
    pub(super) pieces: &'w [usize],
    /// Of how many bytes of a piece, from its first, the leaves are asked for.
    pub(super) leaves_of: &'w (dyn Fn(usize) -> u64 + Sync),
    /// What a thread makes of a piece, so that not all leaves of all pieces are kept.
    pub(super) judge: J,
}

/// Does all of it, and tells of each piece what it came to, until `tell` breaks off.
///
/// # Errors
/// 74 if the system has no thread to give.
pub(super) fn hash<T: Send>(
    work: &Work<'_, impl Fn(usize, Hashed) -> T + Sync>,
    files: &Files<'_>,
    tell: &mut dyn FnMut(Vec<(usize, T)>) -> ControlFlow<()>,
) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
    let places = places();
    // Few pieces are shared out among all processors, even if lanes stay empty.
    let share = work.pieces.len().div_ceil(processors);
    let size = share.min(lanes::width()).min(places).max(1);
    let threads = processors.min(work.pieces.len().div_ceil(size)).min(places / size).max(1);
    let next = AtomicUsize::new(0);
    let (done, all) = channel();
    thread::scope(|scope| {
        for n in 0..threads {
            let (next, done) = (&next, done.clone());
            let reader = Reader::new(work, files, size);
            let started =
                thread::Builder::new().spawn_scoped(scope, move || reader.run(next, &done));
            match started {
                Err(e) if n == 0 => return Err(Error::io("start", "a thread to hash with", &e)),
                // Those that there are do it all.
                Err(_) => break,
                Ok(_) => {}
            }
        }
        drop(done);
        // Once nobody listens, every thread ends with its group.
        let _ = all.into_iter().try_for_each(tell);
        Ok(())
    })
}

/// How many pieces can be read at once. Each has a file open and its directory: that is half of what
/// this process may have, of which few systems give less than a thousand.
fn places() -> usize {
    let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from(files / 4).unwrap_or(usize::MAX)
}

/// One thread's part.
struct Reader<'w, 't, J> {
    work: &'w Work<'w, J>,
    /// Where each lane reads.
    lanes: Vec<Files<'t>>,
    buffer: Vec<u8>,
}

impl<'w, 't, T, J: Fn(usize, Hashed) -> T> Reader<'w, 't, J> {
    fn new(work: &'w Work<'w, J>, files: &Files<'t>, size: usize) -> Self {
        let lanes = std::iter::repeat_with(|| files.another()).take(size).collect();
        let part = PART.min(usize::try_from(work.torrent.piece_length()).unwrap_or(PART));
        Self { work, lanes, buffer: vec![0; part.max(1) * size] }
    }

    /// Takes one group after the other, until there is none or nobody wants them.
    fn run(mut self, next: &AtomicUsize, done: &Sender<Vec<(usize, T)>>) {
        let size = self.lanes.len();
        loop {
            let first = next.fetch_add(size, Ordering::Relaxed);
            let Some(left) = self.work.pieces.get(first..).filter(|left| !left.is_empty()) else {
                return;
            };
            let group = &left[..size.min(left.len())];
            let hashed = self.group(group).into_iter();
            let judged =
                group.iter().zip(hashed).map(|(n, hashed)| (*n, (self.work.judge)(*n, hashed)));
            if done.send(judged.collect()).is_err() {
                return;
            }
        }
    }

    /// Hashes these pieces side by side.
    fn group(&mut self, group: &[usize]) -> Vec<Hashed> {
        let torrent = self.work.torrent;
        let part = self.buffer.len() / self.lanes.len();
        let mut pieces: Vec<Piece> = group.iter().map(|n| Piece::begin(self.work, *n)).collect();
        for (lane, n) in self.lanes.iter_mut().zip(group) {
            lane.seek(*n as u64 * torrent.piece_length(), torrent.piece_size(*n));
        }
        let mut sha1 = Sha1s::new(group.len());
        while pieces.iter().any(|piece| piece.left > 0) {
            let mut parts: Vec<&[u8]> = Vec::with_capacity(group.len());
            let lanes = self.lanes.iter_mut().zip(self.buffer.chunks_mut(part));
            for (piece, (lane, buffer)) in pieces.iter_mut().zip(lanes) {
                parts.push(piece.read(lane, buffer));
            }
            sha1.update(&parts);
            leaves(&mut pieces, &parts);
        }
        let finished = pieces.into_iter().zip(sha1.finish());
        finished
            .map(|(Piece { leaves, stopped, .. }, sha1)| Hashed { sha1, leaves, stopped })
            .collect()
    }
}

/// A piece that is being read.
struct Piece {
    /// Bytes that were not read.
    left: u64,
    /// Bytes of which leaves are still asked for.
    own: u64,
    leaves: Vec<[u8; 32]>,
    stopped: Option<Stopped>,
}

impl Piece {
    fn begin<J>(work: &Work<'_, J>, index: usize) -> Self {
        let own = (work.leaves_of)(index);
        let count = usize::try_from(own.div_ceil(BLOCK)).unwrap_or(0);
        let left = work.torrent.piece_size(index);
        Self { left, own, leaves: Vec::with_capacity(count), stopped: None }
    }

    /// Reads its next part, or nothing more if that fails.
    fn read<'b>(&mut self, lane: &mut Files<'_>, buffer: &'b mut [u8]) -> &'b [u8] {
        let now = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let part = &mut buffer[..now];
        self.left -= now as u64;
        if let Err(stopped) = lane.fill(part) {
            self.stopped = Some(stopped);
            self.left = 0;
        }
        part
    }
}

/// Takes the leaves of these parts, all at once.
fn leaves(pieces: &mut [Piece], parts: &[&[u8]]) {
    let mut blocks: Vec<&[u8]> = Vec::new();
    let mut counts = Vec::with_capacity(parts.len());
    for (piece, part) in pieces.iter_mut().zip(parts) {
        let own = usize::try_from(piece.own).unwrap_or(usize::MAX).min(part.len());
        piece.own -= own as u64;
        let before = blocks.len();
        blocks.extend(part[..own].chunks(BLOCK as usize));
        counts.push(blocks.len() - before);
    }
    let mut sums = vec![[0; 32]; blocks.len()];
    lanes::sha256(&blocks, &mut sums);
    let mut rest = &sums[..];
    for (piece, count) in pieces.iter_mut().zip(counts) {
        let (own, later) = rest.split_at(count);
        piece.leaves.extend_from_slice(own);
        rest = later;
    }
}

//! The threads that hash a stream's buffers, and what they hand back.

use super::BLOCK;
use crate::Engine;
use sha1::{Digest, Sha1};
use std::{
    num::NonZeroU64,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// A buffer to be hashed.
#[derive(Debug)]
pub(super) struct Job {
    /// Which one it is, from 0 on.
    pub(super) number: usize,
    pub(super) bytes: Vec<u8>,
    /// Bytes in a piece, where the buffer holds whole ones.
    pub(super) piece: usize,
    /// Who hashes the pieces, where it does not.
    pub(super) chain: Option<Arc<Chain>>,
    /// Whether the hashes of its blocks are asked for.
    pub(super) leaves: bool,
}

/// What came of a buffer.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) number: usize,
    pub(super) pieces: Vec<[u8; 20]>,
    pub(super) leaves: Vec<[u8; 32]>,
}

impl Job {
    /// Hashes it; the buffer comes back, to be filled again.
    fn run(self) -> (Done, Vec<u8>) {
        let Self { number, bytes, piece, chain, leaves } = self;
        let mut done = Done { number, pieces: Vec::new(), leaves: Vec::new() };
        if leaves {
            let blocks: Vec<&[u8]> = bytes.chunks(BLOCK).collect();
            done.leaves = vec![[0; 32]; blocks.len()];
            crate::sha256(&blocks, &mut done.leaves);
        }
        match chain {
            Some(chain) => chain.take(number, &bytes),
            None => {
                let pieces: Vec<&[u8]> = bytes.chunks(piece.max(1)).collect();
                done.pieces = vec![[0; 20]; pieces.len()];
                crate::sha1(&pieces, &mut done.pieces);
            }
        }
        (done, bytes)
    }
}

/// Threads that wait for buffers.
#[derive(Debug)]
pub(super) struct Crew {
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<Vec<Done>>>,
    /// Buffers to be filled again.
    empty: Receiver<Vec<u8>>,
    /// How many more may be made.
    unmade: usize,
    /// What was hashed without a thread.
    alone: Vec<Done>,
}

impl Crew {
    /// As many threads as the system gives, `count` at most.
    pub(super) fn of(count: usize) -> Self {
        // Everybody has the feature detection done before there are several.
        let _ = Engine::available();
        // A buffer is handed over only to one who waits for it, or who will when it is done.
        let (jobs, taken) = sync_channel(count);
        let (give_back, empty) = channel();
        let taken = Arc::new(Mutex::new(taken));
        let work = || {
            let (taken, give_back) = (Arc::clone(&taken), give_back.clone());
            thread::Builder::new().spawn(move || work(&taken, &give_back)).ok()
        };
        let threads: Vec<_> = std::iter::repeat_with(work).take(count).flatten().collect();
        // The first buffer is being filled already.
        let unmade = threads.len();
        Self { jobs, threads, empty, unmade, alone: Vec::new() }
    }

    /// Hands a buffer over.
    pub(super) fn give(&mut self, job: Job) {
        if self.threads.is_empty() {
            let (done, _) = job.run();
            self.alone.push(done);
            return;
        }
        // The receiver lives as long as a thread does, and none ends before this sender.
        let _ = self.jobs.send(job);
    }

    /// A buffer to be filled; waits until there is one.
    pub(super) fn empty(&mut self, size: usize) -> Vec<u8> {
        let used = match self.unmade {
            0 if !self.threads.is_empty() => self.empty.recv().ok(),
            _ => self.empty.try_recv().ok(),
        };
        let mut bytes = used.unwrap_or_else(|| {
            self.unmade = self.unmade.saturating_sub(1);
            Vec::with_capacity(size)
        });
        bytes.clear();
        bytes
    }

    /// Waits until everything is hashed.
    pub(super) fn finish(self) -> Vec<Done> {
        let Self { jobs, threads, mut alone, .. } = self;
        drop(jobs);
        // A thread does nothing that could panic.
        alone.extend(threads.into_iter().filter_map(|thread| thread.join().ok()).flatten());
        alone
    }
}

/// Hashes one buffer after the other, until there will be no more.
fn work(jobs: &Mutex<Receiver<Job>>, give_back: &Sender<Vec<u8>>) -> Vec<Done> {
    let mut all = Vec::new();
    loop {
        let job = locked(jobs).recv();
        let Ok(job) = job else { return all };
        let (done, bytes) = job.run();
        all.push(done);
        // Nobody needs it once the stream has ended.
        let _ = give_back.send(bytes);
    }
}

/// The SHA-1 of pieces that reach over several buffers. Each buffer has its turn.
#[derive(Debug)]
pub(super) struct Chain {
    links: Mutex<Links>,
    turn: Condvar,
}

#[derive(Debug)]
struct Links {
    /// The buffer whose turn it is.
    next: usize,
    piece_length: u64,
    /// Bytes that the piece at hand still takes.
    room: u64,
    piece: Sha1,
    done: Vec<[u8; 20]>,
}

impl Chain {
    pub(super) fn new(piece_length: NonZeroU64) -> Self {
        let piece_length = piece_length.get();
        let (piece, done) = (Sha1::new(), Vec::new());
        let links = Links { next: 0, piece_length, room: piece_length, piece, done };
        Self { links: Mutex::new(links), turn: Condvar::new() }
    }

    /// Waits for the turn of this buffer, and goes on with its bytes. Buffers are taken from the queue
    /// in their order, so the one before is at work or done.
    fn take(&self, number: usize, bytes: &[u8]) {
        let links = locked(&self.links);
        let waited = self.turn.wait_while(links, |links| links.next != number);
        let mut links = waited.unwrap_or_else(PoisonError::into_inner);
        links.update(bytes);
        links.next += 1;
        drop(links);
        self.turn.notify_all();
    }

    /// The hash of each piece; the last may be short.
    pub(super) fn finish(&self) -> Vec<[u8; 20]> {
        let mut links = locked(&self.links);
        if links.room < links.piece_length {
            links.close();
        }
        std::mem::take(&mut links.done)
    }
}

impl Links {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.piece.update(now);
            self.room -= now.len() as u64;
            if self.room == 0 {
                self.close();
            }
            bytes = later;
        }
    }

    fn close(&mut self) {
        self.done.push(self.piece.finalize_reset().into());
        self.room = self.piece_length;
    }
}

/// Nothing is left half-done where a lock is held: whatever a panic left behind is as good as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

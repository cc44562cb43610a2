//! Windows of whole pieces, read and hashed one ahead of whoever takes the bytes.
//!
//! Two buffers go round between a thread that fills and proves them and those that take their bytes,
//! so hashing and what follows overlap and memory is bounded. The bytes are read, or handed on
//! without a copy: a buffer is filled again when nobody holds a slice of it. A window that holds a
//! wrong piece is never handed over.

use super::{
    Buffer, PIECE_MAX, Pool, Slice, WINDOWS, damaged,
    files::{Files, files_of},
    name,
    pieces::{Hashes, Judged},
};
use crate::error::{Error, Exit, Result};
use metainfo::Metainfo;
use std::{
    io::{self, BufRead, Read},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

/// A window of more than one piece is at most this large: two of them go round.
const STREAMED: u64 = WINDOWS / 2;

/// A window never holds more pieces: what is kept of each while it is hashed is not counted
/// elsewhere, and a torrent may have pieces of one byte.
pub(super) const PIECES: usize = 8192;

/// The payload's bytes, every one of them part of a piece whose hash was right. Only
/// [`Payload::stream`](super::Payload::stream) can make one.
#[derive(Debug)]
pub struct Proven {
    full: Receiver<Result<Slice>>,
    /// What was not taken yet of the window at hand.
    window: Option<Slice>,
    /// Bytes not yet taken, those of the window included.
    left: u64,
    /// Why there are no more, if the payload failed. Kept here because an [`io::Error`] may come
    /// out of a decoder as something else.
    failed: Option<Error>,
}

impl Proven {
    /// Bytes that were not taken yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes all that is left and drops it: it is verified, nothing more.
    ///
    /// # Errors
    /// The payload's own.
    pub fn drain(&mut self) -> io::Result<()> {
        loop {
            match self.fill_buf()?.len() {
                0 => return Ok(()),
                all => self.consume(all),
            }
        }
    }

    /// Takes up to `most` bytes as they lie in their window; `None` at the end. The window's buffer
    /// is not filled again while the slice is held: whoever waits for bytes must hold none.
    ///
    /// # Errors
    /// The payload's own.
    pub fn slice(&mut self, most: usize) -> io::Result<Option<Slice>> {
        self.fill_buf()?;
        let slice = self.window.as_mut().map(|window| window.split_front(most));
        let slice = slice.filter(|slice| !slice.is_empty());
        self.left -= slice.as_ref().map_or(0, |slice| slice.len() as u64);
        Ok(slice)
    }

    /// What failed of the payload is not to be told: something that stands before it was refused.
    pub fn overrule(&mut self) {
        self.failed = None;
    }

    /// Gives the used window back and waits for the next one.
    fn turn(&mut self) -> io::Result<()> {
        self.window = None;
        match self.full.recv() {
            Ok(Ok(window)) => self.window = Some(window),
            Ok(Err(e)) => self.failed = Some(e),
            // The other thread ended without a word: it has panicked, which its scope tells.
            Err(_) => {
                let cause = "the thread that verifies it has ended";
                self.failed = Some(Error::new(Exit::Bug, "verify", "the payload", cause));
            }
        }
        self.check()
    }

    fn check(&self) -> io::Result<()> {
        self.failed.as_ref().map_or(Ok(()), |e| Err(io::Error::other(e.clone())))
    }
}

impl BufRead for Proven {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        if self.window.as_ref().is_none_or(|window| window.is_empty()) && self.left > 0 {
            self.turn()?;
        }
        Ok(self.window.as_deref().unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        if let Some(window) = &mut self.window {
            window.advance(amount);
            self.left -= amount as u64;
        }
    }
}

impl Read for Proven {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// Runs `take` over the payload while another thread proves what comes next.
pub(super) fn stream<T>(
    torrent: &Metainfo,
    hashes: Hashes<'_>,
    files: Files<'_>,
    take: impl FnOnce(&mut Proven) -> Result<T>,
) -> Result<T> {
    let pieces = pieces_per_window(torrent);
    let size = torrent.total_length().min(torrent.piece_length().saturating_mul(pieces as u64));
    let size = usize::try_from(size.min(STREAMED.max(PIECE_MAX))).unwrap_or(usize::MAX);
    // A single piece that is larger than a window is in flight alone.
    let windows = Pool::new(if size as u64 > STREAMED { 1 } else { 2 }, size);
    let (full, taken) = channel();
    thread::scope(|scope| {
        let mut prover = Prover { torrent, hashes, files, next: 0, pieces };
        thread::Builder::new()
            .spawn_scoped(scope, move || prover.run(&windows, &full))
            .map_err(|e| Error::io("start", "a thread to verify with", &e))?;
        let left = torrent.total_length();
        let mut proven = Proven { full: taken, window: None, left, failed: None };
        let result = take(&mut proven);
        let unread = proven.left;
        if result.is_ok() && unread > 0 {
            // What failed is found in the slot below.
            let _ = proven.drain();
        }
        match proven.failed.take() {
            Some(failed) => Err(failed),
            None if result.is_ok() && unread > 0 => {
                let cause = format!("{unread} bytes follow its end");
                Err(Error::new(Exit::Payload, "unpack", name(torrent), cause)
                    .hint("publish one that ends where its archive ends"))
            }
            None => result,
        }
    })
}

/// How many pieces make a window: as many as fit, at least one.
fn pieces_per_window(torrent: &Metainfo) -> usize {
    let fit = usize::try_from(STREAMED / torrent.piece_length().max(1)).unwrap_or(1);
    fit.clamp(1, PIECES)
}

/// Fills windows and proves them.
struct Prover<'t> {
    torrent: &'t Metainfo,
    hashes: Hashes<'t>,
    files: Files<'t>,
    /// The first piece that was not read.
    next: usize,
    /// Pieces in a window.
    pieces: usize,
}

impl Prover<'_> {
    /// Works until the last piece, the first failure, or until nobody takes the windows any more.
    fn run(&mut self, windows: &Pool, full: &Sender<Result<Slice>>) {
        while self.next < self.torrent.pieces().len() {
            let window = self.window(windows.take());
            let ended = window.is_err();
            if full.send(window).is_err() || ended {
                return;
            }
        }
    }

    fn window(&mut self, mut bytes: Buffer) -> Result<Slice> {
        let torrent = self.torrent;
        let last = (self.next + self.pieces).min(torrent.pieces().len());
        let sizes = || (self.next..last).map(|n| torrent.piece_size(n) as usize);
        let length = sizes().sum();
        self.files.fill(&mut bytes[..length]).map_err(|e| self.files.told(e.file, e.fault))?;

        let mut rest = &bytes[..length];
        let pieces: Vec<&[u8]> = sizes().filter_map(|size| rest.split_off(..size)).collect();
        let judged = self.hashes.judge_all(self.next, &pieces);
        if let Some(wrong) = judged.iter().position(|judged| *judged != Judged::Right) {
            return Err(self.refuse(self.next + wrong, judged[wrong]));
        }
        self.next = last;
        Ok(bytes.share(length))
    }

    /// A piece is wrong: rtorrent can fetch it again, unless it finds nothing wrong with it.
    fn refuse(&self, piece: usize, judged: Judged) -> Error {
        let torrent = self.torrent;
        let of = format!(
            "piece {piece} of {}, which holds bytes of {},",
            torrent.pieces().len(),
            files_of(torrent, piece)
        );
        if judged == Judged::Contrary {
            let cause = format!("{of} has the SHA-1 of the torrent and not its SHA-256");
            return Error::new(Exit::Payload, "verify", name(torrent), cause)
                .hint("distrust these bytes and who made the torrent; publish a new version");
        }
        damaged(name(torrent), format!("{of} is not what the torrent says"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::tests::torrent_of;

    #[test]
    fn a_window_holds_whole_pieces_and_not_too_many() {
        for (piece, pieces) in [(1, PIECES), (1 << 20, 10), (5 << 20, 2), (11 << 20, 1)] {
            assert_eq!(pieces_per_window(&torrent_of("a", b"xy", piece)), pieces, "{piece}");
        }
    }
}

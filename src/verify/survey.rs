//! What a payload on disk is worth, piece by piece and file by file: nothing stops it but a
//! directory that cannot be opened.
//!
//! Every file is looked at first. A piece that needs a byte which is not there, or not to be read,
//! is settled by that and never read. The others are read by one thread into one of two buffers
//! while this one has those of the other hashed on every processor. A piece that is too large for
//! a buffer goes through it part by part.

use super::{
    PIECE_MAX,
    fault::{Fault, Stopped},
    files::Files,
    hashes,
    pieces::{Hashes, Judged},
    window::{PIECES, WINDOW},
};
use crate::error::{Error, Result};
use metainfo::{Check, File, Metainfo};
use sha1::{Digest, Sha1};
use std::{
    ffi::OsStr,
    ops::Range,
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

/// What is known of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Its hash is the torrent's.
    Right,
    /// Its hash is another.
    Wrong,
    /// Its SHA-1 is the torrent's, and its SHA-256, which a hybrid torrent has too, is another.
    Contrary,
    /// Bytes of it are not there: a file is missing, too short, or no file.
    Absent,
    /// Bytes of it could not be read.
    Unread,
}

/// What is known of a file without its bytes.
#[derive(Clone, Debug)]
pub enum Found {
    /// It is there with its exact length.
    Whole,
    /// It is longer: this many bytes. They are not read, and rtorrent leaves them as they are.
    Long(u64),
    /// It is shorter: this many bytes.
    Short(u64),
    /// It became shorter while it was read.
    Shrunk,
    /// Nothing has its name.
    Missing,
    /// Something else has its name, or the name of one of its directories: `a symbolic link`.
    NotAFile(&'static str),
    /// The system refuses to have it read.
    Unreadable(Error),
    /// Nothing is asked of the disk: padding, or a link that the torrent describes itself.
    Unasked,
}

/// A payload held against its torrent.
#[derive(Clone, Debug)]
pub struct Survey {
    /// For each piece of the torrent.
    pub pieces: Vec<Piece>,
    /// For each file of the torrent.
    pub files: Vec<Found>,
}

/// How far a survey is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes of the payload that are settled.
    pub bytes: u64,
    /// Pieces that are not right so far.
    pub wrong: u64,
}

/// Surveys the payload of `torrent` beneath `directory`: the payload itself for a torrent of many
/// files; for one of a single file the directory in which that lies, under the name `only`. `watch`
/// is told after every window. Holds at most 64 MiB of the payload at once.
///
/// # Errors
/// 77 or 74 if the directory cannot be opened, 75 if it is no directory or was removed just now; 65 if
/// the torrent is a hybrid one that contradicts itself.
pub fn survey(
    torrent: &Metainfo,
    directory: &Path,
    only: &OsStr,
    watch: &mut dyn FnMut(Progress),
) -> Result<Survey> {
    let hashes = hashes(torrent)?;
    let mut files = Files::open_as(torrent, directory, only)?;
    let mut settled = Settled::look(torrent, hashes, &mut files);
    let plan = Plan::of(torrent, &settled.open);
    settled.tell(watch);
    let (full, batches) = channel();
    let (free, empty) = channel();
    thread::scope(|scope| {
        thread::Builder::new()
            .spawn_scoped(scope, move || read(plan, files, &empty, &full))
            .map_err(|e| Error::io("start", "a thread to verify with", &e))?;
        for _ in 0..2 {
            // The thread lives until it has read everything, or this end hangs up.
            let _ = free.send(Vec::new());
        }
        settled.hash(&batches, &free, watch);
        // The reader waits for buffers no longer.
        drop((batches, free));
        Ok(Survey { pieces: settled.pieces, files: settled.files })
    })
}

/// What is known so far.
struct Settled<'t> {
    torrent: &'t Metainfo,
    hashes: Hashes<'t>,
    pieces: Vec<Piece>,
    files: Vec<Found>,
    /// The pieces that are still to be read.
    open: Vec<bool>,
    progress: Progress,
}

impl<'t> Settled<'t> {
    /// Looks at every file, and settles the pieces of what is not there.
    fn look(torrent: &'t Metainfo, hashes: Hashes<'t>, files: &mut Files<'t>) -> Self {
        let count = torrent.pieces().len();
        let (pieces, open) = (vec![Piece::Unread; count], vec![true; count]);
        let progress = Progress { bytes: 0, wrong: 0 };
        let mut settled = Self { torrent, hashes, pieces, files: Vec::new(), open, progress };
        let mut start = 0;
        for (index, file) in torrent.files().iter().enumerate() {
            let found = found(files, index, file);
            let end = start + file.length;
            match &found {
                Found::Whole | Found::Long(_) | Found::Unasked => {}
                Found::Short(there) => settled.close(start + there..end, Piece::Absent),
                Found::Missing | Found::NotAFile(_) | Found::Shrunk => {
                    settled.close(start..end, Piece::Absent)
                }
                Found::Unreadable(_) => settled.close(start..end, Piece::Unread),
            }
            settled.files.push(found);
            start = end;
        }
        let closed = (0..count).filter(|piece| !settled.open[*piece]);
        settled.progress.wrong = closed.clone().count() as u64;
        settled.progress.bytes = closed.map(|piece| torrent.piece_size(piece)).sum();
        settled
    }

    /// The pieces with these bytes of the payload are not to be read. What is not there at all is
    /// the stronger word.
    fn close(&mut self, bytes: Range<u64>, piece: Piece) {
        for index in pieces_of(self.torrent, bytes) {
            self.open[index] = false;
            if self.pieces[index] != Piece::Absent {
                self.pieces[index] = piece;
            }
        }
    }

    /// Hashes what comes, until nothing comes any more.
    fn hash(
        &mut self,
        batches: &Receiver<Batch>,
        free: &Sender<Vec<u8>>,
        watch: &mut dyn FnMut(Progress),
    ) {
        let (mut sha1, mut sha256) = (Sha1::new(), None);
        while let Ok(batch) = batches.recv() {
            match batch.load {
                Load::Pieces(pieces) => self.hash_pieces(pieces, &batch.bytes, &batch.stopped),
                Load::Part { piece, length, last } => {
                    let bytes = &batch.bytes[..length];
                    sha1.update(bytes);
                    let begun = || self.hashes.version_2(piece).map(metainfo::Piece::check);
                    let mut check = sha256.take().or_else(begun);
                    check.iter_mut().for_each(|check| check.update(bytes));
                    let stopped = batch.stopped.first().map(|(_, stopped)| *stopped);
                    if last || stopped.is_some() {
                        let sum = sha1.finalize_reset().into();
                        let right = |_: &_| check.is_none_or(Check::is_right);
                        self.settle(piece, self.hashes.judge(piece, sum, right), stopped);
                    } else {
                        sha256 = check;
                    }
                }
            }
            // Nobody waits for it once everything was read.
            let _ = free.send(batch.bytes);
            self.tell(watch);
        }
    }

    fn hash_pieces(&mut self, pieces: Range<usize>, bytes: &[u8], stopped: &[(usize, Stopped)]) {
        let mut rest = bytes;
        let sizes = pieces.clone().map(|piece| self.torrent.piece_size(piece) as usize);
        let parts: Vec<&[u8]> = sizes.filter_map(|size| rest.split_off(..size)).collect();
        let judged = self.hashes.judge_all(pieces.start, &parts);
        let mut stopped = stopped.iter().peekable();
        for (piece, judged) in pieces.zip(judged) {
            let stop = stopped.next_if(|(at, _)| *at == piece).map(|(_, stop)| *stop);
            self.settle(piece, judged, stop);
        }
    }

    fn settle(&mut self, piece: usize, judged: Judged, stopped: Option<Stopped>) {
        self.pieces[piece] = match (stopped, judged) {
            (Some(Stopped { file, fault, .. }), _) => self.changed(file, fault),
            (None, Judged::Right) => Piece::Right,
            (None, Judged::Wrong) => Piece::Wrong,
            (None, Judged::Contrary) => Piece::Contrary,
        };
        self.progress.bytes += self.torrent.piece_size(piece);
        self.progress.wrong += u64::from(self.pieces[piece] != Piece::Right);
    }

    /// A file is not what it was when it was looked at.
    fn changed(&mut self, file: usize, fault: Fault) -> Piece {
        let Some(found) = self.files.get_mut(file) else { return Piece::Absent };
        match fault {
            Fault::Failed(verb, errno) => {
                let path = shown(self.torrent, file);
                *found = Found::Unreadable(Error::io(verb, path, &errno.into()));
                return Piece::Unread;
            }
            Fault::Missing => *found = Found::Missing,
            Fault::NotRegular(what) => *found = Found::NotAFile(what),
            Fault::Blocked => *found = Found::NotAFile(BLOCKED),
            Fault::Short(there) => *found = Found::Short(there),
            Fault::Shrunk | Fault::End if matches!(found, Found::Whole | Found::Long(_)) => {
                *found = Found::Shrunk;
            }
            Fault::Shrunk | Fault::End => {}
        }
        Piece::Absent
    }

    fn tell(&self, watch: &mut dyn FnMut(Progress)) {
        watch(self.progress);
    }
}

/// A link or a file where the file or one of its directories should be.
const BLOCKED: &str = "behind a link or a file";

/// What a file is without its bytes.
fn found<'t>(files: &mut Files<'t>, index: usize, file: &'t File) -> Found {
    if file.attr.padding || file.attr.symlink.is_some() {
        return Found::Unasked;
    }
    match files.look(file) {
        Ok(length) if length == file.length => Found::Whole,
        Ok(length) if length > file.length => Found::Long(length),
        Ok(length) => Found::Short(length),
        Err(Fault::NotRegular(what)) => Found::NotAFile(what),
        Err(Fault::Blocked) => Found::NotAFile(BLOCKED),
        Err(fault @ Fault::Failed(..)) => Found::Unreadable(files.told(index, fault)),
        Err(_) => Found::Missing,
    }
}

/// A file's place below the payload, for an error.
fn shown(torrent: &Metainfo, file: usize) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let names = torrent.files().get(file).map_or(&[][..], |file| &file.path);
    let name = std::iter::once(torrent.name()).chain(names.iter().map(Vec::as_slice));
    name.map(OsStr::from_bytes).collect()
}

/// The pieces that hold any of these bytes.
pub fn pieces_of(torrent: &Metainfo, bytes: Range<u64>) -> Range<usize> {
    let length = torrent.piece_length().max(1);
    if bytes.is_empty() {
        return 0..0;
    }
    let index = |piece: u64| usize::try_from(piece).unwrap_or(usize::MAX);
    index(bytes.start / length)..index(bytes.end.div_ceil(length)).min(torrent.pieces().len())
}

/// In which batches the open pieces are read.
struct Plan<'t> {
    torrent: &'t Metainfo,
    /// Runs of neighbouring pieces.
    runs: Vec<Range<usize>>,
    /// Pieces in a batch; none if a piece is too large for a buffer.
    pieces: usize,
}

impl<'t> Plan<'t> {
    fn of(torrent: &'t Metainfo, open: &[bool]) -> Self {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for piece in (0..open.len()).filter(|piece| open[*piece]) {
            match runs.last_mut() {
                Some(run) if run.end == piece => run.end += 1,
                _ => runs.push(piece..piece + 1),
            }
        }
        let length = torrent.piece_length().max(1);
        let pieces = match length {
            ..=PIECE_MAX => usize::try_from(WINDOW / length).unwrap_or(PIECES).clamp(2, PIECES),
            _ => 0,
        };
        Self { torrent, runs, pieces }
    }
}

/// Bytes to be hashed.
struct Batch {
    bytes: Vec<u8>,
    load: Load,
    /// Pieces of which a byte could not be read, in their order.
    stopped: Vec<(usize, Stopped)>,
}

/// What the bytes of a batch are.
enum Load {
    /// Whole pieces, one after the other.
    Pieces(Range<usize>),
    /// The next bytes of a large one.
    Part { piece: usize, length: usize, last: bool },
}

/// Reads every batch, as long as there are buffers and somebody who takes them.
fn read(plan: Plan<'_>, mut files: Files<'_>, empty: &Receiver<Vec<u8>>, full: &Sender<Batch>) {
    let torrent = plan.torrent;
    let mut at = 0;
    for run in &plan.runs {
        files.skip((run.start - at) as u64 * torrent.piece_length());
        at = run.end;
        let step = plan.pieces.max(1);
        for first in run.clone().step_by(step) {
            let pieces = first..(first + step).min(run.end);
            let gone = match plan.pieces {
                0 => read_parts(torrent, first, &mut files, empty, full).is_none(),
                _ => read_pieces(torrent, pieces, &mut files, empty, full).is_none(),
            };
            if gone {
                return;
            }
        }
    }
}

/// Reads a batch of whole pieces; `None` once nobody wants it.
fn read_pieces(
    torrent: &Metainfo,
    pieces: Range<usize>,
    files: &mut Files<'_>,
    empty: &Receiver<Vec<u8>>,
    full: &Sender<Batch>,
) -> Option<()> {
    let sizes = || pieces.clone().map(|piece| torrent.piece_size(piece) as usize);
    let mut bytes = empty.recv().ok()?;
    bytes.resize(sizes().sum(), 0);
    let mut stopped = Vec::new();
    let mut rest = &mut bytes[..];
    for (piece, size) in pieces.clone().zip(sizes()) {
        let (now, later) = rest.split_at_mut(size);
        if let Err(stop) = files.fill(now) {
            files.skip((size - stop.filled) as u64);
            stopped.push((piece, stop));
        }
        rest = later;
    }
    full.send(Batch { bytes, load: Load::Pieces(pieces), stopped }).ok()
}

/// Reads a piece that is too large for one buffer; `None` once nobody wants it.
fn read_parts(
    torrent: &Metainfo,
    piece: usize,
    files: &mut Files<'_>,
    empty: &Receiver<Vec<u8>>,
    full: &Sender<Batch>,
) -> Option<()> {
    let mut left = torrent.piece_size(piece);
    while left > 0 {
        let mut bytes = empty.recv().ok()?;
        let length = left.min(WINDOW) as usize;
        bytes.resize(length, 0);
        left -= length as u64;
        let mut stopped = Vec::new();
        if let Err(stop) = files.fill(&mut bytes) {
            files.skip((length - stop.filled) as u64 + left);
            left = 0;
            stopped.push((piece, stop));
        }
        let load = Load::Part { piece, length, last: left == 0 };
        full.send(Batch { bytes, load, stopped }).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests;

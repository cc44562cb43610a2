//! What a payload on disk is worth, piece by piece and file by file: nothing stops it but a
//! directory that cannot be opened.
//!
//! Every file is looked at first. A piece that needs a byte which is not there, or not to be read,
//! is settled by that and never read. The others are read and hashed side by side
//! ([`abreast`](super::abreast)), whatever their length.

use super::{
    abreast::{self, Hashed, Work},
    fault::{Fault, Stopped},
    files::Files,
    hashes,
    pieces::{Hashes, Judged},
};
use crate::error::{Error, Result};
use metainfo::{File, Metainfo};
use std::{
    ffi::OsStr,
    ops::{ControlFlow, Range},
    path::Path,
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
/// is told after every group of pieces. Each thread holds less than 1 MiB of the payload at once.
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
    settled.tell(watch);
    settled.read(&files, watch)?;
    Ok(Survey { pieces: settled.pieces, files: settled.files })
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

    /// Reads and hashes all that is open.
    fn read(&mut self, files: &Files<'_>, watch: &mut dyn FnMut(Progress)) -> Result<()> {
        let (hashes, torrent) = (self.hashes, self.torrent);
        let open: Vec<usize> = (0..self.open.len()).filter(|piece| self.open[*piece]).collect();
        let leaves_of = |piece| hashes.version_2(piece).map_or(0, metainfo::Piece::length);
        let judge = |piece: usize, hashed: Hashed| {
            let Hashed { sha1, leaves, stopped } = hashed;
            (hashes.judge(piece, sha1, |of| of.has(&leaves)), stopped)
        };
        let work = Work { torrent, pieces: &open, leaves_of: &leaves_of, judge };
        abreast::hash(&work, files, &mut |group| {
            for (piece, (judged, stopped)) in group {
                self.settle(piece, judged, stopped);
            }
            self.tell(watch);
            ControlFlow::Continue(())
        })
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

#[cfg(test)]
mod tests;

//! Makes proven bytes: a payload as it lies on disk, held against its torrent.
//!
//! rtorrent keeps the payload's files open and may write them at any time, so a file is opened
//! once, read once, and never mapped: the very bytes that were hashed, in memory, are the ones
//! that a decoder or the release gets. Nothing but this room can make a [`Proven`], and
//! unpacking takes nothing else. Nothing is written here, so a crash leaves nothing behind.
//!
//! Names and exact lengths come from the torrent: what a file holds beyond its length is not
//! read (rtorrent leaves an over-long file as it is), a shorter or a missing one is damaged.
//!
//! Who only wants to know has a [`survey()`]: the same reading and hashing, but it stops at nothing,
//! hands nothing out, and says of every piece and every file what it found. Who makes a torrent has
//! [`sums()`]: the hashes themselves.

mod abreast;
mod fault;
mod files;
mod pieces;
mod slice;
mod sums;
mod survey;
mod window;

pub use slice::{Buffer, Pool, Slice};
pub use sums::{Sums, changed, sums};
pub use survey::{Found, Piece, Progress, Survey, pieces_of, survey};
pub use window::Proven;

use crate::error::{Error, Exit, Result, quoted};
use files::Files;
use metainfo::{Authentic, Metainfo};
use pieces::Hashes;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

/// The largest piece that is verified. A piece must be in memory whole before a byte of it is
/// believed.
pub const PIECE_MAX: u64 = 16 << 20;

/// The windows in flight never hold more than this many bytes together.
pub const WINDOWS: u64 = 20 << 20;

/// A payload that is there in full length, not yet read.
#[derive(Debug)]
pub struct Payload<'t> {
    torrent: &'t Authentic,
    hashes: Hashes<'t>,
    files: Files<'t>,
    notes: Vec<String>,
}

impl<'t> Payload<'t> {
    /// Opens the payload of `torrent` below `directory`, rtorrent's `d.directory`: the payload
    /// itself for a torrent of many files, its parent for one of a single file.
    ///
    /// # Errors
    /// A file that is missing, short or not a regular file is damaged: exit 75, passing. Pieces
    /// over [`PIECE_MAX`] and a hybrid torrent that contradicts itself are refused (65). A file that
    /// may not be read is 77.
    pub fn open(torrent: &'t Authentic, directory: &Path) -> Result<Self> {
        let largest = torrent.piece_size(0);
        if largest > PIECE_MAX {
            let cause = format!(
                "its pieces are {} MiB, and a piece is held in memory whole until it is verified: at most {} MiB",
                largest.div_ceil(1 << 20),
                PIECE_MAX >> 20
            );
            return Err(Error::new(Exit::Payload, "verify", name(torrent), cause)
                .hint("make the torrent with pieces of 4 MiB"));
        }
        let hashes = hashes(torrent)?;
        let mut files = Files::open(torrent, directory)?;
        let notes = files.check()?;
        Ok(Self { torrent, hashes, files, notes })
    }

    /// What should be said once about this payload although it does no harm: files longer than
    /// the torrent says.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The torrent that the payload is verified against.
    pub fn torrent(&self) -> &'t Metainfo {
        self.torrent
    }

    /// Gives `take` the payload's bytes in the torrent's order, each of them proven, while a
    /// second thread reads and hashes what comes next.
    ///
    /// # Errors
    /// What `take` says, unless the payload itself failed: a wrong piece is told as that piece
    /// (75), whatever a decoder made of the missing rest. Bytes that `take` left are verified as
    /// well, and then refused (65).
    pub fn stream<T>(self, take: impl FnOnce(&mut Proven) -> Result<T>) -> Result<T> {
        window::stream(self.torrent, self.hashes, self.files, take)
    }
}

/// A torrent's name for messages.
fn name(torrent: &Metainfo) -> String {
    quoted(Path::new(OsStr::from_bytes(torrent.name())))
}

/// What the torrent's pieces are held against: SHA-1, and SHA-256 if it is a hybrid one (BEP 52).
fn hashes(torrent: &Metainfo) -> Result<Hashes<'_>> {
    let version_2 = torrent.version_2().map_err(|cause| {
        Error::new(Exit::Payload, "verify", name(torrent), format!("for BitTorrent v2 {cause}"))
            .hint("make the torrent anew, as one of v1 or a sound hybrid: its two halves do not agree")
    })?;
    Ok(Hashes::of(torrent, version_2))
}

/// The payload is not what the torrent says: a peer can cure it, so it is fetched again.
fn damaged(thing: impl std::fmt::Display, cause: impl std::fmt::Display) -> Error {
    Error::new(Exit::Again, "verify", thing, cause)
        .hint("let rtorrent check its hash (Ctrl-R) and fetch it again: seedship has that done by itself only where rtorrent's socket answers")
        .damaged()
}

#[cfg(test)]
pub(crate) mod tests;

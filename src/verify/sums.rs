//! The hashes of a payload that nobody has made a torrent of yet.

use super::{
    abreast::{self, Hashed, Work},
    fault::{Fault, Stopped},
    files::Files,
};
use crate::error::{Error, Exit, Result, quoted};
use metainfo::{BLOCK, Metainfo};
use std::{ffi::OsStr, ops::ControlFlow, path::Path};

/// What a torrent says of its payload.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// The SHA-1 of each piece (BEP 3).
    pub pieces: Vec<[u8; 20]>,
    /// The SHA-256 of each block of 16 KiB of each file (BEP 52), if they were asked for. Padding has
    /// none.
    pub leaves: Vec<[u8; 32]>,
}

/// Hashes the payload of `torrent`, whose own hashes are not looked at, where
/// [`survey`](super::survey()) would look for it. With `leaves` every file must begin with a piece.
/// `watch` is told how many bytes are hashed.
///
/// # Errors
/// 65 if a file is not what the torrent says: it changed since it was listed; 77 or 74 if something
/// cannot be read.
pub fn sums(
    torrent: &Metainfo,
    directory: &Path,
    only: &OsStr,
    leaves: bool,
    watch: &mut dyn FnMut(u64),
) -> Result<Sums> {
    let mut files = Files::open_as(torrent, directory, only)?;
    let own = if leaves { own_bytes(torrent) } else { Vec::new() };
    let pieces: Vec<usize> = (0..torrent.pieces().len()).collect();
    let leaves_of = |piece: usize| own.get(piece).copied().unwrap_or(0);
    let judge = |_: usize, hashed: Hashed| hashed;
    let work = Work { torrent, pieces: &pieces, leaves_of: &leaves_of, judge };
    let mut all: Vec<Option<Hashed>> = pieces.iter().map(|_| None).collect();
    let (mut bytes, mut stopped) = (0, None);
    abreast::hash(&work, &files, &mut |group| {
        for (piece, hashed) in group {
            bytes += torrent.piece_size(piece);
            stopped = stopped.or(hashed.stopped);
            all[piece] = Some(hashed);
        }
        watch(bytes);
        match stopped {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        }
    })?;
    // Where nothing stopped, every piece is there.
    match stopped {
        Some(stopped) => Err(told(torrent, &mut files, stopped)),
        None => Ok(all.into_iter().flatten().fold(Sums::default(), |mut sums, hashed| {
            sums.pieces.push(hashed.sha1);
            sums.leaves.extend(hashed.leaves);
            sums
        })),
    }
}

/// How many bytes of each piece are a file's and no padding.
fn own_bytes(torrent: &Metainfo) -> Vec<u64> {
    debug_assert!(torrent.piece_length().is_multiple_of(BLOCK));
    let mut own = Vec::with_capacity(torrent.pieces().len());
    for file in torrent.files().iter().filter(|file| !file.attr.padding) {
        let mut left = file.length;
        while left > 0 {
            let now = left.min(torrent.piece_length());
            own.push(now);
            left -= now;
        }
    }
    own
}

fn told(torrent: &Metainfo, files: &mut Files<'_>, stopped: Stopped) -> Error {
    let path = torrent.files().get(stopped.file).map(|file| files.path(file)).unwrap_or_default();
    match stopped.fault {
        Fault::Failed(verb, errno) => Error::io(verb, path, &errno.into()),
        _ => changed(&path),
    }
}

/// What is hashed must stand still.
pub fn changed(path: &Path) -> Error {
    Error::new(Exit::Payload, "hash", quoted(path), "it changed while it was hashed")
        .hint("wait until nobody writes there any more, and try again")
}

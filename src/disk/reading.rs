//! Reads what Seedship wrote: regular files below the root, in bounds, behind no link.
//!
//! Root reads here too, in a tree that is another user's: a link would have it read what is its
//! own, a pipe would hold it, an endless file would take all memory.

use super::{Disk, Kernel, Kind, LARGEST};
use crate::{
    bounded::{self, Unread},
    error::{Context, Error, Exit, Result, quoted},
};
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::Mode,
};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    os::fd::{AsFd, OwnedFd},
};

/// A whole file of at most [`LARGEST`] bytes; `None` if it is not there.
pub(super) fn whole(disk: &Kernel, path: &str) -> Result<Option<Vec<u8>>> {
    let Some(file) = open(disk, path)? else { return Ok(None) };
    bounded::read_open(file, LARGEST).map(Some).map_err(|why| unread(disk, path, why))
}

/// The last bytes of a file, `most` of them, and whether they are all of it.
pub(super) fn end(disk: &Kernel, path: &str, most: u64) -> Result<Option<(Vec<u8>, bool)>> {
    let Some(mut file) = open(disk, path)? else { return Ok(None) };
    let length = file.metadata().on("read", disk.full(path))?.len();
    let begin = length.saturating_sub(most);
    file.seek(SeekFrom::Start(begin)).on("read", disk.full(path))?;
    // What is added meanwhile is left for the next time.
    let mut content = Vec::new();
    file.take(length - begin).read_to_end(&mut content).on("read", disk.full(path))?;
    Ok(Some((content, begin == 0)))
}

/// Opens a regular file to be read, without following a link on the way: root reads here too,
/// and a link would have it read what is its own. `None` if nothing is there.
fn open(disk: &Kernel, path: &str) -> Result<Option<File>> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut at: Option<OwnedFd> = None;
    let walked = above.split('/').filter(|part| !part.is_empty()).try_for_each(|part| {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let from = at.as_ref().map_or(disk.root(), AsFd::as_fd);
        let next = openat(from, part, flags, Mode::empty())?;
        at = Some(next);
        Ok(())
    });
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = walked.and_then(|()| {
        let from = at.as_ref().map_or(disk.root(), AsFd::as_fd);
        openat(from, name, flags | OFlag::O_CLOEXEC, Mode::empty()).map(File::from)
    });
    let file = match opened {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Ok(None),
        // A descriptor of a link itself is no directory.
        Err(Errno::ELOOP | Errno::ENOTDIR) if is_behind_a_link(disk, path)? => {
            let cause = "it is, or lies behind, a symbolic link";
            return Err(Error::new(Exit::Io, "read", quoted(disk.full(path)), cause)
                .hint("nothing below .seedship may be a link: put there what it leads to"));
        }
        Err(Errno::ENOTDIR) => return Ok(None),
        Err(e) => return Err(Error::io("read", disk.full(path), &e.into())),
    };
    match file.metadata().on("read", disk.full(path))?.is_file() {
        true => Ok(Some(file)),
        false => Err(unread(disk, path, Unread::Not("something"))),
    }
}

/// Whether a path or one of the directories above it is a link.
fn is_behind_a_link(disk: &Kernel, path: &str) -> Result<bool> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    for end in ends {
        if disk.kind(&path[..end])? == Some(Kind::Link) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unread(disk: &Kernel, path: &str, why: Unread) -> Error {
    match why {
        Unread::Io(e) => Error::io("read", disk.full(path), &e),
        Unread::Not(_) => {
            let cause = "it is not a regular file";
            Error::new(Exit::Io, "read", quoted(disk.full(path)), cause)
                .hint("seedship did not make it: move it away")
        }
        Unread::Larger(limit) => {
            let cause = format!("it is larger than {limit} bytes");
            Error::new(Exit::Io, "read", quoted(disk.full(path)), cause)
                .hint("seedship did not write it: move it away")
        }
    }
}

//! What can be wrong with a file of a payload, before anybody says it to a person: a deploy stops at
//! the first and tells it as an [`Error`](crate::error::Error), a survey goes on.

use nix::{errno::Errno, sys::stat::SFlag};
use std::io;

/// Why a file cannot be read as its torrent has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// Nothing has its name.
    Missing,
    /// What has its name is something else: `a directory`.
    NotRegular(&'static str),
    /// A link or a file stands in its place, or where one of its directories should be.
    Blocked,
    /// It has only this many bytes.
    Short(u64),
    /// It had them all, and has not any more.
    Shrunk,
    /// The system refused to do this with it.
    Failed(&'static str, Errno),
    /// There is no file any more for the bytes that were asked for.
    End,
}

impl Fault {
    /// From what opening said.
    pub(super) fn of_open(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT => Self::Missing,
            Errno::ELOOP | Errno::ENOTDIR => Self::Blocked,
            errno => Self::Failed("open", errno),
        }
    }

    /// From what reading as many bytes as there should be said.
    pub(super) fn of_read(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Shrunk,
            _ => Self::Failed("read", Errno::from_raw(error.raw_os_error().unwrap_or(0))),
        }
    }

    /// What a thing that is no regular file is, by its mode (`inode(7)`); `None` for one that is.
    pub(super) fn of_mode(mode: SFlag) -> Option<Self> {
        let what = match mode & SFlag::S_IFMT {
            SFlag::S_IFREG => return None,
            SFlag::S_IFDIR => "a directory",
            SFlag::S_IFLNK => "a symbolic link",
            SFlag::S_IFIFO => "a named pipe",
            SFlag::S_IFSOCK => "a socket",
            _ => "a device",
        };
        Some(Self::NotRegular(what))
    }
}

/// Where filling a buffer stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stopped {
    /// The file, by its place in the torrent.
    pub(super) file: usize,
    /// Bytes that were filled before.
    pub(super) filled: usize,
    pub(super) fault: Fault,
}

//! A release's directories, opened one component at a time beneath the release and without
//! following a link: whatever stands in it, nothing outside is opened.
//!
//! The descriptors along the path of the last entry stay open: a manifest tells a directory's
//! entries in a row, and each of them then costs no look-up at all.

use crate::{
    disk::{Disk, Kernel},
    error::{Context, Error, Result},
    release::Version,
};
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2},
    sys::stat::{FileStat, Mode, fstat},
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How a directory is opened.
const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Opens a directory unless something is mounted on it; where the kernel cannot tell that (it has
/// no openat2(2), or a sandbox refuses it), whatever is there.
fn enter(at: BorrowedFd<'_>, name: &str) -> nix::Result<OwnedFd> {
    let how = OpenHow::new().flags(DIRECTORY).resolve(ResolveFlag::RESOLVE_NO_XDEV);
    match openat2(at, name, how) {
        Err(Errno::ENOSYS | Errno::EPERM) => openat(at, name, DIRECTORY, Mode::empty()),
        opened => opened,
    }
}

/// A release.
#[derive(Debug)]
pub(super) struct Beneath {
    root: OwnedFd,
    /// The directories from the root to the one used last, by name.
    open: Vec<(String, OwnedFd)>,
}

/// The first directory on the way that could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stopped<'p> {
    /// Its path.
    pub(super) at: &'p str,
    /// Why.
    pub(super) why: Errno,
}

impl Beneath {
    /// Opens a release; `None` if no directory of that name is there.
    pub(super) fn open(disk: &Kernel, version: &Version) -> Result<Option<Self>> {
        match openat(disk.root(), version.path().as_str(), DIRECTORY, Mode::empty()) {
            Ok(root) => Ok(Some(Self { root, open: Vec::new() })),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
            Err(e) => Err(Error::io("open", disk.place().join(version.path()), &e.into())),
        }
    }

    /// Device and inode: another directory of the same name has others.
    pub(super) fn identity(&self) -> Result<(u64, u64)> {
        let found = self.stat()?;
        Ok((found.st_dev, found.st_ino))
    }

    /// What the release's own directory is.
    pub(super) fn stat(&self) -> Result<FileStat> {
        fstat(&self.root).on("look at", "the release")
    }

    /// Opens a directory of the release; `""` is the release itself.
    pub(super) fn directory<'p>(&mut self, path: &'p str) -> Result<BorrowedFd<'_>, Stopped<'p>> {
        let parts = || path.split('/').filter(|part| !part.is_empty());
        let same = self.open.iter().zip(parts()).take_while(|((name, _), part)| name == part);
        self.open.truncate(same.count());
        let mut end = self.open.iter().map(|(name, _)| name.len() + 1).sum::<usize>();
        for part in parts().skip(self.open.len()) {
            end += part.len() + 1;
            let found = enter(self.last(), part);
            let found = found.map_err(|why| Stopped { at: &path[..end - 1], why })?;
            self.open.push((part.to_owned(), found));
        }
        Ok(self.last())
    }

    fn last(&self) -> BorrowedFd<'_> {
        self.open.last().map_or(self.root.as_fd(), |(_, fd)| fd.as_fd())
    }

    /// A descriptor of the directory's own, whose place in the listing nobody else moves.
    pub(super) fn again(directory: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
        openat(directory, ".", DIRECTORY, Mode::empty())
    }
}

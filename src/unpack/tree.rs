//! The stage's directories and what is made in them.
//!
//! Every directory is opened beneath its parent's descriptor without following anything
//! ([`Beneath`]), so nothing can be made outside the stage whatever an archive planted there before,
//! or somebody mounted. The descriptors along the path of the last entry stay open: archives list a
//! directory's entries in a row, and each of them then costs no look-up at all.

use super::{
    beneath::{Beneath, DIRECTORY, parts},
    entry::Time,
    plan::Mode,
    refuse,
};
use crate::error::{Context, Error, Exit, Result, quoted};
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::{self, SFlag, UtimensatFlags, fchmod, fstat, futimens, mkdirat, utimensat},
    unistd::{Gid, fchown, linkat, symlinkat},
};
use std::{
    fs::File,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
};

/// The stage while it is filled.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    stage: BorrowedFd<'a>,
    /// The same, to be handed to other threads.
    root: Arc<OwnedFd>,
    beneath: Beneath,
    /// The directories from the root to the one used last, by name.
    open: Vec<(String, Arc<OwnedFd>)>,
    modes: Modes,
}

/// The permission bits of everything in a release, and its group if not the process's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub(super) directory: u32,
    executable: u32,
    plain: u32,
    pub(super) group: Option<Gid>,
}

impl Modes {
    pub(super) fn new(mode: Mode, group: u32) -> Self {
        match mode {
            Mode::Public => Self { directory: 0o755, executable: 0o755, plain: 0o644, group: None },
            Mode::Private => {
                let group = Some(Gid::from_raw(group));
                Self { directory: 0o750, executable: 0o750, plain: 0o640, group }
            }
        }
    }

    /// The bits of a file: executable for all who may read it if its owner could.
    pub(super) fn of_file(self, archived: u32) -> u32 {
        if archived & 0o100 == 0 { self.plain } else { self.executable }
    }

    /// Gives what was made its group and its final bits, in this order: a change of group may
    /// clear bits. By descriptor: a umask takes no part in it.
    pub(super) fn finish(self, made: impl AsFd, mode: u32) -> nix::Result<()> {
        if let Some(group) = self.group {
            fchown(&made, None, Some(group))?;
        }
        fchmod(&made, stat::Mode::from_bits_truncate(mode))
    }
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: BorrowedFd<'a>, modes: Modes) -> Result<Self> {
        let beneath = Beneath::of(root).on("look at", "the stage")?;
        let own = root.try_clone_to_owned().map_err(|e| Error::io("open", "the stage", &e))?;
        Ok(Self { stage: root, root: Arc::new(own), beneath, open: Vec::new(), modes })
    }

    pub(super) fn modes(&self) -> Modes {
        self.modes
    }

    /// Opens a directory of the release, making what is missing; `made` is told of each directory
    /// that was made.
    pub(super) fn directory(
        &mut self,
        path: &str,
        mut made: impl FnMut(&str) -> Result<()>,
    ) -> Result<&Arc<OwnedFd>> {
        let same = self.open.iter().zip(parts(path)).take_while(|((name, _), part)| name == part);
        let same = same.count();
        self.open.truncate(same);
        for part in parts(path).skip(same) {
            let end = self.open.iter().map(|(name, _)| name.len() + 1).sum::<usize>() + part.len();
            let (at, so_far) = (self.last(), &path[..end.min(path.len())]);
            let found = match self.beneath.open(at.as_fd(), part, DIRECTORY) {
                Err(Errno::ENOENT) => {
                    let new = self.make(at, part).on("make", so_far)?;
                    made(so_far)?;
                    new
                }
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    let cause = "a link or a file of the same payload stands in its place";
                    return Err(refuse(so_far.as_bytes(), cause));
                }
                Err(Errno::EXDEV) => return Err(mounted(so_far)),
                found => found.on("open", so_far)?,
            };
            self.open.push((part.to_owned(), Arc::new(found)));
        }
        Ok(self.last())
    }

    /// Whether this directory is the one used last.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.open.iter().map(|(name, _)| &**name).eq(parts(path))
    }

    fn last(&self) -> &Arc<OwnedFd> {
        self.open.last().map_or(&self.root, |(_, fd)| fd)
    }

    fn make(&self, at: &OwnedFd, name: &str) -> nix::Result<OwnedFd> {
        mkdirat(at, name, stat::Mode::S_IRWXU)?;
        let new = self.beneath.open(at.as_fd(), name, DIRECTORY)?;
        self.modes.finish(&new, self.modes.directory)?;
        Ok(new)
    }

    /// Makes a regular file in `at` that was not there, with these bits less the umask's.
    pub(super) fn file(at: impl AsFd, name: &str, mode: u32) -> nix::Result<File> {
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(at, name, flags, stat::Mode::from_bits_truncate(mode)).map(File::from)
    }

    /// Whether anything stands at this name.
    pub(super) fn stands(at: impl AsFd, name: &str) -> nix::Result<bool> {
        match stat::fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Makes a symbolic link in `at` that was not there.
    pub(super) fn link(
        at: impl AsFd + Copy,
        name: &str,
        target: &Path,
        time: Time,
    ) -> nix::Result<()> {
        symlinkat(target, at, name)?;
        let [access, change] = time.spec();
        utimensat(at, name, &access, &change, UtimensatFlags::NoFollowSymlink)
    }

    /// Opens a regular file of the release and its directory, if it is there and no link is on the
    /// way.
    pub(super) fn find(&self, directory: &str, name: &str) -> nix::Result<Option<(OwnedFd, File)>> {
        let walk = || {
            let at = self.beneath.open(self.stage, directory, DIRECTORY)?;
            let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let file = self.beneath.open(at.as_fd(), name, flags)?;
            let kind = SFlag::from_bits_truncate(fstat(&file)?.st_mode) & SFlag::S_IFMT;
            Ok((kind == SFlag::S_IFREG).then(|| (at, File::from(file))))
        };
        match walk() {
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
            found => found,
        }
    }

    /// Gives the file `name` in `from` a second name in `at`.
    pub(super) fn same(from: &OwnedFd, name: &str, at: impl AsFd, second: &str) -> nix::Result<()> {
        linkat(from, name, at, second, AtFlags::empty())
    }

    /// Sets a directory's time, when nothing more will be made in it.
    pub(super) fn set_time(&mut self, path: &str, time: Time) -> Result<()> {
        let directory = self.directory(path, |path| {
            let cause = "it was made and is gone";
            Err(Error::new(Exit::Io, "find", quoted(path), cause)
                .hint("nothing but seedship may write `releases/`: the next sweep lands it again"))
        })?;
        let [access, change] = time.spec();
        futimens(directory, &access, &change).on("set the time of", path)
    }

    /// What is at a path of the release, links followed: whether it is there at all.
    pub(super) fn has(&self, path: &str) -> Result<bool> {
        match stat::fstatat(self.stage, path, AtFlags::empty()) {
            Ok(found) => {
                let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
                Ok(kind == SFlag::S_IFREG || kind == SFlag::S_IFDIR)
            }
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(false),
            Err(e) => Err(Error::io("look for", path, &e.into())),
        }
    }

    /// The stage itself gets its group, bits and time, last of all.
    pub(super) fn close(self, time: Time) -> Result<()> {
        self.modes.finish(self.stage, self.modes.directory).on("set the mode of", "the stage")?;
        let [access, change] = time.spec();
        futimens(self.stage, &access, &change).on("set the time of", "the stage")
    }
}

/// What somebody mounted in the stage is not the payload's fault.
fn mounted(path: &str) -> Error {
    let cause = "another file system is mounted there, within the release that is being made";
    Error::new(Exit::Io, "open", quoted(path), cause)
        .hint("unmount it; nothing but seedship may make anything in `releases/`")
}

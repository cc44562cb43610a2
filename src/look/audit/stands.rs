//! What stands where an entry should, looked at without following a link and without waiting.

use super::finding::{Difference, Kind};
use crate::{error::escaped, manifest};
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat},
    sys::stat::{FileStat, Mode, fstat, fstatat},
};
use std::{
    fs::File,
    os::{fd::BorrowedFd, unix::ffi::OsStrExt},
};

/// A pipe that was planted keeps nobody waiting, and a link that came in between leads nowhere.
const FILE: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_CLOEXEC);

/// What came of a look at one entry.
#[derive(Debug)]
pub(super) enum Stands {
    /// It is gone.
    Nothing,
    /// Something of another kind.
    Other(Kind),
    /// It is there, and this differs.
    Here(Vec<Difference>),
    /// A file, and this differs; its bytes are still to be compared.
    Open(Vec<Difference>, File),
    /// This differs, and the rest could not be read.
    Unread(Vec<Difference>, Errno),
}

/// Looks at `name` in the directory `at`, which should be `owner`'s.
pub(super) fn look(
    at: BorrowedFd<'_>,
    name: &str,
    owner: u32,
    expected: &manifest::Kind,
) -> Stands {
    if is_mounted(at, name) {
        return Stands::Other(Kind::Mount);
    }
    let found = match fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(why) => return absent(why),
    };
    let kind = Kind::of(found.st_mode);
    match *expected {
        ref other if Kind::from(other) != kind => Stands::Other(kind),
        manifest::Kind::Directory { mode } => Stands::Here(rights(&found, Some(mode), owner)),
        manifest::Kind::Link { ref target } => link(at, name, target, rights(&found, None, owner)),
        manifest::Kind::File { mode, size } => {
            let is = u64::try_from(found.st_size).unwrap_or(0);
            let mut differs = rights(&found, Some(mode), owner);
            if is == size {
                return open(at, name, differs);
            }
            differs.push(Difference::Size(size, is));
            Stands::Here(differs)
        }
    }
}

/// How mode and owner differ; a link has no mode of its own.
pub(super) fn rights(found: &FileStat, mode: Option<u32>, owner: u32) -> Vec<Difference> {
    let bits = found.st_mode & 0o7777;
    let mode = mode.filter(|mode| *mode != bits).map(|mode| Difference::Mode(mode, bits));
    let is = found.st_uid;
    mode.into_iter().chain((is != owner).then_some(Difference::Owner(owner, is))).collect()
}

/// Whether something is mounted on `name`. The file system there is not asked, for it may be one
/// whose server is gone. Where the kernel cannot tell (it has no openat2(2), or a sandbox refuses
/// it), nothing is known to be.
fn is_mounted(at: BorrowedFd<'_>, name: &str) -> bool {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV);
    openat2(at, name, how).is_err_and(|why| why == Errno::EXDEV)
}

/// Why there is nothing to be looked at: it is gone, or closed.
pub(super) fn absent(why: Errno) -> Stands {
    match why {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP => Stands::Nothing,
        why => Stands::Unread(Vec::new(), why),
    }
}

fn link(at: BorrowedFd<'_>, name: &str, target: &str, mut differs: Vec<Difference>) -> Stands {
    match readlinkat(at, name) {
        Ok(found) => {
            if found.as_bytes() != target.as_bytes() {
                let [expected, found] = [target.as_bytes(), found.as_bytes()].map(escaped);
                differs.push(Difference::Target(expected.into(), found.into()));
            }
            Stands::Here(differs)
        }
        // No link any more.
        Err(Errno::EINVAL) => Stands::Nothing,
        Err(why) => absent(why),
    }
}

/// What was a regular file a moment ago is looked at again once it is open.
fn open(at: BorrowedFd<'_>, name: &str, differs: Vec<Difference>) -> Stands {
    let opened = openat(at, name, FILE, Mode::empty())
        .and_then(|file| fstat(&file).map(|found| (file, Kind::of(found.st_mode))));
    match opened {
        Ok((file, Kind::File)) => Stands::Open(differs, File::from(file)),
        Ok((_, other)) => Stands::Other(other),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Stands::Nothing,
        Err(Errno::ELOOP) => Stands::Other(Kind::Link),
        Err(why) => Stands::Unread(differs, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::fd::AsFd, os::unix::fs::symlink};

    /// Between the look at a name and its opening anything may have come in its place.
    #[test]
    fn what_is_opened_is_a_regular_file_or_nothing_happens() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "x").unwrap();
        fs::create_dir(dir.path().join("directory")).unwrap();
        symlink("file", dir.path().join("link")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("pipe"), Mode::S_IRWXU).unwrap();
        let at = File::open(dir.path()).unwrap();
        let open = |name| open(at.as_fd(), name, Vec::new());
        assert!(matches!(open("file"), Stands::Open(_, _)));
        assert!(matches!(open("directory"), Stands::Other(Kind::Directory)));
        assert!(matches!(open("link"), Stands::Other(Kind::Link)));
        assert!(matches!(open("pipe"), Stands::Other(Kind::Special)));
        assert!(matches!(open("gone"), Stands::Nothing));
    }
}

//! Opening what was unpacked, beneath the stage and without following anything.
//!
//! openat2(2) is told so in one call, whatever stands on the way: no link, no mount point, nothing
//! above. Where the kernel has none or a container forbids it (seccomp profiles that are older
//! than the call), the same is done by hand: one component at a time beneath its parent's
//! descriptor, each without following a link, and each held against the mount that the stage is on.
//!
//! Only directories and the files that get a second name are opened; what is new is made with
//! `O_EXCL` in an open directory, which follows nothing by itself. A directory is opened once and its
//! descriptor kept by [`super::tree`], so both ways cost the same.

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2},
    sys::stat::{Mode, fstat},
};
use rustix::fs::{AtFlags, StatxFlags, statx};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How a directory is opened.
pub(super) const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// What openat2 may not do on its way.
const RESOLVE: ResolveFlag = ResolveFlag::RESOLVE_BENEATH
    .union(ResolveFlag::RESOLVE_NO_SYMLINKS)
    .union(ResolveFlag::RESOLVE_NO_MAGICLINKS)
    .union(ResolveFlag::RESOLVE_NO_XDEV);

/// How paths are resolved here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beneath {
    /// By the kernel, whole.
    Whole,
    /// A component at a time, on the mount that the stage is on.
    ByHand(Mount),
}

impl Beneath {
    /// Asks the kernel how it can be done beneath `stage`.
    pub(super) fn of(stage: BorrowedFd<'_>) -> nix::Result<Self> {
        match whole(stage, ".", DIRECTORY) {
            Ok(_) => Ok(Self::Whole),
            // What else it may be, the first entry will tell.
            Err(_) => Mount::of(stage).map(Self::ByHand),
        }
    }

    /// Opens a path, or the directory itself if it is empty. Its components are names: not `..`.
    ///
    /// `ELOOP` or `ENOTDIR` for a link or a file on the way, `EXDEV` for a mount point.
    pub(super) fn open(self, at: BorrowedFd<'_>, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        match self {
            Self::Whole => whole(at, path, flags),
            Self::ByHand(mount) => by_hand(at, path, flags, mount),
        }
    }
}

fn whole(at: BorrowedFd<'_>, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
    openat2(at, path, OpenHow::new().flags(flags).resolve(RESOLVE))
}

fn by_hand(at: BorrowedFd<'_>, path: &str, flags: OFlag, mount: Mount) -> nix::Result<OwnedFd> {
    let open = |at: BorrowedFd<'_>, name: &str, flags: OFlag| {
        let opened = openat(at, name, flags | OFlag::O_NOFOLLOW, Mode::empty())?;
        // An overlay tells of a file the device that it was found on, and linkat(2) holds it against
        // its directory's mount by itself.
        let judged = flags.contains(OFlag::O_DIRECTORY) || matches!(mount, Mount::Number(_));
        let crossed = judged && mount.again(opened.as_fd())? != mount;
        if crossed { Err(Errno::EXDEV) } else { Ok(opened) }
    };
    let Some((parents, last)) = path.rsplit_once('/') else { return open(at, path, flags) };
    let mut parts = parts(parents);
    let first = parts.next().unwrap_or(".");
    let first = open(at, first, DIRECTORY)?;
    let parent = parts.try_fold(first, |at, part| open(at.as_fd(), part, DIRECTORY))?;
    open(parent.as_fd(), last, flags)
}

/// The components of a path.
pub(super) fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// What a directory is mounted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mount {
    /// The mount's own number.
    Number(u64),
    /// Its device: Linux tells no number before 5.8. Two mounts of one disk look alike.
    Device(u64),
}

impl Mount {
    fn of(opened: BorrowedFd<'_>) -> nix::Result<Self> {
        match statx(opened, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID) {
            Ok(found) if told(found.stx_mask) => Ok(Self::Number(found.stx_mnt_id)),
            _ => Self::device(opened),
        }
    }

    /// The same of something else, told in the same way.
    fn again(self, opened: BorrowedFd<'_>) -> nix::Result<Self> {
        if matches!(self, Self::Number(_)) { Self::of(opened) } else { Self::device(opened) }
    }

    fn device(opened: BorrowedFd<'_>) -> nix::Result<Self> {
        Ok(Self::Device(fstat(opened)?.st_dev))
    }
}

fn told(mask: u32) -> bool {
    StatxFlags::from_bits_retain(mask).contains(StatxFlags::MNT_ID)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, File},
        os::unix::fs::symlink,
    };

    /// Every way, whatever this kernel has.
    fn ways(stage: BorrowedFd<'_>) -> Vec<Beneath> {
        let mounts = [Mount::of(stage), Mount::device(stage)];
        let mut ways: Vec<_> = mounts.into_iter().flatten().map(Beneath::ByHand).collect();
        match Beneath::of(stage).unwrap() {
            Beneath::Whole => ways.push(Beneath::Whole),
            Beneath::ByHand(_) => println!("skipped: this kernel or container has no openat2"),
        }
        ways
    }

    #[test]
    fn every_way_opens_the_same_and_refuses_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("stage/a/b/c")).unwrap();
        fs::create_dir(at("outside")).unwrap();
        fs::write(at("outside/f"), "secret").unwrap();
        fs::write(at("stage/a/b/f"), "x").unwrap();
        symlink("../outside", at("stage/up")).unwrap();
        symlink("b", at("stage/a/inside")).unwrap();
        symlink("/proc/self/root", at("stage/magic")).unwrap();
        symlink("f", at("stage/a/b/l")).unwrap();
        let stage = File::open(at("stage")).unwrap();
        for way in ways(stage.as_fd()) {
            let open = |path: &str, flags| way.open(stage.as_fd(), path, flags).map(drop);
            for path in ["", "a", "a/b", "a/b/c"] {
                assert_eq!(open(path, DIRECTORY), Ok(()), "{way:?} {path}");
            }
            assert_eq!(open("a/b/f", OFlag::O_RDONLY), Ok(()), "{way:?}");
            for (path, flags) in [
                ("up", DIRECTORY),
                ("up/f", OFlag::O_RDONLY),
                ("a/inside", DIRECTORY),
                ("a/inside/f", OFlag::O_RDONLY),
                ("magic/etc", DIRECTORY),
                ("a/b/l", OFlag::O_RDONLY),
                ("a/b/f/x", OFlag::O_RDONLY),
            ] {
                let told = open(path, flags).unwrap_err();
                assert!(matches!(told, Errno::ELOOP | Errno::ENOTDIR), "{way:?} {path}: {told}");
            }
            assert_eq!(open("a/none", DIRECTORY), Err(Errno::ENOENT), "{way:?}");
            assert_eq!(open("none/f", OFlag::O_RDONLY), Err(Errno::ENOENT), "{way:?}");
        }
    }

    /// A mount that is there on every machine.
    #[test]
    fn no_way_crosses_into_a_mount() {
        let root = File::open("/").unwrap();
        if fs::metadata("/proc/self").is_err() {
            println!("skipped: /proc is not mounted");
            return;
        }
        for way in ways(root.as_fd()) {
            let open = |path| way.open(root.as_fd(), path, DIRECTORY).map(drop);
            assert_eq!(open("proc"), Err(Errno::EXDEV), "{way:?}");
            assert_eq!(open("proc/sys"), Err(Errno::EXDEV), "{way:?}");
        }
    }
}

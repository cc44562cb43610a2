//! What a root's file system can do, tried out: whether a swap is one step, whether a rename can
//! refuse a taken name, whether `releases/` is on the same mount.
//!
//! Everything is tried in one empty directory of a fixed name. Two processes do not try at once
//! (flock(2) on the root itself, which needs no file). What a killed one left is removed by the next
//! trial and by the recovery of the next deploy or sweep.

use super::{Disk, Kernel, Kind};
use crate::error::{Error, Exit, Result, quoted};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, RenameFlags, renameat2},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// The directory that is made, tried with and removed.
pub const TRIAL: &str = ".doctor-trial";

/// How long another trial of the same root is waited for; one takes less than a millisecond.
const PATIENCE: Duration = Duration::from_millis(300);

/// What renames can do in a root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abilities {
    /// Two names can be swapped in one step (`RENAME_EXCHANGE`).
    pub exchange: bool,
    /// A rename can refuse a name that is taken (`RENAME_NOREPLACE`).
    pub noreplace: bool,
}

impl Kernel {
    /// Tries with what is made and removed again; `aside` is a directory, if it is there, that a
    /// directory of the root must be able to move into.
    ///
    /// # Errors
    /// 77 if this user may not write here or the file system is mounted read-only, 73 if `aside` is
    /// on another mount, 75 if another trial or a recovery was in the way, else 74.
    pub fn try_renames(&self, aside: &str) -> Result<Abilities> {
        let _alone = self.alone()?;
        self.remove_tree(TRIAL)?;
        let tried = self.tried(aside);
        self.remove_tree(TRIAL)?;
        tried
    }

    fn tried(&self, aside: &str) -> Result<Abilities> {
        let [one, other] = ["one", "other"].map(|name| format!("{TRIAL}/{name}"));
        self.make_dir(TRIAL, 0o700)?;
        self.symlink("trial", &one)?;
        self.symlink("trial", &other)?;
        let abilities = Abilities {
            exchange: self.has(&one, &other, RenameFlags::RENAME_EXCHANGE)?,
            noreplace: self.has(&one, &format!("{TRIAL}/free"), RenameFlags::RENAME_NOREPLACE)?,
        };
        if self.kind(aside)? == Some(Kind::Directory) {
            self.moves_into(aside)?;
        }
        Ok(abilities)
    }

    /// Whether a rename with this flag is supported.
    fn has(&self, from: &str, to: &str, flag: RenameFlags) -> Result<bool> {
        match renameat2(self.root(), from, self.root(), to, flag) {
            Ok(()) => Ok(true),
            Err(Errno::EINVAL | Errno::ENOSYS) => Ok(false),
            Err(Errno::ENOENT) => Err(self.disturbed()),
            Err(e) => Err(Error::io("rename", self.full(from), &e.into())),
        }
    }

    /// Two mounts of one disk look like one until a rename is tried.
    fn moves_into(&self, aside: &str) -> Result<()> {
        let there = format!("{aside}/.trash-doctor-trial");
        self.remove_tree(&there)?;
        match nix::fcntl::renameat(self.root(), TRIAL, self.root(), there.as_str()) {
            Ok(()) => self.remove_tree(&there),
            Err(Errno::EXDEV) => {
                let thing = format!("a directory from the root into {}", quoted(self.full(aside)));
                Err(Error::new(Exit::NotOurs, "rename", thing, "it is a mount of its own")
                    .hint("let the root and all in it be one mount of one file system"))
            }
            Err(Errno::ENOENT) => Err(self.disturbed()),
            Err(e) => Err(Error::io("rename into", self.full(aside), &e.into())),
        }
    }

    /// Held while it is tried.
    fn alone(&self) -> Result<Flock<std::os::fd::OwnedFd>> {
        let deadline = Instant::now() + PATIENCE;
        // A description of its own: a duplicate would share the lock with every other.
        let mut root = self.directory("")?;
        loop {
            root = match Flock::lock(root, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(lock),
                Err((root, Errno::EWOULDBLOCK | Errno::EINTR)) if Instant::now() < deadline => root,
                Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => return Err(self.disturbed()),
                Err((_, e)) => return Err(Error::io("lock", self.place(), &e.into())),
            };
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn disturbed(&self) -> Error {
        let cause = "another process tried, or cleaned up, at the same moment";
        Error::new(Exit::Again, "try a rename in", quoted(self.place()), cause).hint("try again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn left(root: &std::path::Path) -> Vec<String> {
        let below = [root.to_owned(), root.join("releases")];
        let entries = below.iter().flat_map(|at| fs::read_dir(at).into_iter().flatten());
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    }

    #[test]
    fn a_trial_leaves_nothing_and_takes_away_what_another_left() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Kernel::open(dir.path()).unwrap();
        let all = Abilities { exchange: true, noreplace: true };
        assert_eq!(disk.try_renames("releases").unwrap(), all);
        fs::create_dir(dir.path().join("releases")).unwrap();
        // Killed between any two steps.
        fs::create_dir(dir.path().join(TRIAL)).unwrap();
        fs::write(dir.path().join(TRIAL).join("one"), "").unwrap();
        fs::create_dir(dir.path().join("releases/.trash-doctor-trial")).unwrap();
        assert_eq!(disk.try_renames("releases").unwrap(), all);
        assert_eq!(left(dir.path()), [""; 0]);
    }

    #[test]
    fn many_at_once_do_not_disturb_each_other() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("releases")).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let disk = Kernel::open(dir.path()).unwrap();
                    // Who waited for too long says so; nobody finds another's half-done work.
                    let tried = || disk.try_renames("releases").map_err(|error| error.exit);
                    assert!(
                        (0..20)
                            .map(|_| tried())
                            .all(|one| !matches!(one, Err(exit) if exit != Exit::Again))
                    );
                });
            }
        });
        assert_eq!(left(dir.path()), [""; 0]);
    }

    #[test]
    fn who_may_not_write_is_told_so() {
        if nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
        let disk = Kernel::open(dir.path()).unwrap();
        assert_eq!(disk.try_renames("releases").unwrap_err().exit, Exit::Permission);
    }
}

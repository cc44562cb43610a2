//! The one door to an app's root directory.
//!
//! Everything that decides what is live (records, locks, the switch, prune) reads and changes the
//! file system through [`Disk`], and nothing else does. So the order of durable steps can be read
//! in one place for each step, and run in tests over a disk in memory that loses what was not
//! synced. Payload bytes go past it, through descriptors.
//!
//! A `Disk` stands for one root. Paths are relative to it, `""` is the root itself; they are made
//! of Seedship's own names and of versions, never of foreign text.

mod kernel;
mod mounts;
mod reading;
mod remove;
mod reserve;
mod trial;
#[cfg(test)]
pub(crate) mod memory;

pub use kernel::Kernel;
pub use trial::{Abilities, TRIAL};

use crate::error::Result;
use std::{path::Path, time::Duration};

/// The largest file that is read whole, in bytes: a record has about a thousand.
pub const LARGEST: u64 = 1 << 20;

/// What stands at a path, links not followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A regular file.
    File,
    /// Anything else.
    Other,
}

/// Room on the root's file system for the user who runs this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Free bytes.
    pub bytes: u64,
    /// Free inodes; `None` where the file system does not count them (btrfs).
    pub inodes: Option<u64>,
}

/// The operations of one app's root. Each is one step that a crash can fall before or after;
/// none but [`fsync`](Self::fsync) and [`syncfs`](Self::syncfs) promises that anything is durable,
/// and [`write`](Self::write) only for the content, not for the name.
pub trait Disk {
    /// A held lock; dropping it releases it.
    type Lock;
    /// Descriptors that were open before the first write: see [`watch`](Self::watch).
    type Watch;

    /// The root's own path, for messages.
    fn place(&self) -> &Path;

    /// What stands at `path`, or `None`.
    fn kind(&self, path: &str) -> Result<Option<Kind>>;
    /// Whether `path`, links followed, is a directory. It may be absolute or lead out of the root:
    /// an adopted link's text is asked about too.
    fn leads_to_directory(&self, path: &str) -> Result<bool>;
    /// Whether two paths, links followed, are one directory.
    fn is_same_directory(&self, a: &str, b: &str) -> Result<bool>;
    /// The names in a directory, in byte order, without those that are not UTF-8 (none is ours);
    /// empty if there is no such directory.
    fn list(&self, path: &str) -> Result<Vec<String>>;
    /// A file's content, or `None` if it is not there. No link is followed on the way, nothing but a
    /// regular file is read, and none that is larger than [`LARGEST`].
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;
    /// At most the last `most` bytes of a file, and whether those are all; else the same.
    fn read_end(&self, path: &str, most: u64) -> Result<Option<(Vec<u8>, bool)>>;
    /// A link's text, or `None` if no link is there. What is not UTF-8 comes back escaped.
    fn read_link(&self, path: &str) -> Result<Option<String>>;
    /// The number of the user who owns what stands at `path`, links not followed, or `None`.
    fn owner(&self, path: &str) -> Result<Option<u32>>;
    /// Free space.
    fn space(&self) -> Result<Space>;

    /// Sets a little room aside for what an operator's command writes on a full disk; nothing
    /// depends on it, and that there is none left is no failure.
    fn set_aside(&self);
    /// Makes a directory with exactly `mode`, whatever the umask; false if it was there.
    fn make_dir(&self, path: &str, mode: u32) -> Result<bool>;
    /// Creates or truncates a file, writes it whole and fsyncs the file (not its directory).
    fn write(&self, path: &str, content: &[u8]) -> Result<()>;
    /// Adds to the end of a file in one write; not durable.
    fn append(&self, path: &str, content: &[u8]) -> Result<()>;
    /// Makes a symbolic link; an error if the name is taken.
    fn symlink(&self, text: &str, path: &str) -> Result<()>;
    /// Removes a file or link; nothing happens if it is not there.
    fn remove(&self, path: &str) -> Result<()>;
    /// Removes a directory with all that is in it, read-only directories included.
    fn remove_tree(&self, path: &str) -> Result<()>;
    /// Renames, replacing a file or link of the new name.
    fn rename(&self, from: &str, to: &str) -> Result<()>;
    /// Renames a directory to a name that must be free (`RENAME_NOREPLACE`; where the file system
    /// does not have it, absence is looked up first: both under the caller's lock).
    fn rename_new(&self, from: &str, to: &str) -> Result<Renamed>;
    /// Swaps two names in one step (`RENAME_EXCHANGE`); false where that is not supported.
    fn exchange(&self, a: &str, b: &str) -> Result<bool>;

    /// Makes a directory's names durable.
    fn fsync(&self, path: &str) -> Result<()>;
    /// Opens what [`syncfs`](Self::syncfs) needs. The kernel tells a writeback error once for each
    /// open description, so these must be open before the first byte is written.
    fn watch(&self) -> Result<Self::Watch>;
    /// Writes everything of the root's file systems to the disk, or says that it was lost. A
    /// failure is final for what was written since `watch`: a second call would answer success.
    fn syncfs(&self, watch: &Self::Watch) -> Result<()>;

    /// Takes an exclusive lock on a file that is made if need be and never removed; waits up to
    /// `wait`, then `None`.
    fn lock(&self, path: &str, wait: Duration) -> Result<Option<Self::Lock>>;
    /// Replaces the one line in a lock's file, in place.
    fn inscribe(&self, lock: &mut Self::Lock, line: &str) -> Result<()>;
}

/// What became of [`Disk::rename_new`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Renamed {
    /// It has the new name.
    Done,
    /// The new name is taken; nothing changed.
    Taken,
    /// What was to be renamed is gone.
    Gone,
}

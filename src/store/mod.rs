//! One app's root: its directories, its records, its two locks.
//!
//! State is what the directories and records say; nothing else is remembered. A record is
//! written to a temporary name, fsynced, renamed, and its directory fsynced, so that after a crash
//! it is the old one or the new one. The types say who may do what: a guard needs `&mut` of the
//! site, so two of one kind cannot be held at once, and what only the holder of both locks may do
//! takes [`Both`].

mod history;
mod hold;
mod locks;
mod owed;
mod seen;
mod stage;

pub use history::{Entry, History};
pub use hold::Hold;
pub use locks::{Both, DEPLOY_LOCK, Deploying, Switching};
pub use owed::Owed;
pub use seen::{Current, Foreign, Seen, release_at, taken_over_by};
pub use stage::{Durable, Leftovers, Stage};

use crate::{
    checkpoint,
    disk::Disk,
    error::{Error, Exit, Result},
    release::{Key, Record},
};
use metainfo::InfoHash;
use std::rc::Rc;

/// The link that web servers follow.
pub const CURRENT: &str = "current";
/// The release before the current one, for people.
pub const PREVIOUS: &str = "previous";
/// The temporary link of the switch: one fixed name, so that recovery knows it.
pub const NEXT: &str = ".current-next";
/// An empty directory that tries out a rename before a real one is adopted.
pub const TRIAL: &str = ".adopt-trial";
/// Where releases lie.
pub const RELEASES: &str = "releases";
/// What is linked into every release.
pub const SHARED: &str = "shared";
/// Seedship's own directory.
pub const PRIVATE: &str = ".seedship";
/// One record for each info hash.
pub const RECORDS: &str = ".seedship/records";
/// Content hashes of each release.
pub const MANIFESTS: &str = ".seedship/manifests";

/// One app's root.
pub struct Site<D: Disk> {
    disk: Rc<D>,
    mode: u32,
}

impl<D: Disk> Site<D> {
    /// A site whose own directories are made with `mode` (0755, or 0750 for a private one) when
    /// they are first needed.
    pub fn new(disk: D, mode: u32) -> Self {
        Self { disk: Rc::new(disk), mode }
    }

    /// The door to the root.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// What directories and records say now, without a lock: for readers.
    pub fn look(&self) -> Result<Seen> {
        Seen::read(&*self.disk)
    }

    /// The record of this info hash alone, without a lock: for an event that comes again.
    pub fn record(&self, hash: InfoHash) -> Result<Option<Record>> {
        Ok(seen::read_record(&*self.disk, Key::Torrent(hash))?.transpose()?)
    }

    /// Makes the records durable that can be seen now: for whoever answers by one without a lock.
    pub fn sync_records(&self) -> Result<()> {
        self.disk.fsync(RECORDS)
    }

    /// Makes Seedship's directories where they are missing. They are made durable by whoever
    /// takes the switch lock next.
    fn furnish(&self) -> Result<()> {
        self.disk.make_dir(RELEASES, self.mode)?;
        self.disk.make_dir(SHARED, self.mode)?;
        for own in [PRIVATE, RECORDS, MANIFESTS] {
            self.disk.make_dir(own, 0o750)?;
        }
        Ok(())
    }
}

/// Writes a file so that a crash leaves the old content or the new: temporary name, fsync,
/// rename, fsync of the directory.
pub fn write_durably<D: Disk>(disk: &D, directory: &str, name: &str, content: &[u8]) -> Result<()> {
    let temporary = format!("{directory}/{TEMPORARY}{name}");
    disk.write(&temporary, content)?;
    checkpoint::reach("file-written");
    disk.rename(&temporary, &format!("{directory}/{name}"))?;
    checkpoint::reach("file-renamed");
    disk.fsync(directory)
}

/// What a file that is being written is called in front of its name.
const TEMPORARY: &str = ".new-";

/// A bug: the program did what its types should not have let it do.
fn bug(thing: &str, cause: &str) -> Error {
    Error::new(Exit::Bug, "go on with", thing, cause)
        .hint("this is a bug in seedship; the live release was not touched")
}

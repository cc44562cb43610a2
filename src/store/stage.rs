//! A release that is being built, and one that is on the disk for good.

use super::{Deploying, RELEASES, Site};
use crate::{
    disk::Disk,
    error::{Error, Exit, Result, quoted},
};
use metainfo::InfoHash;
use std::{fmt, rc::Rc};

/// What a stage's name begins with; the info hash and a random number follow.
pub(super) const STAGE: &str = ".stage-";
/// What a release's name begins with on its way out.
pub(super) const TRASH: &str = ".trash-";

/// A directory beside the releases, so at the same depth, on the same mount, with the same group
/// and label as the release that it becomes. Dropping it removes it; what a kill leaves is
/// removed by the next recovery.
pub struct Stage<D: Disk> {
    disk: Rc<D>,
    name: String,
}

impl<D: Disk> Stage<D> {
    /// Makes an empty stage, closed to everybody else until it is complete.
    pub fn create(by: &Deploying<'_, D>, hash: InfoHash, random: u64) -> Result<Self> {
        let disk = by.shared_disk();
        let name = format!("{RELEASES}/{STAGE}{hash}-{random:016x}");
        if !disk.make_dir(&name, 0o700)? {
            // Another's: what lies in it is not known, and it is not this stage's to remove.
            let place = quoted(disk.place().join(&name));
            return Err(Error::new(Exit::Io, "make the stage", place, "it is there already")
                .hint("the next sweep takes another name"));
        }
        Ok(Self { disk, name })
    }

    /// Where it lies, relative to the root.
    pub fn path(&self) -> &str {
        &self.name
    }

    /// Whether it is still there.
    pub fn stands(&self) -> Result<bool> {
        self.disk.kind(&self.name).map(|found| found.is_some())
    }

    /// That somebody deleted it while `thing` was worked on.
    pub fn deleted(&self, thing: impl fmt::Display) -> Error {
        Error::new(Exit::Io, "land", thing, "its stage was deleted while it was unpacked")
            .hint("nothing but seedship may write `releases/`: the next sweep lands it again")
    }

    /// Puts the stage, and everything else that was written beside it, on the disk.
    ///
    /// # Errors
    /// 74: data was lost. The stage is removed: syncing again would answer success for lost data.
    pub fn settle(self, by: &Deploying<'_, D>) -> Result<Durable<D>> {
        self.disk.syncfs(by.watch())?;
        Ok(Durable(self))
    }
}

impl<D: Disk> Drop for Stage<D> {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // What cannot be removed now is removed by the next recovery.
            let _ = self.disk.remove_tree(&self.name);
        }
    }
}

/// A stage whose every byte is on the disk: the only thing that can be committed.
pub struct Durable<D: Disk>(Stage<D>);

impl<D: Disk> Durable<D> {
    /// Where it lies, relative to the root.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// See [`Stage::deleted`].
    pub fn deleted(&self, thing: impl fmt::Display) -> Error {
        self.0.deleted(thing)
    }

    /// It is a release now and must not be removed.
    pub fn committed(mut self) {
        self.0.name.clear();
    }
}

/// What lies in `releases/` beside releases: the work of a deploy or prune that runs, or of one
/// that was killed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Leftovers {
    /// The info hashes of stages.
    pub stages: Vec<InfoHash>,
    /// How many releases are on their way out.
    pub trash: usize,
}

impl<D: Disk> Site<D> {
    /// What lies beside the releases now, without a lock: for readers.
    pub fn leftovers(&self) -> Result<Leftovers> {
        let names = self.disk().list(RELEASES)?;
        Ok(Leftovers {
            stages: names.iter().filter_map(|name| staged_hash(name)).collect(),
            trash: names.iter().filter(|name| name.starts_with(TRASH)).count(),
        })
    }
}

/// The info hash in a stage's name.
pub(super) fn staged_hash(name: &str) -> Option<InfoHash> {
    let rest = name.strip_prefix(STAGE)?;
    let (hash, random) = rest.split_at_checked(40)?;
    if random.starts_with('-') { InfoHash::parse(hash) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{disk::Kernel, process::Who};
    use std::time::Duration;

    #[test]
    fn nobody_else_enters_a_stage() {
        let root = tempfile::tempdir().unwrap();
        let mut site = Site::new(Kernel::open(root.path()).unwrap(), 0o755);
        let by = site.deploying(Duration::ZERO, &Who::me("test", None).unwrap()).unwrap();
        let stage = Stage::create(&by, InfoHash::new([7; 20]), 1).unwrap();
        let mode = by.site().disk().stat(stage.path()).unwrap().unwrap().st_mode;
        assert_eq!(mode & 0o7777, 0o700);
    }
}

//! The two locks of an app, as guards.
//!
//! The deploy lock is held by one deploy from before its first write to the end of prune; the
//! switch lock for milliseconds, around whatever reads and changes what is live. Whoever takes
//! the switch lock first makes durable what it is about to read: it may be the work of a process
//! that was killed between a rename and its fsync.

use super::{
    MANIFESTS, PRIVATE, RECORDS, RELEASES, Seen, Site, TEMPORARY, bug,
    history::{Entry, History},
    hold::Hold,
    stage::{TRASH, staged_hash},
    write_durably,
};
use crate::{
    checkpoint,
    disk::Disk,
    error::{Error, Exit, Result, escaped},
    process::{Group, Who},
    release::{Key, Record, State, Version},
};
use metainfo::InfoHash;
use std::{
    ops::{Deref, DerefMut},
    rc::Rc,
    time::Duration,
};

/// Held by one deploy from before its first write to the end of prune. Its one line, written in
/// place, says who holds it or held it last, and its time since when: also the sign of life that a
/// sweep with nothing to do leaves for `monitor`.
pub const DEPLOY_LOCK: &str = ".seedship/deploy.lock";
const SWITCH_LOCK: &str = ".seedship/switch.lock";

/// The switch lock is held for milliseconds; who cannot have it for this long tells somebody.
const SWITCH_WAIT: Duration = Duration::from_secs(60);

impl<D: Disk> Site<D> {
    /// Takes the deploy lock, waiting up to `wait`; `who` is what others read about the holder.
    ///
    /// # Errors
    /// 75, naming the holder, if it was held all the time.
    pub fn deploying(&mut self, wait: Duration, who: &Who) -> Result<Deploying<'_, D>> {
        self.furnish()?;
        self.disk.set_aside();
        let mut free = self.disk.lock(DEPLOY_LOCK, Duration::ZERO)?;
        if free.is_none() && !wait.is_zero() {
            let (place, holder) = (crate::error::quoted(self.disk.place()), self.holder()?);
            log::info!("{holder} is deploying into {place}: waiting up to {} s", wait.as_secs());
            free = self.disk.lock(DEPLOY_LOCK, wait)?;
        }
        let Some(mut lock) = free else {
            let holder = self.holder()?;
            let place = crate::error::quoted(self.disk.place());
            return Err(Error::new(
                Exit::Again,
                "work on",
                place,
                format!("{holder} is deploying there"),
            )
            .hint("try again when it is done; what is left is landed by the next `seedship sweep`")
            .unrecorded());
        };
        let before = self.holders_line()?;
        self.disk.inscribe(&mut lock, &format!("{who}\n"))?;
        let watch = self.disk.watch()?;
        Ok(Deploying { site: self, lock, who: who.clone(), before, watch })
    }

    /// Who holds the deploy lock, for a person. Its line is believed only while the process runs
    /// that it tells of: it may be a dead one's.
    fn holder(&self) -> Result<String> {
        let who = self.holders_line()?.filter(Who::is_alive);
        Ok(who.map_or("another process".to_owned(), |Who { pid, command, hash, .. }| {
            let command = escaped(command.as_bytes());
            let busy = hash.map_or(String::new(), |hash| format!(", download {hash}"));
            format!("process {pid} (`seedship {command}`{busy})")
        }))
    }

    /// The process that the lock's line tells of, dead or alive.
    fn holders_line(&self) -> Result<Option<Who>> {
        let content = self.disk.read(DEPLOY_LOCK)?.unwrap_or_default();
        Ok(Who::parse(&String::from_utf8_lossy(&content)))
    }

    /// Takes the switch lock and reads everything anew, an unreadable record being an error.
    pub fn switching(&mut self) -> Result<Switching<'_, D>> {
        let switching = self.switching_blind()?;
        switching.seen.readable()?;
        Ok(switching)
    }

    /// Takes the switch lock even where records cannot be read: for `rollback --to`, which works
    /// from the directories.
    pub fn switching_blind(&mut self) -> Result<Switching<'_, D>> {
        Switching::take(self)
    }
}

/// The deploy lock, held.
pub struct Deploying<'s, D: Disk> {
    site: &'s mut Site<D>,
    lock: D::Lock,
    who: Who,
    before: Option<Who>,
    watch: D::Watch,
}

impl<D: Disk> Deploying<'_, D> {
    /// The site that is deployed into.
    pub fn site(&self) -> &Site<D> {
        self.site
    }

    /// Who held the lock before, as its line told.
    pub fn before(&self) -> Option<&Who> {
        self.before.as_ref()
    }

    /// Tells, in the lock's line, in which process group a command of this deploy runs; with
    /// `None`, that none does.
    pub fn leash(&mut self, group: Option<Group>) -> Result<()> {
        let who = Who { group: group.or(self.who.group), ..self.who.clone() };
        self.site.disk.inscribe(&mut self.lock, &format!("{who}\n"))
    }

    /// The door to the root, to be kept.
    pub fn shared_disk(&self) -> Rc<D> {
        Rc::clone(&self.site.disk)
    }

    pub(super) fn watch(&self) -> &D::Watch {
        &self.watch
    }

    /// The record of this info hash, read again.
    pub fn record(&self, hash: InfoHash) -> Result<Option<Record>> {
        self.site.record(hash)
    }

    /// Writes a record whose release was never committed; for those, this lock is enough.
    pub fn write_uncommitted(&self, record: &Record) -> Result<()> {
        if record.landed || record.number.is_some() {
            return Err(bug("a record", "it was committed: only the switch lock may write it"));
        }
        write_record(&*self.site.disk, record)
    }

    /// Takes the switch lock as well.
    pub fn switching(&mut self) -> Result<Both<'_, D>> {
        Ok(Both(self.site.switching()?))
    }

    /// Removes what earlier runs left: stages, releases on their way out, manifests without one.
    /// Only the holder of this lock may, and nothing of its own may exist yet. Returns how many
    /// stages there were.
    pub fn remove_leftovers(&self) -> Result<usize> {
        let disk = &*self.site.disk;
        let mut stages = 0;
        for name in disk.list(RELEASES)? {
            let staged = staged_hash(&name).is_some();
            if staged || name.starts_with(TRASH) {
                disk.remove_tree(&format!("{RELEASES}/{name}"))?;
                checkpoint::reach("leftover-removed");
            }
            stages += usize::from(staged);
        }
        remove_orphaned_manifests(disk)?;
        Ok(stages)
    }
}

/// The switch lock, held, and what was read under it.
pub struct Switching<'s, D: Disk> {
    site: &'s Site<D>,
    seen: Seen,
    _lock: D::Lock,
}

impl<'s, D: Disk> Switching<'s, D> {
    fn take(site: &'s mut Site<D>) -> Result<Self> {
        site.furnish()?;
        let disk = &*site.disk;
        let Some(lock) = disk.lock(SWITCH_LOCK, SWITCH_WAIT)? else {
            let place = crate::error::quoted(disk.place());
            return Err(Error::new(Exit::Again, "switch", place, "the switch lock is held").hint(
                "a seedship process hangs in it: `fuser` on .seedship/switch.lock names it",
            ));
        };
        for directory in ["", RELEASES, PRIVATE, RECORDS] {
            disk.fsync(directory)?;
        }
        checkpoint::reach("switch-locked");
        let seen = Seen::read(disk)?;
        Ok(Self { site, seen, _lock: lock })
    }

    /// What directories and records say; current as long as the lock is held.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The door to the root.
    pub fn disk(&self) -> &'s D {
        &self.site.disk
    }

    /// The app's history.
    pub fn history(&self) -> History<'s, D> {
        History::of(self.disk())
    }

    /// Adds a line to the history; a log that cannot be written never fails what it tells.
    pub fn note(&self, entry: &Entry) {
        if let Err(e) = self.history().add(entry) {
            log::warn!("{e}");
        }
    }

    /// Writes a record, durably. A trial is begun under both locks alone: see
    /// [`Both::begin_trial`].
    pub fn write(&mut self, record: Record) -> Result<()> {
        let was_trying = self.seen.record(&record.key).is_some_and(|r| r.state == State::Trying);
        if record.state == State::Trying && !was_trying {
            return Err(bug("a record", "only a deploy begins a trial"));
        }
        self.put(record)
    }

    fn put(&mut self, record: Record) -> Result<()> {
        write_record(self.disk(), &record)?;
        self.seen.put(record);
        Ok(())
    }

    /// Removes a record, durably.
    pub fn forget(&mut self, key: &Key) -> Result<()> {
        self.disk().remove(&format!("{RECORDS}/{}", key.file_name()))?;
        checkpoint::reach("record-removed");
        self.disk().fsync(RECORDS)?;
        self.seen.records.retain(|r| r.key != *key);
        Ok(())
    }

    /// Looks again at directories and links after changing them.
    pub fn refresh(&mut self) -> Result<()> {
        self.seen.refresh(&*self.site.disk)
    }

    /// Writes the operator's hold.
    pub fn hold(&mut self, hold: Hold) -> Result<()> {
        hold.write(self.disk())?;
        self.seen.hold = Ok(Some(hold));
        Ok(())
    }

    /// Removes the operator's hold.
    pub fn unhold(&mut self) -> Result<()> {
        Hold::remove(self.disk())?;
        self.seen.hold = Ok(None);
        Ok(())
    }

    /// The info hashes of stages that are there: with the deploy lock held, an earlier run's.
    pub fn staged(&self) -> Result<Vec<InfoHash>> {
        Ok(self.disk().list(RELEASES)?.iter().filter_map(|n| staged_hash(n)).collect())
    }
}

/// The switch lock in the hands of the holder of the deploy lock: what may commit a release,
/// begin a trial and recover.
pub struct Both<'s, D: Disk>(Switching<'s, D>);

impl<'s, D: Disk> Deref for Both<'s, D> {
    type Target = Switching<'s, D>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<D: Disk> DerefMut for Both<'_, D> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<D: Disk> Drop for Switching<'_, D> {
    // A guard has a destructor, so that the borrow of the site lasts as long as the lock.
    fn drop(&mut self) {}
}

impl<D: Disk> Both<'_, D> {
    /// Writes, durably, that a release goes live on trial.
    pub fn begin_trial(&mut self, record: Record, number: u64) -> Result<()> {
        self.0.put(Record { state: State::Trying, number: Some(number), ..record })
    }

    /// Renames a release out of the way; returns where it went, to be deleted without the lock.
    pub fn to_trash(&mut self, version: &Version, random: u64) -> Result<String> {
        let trash = format!("{RELEASES}/{TRASH}{version}-{random:016x}");
        self.disk().rename(&version.path(), &trash)?;
        self.0.seen.standing.remove(version);
        Ok(trash)
    }

    /// Removes files whose writer was killed; with both locks held nobody writes here.
    pub fn remove_half_written(&self) -> Result<()> {
        [RECORDS, PRIVATE].into_iter().try_for_each(|d| remove_half_written(self.disk(), d))
    }
}

fn remove_half_written<D: Disk>(disk: &D, directory: &str) -> Result<()> {
    let names = disk.list(directory)?;
    let mut half_written = names.iter().filter(|name| name.starts_with(TEMPORARY));
    half_written.try_for_each(|name| {
        disk.remove(&format!("{directory}/{name}"))?;
        checkpoint::reach("leftover-removed");
        Ok(())
    })
}

/// Manifests of releases that do not stand: a deploy writes them before it commits, a prune removes
/// them last.
fn remove_orphaned_manifests<D: Disk>(disk: &D) -> Result<()> {
    for name in disk.list(MANIFESTS)? {
        let version = name.strip_suffix(".b3").or_else(|| name.strip_suffix(".tree"));
        let Some(version) = version.and_then(|name| Version::parse(name).ok()) else { continue };
        if disk.kind(&version.path())?.is_none() {
            disk.remove(&format!("{MANIFESTS}/{name}"))?;
            checkpoint::reach("leftover-removed");
        }
    }
    Ok(())
}

fn write_record<D: Disk>(disk: &D, record: &Record) -> Result<()> {
    write_durably(disk, RECORDS, &record.key.file_name(), record.to_toml()?.as_bytes())
}

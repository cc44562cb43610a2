//! Heals a damaged download: a wrong piece, a short or missing file, found while landing.
//!
//! rtorrent is made to let go of the download and to load it again, with everything that it had: it
//! checks the data, fetches only what is wrong, and its event lands the release. Before anything is
//! taken from rtorrent two things are on the disk: the record, which says *being healed, try 1*, and
//! all that must be put back. So whatever dies in between, the next sweep goes on: a download that
//! rtorrent does not have is loaded again first.
//!
//! The record is written under the deploy lock. rtorrent is asked without it, and without the switch
//! lock: a lock of its own, which healers alone take, keeps two of them apart, and a deploy that finds
//! its download being healed leaves it alone. What an operator does meanwhile counts: a download that
//! was stopped, removed, or whose watch file was removed, is not healed against that.
//!
//! At most three times for an info hash, with pauses. Then it waits like everything that failed; what
//! rtorrent still brings is landed.

mod kept;
mod ward;

pub use ward::{Rtorrent, Stock, Ward};

use crate::{
    checkpoint,
    disk::Disk,
    error::{Error, Exit, Result},
    process::Who,
    release::{Record, State, Unix, Wait},
    rtorrent::Torrent,
    store::{Seen, Site},
};
use kept::{Kept, Step};
use metainfo::InfoHash;
use std::{ffi::OsStr, io, os::unix::ffi::OsStrExt, path::Path, time::Duration};

/// How often a download is healed.
pub const TRIES: u32 = 3;

/// Until the second try; doubled with each. As long as rtorrent itself leaves a peer alone.
const PAUSE: Duration = Duration::from_secs(600);

/// Taken by who heals, for as long as rtorrent is asked; nobody waits for it with another lock.
const LOCK: &str = ".seedship/heal.lock";

/// Who heals, and when.
#[derive(Clone, Debug)]
pub struct Healer<'a> {
    /// The app, for messages.
    pub app: &'a str,
    /// The calling process.
    pub me: Who,
    /// Now.
    pub now: Unix,
    /// For marks.
    pub random: u64,
    /// How long another healer is waited for.
    pub wait: Duration,
}

/// How a download is, after it was tended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tended {
    /// It is not being healed.
    Well,
    /// rtorrent is at it.
    Underway,
    /// rtorrent has all of it again: it can be landed.
    Whole,
}

/// The record of a damaged download, about to be healed; `None` if that was done as often as it may
/// be. `wait` says what is wrong with it.
pub fn prescribe(record: &Record, wait: &Wait, now: Unix) -> Option<Record> {
    let heals = record.heals.saturating_add(1);
    let not_before = now.plus(pause(heals));
    let state = State::Waiting(Wait { not_before, healing: true, ..wait.clone() });
    (heals <= TRIES).then(|| Record { heals, ..record.clone() }.now(state, now))
}

fn pause(heals: u32) -> Duration {
    PAUSE.saturating_mul(1 << heals.saturating_sub(1).min(4))
}

/// Which try it is, for people.
pub fn tries(record: &Record) -> String {
    format!("try {} of {TRIES}", record.heals)
}

/// Keeps a deploy away from a download that is being healed. Whether rtorrent has all of it is asked
/// only where it was loaded again.
///
/// # Errors
/// 75 as long as it is being healed.
pub fn leave_alone<D: Disk>(
    disk: &D,
    record: &Record,
    app: &str,
    is_whole: impl FnOnce() -> Result<bool>,
) -> Result<()> {
    if record.healing().is_none() || (is_loaded(disk, record)? && is_whole()?) {
        return Ok(());
    }
    let cause = format!("its download is being healed, {}", tries(record));
    Err(Error::new(Exit::Again, "land", format!("{app} {}", record.version), cause)
        .hint("rtorrent's event lands it as soon as it is whole")
        .known())
}

/// How a download is as far as the disk tells, where rtorrent cannot be asked.
pub fn look<D: Disk>(disk: &D, record: &Record) -> Result<Tended> {
    Ok(match record.healing() {
        None => Tended::Well,
        // What its session says of it then is about what was loaded again.
        Some(_) if is_loaded(disk, record)? => Tended::Whole,
        Some(_) => Tended::Underway,
    })
}

/// rtorrent has it again, for the present try.
fn is_loaded<D: Disk>(disk: &D, record: &Record) -> Result<bool> {
    let Some(hash) = record.key.info_hash() else { return Ok(false) };
    let kept = Kept::read(disk, hash)?.filter(|kept| kept.attempt == record.heals);
    Ok(kept.is_some_and(|kept| kept.step >= Step::Loaded))
}

/// The downloads that are being healed, and those of which a heal left something.
pub fn all<D: Disk>(disk: &D, seen: &Seen) -> Result<Vec<InfoHash>> {
    let mut all = kept::all(disk)?;
    let healing = seen.records.iter().filter(|record| record.healing().is_some());
    all.extend(healing.filter_map(|record| record.key.info_hash()));
    all.sort();
    all.dedup();
    Ok(all)
}

/// Goes on with the heal of a download, or takes away what is left of one. Nothing to do if its
/// record does not say that it is being healed.
///
/// # Errors
/// 75 if the heal was given up, with the reason; 69 if rtorrent does not answer. Where nothing could
/// be done now, the next call goes on.
pub fn tend<D: Disk>(
    site: &mut Site<D>,
    hash: InfoHash,
    ward: &impl Ward,
    healer: &Healer<'_>,
) -> Result<Tended> {
    let healing = |site: &Site<D>| {
        let record = site.record(hash)?;
        Ok::<_, Error>(record.filter(|record| record.healing().is_some()))
    };
    if healing(site)?.is_none() && !kept::is_there(site.disk(), hash)? {
        return Ok(Tended::Well);
    }
    let Some(_alone) = site.disk().lock(LOCK, healer.wait)? else { return Ok(Tended::Underway) };
    // Only what is read under the lock counts.
    match healing(site)? {
        Some(record) => Heal { site, hash, record, ward, healer }.go_on(),
        None => kept::remove(site.disk(), hash).map(|()| Tended::Well),
    }
}

/// One heal, in the hands of the only process that is at it.
struct Heal<'h, D: Disk, W> {
    site: &'h mut Site<D>,
    hash: InfoHash,
    record: Record,
    ward: &'h W,
    healer: &'h Healer<'h>,
}

/// Why a heal is given up.
enum GivenUp {
    /// There is nothing to be healed any more.
    Removed,
    /// Its watch file was removed, which is how a download is taken out of rtorrent.
    Untied,
    /// Somebody stopped it.
    Stopped,
    /// It was tried often enough.
    InVain,
}

impl<D: Disk, W: Ward> Heal<'_, D, W> {
    fn go_on(mut self) -> Result<Tended> {
        let kept = Kept::read(self.site.disk(), self.hash)?;
        match kept.filter(|kept| kept.attempt == self.record.heals) {
            None => self.begin(),
            Some(kept) if kept.step == Step::Kept => self.load_again(kept),
            Some(kept) => self.watch(kept),
        }
    }

    /// Puts on the disk all that must be put back.
    fn begin(&mut self) -> Result<Tended> {
        let Some(standing) = self.ward.standing(self.hash)? else {
            return self.give_up(GivenUp::Removed);
        };
        if standing.hashing {
            return Ok(Tended::Underway);
        }
        if !standing.started && !standing.stuck {
            return self.give_up(GivenUp::Stopped);
        }
        let stock = self.ward.take_stock(self.hash)?;
        let random = self.healer.random;
        let kept = Kept::new(self.hash, self.record.heals, random, stock.belongings);
        let kept = Kept { by_path: stock.by_path, ..kept };
        kept.begin(self.site.disk(), &stock.torrent)?;
        checkpoint::reach("heal-kept");
        self.load_again(kept)
    }

    /// Whatever rtorrent has of it that was not loaded for this try gives way to what is.
    fn load_again(&mut self, mut kept: Kept) -> Result<Tended> {
        let standing = self.ward.standing(self.hash)?;
        let is_ours = standing.as_ref().is_some_and(|s| s.mark.as_deref() == Some(&kept.mark));
        if standing.as_ref().is_some_and(|standing| standing.hashing && !is_ours) {
            // It may not be touched now.
            return Ok(Tended::Underway);
        }
        if !is_ours {
            if is_removed(&kept.belongings.tied_to) {
                return self.give_up(GivenUp::Untied);
            }
            if standing.is_some() {
                self.ward.let_go(self.hash)?;
                checkpoint::reach("heal-erased");
            }
            self.load(&kept)?;
            checkpoint::reach("heal-loaded");
        }
        if !is_ours || standing.is_some_and(|standing| !standing.started) {
            self.ward.give_back(self.hash, &kept.belongings)?;
            checkpoint::reach("heal-furnished");
        }
        // Before it is started: its event may come at once, and is to find this.
        kept.step = Step::Loaded;
        kept.write(self.site.disk())?;
        checkpoint::reach("heal-noted");
        self.start(kept)
    }

    fn load(&self, kept: &Kept) -> Result<()> {
        let disk = self.site.disk();
        if kept.by_path {
            let file = kept.torrent_file(disk);
            return self.ward.load(self.hash, Torrent::File(&file), &kept.mark);
        }
        let torrent = kept.torrent(disk)?;
        self.ward.load(self.hash, Torrent::Bytes(&torrent), &kept.mark)
    }

    fn start(&mut self, mut kept: Kept) -> Result<Tended> {
        self.ward.start(self.hash)?;
        checkpoint::reach("heal-started");
        kept.step = Step::Started;
        kept.write(self.site.disk())?;
        Ok(Tended::Underway)
    }

    /// Looks how it fares since it was loaded again.
    fn watch(&mut self, mut kept: Kept) -> Result<Tended> {
        let Some(standing) = self.ward.standing(self.hash)? else {
            return self.give_up(GivenUp::Removed);
        };
        if standing.hashing {
            return Ok(Tended::Underway);
        }
        if standing.complete {
            return Ok(Tended::Whole);
        }
        if !standing.started && !standing.stuck {
            return match kept.step {
                Step::Started => self.give_up(GivenUp::Stopped),
                _ => self.start(kept),
            };
        }
        let had = kept.pieces.replace(standing.pieces);
        if had != kept.pieces {
            kept.write(self.site.disk())?;
        }
        let due = self.record.healing().is_some_and(|wait| wait.is_due(self.healer.now));
        match (due, had) {
            (false, _) => Ok(Tended::Underway),
            // It is slow, but it comes.
            (true, Some(had)) if standing.pieces > had => self.give_time(),
            (true, _) => self.try_again(),
        }
    }

    fn give_time(&mut self) -> Result<Tended> {
        let Some(wait) = self.record.healing().cloned() else { return Ok(Tended::Well) };
        let not_before = self.healer.now.plus(pause(self.record.heals));
        let state = State::Waiting(Wait { not_before, ..wait });
        self.write(self.record.clone().now(state, self.healer.now))?;
        Ok(Tended::Underway)
    }

    fn try_again(&mut self) -> Result<Tended> {
        let Some(wait) = self.record.healing().cloned() else { return Ok(Tended::Well) };
        match prescribe(&self.record, &wait, self.healer.now) {
            Some(next) => {
                self.write(next)?;
                checkpoint::reach("heal-again");
                self.begin()
            }
            None => self.give_up(GivenUp::InVain),
        }
    }

    /// It only waits from now on; what was kept for it goes.
    fn give_up(&mut self, why: GivenUp) -> Result<Tended> {
        let Some(wait) = self.record.healing().cloned() else { return Ok(Tended::Well) };
        let not_before = self.healer.now.plus(pause(self.record.heals));
        let state = State::Waiting(Wait { not_before, healing: false, ..wait });
        // What was not begun does not count.
        let untouched = !kept::is_there(self.site.disk(), self.hash)?;
        let heals = self.record.heals.saturating_sub(u32::from(untouched));
        self.write(Record { heals, ..self.record.clone() }.now(state, self.healer.now))?;
        checkpoint::reach("heal-ended");
        kept::remove(self.site.disk(), self.hash)?;
        Err(self.given_up(&why))
    }

    fn given_up(&self, why: &GivenUp) -> Error {
        let (cause, hint) = match why {
            GivenUp::Removed => (
                "rtorrent does not have it any more".to_owned(),
                "load its .torrent again, and it lands when it is whole",
            ),
            GivenUp::Untied => (
                "its watch file was removed meanwhile, so it was not loaded again".to_owned(),
                "rename its .torrent into the watch directory to have it back",
            ),
            GivenUp::Stopped => (
                "it is stopped in rtorrent, and stays so".to_owned(),
                "start it there: what it lacks is fetched, or healed by a later sweep",
            ),
            GivenUp::InVain => (
                format!("it was loaded again {TRIES} times, and what is wrong did not come"),
                "does a peer have all of it, and does the disk keep what it is given (`dmesg`)? \
                 What rtorrent still brings is landed",
            ),
        };
        let thing = format!("the download of {} {}", self.healer.app, self.record.version);
        Error::new(Exit::Again, "heal", thing, cause).hint(hint)
    }

    /// Writes the record, unless somebody else did meanwhile.
    fn write(&mut self, record: Record) -> Result<()> {
        let by = self.site.deploying(Duration::ZERO, &self.healer.me)?;
        if by.record(self.hash)?.as_ref() != Some(&self.record) {
            let thing = format!("the download of {} {}", self.healer.app, self.record.version);
            let cause = "another process wrote its record meanwhile";
            return Err(Error::new(Exit::Again, "heal", thing, cause)
                .hint("the next `seedship sweep` looks at it again"));
        }
        by.write_uncommitted(&record)?;
        self.record = record;
        Ok(())
    }
}

/// A watch file that is not there any more. One that we may not look at is taken to be there.
fn is_removed(file: &[u8]) -> bool {
    let file = Path::new(OsStr::from_bytes(file));
    let gone = |e: io::Error| e.kind() == io::ErrorKind::NotFound;
    file.is_absolute() && file.symlink_metadata().is_err_and(gone)
}

#[cfg(test)]
mod tests;

//! What a killed process left, finished or undone: the first thing that a writing deploy does.

use super::{Trial, mark::settle_marks};
use crate::{
    checkpoint,
    disk::{self, Disk, Kind},
    error::{Result, quoted},
    release::{Key, Record, State, Target, Unix, Version},
    store::{Both, NEXT, RELEASES, TRIAL},
};

/// Brings records and `current` to agree. Returns the trial that still needs its verdict.
///
/// The order matters: a record without its directory is dropped before anything is decided by it;
/// marks are carried out before trials are looked at, because they change what is live.
pub fn recover<D: Disk>(lock: &mut Both<'_, D>, now: Unix) -> Result<Option<Trial>> {
    lock.remove_half_written()?;
    lock.disk().remove(NEXT)?;
    checkpoint::reach("leftover-removed");
    lock.disk().remove_tree(TRIAL)?;
    checkpoint::reach("leftover-removed");
    lock.disk().remove_tree(disk::TRIAL)?;
    remove_adopted_links(lock)?;
    drop_unfinished(lock)?;
    settle_adopted(lock, now)?;
    settle_marks(lock, now)?;
    forget_removed(lock)?;
    reopen_trials(lock, now)?;
    Ok(unfinished_trial(lock))
}

/// A link at the place of an adopted release: its exchange with `current` never happened.
fn remove_adopted_links<D: Disk>(lock: &mut Both<'_, D>) -> Result<()> {
    let disk = lock.disk();
    for name in disk.list(RELEASES)?.iter().filter(|name| name.starts_with("adopted-")) {
        let path = format!("{RELEASES}/{name}");
        if disk.kind(&path)? == Some(Kind::Link) {
            disk.remove(&path)?;
            checkpoint::reach("leftover-removed");
        }
    }
    Ok(())
}

/// Records of releases that were never committed. Where the stage still stands, the directory of
/// the release's name, if there is one, is somebody else's.
fn drop_unfinished<D: Disk>(lock: &mut Both<'_, D>) -> Result<()> {
    let staged = lock.staged()?;
    let still_staged = |r: &Record| r.key.info_hash().is_some_and(|hash| staged.contains(&hash));
    let unfinished: Vec<Key> = lock
        .seen()
        .records
        .iter()
        .filter(|r| r.state == State::Open)
        .filter(|r| !lock.seen().stands(&r.version) || still_staged(r))
        .map(|r| r.key.clone())
        .collect();
    unfinished.iter().try_for_each(|key| lock.forget(key))
}

/// A directory that was taken over, whose record was not finished.
fn settle_adopted<D: Disk>(lock: &mut Both<'_, D>, now: Unix) -> Result<()> {
    let open = |r: &&Record| r.state == State::Open && matches!(r.key, Key::Adopted(_));
    let adopted: Vec<Record> = lock.seen().records.iter().filter(open).cloned().collect();
    adopted
        .into_iter()
        .try_for_each(|r| lock.write(Record { landed: true, ..r.now(State::Good, now) }))
}

/// A release of another tool that an operator removed: only so does one that was adopted ever go. A
/// rollback then goes past it. What lies elsewhere may only be unmounted, and keeps its record.
fn forget_removed<D: Disk>(lock: &mut Both<'_, D>) -> Result<()> {
    let place = lock.disk().place().to_owned();
    let at_home = |r: &Record| Version::linked(&place, &r.link_text()).as_ref() == Some(&r.version);
    let seen = lock.seen();
    let adopted = seen.records.iter().filter(|r| matches!(r.key, Key::Adopted(_)) && at_home(r));
    let removed = adopted.filter(|r| !seen.stands(&r.version) && seen.live() != Some(r));
    let removed: Vec<Record> = removed.cloned().collect();
    for gone in removed {
        let named = Target::Release(gone.version.clone());
        let after = lock.seen().records.iter().filter(|r| r.from.as_ref() == Some(&named));
        let after: Vec<Record> = after.cloned().collect();
        after.into_iter().try_for_each(|r| lock.write(Record { from: gone.from.clone(), ..r }))?;
        lock.forget(&gone.key)?;
        let removed = quoted(place.join(gone.version.path()));
        log::info!("{removed} was removed by hand: its record goes");
    }
    Ok(())
}

/// A trial that is not live never began: its release is landed, and chosen again or not.
fn reopen_trials<D: Disk>(lock: &mut Both<'_, D>, now: Unix) -> Result<()> {
    let live = lock.seen().live().map(|r| r.key.clone());
    let trying = |r: &&Record| r.state == State::Trying && Some(&r.key) != live.as_ref();
    let trials: Vec<Record> = lock.seen().records.iter().filter(trying).cloned().collect();
    trials.into_iter().try_for_each(|r| {
        lock.write(Record { number: None, from: None, ..r.now(State::Open, now) })
    })
}

fn unfinished_trial<D: Disk>(lock: &Both<'_, D>) -> Option<Trial> {
    let live = lock.seen().live().filter(|r| r.state == State::Trying)?;
    Some(Trial {
        key: live.key.clone(),
        version: live.version.clone(),
        from: live.from.clone().unwrap_or(Target::Nothing),
    })
}

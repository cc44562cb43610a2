//! Commit, the one atomic swap, and marks: what makes a release live, or leaves it.
//!
//! Everything here runs with the switch lock held and runs no command. The order of durable steps
//! is the promise: a record says what is about to happen before it happens, so that whoever comes
//! after a crash knows whether it did. At every instant `current` names a complete release, the
//! old or the new one.

mod adopt;
mod destination;
mod link;
mod recover;

pub use adopt::{adopt_directory, adopt_link, adopted_version};
pub use recover::recover;

use destination::Destination;

use crate::{
    checkpoint,
    disk::{Disk, Renamed},
    error::{Error, Exit, Result, quoted},
    release::{By, Key, Mark, Record, State, Target, Unix, Version},
    store::{Both, Durable, RELEASES, Switching, release_path},
};

/// A release that is live without a verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a trial needs a verdict"]
pub struct Trial {
    /// The release's record.
    pub key: Key,
    /// Its version.
    pub version: Version,
    /// What was live before it.
    pub from: Target,
}

/// `current` was made to point elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Switched {
    /// What was live.
    pub from: Target,
    /// What is live now.
    pub to: Target,
}

/// Gives a durable stage its release's name, for good.
///
/// Where the name was taken meanwhile, the record is dropped before the stage: with a directory of
/// its version standing, an `open` record would say that it landed.
///
/// # Errors
/// 65 if the name was taken meanwhile (the release is refused), 74 if the stage was deleted.
pub fn commit<D: Disk>(lock: &mut Both<'_, D>, stage: Durable<D>, record: &Record) -> Result<()> {
    let release = release_path(&record.version);
    let place = quoted(lock.disk().place().join(&release));
    match lock.disk().rename_new(stage.path(), &release)? {
        Renamed::Done => {}
        Renamed::Taken => {
            lock.forget(&record.key)?;
            let cause = "a directory of that name appeared while it was unpacked";
            return Err(Error::new(Exit::Payload, "commit", place, cause));
        }
        Renamed::Gone => {
            let cause = "its stage was deleted while it was unpacked";
            return Err(Error::new(Exit::Io, "commit", place, cause));
        }
    }
    stage.committed();
    checkpoint::reach("commit-renamed");
    lock.disk().fsync(RELEASES)?;
    lock.refresh()
}

/// Makes a landed release live on trial.
pub fn go_live<D: Disk>(
    lock: &mut Both<'_, D>,
    candidate: &Record,
    from: Target,
    number: u64,
    now: Unix,
) -> Result<Trial> {
    let trying = Record {
        landed: true,
        number: Some(number),
        from: Some(from.clone()),
        left: None,
        ..candidate.clone().now(State::Trying, now)
    };
    let trial = Trial { key: trying.key.clone(), version: trying.version.clone(), from };
    lock.write(trying.clone())?;
    checkpoint::reach("trial-recorded");
    swap(lock, &Destination::of(&trying), now)?;
    Ok(trial)
}

/// Makes `current` name a release, or nothing. The record of what is left is told first when it
/// ceased to be live, and the new one's own old mark is cleared: it would lead away from it again.
fn swap<D: Disk>(lock: &mut Switching<'_, D>, to: &Destination, now: Unix) -> Result<()> {
    if let Some(live) = lock.seen().live().filter(|live| live.left != Some(now)).cloned() {
        lock.write(Record { left: Some(now), ..live })?;
    }
    let marked = to.record.as_ref().and_then(|key| lock.seen().record(key));
    if let Some(marked) = marked.filter(|r| r.leave.is_some()).cloned() {
        lock.write(Record { leave: None, ..marked })?;
    }
    checkpoint::reach("switch-begins");
    link::point(lock.disk(), to.link.as_deref())?;
    lock.refresh()
}

/// What becomes of a trial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is good.
    Good,
    /// It failed, and what was live before is live again.
    Returned(Option<Switched>),
    /// An operator decided while it was on trial.
    Overruled,
}

/// Writes the verdict of a trial: one durable write. `failure` says why it is bad.
pub fn verdict<D: Disk>(
    lock: &mut Switching<'_, D>,
    trial: &Trial,
    failure: Option<String>,
    now: Unix,
) -> Result<Verdict> {
    let trying = lock.seen().record(&trial.key).filter(|r| r.state == State::Trying).cloned();
    let Some(trying) = trying else { return Ok(Verdict::Overruled) };
    let Some(reason) = failure else {
        lock.write(trying.now(State::Good, now))?;
        return Ok(Verdict::Good);
    };
    let mark = Mark { to: trial.from.clone(), by: By::Check };
    lock.write(Record { leave: Some(mark), ..trying.now(State::Bad { reason }, now) })?;
    Ok(Verdict::Returned(carry_out_mark(lock, now)?))
}

/// How an operator leaves what is live.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leave {
    /// Where to.
    pub to: Target,
    /// By which command.
    pub by: By,
    /// Why what is left is bad from now on; `None` keeps a good one good.
    pub bad: Option<String>,
}

/// Leaves what is live for another release, as an operator says. What is live without a verdict
/// becomes bad in any case: it was left before it could show that it is good.
pub fn leave<D: Disk>(
    lock: &mut Switching<'_, D>,
    leave: &Leave,
    now: Unix,
) -> Result<Option<Switched>> {
    close_finished_marks(lock, now)?;
    let Some(live) = lock.seen().live().cloned() else {
        return leave_nothing(lock, leave, now);
    };
    let on_trial = (live.state == State::Trying).then(|| "left before its verdict".to_owned());
    let state = match leave.bad.clone().or(on_trial) {
        Some(reason) => State::Bad { reason },
        None => live.state.clone(),
    };
    let mark = Mark { to: leave.to.clone(), by: leave.by };
    lock.write(Record { leave: Some(mark), left: Some(now), ..live.now(state, now) })?;
    checkpoint::reach("mark-written");
    carry_out_mark(lock, now)
}

/// With no record of what is live there is nothing to write a mark on: the release that becomes
/// live is told to be good first, so that a crash leaves it either live or good.
fn leave_nothing<D: Disk>(
    lock: &mut Switching<'_, D>,
    leave: &Leave,
    now: Unix,
) -> Result<Option<Switched>> {
    let Target::Release(version) = &leave.to else { return Ok(None) };
    let destination = Destination::find(lock, &leave.to)?;
    let from = lock.seen().live_target().unwrap_or(Target::Nothing);
    let number = lock.seen().next_number();
    match lock.seen().owner(version).cloned() {
        // No record: an operator named a directory, and that is all there is to go by.
        None => {}
        Some(target) => {
            let good = Record {
                number: Some(number),
                from: Some(from.clone()),
                left: None,
                leave: None,
                landed: true,
                ..target.now(State::Good, now)
            };
            lock.write(good)?;
        }
    }
    swap(lock, &destination, now)?;
    Ok(Some(Switched { from, to: leave.to.clone() }))
}

/// Carries out the mark on what is live, if it has one: swap, close the target's record, clear.
pub fn carry_out_mark<D: Disk>(lock: &mut Switching<'_, D>, now: Unix) -> Result<Option<Switched>> {
    let Some(live) = lock.seen().live().cloned() else { return Ok(None) };
    let Some(mark) = live.leave.clone() else { return Ok(None) };
    let from = Target::Release(live.version.clone());
    if mark.to == from {
        lock.write(Record { leave: None, ..live })?;
        return Ok(None);
    }
    let destination = match Destination::find(lock, &mark.to) {
        Ok(destination) => destination,
        // Somebody deleted it by hand: what is live stays, rather than nothing at all.
        Err(gone) => {
            log::warn!("{gone}; `{from}` stays live");
            lock.write(Record { leave: None, left: None, ..live })?;
            return Ok(None);
        }
    };
    swap(lock, &destination, now)?;
    checkpoint::reach("mark-switched");
    close(lock, &live.key, &mark, now)?;
    Ok(Some(Switched { from, to: mark.to }))
}

/// The target of a mark is live: its record says so, then the mark goes.
fn close<D: Disk>(lock: &mut Switching<'_, D>, left: &Key, mark: &Mark, now: Unix) -> Result<()> {
    let seen = lock.seen();
    let left_version = seen.record(left).map(|r| r.version.clone());
    if let Target::Release(version) = &mark.to
        && let Some(target) = seen.owner(version).cloned()
    {
        let mut good = Record { left: None, landed: true, ..target.clone().now(State::Good, now) };
        if mark.by == By::Activate {
            good.number = Some(seen.next_number());
            good.from = left_version.map(Target::Release);
        }
        if good != target {
            lock.write(good)?;
        }
    }
    checkpoint::reach("mark-closed");
    match lock.seen().record(left).cloned() {
        Some(record) => lock.write(Record { leave: None, ..record }),
        None => Ok(()),
    }
}

/// Marks whose target is live already: the switch was done, its end was not.
fn close_finished_marks<D: Disk>(lock: &mut Switching<'_, D>, now: Unix) -> Result<()> {
    let Some(live) = lock.seen().live_target() else { return Ok(()) };
    let finished: Vec<(Key, Mark)> = lock
        .seen()
        .records
        .iter()
        .filter_map(|r| r.leave.clone().map(|mark| (r.key.clone(), mark)))
        .filter(|(_, mark)| mark.to == live)
        .collect();
    finished.iter().try_for_each(|(left, mark)| close(lock, left, mark, now))
}

//! Commit, the one atomic swap, and marks: what makes a release live, or leaves it.
//!
//! Everything here runs with the switch lock held and runs no command. The order of durable steps
//! is the promise: a record says what is about to happen before it happens, so that whoever comes
//! after a crash knows whether it did. At every instant `current` names a complete release, the
//! old or the new one.

mod adopt;
mod destination;
mod link;
mod mark;
mod recover;

pub use adopt::{adopt_directory, adopt_link};
pub use link::{swap_link, swap_link_by_rename};
pub use mark::{Leave, carry_out_mark, close_finished_marks, leave};
pub use recover::recover;

use destination::Destination;

use crate::{
    checkpoint,
    disk::{Disk, Renamed},
    error::{Error, Exit, Result, quoted},
    release::{By, Key, Mark, Record, State, Target, Unix, Version},
    store::{Both, Deploying, Durable, RELEASES, Switching},
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

/// Takes the switch lock for a deploy, and first finishes what an operator decided whose command
/// was killed: nothing may be decided from a switch that is half done.
pub fn begin<'a, D: Disk>(by: &'a mut Deploying<'_, D>, now: Unix) -> Result<Both<'a, D>> {
    let mut lock = by.switching()?;
    mark::settle_marks(&mut lock, now)?;
    Ok(lock)
}

/// Gives a durable stage its release's name, for good.
///
/// Where the name was taken meanwhile, the record is dropped before the stage: with a directory of
/// its version standing, an `open` record would say that it landed.
///
/// # Errors
/// 65 if the name was taken meanwhile (the release is refused), 74 if the stage was deleted. What
/// fails after the rename leaves no trace in the record: the release landed.
pub fn commit<D: Disk>(lock: &mut Both<'_, D>, stage: Durable<D>, record: &Record) -> Result<()> {
    let release = record.version.path();
    let place = quoted(lock.disk().place().join(&release));
    match lock.disk().rename_new(stage.path(), &release)? {
        Renamed::Done => {}
        Renamed::Taken => {
            lock.forget(&record.key)?;
            let cause = "a directory of that name appeared while it was unpacked";
            return Err(Error::new(Exit::Payload, "commit", place, cause)
                .hint("nothing but seedship may write `releases/`: publish a new version"));
        }
        Renamed::Gone => return Err(stage.deleted(place)),
    }
    stage.committed();
    checkpoint::reach("commit-renamed");
    lock.disk().fsync(RELEASES).and_then(|()| lock.refresh()).map_err(Error::unrecorded)
}

/// Makes a landed release live on trial.
///
/// # Errors
/// 66 if its directory or its record is gone.
pub fn go_live<D: Disk>(
    lock: &mut Both<'_, D>,
    candidate: &Record,
    from: Target,
    number: u64,
    now: Unix,
) -> Result<Trial> {
    let key = &candidate.key;
    let to = Destination::find(lock, &Target::Release(candidate.version.clone()))?;
    // What is on disk counts, not what the caller remembers.
    let landed = lock.seen().record(key).filter(|_| to.record.as_ref() == Some(key)).cloned();
    let landed = landed.ok_or_else(|| destination::gone(lock, &candidate.version))?;
    let trial = Trial { key: key.clone(), version: landed.version.clone(), from: from.clone() };
    let landed = Record { landed: true, from: Some(from), left: None, at: now, ..landed };
    lock.begin_trial(landed, number)?;
    checkpoint::reach("trial-recorded");
    swap(lock, &to, now)?;
    Ok(trial)
}

/// Makes `current` name a release, or nothing. The record of what is left is told first when it
/// ceased to be live, and the new one's own old mark is cleared: it would lead away from it again.
fn swap<D: Disk>(lock: &mut Switching<'_, D>, to: &Destination, now: Unix) -> Result<()> {
    if let Some(live) = lock.seen().live().filter(|live| live.left != Some(now)).cloned() {
        lock.write(Record { left: Some(now), ..live })?;
    }
    clear_mark(lock, to.record.as_ref())?;
    checkpoint::reach("switch-begins");
    link::point(lock.disk(), to.link.as_deref())?;
    lock.refresh()
}

/// Clears the mark of what is about to become live.
fn clear_mark<D: Disk>(lock: &mut Switching<'_, D>, of: Option<&Key>) -> Result<()> {
    let record = of.and_then(|key| lock.seen().record(key)).filter(|r| r.leave.is_some()).cloned();
    record.map_or(Ok(()), |marked| lock.write(Record { leave: None, ..marked }))
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
    let live = lock.seen().live().filter(|r| r.key == trial.key);
    let Some(trying) = live.filter(|r| r.state == State::Trying).cloned() else {
        // Its own record is left alone. If the operator's command died, it is finished here.
        carry_out_mark(lock, now)?;
        return Ok(Verdict::Overruled);
    };
    let Some(reason) = failure else {
        lock.write(trying.now(State::Good, now))?;
        return Ok(Verdict::Good);
    };
    let mark = Mark { to: trial.from.clone(), by: By::Check };
    lock.write(Record { leave: Some(mark), ..trying.now(State::Bad { reason }, now) })?;
    checkpoint::reach("mark-written");
    Ok(Verdict::Returned(carry_out_mark(lock, now)?))
}

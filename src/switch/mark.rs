//! Marks: "leave to X", written on the record of what is live before it is left.
//!
//! A mark is the decision, the swap only carries it out: whoever holds the switch lock next
//! finishes what a killed process decided. Closing comes after the swap: the target's record says
//! that it is live and good, then the mark goes. So a crash at any point leaves either the mark on
//! what is live, or a mark whose target is live, and both say what is still to be done.

use super::{Destination, Switched, swap};
use crate::{
    checkpoint,
    disk::Disk,
    error::Result,
    release::{By, Key, Mark, Record, State, Target, Unix},
    store::{Both, Switching},
};

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
        return leave_unrecorded(lock, leave, now);
    };
    let state = match (&leave.bad, &live.state) {
        (Some(reason), _) => State::Bad { reason: reason.clone() },
        (None, State::Trying) => State::Bad { reason: "left before its verdict".to_owned() },
        (None, State::Bad { .. }) => live.state.clone(),
        (None, _) => State::Good,
    };
    let mark = Mark { to: leave.to.clone(), by: leave.by };
    // It was live, also if it became so by a person's `ln -s`: what was activated is counted.
    let number = live.number.or(Some(lock.seen().next_number()));
    let left = Record { leave: Some(mark), left: Some(now), number, ..live.now(state, now) };
    lock.write(left)?;
    checkpoint::reach("mark-written");
    carry_out_mark(lock, now)
}

/// With no record of what is live there is nothing to write a mark on. The swap comes first: a
/// crash after it leaves a release that is live and not good yet, which the next deploy settles,
/// and one before it leaves everything as it was.
fn leave_unrecorded<D: Disk>(
    lock: &mut Switching<'_, D>,
    leave: &Leave,
    now: Unix,
) -> Result<Option<Switched>> {
    let destination = Destination::find(lock, &leave.to)?;
    let from = lock.seen().live_target().unwrap_or(Target::Nothing);
    swap(lock, &destination, now)?;
    checkpoint::reach("mark-switched");
    close_target(lock, &Mark { to: leave.to.clone(), by: leave.by }, Some(from.clone()), now)?;
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
pub(super) fn close<D: Disk>(
    lock: &mut Switching<'_, D>,
    left: &Key,
    mark: &Mark,
    now: Unix,
) -> Result<()> {
    let from = lock.seen().record(left).map(|r| Target::Release(r.version.clone()));
    close_target(lock, mark, from, now)?;
    checkpoint::reach("mark-closed");
    let Some(left) = lock.seen().record(left).cloned() else { return Ok(()) };
    // A directory that was taken over: its exchange with `current` is what made it a release.
    let adopted = left.state == State::Open && matches!(left.key, Key::Adopted(_));
    let left = if adopted { left.now(State::Good, now) } else { left };
    lock.write(Record { leave: None, landed: left.landed || adopted, ..left })
}

/// What is live because somebody said so is good. `activate` is an activation of its own: it
/// counts, and a later rollback goes to what it left. So is the first one of any release.
fn close_target<D: Disk>(
    lock: &mut Switching<'_, D>,
    mark: &Mark,
    from: Option<Target>,
    now: Unix,
) -> Result<()> {
    let Target::Release(version) = &mark.to else { return Ok(()) };
    let Some(target) = lock.seen().owner(version).cloned() else { return Ok(()) };
    let mut good = Record { left: None, landed: true, ..target.clone().now(State::Good, now) };
    if mark.by == By::Activate || good.number.is_none() {
        good.number = Some(lock.seen().next_number());
    }
    if mark.by == By::Activate {
        good.from = from;
    }
    if good == target { Ok(()) } else { lock.write(good) }
}

/// Closes marks whose target is live already: the switch was done, its end was not. An operator's
/// command begins with this, since where it leads to depends on it.
pub fn close_finished_marks<D: Disk>(lock: &mut Switching<'_, D>, now: Unix) -> Result<()> {
    let seen = lock.seen();
    let Some(live) = seen.live_target() else { return Ok(()) };
    // A directory that was to be taken over, but never was, left nothing.
    let began = |r: &&Record| r.state != State::Open || seen.stands(&r.version);
    let marked = seen.records.iter().filter(began);
    let marked = marked.filter_map(|r| Some((r.key.clone(), r.leave.clone()?)));
    let finished: Vec<(Key, Mark)> = marked.filter(|(_, mark)| mark.to == live).collect();
    finished.iter().try_for_each(|(left, mark)| close(lock, left, mark, now))
}

/// With both locks held nobody is in the middle of a switch: every mark is carried out, closed or
/// cleared, and what is live is known as such.
pub(super) fn settle_marks<D: Disk>(lock: &mut Both<'_, D>, now: Unix) -> Result<()> {
    carry_out_mark(lock, now)?;
    close_finished_marks(lock, now)?;
    clear_other_marks(lock)?;
    settle_live(lock, now)
}

/// Marks that lead nowhere any more: something else was made live since.
fn clear_other_marks<D: Disk>(lock: &mut Both<'_, D>) -> Result<()> {
    let marked = lock.seen().records.iter().filter(|r| r.leave.is_some());
    let marked: Vec<Record> = marked.cloned().collect();
    marked.into_iter().try_for_each(|r| lock.write(Record { leave: None, ..r }))
}

/// A release that is live without ever having been on trial: an operator made it so, whose command
/// was killed before its end, or by hand.
fn settle_live<D: Disk>(lock: &mut Both<'_, D>, now: Unix) -> Result<()> {
    let settled = |r: &Record| matches!(r.state, State::Trying | State::Good | State::Bad { .. });
    let Some(live) = lock.seen().live().filter(|r| !settled(r)).cloned() else { return Ok(()) };
    let number = live.number.or(Some(lock.seen().next_number()));
    lock.write(Record { number, landed: true, left: None, ..live.now(State::Good, now) })
}

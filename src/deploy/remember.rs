//! What becomes of the record when a deploy fails before its release was committed.

use super::Job;
use crate::{
    disk::Disk,
    error::{Error, Lasts},
    heal,
    release::{Record, State, Unix, Wait},
    store::Deploying,
};
use std::time::Duration;

/// The first wait after a failure that passes; doubled with each try.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// Writes down a failure before the commit, so that it is neither forgotten nor tried again at once.
/// A damaged download is healed from then on, where there is an rtorrent `in_reach`. Returns the
/// failure as it is to be told.
pub(super) fn failure<D: Disk>(
    by: &Deploying<'_, D>,
    job: &Job<'_>,
    known: Option<&Record>,
    error: Error,
    in_reach: bool,
    now: Unix,
) -> Error {
    let told = by.record(job.hash).and_then(|record| {
        let record = record.unwrap_or_else(|| job.rank(now));
        let wait = wait(known, &error, now);
        let (record, error) = match error.lasts {
            Lasts::Unrecorded | Lasts::Known => return Ok(error.clone()),
            Lasts::Final => (refused(record, job, &error, now), error.clone()),
            Lasts::Damaged | Lasts::Healing => damaged(record, wait, &error, in_reach, now),
            Lasts::Passing => (record.now(State::Waiting(wait), now), error.clone()),
        };
        by.write_uncommitted(&record)?;
        Ok(error)
    });
    told.unwrap_or_else(|e| {
        log::error!("{e}; {job} is tried again without a pause");
        error
    })
}

fn refused(record: Record, job: &Job<'_>, error: &Error, now: Unix) -> Record {
    let (exit, reason, digest) = (error.exit.code(), error.to_string(), job.app.digest.clone());
    record.now(State::Refused { exit, reason, digest, beside: job.beside() }, now)
}

/// A download that is being healed stays so where rtorrent cannot be asked: it may be that it has
/// let go of it already.
fn damaged(
    record: Record,
    wait: Wait,
    error: &Error,
    in_reach: bool,
    now: Unix,
) -> (Record, Error) {
    if !in_reach {
        return (record.now(State::Waiting(wait), now), error.clone());
    }
    let wait = Wait { healing: false, ..wait };
    match heal::prescribe(&record, &wait, now) {
        Some(healed) => {
            let hint = format!("rtorrent is made to fetch it again: {}", heal::tries(&healed));
            (healed, error.clone().hint(hint).healing())
        }
        None => {
            let hint = format!(
                "it was fetched again {} times: does the disk keep what it is given (`dmesg`)? Then let rtorrent check its hash (Ctrl-R)",
                heal::TRIES
            );
            (record.now(State::Waiting(wait), now), error.clone().hint(hint))
        }
    }
}

fn wait(known: Option<&Record>, error: &Error, now: Unix) -> Wait {
    let (tries, healing) = match known.map(|known| &known.state) {
        Some(State::Waiting(wait)) => (wait.tries.saturating_add(1), wait.healing),
        _ => (1, false),
    };
    let doubled = FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(16));
    Wait {
        not_before: now.plus(doubled.min(Wait::LONGEST)),
        tries,
        exit: error.exit.code(),
        reason: error.to_string(),
        healing,
    }
}

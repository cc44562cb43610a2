//! What becomes of the record when a deploy fails before its release was committed.

use super::Job;
use crate::{
    disk::Disk,
    error::{Error, Lasts},
    release::{Record, State, Unix, Wait},
    store::Deploying,
};
use std::time::Duration;

/// The first wait after a failure that passes; doubled with each try.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// Writes down a failure before the commit, so that it is neither forgotten nor tried again at once.
pub(super) fn failure<D: Disk>(
    by: &Deploying<'_, D>,
    job: &Job<'_>,
    known: Option<&Record>,
    error: &Error,
    now: Unix,
) {
    let state = match error.lasts {
        Lasts::Unrecorded | Lasts::Known => return,
        Lasts::Final => State::Refused {
            exit: error.exit.code(),
            reason: error.to_string(),
            digest: job.app.digest.clone(),
        },
        Lasts::Passing => State::Waiting(wait(known, error, now)),
    };
    let written = by.record(job.hash).and_then(|record| {
        let record = record.unwrap_or_else(|| job.rank(now));
        by.write_uncommitted(&record.now(state, now))
    });
    if let Err(e) = written {
        log::error!("{e}; {job} is tried again without a pause");
    }
}

fn wait(known: Option<&Record>, error: &Error, now: Unix) -> Wait {
    let tries = match known.map(|r| &r.state) {
        Some(State::Waiting(wait)) => wait.tries.saturating_add(1),
        _ => 1,
    };
    let doubled = FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(16));
    Wait {
        not_before: now.plus(doubled.min(Wait::LONGEST)),
        tries,
        exit: error.exit.code(),
        reason: error.to_string(),
    }
}

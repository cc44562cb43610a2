//! What a deploy would do: no lock, nothing written, no payload read.

use super::{Job, Lander, decided, open, turn::foreign};
use crate::{
    choose::{self, Decision, Rules, Stay},
    disk::Disk,
    error::Result,
    process,
    release::{Key, Record, State, Target, Unix},
    settle::Commands,
    store::{Seen, Site},
};
use std::{fmt, path::Path};

/// What would happen to a release, as far as it can be known before its payload is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Would {
    /// Nothing: it was decided before.
    Nothing(State),
    /// It would be passed over unread.
    PassOver,
    /// It would land and go live in place of this.
    GoLive(Target),
    /// It would land and stay.
    Stay(Stay),
}

impl fmt::Display for Would {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(state) => write!(f, "is {} already", state.word()),
            Self::PassOver => f.write_str("is older than what is live: it would be passed over"),
            Self::GoLive(from) => write!(f, "would land and go live in place of {from}"),
            Self::Stay(stay) => write!(f, "would land and not go live: {stay}"),
        }
    }
}

/// Foresees a deploy. What would fail before the payload is read fails here in the same way.
pub fn foresee(job: &Job<'_>, payload: &Path, now: Unix) -> Result<Would> {
    process::require_owner(&process::owner_of(&job.app.root)?, &job.app.name)?;
    let site = open(job)?;
    let mut seen = site.look()?;
    seen.readable()?;
    let known = seen.record(&job.key());
    if let Some(Some(done)) = decided(job, known)?.map(|outcome| outcome.state()) {
        return Ok(Would::Nothing(done));
    }
    let candidate = match known.filter(|r| r.state == State::Open && seen.stands(&r.version)) {
        Some(landed) => landed.clone(),
        None => {
            let asked = known.is_some_and(|known| known.asked);
            let candidate = Record { asked, ..job.candidate(now)? };
            job.free(&seen)?;
            if choose::is_outdated(&candidate, &seen, job.app.order(), job.app.keep) {
                return Ok(Would::PassOver);
            }
            // That it is there in full length can be seen without reading it.
            Commands::of(job.app, "finished").open(site.disk(), &seen, job, payload)?;
            candidate
        }
    };
    // What is decided is decided about a release that landed.
    seen.standing.insert(candidate.version.clone());
    seen.records.retain(|record| record.key != candidate.key);
    seen.records.push(candidate.clone());
    match choose::choose(&candidate, &seen, &Rules::of(job.app), now) {
        Decision::Activate { from, .. } => Ok(Would::GoLive(from)),
        Decision::Stay(Stay::Foreign) => Err(foreign(job.app, &job.version, &seen)),
        Decision::Stay(stay) => Ok(Would::Stay(stay)),
    }
}

/// Whether an earlier run was interrupted: the next one that writes finishes or cleans it.
pub fn is_unfinished<D: Disk>(site: &Site<D>, seen: &Seen) -> Result<bool> {
    let left = site.leftovers()?;
    let open = |r: &Record| r.state == State::Open && !seen.stands(&r.version);
    let undecided = |r: &Record| {
        r.state == State::Trying
            || r.leave.is_some()
            || open(r)
            || (r.state == State::Open && matches!(r.key, Key::Adopted(_)))
    };
    let owed = site.owed()?.iter().any(|owed| !owed.is_alive());
    Ok(owed || !left.stages.is_empty() || left.trash > 0 || seen.records.iter().any(undecided))
}

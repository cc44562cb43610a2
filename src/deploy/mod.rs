//! One deploy: identify → verify → unpack → commit → activate → settle → prune.
//!
//! Whatever instant it dies at, `current` names a complete, verified release, the old or the new
//! one, and the next deploy or sweep finishes or cleans what was left. It is idempotent: an info
//! hash lands once, however often its event comes.

mod foresee;
mod identify;
mod land;
mod preflight;
mod remember;
mod tell;

pub use foresee::{Would, foresee, is_unfinished};
pub use identify::{Identified, Job, identify};
pub use tell::{Subject, sentence, tell, tell_app};

use crate::{
    choose::{self, Decision, Rules, Stay},
    config::App,
    disk::Kernel,
    error::{Error, Exit, Result, quoted},
    process::{self, Who},
    release::{Key, Record, State, Target, Unix, Version},
    rtorrent::Client,
    settle,
    store::{Both, CURRENT, Current, Deploying, Seen, Site},
    switch::{self, Trial, Verdict},
    tidy::{self, Seeding},
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Time, chance and who asks: everything that is not on disk, passed in.
#[derive(Clone, Debug)]
pub struct Env {
    /// Now.
    pub now: Unix,
    /// For the names of stages and trash.
    pub random: u64,
    /// The command, for whoever has to wait for this process.
    pub command: &'static str,
    /// rtorrent's session directory.
    pub session: PathBuf,
    /// How long to wait for another deploy of the app; `None` as configured.
    pub lock_wait: Option<Duration>,
    /// The outcome is the command's own answer: a terminal shows it without the log.
    pub answers: bool,
}

/// Where the payload is, and the rtorrent that has it, if one is asked.
pub struct Source<'a> {
    /// The payload: the file of a single-file torrent, the directory of any other.
    pub payload: PathBuf,
    /// For custom fields and for erasing the downloads of pruned releases.
    pub rtorrent: Option<&'a Client>,
}

/// What a deploy came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is live and good.
    Live {
        /// What was live before.
        from: Target,
        /// From the first byte read to the end, and the hold of the switch alone.
        took: Took,
        /// What was said about the payload.
        notes: Vec<String>,
    },
    /// It landed and does not go live by itself.
    Landed {
        /// Why not.
        stay: Stay,
        /// What was said about the payload.
        notes: Vec<String>,
    },
    /// It is older than what is live and would not be kept: passed over unread.
    Superseded,
    /// Nothing to do: it was decided before.
    Already(State),
    /// An operator made another release live while this one was on trial.
    Overruled,
    /// Its check failed; what was live before is live again.
    Returned(Target),
}

impl Outcome {
    /// One word, for the history, rtorrent's custom field and machines.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live { .. } => "live",
            Self::Landed { .. } => "landed",
            Self::Superseded => "superseded",
            Self::Already(_) => "already",
            Self::Overruled => "overruled",
            Self::Returned(_) => "returned",
        }
    }

    /// The state that was decided before, if there was nothing to do.
    fn state(self) -> Option<State> {
        match self {
            Self::Already(state) => Some(state),
            _ => None,
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Returned(_) => Exit::Unhealthy,
            _ => Exit::Done,
        }
    }
}

/// How long it took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Took {
    /// All of it.
    pub all: Duration,
    /// The hold of the switch lock: commit, decision and swap.
    pub switch: Duration,
}

/// Deploys one release. The record of the info hash says afterwards what happened, unless neither
/// app nor hash is proven.
pub fn deploy(job: &Job<'_>, source: &Source<'_>, env: &Env) -> Result<Outcome> {
    let began = Instant::now();
    process::require_owner(&process::owner_of(&job.app.root)?, &job.app.name)?;
    let mut site = open(job)?;
    if let Some(done) = decided(job, site.record(job.hash)?.as_ref())? {
        return Ok(done);
    }
    let wait = env.lock_wait.unwrap_or(job.app.lock_wait);
    let line = Who::me(env.command, Some(job.hash))?.to_string();
    let mut by = site.deploying(wait, &line)?;
    settle::recover(&mut by, env.now)?;
    // Only what is read under the lock counts.
    let known = by.record(job.hash)?;
    if let Some(done) = decided(job, known.as_ref())? {
        return Ok(done);
    }
    let mut committed = false;
    let deployed = under_lock(&mut by, job, source, env, began, &mut committed);
    if let (Err(error), false) = (&deployed, committed) {
        remember::failure(&by, job, known.as_ref(), error, env.now);
        // The stage is gone; the manifests that were begun beside it go here.
        if let Err(e) = by.remove_leftovers() {
            log::warn!("{e}; the next deploy or sweep removes it");
        }
    }
    let outcome = deployed?;
    let seeding = source.rtorrent.map(|client| Seeding { client, session: &env.session });
    tidy::tidy(&mut by, job.app, seeding, env.now, env.random);
    Ok(outcome)
}

/// The app's site, with the mode that its directories get.
fn open(job: &Job<'_>) -> Result<Site<Kernel>> {
    Ok(Site::new(Kernel::open(&job.app.root)?, job.app.mode.directory()))
}

/// What an earlier run decided about this info hash, if there is nothing left to do.
fn decided(job: &Job<'_>, known: Option<&Record>) -> Result<Option<Outcome>> {
    let Some(known) = known else { return Ok(None) };
    match &known.state {
        State::Good | State::Bad { .. } | State::Superseded | State::Pruned => {
            Ok(Some(Outcome::Already(known.state.clone())))
        }
        State::Refused { exit, reason, digest } if *digest == job.app.digest => {
            let exit = Exit::from_code(*exit).unwrap_or(Exit::Payload);
            Err(Error::new(exit, "deploy", job, format!("refused before: {reason}"))
                .hint("it is tried again when the app's settings change")
                .known())
        }
        _ => Ok(None),
    }
}

fn under_lock(
    by: &mut Deploying<'_, Kernel>,
    job: &Job<'_>,
    source: &Source<'_>,
    env: &Env,
    began: Instant,
    committed: &mut bool,
) -> Result<Outcome> {
    if let Some(landed) = resumable(by, job)? {
        *committed = true;
        let mut lock = switch::begin(by, env.now)?;
        let switching = Instant::now();
        let trial = activate(&mut lock, job.app, &landed, env)?;
        let switch = switching.elapsed();
        drop(lock);
        return settled(by, trial, Vec::new(), env, || Took { all: began.elapsed(), switch });
    }
    let asked = by.record(job.hash)?.is_some_and(|known| known.asked);
    let candidate = Record { asked, ..job.candidate(env.now)? };
    if passed_over(by, job, &candidate, env)? {
        return Ok(Outcome::Superseded);
    }
    preflight::check(by.site().disk(), &by.site().look()?, job)?;
    let landing = land::land(by, job, candidate, source, env)?;
    let mut lock = switch::begin(by, env.now)?;
    let switching = Instant::now();
    switch::commit(&mut lock, landing.stage, &landing.record)?;
    *committed = true;
    let trial = activate(&mut lock, job.app, &landing.record, env)?;
    let switch = switching.elapsed();
    drop(lock);
    settled(by, trial, landing.notes, env, || Took { all: began.elapsed(), switch })
}

/// A record whose directory stands: it landed, and was not decided about.
fn resumable(by: &mut Deploying<'_, Kernel>, job: &Job<'_>) -> Result<Option<Record>> {
    let seen = by.site().look()?;
    seen.readable()?;
    let open = |r: &&Record| r.state == State::Open && seen.stands(&r.version);
    Ok(seen.record(&job.key()).filter(open).cloned())
}

/// Older than a good live release and beyond `keep`: not worth reading.
fn passed_over(
    by: &mut Deploying<'_, Kernel>,
    job: &Job<'_>,
    candidate: &Record,
    env: &Env,
) -> Result<bool> {
    let mut lock = switch::begin(by, env.now)?;
    job.free(lock.seen())?;
    let outdated = choose::is_outdated(candidate, lock.seen(), job.app.order(), job.app.keep);
    if outdated {
        lock.write(candidate.clone().now(State::Superseded, env.now))?;
    }
    Ok(outdated)
}

/// Decides, and makes the release live on trial or says why not.
fn activate(
    lock: &mut Both<'_, Kernel>,
    app: &App,
    landed: &Record,
    env: &Env,
) -> Result<std::result::Result<Trial, Stay>> {
    match choose::choose(landed, lock.seen(), &Rules::of(app), env.now) {
        Decision::Activate { from, number } => {
            switch::go_live(lock, landed, from, number, env.now).map(Ok)
        }
        Decision::Stay(Stay::Foreign) => Err(foreign(app, &landed.version, lock.seen())),
        Decision::Stay(stay) => Ok(Err(stay)),
    }
}

fn foreign(app: &App, version: &Version, seen: &Seen) -> Error {
    let cause = match &seen.current {
        Current::Foreign(what) => format!("it is {what}; {version} landed and waits"),
        _ => "seedship did not make it".to_owned(),
    };
    Error::new(Exit::NotOurs, "switch", quoted(app.root.join(CURRENT)), cause)
        .hint(format!("seedship activate {} {version} --adopt", app.name))
        .unrecorded()
}

/// From the trial to its verdict.
fn settled(
    by: &mut Deploying<'_, Kernel>,
    trial: std::result::Result<Trial, Stay>,
    notes: Vec<String>,
    env: &Env,
    took: impl Fn() -> Took,
) -> Result<Outcome> {
    let trial = match trial {
        Ok(trial) => trial,
        Err(stay) => return Ok(Outcome::Landed { stay, notes }),
    };
    Ok(match settle::try_out(by, &trial, env.now)? {
        Verdict::Good => Outcome::Live { from: trial.from, took: took(), notes },
        Verdict::Returned(_) => Outcome::Returned(trial.from),
        Verdict::Overruled => Outcome::Overruled,
    })
}

/// Makes a landed release live that no event will come for again: after `unhold`, or a change of
/// configuration.
pub fn activate_landed(
    site: &mut Site<Kernel>,
    app: &App,
    landed: &Record,
    env: &Env,
) -> Result<Outcome> {
    let began = Instant::now();
    let mut by = site.deploying(Duration::ZERO, &Who::me(env.command, None)?.to_string())?;
    settle::recover(&mut by, env.now)?;
    let mut lock = switch::begin(&mut by, env.now)?;
    let switching = Instant::now();
    let trial = activate(&mut lock, app, landed, env)?;
    let switch = switching.elapsed();
    drop(lock);
    settled(&mut by, trial, Vec::new(), env, || Took { all: began.elapsed(), switch })
}

impl Job<'_> {
    /// The key of the record.
    pub fn key(&self) -> Key {
        Key::Torrent(self.hash)
    }

    /// The version must be free, or this info hash's own: a release is immutable.
    fn free(&self, seen: &Seen) -> Result<()> {
        let taken = &self.version;
        match seen.owner(taken) {
            Some(owner) if owner.key == self.key() => Ok(()),
            Some(owner) => {
                let other = match owner.key.info_hash() {
                    Some(hash) => format!("info hash {hash}"),
                    None => "an adopted release".to_owned(),
                };
                let cause = format!("that version belongs to {other}, and a release is immutable");
                Err(Error::new(Exit::Payload, "land", self, cause).hint("publish a new version"))
            }
            None if seen.stands(taken) => {
                let place = quoted(self.app.root.join("releases").join(taken.as_str()));
                let cause = "a directory is there that seedship did not make";
                Err(Error::new(Exit::NotOurs, "land into", place, cause).hint(format!(
                    "move it away, or take it over while it is live: seedship activate {} {taken} --adopt",
                    self.app.name
                )))
            }
            None => Ok(()),
        }
    }
}

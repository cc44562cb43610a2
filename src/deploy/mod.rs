//! One deploy: identify → verify → unpack → commit → activate → settle → prune.
//!
//! Whatever instant it dies at, `current` names a complete, verified release, the old or the new
//! one, and the next deploy or sweep finishes or cleans what was left. It is idempotent: an info
//! hash lands once, however often its event comes.

mod fill;
mod foresee;
mod heal;
mod identify;
mod land;
mod outcome;
mod preflight;
mod prepare;
mod remember;
mod tell;
mod turn;

pub use foresee::{Would, foresee, is_unfinished};
pub use heal::heal;
pub use identify::{Identified, Job, identify};
pub use land::{Filled, Lander};
pub use outcome::{Outcome, Took};
pub use tell::{Subject, sentence, tell, tell_app, tell_in, tell_resumed};

use crate::{
    config::App,
    disk::{Disk, Kernel},
    error::{Error, Exit, Result, quoted},
    process::{self, Who},
    release::{Key, Record, State, Unix},
    rtorrent::Client,
    settle::{self, Commands, Crew, Debt, Recovered},
    store::{Deploying, Seen, Site},
    switch::Trial,
    tidy::{self, Seeding},
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use turn::Turn;

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

/// Deploys one release. The record of the info hash says afterwards what happened, unless neither
/// app nor hash is proven.
pub fn deploy(job: &Job<'_>, source: &Source<'_>, env: &Env) -> Result<Outcome> {
    process::require_owner(&process::owner_of(&job.app.root)?, &job.app.name)?;
    deploy_into(&mut open(job)?, job, source, &Commands::of(job.app, env.command), env)
}

/// The same into a root that is open already, and that is this user's.
pub fn deploy_into<D: Disk>(
    site: &mut Site<D>,
    job: &Job<'_>,
    source: &Source<'_>,
    lander: &impl Lander<D>,
    env: &Env,
) -> Result<Outcome> {
    let began = Instant::now();
    if let Some(done) = decided(job, site.record(job.hash)?.as_ref())? {
        // It may be the work of a process that was killed just before it was durable.
        site.sync_records()?;
        return Ok(done);
    }
    let wait = env.lock_wait.unwrap_or(job.app.lock_wait);
    let mut by = site.deploying(wait, &Who { hash: Some(job.hash), ..lander.me()? })?;
    let (debt, resumed) = recover(&mut by, job.app, lander, env)?;
    let mut turn = Turn { by: &mut by, app: job.app, crew: lander, env, began, debt };
    let deployed = match resumed {
        Some(own) if own.trial.key == job.key() => Ok(own.outcome),
        other => {
            if let Some(other) = other {
                tell_resumed(turn.by.site().disk(), job.app, other, source.rtorrent, env);
            }
            turn.deploy(job, source)
        }
    };
    turn.finish();
    let outcome = deployed?;
    if !matches!(outcome, Outcome::Already(_)) {
        let seeding = source.rtorrent.map(|client| Seeding { client, session: &env.session });
        tidy::tidy(&mut by, job.app, seeding, env.now, env.random);
    }
    Ok(outcome)
}

/// After a deploy that came by an event: [`heal()`]. What fails is told, and changes nothing about
/// what the deploy came to.
pub fn heal_after(job: &Job<'_>, rtorrent: &Client, env: &Env) {
    let crew = Commands::of(job.app, env.command);
    let ours = process::owner_of(&job.app.root)
        .and_then(|owner| process::require_owner(&owner, &job.app.name));
    if let Ok(mut site) = ours.and_then(|()| open(job)) {
        let _ = heal(&mut site, job.app, job.hash, Some(rtorrent), &crew, env);
    }
}

/// A trial that an earlier run began, and how this one ended it.
pub struct Resumed {
    /// Whose it was.
    pub trial: Trial,
    /// What it came to.
    pub outcome: Outcome,
}

/// Finishes or cleans what earlier runs left; the caller tells of a trial that was resumed.
pub fn recover<D: Disk>(
    by: &mut Deploying<'_, D>,
    app: &App,
    crew: &impl Crew,
    env: &Env,
) -> Result<(Debt, Option<Resumed>)> {
    let began = Instant::now();
    let Recovered { stages, settled, debt } = settle::recover(by, crew, env.now)?;
    if stages > 0 {
        log::info!(
            "{}: removed {stages} unfinished release(s) that an interrupted deploy left",
            app.name
        );
    }
    let resumed = settled.map(|settled| {
        let took = Took { all: began.elapsed(), switch: Duration::ZERO };
        Resumed { trial: settled.trial.clone(), outcome: Outcome::of(settled, Vec::new(), took) }
    });
    Ok((debt, resumed))
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
        State::Refused { exit, reason, .. } if !job.has_changed_since(&known.state) => {
            let exit = Exit::from_code(*exit).unwrap_or(Exit::Payload);
            Err(Error::new(exit, "deploy", job, format!("refused before: {reason}"))
                .hint("it is tried again when the app's settings change, or its signature")
                .known())
        }
        _ => Ok(None),
    }
}

/// Makes a landed release live that no event will come for again: after `unhold`, or a change of
/// configuration.
pub fn activate_landed<D: Disk>(
    site: &mut Site<D>,
    app: &App,
    landed: &Record,
    crew: &impl Crew,
    env: &Env,
) -> Result<Outcome> {
    let began = Instant::now();
    let mut by = site.deploying(Duration::ZERO, &crew.me()?)?;
    let (debt, resumed) = recover(&mut by, app, crew, env)?;
    if let Some(resumed) = resumed {
        tell_resumed(by.site().disk(), app, resumed, None, env);
    }
    let mut turn = Turn { by: &mut by, app, crew, env, began, debt };
    let outcome = turn.switch(landed);
    turn.finish();
    outcome
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

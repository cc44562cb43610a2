//! One turn at an app: the deploy lock held, from the end of recovery to the last command.

use super::{Env, Job, Outcome, Source, Took, decided, land, preflight, remember};
use crate::{
    choose::{self, Decision, Rules, Stay},
    config::App,
    disk::Kernel,
    error::{Error, Exit, Result, quoted},
    release::{Record, State, Version},
    settle::{self, Commands, Debt},
    store::{Both, CURRENT, Current, Deploying, Seen},
    switch::{self, Trial},
};
use std::time::Instant;

/// The holder of the deploy lock at work.
pub(super) struct Turn<'t, 's> {
    pub(super) by: &'t mut Deploying<'s, Kernel>,
    pub(super) app: &'t App,
    pub(super) env: &'t Env,
    pub(super) began: Instant,
    /// What is owed of `activated`.
    pub(super) debt: Debt,
}

impl Turn<'_, '_> {
    /// The deploy itself, when nothing of an earlier one is left.
    pub(super) fn deploy(&mut self, job: &Job<'_>, source: &Source<'_>) -> Result<Outcome> {
        // Only what is read under the lock counts.
        let known = self.by.record(job.hash)?;
        if let Some(done) = decided(job, known.as_ref())? {
            return Ok(done);
        }
        let mut committed = false;
        let deployed = self.land(job, source, &mut committed);
        if let (Err(error), false) = (&deployed, committed) {
            remember::failure(self.by, job, known.as_ref(), error, self.env.now);
            // The stage is gone; the manifests that were begun beside it go here.
            if let Err(e) = self.by.remove_leftovers() {
                log::warn!("{e}; the next deploy or sweep removes it");
            }
        }
        deployed
    }

    /// From the payload to the verdict; `committed` says whether a failure was before the commit.
    fn land(
        &mut self,
        job: &Job<'_>,
        source: &Source<'_>,
        committed: &mut bool,
    ) -> Result<Outcome> {
        if let Some(landed) = resumable(self.by, job)? {
            *committed = true;
            return self.switch(&landed);
        }
        let asked = self.by.record(job.hash)?.is_some_and(|known| known.asked);
        let candidate = Record { asked, ..job.candidate(self.env.now)? };
        if passed_over(self.by, job, &candidate, self.env)? {
            return Ok(Outcome::Superseded);
        }
        preflight::check(self.by.site().disk(), &self.by.site().look()?, job)?;
        let landing = land::land(self.by, job, candidate, source, self.env)?;
        let mut lock = switch::begin(self.by, self.env.now)?;
        let switching = Instant::now();
        switch::commit(&mut lock, landing.stage, &landing.record)?;
        *committed = true;
        let trial = activate(&mut lock, self.app, &landing.record, self.env)?;
        drop(lock);
        self.settle(trial, landing.notes, switching)
    }

    /// Makes a landed release live, or says why it stays.
    pub(super) fn switch(&mut self, landed: &Record) -> Result<Outcome> {
        let mut lock = switch::begin(self.by, self.env.now)?;
        let switching = Instant::now();
        let trial = activate(&mut lock, self.app, landed, self.env)?;
        drop(lock);
        self.settle(trial, Vec::new(), switching)
    }

    /// From the trial to its verdict. The switch began then, and has just ended.
    fn settle(
        &mut self,
        trial: std::result::Result<Trial, Stay>,
        notes: Vec<String>,
        switching: Instant,
    ) -> Result<Outcome> {
        let switch = switching.elapsed();
        let trial = match trial {
            Ok(trial) => trial,
            Err(stay) => return Ok(Outcome::Landed { stay, notes }),
        };
        let crew = Commands::of(self.app, self.env.command);
        let settled = settle::try_out(self.by, &crew, &mut self.debt, trial, self.env.now)?;
        Ok(Outcome::of(settled, notes, Took { all: self.began.elapsed(), switch }))
    }

    /// Pays what is still owed; that it cannot be paid now changes nothing about what was decided.
    pub(super) fn finish(self) {
        let crew = Commands::of(self.app, self.env.command);
        if let Err(error) = settle::finish(self.by, &crew, self.debt) {
            log::error!("{error}; `activated` is owed still, and the next sweep runs it");
        }
    }
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

pub(super) fn foreign(app: &App, version: &Version, seen: &Seen) -> Error {
    let cause = match &seen.current {
        Current::Foreign(what) => format!("it is {what}; {version} landed and waits"),
        _ => "seedship did not make it".to_owned(),
    };
    Error::new(Exit::NotOurs, "switch", quoted(app.root.join(CURRENT)), cause)
        .hint(format!("seedship activate {} {version} --adopt", app.name))
        .unrecorded()
}

//! One turn at an app: the deploy lock held, from the end of recovery to the last command.

use super::{Env, Job, Lander, Outcome, Source, Took, decided, land, remember};
use crate::{
    checkpoint,
    choose::{self, Decision, Rules, Stay},
    config::App,
    disk::Disk,
    error::{Error, Exit, Result, quoted},
    heal,
    release::{Record, State, Version},
    settle::{self, Crew, Debt},
    store::{Both, CURRENT, Current, Deploying, Seen, taken_over_by},
    switch::{self, Trial},
};
use std::time::Instant;

/// The holder of the deploy lock at work.
pub(super) struct Turn<'t, 's, D: Disk, C> {
    pub(super) by: &'t mut Deploying<'s, D>,
    pub(super) app: &'t App,
    /// Who runs the commands, and fills the stage where there is one to be filled.
    pub(super) crew: &'t C,
    pub(super) env: &'t Env,
    pub(super) began: Instant,
    /// What is owed of `activated`.
    pub(super) debt: Debt,
}

impl<D: Disk, L: Lander<D>> Turn<'_, '_, D, L> {
    /// The deploy itself, when nothing of an earlier one is left.
    pub(super) fn deploy(&mut self, job: &Job<'_>, source: &Source<'_>) -> Result<Outcome> {
        // Only what is read under the lock counts.
        let known = self.by.record(job.hash)?;
        if let Some(done) = decided(job, known.as_ref())? {
            return Ok(done);
        }
        if let (Some(known), Some(rtorrent)) = (&known, source.rtorrent) {
            let is_whole = || Ok(rtorrent.download(job.hash)?.is_some_and(|d| d.is_whole()));
            heal::leave_alone(self.by.site().disk(), known, &self.app.name, is_whole)?;
        }
        let mut committed = false;
        self.land(job, source, &mut committed).map_err(|error| match committed {
            true => error,
            false => self.failed(job, known.as_ref(), error, source.rtorrent.is_some()),
        })
    }

    /// Nothing was committed: writes down why, and takes away what is left.
    fn failed(&self, job: &Job<'_>, known: Option<&Record>, error: Error, in_reach: bool) -> Error {
        let error = remember::failure(self.by, job, known, error, in_reach, self.env.now);
        checkpoint::reach("failure-recorded");
        // The stage is gone; the manifests that were begun beside it go here.
        if let Err(e) = self.by.remove_leftovers() {
            log::warn!("{e}; the next deploy or sweep removes it");
        }
        error
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
        let candidate = job.candidate(self.env.now)?;
        let candidate = match self.by.record(job.hash)? {
            Some(Record { asked, heals, .. }) => Record { asked, heals, ..candidate },
            None => candidate,
        };
        if passed_over(self.by, job, &candidate, self.env)? {
            return Ok(Outcome::Superseded);
        }
        let site = self.by.site();
        let payload = self.crew.open(site.disk(), &site.look()?, job, &source.payload)?;
        let landing = land::land(self.by, self.crew, job, payload, candidate, self.env)?;
        let mut lock = switch::begin(self.by, self.env.now)?;
        let switching = Instant::now();
        switch::commit(&mut lock, landing.stage, &landing.record)?;
        *committed = true;
        let trial = activate(&mut lock, self.app, &landing.record, self.env)?;
        drop(lock);
        self.settle(trial, landing.notes, switching)
    }
}

impl<D: Disk, C: Crew> Turn<'_, '_, D, C> {
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
        let settled = settle::try_out(self.by, self.crew, &mut self.debt, trial, self.env.now)?;
        Ok(Outcome::of(settled, notes, Took { all: self.began.elapsed(), switch }))
    }

    /// Pays what is still owed; that it cannot be paid now changes nothing about what was decided.
    pub(super) fn finish(self) {
        if let Err(error) = settle::finish(self.by, self.crew, self.debt) {
            log::error!("{error}; `activated` is owed still, and the next sweep runs it");
        }
    }
}

/// A record whose directory stands: it landed, and was not decided about.
fn resumable<D: Disk>(by: &Deploying<'_, D>, job: &Job<'_>) -> Result<Option<Record>> {
    let seen = by.site().look()?;
    seen.readable()?;
    let open = |r: &&Record| r.state == State::Open && seen.stands(&r.version);
    Ok(seen.record(&job.key()).filter(open).cloned())
}

/// Older than a good live release and beyond `keep`: not worth reading.
fn passed_over<D: Disk>(
    by: &mut Deploying<'_, D>,
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
fn activate<D: Disk>(
    lock: &mut Both<'_, D>,
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
    let (cause, is_of_a_tool) = match &seen.current {
        Current::Foreign(what) => {
            (format!("it is {what}; {version} landed and waits"), what.is_of_a_tool())
        }
        _ => ("seedship did not make it".to_owned(), false),
    };
    Error::new(Exit::NotOurs, "switch", quoted(app.root.join(CURRENT)), cause)
        .hint(taken_over_by(&app.name, version.as_str(), is_of_a_tool))
        .unrecorded()
}

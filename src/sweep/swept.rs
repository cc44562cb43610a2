//! What one sweep came to, for people and for machines.

use crate::{
    config::{App, Config},
    deploy::Outcome,
    error::{Error, Exit, one_line},
    process,
};
use log::info;
use serde::Serialize;
use std::fmt;

/// What one sweep came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Swept {
    /// Releases that went live.
    pub live: Vec<String>,
    /// Releases that landed, and do not go live by themselves.
    pub landed: Vec<String>,
    /// Releases that are older than what is live, and were not read.
    pub passed_over: Vec<String>,
    /// What failed now, and was not only waiting.
    pub failed: Vec<Failed>,
    /// Apps that another process is deploying.
    pub busy: Vec<String>,
    /// Apps that are another user's.
    pub skipped: Vec<Skipped>,
    /// None of the apps whose roots are there is this user's.
    #[serde(skip)]
    pub stranger: bool,
}

/// An app that another user sweeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Skipped {
    /// Its name.
    pub app: String,
    /// Whose its root is: a name, or a number as sudo takes it.
    pub owner: String,
}

/// For people.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, owner } = self;
        write!(f, "{app} was passed over: it is {owner}'s to sweep")
    }
}

/// One failure of a sweep.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failed {
    /// A release, an app, a user, or what the sweep needs for all of them.
    pub subject: String,
    /// The exit code.
    pub exit: Exit,
    /// What could not be done, and why.
    pub message: String,
}

impl Failed {
    /// What failed, and how.
    pub fn new(subject: impl Into<String>, error: &Error) -> Self {
        Self { subject: subject.into(), exit: error.exit, message: error.to_string() }
    }
}

/// What people are told when all is as it should be.
pub const NOTHING: &str = "nothing to do";

/// For people: one line a release.
impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { live, landed, passed_over, failed, busy, skipped, .. } = self;
        live.iter().try_for_each(|name| writeln!(f, "{name} is live"))?;
        landed.iter().try_for_each(|name| writeln!(f, "{name} landed"))?;
        passed_over
            .iter()
            .try_for_each(|name| writeln!(f, "{name} is older than what is live: passed over"))?;
        busy.iter()
            .try_for_each(|app| writeln!(f, "{app} is being deployed by another process"))?;
        failed.iter().try_for_each(|Failed { subject, exit, .. }| {
            writeln!(f, "{subject} failed ({})", exit.code())
        })?;
        skipped.iter().try_for_each(|skipped| writeln!(f, "{skipped}"))?;
        let releases = live.len() + landed.len() + passed_over.len();
        match releases + busy.len() + failed.len() + skipped.len() {
            0 => f.write_str(NOTHING),
            _ => Ok(()),
        }
    }
}

impl Swept {
    /// What became of a release.
    pub(super) fn settled(&mut self, name: String, outcome: &Outcome) {
        match outcome {
            Outcome::Live { .. } => self.live.push(name),
            Outcome::Landed { .. } => self.landed.push(name),
            Outcome::Superseded => self.passed_over.push(name),
            Outcome::Returned { why, .. } => {
                let (exit, message) = (outcome.exit(), why.to_string());
                self.failed.push(Failed { subject: name, exit, message });
            }
            Outcome::Already(_) | Outcome::Overruled => {}
        }
    }

    /// What failed: an app that somebody else is at work on is busy, and that is no failure.
    pub(super) fn stopped(&mut self, app: &App, subject: &str, error: &Error) {
        match error.is_busy() {
            true if self.busy.contains(&app.name) => {}
            true => self.busy.push(app.name.clone()),
            false => self.failed.push(Failed::new(subject, error)),
        }
    }

    /// The exit code: that of the first failure; 77 if there was nothing this user may sweep though
    /// there are apps. What only waits, and was told before, is no failure.
    pub fn exit(&self) -> Exit {
        match self.failed.first() {
            Some(failed) => failed.exit,
            None if self.stranger => Exit::Permission,
            None => Exit::Done,
        }
    }

    /// Tells, here and in the log, which apps are another user's. Not for a process that works for
    /// one of several owners: the others have theirs.
    pub fn tell_skipped(&mut self, config: &Config) {
        self.skipped = skipped(config);
        let there = config.apps.iter().filter(|app| process::owner_of(&app.root).is_ok());
        self.stranger = !self.skipped.is_empty() && there.count() == self.skipped.len();
        self.skipped.iter().for_each(|skipped| info!("{skipped}"));
    }
}

/// The apps that are another user's to sweep.
fn skipped(config: &Config) -> Vec<Skipped> {
    let anothers = |app: &App| {
        let owner = process::owner_of(&app.root).ok()?;
        process::require_owner(&owner, &app.name).err()?;
        Some(Skipped { app: one_line(&app.name), owner: owner.to_string() })
    };
    config.apps.iter().filter_map(anothers).collect()
}

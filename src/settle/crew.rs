//! Who runs an app's commands. A trait, so that what is run in which order, and what a kill leaves,
//! can be tested over a disk in memory.

use crate::{
    check::{self, Subject},
    config::App,
    error::Result,
    process::{self, Leash, Who},
    release::{Record, Target, Version},
    store::{Owed, Seen},
};

/// Who runs the commands: an app's own, or a test's.
pub trait Crew {
    /// The calling process.
    fn me(&self) -> Result<Who>;
    /// Whether the process of a note may still do what it owes.
    fn is_alive(&self, owed: &Owed) -> bool;
    /// Ends what a killed process's command left running.
    fn end(&self, dead: &Who) -> Result<()>;
    /// There is an `activated` to be run.
    fn owes(&self) -> bool;
    /// Runs `activated` for a release that is live.
    fn activated(&self, live: &Live, leash: Leash<'_>) -> Result<()>;
    /// Runs `check` for it, as long as it `matters`.
    fn check(&self, live: &Live, matters: &dyn Fn() -> bool, leash: Leash<'_>) -> Result<()>;
}

/// What is live, as commands are told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// Its version.
    pub version: Version,
    /// Where `current` leads, relative to the root unless it is absolute.
    pub place: String,
    /// What was live before it.
    pub from: Option<Target>,
    /// Its info hash.
    pub hash: Option<metainfo::InfoHash>,
}

impl Live {
    pub(super) fn seen(seen: &Seen) -> Option<Self> {
        let Some(Target::Release(version)) = seen.live_target() else { return None };
        let record = seen.live();
        Some(Self {
            place: record.map_or_else(|| version.path(), Record::link_text),
            version,
            from: record.and_then(|record| record.from.clone()),
            hash: record.and_then(|record| record.key.info_hash()),
        })
    }

    /// It became live in place of this one just now, if that is known; else its record says.
    pub(super) fn instead_of(self, left: Option<&Version>) -> Self {
        let left = left.filter(|left| **left != self.version).cloned();
        Self { from: left.map(Target::Release).or(self.from), ..self }
    }
}

/// An app's own commands.
#[derive(Clone, Copy, Debug)]
pub struct Commands<'a> {
    app: &'a App,
    /// What this process does, for the note of what it owes.
    command: &'a str,
    /// An operator said that none shall run.
    none: bool,
}

impl<'a> Commands<'a> {
    /// The commands of `app`, run by `command`.
    pub fn of(app: &'a App, command: &'a str) -> Self {
        Self { app, command, none: false }
    }

    /// None of them, as an operator asked.
    #[must_use]
    pub fn none(self) -> Self {
        Self { none: true, ..self }
    }

    fn subject<'l>(&self, live: &'l Live) -> Subject<'l> {
        Subject {
            version: &live.version,
            directory: self.app.root.join(&live.place),
            from: live.from.as_ref(),
            hash: live.hash,
        }
    }
}

impl Crew for Commands<'_> {
    fn me(&self) -> Result<Who> {
        Who::me(self.command, None)
    }

    fn is_alive(&self, owed: &Owed) -> bool {
        owed.is_alive()
    }

    fn end(&self, dead: &Who) -> Result<()> {
        if process::end_group(dead)? {
            let (app, command) = (&self.app.name, &dead.command);
            log::info!("{app}: ended what a killed `seedship {command}` left running");
        }
        Ok(())
    }

    fn owes(&self) -> bool {
        !self.none && !self.app.run.activated.is_empty()
    }

    fn activated(&self, live: &Live, leash: Leash<'_>) -> Result<()> {
        check::activated(self.app, &self.subject(live), leash)
    }

    fn check(&self, live: &Live, matters: &dyn Fn() -> bool, leash: Leash<'_>) -> Result<()> {
        match self.none {
            true => Ok(()),
            false => check::check(self.app, &self.subject(live), matters, leash),
        }
    }
}

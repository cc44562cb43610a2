//! What one process saw of one app: facts alone, no judgement. It goes as one line of JSON from the
//! child that looked to the process that answers.
//!
//! Nothing is written for the monitor's sake. Every event that lands something and every sweep writes
//! its line into the deploy lock anew, so the time of that file says when Seedship was last at work
//! on the app; a sweep of a quiet app does so too, and syncs nothing for it.

use crate::{
    config::{App, Config},
    disk::{Disk, Kernel},
    error::{Error, Result},
    look::{self, AppStatus, Case, Release},
    release::Unix,
    report,
    store::{CURRENT, DEPLOY_LOCK},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was seen of an app. With `error`, nothing else of it is known.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sight {
    /// Why the app could not be looked at: what [`report::in_json`] makes of it.
    pub(super) error: Option<serde_json::Value>,
    /// The release that `current` leads to.
    pub(super) live: Option<Live>,
    /// What is at `current`, where Seedship did not make it.
    pub(super) foreign: Option<String>,
    /// That is a release of another tool.
    pub(super) is_of_a_tool: bool,
    /// That is a link to nothing.
    pub(super) leads_nowhere: bool,
    /// There is nothing at `current`.
    pub(super) empty: bool,
    /// What was live last, where there was something.
    pub(super) was_live: Option<String>,
    /// The operator's hold, while it binds.
    pub(super) hold: Option<Hold>,
    /// Releases of which there is something to know, newest first.
    pub(super) telling: Vec<Told>,
    /// How many releases there are of each sort.
    pub(super) counts: BTreeMap<Case, u64>,
    /// What an interrupted command left.
    pub(super) unfinished: Vec<String>,
    /// Records, or a hold, that cannot be read, with what to do.
    pub(super) unreadable: Vec<(String, Option<String>)>,
    /// When an event or a sweep was last at work.
    pub(super) worked: Option<Unix>,
    /// Room on the root's file system.
    pub(super) free: Option<u64>,
    /// The same in inodes, where it counts them.
    pub(super) inodes: Option<u64>,
    /// Of the configuration: bytes that stay free.
    pub(super) min_free: u64,
    /// Of the configuration: how long an event waits for another, in seconds.
    pub(super) lock_wait: u64,
}

/// The live release.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) version: String,
    pub(super) since: Option<Unix>,
    pub(super) state: Case,
    /// What is odd about it.
    pub(super) why: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) files: Option<u64>,
}

/// A hold that binds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) by: String,
    pub(super) since: Unix,
    pub(super) until: Option<Unix>,
    pub(super) reason: Option<String>,
}

/// A release that is not live.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) state: Case,
    pub(super) why: Option<String>,
    pub(super) tries: Option<u32>,
}

/// Looks at one app.
pub fn see(config: &Config, app: &App, now: Unix) -> Sight {
    looked(config, app, now).unwrap_or_else(|error| Sight::unseen(&error))
}

fn looked(config: &Config, app: &App, now: Unix) -> Result<Sight> {
    let status = look::status(config, Some(&app.name), now)?;
    let mut sight = status.apps.first().map(Sight::of).unwrap_or_default();
    if sight.error.is_some() {
        return Ok(sight);
    }
    let disk = Kernel::open(&app.root)?;
    sight.empty = disk.kind(CURRENT)?.is_none();
    sight.worked = disk.stat(DEPLOY_LOCK)?.map(|lock| Unix(lock.st_mtime));
    let space = disk.space()?;
    (sight.free, sight.inodes) = (Some(space.bytes), space.inodes);
    (sight.min_free, sight.lock_wait) = (app.min_free, app.lock_wait.as_secs());
    Ok(sight)
}

impl Sight {
    /// Of an app that could not be looked at.
    pub fn unseen(error: &Error) -> Self {
        Self { error: Some(report::in_json(error)), ..Self::default() }
    }

    fn of(status: &AppStatus) -> Self {
        if let Some(error) = &status.error {
            return Self::unseen(error);
        }
        let mut counts = BTreeMap::new();
        status.releases.iter().for_each(|r| *counts.entry(r.state).or_default() += 1);
        let hold = status.hold.as_ref().filter(|hold| hold.binds).map(|hold| Hold {
            by: hold.by.clone(),
            since: hold.since,
            until: hold.until,
            reason: hold.reason.clone(),
        });
        let unreadable = |error: &Error| (error.to_string(), error.hint.clone());
        let left = status.unfinished.iter();
        Self {
            live: status.live().map(Live::of),
            was_live: status.was_live().map(Release::name),
            foreign: status.foreign.clone(),
            is_of_a_tool: status.is_of_a_tool,
            leads_nowhere: status.leads_nowhere,
            hold,
            telling: status.telling().map(Told::of).collect(),
            counts,
            unfinished: left.map(|l| format!("{} {}", l.subject, l.what).trim().into()).collect(),
            unreadable: status.unreadable.iter().map(unreadable).collect(),
            ..Self::default()
        }
    }

    /// Releases of one sort, newest first.
    pub(super) fn of_state(&self, state: Case) -> impl Iterator<Item = &Told> {
        self.telling.iter().filter(move |told| told.state == state)
    }
}

impl Live {
    fn of(release: &Release) -> Self {
        Self {
            version: release.name(),
            since: release.since,
            state: release.state,
            why: release.why.clone(),
            size: release.size,
            files: release.files,
        }
    }
}

impl Told {
    fn of(release: &Release) -> Self {
        let Release { state, why, tries, .. } = release.clone();
        Self { name: release.name(), state, why, tries }
    }
}

//! What is live in each app, what waits, and why.

use super::{
    Case, Release, Unfinished, View, failure, failures, maybe_rfc3339, rfc3339, unfinished,
};
use crate::{
    config::{App, Broken, Config},
    error::{Error, Exit, Result},
    release::Unix,
    store::{Current, Foreign, Hold, Seen},
};
use serde::Serialize;
use std::path::PathBuf;

/// The state of some apps at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When this was seen.
    #[serde(serialize_with = "rfc3339")]
    pub at: Unix,
    /// The apps, by name.
    pub apps: Vec<AppStatus>,
    /// Files of the configuration that cannot be read: which apps they hold is not known.
    #[serde(serialize_with = "failures")]
    pub unreadable: Vec<Error>,
}

/// The state of one app. With `error`, nothing else is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct AppStatus {
    /// Its name.
    pub app: String,
    /// Where it lives.
    pub root: Option<PathBuf>,
    /// The version that `current` leads to.
    pub live: Option<String>,
    /// `current` leads to it, and its directory is not there: nothing is served.
    pub gone: bool,
    /// What is at `current`, where Seedship did not make it or its record is lost.
    pub foreign: Option<String>,
    /// That is a release of another tool, which `adopt` takes over with the others.
    #[serde(skip)]
    pub(crate) is_of_a_tool: bool,
    /// That is a link to a release that is not there: nothing is served.
    #[serde(skip)]
    pub(crate) leads_nowhere: bool,
    /// The operator's hold, past ones included.
    pub hold: Option<Held>,
    /// Every release that is known, newest first.
    pub releases: Vec<Release>,
    /// What the next writing command resumes, beside releases whose state says so.
    pub unfinished: Vec<Unfinished>,
    /// Records, or the hold, that cannot be read.
    #[serde(serialize_with = "failures")]
    pub unreadable: Vec<Error>,
    /// Why the app cannot be looked at, or not be deployed.
    #[serde(serialize_with = "failure")]
    pub error: Option<Error>,
}

/// An operator's word that no release activates by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Held {
    /// Who.
    pub by: String,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub since: Unix,
    /// Until when; for good if null.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub until: Option<Unix>,
    /// Why.
    pub reason: Option<String>,
    /// It is not over.
    pub binds: bool,
}

impl Held {
    fn of(hold: &Hold, now: Unix) -> Self {
        Self {
            by: hold.by.clone(),
            since: hold.at,
            until: hold.until,
            reason: hold.reason.clone(),
            binds: hold.binds(now),
        }
    }
}

/// Looks at one app, or at all: one that cannot be looked at does not hide the others.
///
/// # Errors
/// 66 or 78 if an app is named that there is not, or that is broken.
pub fn status(config: &Config, app: Option<&str>, now: Unix) -> Result<Status> {
    if let Some(name) = app {
        let app = AppStatus::of(config.app(name)?, now);
        return Ok(Status { at: now, apps: vec![app], unreadable: Vec::new() });
    }
    let sound = config.apps.iter().map(|app| AppStatus::of(app, now));
    let mut apps: Vec<_> = sound.chain(config.broken.iter().map(AppStatus::broken)).collect();
    apps.sort_by(|a, b| a.app.cmp(&b.app));
    Ok(Status { at: now, apps, unreadable: config.unreadable.clone() })
}

impl Status {
    /// The exit code: that of the first app that could not be looked at, or 78 if a site is gone. What
    /// else is damaged is part of the answer.
    pub fn exit(&self) -> Exit {
        let errors = self.apps.iter().filter_map(|app| app.error.as_ref());
        let gone = self.apps.iter().any(|app| app.gone);
        let done = if gone { Exit::Config } else { Exit::Done };
        errors.chain(&self.unreadable).next().map_or(done, |error| error.exit)
    }
}

impl AppStatus {
    fn of(app: &App, now: Unix) -> Self {
        match Self::look(app, now) {
            Ok(status) => status,
            Err(error) => Self {
                root: Some(app.root.clone()),
                error: Some(error),
                ..Self::unknown(app.name.clone())
            },
        }
    }

    fn broken(app: &Broken) -> Self {
        let (root, error) = (app.root.clone(), Some(app.error.clone()));
        Self { root, error, ..Self::unknown(app.name.clone()) }
    }

    fn unknown(app: String) -> Self {
        Self {
            app,
            root: None,
            live: None,
            gone: false,
            foreign: None,
            is_of_a_tool: false,
            leads_nowhere: false,
            hold: None,
            releases: Vec::new(),
            unfinished: Vec::new(),
            unreadable: Vec::new(),
            error: None,
        }
    }

    fn look(app: &App, now: Unix) -> Result<Self> {
        let view = View::of(app, now)?;
        let releases = view.releases();
        let live = releases.iter().find(|r| r.live).and_then(|r| r.version.as_ref());
        let mut unreadable = view.unreadable();
        unreadable.extend(view.seen.hold.as_ref().err().cloned());
        let hold = view.seen.hold.as_ref().ok().and_then(Option::as_ref);
        Ok(Self {
            root: Some(app.root.clone()),
            live: live.map(ToString::to_string),
            gone: releases.iter().any(|release| release.state == Case::Gone),
            foreign: foreign(&view),
            leads_nowhere: leads_nowhere(&view.seen),
            is_of_a_tool: matches!(&view.seen.current, Current::Foreign(what) if what.is_of_a_tool()),
            hold: hold.map(|hold| Held::of(hold, now)),
            unfinished: unfinished::all(&view)?,
            unreadable,
            releases,
            ..Self::unknown(app.name.clone())
        })
    }

    /// The release that is live.
    pub(crate) fn live(&self) -> Option<&Release> {
        self.releases.iter().find(|release| release.live)
    }

    /// The release that was live last, where `current` is not there any more.
    pub(crate) fn was_live(&self) -> Option<&Release> {
        let is_gone = self.live.is_none() && self.foreign.is_none();
        let good = self.releases.iter().filter(|r| r.state == Case::Good && r.stands);
        // Of what was left, by an operator too, its record says so.
        let last = |r: &&Release| (r.left.is_none(), r.number);
        good.filter(|r| is_gone && r.number.is_some()).max_by_key(last)
    }

    /// Releases worth a line of their own, newest first.
    pub(crate) fn telling(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().filter(|release| !release.live && self.tells(release))
    }

    /// The others, which are counted.
    pub(super) fn counted(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().filter(|release| !release.live && !self.tells(release))
    }

    fn tells(&self, release: &Release) -> bool {
        match release.state {
            Case::Landing | Case::Unfinished | Case::Staged | Case::Waiting | Case::Returned => {
                true
            }
            Case::Live | Case::Trial | Case::Gone => true,
            // What was refused before the live release came is an old story.
            Case::Refused => {
                self.live().is_none_or(|live| release.since >= live.since || self.newer(release))
            }
            Case::Good => release.rollback_target,
            Case::Bad | Case::Superseded | Case::Pruned | Case::Unrecorded => false,
        }
    }

    /// It stands before the live release in the app's order.
    fn newer(&self, release: &Release) -> bool {
        self.releases.iter().take_while(|other| !other.live).any(|other| other == release)
    }
}

/// Another tool's link, to a release that was removed.
fn leads_nowhere(seen: &Seen) -> bool {
    match &seen.current {
        Current::Foreign(Foreign::Link { release: Some(release), .. }) => !seen.stands(release),
        _ => false,
    }
}

fn foreign(view: &View<'_>) -> Option<String> {
    match &view.seen.current {
        Current::Nothing | Current::Recorded(_) => None,
        // Ours to look at: only its record is lost.
        Current::Foreign(Foreign::Link { .. }) if view.seen.live_target().is_some() => {
            Some("a link to a release without a record".to_owned())
        }
        Current::Foreign(what) => Some(what.to_string()),
    }
}

//! What can be seen without a lock: `status`, `releases`, `history`, `audit`.
//!
//! Readers take no lock, write nothing and recover nothing: what is unfinished they say. So they
//! work beside a running deploy, for another user whose group may read, with records lost or
//! damaged; what they saw was true for a moment. Each returns a plain object, whose fields are the
//! stable names of `--json` with times as RFC 3339, and which prints itself for people.

mod audit;
mod history;
mod landing;
mod release;
mod releases;
mod screen;
mod status;
mod unfinished;

pub use audit::{Audit, Difference, Finding, Found, Kind, Progress, audit};
pub use history::{Event, Events, history};
pub use release::{Case, Release};
pub use releases::{Releases, releases};
pub use status::{AppStatus, Held, Status, status};
pub use unfinished::Unfinished;

use crate::{
    choose::Rules,
    config::App,
    disk::Kernel,
    error::{Error, Exit, Result},
    process::{self, Owner},
    prune::{self, Keep},
    release::{Key, Unix},
    report,
    store::{Leftovers, Seen, Site},
};
use landing::Landing;
use serde::{Serialize, Serializer};

/// One look at an app, and what is needed to judge it.
struct View<'a> {
    app: &'a App,
    rules: Rules,
    now: Unix,
    site: Site<Kernel>,
    seen: Seen,
    leftovers: Leftovers,
    landing: Option<Landing>,
    prunable: Vec<Key>,
}

impl<'a> View<'a> {
    /// Looks.
    ///
    /// # Errors
    /// 78 if the root is not there, 77 if this user may not read it.
    fn of(app: &'a App, now: Unix) -> Result<Self> {
        let owner = process::owner_of(&app.root)?;
        Self::look(app, now).map_err(|error| readable_by(&owner, error))
    }

    fn look(app: &'a App, now: Unix) -> Result<Self> {
        let site = Site::new(Kernel::open(&app.root)?, app.mode.directory());
        let before = site.leftovers()?;
        let holder = landing::holder(site.disk())?;
        let mut leftovers = site.leftovers()?;
        // Between two looks a deploy may begin or end: what lies there in both, and belongs to no
        // process that ran in between, was left.
        leftovers.stages.retain(|stage| before.stages.contains(stage));
        leftovers.trash = if holder.is_some() { 0 } else { leftovers.trash.min(before.trash) };
        let seen = site.look()?;
        let landing = holder.and_then(|holder| Landing::by(&holder, &seen));
        let keep = Keep { releases: app.keep, linger: app.linger, order: app.order() };
        let prunable = prune::dispensable(&seen, &keep, now).into_iter().map(|r| r.key).collect();
        Ok(Self { app, rules: Rules::of(app), now, site, seen, leftovers, landing, prunable })
    }

    /// Every release that is known, newest first.
    fn releases(&self) -> Vec<Release> {
        release::all(self)
    }

    /// Records that cannot be read.
    fn unreadable(&self) -> Vec<Error> {
        self.seen.unreadable.iter().cloned().map(Error::from).collect()
    }
}

/// Members of the root's group may read; everybody else is told who may.
fn readable_by(owner: &Owner, error: Error) -> Error {
    match error.exit {
        Exit::Permission => error.hint(format!(
            "its owner `{owner}` may read it, and members of the group of `.seedship`"
        )),
        _ => error,
    }
}

/// A time as RFC 3339.
pub(crate) fn rfc3339<S: Serializer>(time: &Unix, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

/// A time as RFC 3339, or null.
fn maybe_rfc3339<S: Serializer>(time: &Option<Unix>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(to)
}

/// A failure as `--json` tells it everywhere, or null.
fn failure<S: Serializer>(error: &Option<Error>, to: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(in_json).serialize(to)
}

/// Failures as `--json` tells them.
fn failures<S: Serializer>(errors: &[Error], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(errors.iter().map(in_json))
}

fn in_json(error: &Error) -> serde_json::Value {
    report::in_json(error)["error"].take()
}

#[cfg(test)]
mod tests;

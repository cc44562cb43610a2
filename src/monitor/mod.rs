//! How the apps are, for programs that watch servers: Nagios and Icinga, which start a plugin and
//! read its exit code and first line, and Prometheus, whose node_exporter reads a file.
//!
//! It looks as `status` does: no lock is taken and nothing is written into an app. Each app is looked
//! at by a process of its own ([`see`]), so that one whose disk hangs keeps nobody from the others;
//! what was seen is judged here ([`Report::of`]) and told in the language of whoever asks.

mod judge;
mod level;
mod plugin;
mod prometheus;
mod sight;
mod textfile;

pub use judge::{Demands, Finding, Problem};
pub use level::Level;
pub use sight::{Sight, see};
pub use textfile::write;

use crate::{
    config::Config,
    error::{Error, Exit, Result},
    look::rfc3339,
    release::Unix,
};
use judge::{failed, judge, level_of};
use serde::Serialize;

/// How the apps are.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// When they were looked at.
    #[serde(serialize_with = "rfc3339")]
    pub at: Unix,
    /// The worst of it all.
    pub state: Level,
    /// The exit code.
    pub exit: u8,
    /// What concerns no app alone: a configuration that cannot be read.
    pub findings: Vec<Finding>,
    /// The apps, by name.
    pub apps: Vec<AppReport>,
    #[serde(skip)]
    demands: Demands,
}

/// How one app is.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AppReport {
    /// Its name.
    pub app: String,
    /// The worst of its findings.
    pub state: Level,
    /// The version that is live.
    pub live: Option<String>,
    /// For how many seconds it has been so.
    pub age: Option<u64>,
    /// How many seconds ago an event or a sweep was last at work.
    pub silence: Option<u64>,
    /// Free bytes on its root's file system.
    pub free: Option<u64>,
    /// Free inodes, where it counts them.
    pub inodes: Option<u64>,
    /// What somebody should know, the worst first.
    pub findings: Vec<Finding>,
    #[serde(skip)]
    sight: Sight,
}

impl Report {
    /// Judges what was seen of the apps that were asked about: all, or one by its name. Apps whose
    /// table is wrong are in the configuration, and nobody looked at them.
    pub fn of(
        config: &Config,
        named: Option<&str>,
        seen: Vec<(String, Sight)>,
        demands: &Demands,
        now: Unix,
    ) -> Self {
        let looked = seen.into_iter().map(|(app, sight)| AppReport::of(app, sight, demands, now));
        let mut apps: Vec<_> = looked.collect();
        let is_asked = |name: &str| named.is_none_or(|named| named == name);
        let broken = config.broken.iter().filter(|broken| is_asked(&broken.name));
        apps.extend(broken.map(|broken| AppReport::broken(&broken.name, &broken.error)));
        apps.sort_by(|a, b| a.app.cmp(&b.app));
        let hidden = config.unreadable.iter().filter(|_| named.is_none() || apps.is_empty());
        let findings = hidden.map(|error| failed(Problem::Configuration, level_of(error), error));
        Self::new(findings.collect(), apps, demands, now)
    }

    /// Of a configuration, or an app in it, that cannot be read.
    pub fn failed(error: &Error, demands: &Demands, now: Unix) -> Self {
        let finding = failed(Problem::Configuration, level_of(error), error);
        Self::new(vec![finding], Vec::new(), demands, now)
    }

    fn new(findings: Vec<Finding>, apps: Vec<AppReport>, demands: &Demands, now: Unix) -> Self {
        let levels = findings.iter().map(|finding| finding.level);
        let worst = levels.chain(apps.iter().map(|app| app.state)).max();
        // Who watches nothing must not take it for well.
        let state = worst.unwrap_or(Level::Unknown);
        Self { at: now, state, exit: state.code(), findings, apps, demands: demands.clone() }
    }

    /// What the arguments were wrong in, or the tool itself: nothing is known.
    pub fn mistaken(error: &Error) -> Self {
        let finding = failed(Problem::Unseen, Level::Unknown, error);
        Self::new(vec![finding], Vec::new(), &Demands::default(), Unix::default())
    }
}

impl AppReport {
    fn of(app: String, sight: Sight, demands: &Demands, now: Unix) -> Self {
        let findings = judge(&app, &sight, demands, now);
        let live = sight.live.as_ref();
        let since = live.and_then(|live| live.since);
        Self {
            app,
            state: worst(&findings),
            live: live.map(|live| live.version.clone()),
            age: since.map(|since| now.since(since).as_secs()),
            silence: sight.worked.map(|worked| now.since(worked).as_secs()),
            free: sight.free,
            inodes: sight.inodes,
            findings,
            sight,
        }
    }

    fn broken(app: &str, error: &Error) -> Self {
        let finding = failed(Problem::Configuration, level_of(error), error);
        Self {
            app: app.to_owned(),
            state: finding.level,
            live: None,
            age: None,
            silence: None,
            free: None,
            inodes: None,
            findings: vec![finding],
            sight: Sight::unseen(error),
        }
    }
}

fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

/// What a child told of an app; that it told nothing is told of the app too.
pub fn told(answer: Result<Vec<u8>>) -> Sight {
    let read = answer.and_then(|bytes| {
        serde_json::from_slice(&bytes).map_err(|cause| {
            Error::new(Exit::Bug, "read", "what a process told that looked", cause)
        })
    });
    read.unwrap_or_else(|error| Sight::unseen(&error))
}

#[cfg(test)]
mod tests;

//! What the operator wrote, in three steps: fragments as written ([`Fragment`], `written`), merged
//! (`merge`), trusted ([`Config`] and the types in `app`, which cannot be built invalid).
//!
//! Pure: it takes text and gives a configuration or says what is wrong with it, with file, line,
//! column and what to write instead. Only [`read()`] touches the disk. Whether a root exists and
//! whose it is, is not its business.
//!
//! **What breaks what.** A wrong app breaks that app alone ([`Broken`]): the other sites go on
//! being deployed. A file in `config.d` that is no TOML hides its apps ([`Config::incomplete`]) and
//! breaks none in other files. Everything else that is wrong (the main file, `[rtorrent]`, `[log]`,
//! a key that does not exist) breaks the whole, because it concerns every app.

mod app;
mod merge;
mod pattern;
mod place;
mod read;
mod scgi;
mod show;
mod trust;
mod value;
mod written;

pub use app::{
    Activate, App, Case, Downloads, Facility, Limits, Log, Mode, Rtorrent, Run, Scgi, Shared, Trust,
};
pub use pattern::{Pattern, Placeholder};
pub use read::{read, read_alone};

use crate::{
    error::{Error, Exit, Result, escaped},
    release::Version,
};
use std::path::PathBuf;

/// One file of the configuration, as read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// The configuration, proven.
#[derive(Clone, Debug)]
pub struct Config {
    /// How rtorrent is reached.
    pub rtorrent: Rtorrent,
    /// Where the log goes.
    pub log: Log,
    /// The apps that can be deployed, by name.
    pub apps: Vec<App>,
    /// The apps that cannot, by name.
    pub broken: Vec<Broken>,
    /// Why a file could not be parsed at all: which apps it holds is not known.
    pub unreadable: Vec<Error>,
}

/// An app whose table is wrong.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its name.
    pub name: String,
    /// Its root, if that could be read: whose app it is.
    pub root: Option<PathBuf>,
    /// Its patterns, as far as they could be read: what is not for another app.
    pub patterns: Vec<Pattern>,
    /// What is wrong.
    pub error: Error,
}

/// Which app a torrent is for.
#[derive(Clone, PartialEq, Debug)]
pub enum Match<'a> {
    /// This one, as this version.
    One(&'a App, Version),
    /// The literal part of its pattern matches, and what stands for the version is none.
    Literal(&'a App),
    /// None.
    None,
}

/// An app, sound or not, with the patterns that speak for it.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    name: &'a str,
    patterns: &'a [Pattern],
    app: Result<&'a App, &'a Error>,
}

impl Config {
    /// The app of that name.
    ///
    /// # Errors
    /// 78 if its table is wrong, or it is not known and could stand in an unreadable file; 66,
    /// listing the known ones, if there is none.
    pub fn app(&self, name: &str) -> Result<&App> {
        if let Some(app) = self.apps.iter().find(|app| app.name == name) {
            return Ok(app);
        }
        if let Some(broken) = self.broken.iter().find(|broken| broken.name == name) {
            return Err(broken.error.clone());
        }
        if let Some(error) = self.unreadable.first() {
            return Err(error.clone());
        }
        let known: Vec<_> = self.candidates().map(|app| escaped(app.name.as_bytes())).collect();
        let thing = format!("app `{}`", escaped(name.as_bytes()));
        let error = Error::new(Exit::NotFound, "find", thing, "the configuration has no such app");
        Err(match known.is_empty() {
            true => error.hint("no app is configured yet: add a table [apps.NAME]"),
            false => error.hint(format!("configured are `{}`", known.join("`, `"))),
        })
    }

    /// The app that a torrent of that name is for: of all patterns that match, the one with the
    /// most literal bytes says it.
    ///
    /// # Errors
    /// 78 if two apps have a pattern of equally many literal bytes that matches, and if the
    /// matching app is broken.
    pub fn app_of(&self, torrent_name: &[u8]) -> Result<Match<'_>> {
        let matching = self.closest(|pattern| pattern.version(torrent_name).is_some());
        if let [one, other, ..] = &matching[..] {
            return Err(tie(torrent_name, one, other));
        }
        if let Some((candidate, pattern)) = matching.first() {
            let app = candidate.app.map_err(Error::clone)?;
            return Ok(pattern.version(torrent_name).map_or(Match::None, |v| Match::One(app, v)));
        }
        let literal = self.closest(|pattern| pattern.literally(torrent_name));
        match literal.first() {
            Some((candidate, _)) => Ok(Match::Literal(candidate.app.map_err(Error::clone)?)),
            None => Ok(Match::None),
        }
    }

    /// The largest .torrent that any app takes, in bytes.
    pub fn torrent_limit(&self) -> u64 {
        let limits = self.apps.iter().map(|app| app.limits.torrent);
        limits.max().unwrap_or(Limits::default().torrent)
    }

    /// Why "no app matches" cannot be said: a file or the pattern of an app could not be read.
    pub fn incomplete(&self) -> Option<&Error> {
        let hidden = self.broken.iter().find(|app| app.patterns.is_empty());
        self.unreadable.first().or(hidden.map(|app| &app.error))
    }

    /// Everything that is wrong although the rest of the configuration can be used: with any of
    /// these, a configuration does not pass a check.
    pub fn faults(&self) -> impl Iterator<Item = &Error> {
        self.unreadable.iter().chain(self.broken.iter().map(|broken| &broken.error))
    }

    fn candidates(&self) -> impl Iterator<Item = Candidate<'_>> {
        let sound = self.apps.iter().map(|app| Candidate {
            name: &app.name,
            patterns: &app.patterns,
            app: Ok(app),
        });
        sound.chain(self.broken.iter().map(|broken| Candidate {
            name: &broken.name,
            patterns: &broken.patterns,
            app: Err(&broken.error),
        }))
    }

    /// The apps whose most literal pattern that `fits` has the most literal bytes of all.
    fn closest<'a>(&'a self, fits: impl Fn(&Pattern) -> bool) -> Vec<(Candidate<'a>, &'a Pattern)> {
        let best_of = |candidate: Candidate<'a>| {
            let fitting = candidate.patterns.iter().filter(|pattern| fits(pattern));
            fitting.max_by_key(|pattern| pattern.literals()).map(|best| (candidate, best))
        };
        let mut found: Vec<_> = self.candidates().filter_map(best_of).collect();
        let most = found.iter().map(|(_, pattern)| pattern.literals()).max();
        found.retain(|(_, pattern)| Some(pattern.literals()) == most);
        found
    }
}

/// Two apps claim a torrent, and neither with more right.
fn tie(
    torrent_name: &[u8],
    one: &(Candidate<'_>, &Pattern),
    other: &(Candidate<'_>, &Pattern),
) -> Error {
    let shown = |(candidate, pattern): &(Candidate<'_>, &Pattern)| {
        let pattern = escaped(pattern.to_string().as_bytes());
        format!("`{pattern}` of app `{}`", escaped(candidate.name.as_bytes()))
    };
    let thing = format!("the app of torrent `{}`", escaped(torrent_name));
    let cause =
        format!("{} and {} match with equally many literal bytes", shown(one), shown(other));
    Error::new(Exit::Config, "tell", thing, cause)
        .hint("make one of the patterns more particular")
        .unrecorded()
}

#[cfg(test)]
mod tests;

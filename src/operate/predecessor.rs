//! What another deploy tool says of the releases that it left: their order, which of them it never
//! finished, which it took back. Read from names, links and small files alone; nothing is written,
//! and no release is looked into deeper than its top directory.
//!
//! What the tools leave, by their own sources: Capistrano 3 names releases by the moment
//! (`%Y%m%d%H%M%S`), writes `REVISION` into each before it goes live, and a line with its name into
//! `revisions.log` once it did. Ansistrano names them the same with a `Z` behind. Deployer counts,
//! writes each name into `.dep/releases_log` (7: an object of JSON a line; before, `.dep/releases`:
//! a date, a comma, the name) when it begins, keeps a link `release` until it is done, and marks what
//! it rolled back from by `BAD_RELEASE`. Mina counts, and removes what failed by itself. Deployer and
//! Mina have a lock, a file that stands while they work.

use crate::{
    disk::{Disk, Kind},
    error::{Exit, Result},
    release::{Version, debian_order},
    store::{RELEASES, release_at},
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// How much of a log is read, from its end: some ten thousand deploys.
const LOG_MAX: u64 = 1 << 20;

/// Files that stand while another tool deploys: Deployer's, Mina's.
const LOCKS: [&str; 2] = [".dep/deploy.lock", "deploy.lock"];

/// What became of one release in the other tool's hands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Past {
    /// It went live, as far as one can tell.
    Finished,
    /// It was live, and was left for an older one; why that is known.
    TakenBack(&'static str),
    /// It never went live, or nothing says that it did; why.
    Unfinished(&'static str),
}

/// The other tool's own files, read once.
pub(super) struct Predecessor<'d, D> {
    disk: &'d D,
    /// Deployer's log: the place of each name.
    begun: BTreeMap<String, usize>,
    /// Capistrano's log: the releases that went live, of those that stand.
    went_live: BTreeSet<String>,
    /// Deployer's link to what it is making.
    in_the_making: Option<Version>,
    /// The live release says of which revision it is.
    has_revisions: bool,
}

impl<'d, D: Disk> Predecessor<'d, D> {
    /// Reads what was left beside `live`; `names` are the other tool's releases that stand.
    pub(super) fn read(disk: &'d D, live: &Version, names: &BTreeSet<String>) -> Result<Self> {
        let text = |path: &str| -> Result<String> {
            let read = disk.read_end(path, LOG_MAX).map_err(|error| match error.exit {
                Exit::Io => {
                    error.hint("another tool's log is read where it is a regular file alone")
                }
                _ => error,
            });
            let read = read?.unwrap_or_default().0;
            Ok(String::from_utf8_lossy(&read).into_owned())
        };
        let deployer = text(".dep/releases")? + "\n" + &text(".dep/releases_log")?;
        let begun = deployer.lines().enumerate();
        let begun = begun.filter_map(|(at, line)| Some((begun_in(line)?, at))).collect();
        let mut went_live = moments_in(&text("revisions.log")?);
        went_live.retain(|name| names.contains(name));
        let in_the_making = release_at(disk, "release")?;
        let mut tool = Self { disk, begun, went_live, in_the_making, has_revisions: false };
        tool.has_revisions = tool.has(live.as_str(), "REVISION")?;
        Ok(tool)
    }

    /// The file that says that a deploy is under way, if one does.
    pub(super) fn lock(&self) -> Result<Option<&'static str>> {
        for lock in LOCKS {
            if self.disk.kind(lock)?.is_some() {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }

    /// Those of `names` that can be told older or newer than `live`, oldest first; nothing, if its
    /// own name has no place in any order that is known.
    pub(super) fn in_order(&self, live: &Version, names: &BTreeSet<String>) -> Vec<Version> {
        let version = |name: &String| Version::parse(name).ok();
        if self.begun.contains_key(live.as_str()) {
            let mut known: Vec<_> = names
                .iter()
                .filter_map(|name| Some((*self.begun.get(name)?, version(name)?)))
                .collect();
            known.sort();
            return known.into_iter().map(|(_, version)| version).collect();
        }
        let Some(shape) = Shape::of(live.as_str()) else { return Vec::new() };
        let alike = names.iter().filter(|name| Shape::of(name) == Some(shape));
        let mut alike: Vec<Version> = alike.filter_map(version).collect();
        let by_number = |a: &Version, b: &Version| debian_order(a.as_str(), b.as_str());
        alike.sort_by(|a, b| by_number(a, b).then_with(|| a.cmp(b)));
        alike
    }

    /// What became of a release that is not live.
    pub(super) fn past(&self, release: &Version, is_newer: bool) -> Result<Past> {
        let name = release.as_str();
        if self.in_the_making.as_ref() == Some(release) {
            return Ok(Past::Unfinished("unfinished: the link `release` leads to it"));
        }
        if self.has(name, "BAD_RELEASE")? {
            return Ok(Past::TakenBack("marked by the other tool: BAD_RELEASE"));
        }
        let is_logged = self.went_live.contains(name);
        if !is_logged && self.went_live.first().is_some_and(|first| first.as_str() < name) {
            return Ok(Past::Unfinished("unfinished: revisions.log does not name it"));
        }
        if self.has_revisions && !self.has(name, "REVISION")? {
            return Ok(Past::Unfinished("unfinished: it has no REVISION"));
        }
        Ok(match (is_newer, is_logged) {
            (false, _) => Past::Finished,
            (true, true) => Past::TakenBack("newer than the last live one, so it was left"),
            (true, false) => Past::Unfinished("newer than the last live one: perhaps unfinished"),
        })
    }

    fn has(&self, release: &str, file: &str) -> Result<bool> {
        let kind = self.disk.kind(&format!("{RELEASES}/{release}/{file}"))?;
        Ok(kind == Some(Kind::File))
    }
}

/// What a tool makes names of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// The moment of the deploy.
    Moment,
    /// A counter.
    Number,
}

impl Shape {
    fn of(name: &str) -> Option<Self> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let moment = name.strip_suffix('Z').unwrap_or(name);
        match name {
            _ if moment.len() == 14 && digits(moment) => Some(Self::Moment),
            _ if digits(name) => Some(Self::Number),
            _ => None,
        }
    }
}

/// The release that a line of Deployer's log tells of.
fn begun_in(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Begun {
        release_name: String,
    }
    if line.starts_with('{') {
        return serde_json::from_str::<Begun>(line).ok().map(|begun| begun.release_name);
    }
    let (date, name) = line.split_once(',')?;
    let is_name = !date.is_empty() && Version::parse(name.trim()).is_ok();
    is_name.then(|| name.trim().to_owned())
}

/// Every moment that a text names, whatever its words are: they can be configured.
fn moments_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter(|word| word.len() == 14).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;

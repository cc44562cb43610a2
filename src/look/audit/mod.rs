//! `audit`: a release on disk against its manifests, as they were written when it landed.
//!
//! Every regular file is compared by its bytes (BLAKE3), size and mode, every directory by its
//! mode, every link by its text, and each by its owner, which is the root's: one user made them all.
//! The release's own directory has the mode that the configuration asks for. What lies behind a link
//! is not looked at, so not what lies behind `shared` paths either, nor what is mounted on an entry.
//! Groups, times, access control lists and extended attributes, file capabilities among them, are not
//! compared.
//!
//! Nothing in the release is trusted: it is opened beneath its own directory without following a
//! link, and nothing but regular files is ever opened for reading, so that a planted link leads
//! nowhere and a planted pipe stops nobody. The manifests are trusted: they lie where only the
//! owner of the root writes. What an intruder with the owner's rights changed there too is not
//! found here; a torrent's own hashes would find it.
//!
//! Memory is bounded: see [`listed`] for how extra entries are found without holding any path, and
//! [`finding`] for how many findings are kept.

mod beneath;
mod compare;
mod content;
mod finding;
mod listed;
mod screen;
mod stands;

pub use finding::{Difference, Finding, Found, Kind};

use super::readable_by;
use crate::{
    config::App,
    disk::{self, Disk, Kernel},
    error::{Error, Exit, Result},
    process::{self, Owner},
    release::{Key, Target, Version},
    store::{Seen, Site},
};
use beneath::Beneath;
use compare::Expected;
use listed::Listed;
use serde::Serialize;

/// Told, by several threads, how many bytes were just compared and how many there are in all.
pub type Progress<'a> = dyn Fn(u64, u64) + Sync + 'a;

/// How many releases a hint names.
const NAMED: usize = 10;

/// What an audit found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Audit {
    /// The app.
    pub app: String,
    /// The release.
    pub version: Version,
    /// `current` led to it when the audit was done.
    pub live: bool,
    /// What went live while the release was read that was live before.
    pub switched_to: Option<String>,
    /// Files of the manifest.
    pub files: u64,
    /// Directories of the manifest.
    pub directories: u64,
    /// Links of the manifest.
    pub links: u64,
    /// Bytes of the manifest's files.
    pub bytes: u64,
    /// Entries that are not what they were.
    pub changed: u64,
    /// Entries that are gone; a directory counts once, whatever was in it.
    pub missing: u64,
    /// Entries that could not be compared.
    pub unread: u64,
    /// Entries that the manifest does not know; a directory counts once, whatever is in it.
    pub extra: u64,
    /// What was found: changed, missing, unread, extra, each by path.
    pub findings: Vec<Finding>,
    /// How many more there are that are only counted.
    pub omitted: u64,
    /// Who may read all of it, as sudo takes it.
    #[serde(skip)]
    owner: String,
    /// There is a release that `seedship rollback` would go to.
    #[serde(skip)]
    has_rollback: bool,
}

impl Audit {
    /// The exit code: 65 if anything differs; else 77 or 74 if anything could not be read, for
    /// then nobody knows; else 0.
    pub fn exit(&self) -> Exit {
        if self.changed + self.missing + self.extra > 0 {
            return Exit::Payload;
        }
        self.findings.iter().filter_map(Finding::exit).next().unwrap_or(Exit::Done)
    }
}

/// Compares a release, the live one if none is named, with its manifests. Takes no lock and writes
/// nothing.
///
/// # Errors
/// 66 if there is no such release or it has no manifest; 74 if a manifest cannot be read or is
/// damaged (never 65, which says that the *release* differs); 75 if the release was removed
/// meanwhile; 77 if this user may not read the app; 78 if its root is not there.
pub fn audit(app: &App, version: Option<&Version>, progress: &Progress<'_>) -> Result<Audit> {
    let owner = process::owner_of(&app.root)?;
    let audited = compared(app, version, &owner, progress);
    audited.map_err(|error| readable_by(&owner, error))
}

fn compared(
    app: &App,
    asked: Option<&Version>,
    owner: &Owner,
    progress: &Progress<'_>,
) -> Result<Audit> {
    let site = Site::new(Kernel::open(&app.root)?, app.mode.directory());
    let seen = site.look()?;
    let version = chosen(app, &seen, asked)?;
    let disk = site.disk();
    let Some(listed) = Listed::open(disk, &version)? else {
        return Err(unlisted(app, &seen, &version, disk)?);
    };
    let release = Beneath::open(disk, &version)?.ok_or_else(|| gone(app, &version))?;
    let identity = release.identity()?;
    let totals = listed.totals;
    let expected = Expected { owner: owner.uid, mode: app.mode.directory() };
    let findings = compare::compare(release, listed, expected, progress);
    // First of all: what was removed meanwhile is not missing, and no failure either.
    let now = Beneath::open(disk, &version)?.map(|now| now.identity()).transpose()?;
    if now != Some(identity) {
        return Err(gone(app, &version));
    }
    let findings = findings?;
    let seen = site.look()?;
    let live = seen.live_target();
    let still = live == Some(Target::Release(version.clone()));
    let [changed, missing, unread, extra] = findings.counts();
    let (findings, omitted) = findings.sorted();
    Ok(Audit {
        app: app.name.clone(),
        live: still,
        switched_to: match asked {
            None if !still => Some(live.map_or("another tool's".into(), |live| live.to_string())),
            _ => None,
        },
        files: totals.files,
        directories: totals.directories,
        links: totals.links,
        bytes: totals.bytes,
        changed,
        missing,
        unread,
        extra,
        findings,
        omitted,
        has_rollback: seen.rollback_target().is_some(),
        owner: owner.name.as_ref().map_or_else(|| format!("'{owner}'"), |_| owner.to_string()),
        version,
    })
}

/// The release that is meant, which stands.
fn chosen(app: &App, seen: &Seen, asked: Option<&Version>) -> Result<Version> {
    let fail = |thing: String, cause: String| {
        Error::new(Exit::NotFound, "audit", thing, cause).hint(choices(app, seen))
    };
    if let Some(version) = asked {
        let thing = || format!("{version} of `{}`", app.name);
        return match seen.stands(version) {
            true => Ok(version.clone()),
            false => Err(fail(thing(), "there is no such release on disk".into())),
        };
    }
    let thing = format!("the live release of `{}`", app.name);
    match seen.live_target() {
        Some(Target::Release(version)) if seen.stands(&version) => Ok(version),
        Some(Target::Release(version)) => {
            Err(fail(thing, format!("`current` leads to {version}, which is gone")))
        }
        Some(Target::Nothing) => Err(fail(thing, "nothing is live".into())),
        None => Err(fail(thing, "what is at `current` was not made by seedship".into())),
    }
}

fn choices(app: &App, seen: &Seen) -> String {
    let standing: Vec<String> = seen.standing.iter().map(|v| format!("`{v}`")).collect();
    match standing.len() {
        0 => "no release is on disk".to_owned(),
        1..=NAMED => format!("on disk are {}", standing.join(", ")),
        more => {
            let app = &app.name;
            let newest = standing[more - NAMED..].join(", ");
            format!("on disk are {newest} and more: `seedship releases {app}` has all")
        }
    }
}

/// Why a release has no manifest.
fn unlisted(app: &App, seen: &Seen, version: &Version, disk: &Kernel) -> Result<Error> {
    let adopted = seen.records.iter().any(|record| record.key == Key::Adopted(version.clone()));
    if !adopted && disk.kind(&version.path())? != Some(disk::Kind::Directory) {
        return Ok(gone(app, version));
    }
    let (cause, hint) = match adopted {
        true => (
            "it was adopted and has no manifest, so what it should hold is not known",
            "what seedship itself unpacks has one: publish this release as a torrent",
        ),
        false => (
            "its manifest is not there, so what it should hold is not known",
            "restore `.seedship/manifests` from a backup, or publish the release again",
        ),
    };
    let thing = format!("{version} of `{}`", app.name);
    Ok(Error::new(Exit::NotFound, "audit", thing, cause).hint(hint))
}

/// The release was pruned, or replaced, under our eyes.
fn gone(app: &App, version: &Version) -> Error {
    let thing = format!("{version} of `{}`", app.name);
    Error::new(Exit::Again, "audit", thing, "it was removed while it was read")
        .hint(format!("`seedship releases {}` says what there is now", app.name))
}

#[cfg(test)]
mod tests;

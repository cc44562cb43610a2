//! Is each app's pattern matched by what is in rtorrent now; and was everything that is complete
//! landed. Names come from the session's .torrents, which the info hash covers.

use super::{Area, Asked, Finding};
use crate::{
    config::App,
    deploy::{self, Identified, Job},
    error::{Error, Exit, Result, quoted},
    look::{AppStatus, Release},
    rtorrent::{Client, Download, session},
    table::counted,
};
use metainfo::InfoHash;
use std::{path::Path, thread, time::Duration};

/// How many names are told.
const NAMES: usize = 3;
/// How long a .torrent may not be there yet.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// What is wrong where the session is not there, or another's.
const SESSION: &str = "[rtorrent] session must be what rtorrent's `session.path` says";

pub(super) fn look(
    asked: &Asked<'_>,
    rtorrent: Option<&Client>,
    apps: &[AppStatus],
) -> Vec<Finding> {
    let config = asked.config;
    let told = rtorrent.and_then(|rtorrent| rtorrent.all().ok());
    let downloads = match told.map_or_else(|| session::downloads(&config.rtorrent.session), Ok) {
        Ok(downloads) => downloads,
        Err(error) => return vec![unread(&error, asked)],
    };
    let mut sorted = Sorted { patience: PATIENCE, ..Sorted::default() };
    for download in &downloads {
        sorted.add(asked, download);
    }
    let mut found = vec![sorted.session(asked, rtorrent, downloads.len())];
    found.extend(sorted.nobodys());
    found.extend(sorted.refused.iter().map(|error| {
        let fault = Finding::failed(Area::Downloads, "download-refused", error);
        Finding { level: super::Level::Warning, exit: None, ..fault }
    }));
    for app in &config.apps {
        let ours: Vec<&Ours<'_>> =
            sorted.ours.iter().filter(|o| o.job.app.name == app.name).collect();
        found.push(matched(app, &ours, &sorted, downloads.len()));
        let status = apps.iter().find(|status| status.app == app.name);
        found.extend(status.and_then(|status| unlanded(&ours, status)));
    }
    found
}

/// A download that is a release of an app.
struct Ours<'c> {
    job: Job<'c>,
    complete: bool,
}

/// Every download by what it is to us.
#[derive(Default)]
struct Sorted<'c> {
    ours: Vec<Ours<'c>>,
    /// Names, escaped.
    nobodys: Vec<String>,
    refused: Vec<Error>,
    /// The session has no .torrent of them, or it cannot be read.
    missing: Vec<InfoHash>,
    unread: Option<Error>,
    /// How long may still be waited, for all of them together.
    patience: Duration,
}

impl<'c> Sorted<'c> {
    fn add(&mut self, asked: &Asked<'c>, download: &Download) {
        let session = &asked.config.rtorrent.session;
        let limit = asked.config.torrent_limit();
        let bytes = match self.patiently(|| session::torrent(session, download.hash, limit)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.missing.push(download.hash),
            Err(error) => {
                self.unread.get_or_insert(error);
                return;
            }
        };
        match deploy::identify(asked.config, download.hash, &bytes) {
            Ok(Identified::Job(job)) => {
                let complete = download.complete && !download.hashing;
                self.ours.push(Ours { job: *job, complete });
            }
            Ok(Identified::NoApp(name)) => self.nobodys.push(name),
            Err(error) => self.refused.push(error),
        }
    }

    /// Looks again for a while: 0.16 writes a .torrent a moment after it has loaded it.
    fn patiently<T>(&mut self, look: impl Fn() -> Result<Option<T>>) -> Result<Option<T>> {
        loop {
            let found = look()?;
            if found.is_some() || self.patience.is_zero() {
                return Ok(found);
            }
            thread::sleep(PAUSE);
            self.patience = self.patience.saturating_sub(PAUSE);
        }
    }

    /// Whether the session that is configured is rtorrent's.
    fn session(&self, asked: &Asked<'_>, rtorrent: Option<&Client>, all: usize) -> Finding {
        let session = quoted(&asked.config.rtorrent.session);
        if let Some(error) = &self.unread {
            return unread(error, asked);
        }
        let theirs = rtorrent.and_then(|rtorrent| rtorrent.session_path().ok());
        let theirs = theirs.filter(|theirs| !is_same(theirs, asked));
        let theirs = theirs.map(|theirs| format!("rtorrent's own is {}", quoted(theirs)));
        if !self.missing.is_empty() {
            let says = format!(
                "{session} lacks the .torrent of {}",
                counted(self.missing.len() as u64, "download")
            );
            return Finding::fault(Exit::NotFound, Area::Downloads, "session", says)
                .because(theirs.as_deref().unwrap_or("rtorrent has not written them"))
                .cured_by(SESSION);
        }
        // Behind another mount the same directory has another name.
        if let Some(theirs) = theirs.filter(|_| all == 0) {
            let says = format!("{session} may not be rtorrent's session");
            return Finding::warning(Area::Downloads, "session", says)
                .because(theirs)
                .cured_by(SESSION);
        }
        let says =
            format!("{}, each with its .torrent in {session}", counted(all as u64, "download"));
        Finding::ok(Area::Downloads, "session", says)
    }

    fn nobodys(&self) -> Option<Finding> {
        if self.nobodys.is_empty() {
            return None;
        }
        let says = format!(
            "{} no app's: {}",
            match self.nobodys.len() {
                1 => "1 download is".to_owned(),
                more => format!("{more} downloads are"),
            },
            named(&self.nobodys)
        );
        Some(
            Finding::note(Area::Downloads, "download-nobodys", says)
                .because("no `match` fits the whole name")
                .cured_by("nothing, if they are no releases; else correct `match` or the name"),
        )
    }
}

/// Who owns a root must read the session, for a sweep does; somebody else need not.
fn unread(error: &Error, asked: &Asked<'_>) -> Finding {
    let sweeps = asked.own.roots.iter().any(|root| root.tried);
    match (error.exit, &error.hint) {
        (Exit::Permission, _) if !sweeps => {
            Finding::failed_here(Area::Downloads, "session", error).cured_by(super::AS_ROOT)
        }
        (_, Some(_)) => Finding::failed(Area::Downloads, "session", error),
        (_, None) => Finding::failed(Area::Downloads, "session", error).cured_by(SESSION),
    }
}

/// rtorrent's session is the configured one, whatever links lead there.
fn is_same(theirs: &Path, asked: &Asked<'_>) -> bool {
    let ours = &asked.config.rtorrent.session;
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    theirs == ours || real(theirs) == real(ours)
}

fn named(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMES);
    let shown: Vec<String> = names.iter().take(NAMES).map(|name| format!("`{name}`")).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn matched(app: &App, ours: &[&Ours<'_>], sorted: &Sorted<'_>, all: usize) -> Finding {
    let patterns: Vec<String> = app.patterns.iter().map(|p| format!("`{p}`")).collect();
    let patterns = patterns.join(", ");
    let found = match (ours.len(), all, sorted.nobodys.is_empty()) {
        (0, 0, _) => Finding::note(Area::App, "match", format!("no download fits {patterns}"))
            .because("nothing is in rtorrent")
            .cured_by("rename a .torrent into its watch directory"),
        (0, _, false) => {
            Finding::warning(Area::App, "match", format!("no download fits {patterns}"))
                .because(format!("there are {}", named(&sorted.nobodys)))
                .cured_by("the whole name must fit: correct `match`, or how torrents are named")
        }
        (0, _, true) => Finding::note(Area::App, "match", format!("no download fits {patterns}"))
            .because("all of them are other apps'")
            .cured_by("nothing, until the first release of this app comes"),
        (number, ..) => {
            let says = format!("{} fit {patterns}", counted(number as u64, "download"));
            Finding::ok(Area::App, "match", says.replace("download fit ", "download fits "))
        }
    };
    found.of_app(&app.name)
}

/// What is complete and was never told of: its event did not come through.
fn unlanded(ours: &[&Ours<'_>], status: &AppStatus) -> Option<Finding> {
    let known = |hash: InfoHash| {
        let is_it =
            |release: &Release| release.hash.as_deref().and_then(InfoHash::parse) == Some(hash);
        status.releases.iter().any(is_it)
    };
    if status.error.is_some() {
        return None;
    }
    let lost: Vec<String> = ours
        .iter()
        .filter(|ours| ours.complete && !known(ours.job.hash))
        .map(|ours| ours.job.version.to_string())
        .collect();
    if lost.is_empty() {
        return None;
    }
    let says = format!("complete in rtorrent and never landed: {}", named(&lost));
    Some(
        Finding::warning(Area::App, "unlanded", says)
            .because("the event did not call the hook, or was lost; it does not come again")
            .cured_by("seedship sweep")
            .of_app(&status.app),
    )
}

//! What an interrupted command left beside the releases themselves. The next writing command
//! finishes it or cleans it up; a reader only says so.

use super::View;
use crate::{
    disk::{Disk, Kind},
    error::Result,
    release::{Key, Record, State, Target},
    store::{NEXT, RELEASES},
};
use serde::Serialize;

/// Something that the next writing command resumes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Unfinished {
    /// The version that it is about, or what is known of the torrent.
    pub subject: String,
    /// What there is, and what becomes of it.
    pub what: String,
}

impl Unfinished {
    fn new(subject: impl ToString, what: impl Into<String>) -> Self {
        Self { subject: subject.to_string(), what: what.into() }
    }
}

/// What is unfinished and is no state of a release.
pub(super) fn all(view: &View<'_>) -> Result<Vec<Unfinished>> {
    let records = &view.seen.records;
    let mut all: Vec<Unfinished> = records.iter().filter_map(|r| marked(r, view)).collect();
    all.extend(trial(view));
    all.extend(stages(view));
    all.extend(links(view)?);
    if view.site.owed()?.iter().any(|owed| !owed.is_alive()) {
        all.push(Unfinished::new("", "`activated` was interrupted and runs again"));
    }
    match view.leftovers.trash {
        0 => {}
        1 => all.push(Unfinished::new("", "1 pruned release is not deleted yet")),
        more => {
            all.push(Unfinished::new("", format!("{more} pruned releases are not deleted yet")))
        }
    }
    Ok(all)
}

/// A decision to leave a release that is not carried out, or whose end is not written down.
fn marked(record: &Record, view: &View<'_>) -> Option<Unfinished> {
    let mark = record.leave.as_ref()?;
    let version = &record.version;
    let live = view.seen.live();
    let what = match (live.map(|live| &live.key) == Some(&record.key), &mark.to) {
        (true, Target::Release(to)) => format!("is to be left for {to}"),
        (true, Target::Nothing) => "is to be left for nothing".to_owned(),
        (false, to) if view.seen.live_target().as_ref() == Some(to) => {
            format!("was left for {to}, whose record does not say so yet")
        }
        (false, to) => format!("holds a mark to leave it for {to}, which is void"),
    };
    Some(Unfinished::new(version, what))
}

/// A trial that nobody conducts.
fn trial(view: &View<'_>) -> Option<Unfinished> {
    let live = view.seen.live().filter(|live| live.state == State::Trying)?;
    let hash = live.key.info_hash();
    let conducted = view.landing.as_ref().is_some_and(|landing| Some(landing.hash) == hash);
    (!conducted).then(|| Unfinished::new(&live.version, "its trial was interrupted"))
}

/// Stages of which neither a running deploy nor an open record tells.
fn stages(view: &View<'_>) -> impl Iterator<Item = Unfinished> {
    let told = |hash: &&metainfo::InfoHash| {
        let landing = view.landing.as_ref().is_some_and(|landing| landing.hash == **hash);
        let record = view.seen.record(&Key::Torrent(**hash));
        landing || record.is_some_and(|record| record.state == State::Open)
    };
    let untold = view.leftovers.stages.iter().filter(move |hash| !told(hash));
    untold.map(|hash| {
        let subject = match view.seen.record(&Key::Torrent(*hash)) {
            Some(record) => record.version.to_string(),
            None => format!("{:.12}…", hash.to_string()),
        };
        Unfinished::new(subject, "a stage was left")
    })
}

/// Links of a switch or of an adoption that did not end.
fn links(view: &View<'_>) -> Result<Vec<Unfinished>> {
    let disk = view.site.disk();
    let mut links = Vec::new();
    if disk.kind(NEXT)?.is_some() {
        links.push(Unfinished::new("", "a switch was interrupted"));
    }
    for name in disk.list(RELEASES)?.iter().filter(|name| name.starts_with("adopted-")) {
        if disk.kind(&format!("{RELEASES}/{name}"))? == Some(Kind::Link) {
            links.push(Unfinished::new(name, "adopting it was interrupted"));
        }
    }
    Ok(links)
}

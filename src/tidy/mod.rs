//! What an app does not keep any more: old releases, and the downloads of those that are gone.
//!
//! Nothing here fails what it follows: what could not be removed is told, and goes the next time.

mod downloads;

use crate::{
    config::{App, Downloads},
    disk::Disk,
    error::Result,
    prune::{self, Keep},
    release::{Record, Unix},
    report::Line,
    rtorrent::Client,
    store::{Deploying, Entry, History},
};
use downloads::{Removed, remove, retired};
use log::Level;
use std::path::Path;

/// The rtorrent whose downloads go with their releases.
#[derive(Clone, Copy)]
pub struct Seeding<'a> {
    /// Where to ask.
    pub client: &'a Client,
    /// Its session directory.
    pub session: &'a Path,
}

/// Removes what is not kept, and tells of it.
pub fn tidy<D: Disk>(
    by: &mut Deploying<'_, D>,
    app: &App,
    seeding: Option<Seeding<'_>>,
    now: Unix,
    random: u64,
) {
    if let Err(e) = releases(by, app, &Keep::of(app), now, random) {
        log::warn!("{e}; old releases stay until the next sweep");
    }
    if let (Downloads::WithRelease, Some(seeding)) = (app.downloads, seeding) {
        match of_gone_releases(by, app, seeding, now) {
            Ok(removed) => removed.iter().for_each(Removed::log),
            Err(e) => log::warn!("{e}; downloads of pruned releases stay until the next sweep"),
        }
    }
}

/// Removes the releases that `keep` does not retain: one line of log and of history for each.
pub fn releases<D: Disk>(
    by: &mut Deploying<'_, D>,
    app: &App,
    keep: &Keep,
    now: Unix,
    random: u64,
) -> Result<Vec<Record>> {
    let pruned = prune::prune(by, keep, now, random)?;
    for record in &pruned {
        let line = Line::new(format!("{} {} was pruned", app.name, record.version));
        line.field("app", &app.name).field("version", &record.version).log(Level::Info);
        note(by.site().disk(), record, now);
    }
    Ok(pruned)
}

fn note<D: Disk>(disk: &D, pruned: &Record, now: Unix) {
    let entry = Entry {
        at: now,
        event: "pruned".to_owned(),
        version: Some(pruned.version.to_string()),
        from: None,
        hash: pruned.key.info_hash().map(|hash| hash.to_string()),
        by: "seedship".to_owned(),
        note: None,
    };
    if let Err(e) = History::of(disk).add(&entry) {
        log::debug!("{e}");
    }
}

fn of_gone_releases<D: Disk>(
    by: &Deploying<'_, D>,
    app: &App,
    seeding: Seeding<'_>,
    now: Unix,
) -> Result<Vec<Removed>> {
    let retired = retired(&by.site().look()?, app.linger, now);
    remove(seeding, &retired, app.limits.torrent)
}

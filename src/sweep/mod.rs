//! Brings every app to where its downloads say it should be: lost events found, failed ones tried
//! again, leftovers cleaned, old downloads removed. Safe in a timer, beside a deploy, and without
//! rtorrent: what can be read from its session directory is landed all the same.

mod due;
mod round;
mod swept;

pub use swept::{Failed, NOTHING, Skipped, Swept};

use crate::{
    config::{App, Config},
    deploy::{self, Env, Identified},
    disk::Kernel,
    error::{Exit, Result},
    heal::{self, Tended},
    process,
    prune::{self, Keep},
    rtorrent::{Client, Download, session},
    settle::Commands,
    store::{Seen, Site},
};
use due::{Found, due};
use log::{debug, info, warn};
use metainfo::InfoHash;
use round::Round;
use std::collections::BTreeMap;

/// Sweeps every app that this user owns.
pub fn sweep(config: &Config, rtorrent: &Client, env: &Env) -> Swept {
    let mut swept = Swept::default();
    let (downloads, reachable) = downloads(config, rtorrent, &mut swept);
    let mut jobs = jobs(config, &ripe(&downloads), env);
    for app in config.apps.iter().filter(|app| is_ours(app)) {
        let jobs = jobs.remove(&app.name).unwrap_or_default();
        let rtorrent = reachable.then_some(rtorrent);
        let lander = &Commands::of(app, env.command);
        let round = Round { app, rtorrent, lander, env, swept: &mut swept };
        if let Err(error) = open(app).and_then(|mut site| round.go(&mut site, jobs)) {
            if !error.is_busy() {
                deploy::tell_app(app, &error);
            }
            swept.stopped(app, &app.name, &error);
        }
    }
    swept
}

/// What a sweep would do, one line each: no lock, nothing written.
///
/// # Errors
/// If the root of an app cannot be read.
pub fn foresee(config: &Config, rtorrent: &Client, env: &Env) -> Result<Vec<String>> {
    let mut swept = Swept::default();
    let (downloads, _) = downloads(config, rtorrent, &mut swept);
    let mut jobs = jobs(config, &ripe(&downloads), env);
    let mut lines = Vec::new();
    for app in config.apps.iter().filter(|app| is_ours(app)) {
        let site = open(app)?;
        let seen = site.look()?;
        let foreseen = healing(&site, &seen, &mut lines, app)?;
        if deploy::is_unfinished(&site, &seen)? {
            lines.push(format!("{}: would finish what an interrupted run left", app.name));
        }
        for due in due(&seen, app, jobs.remove(&app.name).unwrap_or_default(), &foreseen, env.now) {
            lines.push(due.foresee(app, env.now));
        }
        for record in prune::dispensable(&seen, &Keep::of(app), env.now) {
            lines.push(format!("{} {} would be pruned", app.name, record.version));
        }
    }
    Ok(lines)
}

/// The downloads that are being healed, as far as the disk tells; each has a line of its own.
fn healing(
    site: &Site<Kernel>,
    seen: &Seen,
    lines: &mut Vec<String>,
    app: &App,
) -> Result<BTreeMap<InfoHash, Tended>> {
    let mut found = BTreeMap::new();
    for record in seen.records.iter().filter(|record| record.healing().is_some()) {
        let Some(hash) = record.key.info_hash() else { continue };
        let (app, version, tries) = (&app.name, &record.version, heal::tries(record));
        lines.push(format!("{app} {version}: its download is being healed, {tries}"));
        found.insert(hash, heal::look(site.disk(), record)?);
    }
    Ok(found)
}

/// The app's site, with the mode that its directories get.
fn open(app: &App) -> Result<Site<Kernel>> {
    Ok(Site::new(Kernel::open(&app.root)?, app.mode.directory()))
}

/// Another user's apps are that user's to sweep. One whose root is not there is nobody's, and
/// whoever started the sweep says so.
fn is_ours(app: &App) -> bool {
    match process::owner_of(&app.root) {
        Ok(owner) => process::require_owner(&owner, &app.name).is_ok(),
        Err(missing) if missing.exit == Exit::Config => false,
        Err(error) => {
            warn!("{error}");
            false
        }
    }
}

/// All downloads, from rtorrent, or from its session directory where it does not answer.
fn downloads(config: &Config, rtorrent: &Client, swept: &mut Swept) -> (Vec<Download>, bool) {
    let unreachable = match rtorrent.all() {
        Ok(downloads) => return (downloads, true),
        Err(error) => error,
    };
    match session::downloads(&config.rtorrent.session) {
        Ok(downloads) => {
            info!("{unreachable}; taking what its session directory says");
            (downloads, false)
        }
        Err(error) => {
            warn!("{unreachable}; {error}");
            swept.failed.push(Failed::new("rtorrent", &unreachable));
            (Vec::new(), false)
        }
    }
}

/// The downloads that are to be read: whole ones, and those that rtorrent gave up at a restart, of
/// which reading tells what is to be healed.
fn ripe(downloads: &[Download]) -> Vec<&Download> {
    downloads.iter().filter(|download| download.is_whole() || download.stuck).collect()
}

/// What the downloads are to the apps. What is nobody's, and what cannot be read, is told when its
/// event comes; here it would be told every ten minutes.
fn jobs<'c>(
    config: &'c Config,
    downloads: &[&Download],
    env: &Env,
) -> BTreeMap<String, Vec<Found<'c>>> {
    let mut found: BTreeMap<String, Vec<Found<'_>>> = BTreeMap::new();
    let limit = config.torrent_limit();
    for download in downloads {
        let identified = session::torrent(&env.session, download.hash, limit).and_then(|bytes| {
            bytes.map(|b| deploy::identify(config, download.hash, &b)).transpose()
        });
        match identified {
            Ok(Some(Identified::Job(job))) => {
                let rank = job.rank(env.now);
                let payload = download.payload(&job.torrent);
                found.entry(job.app.name.clone()).or_default().push(Found {
                    job: *job,
                    payload,
                    rank,
                });
            }
            Ok(Some(Identified::NoApp(name))) => debug!("no app takes torrent `{name}`"),
            Ok(None) => debug!("the session has no .torrent of {}", download.hash),
            Err(error) => debug!("{error}"),
        }
    }
    found
}

#[cfg(test)]
mod tests;

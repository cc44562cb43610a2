//! Which releases may go, and their going.
//!
//! What is kept is decided and what goes is renamed out of the way in one hold of the switch lock,
//! records included; the bytes are deleted after it. A failing prune never fails a deploy.

use crate::{
    checkpoint,
    config::App,
    disk::Disk,
    error::Result,
    release::{Key, Order, Record, State, Target, Unix, Version},
    store::{Current, Deploying, MANIFESTS, RELEASES, Seen},
};
use metainfo::InfoHash;
use std::{cmp::Ordering, collections::BTreeSet, time::Duration};

/// What an app's configuration says about keeping releases.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// How many for their own sake.
    pub releases: u32,
    /// How long one that was live is spared: a web server may have its files open, and another
    /// user's open files cannot be seen, so time is the guarantee.
    pub linger: Duration,
    /// The app's order.
    pub order: Order,
}

impl Keep {
    /// What an app keeps.
    pub fn of(app: &App) -> Self {
        Self { releases: app.keep, linger: app.linger, order: app.order() }
    }
}

/// Releases that can go now, oldest name first. While `current` is another tool's, none can: where
/// its link leads in the end, through others, is not known.
pub fn dispensable(seen: &Seen, keep: &Keep, now: Unix) -> Vec<Record> {
    if matches!(seen.current, Current::Foreign(_)) {
        return Vec::new();
    }
    let spared = spared(seen, keep, now);
    let mut going: Vec<Record> = seen
        .records
        .iter()
        .filter(|r| matches!(r.key, Key::Torrent(_)) && seen.stands(&r.version))
        .filter(|r| seen.owner(&r.version) == Some(*r) && !spared.contains(&r.version))
        .cloned()
        .collect();
    going.sort_by(|a, b| a.version.cmp(&b.version));
    going
}

/// Releases that must stay. What has no record, and what was adopted, is never asked about.
fn spared(seen: &Seen, keep: &Keep, now: Unix) -> BTreeSet<Version> {
    let mut spared = seen.kept_by_count(keep.order, keep.releases);
    let mut spare = |version: Option<&Version>| spared.extend(version.cloned());
    spare(seen.live().map(|r| &r.version));
    spare(seen.previous.as_ref());
    spare(seen.rollback_target().map(|r| &r.version));
    spare(seen.live().and_then(|r| r.from.as_ref()).and_then(released));
    spare(newest_bad(seen).map(|r| &r.version));
    for record in &seen.records {
        spare(record.leave.as_ref().and_then(|mark| released(&mark.to)));
        let undecided = matches!(record.state, State::Open | State::Trying);
        if undecided || record.leave.is_some() || lingers(record, keep.linger, now) {
            spare(Some(&record.version));
        }
    }
    spared
}

fn released(target: &Target) -> Option<&Version> {
    match target {
        Target::Release(version) => Some(version),
        Target::Nothing => None,
    }
}

/// It was live until a short while ago. One that was activated and does not say when it was left
/// counts as left just now.
fn lingers(record: &Record, linger: Duration, now: Unix) -> bool {
    let was_live = record.left.is_some() || record.number.is_some();
    was_live && now.since(record.left.unwrap_or(now)) < linger
}

/// Kept for study.
fn newest_bad(seen: &Seen) -> Option<&Record> {
    let bad = |r: &&Record| matches!(r.state, State::Bad { .. }) && seen.stands(&r.version);
    seen.records.iter().filter(bad).max_by_key(|r| (r.number, r.at))
}

/// Landed releases that are older than a good live one: they were passed over. An `open` record
/// without its directory, or whose stage still stands, is an interrupted deploy's and not that.
fn passed_over(seen: &Seen, staged: &[InfoHash], order: Order) -> Vec<Record> {
    let Some(live) = seen.live().filter(|live| live.state == State::Good) else {
        return Vec::new();
    };
    let staged = |r: &Record| r.key.info_hash().is_none_or(|hash| staged.contains(&hash));
    let open = |r: &&Record| r.state == State::Open && seen.stands(&r.version) && !staged(r);
    let unasked = |r: &&Record| !r.asked;
    let older = |r: &&Record| order.compare(r, live) == Ordering::Less;
    seen.records.iter().filter(open).filter(unasked).filter(older).cloned().collect()
}

/// Removes what can go. Returns the pruned records. The bytes are deleted without the switch lock:
/// a rollback must not wait for a tree.
pub fn prune<D: Disk>(
    by: &mut Deploying<'_, D>,
    keep: &Keep,
    now: Unix,
    random: u64,
) -> Result<Vec<Record>> {
    let mut lock = by.switching()?;
    for record in passed_over(lock.seen(), &lock.staged()?, keep.order) {
        lock.write(Record { landed: true, ..record.now(State::Superseded, now) })?;
    }
    let going = dispensable(lock.seen(), keep, now);
    let mut trash = Vec::new();
    for record in &going {
        // The record first: a crash in between leaves a release that the next prune takes again.
        lock.write(record.clone().now(State::Pruned, now))?;
        checkpoint::reach("prune-recorded");
        trash.push(lock.to_trash(&record.version, random)?);
        checkpoint::reach("prune-moved");
    }
    if !going.is_empty() {
        lock.disk().fsync(RELEASES)?;
    }
    drop(lock);
    checkpoint::reach("prune-renamed");
    let disk = by.site().disk();
    for (record, path) in going.iter().zip(&trash) {
        disk.remove_tree(path)?;
        checkpoint::reach("prune-deleted");
        for manifest in ["b3", "tree"] {
            disk.remove(&format!("{MANIFESTS}/{}.{manifest}", record.version))?;
            checkpoint::reach("list-removed");
        }
    }
    Ok(going)
}

//! What can be known before a byte is read: room, shared paths, programs, the file system.

use super::Job;
use crate::{
    check,
    disk::{Disk, Kernel},
    error::{Error, Exit, Result, quoted, typed},
    prune::{self, Keep},
    release::{Record, Unix},
    store::{SHARED, Seen},
    unpack::Kind,
};
use std::path::Path;

/// Refuses a deploy that would fail later for a reason that is plain now.
pub(super) fn check(disk: &Kernel, seen: &Seen, job: &Job<'_>) -> Result<()> {
    file_system(disk, &job.app.root)?;
    shared(job)?;
    check::programs(job.app)?;
    room(disk, seen, job)
}

/// A file system whose syncfs(2) does not promise that data is on a disk cannot hold releases.
fn file_system(disk: &Kernel, root: &Path) -> Result<()> {
    match disk.unsafe_file_system()? {
        None => Ok(()),
        Some(name) => {
            let cause = format!("it lies on {name}, which does not promise durable data");
            Err(Error::new(Exit::NotOurs, "deploy into", quoted(root), cause)
                .hint("put the app's root on a local file system such as ext4, xfs or btrfs"))
        }
    }
}

/// What is linked into every release must be there: a host without its settings would serve an
/// installer to the world.
fn shared(job: &Job<'_>) -> Result<()> {
    for shared in &job.app.shared {
        let target = match &shared.target {
            Some(target) => target.clone(),
            None => job.app.root.join(SHARED).join(&shared.path),
        };
        if !target.exists() {
            let place = typed(&target);
            let parent = typed(target.parent().unwrap_or(&target));
            let cause = format!("{} is linked into every release and is missing", quoted(&target));
            return Err(Error::new(Exit::Config, "land", job, cause).hint(format!(
                "create it as a directory (mkdir -p {place}) or put the file there (mkdir -p {parent})"
            )));
        }
    }
    Ok(())
}

/// Free bytes and inodes against what will be written and `min_free`. An archive does not say how
/// large it unpacks; what is live is the best guess, and the payload's own size the least.
fn room(disk: &Kernel, seen: &Seen, job: &Job<'_>) -> Result<()> {
    let space = disk.space()?;
    let live = seen.live();
    let payload = job.torrent.total_length();
    // A zip is copied to the same disk before it is unpacked: its directory is at its end.
    let copy = if Kind::of(&job.torrent)? == Kind::Zip { payload } else { 0 };
    let bytes = payload.max(live.map_or(0, |r| r.size)).saturating_add(copy);
    let files = (job.torrent.files().len() as u64).max(live.map_or(0, |r| r.files));
    let wanted = bytes.saturating_add(job.app.min_free);
    let short = if space.bytes < wanted {
        format!("{wanted} bytes are wanted (min_free included), {} are free", space.bytes)
    } else if space.inodes.is_some_and(|free| free < files) {
        format!("{files} inodes are wanted, {} are free", space.inodes.unwrap_or_default())
    } else {
        return Ok(());
    };
    let place = quoted(disk.place());
    Err(Error::new(Exit::Io, "make room in", place, short).hint(remedy(seen, job)))
}

fn remedy(seen: &Seen, job: &Job<'_>) -> String {
    let keep = Keep { releases: 1, linger: Default::default(), order: job.app.order() };
    let could: Vec<Record> = prune::dispensable(seen, &keep, Unix(i64::MAX));
    let names: Vec<&str> = could.iter().map(|r| r.version.as_str()).collect();
    let app = &job.app.name;
    match names.is_empty() {
        true => "free space on that file system; no release could be pruned".to_owned(),
        false => format!("`seedship prune {app} --keep 1` could remove {}", names.join(", ")),
    }
}

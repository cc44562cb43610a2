//! `prepare`: an operator's commands in the stage, and the list of what they made of it.
//!
//! The release is unpacked and listed, and nobody else can enter it. What the commands change is
//! part of the release, as if the torrent had brought it: it is listed, durable before the commit,
//! and `audit` holds the release against it.

use super::{
    Job,
    fill::{manifest_of, manifest_path, manifests},
};
use crate::{
    check::{self, Subject},
    checkpoint,
    disk::{Disk, Kernel},
    error::{Context, Error, Result},
    store::{Deploying, Stage},
    unpack::{Before, Plan, Totals},
};
use std::{fs::File, io::BufReader, os::fd::AsFd, thread, time::Duration};

/// The kernel tells times of files in ticks, at most this long (`CONFIG_HZ=100`): what changes in
/// the same tick as it was unpacked would look as it did.
const TICK: Duration = Duration::from_millis(10);

/// Runs the commands in a stage that was unpacked, and lists it again.
///
/// # Errors
/// 79 if one of them fails or leaves what no release may hold; the release is then tried again
/// later, from the start.
pub(super) fn prepare(
    by: &mut Deploying<'_, Kernel>,
    job: &Job<'_>,
    plan: &Plan<'_>,
    stage: &Stage<Kernel>,
) -> Result<Totals> {
    let disk = by.shared_disk();
    let directory = disk.directory(stage.path())?;
    let before = Before::of(directory.as_fd(), plan)?;
    let from = by.site().look()?.live_target();
    let subject = Subject {
        version: &job.version,
        directory: disk.full(stage.path()),
        from: from.as_ref(),
        hash: Some(job.hash),
    };
    thread::sleep(TICK);
    let last = job.app.root.join(job.version.path());
    check::prepare(job.app, &subject, &last, &mut |group| by.leash(group))?;
    checkpoint::reach("prepared");
    // Read from under the names that the new ones take: what is killed here is unpacked again.
    let old = |kind| -> Result<BufReader<File>> {
        let path = manifest_path(job, kind);
        let file = File::open(disk.full(&path)).on("read", disk.full(&path))?;
        disk.remove(&path)?;
        checkpoint::reach("list-removed");
        Ok(BufReader::new(file))
    };
    let old = (old("b3")?, old("tree")?);
    let mut new = manifests(&disk, job)?;
    let totals = before.list_again(directory.as_fd(), plan, old, &mut new)?;
    new.finish().map_err(|e| Error::io("write", manifest_of(&disk, job), &e))?;
    Ok(totals)
}

//! From a download to a release that is on the disk and that nothing points to: the durable order
//! of it. What fills the stage is behind [`Lander`].

use super::{Env, Job};
use crate::{
    checkpoint,
    disk::Disk,
    error::Result,
    release::Record,
    settle::Crew,
    store::{Deploying, Durable, Seen, Stage},
    unpack::Totals,
};
use std::path::Path;

/// Who brings a download into a stage beside running the app's commands: what unpacks proven bytes,
/// or a test over a disk in memory.
pub trait Lander<D: Disk>: Crew {
    /// A payload that is there in full length and not read yet.
    type Payload<'j>;

    /// Opens the payload, and refuses what would fail later for a reason that is plain now.
    fn open<'j>(
        &self,
        disk: &D,
        seen: &Seen,
        job: &'j Job<'_>,
        payload: &Path,
    ) -> Result<Self::Payload<'j>>;

    /// Fills an empty stage, and lists what is in it. Nothing of it is durable.
    fn fill(
        &self,
        by: &mut Deploying<'_, D>,
        stage: &Stage<D>,
        job: &Job<'_>,
        payload: Self::Payload<'_>,
        candidate: &Record,
    ) -> Result<Filled>;
}

/// What a stage was filled with.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    /// How much it holds.
    pub totals: Totals,
    /// What was said about the payload.
    pub notes: Vec<String>,
}

/// A release ready to be committed.
pub(super) struct Landing<D: Disk> {
    pub(super) stage: Durable<D>,
    pub(super) record: Record,
    pub(super) notes: Vec<String>,
}

/// Fills a stage, writes the record, and puts all of it on the disk. On any error the stage is gone.
pub(super) fn land<D: Disk, L: Lander<D>>(
    by: &mut Deploying<'_, D>,
    lander: &L,
    job: &Job<'_>,
    payload: L::Payload<'_>,
    candidate: Record,
    env: &Env,
) -> Result<Landing<D>> {
    let stage = Stage::create(by, job.hash, env.random)?;
    checkpoint::reach("stage-made");
    let filled = lander.fill(by, &stage, job, payload, &candidate);
    // Whatever failed in a stage that is not there any more, this is why.
    let Filled { totals, notes } = filled.map_err(|error| match stage.stands() {
        Ok(false) => stage.deleted(job),
        _ => error,
    })?;
    let record = Record { size: totals.bytes, files: totals.files, ..candidate };
    by.write_uncommitted(&record)?;
    checkpoint::reach("record-open");
    let stage = stage.settle(by)?;
    checkpoint::reach("synced");
    Ok(Landing { stage, record, notes })
}

//! What switching leaves to be run: the verdict of a trial, and recovery's unfinished one.
//!
//! The commands that an app may run around a switch are not built yet (the configuration refuses
//! them), so a trial has nothing to fail by and its verdict follows at once. It is written all the
//! same: a release is good only when its record says so.

use crate::{
    checkpoint,
    disk::Disk,
    error::Result,
    release::Unix,
    store::Deploying,
    switch::{self, Trial, Verdict},
};

/// Brings a trial to its verdict.
pub fn try_out<D: Disk>(by: &mut Deploying<'_, D>, trial: &Trial, now: Unix) -> Result<Verdict> {
    checkpoint::reach("trial-live");
    let mut lock = by.switching()?;
    switch::verdict(&mut lock, trial, None, now)
}

/// Finishes or cleans what earlier runs left. Only the holder of the deploy lock may: nothing of
/// its own exists yet. Returns how many stages were left.
pub fn recover<D: Disk>(by: &mut Deploying<'_, D>, now: Unix) -> Result<usize> {
    let trial = switch::recover(&mut by.switching()?, now)?;
    let stages = by.remove_leftovers()?;
    if let Some(trial) = trial {
        try_out(by, &trial, now)?;
    }
    Ok(stages)
}

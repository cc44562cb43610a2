//! The swap of one symbolic link, and nothing else.

use crate::{
    checkpoint,
    disk::{Disk, Kind},
    error::{Error, Exit, Result, quoted},
    store::{CURRENT, NEXT, PREVIOUS},
};

/// Makes `current` a link with this text, or makes it nothing, in one step, durably.
///
/// A lookup of `current` finds the old release or the new one and never fails: the new link is
/// made under a temporary name and swapped in. What was swapped out becomes `previous`; that is
/// for people, so its failure is told and nothing more.
pub(super) fn point<D: Disk>(disk: &D, text: Option<&str>) -> Result<()> {
    disk.remove(NEXT)?;
    match text {
        None => leave(disk)?,
        Some(text) => {
            disk.symlink(text, NEXT)?;
            checkpoint::reach("link-made");
            replace(disk)?;
        }
    }
    checkpoint::reach("link-switched");
    disk.fsync("")
}

/// Swaps the temporary link in.
fn replace<D: Disk>(disk: &D) -> Result<()> {
    match disk.kind(CURRENT)? {
        None => return disk.rename(NEXT, CURRENT),
        Some(Kind::Link) => {}
        // A directory would be exchanged as readily, and be gone for whoever put it there.
        Some(_) => {
            let place = quoted(disk.place().join(CURRENT));
            return Err(Error::new(Exit::NotOurs, "switch", place, "it is no link any more")
                .hint("somebody replaced it just now: `seedship activate APP VERSION --adopt` takes it over"));
        }
    }
    if disk.exchange(NEXT, CURRENT)? {
        // The old link's inode lives on under its new name: no lookup can lose it.
        return keep_previous(disk);
    }
    let old = disk.read_link(CURRENT)?;
    disk.rename(NEXT, CURRENT)?;
    match old {
        Some(old) if disk.symlink(&old, NEXT).is_ok() => keep_previous(disk),
        _ => Ok(()),
    }
}

/// There is no release to go to: `current` goes away and stays readable as `previous`.
fn leave<D: Disk>(disk: &D) -> Result<()> {
    match disk.rename(CURRENT, PREVIOUS) {
        Ok(()) => Ok(()),
        Err(_) => disk.remove(CURRENT),
    }
}

fn keep_previous<D: Disk>(disk: &D) -> Result<()> {
    if let Err(e) = disk.rename(NEXT, PREVIOUS) {
        log::warn!("{e}; `current` was switched all the same");
        // What stays is removed by the next switch.
        let _ = disk.remove(NEXT);
    }
    Ok(())
}

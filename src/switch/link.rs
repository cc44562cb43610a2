//! The swap of one symbolic link, and nothing else.

use crate::{
    checkpoint,
    disk::{Disk, Kind},
    error::{Error, Exit, Result, quoted},
    store::{CURRENT, NEXT, PREVIOUS},
};

/// Makes `current` a link with this text, or makes it nothing, in one step, durably.
pub(super) fn point<D: Disk>(disk: &D, text: Option<&str>) -> Result<()> {
    match text {
        None => disk.remove(NEXT).and_then(|()| leave(disk))?,
        Some(text) => {
            swap_link(disk, text)?;
        }
    }
    checkpoint::reach("link-switched");
    disk.fsync("")
}

/// Makes `current` a link with this text in one step: what every switch does, and nothing of what
/// surrounds it there, which is the lock, the records and the sync. Returns whether the file system
/// could exchange the two links.
///
/// A lookup of `current` finds the old release or the new one and never fails: the new link is
/// made under a temporary name and swapped in. What was swapped out becomes `previous`; that is
/// for people, so its failure is told and nothing more.
///
/// # Errors
/// 73 if `current` is something else than a link, 74 if the disk fails.
pub fn swap_link<D: Disk>(disk: &D, text: &str) -> Result<bool> {
    make_next(disk, text)?;
    match disk.kind(CURRENT)? {
        None => return disk.rename(NEXT, CURRENT).map(|()| false),
        Some(Kind::Link) => {}
        // A directory would be exchanged as readily, and be gone for whoever put it there.
        Some(_) => {
            let place = quoted(disk.place().join(CURRENT));
            return Err(Error::new(Exit::NotOurs, "switch", place, "it is no link any more")
                .hint("somebody replaced it just now: `seedship activate APP VERSION --adopt` takes it over"));
        }
    }
    let exchanged = disk.exchange(NEXT, CURRENT)?;
    match exchanged {
        // The old link's inode lives on under its new name: no lookup can lose it.
        true => {
            checkpoint::reach("link-exchanged");
            keep_previous(disk)?;
        }
        false => rename_over(disk)?,
    }
    Ok(exchanged)
}

/// [`swap_link`] as it goes on a file system that cannot exchange two names.
///
/// # Errors
/// 74 if `current` is no link, or the disk fails.
pub fn swap_link_by_rename<D: Disk>(disk: &D, text: &str) -> Result<()> {
    make_next(disk, text)?;
    rename_over(disk)
}

fn make_next<D: Disk>(disk: &D, text: &str) -> Result<()> {
    disk.remove(NEXT)?;
    disk.symlink(text, NEXT)?;
    checkpoint::reach("link-made");
    Ok(())
}

/// Renames the temporary link over `current`, and makes the old one anew as `previous`.
fn rename_over<D: Disk>(disk: &D) -> Result<()> {
    let old = disk.read_link(CURRENT)?;
    disk.rename(NEXT, CURRENT)?;
    checkpoint::reach("link-renamed");
    match old {
        Some(old) if disk.symlink(&old, NEXT).is_ok() => {
            checkpoint::reach("previous-made");
            keep_previous(disk)
        }
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

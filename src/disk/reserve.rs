//! A little room set aside for the hour in which there is none.
//!
//! On a full disk the cure is an operator's: `prune`, or `rollback`. Both write a record first, a few
//! hundred bytes that are not there. So each deploy sees to it that some files of 256 KiB lie in
//! `.seedship/reserve`, and a command that a person typed gives them up for what it has to write. They
//! are made again by the next deploy that finds room. Nothing is decided from them.

use super::{Disk, Kernel};
use nix::{
    fcntl::{OFlag, openat, posix_fallocate},
    sys::stat::Mode,
};
use std::io;

/// Where they lie.
const PLACE: &str = ".seedship/reserve";
/// How many: one for each inode that a switch takes at most at a time, and one more.
const FILES: usize = 4;
/// Bytes of each. A record, a note and a line of history each take a block of 4 KiB; but xfs makes no
/// file while there is no room for the most that its directory could grow: of 64 KiB in all, nothing
/// could be written there.
const BYTES: i64 = 256 << 10;

/// Sets them aside where they are missing. That there is no room for them is no failure.
pub(super) fn keep(disk: &Kernel) {
    let last = file(FILES - 1);
    if matches!(disk.stat(&last), Ok(Some(_))) {
        return;
    }
    if let Err(e) = make(disk) {
        log::debug!("no room is set aside in {}: {e}", disk.full(PLACE).display());
        give_up(disk);
    }
}

fn make(disk: &Kernel) -> io::Result<()> {
    disk.make_dir(PLACE, 0o700).map_err(io::Error::other)?;
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    for number in 0..FILES {
        let made = openat(disk.root(), file(number).as_str(), flags, Mode::S_IRUSR)?;
        posix_fallocate(&made, 0, BYTES)?;
    }
    Ok(())
}

/// Gives them up; whether there was anything to be given up.
pub(super) fn give_up(disk: &Kernel) -> bool {
    let there = matches!(disk.kind(PLACE), Ok(Some(_)));
    there && disk.remove_tree(PLACE).is_ok()
}

fn file(number: usize) -> String {
    format!("{PLACE}/{number}")
}

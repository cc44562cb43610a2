//! A directory of this host.

use super::{Outcome, Parcel};
use crate::{
    bounded,
    error::{Error, Exit, Result, quoted},
    publish::unfinished::{UnfinishedDirectory, rename_to_new},
};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// No torrent has more bytes.
const TORRENT_MAX: u64 = 64 << 20;

/// Nothing is made that a mistyped name could mean.
pub(super) fn must_be_there(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let (cause, hint) = match directory.exists() {
        true => ("it is no directory", "name the directory that rtorrent watches"),
        false => ("there is no such directory", "make it, or name another one"),
    };
    Err(Error::new(Exit::NotFound, "deliver to", quoted(directory), cause).hint(hint))
}

/// Delivers into a directory, which must be there.
pub(super) fn deliver(parcel: &Parcel<'_>, directory: &Path) -> Result<Outcome> {
    must_be_there(directory)?;
    let at = directory.join(&parcel.name);
    if fs::symlink_metadata(&at).is_ok() {
        return compared(parcel, directory, &at);
    }
    match write(parcel, directory, &at) {
        Ok(()) => Ok(Outcome::Delivered),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => compared(parcel, directory, &at),
        Err(e) => Err(Error::io("deliver to", directory, &e)),
    }
}

fn write(parcel: &Parcel<'_>, directory: &Path, at: &Path) -> io::Result<()> {
    let aside = UnfinishedDirectory::within(directory)?;
    let whole = aside.path().join("torrent");
    let mut file = OpenOptions::new().write(true).create_new(true).open(&whole)?;
    file.write_all(parcel.bytes)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()?;
    crate::checkpoint::reach("publish-delivering");
    rename_to_new(&whole, at)?;
    drop(aside);
    File::open(directory)?.sync_all()
}

fn compared(parcel: &Parcel<'_>, directory: &Path, at: &Path) -> Result<Outcome> {
    let Ok(found) = bounded::read(at, TORRENT_MAX) else {
        let cause = "something is there that cannot be read as a torrent";
        return Err(Error::new(Exit::NotOurs, "deliver", quoted(at), cause)
            .hint("move it away, and publish it again"));
    };
    parcel.compared(&quoted(directory), &found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two that deliver at once: the second finds the name taken when its own file is whole.
    #[test]
    fn a_name_that_is_taken_meanwhile_is_not_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, at) = (dir.path().join("torrent"), dir.path().join("a.torrent"));
        fs::write(&whole, "second").unwrap();
        fs::write(&at, "first").unwrap();
        let taken = rename_to_new(&whole, &at).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&at).unwrap(), "first");
        rename_to_new(&whole, &dir.path().join("b.torrent")).unwrap();
        assert!(!whole.exists());
    }
}

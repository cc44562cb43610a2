//! Files that somebody named, written so that a crash leaves the old one or the new one.

use crate::error::{Context, Error, Exit, Result, quoted};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::Path,
};

/// Nothing is at this place, and something can be made there.
pub(super) fn must_be_free(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(taken(path));
    }
    let directory = directory(path);
    match directory.is_dir() {
        true => Ok(()),
        false => Err(Error::new(
            Exit::NotOurs,
            "make",
            quoted(path),
            format!("there is no directory {}", quoted(directory)),
        )
        .hint("make the directory first, or name another place")),
    }
}

/// Makes a file of exactly this mode where none was, and puts it on the disk.
pub(super) fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let file = file.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => taken(path),
        _ => Error::io("make", path, &e),
    })?;
    let written = fill(file, bytes, mode).and_then(|()| File::open(directory(path))?.sync_all());
    written.on("write", path).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// Puts new bytes in the place of a file's, its mode kept, and its owner where this user may. A link
/// stays a link: what it leads to is replaced. The unfinished file begins with a dot and ends
/// otherwise than a .torrent, so that no watch directory loads it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let place = fs::canonicalize(path).on("write", path)?;
    let old = fs::metadata(&place).on("write", path)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = directory(&place).join(format!(".{name}.{:016x}", super::super::random()?));
    let written = (|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        // Who may not give it away keeps it.
        let _ = fchown(&file, Some(old.uid()), Some(old.gid()));
        fill(file, bytes, old.mode() & 0o777)?;
        fs::rename(&unfinished, &place)
    })();
    written.on("write", path).inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })?;
    File::open(directory(&place)).and_then(|at| at.sync_all()).on("sync", path)
}

fn fill(mut file: File, bytes: &[u8], mode: u32) -> io::Result<()> {
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

fn taken(path: &Path) -> Error {
    Error::new(Exit::NotOurs, "make", quoted(path), "it is there already")
        .hint("name another place, or move it away: a key that is lost cannot be made again")
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is faster with a name keeps it.
    #[test]
    fn what_stands_at_a_name_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join("theirs");
        fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
        for name in ["theirs", "dangling"] {
            let error = create(&dir.path().join(name), b"ours", 0o600).unwrap_err();
            assert_eq!(error.exit, Exit::NotOurs, "{name}");
        }
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a");
        assert!(replace(&at, b"new").is_err(), "there is nothing to replace");
        fs::create_dir(&at).unwrap();
        assert!(replace(&at, b"new").is_err(), "a file does not replace a directory");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

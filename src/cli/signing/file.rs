//! Files that somebody named, written so that a crash leaves the old one or the new one, whole; beside
//! it at worst what has no name yet, and that only its owner may read.

use crate::error::{Context, Error, Exit, Result, quoted};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

/// Nothing is at this place, and something can be made there.
pub(in crate::cli) fn must_be_free(path: &Path) -> Result<()> {
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

/// Makes a file of exactly this mode where none was, and puts it on the disk: the whole file gets its
/// name in one step.
pub(in crate::cli) fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let (unfinished, file) = Unfinished::beside(path)?;
    fill(file, bytes, mode).on("write", path)?;
    unfinished.becomes_new(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => taken(path),
        _ => Error::io("make", path, &e),
    })?;
    sync(path).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// Puts new bytes in the place of a file's, its mode kept, and its owner where this user may. A link
/// stays a link: what it leads to is replaced.
pub(in crate::cli) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let place = fs::canonicalize(path).on("write", path)?;
    let old = fs::metadata(&place).on("write", path)?;
    let (unfinished, file) = Unfinished::beside(&place)?;
    // Who may not give it away keeps it.
    let _ = fchown(&file, Some(old.uid()), Some(old.gid()));
    fill(file, bytes, old.mode() & 0o777).on("write", path)?;
    fs::rename(&unfinished.at, &place).on("write", path)?;
    sync(&place)
}

/// A file that nobody knows by its name yet, closed to everybody else; dropped, it is gone. It begins
/// with a dot and ends otherwise than a .torrent, so that no watch directory loads it.
struct Unfinished {
    at: PathBuf,
}

impl Unfinished {
    fn beside(path: &Path) -> Result<(Self, File)> {
        let at = directory(path).join(format!(".seedship.{:016x}", super::super::random()?));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&at);
        Ok((Self { at }, file.map_err(|e| Error::io("make", path, &e))?))
    }

    /// Gives it a name that nothing has: `AlreadyExists` where something has it.
    fn becomes_new(&self, path: &Path) -> io::Result<()> {
        let flags = RenameFlags::RENAME_NOREPLACE;
        match renameat2(AT_FDCWD, &self.at, AT_FDCWD, path, flags) {
            // File systems that cannot refuse a taken name give a second one.
            Err(Errno::EINVAL | Errno::ENOSYS) => fs::hard_link(&self.at, path),
            renamed => Ok(renamed?),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it has its own name, nothing has this one.
        let _ = fs::remove_file(&self.at);
    }
}

fn fill(mut file: File, bytes: &[u8], mode: u32) -> io::Result<()> {
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Puts the name itself on the disk.
fn sync(path: &Path) -> Result<()> {
    File::open(directory(path)).and_then(|at| at.sync_all()).on("sync", path)
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
    fn no_name_is_too_long_to_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("n".repeat(255));
        fs::write(&at, "old").unwrap();
        replace(&at, b"new").unwrap();
        assert_eq!(fs::read(&at).unwrap(), b"new");
        fs::remove_file(&at).unwrap();
        create(&at, b"new", 0o600).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
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

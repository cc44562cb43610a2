//! Deletes what a download has on disk: the files its .torrent names, and nothing else.
//!
//! Below the payload's place no symbolic link is followed, so that no name in a torrent, and
//! nobody who can write in the download directory, can lead out of it. Stray files stay, and with
//! them their directories. A crash, or an error, leaves some of the files: calling again goes on.

use crate::error::{Error, Exit, Result, quoted};
use metainfo::{File, Metainfo};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, openat, stat, statat, unlinkat};
use rustix::io::Errno;
use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsStr,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

/// A torrent and where its payload lies (see [`Download::payload`](super::Download::payload)).
#[derive(Clone, Debug)]
pub struct Payload {
    /// The file of a single-file torrent, the directory of any other.
    pub path: PathBuf,
    /// What it consists of.
    pub torrent: Metainfo,
}

/// What [`delete`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deleted {
    /// Files that are gone.
    pub files: u64,
    /// Bytes that they had.
    pub bytes: u64,
    /// Files that the torrent names and that stay: another download has them too, or what lies
    /// there is no regular file.
    pub kept: u64,
}

/// A file by device and inode: the same whatever path leads to it.
type Identity = (u64, u64);

/// Deletes the torrent's own files, but those that one of `others` has too, then the directories
/// of the torrent that are empty now, its payload directory included. What is already gone is
/// passed over.
///
/// # Errors
/// 77 or 74 with the path that could not be deleted or looked at.
pub fn delete(payload: &Payload, others: &[Payload]) -> Result<Deleted> {
    let (Some(parent), Some(name)) = (payload.path.parent(), payload.path.file_name()) else {
        let cause = "it has no name of its own";
        return Err(Error::new(Exit::Bug, "delete", quoted(&payload.path), cause));
    };
    let above = match openat(CWD, parent, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(above) => above,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Deleted::default()),
        Err(e) => return Err(failed("open", parent, e)),
    };
    let mut deleted = Deleted::default();
    let shared = identities(others);
    if !payload.torrent.is_multi_file() {
        remove_file(&above, name, &payload.path, &shared, &mut deleted)?;
        return Ok(deleted);
    }
    let Some(root) = step(&above, name).map_err(|e| failed("open", &payload.path, e))? else {
        return Ok(deleted);
    };
    let files = payload.torrent.files();
    remove_files(&root, &payload.path, files, &shared, &mut deleted)?;
    remove_directories(&root, &payload.path, files)?;
    drop(root);
    remove_directory(&above, name, &payload.path)?;
    Ok(deleted)
}

/// The files that other downloads have, links followed as rtorrent does.
fn identities(others: &[Payload]) -> HashSet<Identity> {
    let mut found = HashSet::new();
    for other in others {
        for file in other.torrent.files() {
            let path = below(&other.path, &file.path);
            found.extend(stat(path).ok().map(|stat| identity(&stat)));
        }
    }
    found
}

fn remove_files(
    root: &OwnedFd,
    path: &Path,
    files: &[File],
    shared: &HashSet<Identity>,
    deleted: &mut Deleted,
) -> Result<()> {
    // Files of one directory mostly follow one another: it is opened once for all of them.
    let mut at: Option<(&[Vec<u8>], Option<OwnedFd>)> = None;
    for file in files {
        let Some((name, directories)) = file.path.split_last() else { continue };
        if at.as_ref().is_none_or(|(opened, _)| *opened != directories) {
            let whole = || below(path, directories);
            at = Some((
                directories,
                descend(root, directories).map_err(|e| failed("open", whole(), e))?,
            ));
        }
        if let Some((_, Some(directory))) = &at {
            let whole = below(path, &file.path);
            remove_file(directory, OsStr::from_bytes(name), &whole, shared, deleted)?;
        }
    }
    Ok(())
}

fn remove_file(
    directory: &OwnedFd,
    name: &OsStr,
    whole: &Path,
    shared: &HashSet<Identity>,
    deleted: &mut Deleted,
) -> Result<()> {
    let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(failed("delete", whole, e)),
    };
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !regular || shared.contains(&identity(&stat)) {
        deleted.kept += 1;
        return Ok(());
    }
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) => {
            deleted.files += 1;
            deleted.bytes += u64::try_from(stat.st_size).unwrap_or(0);
            Ok(())
        }
        Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(failed("delete", whole, e)),
    }
}

/// Removes the directories that the torrent's paths pass through, deepest first, where empty.
fn remove_directories(root: &OwnedFd, path: &Path, files: &[File]) -> Result<()> {
    let mut directories = BTreeSet::new();
    for file in files {
        // A path's ancestors are known as soon as one of them is.
        let ancestors = (1..file.path.len()).rev().map(|count| &file.path[..count]);
        for ancestor in ancestors {
            if !directories.insert((std::cmp::Reverse(ancestor.len()), ancestor)) {
                break;
            }
        }
    }
    for (_, directory) in directories {
        let Some((name, above)) = directory.split_last() else { continue };
        let whole = below(path, directory);
        if let Some(above) = descend(root, above).map_err(|e| failed("open", &whole, e))? {
            remove_directory(&above, OsStr::from_bytes(name), &whole)?;
        }
    }
    Ok(())
}

/// Removes a directory if it is one and empty.
fn remove_directory(above: &OwnedFd, name: &OsStr, whole: &Path) -> Result<()> {
    match unlinkat(above, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(e) => Err(failed("delete", whole, e)),
    }
}

/// The directory at `components` below `root`; `None` if there is none, or a link on the way.
fn descend(root: &OwnedFd, components: &[Vec<u8>]) -> Result<Option<OwnedFd>, Errno> {
    let mut at = root.as_fd().try_clone_to_owned().map_err(|_| Errno::MFILE)?;
    for component in components {
        match step(&at, OsStr::from_bytes(component))? {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// One directory down, never along a link.
fn step(directory: &OwnedFd, name: &OsStr) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(directory, name, flags, Mode::empty()) {
        Ok(next) => Ok(Some(next)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(e) => Err(e),
    }
}

fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

fn below(path: &Path, components: &[Vec<u8>]) -> PathBuf {
    let mut whole = path.to_path_buf();
    whole.extend(components.iter().map(|component| OsStr::from_bytes(component)));
    whole
}

fn failed(verb: &'static str, path: impl AsRef<Path>, error: Errno) -> Error {
    Error::io(verb, path, &error.into())
}

#[cfg(test)]
mod tests;

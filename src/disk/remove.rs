//! Removing a whole tree: a stage, or a release on its way out.

use super::mounts;
use crate::error::{Context, Error, Exit, Result, quoted};
use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

/// Removes a tree, read-only directories too; nothing of what is mounted in it. One that is not there
/// is no error.
pub(super) fn tree(full: &Path) -> Result<()> {
    match mounts::within(full) {
        Ok(None) => {}
        Ok(Some(point)) => return Err(holds(full, &point)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("remove", full, &e)),
    }
    let first = match fs::remove_dir_all(full) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => e,
    };
    if first.kind() == io::ErrorKind::PermissionDenied && open_up(full).is_ok() {
        return fs::remove_dir_all(full).on("remove", full);
    }
    Err(Error::io("remove", full, &first))
}

/// What is mounted in a tree is somebody else's, and removing the tree would empty it.
fn holds(tree: &Path, point: &Path) -> Error {
    let cause = format!("another file system is mounted at {}", quoted(point));
    Error::new(Exit::Io, "remove", quoted(tree), cause)
        .hint("unmount it, and the next deploy or sweep removes the rest")
}

/// Makes every directory of a tree writable and searchable for its owner, links not followed.
fn open_up(tree: &Path) -> io::Result<()> {
    let mut open = vec![tree.to_owned()];
    while let Some(directory) = open.pop() {
        let mode = fs::symlink_metadata(&directory)?.permissions().mode();
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode | 0o700))?;
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_with_read_only_directories_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("t");
        fs::create_dir_all(dir.path().join("t/a/b")).unwrap();
        fs::write(dir.path().join("t/a/b/f"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("t/link")).unwrap();
        fs::set_permissions(dir.path().join("t/a/b"), fs::Permissions::from_mode(0o500)).unwrap();
        fs::set_permissions(dir.path().join("t/a"), fs::Permissions::from_mode(0o500)).unwrap();
        open_up(&there).unwrap();
        assert!(Path::new("/etc").exists());
        tree(&there).unwrap();
        assert!(!there.exists());
        tree(&there).unwrap();
    }
}

//! A payload of many files: a copy of a directory where rtorrent seeds it, and its torrent. What is
//! left out and what cannot be in a release is the packer's to say.

use super::{
    Order, describe,
    input::Source,
    unfinished::{UnfinishedDirectory, directory_of},
    unpackable,
};
use crate::{
    error::{Context, Error, Result, quoted},
    torrent::create::listed,
};
use pack::{Entry, Kind, Tree};
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

/// Copies what was listed into a new directory. `watch` is told how many bytes are copied.
pub(super) fn copied(
    order: &Order<'_>,
    tree: &Tree,
    watch: &mut dyn FnMut(u64),
) -> Result<UnfinishedDirectory> {
    let placed = UnfinishedDirectory::within(order.directory).on("write into", order.directory)?;
    let mut done = 0;
    for entry in tree.iter() {
        let from = tree.root().join(entry.path());
        let named = order.payload().join(entry.path());
        match entry.kind() {
            // Only what holds something: a torrent has no other.
            Kind::Directory => {}
            Kind::Link { target } => {
                made(placed.path(), entry.path(), |at| symlink(&**target, at))
                    .on("write", named)?;
            }
            Kind::File { size, executable } => {
                let source = Source::listed(&from)?;
                let copy = |at: &Path| copy(&source.file, at, *executable);
                made(placed.path(), entry.path(), copy).on("write", named)?;
                source.must_be_the_same()?;
                done += size;
                watch(done);
            }
        }
    }
    Ok(placed)
}

/// The .torrent of a directory that has all of the files, under the order's name.
pub(super) fn torrent(order: &Order<'_>, piece_length: u64, at: &Path) -> Result<Vec<u8>> {
    let plan = listed(at, Some(order.name.as_str()))?;
    let draft = describe::beside(order, plan.draft().piece_length(piece_length));
    // Padding of many small files to whole pieces would cross the wire.
    plan.torrent(draft, false, &mut |_| {})
}

/// A sentence for each directory that holds nothing, which a torrent cannot carry.
pub(super) fn empty_ones(tree: &Tree) -> impl Iterator<Item = String> {
    // What is in a directory follows it.
    let after = tree.iter().skip(1).map(Some).chain([None]);
    tree.iter()
        .zip(after)
        .filter(|(entry, next)| is_empty(entry, *next))
        .map(|(entry, _)| format!("{} is empty: a torrent cannot carry it", quoted(entry.path())))
}

fn is_empty(entry: &Entry, next: Option<&Entry>) -> bool {
    let within = |next: &Entry| {
        next.path().strip_prefix(entry.path()).is_some_and(|rest| rest.starts_with('/'))
    };
    *entry.kind() == Kind::Directory && !next.is_some_and(within)
}

/// Makes something below a root, and the directories that lead there. Never the root: a signal may
/// have taken it away, and it must stay so.
fn made(root: &Path, below: &str, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let at = root.join(below);
    if !directory_of(&at).is_dir() {
        for (slash, _) in below.match_indices('/') {
            match fs::create_dir(root.join(&below[..slash])) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
        }
    }
    make(&at)
}

/// Copies a file; blocks are shared where the file system can do that.
fn copy(mut source: &File, at: &Path, executable: bool) -> io::Result<()> {
    let mut copy = File::create_new(at)?;
    if rustix::fs::ioctl_ficlone(&copy, source).is_err() {
        io::copy(&mut source, &mut copy)?;
    }
    let mode = if executable { 0o755 } else { 0o644 };
    copy.set_permissions(Permissions::from_mode(mode))
}

/// It was written while it was read.
pub(super) fn changed(path: &Path) -> Error {
    unpackable(path, "it changed while it was read")
        .hint("publish it again when nobody writes there any more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_below_a_root_and_never_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let write = |root: &Path, below| made(root, below, |at| fs::write(at, "x"));
        for below in ["a/b/c", "a/b/d", "e"] {
            write(dir.path(), below).unwrap();
            assert!(dir.path().join(below).is_file());
        }
        let gone = dir.path().join("gone");
        for below in ["a/b/c", "e"] {
            assert_eq!(write(&gone, below).unwrap_err().kind(), io::ErrorKind::NotFound);
            assert!(!gone.exists());
        }
    }

    #[test]
    fn what_is_no_file_any_more_is_neither_followed_nor_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "x").unwrap();
        symlink("file", at("link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        Source::listed(&at("file")).unwrap();
        for name in ["link", "pipe"] {
            let error = Source::listed(&at(name)).map(drop).unwrap_err();
            assert_eq!(error.cause, "it changed while it was read", "{name}");
        }
    }
}

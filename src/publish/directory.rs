//! A payload of many files: a copy of a directory where rtorrent seeds it, and its torrent. What is
//! left out and what cannot be in a release is the packer's to say.

use super::{
    Order, describe,
    unfinished::{UnfinishedDirectory, directory_of},
    unpackable,
};
use crate::{
    error::{Context, Error, Result, quoted},
    torrent::create::listed,
};
use pack::{Entry, Kind, Tree};
use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
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
        let (from, to) = (tree.root().join(entry.path()), placed.path().join(entry.path()));
        match entry.kind() {
            // Only what holds something: a torrent has no other.
            Kind::Directory => {}
            Kind::Link { target } => made(&to, |at| symlink(&**target, at))?,
            Kind::File { size, executable } => {
                copy(&from, &to, *executable)?;
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

/// Makes something, and the directories that lead there.
fn made(at: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    fs::create_dir_all(directory_of(at)).and_then(|()| make(at)).on("write", at)
}

/// Copies a file that nobody may write meanwhile; blocks are shared where the file system can do that.
fn copy(from: &Path, to: &Path, executable: bool) -> Result<()> {
    let mut source = File::open(from).on("read", from)?;
    let before = source.metadata().on("read", from)?;
    made(to, |at| {
        let mut copy = File::create_new(at)?;
        if rustix::fs::ioctl_ficlone(&copy, &source).is_err() {
            io::copy(&mut source, &mut copy)?;
        }
        let mode = if executable { 0o755 } else { 0o644 };
        copy.set_permissions(Permissions::from_mode(mode))
    })?;
    let stamp = |of: &Metadata| (of.len(), of.mtime(), of.mtime_nsec());
    match stamp(&before) == stamp(&source.metadata().on("read", from)?) {
        true => Ok(()),
        false => Err(changed(from)),
    }
}

/// It was written while it was read.
pub(super) fn changed(path: &Path) -> Error {
    unpackable(path, "it changed while it was read")
        .hint("publish it again when nobody writes there any more")
}

//! A payload of many files: a copy of a directory where rtorrent seeds it, and its torrent.

use super::{Order, describe, unfinished::UnfinishedDirectory};
use crate::{
    error::{Context, Result},
    torrent::create::{Plan, listed},
};
use metainfo::File as Listed;
use pack::Excludes;
use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

/// Copies what was listed into a new directory. `watch` is told how many bytes are copied.
pub(super) fn copied(
    order: &Order<'_>,
    plan: &Plan,
    _excludes: &Excludes,
    watch: &mut dyn FnMut(u64),
) -> Result<UnfinishedDirectory> {
    let placed = UnfinishedDirectory::within(order.directory).on("write into", order.directory)?;
    let mut done = 0;
    for listed in &plan.files {
        let from = below(&plan.payload, listed);
        copy(listed, &from, &below(placed.path(), listed)).on("copy", &from)?;
        done += listed.length;
        watch(done);
    }
    plan.must_be_the_same()?;
    Ok(placed)
}

/// The .torrent of a directory that has all of the files, under the order's name.
pub(super) fn torrent(order: &Order<'_>, piece_length: u64, at: &Path) -> Result<Vec<u8>> {
    let plan = listed(at, Some(order.name.as_str()))?;
    let draft = describe::beside(order, plan.draft().piece_length(piece_length));
    // Padding of many small files to whole pieces would cross the wire.
    plan.torrent(draft, false, &mut |_| {})
}

fn below(root: &Path, file: &Listed) -> PathBuf {
    file.path.iter().fold(root.to_owned(), |path, part| path.join(OsStr::from_bytes(part)))
}

/// Copies a file or a link; blocks are shared where the file system can do that.
fn copy(listed: &Listed, from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(super::unfinished::directory_of(to))?;
    if listed.attr.symlink.is_some() {
        return symlink(fs::read_link(from)?, to);
    }
    let (mut source, mut copy) = (File::open(from)?, File::create_new(to)?);
    if rustix::fs::ioctl_ficlone(&copy, &source).is_err() {
        io::copy(&mut source, &mut copy)?;
    }
    let mode = if listed.attr.executable { 0o755 } else { 0o644 };
    copy.set_permissions(Permissions::from_mode(mode))
}

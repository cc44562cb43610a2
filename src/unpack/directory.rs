//! Payloads that are no archive: a directory, whose files go straight into the release, and a
//! single file.
//!
//! Modes and links come from the torrent's attributes (BEP 47), which the info hash covers:
//! rtorrent writes neither.

use super::{
    building::Building,
    entry::{Entry, What},
};
use crate::{error::Result, verify::Proven};
use metainfo::{File, Metainfo};
use std::io::{BufRead, Write};

/// Builds the release out of a multi-file torrent.
pub(super) fn unpack<W: Write>(
    torrent: &Metainfo,
    bytes: &mut Proven,
    building: &mut Building<'_, W>,
) -> Result<()> {
    for file in torrent.files() {
        if file.attr.padding {
            // Zeros that belong to no file; they were verified with the piece they are in.
            pass(bytes, file.length).map_err(|e| super::told(e, torrent.name()))?;
            continue;
        }
        add(file, &file.path.join(&b'/'), bytes, building)?;
    }
    Ok(())
}

/// Makes the release's only file.
pub(super) fn plain<W: Write>(
    torrent: &Metainfo,
    bytes: &mut Proven,
    building: &mut Building<'_, W>,
) -> Result<()> {
    torrent.files().iter().try_for_each(|file| add(file, torrent.name(), bytes, building))
}

fn add<W: Write>(
    file: &File,
    path: &[u8],
    bytes: &mut Proven,
    building: &mut Building<'_, W>,
) -> Result<()> {
    // BEP 47 counts a link's target from the payload's root, the kernel from the link.
    let target = file.attr.symlink.as_ref().map(|target| {
        let up = b"../".repeat(file.path.len().saturating_sub(1));
        [up, target.join(&b'/')].concat()
    });
    let what = match &target {
        Some(target) => What::Link(target),
        None => What::File(file.length),
    };
    let mode = if file.attr.executable { 0o755 } else { 0o644 };
    building.add_stripped(&Entry { path, what, mode, time: None }, 0, bytes)
}

fn pass(bytes: &mut Proven, mut left: u64) -> std::io::Result<()> {
    while left > 0 {
        let now = bytes.fill_buf()?.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if now == 0 {
            break;
        }
        bytes.consume(now);
        left -= now as u64;
    }
    Ok(())
}

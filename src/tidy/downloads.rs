//! The downloads of releases that are gone: they leave rtorrent and the disk with their release.
//!
//! What is to go is read from the records each time, so a download that a watch directory brings
//! back, or that could not be removed while rtorrent was down, goes the next time.

use super::Seeding;
use crate::{
    error::{Result, quoted},
    release::{State, Unix},
    report::Line,
    rtorrent::{
        Download,
        payload::{self, Deleted, Payload},
        session,
    },
    store::Seen,
};
use log::Level;
use metainfo::{InfoHash, Metainfo};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// One download that was removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Removed {
    /// Its info hash.
    pub(super) hash: InfoHash,
    /// Where its payload was.
    pub(super) path: PathBuf,
    /// How many of its files were deleted.
    pub(super) files: u64,
    /// Files that stay because another download has them too.
    pub(super) kept: u64,
}

impl Removed {
    /// Says so in the log.
    pub(super) fn log(&self) {
        let sentence =
            format!("the download of a pruned release was removed from {}", quoted(&self.path));
        Line::new(sentence)
            .field("hash", self.hash)
            .field("files", self.files)
            .field("kept", self.kept)
            .log(Level::Info);
    }
}

/// Info hashes whose downloads are of no more use: pruned releases, and superseded ones after
/// `linger`.
pub(super) fn retired(seen: &Seen, linger: Duration, now: Unix) -> Vec<InfoHash> {
    let gone = |state: &State, since: Unix| match state {
        State::Pruned => true,
        State::Superseded => now.since(since) >= linger,
        _ => false,
    };
    seen.records.iter().filter(|r| gone(&r.state, r.at)).filter_map(|r| r.key.info_hash()).collect()
}

/// Erased from rtorrent and deleted: those of `retired` that it still has.
pub(super) fn remove(
    seeding: Seeding<'_>,
    retired: &[InfoHash],
    limit: u64,
) -> Result<Vec<Removed>> {
    if retired.is_empty() {
        return Ok(Vec::new());
    }
    let payloads = payloads(&seeding.client.all()?, seeding.session, limit);
    let mut removed = Vec::new();
    for (hash, going) in payloads.iter().filter(|(hash, _)| retired.contains(hash)) {
        let others = payloads.iter().filter(|(other, _)| *other != hash);
        let others: Vec<Payload> = others.map(|(_, payload)| payload.clone()).collect();
        // The files first: as long as rtorrent has the download, the next sweep comes back to it.
        let gone = payload::delete(going, &others)
            .and_then(|deleted| seeding.client.remove(*hash).map(|()| deleted));
        match gone {
            Ok(Deleted { files, kept, .. }) => {
                removed.push(Removed { hash: *hash, path: going.path.clone(), files, kept });
            }
            // One that cannot go now does not keep the others.
            Err(e) => log::warn!("{e}; the download {hash} is removed by the next sweep"),
        }
    }
    Ok(removed)
}

/// What rtorrent's downloads consist of. One whose .torrent cannot be read is not known to share a
/// file, and is itself not removed.
fn payloads(downloads: &[Download], session: &Path, limit: u64) -> BTreeMap<InfoHash, Payload> {
    let payload = |download: &Download| {
        let bytes = session::torrent(session, download.hash, limit).ok()??;
        let torrent = Metainfo::parse(&bytes).ok()?;
        Some((download.hash, Payload { path: download.payload(&torrent), torrent }))
    };
    downloads.iter().filter_map(payload).collect()
}

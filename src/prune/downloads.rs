//! The downloads of releases that are gone: they leave rtorrent and the disk with their release.
//!
//! What is to go is read from the records each time, so a download that a watch directory brings
//! back, or that could not be removed while rtorrent was down, goes the next time.

use crate::{
    error::{Result, quoted},
    release::{State, Unix},
    report::Line,
    rtorrent::{self, Client, Deleted},
    store::Seen,
};
use log::Level;
use metainfo::{InfoHash, Metainfo};
use std::{collections::BTreeMap, path::{Path, PathBuf}, time::Duration};

/// One download that was removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removed {
    /// Its info hash.
    pub hash: InfoHash,
    /// Where its payload was.
    pub directory: PathBuf,
    /// How many of its files were deleted.
    pub files: usize,
    /// Files that stay because another download has them too.
    pub kept: usize,
}

impl Removed {
    /// Says so in the log.
    pub fn log(&self) {
        let sentence = format!("the download of a pruned release was removed from {}", quoted(&self.directory));
        Line::new(sentence)
            .field("hash", self.hash)
            .field("files", self.files)
            .field("kept", self.kept)
            .log(Level::Info);
    }
}

/// Info hashes whose downloads are of no more use: pruned releases, and superseded ones after
/// `linger`.
pub fn retired(seen: &Seen, linger: Duration, now: Unix) -> Vec<InfoHash> {
    let gone = |state: &State, since: Unix| match state {
        State::Pruned => true,
        State::Superseded => now.since(since) >= linger,
        _ => false,
    };
    seen.records
        .iter()
        .filter(|r| gone(&r.state, r.at))
        .filter_map(|r| r.key.info_hash())
        .collect()
}

/// Untied, erased and deleted: those of `retired` that rtorrent still has.
pub fn remove_downloads(
    rtorrent: &Client,
    retired: &[InfoHash],
    session: &Session<'_>,
) -> Result<Vec<Removed>> {
    if retired.is_empty() {
        return Ok(Vec::new());
    }
    let downloads = rtorrent.all()?;
    let going = downloads.iter().filter(|d| retired.contains(&d.hash));
    let mut removed = Vec::new();
    for download in going {
        let Some(torrent) = session.torrent(download.hash)? else { continue };
        let others: BTreeMap<_, _> = downloads
            .iter()
            .filter(|d| d.hash != download.hash)
            .filter_map(|d| Some((d, session.torrent(d.hash).ok()??)))
            .map(|(d, torrent)| (d.hash, (torrent, d.directory.clone())))
            .collect();
        let others: Vec<(&Metainfo, &Path)> =
            others.values().map(|(torrent, directory)| (torrent, directory.as_path())).collect();
        rtorrent.remove(download.hash)?;
        let Deleted { files, kept, .. } =
            rtorrent::delete_payload(&torrent, &download.directory, &others)?;
        let directory = download.directory.clone();
        removed.push(Removed { hash: download.hash, directory, files, kept });
    }
    Ok(removed)
}

/// rtorrent's session directory, and how large a .torrent may be.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The directory.
    pub path: &'a Path,
    /// The most bytes of a .torrent that are read.
    pub limit: u64,
}

impl Session<'_> {
    fn torrent(&self, hash: InfoHash) -> Result<Option<Metainfo>> {
        let bytes = rtorrent::session::torrent(self.path, hash, self.limit)?;
        Ok(bytes.and_then(|bytes| Metainfo::parse(&bytes).ok()))
    }
}

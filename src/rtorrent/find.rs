//! A download by its info hash: its .torrent, and where its payload lies.
//!
//! rtorrent says where, or its session files where it does not answer; the .torrent is always the
//! session's, for rtorrent gives none out.

use super::{Client, Download, session};
use crate::error::{Error, Exit, Result, quoted};
use metainfo::{InfoHash, Metainfo};
use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long the .torrent of a download that rtorrent has may not be in its session: 0.16 writes it
/// a moment after it has loaded it.
const UNWRITTEN: Duration = Duration::from_secs(5);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a download is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// rtorrent's session directory.
    pub session: &'a Path,
    /// The largest .torrent that is read, in bytes.
    pub limit: u64,
    /// How long rtorrent is asked for a download that it does not know yet: a magnet link's real
    /// torrent appears a moment after its event.
    pub patience: Duration,
}

/// A download: its .torrent and where its payload is.
#[derive(Clone, Debug)]
pub struct Found {
    /// The .torrent, not yet parsed.
    pub torrent: Vec<u8>,
    /// The file of a single-file torrent, the directory of any other.
    pub payload: PathBuf,
    /// All pieces are there, as far as rtorrent knows.
    pub complete: bool,
    /// rtorrent answered.
    pub reachable: bool,
}

impl Client {
    /// Asks rtorrent, or its session directory where it does not answer.
    ///
    /// # Errors
    /// 66 if it does not have the download or its session not the .torrent, 69 if neither rtorrent
    /// nor the session can tell, 65 if the .torrent is too large, 77 if it may not be read.
    pub fn find(&self, hash: InfoHash, asked: &Asked<'_>) -> Result<Found> {
        let (download, reachable) = match patiently(asked.patience, || self.download(hash)) {
            Ok(Some(download)) => (download, true),
            Ok(None) => {
                return Err(unknown(hash, "rtorrent has no such download").hint(
                    "[rtorrent] scgi in the configuration must be of the rtorrent that has it",
                ));
            }
            Err(unreachable) => (in_session(asked.session, hash).ok_or(unreachable)?, false),
        };
        let torrent = patiently(UNWRITTEN, || session::torrent(asked.session, hash, asked.limit))?
            .ok_or_else(|| {
                let file = asked.session.join(format!("{hash}.torrent"));
                unknown(hash, &format!("{} is not there", quoted(file)))
                    .hint("[rtorrent] session in the configuration must be rtorrent's session.path")
            })?;
        // A torrent that cannot be parsed is told by whoever identifies it.
        let payload = match Metainfo::parse(&torrent) {
            Ok(metainfo) => download.payload(&metainfo),
            Err(_) => download.directory.clone(),
        };
        Ok(Found { torrent, payload, complete: download.complete, reachable })
    }
}

fn in_session(session: &Path, hash: InfoHash) -> Option<Download> {
    let downloads = session::downloads(session).ok()?;
    downloads.into_iter().find(|download| download.hash == hash)
}

/// Asks until there is an answer or patience is over.
fn patiently<T>(patience: Duration, ask: impl Fn() -> Result<Option<T>>) -> Result<Option<T>> {
    let deadline = Instant::now() + patience;
    loop {
        match ask()? {
            None if Instant::now() < deadline => thread::sleep(PAUSE),
            answer => return Ok(answer),
        }
    }
}

fn unknown(hash: InfoHash, cause: &str) -> Error {
    Error::new(Exit::NotFound, "find", format!("download {hash}"), cause)
}

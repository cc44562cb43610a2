//! The questions and requests that Seedship has for a running rtorrent.
//!
//! Names are never asked for: they come from the .torrent, which the info hash covers. What is
//! asked works unchanged on rtorrent 0.9.8 and 0.16.

use super::{Address, Download, Timeouts};
use crate::error::{Error, Exit, Result, quoted};
use crate::release::Unix;
use crate::scgi::{Answer, Failure, Listener, Request, Scgi};
use metainfo::{InfoHash, Metainfo};
use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::Read,
    os::unix::{ffi::OsStringExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

/// What is asked of a download, in the order in which [`read`] takes it.
const FIELDS: [&str; 8] = [
    "d.hash",
    "d.is_meta",
    "d.complete",
    "d.hashing",
    "d.directory",
    "d.tied_to_file",
    "d.timestamp.finished",
    "d.message",
];

/// The largest watch file that is looked into to learn whose it is.
const WATCH_FILE_MAX: u64 = 16 << 20;

/// rtorrent, by its socket. Connects for each question and keeps nothing.
#[derive(Clone, Debug)]
pub struct Client {
    scgi: Scgi,
}

impl Client {
    /// A client that will ask at `address`.
    pub fn new(address: Address, timeouts: Timeouts) -> Self {
        Self { scgi: Scgi::new(address, timeouts) }
    }

    /// Where it is asked.
    pub fn address(&self) -> &Address {
        self.scgi.address()
    }

    /// Whose process listens on the socket, and which it is, also where it does not answer; `None`
    /// over TCP, or if nobody does.
    pub fn listener(&self) -> Option<Listener> {
        self.scgi.listener()
    }

    /// rtorrent's version: `0.9.8`.
    ///
    /// # Errors
    /// Here as in every question: 69 if rtorrent cannot be reached, does not answer in time, or
    /// refuses.
    pub fn version(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.text("system.client_version")?).into_owned())
    }

    /// The session directory.
    pub fn session_path(&self) -> Result<PathBuf> {
        let path = self.path("session.path")?;
        // rtorrent takes a relative one from where it was started.
        if path.is_absolute() { Ok(path) } else { Ok(self.path("system.cwd")?.join(path)) }
    }

    /// One download; `None` if rtorrent does not have it, or has only the magnet link. While it
    /// turns that into the download it answers that it has neither.
    pub fn download(&self, hash: InfoHash) -> Result<Option<Download>> {
        let calls = FIELDS.map(|field| Request::new(field).arg(hash.to_string()));
        let told = self.multicall(&calls).and_then(|row| read(&row));
        let mut told = unless_unknown(told).map_err(|e| e.asking("a download"))?.flatten();
        self.locate(told.as_mut_slice())?;
        Ok(told)
    }

    /// Every download, in rtorrent's order; magnet links are none yet.
    pub fn all(&self) -> Result<Vec<Download>> {
        const ASKED: &str = "d.multicall2";
        // The empty first argument is a target that this command does not have.
        let mut question = Request::new(ASKED).arg("").arg("main");
        for field in FIELDS {
            question = question.arg(format!("{field}="));
        }
        let rows = self.scgi.call(&question).map_err(|e| e.asking(ASKED))?;
        let unexpected = || Failure::unexpected().asking(ASKED);
        let mut downloads = Vec::new();
        for row in rows.list().ok_or_else(unexpected)? {
            let row = row.list().ok_or_else(unexpected)?;
            downloads.extend(read(row).map_err(|e| e.asking(ASKED))?);
        }
        self.locate(&mut downloads)?;
        Ok(downloads)
    }

    /// Sets custom fields of a download (`seedship_state`, …) and has it saved: what is only set
    /// is lost if rtorrent is killed. For people to look at: 0.16 writes after it has answered, and
    /// not at all while an earlier save of the same download is under way.
    ///
    /// # Errors
    /// 66 if rtorrent does not have the download.
    pub fn show(&self, hash: InfoHash, fields: &[(&str, &str)]) -> Result<()> {
        let hash_text = hash.to_string();
        let set = |(key, value): &(&str, &str)| {
            Request::new("d.custom.set").arg(hash_text.as_str()).arg(*key).arg(*value)
        };
        let mut calls: Vec<_> = fields.iter().map(set).collect();
        calls.push(Request::new("d.save_full_session").arg(hash_text.as_str()));
        known(self.multicall(&calls), hash, "d.custom.set").map(drop)
    }

    /// A custom field of a download; `None` if it is empty, which to rtorrent is the same as unset.
    ///
    /// # Errors
    /// 66 if rtorrent does not have the download.
    pub fn custom(&self, hash: InfoHash, key: &str) -> Result<Option<String>> {
        let question = Request::new("d.custom").arg(hash.to_string()).arg(key);
        let told = self.scgi.call(&question).and_then(|answer| {
            text(&answer).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        });
        Ok(Some(known(told, hash, "d.custom")?).filter(|value| !value.is_empty()))
    }

    /// Takes a download out of rtorrent for good: its session files and the watch file it is tied
    /// to go, so that no restart brings it back; its payload stays. Nothing to do if rtorrent does
    /// not have it.
    ///
    /// rtorrent deletes the tied file with the download, whatever that file holds by then. Where
    /// the next release was renamed over the same name, it is that one's file and stays: the
    /// download is untied first.
    ///
    /// # Errors
    /// 75 while rtorrent checks the data: to stop, close or erase a download in the middle of its
    /// check over SCGI locks 0.9.8 up for good, about one time in eight.
    pub fn remove(&self, hash: InfoHash) -> Result<()> {
        let all = self.all()?;
        let Some(ours) = all.iter().find(|d| d.hash == hash) else { return Ok(()) };
        if ours.hashing {
            return Err(not_removed(hash, "it is checking the data"));
        }
        let tied = ours.tied_to.as_deref();
        let foreign = tied.is_some_and(|file| {
            all.iter().any(|d| d.hash != hash && d.tied_to.as_deref() == Some(file))
                || torrent_in(file).is_some_and(|found| found != hash)
        });
        self.erase(hash, foreign)?;
        if let Some(left) = tied.filter(|file| !foreign && file.is_file()) {
            log::warn!(
                "rtorrent could not delete {}: it will load it again when it is restarted",
                quoted(left)
            );
        }
        Ok(())
    }

    /// One question, its answer as it came.
    pub(super) fn ask(&self, question: &Request<'_>) -> Result<Answer, Failure> {
        self.scgi.call(question)
    }

    /// Takes a download out of rtorrent, with the watch file it is tied to unless it is untied first.
    /// To be asked only while it is not checking the data.
    pub(super) fn erase(&self, hash: InfoHash, untied: bool) -> Result<()> {
        let of = |call| Request::new(call).arg(hash.to_string());
        let mut calls = Vec::new();
        if untied {
            calls.push(of("d.tied_to_file.set").arg(""));
        }
        calls.extend(["d.stop", "d.close", "d.erase"].map(of));
        unless_unknown(self.multicall(&calls)).map_err(|e| e.asking("d.erase"))?;
        match self.download(hash)? {
            None => Ok(()),
            Some(_) => Err(not_removed(hash, "it still has the download after `d.erase`")),
        }
    }

    /// Several calls in one; the first fault is the fault of all.
    pub(super) fn multicall(&self, calls: &[Request<'_>]) -> Result<Vec<Answer>, Failure> {
        match self.scgi.call(&Request::new_multicall(calls))? {
            Answer::List(results) if results.len() == calls.len() => {
                results.into_iter().map(Answer::of_multicall).collect()
            }
            _ => Err(Failure::unexpected()),
        }
    }

    /// Makes every directory absolute: a relative one begins where rtorrent was started.
    fn locate(&self, downloads: &mut [Download]) -> Result<()> {
        if downloads.iter().all(|download| download.directory.is_absolute()) {
            return Ok(());
        }
        let cwd = self.path("system.cwd")?;
        for download in downloads {
            download.directory = cwd.join(&download.directory);
        }
        Ok(())
    }

    /// The text that a command without arguments answers.
    fn text(&self, command: &str) -> Result<Vec<u8>> {
        let told = self.scgi.call(&Request::new(command));
        told.and_then(|answer| Ok(text(&answer)?.to_vec())).map_err(|e| e.asking(command))
    }

    fn path(&self, command: &str) -> Result<PathBuf> {
        Ok(path_of(&self.text(command)?))
    }
}

/// A download from the answers to [`FIELDS`]; `None` for a magnet link, which to rtorrent is a
/// download of its own, under the same hash and in the session directory.
fn read(row: &[Answer]) -> Result<Option<Download>, Failure> {
    let [hash, meta, complete, hashing, directory, tied_to, finished, message] = row else {
        return Err(Failure::unexpected());
    };
    let number = |answer: &Answer| answer.integer().ok_or_else(Failure::unexpected);
    if number(meta)? != 0 {
        return Ok(None);
    }
    let hash = str::from_utf8(text(hash)?).ok().and_then(InfoHash::parse);
    Ok(Some(Download {
        hash: hash.ok_or_else(Failure::unexpected)?,
        complete: number(complete)? != 0,
        hashing: number(hashing)? != 0,
        stuck: is_stuck(text(message)?),
        directory: path_of(text(directory)?),
        tied_to: Some(text(tied_to)?).filter(|path| !path.is_empty()).map(path_of),
        finished: Some(number(finished)?).filter(|time| *time > 0).map(Unix),
    }))
}

/// The message with which both lines of rtorrent leave a download that was complete before a restart
/// and is not after it: "Download registered as completed, but hash check returned unfinished chunks."
pub(super) fn is_stuck(message: &[u8]) -> bool {
    message.starts_with(b"Download registered as completed")
}

pub(super) fn text(answer: &Answer) -> Result<&[u8], Failure> {
    answer.text().ok_or_else(Failure::unexpected)
}

fn path_of(bytes: &[u8]) -> PathBuf {
    OsString::from_vec(bytes.to_vec()).into()
}

/// `None` where rtorrent does not know the info hash.
pub(super) fn unless_unknown<T>(told: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match told {
        Err(Failure::Fault(fault)) if fault.is_unknown_download() => Ok(None),
        told => told.map(Some),
    }
}

/// For what cannot be done without the download.
pub(super) fn known<T>(told: Result<T, Failure>, hash: InfoHash, asked: &str) -> Result<T> {
    unless_unknown(told).map_err(|e| e.asking(asked))?.ok_or_else(|| {
        Error::new(Exit::NotFound, "find", format!("{hash}"), "rtorrent does not have it")
            .hint("it was removed from rtorrent just now; load its .torrent again")
    })
}

pub(super) fn not_removed(hash: InfoHash, cause: &str) -> Error {
    Error::new(Exit::Again, "remove", format!("{hash} from rtorrent"), cause)
        .hint("a later `seedship sweep` removes it")
}

/// The info hash of the torrent in a watch file, if it can be read at all.
fn torrent_in(file: &Path) -> Option<InfoHash> {
    // Non-blocking: a FIFO of that name would hold us until somebody writes to it.
    let flags = nix::libc::O_NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(file).ok()?;
    let regular = opened.metadata().ok()?.is_file();
    let mut bytes = Vec::new();
    opened.take(if regular { WATCH_FILE_MAX } else { 0 }).read_to_end(&mut bytes).ok()?;
    Metainfo::parse(&bytes).ok().map(|torrent| torrent.info_hash())
}

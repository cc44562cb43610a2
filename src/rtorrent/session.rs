//! rtorrent's session directory, read without rtorrent.
//!
//! `<HASH>.torrent` is the .torrent as it was loaded, `<HASH>.torrent.rtorrent` (bencode) what
//! rtorrent knew of the download when it saved last: every 20 minutes, when it ends, when asked
//! (`d.save_full_session`), and **not** when a download finishes. So a download may be further on
//! than its file says. rtorrent writes these files elsewhere and renames: what is read is whole.

use super::{Belongings, Download};
use crate::{
    bounded::{self, Unread},
    error::{Context, Error, Exit, Result, quoted},
    release::Unix,
};
use metainfo::{
    InfoHash,
    bencode::{Dictionary, Value},
};
use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The largest `.rtorrent` file that is read; they have about a thousand bytes, and custom fields.
const STATE_MAX: u64 = 4 << 20;

/// The .torrent of a download; `None` if the session has none.
///
/// # Errors
/// 65 if it is larger than `limit` bytes, 77 if this user may not read it, 74 if reading fails.
pub fn torrent(session: &Path, hash: InfoHash, limit: u64) -> Result<Option<Vec<u8>>> {
    bounded(&session.join(format!("{hash}.torrent")), limit)
}

/// Every download that the session has the state of, in the order of their info hashes. A state
/// that cannot be read, or whose directory is relative to where rtorrent once was started, is
/// passed over with a line in the log.
pub fn downloads(session: &Path) -> Result<Vec<Download>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(session).on("read", session)? {
        let entry = entry.on("read", session)?;
        let Some(hash) = state_of(&entry.file_name()) else { continue };
        let path = entry.path();
        match bounded(&path, STATE_MAX).map(|read| read.map(|bytes| download(hash, &bytes))) {
            Ok(Some(Ok(download))) => found.push(download),
            Ok(Some(Err(cause))) => log::warn!("passing over {}: {cause}", quoted(&path)),
            // rtorrent erased it just now.
            Ok(None) => {}
            // Who may not read one may read none: that is no download passed over.
            Err(error) if error.exit == Exit::Permission => return Err(error),
            Err(error) => log::warn!("passing over a download: {error}"),
        }
    }
    found.sort_by_key(|download| download.hash);
    Ok(found)
}

/// What rtorrent had saved of a download beside its data, byte for byte; `None` if it cannot be read.
pub(super) fn belongings(session: &Path, hash: InfoHash) -> Option<Belongings> {
    let state = bounded(&session.join(format!("{hash}.torrent.rtorrent")), STATE_MAX).ok()??;
    Belongings::parse(&state)
}

/// The info hash in the name `<HASH>.torrent.rtorrent`.
fn state_of(name: &OsStr) -> Option<InfoHash> {
    InfoHash::parse(name.to_str()?.strip_suffix(".torrent.rtorrent")?)
}

/// A download from its `.rtorrent` file.
fn download(hash: InfoHash, state: &[u8]) -> Result<Download, &'static str> {
    let (state, _) = Dictionary::parse(state).map_err(|_| "it is not bencode")?;
    let number = |key: &[u8]| match state.get(key) {
        Some(Value::Integer(number)) => number,
        _ => 0,
    };
    let path = |key: &[u8]| match state.get(key) {
        Some(Value::Bytes(path)) if !path.is_empty() => {
            Some(PathBuf::from(OsStr::from_bytes(path)))
        }
        _ => None,
    };
    let directory = path(b"directory").ok_or("it names no directory")?;
    if !directory.is_absolute() {
        return Err("its directory is relative; give `directory.default.set` an absolute path");
    }
    Ok(Download {
        hash,
        complete: number(b"complete") != 0,
        hashing: number(b"hashing") != 0,
        // It does not say.
        stuck: false,
        directory,
        tied_to: path(b"tied_to_file"),
        finished: Some(number(b"timestamp.finished")).filter(|t| *t > 0).map(Unix),
    })
}

/// A whole regular file of at most `limit` bytes; `None` if it is not there.
fn bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    Err(match bounded::read(path, limit) {
        Ok(bytes) => return Ok(Some(bytes)),
        Err(Unread::Io(e)) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(Unread::Io(e)) => Error::io("read", path, &e),
        Err(Unread::Not(_)) => {
            Error::new(Exit::Io, "read", quoted(path), "it is not a regular file")
                .hint("[rtorrent] session in the configuration must be rtorrent's session.path")
        }
        Err(Unread::Larger(limit)) => {
            let cause = format!("it is larger than {limit} bytes");
            Error::new(Exit::Payload, "read", quoted(path), cause)
                .hint("raise limits.torrent in the configuration if the torrent is right")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: InfoHash = InfoHash::new([0xab; 20]);

    fn file(suffix: &str) -> String {
        format!("{HASH}{suffix}")
    }

    #[test]
    fn a_torrent_is_whole_or_missing_or_too_large() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(torrent(dir.path(), HASH, 10).unwrap(), None);
        fs::write(dir.path().join(file(".torrent")), b"0123456789").unwrap();
        assert_eq!(torrent(dir.path(), HASH, 10).unwrap().unwrap(), b"0123456789");
        assert_eq!(torrent(dir.path(), HASH, 9).unwrap_err().exit, Exit::Payload);
    }

    #[test]
    fn a_fifo_does_not_hold_us() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join(file(".torrent"));
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(torrent(dir.path(), HASH, 10).unwrap_err().exit, Exit::Io);
        // Among the states of all downloads it is passed over, and the others are read.
        fs::rename(&fifo, dir.path().join(format!("{}.torrent.rtorrent", "0".repeat(40)))).unwrap();
        let state = b"d8:completei1e9:directory2:/ae";
        fs::write(dir.path().join(file(".torrent.rtorrent")), state).unwrap();
        assert_eq!(downloads(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn states_are_read_and_junk_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: String, content: &[u8]| fs::write(dir.path().join(name), content);
        let state = b"d8:completei1e9:directory6:/a/b\xff\n7:hashingi0e12:tied_to_file0:18:timestamp.finishedi9ee";
        write(file(".torrent.rtorrent"), state).unwrap();
        write(file(".torrent.libtorrent_resume"), b"de").unwrap();
        write("x.torrent.rtorrent".into(), state).unwrap();
        for (first, junk) in [("00", &b"d"[..]), ("01", b"de"), ("02", b"d9:directory1:ae")] {
            write(format!("{first}{}", &file(".torrent.rtorrent")[2..]), junk).unwrap();
        }
        let expected = Download {
            hash: HASH,
            complete: true,
            hashing: false,
            stuck: false,
            directory: OsStr::from_bytes(b"/a/b\xff\n").into(),
            tied_to: None,
            finished: Some(Unix(9)),
        };
        assert_eq!(downloads(dir.path()).unwrap(), [expected]);
        assert_eq!(downloads(&dir.path().join("no")).unwrap_err().exit, Exit::Io);
    }

    proptest! {
        #[test]
        fn no_state_panics(state in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = download(HASH, &state);
        }
    }
}

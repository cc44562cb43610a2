//! Has rtorrent seed a payload that lies there already.
//!
//! A .torrent that is loaded may say which pieces are there and when each file was last written
//! (`libtorrent_resume`, rtorrent's own outermost key). Where that agrees with the files, rtorrent
//! takes it for true and hashes nothing; else it hashes all of it. Only the torrent that goes
//! over the socket has that key: it is about this very host.

use super::{
    Client,
    client::{known, text, unless_unknown},
};
use crate::{
    error::{Context, Error, Exit, Result, escaped, quoted},
    scgi::{Answer, Failure, Request, Value},
};
use metainfo::{InfoHash, Metainfo, amend, bencode::Item};
use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long rtorrent may take until it knows a download that it was given.
const LOADS_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to seed it then; and so many bytes a second where it hashes them.
const SEEDS_WITHIN: Duration = Duration::from_secs(30);
const HASHES_AT_LEAST: u64 = 20 << 20;
/// Between two questions. Each wakes rtorrent, which else sleeps up to a second.
const PAUSE: Duration = Duration::from_millis(20);

/// How rtorrent came to seed a download.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Seeding {
    /// It had it already.
    Already,
    /// It was given it, and has it from now on.
    Begun,
}

/// A torrent with its payload, to be seeded.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// The torrent.
    pub torrent: &'a Metainfo,
    /// The bytes of the .torrent.
    pub bytes: &'a [u8],
    /// The directory that holds the payload, under the torrent's name; absolute.
    pub directory: &'a Path,
}

/// Where a download stands that is to be seeded.
struct Now {
    complete: bool,
    hashing: bool,
    checked: bool,
    active: bool,
    started: bool,
    message: String,
}

impl Now {
    fn seeds(&self) -> bool {
        self.complete && self.active && !self.hashing
    }
}

impl Client {
    /// Where rtorrent puts what it downloads.
    ///
    /// # Errors
    /// 78 if that is a path which only rtorrent itself can expand.
    pub fn default_directory(&self) -> Result<PathBuf> {
        let told = self.ask(&Request::new("directory.default"));
        let told = told.and_then(|told| Ok(text(&told)?.to_vec()));
        let told = told.map_err(|e| e.asking("directory.default"))?;
        let path = PathBuf::from(OsStr::from_bytes(&told));
        if told.starts_with(b"~") {
            let cause = "it begins with `~`, which rtorrent alone expands";
            return Err(Error::new(Exit::Config, "use", quoted(path), cause)
                .hint("name the directory that rtorrent is to seed from: --directory DIR"));
        }
        if path.is_absolute() {
            return Ok(path);
        }
        let cwd = self.ask(&Request::new("system.cwd"));
        let cwd = cwd.and_then(|cwd| Ok(text(&cwd)?.to_vec()));
        let cwd = cwd.map_err(|e| e.asking("system.cwd"))?;
        Ok(Path::new(OsStr::from_bytes(&cwd)).join(path))
    }

    /// Has rtorrent seed this, and waits until it does.
    ///
    /// # Errors
    /// 69 if rtorrent does not answer or does not take it, 75 if it does not find the payload as it
    /// should be: then rtorrent does not have it afterwards.
    pub fn seed(&self, seed: &Seed<'_>) -> Result<Seeding> {
        let hash = seed.torrent.info_hash();
        let seeding = match self.now(hash)? {
            Some(now) if now.seeds() => return Ok(Seeding::Already),
            Some(_) => Seeding::Already,
            None => {
                self.hand_over(seed)?;
                Seeding::Begun
            }
        };
        let started = self.start(hash).and_then(|()| self.await_seeding(seed));
        if started.is_err() && seeding == Seeding::Begun {
            // What it lacks is nowhere else, and it would ask for it for ever.
            let _ = self.let_go(hash);
        }
        started.map(|()| seeding)
    }

    /// Loads it, not started, and waits until rtorrent knows it.
    fn hand_over(&self, seed: &Seed<'_>) -> Result<()> {
        let resumed = resumed(seed)?;
        let directory = format!("d.directory.set=\"{}\"", in_quotes(seed.directory)?);
        if self.takes(resumed.len() as u64)? {
            let call = Request::new("load.raw").arg("").arg(Value::Base64(resumed)).arg(directory);
            self.ask(&call).map_err(|e| e.asking("load.raw"))?;
            return self.await_known(seed);
        }
        // Under a name that it has not loaded before: it would pass over one that it has.
        let file = seed.directory.join(format!(".seedship.{}", seed.torrent.info_hash()));
        let loaded = written(&file, &resumed).on("write", &file).and_then(|()| {
            let path = Value::Base64(file.as_os_str().as_bytes().to_vec());
            let call = Request::new("load.normal").arg("").arg(path).arg(directory);
            self.ask(&call).map_err(|e| e.asking("load.normal"))?;
            self.await_known(seed)?;
            let hash = seed.torrent.info_hash();
            // Else it would go with its file.
            let untie = Request::new("d.tied_to_file.set").arg(hash.to_string()).arg("");
            known(self.ask(&untie), hash, "d.tied_to_file.set").map(drop)
        });
        // Whatever came of it, a full disk too.
        let _ = fs::remove_file(&file);
        loaded
    }

    /// It answers a load before it has looked at what it was given.
    fn await_known(&self, seed: &Seed<'_>) -> Result<()> {
        let deadline = Instant::now() + LOADS_WITHIN;
        while self.now(seed.torrent.info_hash())?.is_none() {
            if Instant::now() > deadline {
                let cause = "it does not know the download afterwards";
                return Err(not_seeded(seed, cause).hint(
                    "rtorrent 0.9.8 loads no torrent without a tracker; else its log says why",
                ));
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn await_seeding(&self, seed: &Seed<'_>) -> Result<()> {
        let hashing = Duration::from_secs(seed.torrent.total_length() / HASHES_AT_LEAST);
        let deadline = Instant::now() + SEEDS_WITHIN + hashing;
        loop {
            let Some(now) = self.now(seed.torrent.info_hash())? else {
                return Err(not_seeded(seed, "somebody removed it from rtorrent meanwhile")
                    .hint("publish it again"));
            };
            if now.seeds() {
                return Ok(());
            }
            let incomplete = now.checked && now.started && !now.hashing && !now.complete;
            if incomplete || Instant::now() > deadline {
                return Err(not_seeded(seed, now.why()).hint(format!(
                    "can rtorrent read {} there, under the same path?",
                    quoted(seed.directory.join(OsStr::from_bytes(seed.torrent.name())))
                )));
            }
            thread::sleep(PAUSE);
        }
    }

    /// `None` if rtorrent does not have it.
    fn now(&self, hash: InfoHash) -> Result<Option<Now>> {
        let asked =
            ["d.complete", "d.hashing", "d.is_hash_checked", "d.is_active", "d.state", "d.message"];
        let calls = asked.map(|name| Request::new(name).arg(hash.to_string()));
        let told = self.multicall(&calls).and_then(|row| Now::of(&row));
        unless_unknown(told).map_err(|e| e.asking("a download"))
    }
}

impl Now {
    fn of(row: &[Answer]) -> Result<Self, Failure> {
        let [numbers @ .., message] = row else { return Err(Failure::unexpected()) };
        let numbers: Option<Vec<i64>> = numbers.iter().map(Answer::integer).collect();
        let Some([complete, hashing, checked, active, started]) = numbers.as_deref() else {
            return Err(Failure::unexpected());
        };
        Ok(Self {
            complete: *complete != 0,
            hashing: *hashing != 0,
            checked: *checked != 0,
            active: *active != 0,
            started: *started != 0,
            message: escaped(text(message)?),
        })
    }

    /// Why it does not seed, in rtorrent's words if it has any.
    fn why(&self) -> String {
        match (self.message.is_empty(), self.complete, self.hashing) {
            (false, ..) => format!("it says: {}", self.message),
            (true, _, true) => "it is still hashing the payload".to_owned(),
            (true, false, false) => "it does not find the whole payload".to_owned(),
            (true, true, false) => "it does not start it".to_owned(),
        }
    }
}

/// The .torrent, with what is on this disk. A file that cannot be looked at is left to rtorrent's own
/// check.
fn resumed(seed: &Seed<'_>) -> Result<Vec<u8>> {
    let files: Option<Vec<Item>> = paths(seed).map(|path| mtime(&path).map(file)).collect();
    let Some(files) = files else { return Ok(seed.bytes.to_vec()) };
    let resume = Item::dictionary([
        // A number of pieces, and not bits, says: all of them.
        ("bitfield", Item::from(i64::try_from(seed.torrent.pieces().len()).unwrap_or(0))),
        ("files", Item::List(files)),
    ]);
    amend::set_key(seed.bytes, b"libtorrent_resume", &resume)
        .map_err(|cause| Error::new(Exit::Bug, "seed", quoted(seed.directory), cause))
}

fn file(mtime: i64) -> Item {
    Item::dictionary([("mtime", Item::from(mtime)), ("priority", Item::from(1))])
}

fn mtime(path: &Path) -> Option<i64> {
    fs::symlink_metadata(path).ok().map(|found| found.mtime())
}

/// Where each file of the torrent is, in its order.
fn paths<'a>(seed: &'a Seed<'_>) -> impl Iterator<Item = PathBuf> + 'a {
    let payload = seed.directory.join(OsStr::from_bytes(seed.torrent.name()));
    seed.torrent.files().iter().map(move |file| {
        let parts = file.path.iter().map(|part| OsStr::from_bytes(part));
        let inner: PathBuf = parts.collect();
        if inner.as_os_str().is_empty() { payload.clone() } else { payload.join(inner) }
    })
}

/// A new file that the rtorrent of another user can read, in place of what an earlier run left; where
/// others may write the directory, no link of theirs is followed.
fn written(at: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Err(e) = fs::remove_file(at)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(e);
    }
    let mut file = File::create_new(at)?;
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(0o644))
}

/// A path between the quotes of rtorrent's language.
fn in_quotes(path: &Path) -> Result<String> {
    let plain = path.to_str().filter(|text| !text.contains(char::is_control)).ok_or_else(|| {
        let cause =
            "its path is not UTF-8 or has control characters, which rtorrent cannot be told";
        Error::new(Exit::Usage, "seed from", quoted(path), cause)
    })?;
    Ok(plain.replace('\\', r"\\").replace('"', "\\\""))
}

fn not_seeded(seed: &Seed<'_>, cause: impl std::fmt::Display) -> Error {
    let thing = format!("`{}` by rtorrent", escaped(seed.torrent.name()));
    Error::new(Exit::Again, "seed", thing, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_rtorrent_follows_no_link_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("precious"), "kept").unwrap();
        std::os::unix::fs::symlink("precious", at("file")).unwrap();
        for bytes in ["first", "second"] {
            written(&at("file"), bytes.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(at("file")).unwrap(), bytes);
            assert_eq!(fs::read_to_string(at("precious")).unwrap(), "kept");
        }
        let mode = fs::symlink_metadata(at("file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}

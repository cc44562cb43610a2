//! What a process sees of itself and of the roots: `seedship doctor --inside`.
//!
//! rtorrent stands still while its child runs, so a child asks rtorrent nothing and is bounded
//! ([`TIME`]): what did not answer by then is told as that. Its report is one line of ASCII, because
//! rtorrent passes nothing else on unchanged. The trial in each root leaves nothing behind; what a
//! killed one leaves, the next trial or sweep removes.

use super::finding::Told;
use crate::{
    config::{App, Config, Fragment, Log},
    disk::{Disk, Kernel},
    error::{Error, Exit, quoted},
    process::{self, Confinement},
    store::RELEASES,
};
use nix::unistd::{Uid, User, getegid, geteuid, getgroups};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

/// How long everything together may take.
const TIME: Duration = Duration::from_millis(700);

/// What a process is, and what it may do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inside {
    /// The version of the program.
    pub version: String,
    /// Its user.
    pub uid: u32,
    /// The user's name, if there is one.
    pub user: Option<String>,
    /// Its group.
    pub gid: u32,
    /// Its further groups.
    pub groups: Vec<u32>,
    /// Nothing that it runs gets more rights: sudo fails.
    pub no_new_privs: bool,
    /// Its system calls are filtered.
    pub seccomp: bool,
    /// Its mount namespace.
    pub mounts: Option<String>,
    /// The configuration that it reads.
    pub config: String,
    /// Of the bytes of that configuration.
    pub digest: Option<String>,
    /// Why the configuration cannot be used.
    pub wrong: Option<Told>,
    /// Why the session directory cannot be read.
    pub session: Option<Told>,
    /// Why nothing can be logged.
    pub syslog: Option<Told>,
    /// What it sees of each app's root.
    pub roots: Vec<Root>,
}

/// What a process sees of an app's root.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Root {
    /// The app.
    pub app: String,
    /// The root's owner.
    pub owner: Option<u32>,
    /// Renames were tried: this user is the owner.
    pub tried: bool,
    /// Two names can be swapped in one step.
    pub exchange: bool,
    /// A rename can refuse a name that is taken.
    pub noreplace: bool,
    /// The file system, if it does not promise durable data.
    pub unsafe_file_system: Option<String>,
    /// Free bytes.
    pub bytes: Option<u64>,
    /// Free inodes.
    pub inodes: Option<u64>,
    /// What failed.
    pub error: Option<Told>,
}

/// What the configuration's files hold, in 16 hex digits; the same for two processes that read the
/// same.
pub fn digest(fragments: &[Fragment]) -> String {
    let mut hash = blake3::Hasher::new();
    for Fragment { text, .. } in fragments {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().to_hex()[..16].to_owned()
}

/// Looks, as this process is. `digest` is that of the configuration that was read from `file`.
pub fn look_inside(file: &Path, digest: Option<String>, config: Result<&Config, &Error>) -> Inside {
    let Confinement { no_new_privs, seccomp, mounts } = process::confinement();
    let uid = geteuid();
    let log = config.map_or_else(|_| Log::default(), |config| config.log.clone());
    let config_of = config.ok();
    Inside {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uid: uid.as_raw(),
        user: User::from_uid(uid).ok().flatten().map(|user| user.name),
        gid: getegid().as_raw(),
        groups: getgroups().unwrap_or_default().iter().map(|group| group.as_raw()).collect(),
        no_new_privs,
        seccomp,
        mounts,
        config: file.to_string_lossy().into_owned(),
        digest,
        wrong: config.err().map(Told::from),
        session: config_of.and_then(|config| unread(&config.rtorrent.session)),
        syslog: unlogged(&log.socket),
        roots: config_of.map_or_else(Vec::new, |config| roots(&config.apps)),
    }
}

impl Inside {
    /// One line of ASCII.
    pub fn line(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut line = String::with_capacity(json.len());
        for unit in json.encode_utf16() {
            match u8::try_from(unit).ok().filter(u8::is_ascii) {
                Some(ascii) => line.push(ascii.into()),
                None => line.push_str(&format!("\\u{unit:04x}")),
            }
        }
        line
    }

    /// Reads what [`line`](Self::line) wrote.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim()).ok()
    }

    /// Takes the roots that another process of ours could try in the place of its own.
    pub fn join(&mut self, other: Self) {
        for root in other.roots.into_iter().filter(|root| root.tried) {
            match self.roots.iter_mut().find(|own| own.app == root.app) {
                Some(own) => *own = root,
                None => self.roots.push(root),
            }
        }
    }

    /// What it sees of an app's root.
    pub(super) fn root(&self, app: &str) -> Option<&Root> {
        self.roots.iter().find(|root| root.app == app)
    }

    /// It may do or see less, by its sandbox, than another process.
    pub(super) fn is_sandboxed(&self, other: &Self) -> bool {
        self.mounts != other.mounts || self.seccomp || self.no_new_privs
    }

    /// Its user, for people.
    pub(super) fn user_shown(&self) -> String {
        user_shown(self.uid, self.user.as_deref())
    }
}

/// A user's name, or the number as sudo takes it.
pub(super) fn user_shown(uid: u32, name: Option<&str>) -> String {
    let found = || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
    name.map(str::to_owned).or_else(found).unwrap_or_else(|| format!("#{uid}"))
}

/// Whether the session's files can be read: the first .torrent stands for all.
fn unread(session: &Path) -> Option<Told> {
    let failed = |path: &Path, e: &std::io::Error| Told::from(&Error::io("read", path, e));
    let entries = match fs::read_dir(session) {
        Ok(entries) => entries,
        Err(e) => return Some(failed(session, &e)),
    };
    let mut paths = entries.flatten().map(|entry| entry.path());
    let torrent = paths.find(|path| path.extension().is_some_and(|e| e == "torrent"))?;
    fs::File::open(&torrent).err().map(|e| failed(&torrent, &e))
}

/// Whether the log's socket takes a connection. Nothing is sent.
fn unlogged(socket: &Path) -> Option<Told> {
    let connected = UnixDatagram::unbound().and_then(|own| own.connect(socket));
    connected.err().map(|e| Told::from(&Error::io("log to", socket, &e)))
}

/// Every root, as far as they answer in time.
fn roots(apps: &[App]) -> Vec<Root> {
    let deadline = Instant::now() + TIME;
    let (tell, told) = channel();
    let places: Vec<(String, PathBuf)> =
        apps.iter().map(|app| (app.name.clone(), app.root.clone())).collect();
    let asked = places.clone();
    // A mount that hangs holds this thread; nobody waits for it.
    thread::spawn(move || {
        for (app, place) in asked {
            if tell.send(Root::of(app, &place)).is_err() {
                break;
            }
        }
    });
    let mut seen = Vec::new();
    while seen.len() < places.len() {
        match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(root) => seen.push(root),
            Err(_) => break,
        }
    }
    let late = places.iter().skip(seen.len()).map(|(app, place)| Root::late(app, place));
    let late: Vec<Root> = late.collect();
    seen.extend(late);
    seen
}

impl Root {
    fn unknown(app: &str) -> Self {
        Self {
            app: app.to_owned(),
            owner: None,
            tried: false,
            exchange: false,
            noreplace: false,
            unsafe_file_system: None,
            bytes: None,
            inodes: None,
            error: None,
        }
    }

    fn late(app: &str, place: &Path) -> Self {
        let cause = format!("no answer within {} ms", TIME.as_millis());
        let error = Error::new(Exit::Io, "look at", quoted(place), cause)
            .hint("does its disk hang? `dmesg` and `df` say");
        Self { error: Some(Told::from(&error)), ..Self::unknown(app) }
    }

    fn of(app: String, place: &Path) -> Self {
        let mut root = Self::unknown(&app);
        let looked = root.look(place);
        root.error = looked.err().as_ref().map(Told::from);
        root
    }

    fn look(&mut self, place: &Path) -> Result<(), Error> {
        let owner = process::owner_of(place)?.uid;
        self.owner = Some(owner);
        self.tried = owner == geteuid().as_raw();
        let disk = match Kernel::open(place) {
            // A closed root is no fault: only its owner has to get in.
            Err(error) if !self.tried && error.exit == Exit::Permission => return Ok(()),
            opened => opened?,
        };
        let space = disk.space()?;
        (self.bytes, self.inodes) = (Some(space.bytes), space.inodes);
        self.unsafe_file_system = disk.unsafe_file_system()?.map(str::to_owned);
        if self.tried {
            let able = disk.try_renames(RELEASES)?;
            (self.exchange, self.noreplace) = (able.exchange, able.noreplace);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line_of_ascii_and_is_read_back() {
        let mut inside = look_inside(
            Path::new("/etc/žluť\n/𝄞.toml"),
            None,
            Err(&Error::new(Exit::Config, "read", "`žluť`", "it is not there")),
        );
        inside.roots.push(Root::late("shop", Path::new("/srv/žluť")));
        let line = inside.line();
        assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line}");
        assert_eq!(Inside::parse(&format!("{line}\n")), Some(inside));
        assert_eq!(Inside::parse("no report"), None);
    }

    #[test]
    fn a_root_that_does_not_answer_is_told() {
        let late = Root::late("shop", Path::new("/srv/shop"));
        let told = serde_json::to_string(&late.error).unwrap();
        assert!(!late.tried && told.contains("700 ms"), "{told}");
    }
}

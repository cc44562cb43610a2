//! The configuration as the rest of Seedship trusts it: nothing here can be invalid.

use super::pattern::{Pattern, Placeholder};
use crate::{release::Order, signature};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How rtorrent is reached, and where it keeps its session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rtorrent {
    /// Where rtorrent listens.
    pub scgi: Scgi,
    /// Its session directory.
    pub session: PathBuf,
}

/// Where rtorrent's SCGI listens. Whoever connects there can do whatever rtorrent's user can.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scgi {
    /// A Unix socket, at most 107 bytes (`unix(7)`).
    Unix(PathBuf),
    /// `HOST:PORT`.
    Tcp(String),
}

/// Where the log goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// The facility of every message.
    pub facility: Facility,
    /// What is less important is not written.
    pub level: log::LevelFilter,
    /// The socket of the syslog daemon.
    pub socket: PathBuf,
}

/// Where a process logs that could not read its configuration.
impl Default for Log {
    fn default() -> Self {
        let socket = PathBuf::from("/dev/log");
        Self { facility: Facility::Daemon, level: log::LevelFilter::Info, socket }
    }
}

/// A facility of `syslog(3)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of syslog(3)")]
pub enum Facility {
    Auth,
    Authpriv,
    Cron,
    Daemon,
    Ftp,
    Lpr,
    Mail,
    News,
    Syslog,
    User,
    Uucp,
    Local0,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

impl From<Facility> for syslog::Facility {
    fn from(facility: Facility) -> Self {
        match facility {
            Facility::Auth => Self::LOG_AUTH,
            Facility::Authpriv => Self::LOG_AUTHPRIV,
            Facility::Cron => Self::LOG_CRON,
            Facility::Daemon => Self::LOG_DAEMON,
            Facility::Ftp => Self::LOG_FTP,
            Facility::Lpr => Self::LOG_LPR,
            Facility::Mail => Self::LOG_MAIL,
            Facility::News => Self::LOG_NEWS,
            Facility::Syslog => Self::LOG_SYSLOG,
            Facility::User => Self::LOG_USER,
            Facility::Uucp => Self::LOG_UUCP,
            Facility::Local0 => Self::LOG_LOCAL0,
            Facility::Local1 => Self::LOG_LOCAL1,
            Facility::Local2 => Self::LOG_LOCAL2,
            Facility::Local3 => Self::LOG_LOCAL3,
            Facility::Local4 => Self::LOG_LOCAL4,
            Facility::Local5 => Self::LOG_LOCAL5,
            Facility::Local6 => Self::LOG_LOCAL6,
            Facility::Local7 => Self::LOG_LOCAL7,
        }
    }
}

/// One thing that is deployed.
#[derive(Clone, PartialEq, Debug)]
pub struct App {
    /// Its name: letters, digits and `._-`, at most 64 bytes.
    pub name: String,
    /// The torrents that are its releases; at least one pattern.
    pub patterns: Vec<Pattern>,
    /// Where it lives: an absolute path without `..`.
    pub root: PathBuf,
    /// Whose torrents it takes.
    pub trust: Trust,
    /// Whether a release that lands goes live by itself.
    pub activate: Activate,
    /// How many releases are kept, the live one among them; at least one.
    pub keep: u32,
    /// What becomes of a pruned release's download.
    pub downloads: Downloads,
    /// What every release shares; no path lies in another.
    pub shared: Vec<Shared>,
    /// How many leading path components an archive's entries lose.
    pub strip: u32,
    /// Paths without which a payload is refused.
    pub must_exist: Vec<String>,
    /// Commands.
    pub run: Run,
    /// What a payload may not exceed.
    pub limits: Limits,
    /// Names that differ by case or Unicode form only.
    pub case: Case,
    /// How long an event waits for the deploy lock.
    pub lock_wait: Duration,
    /// How long a release that is no longer live stays, at least.
    pub linger: Duration,
    /// Bytes that stay free on the root's file system.
    pub min_free: u64,
    /// Who may read a release.
    pub mode: Mode,
    /// Added to the environment of commands; no name begins with `SEEDSHIP_`.
    pub env: BTreeMap<String, String>,
    /// Of everything above and of Seedship's version: 16 hex digits. What was refused under
    /// another digest is tried again.
    pub digest: String,
}

impl App {
    /// What its releases are ordered by, one order for all of them.
    pub fn order(&self) -> Order {
        let tagged = |pattern: &Pattern| pattern.placeholder() == Placeholder::Tag;
        match self.trust {
            Trust::Keys(_) => Order::Published,
            Trust::Unsigned if self.patterns.iter().any(tagged) => Order::Created,
            Trust::Unsigned => Order::Debian,
        }
    }
}

/// Whose torrents are taken.
#[derive(Clone, PartialEq, Debug)]
pub enum Trust {
    /// Those signed by any of these; never empty.
    Keys(Vec<signature::Key>),
    /// Anyone's who can add a torrent.
    Unsigned,
}

/// Whether a release that lands goes live by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activate {
    /// It does, if it is newer than every other.
    Auto,
    /// An operator activates.
    Manual,
}

/// What becomes of the download of a pruned release.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downloads {
    /// It leaves rtorrent and the disk with its release.
    WithRelease,
    /// It stays.
    Keep,
}

/// Names in a payload that differ by case or by Unicode normal form only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// The payload is refused.
    Refuse,
    /// They are files of their own.
    Accept,
}

/// Who may read a release.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Everyone: 0755 and 0644.
    Public,
    /// The owner and the group: 0750 and 0640.
    Private,
}

impl Mode {
    /// The permission bits of directories.
    pub fn directory(self) -> u32 {
        match self {
            Self::Public => 0o755,
            Self::Private => 0o750,
        }
    }
}

/// A path of every release that is a link to what all of them share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shared {
    /// Its place in a release, relative, without `.`, `..` and control characters.
    pub path: String,
    /// Where it points, absolute; `None`: to the same path under the app's `shared/`.
    pub target: Option<PathBuf>,
}

/// Commands, each a program and its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// In the stage, before the release is committed.
    pub prepare: Vec<Vec<String>>,
    /// After the release went live.
    pub activated: Vec<Vec<String>>,
    /// Then, until it passes or the time is over.
    pub check: Vec<Vec<String>>,
    /// How long each may take; for `check`, all attempts together. More than nothing.
    pub timeout: Duration,
}

/// What a payload may not exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of entries.
    pub files: u64,
    /// Components of a path.
    pub depth: u64,
    /// Bytes of a path.
    pub path: u64,
    /// Bytes out per byte in, past the first 64 MiB of output.
    pub ratio: u64,
    /// Bytes of memory a deploy may use.
    pub memory: u64,
    /// Bytes of a .torrent file.
    pub torrent: u64,
    /// Entries of a zip.
    pub zip_entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 16 << 30,
            files: 1_000_000,
            depth: 64,
            path: 1024,
            ratio: 200,
            memory: 64 << 20,
            torrent: 8 << 20,
            zip_entries: 100_000,
        }
    }
}

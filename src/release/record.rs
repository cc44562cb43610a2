//! The record of one info hash, and its form on disk.

use super::{Unix, Version};
use crate::error::{Error, Exit, Result, quoted};
use metainfo::InfoHash;
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path, time::Duration};

/// The format number that every record begins with; a newer one is never rewritten.
pub(crate) const FORMAT: u32 = 1;

/// What a record is kept under: adopted releases have no info hash.
#[derive(Clone, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Key {
    /// A release that a torrent brought.
    Torrent(InfoHash),
    /// A release that was there before Seedship.
    Adopted(Version),
}

impl Key {
    /// The record's file name: `<40 hex>.toml` or `adopted-<version>.toml`.
    pub fn file_name(&self) -> String {
        match self {
            Self::Torrent(hash) => format!("{hash}.toml"),
            Self::Adopted(version) => format!("adopted-{version}.toml"),
        }
    }
    /// The key that a file name stands for; `None` for a file that is no record.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".toml")?;
        match stem.strip_prefix("adopted-") {
            Some(version) => Version::parse(version).ok().map(Self::Adopted),
            None => InfoHash::parse(stem).map(Self::Torrent),
        }
    }
    /// The info hash, if a torrent brought it.
    pub fn info_hash(&self) -> Option<InfoHash> {
        match self {
            Self::Torrent(hash) => Some(*hash),
            Self::Adopted(_) => None,
        }
    }
}

/// Where `current` points, or shall point.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// A release, by version.
    Release(Version),
    /// Nothing: there is no `current`.
    Nothing,
}

impl Target {
    /// The release, if it is one.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Release(version) => Some(version),
            Self::Nothing => None,
        }
    }
}

impl TryFrom<String> for Target {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text == "-" { Ok(Self::Nothing) } else { Version::try_from(text).map(Self::Release) }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        match target {
            Target::Release(version) => version.into(),
            Target::Nothing => "-".into(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(version) => version.fmt(f),
            Self::Nothing => f.pad("nothing"),
        }
    }
}

/// Who decided that the current release is to be left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A failed health check.
    Check,
    /// An operator's `rollback`.
    Rollback,
    /// An operator's `activate`: its target gets a number of its own.
    Activate,
}

/// "Leave to X": written on the record of the release that is current, carried out by whoever
/// holds the switch lock next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// What is to become current.
    pub to: Target,
    /// Who decided.
    pub by: By,
}

/// A failure that passes: when to try again, and what it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wait {
    /// Not before this time.
    pub not_before: Unix,
    /// How often it was tried.
    pub tries: u32,
    /// The exit code of the last try.
    pub exit: u8,
    /// Why it waits, one line.
    pub reason: String,
    /// rtorrent is made to fetch again what is wrong with the download.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub healing: bool,
}

impl Wait {
    /// The longest wait between two tries.
    pub const LONGEST: Duration = Duration::from_secs(60 * 60);

    /// Whether it is tried again now. Nobody waits longer than [`LONGEST`](Self::LONGEST): a time
    /// that lies further ahead was written by a clock that was wrong.
    pub fn is_due(&self, now: Unix) -> bool {
        self.not_before <= now || self.not_before > now.plus(Self::LONGEST)
    }
}

/// The state of a record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// Landed if its directory stands, else to be started again.
    Open,
    /// Live without a verdict.
    Trying,
    /// Live, or was, and well.
    Good,
    /// Failed its check, or an operator left it.
    Bad {
        /// Why, one line.
        reason: String,
    },
    /// Not landed; tried again, not before a time.
    Waiting(Wait),
    /// Older than what is live; not unpacked, or landed and passed over.
    Superseded,
    /// Will always fail with the same bytes and configuration.
    Refused {
        /// The exit code.
        exit: u8,
        /// Why, one line.
        reason: String,
        /// Digest of the app's configuration and Seedship's version; tried again when it changed.
        digest: String,
        /// Digest of what decided and is not covered by the info hash: the signature, and what was
        /// wrong with the hashes of BitTorrent v2. Tried again when the torrent comes with another:
        /// whoever takes a signature away must not bar the torrent that has it.
        #[serde(default)]
        beside: String,
    },
    /// Its directory was removed; it never comes back by itself.
    Pruned,
}

impl State {
    /// One word, as `status --json` has it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Trying => "trying",
            Self::Good => "good",
            Self::Bad { .. } => "bad",
            Self::Waiting(_) => "waiting",
            Self::Superseded => "superseded",
            Self::Refused { .. } => "refused",
            Self::Pruned => "pruned",
        }
    }
}

/// What Seedship knows of one info hash.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The info hash, or the version of an adopted release.
    pub key: Key,
    /// The release's version.
    pub version: Version,
    /// Where it stands.
    pub state: State,
    /// When it got into that state.
    pub at: Unix,
    /// Its directory was committed at least once.
    pub landed: bool,
    /// An operator named it: it lands, and stays, although something newer is live.
    pub asked: bool,
    /// How often rtorrent was made to fetch again what was wrong with the download.
    pub heals: u32,
    /// Counts activations in the app; given when it is activated.
    pub number: Option<u64>,
    /// What was current before it; rollback goes along this.
    pub from: Option<Target>,
    /// When it ceased to be current.
    pub left: Option<Unix>,
    /// Leave to something else, not yet carried out.
    pub leave: Option<Mark>,
    /// The text of the link `current` where it is not `releases/<version>` (adopted links only).
    pub link: Option<String>,
    /// The signed publication time.
    pub published: Option<Unix>,
    /// The torrent's creation date.
    pub created: Option<Unix>,
    /// Bytes of all files of the release.
    pub size: u64,
    /// Number of files.
    pub files: u64,
    /// Key id of the signature that was verified.
    pub signer: Option<String>,
    /// The free facts of the signed comment (`git=… build=…`).
    pub facts: Option<String>,
}

/// The record as written: everything but the key, which is the file's name.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    version: Version,
    #[serde(flatten)]
    state: State,
    at: Unix,
    #[serde(default)]
    landed: bool,
    #[serde(default)]
    asked: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    heals: u32,
    number: Option<u64>,
    from: Option<Target>,
    left: Option<Unix>,
    link: Option<String>,
    published: Option<Unix>,
    created: Option<Unix>,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    files: u64,
    signer: Option<String>,
    facts: Option<String>,
    leave: Option<Mark>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Only the first thing to know of a record file.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Record {
    /// A record that has just been begun: `open`, not landed.
    pub fn open(key: Key, version: Version, at: Unix) -> Self {
        Self {
            key,
            version,
            state: State::Open,
            at,
            landed: false,
            asked: false,
            heals: 0,
            number: None,
            from: None,
            left: None,
            leave: None,
            link: None,
            published: None,
            created: None,
            size: 0,
            files: 0,
            signer: None,
            facts: None,
        }
    }

    /// This record in another state from `at` on.
    #[must_use]
    pub fn now(mut self, state: State, at: Unix) -> Self {
        if self.state != state {
            self.at = at;
        }
        self.state = state;
        self
    }

    /// What it waits for, while its download is being healed.
    pub fn healing(&self) -> Option<&Wait> {
        match &self.state {
            State::Waiting(wait) if wait.healing => Some(wait),
            _ => None,
        }
    }

    /// What `current` names when this release is live.
    pub fn link_text(&self) -> String {
        self.link.clone().unwrap_or_else(|| self.version.path())
    }

    /// It has, or once had, the directory of its version: the version is its own for good.
    pub fn owns_version(&self, directory_stands: bool) -> bool {
        match self.state {
            State::Trying | State::Good | State::Bad { .. } | State::Pruned => true,
            State::Open => directory_stands,
            State::Superseded => self.landed,
            State::Waiting(_) | State::Refused { .. } => false,
        }
    }

    /// The file's content.
    pub fn to_toml(&self) -> Result<String> {
        let r = self.clone();
        toml::to_string(&Written {
            format: FORMAT,
            version: r.version,
            state: r.state,
            at: r.at,
            landed: r.landed,
            asked: r.asked,
            heals: r.heals,
            number: r.number,
            from: r.from,
            left: r.left,
            link: r.link,
            published: r.published,
            created: r.created,
            size: r.size,
            files: r.files,
            signer: r.signer,
            facts: r.facts,
            leave: r.leave,
        })
        .map_err(|e| Error::new(Exit::Bug, "write", format!("record {}", self.key.file_name()), e))
    }

    /// Reads a record's file.
    ///
    /// # Errors
    /// 78 for a newer format, and for what cannot be parsed: `path` is named in both.
    pub fn from_toml(key: Key, text: &str, path: &Path) -> Result<Self, Unreadable> {
        let unreadable = |cause: &dyn fmt::Display| {
            let cause = cause.to_string();
            Unreadable::Broken(
                Error::new(Exit::Config, "read", format!("record {}", quoted(path)), cause.trim())
                    .hint("restore the file from a backup, or look at `seedship releases` and use `seedship rollback APP --to VERSION`, then remove the file"),
            )
        };
        let format = toml::from_str::<Format>(text).map_err(|e| unreadable(&e.message()))?;
        if format.format > FORMAT {
            let cause = format!("its format is {}, this seedship knows {FORMAT}", format.format);
            return Err(Unreadable::Newer(
                Error::new(Exit::Config, "read", format!("record {}", quoted(path)), cause).hint(
                    "install the newer seedship again; `rollback --to` and `status` work meanwhile",
                ),
            ));
        }
        let w = toml::from_str::<Written>(text).map_err(|e| unreadable(&e.message()))?;
        Ok(Self {
            key,
            version: w.version,
            state: w.state,
            at: w.at,
            landed: w.landed,
            asked: w.asked,
            heals: w.heals,
            number: w.number,
            from: w.from,
            left: w.left,
            leave: w.leave,
            link: w.link,
            published: w.published,
            created: w.created,
            size: w.size,
            files: w.files,
            signer: w.signer,
            facts: w.facts,
        })
    }
}

/// Why a record's file could not be taken.
#[derive(Debug, Clone)]
pub enum Unreadable {
    /// A later Seedship wrote it: it must not be rewritten.
    Newer(Error),
    /// It is damaged.
    Broken(Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(state: State) -> Record {
        let key = Key::Torrent(InfoHash::new([0xab; 20]));
        Record {
            heals: 2,
            number: Some(3),
            from: Some(Target::Nothing),
            leave: Some(Mark {
                to: Target::Release(Version::parse("1").unwrap()),
                by: By::Activate,
            }),
            published: Some(Unix(5)),
            facts: Some("git=abc \"quoted\"\n".into()),
            ..Record::open(key, Version::parse("1.4.2").unwrap(), Unix(7))
        }
        .now(state, Unix(9))
    }

    #[test]
    fn nobody_waits_for_a_time_that_a_wrong_clock_wrote() {
        let until = |not_before| Wait {
            not_before: Unix(not_before),
            tries: 1,
            exit: 75,
            reason: String::new(),
            healing: false,
        };
        let (now, hour, year) = (Unix(1_800_000_000), 3600, 365 * 24 * 3600);
        let due = |ahead: i64| until(now.0 + ahead).is_due(now);
        assert_eq!(
            [-year, -1, 0, 1, hour, hour + 1, year].map(due),
            [true, true, true, false, false, true, true]
        );
    }

    #[test]
    fn every_state_comes_back_from_disk() {
        let wait = Wait {
            not_before: Unix(4),
            tries: 2,
            exit: 74,
            reason: "no space".into(),
            healing: true,
        };
        let refused = State::Refused {
            exit: 65,
            reason: "a\nb".into(),
            digest: "d".into(),
            beside: "b".into(),
        };
        for state in [
            State::Open,
            State::Trying,
            State::Good,
            State::Bad { reason: "check".into() },
            State::Waiting(wait),
            State::Superseded,
            refused,
            State::Pruned,
        ] {
            let record = sample(state);
            let text = record.to_toml().unwrap();
            assert!(text.starts_with("format = 1\n"), "{text}");
            let key = Key::from_file_name(&record.key.file_name()).unwrap();
            assert_eq!(Record::from_toml(key, &text, Path::new("r")).unwrap(), record);
        }
    }

    #[test]
    fn a_newer_format_is_known_as_newer_even_if_nothing_else_can_be_read() {
        let key = sample(State::Open).key;
        let read = |text| Record::from_toml(key.clone(), text, Path::new("r"));
        assert!(matches!(read("format = 2\nstate = 17\n"), Err(Unreadable::Newer(_))));
        assert!(matches!(read("format = 1\nstate = 17\n"), Err(Unreadable::Broken(_))));
        assert!(matches!(read("\0\0"), Err(Unreadable::Broken(_))));
    }
}

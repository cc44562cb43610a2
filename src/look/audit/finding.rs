//! What an audit says of one entry.
//!
//! A release of a million files may differ in every one, and whoever fills it chooses how long the
//! names are. So of each sort the first [`KEPT`] are kept, as long as they fit in [`ROOM`], and the
//! rest is counted. A directory that is missing, replaced, unreadable or extra is one finding,
//! whatever is or was in it.

use crate::{
    error::{Exit, escaped},
    manifest::{self, Sum},
};
use nix::{errno::Errno, sys::stat::SFlag};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use std::fmt;

/// How many findings of a sort are kept.
const KEPT: u64 = 100_000;
/// How many bytes the kept findings of a sort may take: with names of some fifty bytes, as many as
/// are kept.
const ROOM: usize = 12 << 20;

/// The sorts of findings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// It is not what it was.
    Changed,
    /// It is gone.
    Missing,
    /// It could not be compared.
    Unread,
    /// The manifest does not know it.
    Extra,
}

impl Found {
    const ALL: [Self; 4] = [Self::Changed, Self::Missing, Self::Unread, Self::Extra];
}

/// For people.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Unread => "unread",
            Self::Extra => "extra",
        })
    }
}

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device: nothing that a release can hold.
    Special,
    /// Another file system, or another directory, is mounted on it: nothing below is read, for it
    /// may be one that answers never.
    Mount,
}

impl From<&manifest::Kind> for Kind {
    fn from(kind: &manifest::Kind) -> Self {
        match kind {
            manifest::Kind::File { .. } => Self::File,
            manifest::Kind::Directory { .. } => Self::Directory,
            manifest::Kind::Link { .. } => Self::Link,
        }
    }
}

impl Kind {
    /// By the mode that stat(2) tells.
    pub(super) fn of(mode: u32) -> Self {
        match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFREG => Self::File,
            SFlag::S_IFDIR => Self::Directory,
            SFlag::S_IFLNK => Self::Link,
            _ => Self::Special,
        }
    }
}

/// For people.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
            Self::Special => "special file",
            Self::Mount => "mount point",
        })
    }
}

/// One thing that differs, as `{"what", "expected", "found"}`: kinds in one word, modes in octal,
/// hashes in hexadecimal, links as their text, escaped; sizes in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// It is something else; nothing more was compared.
    Kind(Kind, Kind),
    /// Permission bits.
    Mode(u32, u32),
    /// The number of the user who owns it.
    Owner(u32, u32),
    /// Bytes; the content was not compared, it differs.
    Size(u64, u64),
    /// BLAKE3, the size being the same.
    Content(Sum, Sum),
    /// A link's text.
    Target(Box<str>, Box<str>),
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        /// One field for each side, whatever its type.
        fn sides<S: SerializeStruct>(
            to: &mut S,
            what: &str,
            [expected, found]: [impl Serialize; 2],
        ) -> Result<(), S::Error> {
            to.serialize_field("what", what)?;
            to.serialize_field("expected", &expected)?;
            to.serialize_field("found", &found)
        }
        let octal = |mode: u32| format!("{mode:04o}");
        let hex = |sum: Sum| blake3::Hash::from_bytes(sum).to_hex().to_string();
        let mut fields = to.serialize_struct("Difference", 3)?;
        match self {
            Self::Kind(expected, found) => sides(&mut fields, "kind", [expected, found])?,
            Self::Mode(expected, found) => {
                sides(&mut fields, "mode", [*expected, *found].map(octal))?;
            }
            Self::Owner(expected, found) => sides(&mut fields, "owner", [expected, found])?,
            Self::Size(expected, found) => sides(&mut fields, "size", [expected, found])?,
            Self::Content(expected, found) => {
                sides(&mut fields, "content", [*expected, *found].map(hex))?;
            }
            Self::Target(expected, found) => sides(&mut fields, "target", [expected, found])?,
        }
        fields.end()
    }
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What sort of finding.
    pub finding: Found,
    /// The entry's path in the release; a backslash is doubled, and what is not printable is
    /// `\xNN`. Empty for the release itself.
    pub path: Box<str>,
    /// What it was when it landed; of an extra entry, what it is.
    pub kind: Kind,
    /// What differs, if it is changed.
    pub differs: Vec<Difference>,
    /// Why it could not be read.
    #[serde(serialize_with = "said")]
    pub why: Option<Errno>,
}

impl Finding {
    /// A finding with nothing more to say.
    pub(super) fn new(finding: Found, path: &[u8], kind: Kind) -> Self {
        Self { finding, path: escaped(path).into(), kind, differs: Vec::new(), why: None }
    }

    /// An entry that differs.
    pub(super) fn changed(path: &str, kind: Kind, differs: Vec<Difference>) -> Self {
        Self { differs, ..Self::new(Found::Changed, path.as_bytes(), kind) }
    }

    /// An entry that could not be read.
    pub(super) fn unread(path: &str, kind: Kind, why: Errno) -> Self {
        Self { why: Some(why), ..Self::new(Found::Unread, path.as_bytes(), kind) }
    }

    /// The bytes that it takes in memory.
    fn room(&self) -> usize {
        let text = |difference: &Difference| match difference {
            Difference::Target(expected, found) => expected.len() + found.len(),
            _ => 0,
        };
        size_of::<Self>()
            + self.path.len()
            + size_of_val(&*self.differs)
            + self.differs.iter().map(text).sum::<usize>()
    }

    /// The exit code of what could not be read.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.why.map(|why| match why {
            Errno::EACCES | Errno::EPERM => Exit::Permission,
            _ => Exit::Io,
        })
    }
}

fn said<S: Serializer>(why: &Option<Errno>, to: S) -> Result<S::Ok, S::Error> {
    why.map(in_words).serialize(to)
}

/// The system's words for a failure, as every message has them.
pub(super) fn in_words(why: Errno) -> String {
    why.desc().to_lowercase()
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    counts: [u64; 4],
    /// The bytes that are taken by what is kept of each sort.
    taken: [usize; 4],
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        let sort = finding.finding as usize;
        let taken = self.taken[sort] + finding.room();
        self.counts[sort] += 1;
        if self.counts[sort] <= KEPT && taken <= ROOM {
            self.taken[sort] = taken;
            self.kept.push(finding);
        }
    }

    /// How many of each sort, in the order of [`Found`].
    pub(super) fn counts(&self) -> [u64; 4] {
        Found::ALL.map(|found| self.counts[found as usize])
    }

    /// By sort and path, and how many more there were. Threads find them in any order.
    pub(super) fn sorted(mut self) -> (Vec<Finding>, u64) {
        let all: u64 = self.counts.iter().sum();
        let omitted = all - self.kept.len() as u64;
        self.kept.sort_unstable_by(|a, b| (a.finding, &a.path).cmp(&(b.finding, &b.path)));
        (self.kept, omitted)
    }
}

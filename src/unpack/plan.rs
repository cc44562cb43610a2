//! What the configuration says about unpacking, as plain values.

use crate::release::Unix;
use std::path::PathBuf;

/// Everything that unpacking takes besides the payload and the places it writes to.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// What a payload may cost.
    pub limits: &'a Limits,
    /// Leading components taken off every path of an archive.
    pub strip: u32,
    /// Paths in the release that must exist when it is unpacked.
    pub must_exist: &'a [String],
    /// Paths in the release that are links to what all releases share.
    pub shared: &'a [Shared],
    /// Who may read the release.
    pub mode: Mode,
    /// The group of `releases/`, which a private release gets.
    pub group: u32,
    /// Whether names may differ in case or Unicode normal form alone.
    pub case: Case,
    /// The time of what has none of its own: entries with a modification time of 0, directories
    /// that an archive does not name, everything in a directory or plain payload.
    pub time: Unix,
}

/// What a payload may cost; beyond it the release is refused (65).
#[derive(Clone, Debug, PartialEq, Eq)]
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
            zip_entries: 100_000,
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

/// Who may read a release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Everyone: 0755 and 0644.
    Public,
    /// The owner and the group: 0750 and 0640.
    Private,
}

/// What becomes of names that differ in case or Unicode normal form alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// The payload is refused.
    Refuse,
    /// They are files of their own.
    Accept,
}

//! What the configuration says about unpacking, as plain values.

pub(super) use crate::config::{Case, Limits, Mode, Shared};
use crate::release::Unix;

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

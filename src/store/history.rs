//! `history.jsonl`: one line an event, for people. Nothing is ever decided from it, so it is not
//! fsynced, and a torn last line is skipped.

use super::PRIVATE;
use crate::{disk::Disk, error::Result, release::Unix};
use serde::{Deserialize, Serialize};

/// One event in an app's life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Unix,
    /// What: `live`, `landed`, `superseded`, `failed`, `pruned`, `rollback`, `activate`, `hold` …
    pub event: String,
    /// The release it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What was current before, where something was switched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The info hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Who: a user's name; `finished` and `sweep` for what these did, `seedship` for its pruning.
    pub by: String,
    /// Why, where there is a reason to tell; what was said of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The log of one app.
pub struct History<'d, D>(&'d D);

impl<'d, D: Disk> History<'d, D> {
    /// The history that lies in this root.
    pub fn of(disk: &'d D) -> Self {
        Self(disk)
    }

    fn path() -> String {
        format!("{PRIVATE}/history.jsonl")
    }

    /// Adds a line. Where a crash tore the last one, the new one begins after it: two glued
    /// together would both be lost.
    pub fn add(&self, entry: &Entry) -> Result<()> {
        let Ok(line) = serde_json::to_string(entry) else { return Ok(()) };
        let before = self.0.read(&Self::path())?;
        let torn = before.is_some_and(|before| before.last().is_some_and(|last| *last != b'\n'));
        let start = if torn { "\n" } else { "" };
        self.0.append(&Self::path(), format!("{start}{line}\n").as_bytes())
    }

    /// Everything that can be read, oldest first.
    pub fn read(&self) -> Result<Vec<Entry>> {
        let content = self.0.read(&Self::path())?.unwrap_or_default();
        let lines = content.split(|b| *b == b'\n');
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

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
    /// What: `live`, `landed`, `rollback`, `activate`, `refused`, `waiting`, `pruned`, `hold` …
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
    /// Who: a user's name, or `rtorrent` and `sweep` for what happened by itself.
    pub by: String,
    /// Why, where there is a reason to tell; the signed facts of a release that went live.
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

    /// Adds a line.
    pub fn add(&self, entry: &Entry) -> Result<()> {
        let Ok(mut line) = serde_json::to_string(entry) else { return Ok(()) };
        line.push('\n');
        self.0.append(&Self::path(), line.as_bytes())
    }

    /// Everything that can be read, oldest first.
    pub fn read(&self) -> Result<Vec<Entry>> {
        let content = self.0.read(&Self::path())?.unwrap_or_default();
        let lines = content.split(|b| *b == b'\n');
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

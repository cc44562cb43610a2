//! `history.jsonl`: one line an event, for people. Nothing is ever decided from it, so it is not
//! fsynced, and a torn last line is skipped; other lines that are no event are counted.

use super::PRIVATE;
use crate::{disk::Disk, error::Result, release::Unix};
use serde::{Deserialize, Serialize};

/// One event in an app's life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Unix,
    /// What: `live`, `landed`, `superseded`, `healing`, `failed`, `pruned`, `rollback`, `activate`, `hold` …
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

/// How much is read: some twenty thousand events.
const MOST: u64 = 4 << 20;

/// What could be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// The events, oldest first.
    pub entries: Vec<Entry>,
    /// How many lines are no event; a torn last one does not count.
    pub unreadable: u64,
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
        let before = self.0.read_end(&Self::path(), 1)?;
        let torn = before.is_some_and(|(end, _)| end.last().is_some_and(|last| *last != b'\n'));
        let start = if torn { "\n" } else { "" };
        self.0.append(&Self::path(), format!("{start}{line}\n").as_bytes())
    }

    /// What can be read of the last 4 MiB, oldest first.
    pub fn read(&self) -> Result<Log> {
        let Some((content, whole)) = self.0.read_end(&Self::path(), MOST)? else {
            return Ok(Log::default());
        };
        let mut lines = content.split(|b| *b == b'\n');
        if !whole {
            // It begins somewhere in a line.
            lines.next();
        }
        let mut log = Log::default();
        let mut lines = lines.filter(|line| !line.is_empty()).peekable();
        let ended = content.last() == Some(&b'\n');
        while let Some(line) = lines.next() {
            match serde_json::from_slice(line) {
                Ok(entry) => log.entries.push(entry),
                // A crash tore it, or it is being written.
                Err(_) if lines.peek().is_none() && !ended => {}
                Err(_) => log.unreadable += 1,
            }
        }
        Ok(log)
    }
}

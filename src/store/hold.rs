//! `hold.toml`: an operator's word that releases land but none activates by itself.

use super::{PRIVATE, write_durably};
use crate::{
    checkpoint,
    disk::Disk,
    error::{Error, Exit, Result, quoted},
    release::{Unix, Unreadable},
};
use serde::{Deserialize, Serialize};

const FILE: &str = "hold.toml";
const FORMAT: u32 = 1;

/// Who holds an app, since when, until when and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    format: u32,
    /// The user who typed it.
    pub by: String,
    /// Since when.
    pub at: Unix,
    /// Until when; for good if not said.
    pub until: Option<Unix>,
    /// Why.
    pub reason: Option<String>,
}

/// Only the first thing to know of the file.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Hold {
    /// A hold from `at` on.
    pub fn new(by: String, at: Unix, until: Option<Unix>, reason: Option<String>) -> Self {
        Self { format: FORMAT, by, at, until, reason }
    }

    /// Whether it still binds at `now`.
    pub fn binds(&self, now: Unix) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Reads the hold, if there is one. A damaged one an operator may write anew or remove; one of
    /// a newer format is only for the newer program.
    pub(super) fn read<D: Disk>(disk: &D) -> Result<Option<Self>, Unreadable> {
        let path = format!("{PRIVATE}/{FILE}");
        let read = disk.read(&path).map_err(Unreadable::Broken)?;
        let Some(content) = read else { return Ok(None) };
        let error = |cause: String| {
            Error::new(Exit::Config, "read", quoted(disk.place().join(&path)), cause)
        };
        let broken = |cause: String| {
            Unreadable::Broken(
                error(cause)
                    .hint("`seedship unhold APP` removes it, `seedship hold APP` writes it anew"),
            )
        };
        let text = String::from_utf8(content).map_err(|e| broken(e.to_string()))?;
        let found: Format = toml::from_str(&text).map_err(|e| broken(e.message().to_owned()))?;
        if found.format > FORMAT {
            let cause = format!("its format is {}, this seedship knows {FORMAT}", found.format);
            let hint = "install the newer seedship again; `rollback --to` works meanwhile";
            return Err(Unreadable::Newer(error(cause).hint(hint)));
        }
        toml::from_str(&text).map(Some).map_err(|e| broken(e.message().to_owned()))
    }

    /// Writes the hold, durably.
    pub(super) fn write<D: Disk>(&self, disk: &D) -> Result<()> {
        let text = toml::to_string(self).map_err(|e| Error::new(Exit::Bug, "write", FILE, e))?;
        write_durably(disk, PRIVATE, FILE, text.as_bytes())
    }

    /// Removes the hold, durably.
    pub(super) fn remove<D: Disk>(disk: &D) -> Result<()> {
        disk.remove(&format!("{PRIVATE}/{FILE}"))?;
        checkpoint::reach("hold-removed");
        disk.fsync(PRIVATE)
    }
}

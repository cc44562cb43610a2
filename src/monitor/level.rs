//! How an app is, as programs that watch servers have it.

use serde::Serialize;
use std::fmt;

/// The states of the Monitoring Plugins' guidelines, and their exit codes. These are not the codes of
/// [`Exit`](crate::error::Exit): who asks is a machine with a language of its own.
///
/// Ordered by how bad it is: that something cannot be seen is worse than a warning, for it may hide
/// what is critical.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Somebody should look, by day.
    Warning,
    /// It could not be found out.
    Unknown,
    /// What is served is not what should be, or nothing can be deployed any more.
    Critical,
}

impl Level {
    /// All of them, by their exit codes.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];

    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// What the exit code says.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "OK: as it should be",
            Self::Warning => "WARNING: somebody should look, by day",
            Self::Critical => {
                "CRITICAL: what is served is not what should be, or nothing can be deployed any more"
            }
            Self::Unknown => {
                "UNKNOWN: it could not be found out; also wrong arguments, and a file of \
                 --prometheus that was not written"
            }
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        })
    }
}

//! What went wrong in the lab: one sentence for the person who reads a failed test.

use std::{fmt, io};

/// A failure of the lab itself, not of what is tested. Its `Debug` is its sentence, so that
/// `unwrap` in a test prints what to read.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The result of everything in the lab.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure in one sentence.
    pub fn new(sentence: impl fmt::Display) -> Self {
        Self(sentence.to_string())
    }
}

/// Gives any failure the thing that was being done.
pub(crate) trait During<T> {
    /// Puts `what` before the cause.
    fn during(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|cause| Error(format!("{what}: {cause}")))
    }
}

impl<T> During<T> for nix::Result<T> {
    fn during(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|cause| Error(format!("{what}: {cause}")))
    }
}

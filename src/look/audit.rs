//! `audit`: a release on disk against its manifest.

use crate::{
    config::App,
    error::{Error, Exit, Result},
    release::Version,
};
use serde::Serialize;

/// What an audit found.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {}

impl Audit {
    /// The exit code: 0 if nothing differs, else 65.
    pub fn exit(&self) -> Exit {
        Exit::Done
    }

    /// For people.
    pub fn screen(&self, colour: bool) -> String {
        let _ = colour;
        String::new()
    }
}

/// Compares a release, the live one if none is named, with its manifest.
///
/// # Errors
/// 66 if there is no such release or no manifest of it.
pub fn audit(app: &App, version: Option<&Version>) -> Result<Audit> {
    let _ = (app, version);
    Err(Error::new(Exit::Bug, "run", "`audit`", "it is not built"))
}

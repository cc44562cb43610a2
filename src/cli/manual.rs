//! What explains the command line outside of itself: manual pages and completions, both made from
//! the arguments that clap reads.

use super::args::{Completions, Man};
use crate::error::{Error, Exit, Result};

pub(super) fn completions(command: &Completions) -> Result<u8> {
    let _ = command;
    Err(Error::new(Exit::Bug, "run", "`completions`", "it is not built"))
}

pub(super) fn man(command: &Man) -> Result<u8> {
    let _ = command;
    Err(Error::new(Exit::Bug, "run", "`man`", "it is not built"))
}

//! `seedship torrent verify` and `seedship torrent show`.

use super::{args::Torrent, output::Output};
use crate::error::{Error, Exit, Result};
use std::path::Path;

/// Runs one of them; the configuration at `config` is read only where an info hash is named.
pub(super) fn run(command: &Torrent, config: &Path, output: &Output) -> Result<u8> {
    let _ = (command, config, output);
    Err(Error::new(Exit::Bug, "run", "`torrent`", "it is not built"))
}

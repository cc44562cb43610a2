//! A stand-in for the hook that records how it was called.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{During, Result};
use crate::lab::Lab;

/// A program that appends its arguments to a file and ends with 0.
#[derive(Debug)]
pub struct Recorder {
    program: PathBuf,
    file: PathBuf,
}

impl Recorder {
    /// A new one, under a name of its own in a directory whose name holds a space.
    pub fn new(lab: &Lab) -> Result<Self> {
        let name = lab.fresh("a hook/recorder");
        let file = lab.path().join(format!("{name}.calls"));
        // The number of arguments first: then nothing in them can be taken for a boundary.
        let script = format!("#!/bin/sh\nprintf '%s\\0' $# \"$@\" >> '{}'\n", file.display());
        let program = lab.write(&name, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).during("chmod a hook")?;
        Ok(Self { program, file })
    }

    /// The program's absolute path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments of each call so far, the program's name not among them.
    pub fn calls(&self) -> Vec<Vec<String>> {
        let written = fs::read(&self.file).unwrap_or_default();
        let text = String::from_utf8_lossy(&written);
        let mut words = text.split_terminator('\0').map(str::to_owned);
        let mut calls = Vec::new();
        while let Some(count) = words.next().and_then(|count| count.parse().ok()) {
            calls.push(words.by_ref().take(count).collect());
        }
        calls
    }
}

//! The two lines of rtorrent, and where their programs are.

use std::fs;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::lab::workspace;

/// Which rtorrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The system's: 0.9.8 on Debian 12 and 13.
    Old,
    /// 0.16 of Debian sid, unpacked by `scripts/rtorrent-sid`.
    Sid,
}

impl Flavour {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Old, Self::Sid];

    /// The program, or why it cannot be had on this machine.
    pub fn program(self) -> Result<PathBuf> {
        match self {
            Self::Old => std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                .map(|folder| folder.join("rtorrent"))
                .find(|program| program.is_file())
                .ok_or_else(|| Error::new("rtorrent is not installed (scripts/install does it)")),
            Self::Sid => {
                let folder = workspace().join(".lab/rtorrent-sid");
                let program = folder.join("rtorrent");
                if program.is_file() {
                    return Ok(program);
                }
                let reason = fs::read_to_string(folder.join("unavailable"));
                let reason = reason.unwrap_or_else(|_| {
                    "rtorrent of Debian sid was not fetched (scripts/rtorrent-sid does it)".into()
                });
                Err(Error::new(reason.trim_end()))
            }
        }
    }
}

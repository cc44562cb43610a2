//! The times of directories, kept until nothing more is made in them.
//!
//! They wait in an unnamed file, not in memory: an archive may hold a million directories with
//! long names.

use super::{entry::Time, private::unnamed, tree::Tree};
use crate::error::{Error, Result};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Seek, Write},
    os::fd::BorrowedFd,
};

#[derive(Debug)]
pub(super) struct Times(BufWriter<File>);

impl Times {
    pub(super) fn new(private: BorrowedFd<'_>) -> Result<Self> {
        Ok(Self(BufWriter::new(unnamed(private)?)))
    }

    /// Remembers a directory's time; of several for one directory the last counts.
    pub(super) fn note(&mut self, path: &str, time: Time) -> Result<()> {
        // No path holds a control character.
        writeln!(self.0, "{} {} {path}", time.seconds, time.nanos).map_err(failed)
    }

    /// Sets them all.
    pub(super) fn set(self, tree: &mut Tree<'_>) -> Result<()> {
        let mut file = self.0.into_inner().map_err(|e| failed(e.into_error()))?;
        file.rewind().map_err(failed)?;
        for line in BufReader::new(file).lines() {
            let line = line.map_err(failed)?;
            let mut fields = line.splitn(3, ' ');
            let mut field = || fields.next().unwrap_or_default();
            let (seconds, nanos, path) = (field().parse(), field().parse(), field());
            let (Ok(seconds), Ok(nanos)) = (seconds, nanos) else {
                return Err(failed(io::ErrorKind::InvalidData.into()));
            };
            tree.set_time(path, Time { seconds, nanos })?;
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn failed(e: io::Error) -> Error {
    Error::io("keep", "the directories' times", &e)
}

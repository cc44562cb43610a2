//! What a payload may cost, counted while it is read and before it is written.

use super::{plan::Limits, refuse_as_set, source::Source};
use crate::{
    error::{Error, Result},
    verify::{Pool, Slice},
};
use std::io::{self, BufRead, Read};

/// Output that is free of the ratio: small archives of zeros are no bombs.
const FREE: u64 = 64 << 20;
/// What an entry may take in a tar stream besides its bytes: header, padding, extended headers.
const OVERHEAD: u64 = 4096;

/// Bytes and entries, against the limits.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    /// The most that the ratio allows.
    by_ratio: u64,
    /// Bytes of all files so far.
    pub(super) bytes: u64,
    /// Bytes that were read and not made a file of.
    passed: u64,
    /// Entries so far.
    pub(super) files: u64,
}

impl Budget {
    /// Counts for a payload of `input` bytes.
    pub(super) fn new(limits: &Limits, input: u64) -> Self {
        let by_ratio = input.saturating_mul(limits.ratio).saturating_add(FREE);
        Self { limits: *limits, by_ratio, bytes: 0, passed: 0, files: 0 }
    }

    /// One more entry, whatever it is.
    pub(super) fn entry(&mut self, path: &str) -> Result<()> {
        self.files += 1;
        if self.files > self.limits.files {
            let cause = format!("there are more entries than limits.files = {}", self.limits.files);
            return Err(refuse_as_set(path.as_bytes(), cause));
        }
        Ok(())
    }

    /// A file of so many bytes, asked before the first of them is written.
    pub(super) fn file(&mut self, path: &str, size: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(size);
        self.check(path)
    }

    /// A file of so many bytes that is read and not made: it counts against the limits alone.
    pub(super) fn passed(&mut self, path: &str, size: u64) -> Result<()> {
        self.passed = self.passed.saturating_add(size);
        self.check(path)
    }

    fn check(&self, path: &str) -> Result<()> {
        let read = self.bytes.saturating_add(self.passed);
        if read > self.limits.bytes {
            let cause =
                format!("with it the files hold more than limits.bytes = {}", self.limits.bytes);
            return Err(refuse_as_set(path.as_bytes(), cause));
        }
        if read > self.by_ratio {
            return Err(refuse_as_set(path.as_bytes(), self.bomb()));
        }
        Ok(())
    }

    /// Holds a tar stream to the limits, so that headers without files cannot go on for ever.
    pub(super) fn meter<R: Source>(&self, inner: R, archive: &[u8]) -> Meter<R> {
        let overhead = self.limits.files.saturating_mul(OVERHEAD).saturating_add(1 << 20);
        let most = self.limits.bytes.saturating_add(overhead);
        let cause = match most < self.by_ratio {
            true => format!(
                "it is longer than limits.bytes = {} and limits.files = {} allow",
                self.limits.bytes, self.limits.files
            ),
            false => self.bomb(),
        };
        Meter { inner, left: most.min(self.by_ratio), bomb: refuse_as_set(archive, cause) }
    }

    fn bomb(&self) -> String {
        format!("it unpacks to more than limits.ratio = {} times its size", self.limits.ratio)
    }
}

/// A stream that fails when it goes on for too long.
#[derive(Debug)]
pub(super) struct Meter<R> {
    inner: R,
    left: u64,
    bomb: Error,
}

impl<R: BufRead> BufRead for Meter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let buffer = self.inner.fill_buf()?;
        if self.left == 0 && !buffer.is_empty() {
            return Err(io::Error::other(self.bomb.clone()));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(&buffer[..buffer.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount as u64;
        self.inner.consume(amount);
    }
}

impl<R: Source> Source for Meter<R> {
    fn slice(&mut self, most: usize, pool: &Pool) -> io::Result<Option<Slice>> {
        // Looks at what is left of the limit as well.
        let most = most.min(self.fill_buf()?.len());
        let slice = self.inner.slice(most, pool)?;
        self.left -= slice.as_ref().map_or(0, |slice| slice.len() as u64);
        Ok(slice.filter(|slice| !slice.is_empty()))
    }
}

impl<R: BufRead> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

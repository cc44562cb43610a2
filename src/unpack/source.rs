//! Where an archive's bytes come from: read, or handed on to whoever writes them without a copy.

use crate::verify::{Pool, Proven, Slice};
use std::io::{self, BufRead, BufReader, Read};

/// Bytes that can be handed to another thread.
pub(super) trait Source: BufRead {
    /// Takes up to `most` of the next bytes; `None` at the end. What does not lie in a shared buffer
    /// is copied into one of `pool`.
    fn slice(&mut self, most: usize, pool: &Pool) -> io::Result<Option<Slice>> {
        if self.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut buffer = pool.take();
        let room = most.min(buffer.len());
        let length = self.read(&mut buffer[..room])?;
        Ok(Some(buffer.share(length)))
    }
}

impl Source for Proven {
    fn slice(&mut self, most: usize, _: &Pool) -> io::Result<Option<Slice>> {
        Self::slice(self, most)
    }
}

impl<S: Source + ?Sized> Source for &mut S {
    fn slice(&mut self, most: usize, pool: &Pool) -> io::Result<Option<Slice>> {
        (**self).slice(most, pool)
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn slice(&mut self, most: usize, pool: &Pool) -> io::Result<Option<Slice>> {
        (**self).slice(most, pool)
    }
}

impl<R: Read> Source for BufReader<R> {}

impl Source for io::Empty {}

/// What a decoder gives, in shared buffers.
#[derive(Debug)]
pub(super) struct Chunks<R> {
    inner: R,
    pool: Pool,
    chunk: Option<Slice>,
    /// What comes behind the chunk.
    failed: Option<io::Error>,
}

impl<R: Read> Chunks<R> {
    pub(super) fn new(inner: R, pool: &Pool) -> Self {
        Self { inner, pool: pool.clone(), chunk: None, failed: None }
    }

    fn at_hand(&mut self) -> io::Result<Option<&mut Slice>> {
        if self.chunk.as_ref().is_none_or(|chunk| chunk.is_empty()) {
            // First of all it goes back: it may be the one that is waited for.
            self.chunk = None;
            if let Some(failed) = self.failed.take() {
                return Err(failed);
            }
            let mut buffer = self.pool.take();
            let (length, failed) = fill(&mut self.inner, &mut buffer);
            self.chunk = Some(buffer.share(length));
            self.failed = failed;
            if length == 0
                && let Some(failed) = self.failed.take()
            {
                return Err(failed);
            }
        }
        Ok(self.chunk.as_mut())
    }
}

/// Reads until the buffer is full, the end, or an error, which comes behind what was read.
pub(super) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut length = 0;
    while length < buffer.len() {
        match from.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(amount) => length += amount,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (length, Some(e)),
        }
    }
    (length, None)
}

impl<R: Read> BufRead for Chunks<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.at_hand()?.map(|chunk| &**chunk).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        if let Some(chunk) = &mut self.chunk {
            chunk.advance(amount);
        }
    }
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

impl<R: Read> Source for Chunks<R> {
    fn slice(&mut self, most: usize, _: &Pool) -> io::Result<Option<Slice>> {
        let slice = self.at_hand()?.map(|chunk| chunk.split_front(most));
        Ok(slice.filter(|slice| !slice.is_empty()))
    }
}

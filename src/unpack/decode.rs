//! The compressed streams of tar archives, each read strictly to the payload's last byte.
//!
//! gzip: exactly one member, its checksum compared. zstd, xz, bzip2: every frame or stream to the
//! end, each complete. Any other byte is an error, because some program would read it and another
//! would not.

use super::{
    crew::{CHUNKS, Crew},
    kind::Compression,
    refuse,
    source::{Chunks, Source},
    zstd::Zstd,
};
use crate::error::Error;
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::stream::{
    Action, CONCATENATED, Error as XzError, Status, Stream, TELL_UNSUPPORTED_CHECK,
};
use std::io::{self, BufRead, Read};

/// A decoder over `bytes` that may use `memory` bytes.
pub(super) fn decode<'a>(
    compression: Compression,
    bytes: impl Source + 'a,
    memory: Memory<'a>,
    crew: &'a Crew,
) -> io::Result<Box<dyn Source + 'a>> {
    let chunks = &crew.chunks;
    Ok(match compression {
        Compression::None => Box::new(bytes),
        Compression::Gzip => Box::new(Chunks::new(Gzip(GzDecoder::new(bytes)), chunks)),
        Compression::Zstd => Box::new(Zstd::new(bytes, memory, crew)?),
        Compression::Xz => Box::new(Chunks::new(Xz::new(bytes, memory)?, chunks)),
        Compression::Bzip2 => Box::new(Chunks::new(MultiBzDecoder::new(bytes), chunks)),
    })
}

/// How much memory a decoder may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory<'a> {
    /// The name that messages give the archive.
    archive: &'a [u8],
    /// `limits.memory`.
    limit: u64,
    /// What it leaves for a decoder.
    pub(super) left: u64,
}

impl<'a> Memory<'a> {
    /// What everything else takes: windows of payload, buffers between the threads, and 16 MiB for
    /// the program, the torrent and the bookkeeping of a million names.
    const ELSE: u64 = crate::verify::WINDOWS + CHUNKS + (16 << 20);

    pub(super) fn new(archive: &'a [u8], limit: u64) -> Self {
        Self { archive, limit, left: limit.saturating_sub(Self::ELSE) }
    }

    /// The refusal of a stream that needs more.
    pub(super) fn too_little(self, needs: u64, instead: &str) -> io::Error {
        let hint = format!("raise limits.memory or pack with `{instead}`");
        io::Error::other(self.small_for("window", needs).hint(hint))
    }

    /// The refusal of an archive that needs so many bytes for one thing.
    pub(super) fn small_for(self, what: &str, needs: u64) -> Error {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let cause = format!(
            "it needs a {} MiB {what}, and limits.memory = {} MiB leaves {} MiB for it",
            mib(needs),
            mib(self.limit),
            self.left >> 20
        );
        refuse(self.archive, cause).hint("raise limits.memory")
    }
}

pub(super) fn damaged(cause: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause.to_owned())
}

/// One member and nothing behind it.
struct Gzip<R>(GzDecoder<R>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.0.read(buffer)?;
        // The decoder has compared the checksum before it says that this is the end.
        if amount == 0 && !buffer.is_empty() && !self.0.get_mut().fill_buf()?.is_empty() {
            return Err(damaged("bytes follow the gzip member"));
        }
        Ok(amount)
    }
}

/// All streams of an .xz file, and the padding that the format allows between them.
struct Xz<'a, R> {
    inner: R,
    stream: Stream,
    memory: Memory<'a>,
    ended: bool,
}

impl<'a, R: BufRead> Xz<'a, R> {
    fn new(inner: R, memory: Memory<'a>) -> io::Result<Self> {
        // A check of an unknown kind could not be compared: it is an error, not a warning.
        let flags = CONCATENATED | TELL_UNSUPPORTED_CHECK;
        let stream = Stream::new_stream_decoder(memory.left.max(1), flags)?;
        Ok(Self { inner, stream, memory, ended: false })
    }

    /// What the decoder wants, found by asking: it refuses every limit below its need.
    fn too_little(&mut self) -> io::Error {
        let enough = |mib: &u64| self.stream.set_memlimit(mib << 20).is_ok();
        let needs = (1..=8192).find(enough).unwrap_or(8192);
        self.memory.too_little(needs << 20, "xz -6")
    }
}

impl<R: BufRead> Read for Xz<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let input = self.inner.fill_buf()?;
            let last = input.is_empty();
            let (taken, given) = (self.stream.total_in(), self.stream.total_out());
            let action = if last { Action::Finish } else { Action::Run };
            let result = self.stream.process(input, buffer, action);
            let amount = (self.stream.total_out() - given) as usize;
            self.inner.consume((self.stream.total_in() - taken) as usize);
            match result {
                Ok(Status::StreamEnd) => self.ended = true,
                Ok(_) if last && amount == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(XzError::MemLimit) => return Err(self.too_little()),
                Err(e) => return Err(damaged(&format!("xz: {e}"))),
            }
            if amount > 0 {
                return Ok(amount);
            }
        }
        Ok(0)
    }
}

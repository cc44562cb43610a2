//! The independent zstd frames of an archive.

use crate::stream::Pool;
use std::io;
use zstd::{bulk::Compressor, zstd_safe::CParameter};

/// One frame, as it stands in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its bytes in the archive.
    pub length: u32,
    /// The bytes it decodes to.
    pub content: u32,
    /// The BLAKE3 of its bytes in the archive.
    pub hash: [u8; 32],
}

/// Makes frames, each of which says in its header how much it holds and ends with a checksum.
pub(crate) struct Encoder(Compressor<'static>);

impl Encoder {
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        let mut compressor = Compressor::new(level)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
        Ok(Self(compressor))
    }

    /// The frame of some content, and its bytes.
    pub(crate) fn frame(&mut self, content: &[u8], pool: &Pool) -> io::Result<(Frame, Vec<u8>)> {
        let mut bytes = pool.take();
        bytes.reserve(zstd::zstd_safe::compress_bound(content.len()));
        self.0.compress_to_buffer(content, &mut bytes)?;
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        let (length, content) = (size(&bytes)?, size(content)?);
        Ok((Frame { length, content, hash: *blake3::hash(&bytes).as_bytes() }, bytes))
    }
}

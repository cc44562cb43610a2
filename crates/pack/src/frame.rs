//! The independent zstd frames of an archive.

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

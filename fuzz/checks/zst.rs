//! What must hold for any bytes that are unpacked as a tar archive through zstd.

/// Tells whether they were accepted.
pub(crate) fn check(bytes: &[u8]) -> bool {
    super::payload::check("a.tar.zst", bytes)
}

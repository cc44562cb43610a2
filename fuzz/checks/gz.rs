//! What must hold for any bytes that are unpacked as a tar archive through gzip.

/// Tells whether they were accepted.
pub(crate) fn check(bytes: &[u8]) -> bool {
    super::payload::check("a.tar.gz", bytes)
}

//! What must hold for any bytes that are unpacked as a tar archive through xz.

/// Tells whether they were accepted.
pub(crate) fn check(bytes: &[u8]) -> bool {
    super::payload::check("a.tar.xz", bytes)
}

//! What must hold for any bytes that come back over SCGI, headers included.

/// Tells whether a value came of them.
pub(crate) fn check(bytes: &[u8]) -> bool {
    super::answer::check(bytes)
}

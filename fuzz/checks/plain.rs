//! What must hold for any single file under any name.

/// The first line is the name; what it says the rest is decides what it is unpacked as. Tells
/// whether it was accepted.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (name, content) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    if name.is_empty() || name.len() > 255 || name.contains(&b'/') || name.contains(&0) {
        return false;
    }
    super::payload::check(name, content)
}

//! What must hold for any bytes that are unpacked as a compressed tar archive.

/// The first bytes say how they are compressed. Tells whether they were accepted.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let name = match bytes {
        [0x1f, ..] => "a.tar.gz",
        [b'B', ..] => "a.tar.bz2",
        [0xfd, ..] => "a.tar.xz",
        _ => "a.tar.zst",
    };
    super::payload::check(name, bytes)
}

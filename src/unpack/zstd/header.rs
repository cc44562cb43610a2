//! The header of a frame (RFC 8878, 3.1.1.1).
//!
//! It is read here before libzstd sees it: that would say that a window is too large, but not how
//! large, and a frame that needs a dictionary would fail without a word of it.

use super::super::decode::damaged;
use std::io;

/// The longest: magic, descriptor, window, dictionary, content size.
pub(super) const HEADER_MAX: usize = 18;

/// The window a frame needs in bytes; 0 for a skippable frame.
pub(super) fn window(head: &[u8]) -> io::Result<u64> {
    let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (magic, rest) = head.split_first_chunk::<4>().ok_or_else(short)?;
    match u32::from_le_bytes(*magic) {
        0xFD2F_B528 => {}
        0x184D_2A50..=0x184D_2A5F => return Ok(0),
        _ => return Err(damaged("bytes follow that are not a zstd frame")),
    }
    let (&descriptor, rest) = rest.split_first().ok_or_else(short)?;
    if descriptor & 3 != 0 {
        return Err(damaged("its zstd frame needs a dictionary"));
    }
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let &window = rest.first().ok_or_else(short)?;
        let base = 1_u64 << (10 + (window >> 3));
        return Ok(base + base / 8 * u64::from(window & 7));
    }
    let size: usize = 1 << (descriptor >> 6);
    let mut content = [0; 8];
    content[..size].copy_from_slice(rest.get(..size).ok_or_else(short)?);
    // Two bytes begin where one ends.
    Ok(u64::from_le_bytes(content) + if size == 2 { 256 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_from_headers() {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let of = |rest: &[u8]| window(&[&MAGIC[..], rest].concat()).ok();
        assert_eq!(of(&[0x04, 0x58]), Some(2 << 20));
        assert_eq!(of(&[0x04, 0x88]), Some(128 << 20));
        assert_eq!(of(&[0x04, 0x59]), Some((2 << 20) + (2 << 20) / 8));
        assert_eq!(of(&[0x20, 7]), Some(7));
        assert_eq!(of(&[0x60, 0, 1]), Some(512));
        assert_eq!(of(&[0xe0, 0, 0, 0, 0, 1, 0, 0, 0]), Some(1 << 32));
        assert_eq!(of(&[0x01, 0x58, 1]), None, "a dictionary");
        assert_eq!(of(&[0x60, 0]), None, "cut short");
        assert_eq!(window(&[0x5f, 0x2a, 0x4d, 0x18]).ok(), Some(0));
        assert_eq!(window(b"garbage").ok(), None);
    }
}

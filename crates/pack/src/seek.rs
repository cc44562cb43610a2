//! The seek table of zstd's seekable format: a skippable frame at the archive's end.
//!
//! It lists every frame's length and what it decodes to, so that a reader finds any byte of the
//! content without decoding what stands before it. All numbers are little-endian. See
//! `contrib/seekable_format/zstd_seekable_compression_format.md` of zstd, version 0.1.0.

use crate::Frame;

/// A skippable frame (RFC 8878, 3.1.2) of the kind that the format uses.
const SKIPPABLE: u32 = 0x184D_2A5E;
/// What the table's last bytes are.
const SEEKABLE: u32 = 0x8F92_EAB1;
/// The table has no checksums: each frame has its own.
const DESCRIPTOR: u8 = 0;
/// The number of frames, the descriptor, the magic number.
const FOOTER: usize = 4 + 1 + 4;

/// The table of these frames.
pub(crate) fn table(frames: &[Frame]) -> Vec<u8> {
    let size = frames.len() * 8 + FOOTER;
    let mut table = Vec::with_capacity(8 + size);
    let mut put = |number: u32| table.extend_from_slice(&number.to_le_bytes());
    put(SKIPPABLE);
    put(size as u32);
    for frame in frames {
        put(frame.length);
        put(frame.content);
    }
    put(frames.len() as u32);
    table.push(DESCRIPTOR);
    table.extend_from_slice(&SEEKABLE.to_le_bytes());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let frames =
            [(7, 300), (9, 2)].map(|(length, content)| Frame { length, content, hash: [0; 32] });
        let expected: &[u8] = &[
            0x5e, 0x2a, 0x4d, 0x18, 25, 0, 0, 0, // a skippable frame of 25 bytes
            7, 0, 0, 0, 0x2c, 1, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, // the frames
            2, 0, 0, 0, 0, 0xb1, 0xea, 0x92, 0x8f, // how many, no checksums, the magic number
        ];
        assert_eq!(table(&frames), expected);
    }
}

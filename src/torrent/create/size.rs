//! How long a torrent's pieces are, where nobody says it.

/// BitTorrent v2 knows no shorter pieces (BEP 52).
const LEAST: u64 = 16 << 10;

/// A deploy holds several pieces of this length in memory and hashes them at once.
const USUAL: u64 = 4 << 20;

/// A deploy takes no longer ones.
const MOST: u64 = crate::verify::PIECE_MAX;

/// The piece length for a payload of so many bytes: a power of two, such that there are about a
/// thousand pieces. From 4 GiB on there are more of 4 MiB; where those were more than 65,536, the
/// .torrent itself would be a download, and pieces grow to 16 MiB.
pub fn piece_length_for(bytes: u64) -> u64 {
    let usual = bytes.div_ceil(1024).next_power_of_two().clamp(LEAST, USUAL);
    let needed = bytes.div_ceil(65_536).next_power_of_two();
    usual.max(needed.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_about_a_thousand_pieces() {
        let (mib, gib) = (1 << 20, 1 << 30);
        for (bytes, piece) in [
            (0, LEAST),
            (1, LEAST),
            (16 * mib, LEAST),
            (20 * mib, 32 << 10),
            (gib, mib),
            (gib + 1, 2 * mib),
            (50 * gib, 4 * mib),
            (256 * gib, 4 * mib),
            (256 * gib + 1, 8 * mib),
            (1 << 50, MOST),
            (u64::MAX, MOST),
        ] {
            assert_eq!(piece_length_for(bytes), piece, "{bytes}");
        }
    }
}

//! Streams cut at every place, held against hashing the whole at once.

use super::*;
use crate::tests::noise;
use ::sha1::{Digest, Sha1};
use proptest::prelude::*;
use sha2::Sha256;

fn expected(bytes: &[u8], piece: u64, leaves: bool) -> Hashes {
    let whole = usize::try_from(piece).unwrap_or(usize::MAX);
    let blocks = if leaves { bytes } else { &[] };
    Hashes {
        pieces: bytes.chunks(whole).map(|piece| Sha1::digest(piece).into()).collect(),
        leaves: blocks.chunks(BLOCK).map(|block| Sha256::digest(block).into()).collect(),
        length: bytes.len() as u64,
    }
}

fn hashed(parts: &[&[u8]], piece: u64, leaves: bool, threads: usize) -> Hashes {
    let (piece, threads) = (NonZeroU64::new(piece).unwrap(), NonZeroUsize::new(threads).unwrap());
    let mut hasher = Hasher::new(piece, leaves, threads);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finish()
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let bytes = noise(40_000, 1);
    for piece in [1, 63, 64, 1000, 16_384, 32_768, u64::MAX] {
        let whole = expected(&bytes, piece, true);
        for cut in (0..bytes.len()).step_by(977).chain([16_383, 16_384, 16_385]) {
            let (one, two) = bytes.split_at(cut);
            assert!(hashed(&[one, two], piece, true, 2) == whole, "{piece} cut at {cut}");
        }
        assert!(hashed(&[&bytes], piece, false, 1) == expected(&bytes, piece, false));
    }
    assert_eq!(hashed(&[], 5, true, 3), Hashes::default());
}

/// Several buffers of whole pieces, of parts of one, and the change from one to the other.
#[test]
fn pieces_of_every_size_go_through_the_buffers() {
    let bytes = noise(38 << 20, 2);
    for (piece, threads) in
        [(1 << 18, 1), (1 << 20, 2), (1 << 20, 64), (4 << 20, 2), (16 << 20, 2), (33 << 20, 3)]
    {
        let parts: Vec<&[u8]> = bytes.chunks(300_001).collect();
        let found = hashed(&parts, piece, true, threads);
        assert!(found == expected(&bytes, piece, true), "{piece} by {threads}");
    }
}

/// Whoever drops it half-way waits for nobody.
#[test]
fn a_stream_may_be_given_up() {
    let (piece, threads) = (NonZeroU64::new(16 << 20).unwrap(), NonZeroUsize::new(2).unwrap());
    let mut hasher = Hasher::new(piece, true, threads);
    hasher.update(&noise(5 << 20, 3));
    drop(hasher);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_in_any_parts(
        length in 0..200_000_usize,
        piece in 1..70_000_u64,
        cuts in prop::collection::vec(1..50_000_usize, 1..6),
        leaves: bool,
        threads in 1..4_usize,
    ) {
        let bytes = noise(length, 4);
        let (mut parts, mut rest) = (Vec::new(), &bytes[..]);
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            parts.push(now);
            rest = later;
            if rest.is_empty() { break }
        }
        let found = hashed(&parts, piece, leaves, threads);
        prop_assert!(found == expected(&bytes, piece, leaves));
    }
}

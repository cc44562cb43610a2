//! Every engine that the processor has, held against the `sha1` and `sha2` crates.

use super::*;
use ::sha1::{Digest, Sha1 as One};
use proptest::prelude::*;
use sha2::Sha256 as One256;

/// Bytes that differ from place to place.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let byte = |n: u64| ((n + seed * 65_537).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    (0..length as u64).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes by every engine there is, and by the one that is chosen.
fn hold(messages: &[&[u8]]) {
    let sums: Vec<[u8; 20]> = messages.iter().map(|m| One::digest(m).into()).collect();
    let sums_256: Vec<[u8; 32]> = messages.iter().map(|m| One256::digest(m).into()).collect();
    let lengths = || messages.iter().map(|m| m.len()).collect::<Vec<_>>();
    for engine in Engine::available() {
        let mut found = vec![[0; 20]; messages.len()];
        engine.sha1_of(messages, &mut found);
        assert!(found == sums, "SHA-1 by {engine} of {:?}", lengths());
        let mut found = vec![[0; 32]; messages.len()];
        engine.sha256_of(messages, &mut found);
        assert!(found == sums_256, "SHA-256 by {engine} of {:?}", lengths());
    }
    let mut found = vec![[0; 20]; messages.len()];
    sha1(messages, &mut found);
    assert!(found == sums, "{:?}", lengths());
    let mut found = vec![[0; 32]; messages.len()];
    sha256(messages, &mut found);
    assert!(found == sums_256, "{:?}", lengths());
}

/// From FIPS 180-2, appendices A and B.
#[test]
fn the_standards_own_examples() {
    let million = vec![b'a'; 1_000_000];
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let examples: [(&[u8], &str, &str); 4] = [
        (
            b"abc",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            two_blocks,
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            &million,
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
        (
            b"",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
    ];
    let messages: Vec<&[u8]> = examples.iter().map(|example| example.0).collect();
    for engine in Engine::available() {
        let (mut short, mut long) = (vec![[0; 20]; 4], vec![[0; 32]; 4]);
        engine.sha1_of(&messages, &mut short);
        engine.sha256_of(&messages, &mut long);
        for (n, (_, sha1, sha256)) in examples.iter().enumerate() {
            assert_eq!(
                (hex(&short[n]).as_str(), hex(&long[n]).as_str()),
                (*sha1, *sha256),
                "{engine}"
            );
        }
    }
}

#[test]
fn the_reference_is_everywhere_and_the_choice_is_there() {
    let available = Engine::available();
    assert_eq!(available[0], Engine::Reference);
    eprintln!(
        "engines here: {}",
        available.iter().map(Engine::to_string).collect::<Vec<_>>().join("; ")
    );
    for count in 0..40 {
        for kind in [Kind::Sha1, Kind::Sha256] {
            assert!(available.contains(&choice::best(kind, count)));
        }
    }
    assert!(width() >= 1);
}

#[test]
fn every_length_by_every_engine() {
    // Equal ones, as many as lanes and one more, and fewer.
    let bytes: Vec<Vec<u8>> = (0..17).map(|seed| noise(300, seed)).collect();
    for length in 0..=300 {
        for count in [1, 2, 3, 7, 8, 9, 15, 16, 17] {
            let messages: Vec<&[u8]> = bytes[..count].iter().map(|b| &b[..length]).collect();
            hold(&messages);
        }
    }
    // All lengths at once.
    let whole = noise(300, 99);
    let messages: Vec<&[u8]> = (0..=300).map(|length| &whole[..length]).collect();
    hold(&messages);
    hold(&[]);
}

#[test]
fn lengths_around_a_leaf_and_a_piece() {
    let whole = noise((64 << 10) + 65, 5);
    for around in [16 << 10, 64 << 10] {
        let lengths = around - 65..=around + 65;
        let messages: Vec<&[u8]> = lengths.map(|length| &whole[..length]).collect();
        hold(&messages);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_lengths(lengths in prop::collection::vec(0..5000_usize, 0..40)) {
        let bytes: Vec<Vec<u8>> =
            lengths.iter().enumerate().map(|(n, length)| noise(*length, n as u64)).collect();
        hold(&bytes.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    /// Where the parts of each message are cut says nothing about its sum.
    #[test]
    fn parts_of_any_length(cuts in prop::collection::vec(prop::collection::vec(0..300_usize, 5), 1..20)) {
        for engine in Engine::available().into_iter().map(Some).chain([None]) {
            let count = cuts.len();
            let mut many = Many::<many::Sha1>::new(count, engine);
            let mut many_256 = Many::<many::Sha256>::new(count, engine);
            let mut whole = vec![Vec::new(); count];
            for step in 0..5 {
                let parts: Vec<Vec<u8>> =
                    cuts.iter().enumerate().map(|(n, cuts)| noise(cuts[step], (n * 7 + step) as u64)).collect();
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                many.update(&parts);
                many_256.update(&parts);
                whole.iter_mut().zip(parts).for_each(|(whole, part)| whole.extend_from_slice(part));
            }
            let expected: Vec<[u8; 20]> = whole.iter().map(|m| One::digest(m).into()).collect();
            prop_assert_eq!(many.finish(), expected);
            let expected: Vec<[u8; 32]> = whole.iter().map(|m| One256::digest(m).into()).collect();
            prop_assert_eq!(many_256.finish(), expected);
        }
    }
}

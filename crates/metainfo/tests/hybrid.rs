//! Hybrid torrents that libtorrent made (`tests/hybrid/make.py`), held against the bytes that it made
//! them of.
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use metainfo::{Attr, File, Metainfo, create::Draft};
use sha1::{Digest, Sha1};
use sha2::Sha256;

fn noise(length: u64, seed: u64) -> Vec<u8> {
    let byte = |n: u64| ((n + seed * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    (0..length).map(byte).collect()
}

/// The torrent, and the contents of its files in order, by the seeds that made them.
fn holds(torrent: &[u8], seeds: &[(&str, u64)]) -> Metainfo {
    let torrent = Metainfo::parse(torrent).unwrap();
    let pieces = torrent.version_2().unwrap().unwrap().pieces();
    assert_eq!(pieces.len(), torrent.pieces().len());
    let mut index = 0;
    let files = torrent.files().iter().filter(|f| !f.attr.padding && f.attr.symlink.is_none());
    for (file, (name, seed)) in files.zip(seeds) {
        assert_eq!(String::from_utf8_lossy(&file.path.join(&b'/')), *name);
        for bytes in noise(file.length, *seed).chunks(torrent.piece_length() as usize) {
            assert!(pieces[index].is_of(bytes), "{name}");
            index += 1;
        }
    }
    assert_eq!(index, pieces.len());
    torrent
}

#[test]
fn another_makers_hybrids_are_of_one_mind_with_us() {
    holds(include_bytes!("hybrid/one.torrent"), &[("", 1)]);
    let files =
        [("a.bin", 1), ("bin/run", 2), ("empty", 3), ("same/one", 5), ("same/two", 5), ("z", 4)];
    holds(include_bytes!("hybrid/many.torrent"), &files);
    holds(include_bytes!("hybrid/small.torrent"), &[("w", 2), ("x", 1), ("y", 2)]);
}

#[test]
fn what_we_make_is_what_the_other_makes() {
    let theirs = Metainfo::parse(include_bytes!("hybrid/one.torrent")).unwrap();
    let draft = Draft::single(theirs.name(), theirs.total_length());
    let draft = draft.piece_length(theirs.piece_length());
    let bytes = noise(theirs.total_length(), 1);
    let leaves: Vec<[u8; 32]> = bytes.chunks(16 << 10).map(|b| Sha256::digest(b).into()).collect();
    let of = draft.clone().hybrid_of(theirs.pieces(), &leaves).unwrap();
    let ours = draft.hybrid(|_| Ok(std::io::Cursor::new(&bytes))).unwrap();
    assert_eq!(of, ours);
    let ours = Metainfo::parse(&ours).unwrap();
    assert_eq!(ours.raw_info(), theirs.raw_info());
    assert_eq!(ours.version_2(), theirs.version_2());
}

#[test]
fn hashes_of_a_file_make_the_torrent_that_its_bytes_make() {
    for length in [0, 1, 16_384, 16_385, 32_768, 32_769, 98_304, 100_000, 131_072, 1_000_000] {
        let bytes = noise(length, 3);
        let draft = Draft::single("a", length).piece_length(32 << 10);
        let pieces: Vec<[u8; 20]> =
            bytes.chunks(32 << 10).map(|b| Sha1::digest(b).into()).collect();
        let leaves: Vec<[u8; 32]> =
            bytes.chunks(16 << 10).map(|b| Sha256::digest(b).into()).collect();
        let of = draft.clone().hybrid_of(&pieces, &leaves).unwrap();
        assert_eq!(of, draft.clone().hybrid(|_| Ok(&bytes[..])).unwrap(), "{length}");
        if length > 0 {
            assert!(draft.hybrid_of(&pieces, &leaves[1..]).is_err(), "{length}");
        }
    }
}

#[test]
fn hashes_of_several_files_make_the_torrent_that_their_bytes_make() {
    let file = |path: &str, length| File {
        path: path.split('/').map(|part| part.into()).collect(),
        length,
        attr: Attr::default(),
    };
    // Not in the order of the tree.
    let files = vec![file("z", 1), file("d/b", 100_000), file("d/a", 32_768), file("empty", 0)];
    let draft = Draft::directory("n", files).piece_length(32 << 10);
    let bytes = |file: &File| noise(file.length, file.length);
    let made = draft.clone().hybrid(|file| Ok(std::io::Cursor::new(bytes(file)))).unwrap();
    let theirs = Metainfo::parse(&made).unwrap();

    let aligned = draft.aligned().unwrap();
    let blank = aligned.blank().unwrap();
    assert_eq!(blank.files(), theirs.files());
    assert_eq!(blank.pieces().len(), theirs.pieces().len());
    let mut leaves: Vec<[u8; 32]> = Vec::new();
    for file in blank.files().iter().filter(|file| !file.attr.padding) {
        leaves.extend(bytes(file).chunks(16 << 10).map(|b| <[u8; 32]>::from(Sha256::digest(b))));
    }
    assert_eq!(aligned.clone().hybrid_of(theirs.pieces(), &leaves).unwrap(), made);
    leaves.swap(0, 3);
    assert_ne!(aligned.clone().hybrid_of(theirs.pieces(), &leaves).unwrap(), made);
    assert!(aligned.hybrid_of(theirs.pieces(), &leaves[1..]).is_err());
}

#[test]
fn no_blank_torrent_is_larger_than_what_anybody_loads() {
    for (length, piece) in [(u64::MAX, 1 << 20), (1 << 40, 1 << 14), (5, 0)] {
        assert!(Draft::single("a", length).piece_length(piece).blank().is_err(), "{length}");
    }
    let several = (0..3).map(|n| File {
        path: vec![vec![b'a' + n]],
        length: u64::MAX / 2,
        attr: Attr::default(),
    });
    assert!(Draft::directory("n", several.collect()).blank().is_err());
}

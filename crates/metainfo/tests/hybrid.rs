//! Hybrid torrents that libtorrent made (`tests/hybrid/make.py`), held against the bytes that it made
//! them of.
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use metainfo::{Metainfo, create::Draft};

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
    let ours = draft.hybrid(|file| Ok(std::io::Cursor::new(noise(file.length, 1)))).unwrap();
    let ours = Metainfo::parse(&ours).unwrap();
    assert_eq!(ours.raw_info(), theirs.raw_info());
    assert_eq!(ours.version_2(), theirs.version_2());
}

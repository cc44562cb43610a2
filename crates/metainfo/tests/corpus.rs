//! Replays the seeds of the fuzz targets, so that what was once found stays found.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by it")]

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks/bencode.rs"]
mod bencode;
#[path = "../../../fuzz/checks/torrent.rs"]
mod torrent;

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let seeds = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path());
    let mut replayed = 0;
    for seed in seeds {
        // named before it is tried, for whoever reads the failure
        println!("{}", seed.display());
        check(&fs::read(&seed).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0, "no seeds in {}", corpus.display());
}

#[test]
fn bencode_seeds() {
    replay("bencode", bencode::check);
}

#[test]
fn torrent_seeds() {
    replay("torrent", torrent::check);
}

/// The seeds must be what their names say, or they would try nothing.
#[test]
fn seeds_that_start_with_good_are_torrents_and_the_others_are_not() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/torrent");
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        let good = path.file_name().unwrap().to_string_lossy().starts_with("good-");
        let read = metainfo::Metainfo::parse(&fs::read(&path).unwrap());
        assert_eq!(
            read.is_ok(),
            good,
            "{}: {:?}",
            path.display(),
            read.err().map(|e| e.to_string())
        );
    }
}

//! Replays the seeds of the fuzz targets that unpack, so that what was once found stays found.

use std::{fs, path::Path};

#[path = "../fuzz/checks/payload.rs"]
mod payload;
#[path = "../fuzz/checks/stream.rs"]
mod stream;
#[path = "../fuzz/checks/tar.rs"]
mod tar;
#[path = "../fuzz/checks/zip.rs"]
mod zip;

/// Seeds must be what their names say, or they would try nothing.
fn replay(target: &str, check: fn(&[u8]) -> bool) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut replayed = 0;
    for seed in fs::read_dir(&corpus).unwrap() {
        let path = seed.unwrap().path();
        // Named before it is tried, for whoever reads the failure.
        println!("{}", path.display());
        let good = path.file_name().unwrap().to_string_lossy().starts_with("good");
        assert_eq!(check(&fs::read(&path).unwrap()), good);
        replayed += 1;
    }
    assert!(replayed > 0, "no seeds in {}", corpus.display());
}

#[test]
fn tar_seeds() {
    replay("tar", tar::check);
}

#[test]
fn zip_seeds() {
    replay("zip", zip::check);
}

#[test]
fn stream_seeds() {
    replay("stream", stream::check);
}

//! Replays the seeds of the fuzz targets that need this package, so that what was once found stays
//! found.

use seedship::release::debian_order;
use std::{cmp::Ordering, fs, path::Path, process::Command};

#[path = "../fuzz/checks/answer.rs"]
mod answer;
#[path = "../fuzz/checks/bz2.rs"]
mod bz2;
#[path = "../fuzz/checks/config.rs"]
mod config;
#[path = "../fuzz/checks/dir.rs"]
mod dir;
#[path = "../fuzz/checks/gz.rs"]
mod gz;
#[path = "../fuzz/checks/pattern.rs"]
mod pattern;
#[path = "../fuzz/checks/payload.rs"]
mod payload;
#[path = "../fuzz/checks/plain.rs"]
mod plain;
#[path = "../fuzz/checks/scgi.rs"]
mod scgi;
#[path = "../fuzz/checks/tar.rs"]
mod tar;
#[path = "../fuzz/checks/version.rs"]
mod version;
#[path = "../fuzz/checks/xmlrpc.rs"]
mod xmlrpc;
#[path = "../fuzz/checks/xz.rs"]
mod xz;
#[path = "../fuzz/checks/zip.rs"]
mod zip;
#[path = "../fuzz/checks/zst.rs"]
mod zst;

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let seeds: Vec<_> = fs::read_dir(&corpus)
        .unwrap()
        .map(|seed| seed.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap()))
        .collect();
    assert!(!seeds.is_empty(), "no seeds in {}", corpus.display());
    seeds
}

/// Seeds must be what their names say, or they would try nothing.
fn replay(target: &str, check: fn(&[u8]) -> bool) {
    for (name, bytes) in seeds(target) {
        // Named before it is tried, for whoever reads the failure.
        println!("{target}/{name}");
        assert_eq!(check(&bytes), name.starts_with("good"), "{target}/{name}");
    }
}

#[test]
fn every_target_has_a_check_and_seeds_that_are_replayed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let replays =
        [include_str!("corpus.rs"), include_str!("../crates/metainfo/tests/corpus.rs")].concat();
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let mut targets = 0;
    for target in fs::read_dir(fuzz.join("fuzz_targets")).unwrap() {
        let file = target.unwrap().file_name().into_string().unwrap();
        let target = file.strip_suffix(".rs").unwrap();
        assert!(fuzz.join("checks").join(&file).is_file(), "{target}");
        assert!(replays.contains(&format!("(\"{target}\", {target}::check)")), "{target}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{file}\"")), "{target}");
        targets += 1;
    }
    assert_eq!(targets, fs::read_dir(fuzz.join("corpus")).unwrap().count());
}

#[test]
fn tar_seeds() {
    replay("tar", tar::check);
}

#[test]
fn gzip_seeds() {
    replay("gz", gz::check);
}

#[test]
fn bzip2_seeds() {
    replay("bz2", bz2::check);
}

#[test]
fn xz_seeds() {
    replay("xz", xz::check);
}

#[test]
fn zstd_seeds() {
    replay("zst", zst::check);
}

#[test]
fn zip_seeds() {
    replay("zip", zip::check);
}

#[test]
fn directory_seeds() {
    replay("dir", dir::check);
}

#[test]
fn plain_file_seeds() {
    replay("plain", plain::check);
}

#[test]
fn scgi_seeds() {
    replay("scgi", scgi::check);
}

#[test]
fn xmlrpc_seeds() {
    replay("xmlrpc", xmlrpc::check);
}

#[test]
fn configuration_seeds() {
    replay("config", config::check);
}

#[test]
fn pattern_seeds() {
    replay("pattern", pattern::check);
}

#[test]
fn version_seeds() {
    replay("version", version::check);
}

/// What dpkg says of two versions; `None` where it takes one of them for no version.
fn dpkg(a: &str, b: &str) -> Option<Ordering> {
    let holds = |relation: &str| {
        let mut dpkg = Command::new("dpkg");
        let out = dpkg.args(["--compare-versions", a, relation, b]).output().unwrap();
        (out.status.code().unwrap() < 2 && out.stderr.is_empty()).then_some(out.status.success())
    };
    Some(match (holds("lt")?, holds("eq")?) {
        (true, _) => Ordering::Less,
        (_, true) => Ordering::Equal,
        _ => Ordering::Greater,
    })
}

#[test]
fn dpkg_says_the_same_of_the_seeds() {
    if Command::new("dpkg").arg("--version").output().is_err() {
        lab::skip("there is no dpkg here to compare with");
        return;
    }
    let mut judged = 0;
    for (name, bytes) in seeds("version") {
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains('\0')).collect();
        for pair in lines.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            let [bare_a, bare_b] = [a, b].map(|v| v.strip_prefix('v').unwrap_or(v));
            if let Some(order) = dpkg(bare_a, bare_b) {
                assert_eq!(debian_order(a, b), order, "{name}: {a} {b}");
                judged += 1;
            }
        }
    }
    assert!(judged > 10, "only {judged} pairs were versions to dpkg");
}

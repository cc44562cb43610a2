//! Archives whose bytes are what the torrent says, and wrong: refused for good.

use super::{Failure, fails, lands, noisy, open, release, remade};
use lab::{Kind, Lab, site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The same bytes always fail.
const REFUSED: Failure<'_> =
    Failure { exit: 65, state: Some("refused"), says: &["could not unpack "], hint: "" };

const ARCHIVES: [Kind; 6] =
    [Kind::Tar, Kind::TarGz, Kind::TarZst, Kind::TarXz, Kind::TarBz2, Kind::Zip];

/// An archive of 2.0 with bytes changed before its torrent is made.
fn spoilt(lab: &Lab, kind: Kind, spoil: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let folder = lab.folder(&lab.fresh("spoilt")).unwrap();
    let payload = noisy("2.0").pack(kind, &folder, "shop-2.0").unwrap();
    let mut bytes = fs::read(&payload).unwrap();
    spoil(&mut bytes);
    fs::write(&payload, bytes).unwrap();
    payload
}

#[test]
fn an_archive_that_ends_early_is_refused() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    for kind in ARCHIVES {
        for share in [0, 1, 6, 9] {
            let payload = spoilt(&lab, kind, |bytes| bytes.truncate(bytes.len() * share / 10));
            if share == 0 {
                // No program makes a torrent of nothing.
                fs::write(&payload, "x").unwrap();
            }
            println!("{kind:?} {share}/10");
            fails(&host, &remade(&lab, &payload), &payload, &REFUSED);
        }
    }
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn an_archive_with_a_wrong_byte_is_refused() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    for kind in ARCHIVES {
        // A tar has checksums over its headers alone; every other kind over all its bytes.
        let middle = |bytes: &[u8]| if kind == Kind::Tar { 5 } else { bytes.len() / 2 };
        let payload = spoilt(&lab, kind, |bytes| {
            let at = middle(bytes);
            bytes[at] ^= 0x10;
        });
        println!("{kind:?}");
        fails(&host, &remade(&lab, &payload), &payload, &REFUSED);
    }
}

#[test]
fn an_archive_with_bytes_behind_its_end_is_refused() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    for kind in ARCHIVES {
        let payload = spoilt(&lab, kind, |bytes| bytes.extend_from_slice(b"behind"));
        println!("{kind:?}");
        fails(&host, &remade(&lab, &payload), &payload, &REFUSED);
    }
}

/// A tar of the small site, its names rewritten by GNU tar, through a compressor.
fn tar(lab: &Lab, args: &str, compressor: &str, suffix: &str) -> PathBuf {
    let source = lab.folder(&lab.fresh("source")).unwrap();
    site::small("2.0").write_to(&source).unwrap();
    let payload = source.with_extension("packed").join(format!("shop-2.0{suffix}"));
    fs::create_dir(payload.parent().unwrap()).unwrap();
    let script = format!("tar -cPf - {args} . | {compressor} > \"$0\"");
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &script]).arg(&payload).current_dir(source);
    site::run(&mut shell).unwrap();
    payload
}

#[test]
fn an_archive_that_leaves_the_release_is_refused() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let evil = host.root("shop").join("evil");
    fs::write(&evil, "sentinel").unwrap();
    for to in ["../../evil", "/evil", "pages/../../../evil"] {
        let args = format!("--transform 's,^./index.html$,{to},'");
        let payload = tar(&lab, &args, "cat", ".tar");
        let listed = site::run(Command::new("tar").arg("-tPf").arg(&payload)).unwrap();
        assert!(String::from_utf8_lossy(&listed).lines().any(|line| line == to), "{to} is in it");
        let says = ["could not unpack ", to];
        let line =
            fails(&host, &remade(&lab, &payload), &payload, &Failure { says: &says, ..REFUSED });
        assert_eq!(fs::read_to_string(&evil).unwrap(), "sentinel", "{line}");
    }
    assert!(!Path::new("/evil").exists());
    assert!(!host.root("shop").join("releases/evil").exists());
}

#[test]
fn a_window_over_the_memory_limit_is_refused_and_can_be_allowed() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let payload = tar(&lab, "", "zstd -q -3 --long=27", ".tar.zst");
    let torrent = remade(&lab, &payload);
    let says = ["could not unpack ", "it needs a 128 MiB window", "limits.memory"];
    let hint = "raise limits.memory or pack with `zstd -19`";
    fails(&host, &torrent, &payload, &Failure { says: &says, hint, ..REFUSED });
    host.configure(&super::shop("limits = { memory = \"256MiB\" }"));
    lands(&host, &torrent, &payload, "2.0");

    let payload = tar(&lab, "", "xz -0 --lzma2=dict=96MiB", ".tar.xz");
    let moved = payload.with_file_name("shop-3.0.tar.xz");
    fs::rename(payload, &moved).unwrap();
    host.configure(&super::shop(""));
    let before = host.log().len();
    assert_eq!(host.finished(&remade(&lab, &moved), &moved).code, 65);
    let line = host.log().split_off(before).join("\n");
    assert!(line.contains("window") && line.contains("raise limits.memory"), "{line}");
}

#[test]
fn a_name_that_says_another_format_is_refused() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let payload = tar(&lab, "", "zstd -q", ".tar.gz");
    let says =
        ["could not unpack `shop-2.0.tar.gz`", "its name says gzip and its first bytes say zstd"];
    fails(&host, &remade(&lab, &payload), &payload, &Failure { says: &says, ..REFUSED });
    let payload = tar(&lab, "", "gzip", ".tar");
    let says = ["its name says tar and its first bytes say gzip"];
    fails(&host, &remade(&lab, &payload), &payload, &Failure { says: &says, ..REFUSED });
}

#[test]
fn a_release_without_what_must_exist_is_refused() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "must_exist = [\"index.html\", \"web/index.php\"]");
    let (torrent, payload) = release(&lab, Kind::TarXz, "2.0");
    let says = ["could not ", "web/index.php", "must_exist"];
    fails(&host, &torrent, &payload, &Failure { says: &says, ..REFUSED });
    host.configure(&super::shop("must_exist = [\"index.html\"]"));
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn what_lies_above_the_depth_to_strip_is_refused() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "strip = 5");
    let (torrent, payload) = release(&lab, Kind::TarBz2, "2.0");
    fails(&host, &torrent, &payload, &Failure { says: &["could not unpack ", "strip"], ..REFUSED });
}

#[test]
fn more_than_the_limits_is_refused() {
    let lab = Lab::new().unwrap();
    for (limits, says) in [
        ("bytes = \"8KiB\"", "limits.bytes"),
        ("files = 5", "limits.files"),
        ("depth = 1", "limits.depth"),
        ("path = 8", "limits.path"),
    ] {
        let lab = Lab::new().unwrap();
        let host = open(&lab, &format!("limits = {{ {limits} }}"));
        for kind in [Kind::TarZst, Kind::Zip] {
            let (torrent, payload) = release(&lab, kind, "2.0");
            println!("{kind:?} {limits}");
            let says = ["could not ", says];
            fails(&host, &torrent, &payload, &Failure { says: &says, ..REFUSED });
        }
    }
    let host = open(&lab, "");
    let zeros = lab.folder("zeros").unwrap().join("shop-2.0.tar.gz");
    let script = "head -c 200M /dev/zero > zero && tar -cf - zero | gzip -9 > \"$0\"";
    let mut shell = Command::new("bash");
    shell.args(["-ec", script]).arg(&zeros).current_dir(zeros.parent().unwrap());
    site::run(&mut shell).unwrap();
    let says = ["could not unpack ", "limits.ratio"];
    fails(&host, &remade(&lab, &zeros), &zeros, &Failure { says: &says, ..REFUSED });
}

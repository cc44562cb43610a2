//! Hostile torrents of many files: what BEP 47 links, paths and names may do without an archive.
//!
//! Some of it no .torrent can say and still be read; then it is refused a step before unpacking.

use super::*;
use crate::verify::tests::{file, torrent_of_files};
use lab::withstood;
use metainfo::{Attr, File, create::Draft};

/// What a file is, by its path.
fn plain(path: &str) -> File {
    file(path, 1, Attr::default())
}

fn link(path: &str, target: &str) -> File {
    let target = target.split('/').map(|part| part.as_bytes().to_vec()).collect();
    file(path, 0, Attr { symlink: Some(target), ..Attr::default() })
}

/// Unpacks a payload of these files, of one byte each.
fn land(bench: &Bench, files: &[File]) -> Result<Release> {
    let payload = bench.at("payload/site");
    if payload.exists() {
        fs::remove_dir_all(&payload).unwrap();
    }
    fs::create_dir(&payload).unwrap();
    for file in files.iter().filter(|file| file.length > 0) {
        let path = payload.join(String::from_utf8(file.path.join(&b'/')).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let with_bytes: Vec<_> =
        files.iter().map(|f| (f.clone(), if f.length > 0 { &b"x"[..] } else { b"" })).collect();
    bench.unpack(&torrent_of_files("site", &with_bytes, 16 << 10), &payload)
}

#[track_caller]
fn refused(files: &[File], why: &str) {
    let bench = Bench::new();
    let told = bench.is_refused("site", land(&bench, files));
    assert!(told.contains(why), "{told}");
}

/// No torrent that says so can be read. Returns how many were tried.
#[track_caller]
fn unreadable(all: &[&[File]]) -> usize {
    for files in all {
        let draft = Draft::directory("site", files.to_vec());
        let pieces = draft.hash(|file| Ok(&[b'x'; 1][..file.length as usize])).unwrap();
        assert!(draft.torrent(&pieces).is_err(), "{files:?}");
    }
    all.len()
}

#[test]
fn paths_and_links_that_lead_outside() {
    let tried = unreadable(&[
        &[plain("../evil")],
        &[plain("a/../../evil")],
        &[plain("..")],
        &[plain("a/.")],
        &[plain("/tmp/evil")],
        &[plain("a//b")],
        &[plain("a\0b")],
        &[plain("")],
        &[plain("a"), link("l", "../outside")],
        &[plain("a"), link("d/l", "../../outside")],
        &[plain("a"), link("l", "/etc/passwd")],
        &[plain("a"), link("l", "a/../../x")],
        &[plain("a"), link("l", "")],
    ]);
    // What is left leads inside, whatever links to what.
    let bench = Bench::new();
    let files =
        [plain("a/b/f"), link("a/b/c/x", "a"), link("y", "a/b/c/x/b/f"), link("z", "nowhere/x")];
    land(&bench, &files).unwrap();
    assert_eq!(bench.read("y"), "x");
    let stage = fs::canonicalize(bench.stage()).unwrap();
    for entry in ["a/b/c/x", "y"] {
        assert!(fs::canonicalize(stage.join(entry)).unwrap().starts_with(&stage), "{entry}");
    }
    let what = "directory: a path or BEP 47 link with `..`, absolute, empty or with NUL";
    withstood!(CHAPTER, what, tried, "no torrent that says so is read (65)", acceptances() == 1);
}

#[test]
fn an_entry_below_a_link_or_a_file() {
    let tried = unreadable(&[
        &[plain("d/f"), link("l", "d"), plain("l/x")],
        &[link("l", "."), plain("l/x")],
        &[plain("a"), plain("a/b")],
        &[plain("a/b"), plain("a")],
        &[plain("a"), plain("a")],
        &[plain("a"), link("a", "b")],
        &[link("a", "b"), plain("a")],
    ]);
    let bench = Bench::new();
    land(&bench, &[plain("a"), link("l", "a")]).unwrap();
    let what = "directory: an entry below a link or a file, a path twice";
    withstood!(CHAPTER, what, tried, "no torrent that says so is read (65)", acceptances() == 1);
}

#[test]
fn names_that_cannot_be_trusted() {
    for name in ["a\nb", "a\x1b[2J", "a\u{9b}", "d\n/x"] {
        refused(&[plain(name)], "control characters");
        refused(&[plain("f"), link(name, "f")], "control characters");
        refused(&[plain("f"), link("l", name)], "control characters");
    }
    refused(&[plain("a\u{fffd}")], "U+FFFD");
    let bench = Bench::new();
    let bytes =
        [(File { path: vec![b"a\xff".to_vec()], length: 0, attr: Attr::default() }, &b""[..])];
    fs::create_dir(bench.at("payload/site")).unwrap();
    let landed =
        bench.unpack(&torrent_of_files("site", &bytes, 16 << 10), &bench.at("payload/site"));
    assert!(bench.is_refused("site", landed).contains("not UTF-8"));
    let what = "directory: a name with control characters or not UTF-8";
    withstood!(CHAPTER, what, refusals(), REFUSED, true);
}

#[test]
fn names_that_differ_in_case_or_normal_form() {
    let why = "differs from it only in case";
    refused(&[plain("README"), plain("readme")], why);
    refused(&[plain("d/x"), plain("D/y")], why);
    refused(&[plain("a\u{e9}"), plain("ae\u{301}")], why);
    refused(&[plain("x"), link("L", "x"), link("l", "x")], why);
    refused(&[plain("d/x"), link("D", "d")], why);
    refused(&[plain("stra\u{df}e"), plain("STRASSE")], why);
    let bench = Bench { case: Case::Accept, ..Bench::new() };
    land(&bench, &[plain("README"), plain("readme"), plain("D/x"), plain("d/x")]).unwrap();
    let what = "directory: names equal by case or by Unicode normal form";
    withstood!(CHAPTER, what, refusals(), REFUSED, true);
}

#[test]
fn limits_hold_for_directories() {
    let bench = |change: fn(&mut Limits)| {
        let mut bench = Bench::new();
        change(&mut bench.limits);
        bench
    };
    let files = [plain("d/a"), plain("d/b"), plain("c")];
    let told = |change: fn(&mut Limits), files: &[File]| {
        let bench = bench(change);
        bench.is_refused("site", land(&bench, files))
    };
    land(&bench(|l| l.bytes = 3), &files).unwrap();
    assert!(told(|l| l.bytes = 2, &files).contains("limits.bytes = 2"));
    // The directory counts as well.
    land(&bench(|l| l.files = 4), &files).unwrap();
    assert!(told(|l| l.files = 3, &files).contains("limits.files = 3"));
    land(&bench(|l| l.depth = 2), &files).unwrap();
    assert!(told(|l| l.depth = 1, &files).contains("limits.depth = 1"));
    land(&bench(|l| l.path = 3), &files).unwrap();
    assert!(told(|l| l.path = 2, &files).contains("limits.path = 2"));
    let deep = |n: usize| [plain(&vec!["d"; n].join("/"))];
    land(&bench(|_| ()), &deep(64)).unwrap();
    assert!(told(|_| (), &deep(65)).contains("limits.depth = 64"));
    let what = "directory: more bytes, entries, depth or length of path than the limits";
    withstood!(CHAPTER, what, refusals(), REFUSED, true);
}

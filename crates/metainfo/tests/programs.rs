//! Of one mind with the programs of others: mktorrent makes torrents, transmission reads them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by it")]

use std::fs;
use std::path::Path;
use std::process::Command;

use metainfo::create::Draft;
use metainfo::{Attr, File, Metainfo};

/// Runs a program to its end and gives what it printed.
fn run(program: &str, args: &[&str]) -> String {
    let package = if program == "mktorrent" { "mktorrent" } else { "transmission-cli" };
    let output = match Command::new(program).args(args).env("LC_ALL", "C.UTF-8").output() {
        Ok(output) => output,
        Err(e) => panic!("{program} cannot be run ({e}): install Debian's package {package}"),
    };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

/// The info hash that transmission takes of a .torrent.
fn transmission_hash(torrent: &Path) -> String {
    let shown = run("transmission-show", &[torrent.to_str().unwrap()]);
    let hash = shown.lines().find_map(|line| line.trim().strip_prefix("Hash: "));
    hash.unwrap_or_else(|| panic!("no hash in: {shown}")).to_uppercase()
}

/// A tree with an empty file, a file longer than a piece, and names that need no luck to survive.
fn payload(root: &Path) {
    fs::create_dir_all(root.join("bin/deep er")).unwrap();
    fs::write(root.join("index.html"), b"<h1>hello</h1>").unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    let long: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(root.join("bin/deep er/né $(x).bin"), long).unwrap();
}

/// Makes a torrent with mktorrent, reads it, makes it again with [`Draft`], and shows all to
/// transmission.
fn of_one_mind(payload: &Path, options: &[&str]) -> Metainfo {
    let directory = payload.parent().unwrap();
    let made = directory.join("mktorrent.torrent");
    let args = ["-l", "16", "-a", "http://127.0.0.1:6969/announce", "-o", made.to_str().unwrap()];
    run("mktorrent", &[&args, options, &[payload.to_str().unwrap()]].concat());

    let theirs = Metainfo::parse(&fs::read(&made).unwrap()).unwrap();
    assert_eq!(theirs.info_hash().to_string(), transmission_hash(&made));

    let draft = if theirs.is_multi_file() {
        Draft::directory(theirs.name(), theirs.files().to_vec())
    } else {
        Draft::single(theirs.name(), theirs.total_length())
    };
    let draft = draft.piece_length(1 << 16).private(theirs.is_private());
    let pieces = draft.hash(|file| fs::File::open(place(payload, file))).unwrap();
    assert_eq!(pieces, theirs.pieces());
    let ours = draft.announce("http://127.0.0.1:6969/announce").torrent(&pieces).unwrap();
    let ours_at = directory.join("ours.torrent");
    fs::write(&ours_at, &ours).unwrap();
    let ours = Metainfo::parse(&ours).unwrap();
    assert_eq!(ours.raw_info(), theirs.raw_info(), "the same info, byte for byte");
    assert_eq!(ours.info_hash().to_string(), transmission_hash(&ours_at));
    theirs
}

/// Where a file of the payload lies.
fn place(payload: &Path, file: &File) -> std::path::PathBuf {
    let names = file.path.iter().map(|name| std::str::from_utf8(name).unwrap());
    names.fold(payload.to_path_buf(), |path, name| path.join(name))
}

#[test]
fn a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("site 1");
    payload(&root);
    let torrent = of_one_mind(&root, &["-p"]);
    assert!(torrent.is_multi_file() && torrent.is_private());
    assert_eq!((torrent.name(), torrent.files().len()), (&b"site 1"[..], 3));
    assert_eq!(torrent.announce(), [b"http://127.0.0.1:6969/announce"]);
    assert!(torrent.created().is_some());
    assert_eq!(torrent.piece_length(), 65_536);
}

#[test]
fn a_single_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop-1.0.tar");
    fs::write(&file, vec![7; 65_536 * 2]).unwrap();
    let torrent = of_one_mind(&file, &["-d", "-c", "a comment"]);
    assert!(!torrent.is_multi_file());
    assert_eq!((torrent.created(), torrent.pieces().len()), (None, 2));
    assert_eq!(torrent.comment(), Some(&b"a comment"[..]));
}

#[test]
fn a_signed_torrent_keeps_its_hash_for_others_too() {
    let directory = tempfile::tempdir().unwrap();
    let attr = Attr { executable: true, ..Attr::default() };
    let file = File { path: vec![b"run".to_vec()], length: 3, attr };
    let draft = Draft::directory("tool", vec![file]);
    let torrent = draft.torrent(&draft.hash(|_| Ok(&b"abc"[..])).unwrap()).unwrap();
    let value = metainfo::bencode::Item::bytes("untrusted comment: signature\n");
    let signed = metainfo::amend::set_key(&torrent, b"minisign", &value).unwrap();
    let path = directory.path().join("signed.torrent");
    fs::write(&path, signed).unwrap();
    let hash = Metainfo::parse(&torrent).unwrap().info_hash();
    assert_eq!(transmission_hash(&path), hash.to_string());
}

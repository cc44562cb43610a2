//! Hybrid torrents of our own maker, and everything in them that must agree.

use crate::bencode::{Dictionary, Item, Value};
use crate::create::Draft;
use crate::{Attr, File, Metainfo};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const PIECE: u64 = 32 * 1024;

fn noise(length: u64, seed: u64) -> Vec<u8> {
    let byte = |n: u64| ((n + seed * 65_537).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    (0..length).map(byte).collect()
}

fn file(path: &str, length: u64) -> File {
    let path = path.split('/').map(|part| part.as_bytes().to_vec()).collect();
    File { path, length, attr: Attr::default() }
}

/// The bytes of a file are those of its length.
fn made(draft: Draft) -> Vec<u8> {
    draft.hybrid(|file| Ok(io::Cursor::new(noise(file.length, file.length)))).unwrap()
}

use std::io;

fn several() -> Vec<u8> {
    let link = Attr { symlink: Some(vec![b"d".to_vec(), b"a".to_vec()]), ..Attr::default() };
    let run = Attr { executable: true, ..Attr::default() };
    let files = vec![
        file("d/a", 100_000),
        file("d/b", 20_000),
        File { attr: run, ..file("c", PIECE) },
        file("empty", 0),
        File { attr: link, ..file("l", 0) },
        file("z", 1),
    ];
    made(Draft::directory("shop-1", files).piece_length(PIECE))
}

/// A dictionary that can be changed.
fn open(value: Value<'_>) -> Item {
    match value {
        Value::Integer(number) => Item::Integer(number),
        Value::Bytes(bytes) => Item::bytes(bytes),
        Value::List(list) => Item::List(list.items().map(open).collect()),
        Value::Dictionary(inner) => Item::Dictionary(
            inner.entries().map(|(key, value)| (key.to_vec(), open(value))).collect(),
        ),
    }
}

type Entries = BTreeMap<Vec<u8>, Item>;

fn at<'i>(item: &'i mut Item, path: &[&str]) -> &'i mut Item {
    path.iter().fold(item, |item, key| entries(item).get_mut(key.as_bytes()).unwrap())
}

fn entries(item: &mut Item) -> &mut Entries {
    let Item::Dictionary(entries) = item else { panic!("no dictionary") };
    entries
}

/// What is said of a torrent after a change of it.
fn changed(torrent: &[u8], change: impl FnOnce(&mut Item)) -> String {
    let (outer, _) = Dictionary::parse(torrent).unwrap();
    let mut outer = open(Value::Dictionary(outer));
    change(&mut outer);
    let torrent = Metainfo::parse(&outer.encode()).unwrap();
    assert!(torrent.is_hybrid() && torrent.info_hash_v2().is_some());
    torrent.version_2().unwrap_err().to_string()
}

fn refused(change: impl FnOnce(&mut Item), why: &str) {
    assert_eq!(changed(&several(), change), why);
}

const TREE: [&str; 2] = ["info", "file tree"];

#[test]
fn pieces_are_those_of_the_files_and_know_their_bytes() {
    let torrent = Metainfo::parse(&several()).unwrap();
    let pieces = torrent.version_2().unwrap().unwrap().pieces();
    assert_eq!(pieces.len(), torrent.pieces().len());
    let mut index = 0;
    for file in torrent.files().iter().filter(|file| !file.attr.padding) {
        for bytes in noise(file.length, file.length).chunks(PIECE as usize) {
            let padded = [bytes, &[0; 99]].concat();
            assert!(pieces[index].is_of(bytes) && pieces[index].is_of(&padded), "{index}");
            assert!(!pieces[index].is_of(&bytes[1..]), "too short");
            let mut wrong = bytes.to_vec();
            *wrong.last_mut().unwrap() ^= 1;
            assert!(!pieces[index].is_of(&wrong), "{index}");
            let leaf = |block: &[u8]| -> [u8; 32] { Sha256::digest(block).into() };
            let mut leaves: Vec<[u8; 32]> = bytes.chunks(16 << 10).map(leaf).collect();
            assert!(pieces[index].has(&leaves) && !pieces[index].has(&leaves[1..]));
            assert_eq!(pieces[index].length(), bytes.len() as u64);
            leaves.push([0; 32]);
            assert!(
                !pieces[index].has(&leaves),
                "one too many, though it is what a tree is filled by"
            );
            index += 1;
        }
    }
    assert_eq!(index, pieces.len());
}

#[test]
fn both_halves_must_name_the_same_files() {
    let other = |n: usize| {
        format!(
            "its key `info.file tree` and the rest of `info` differ in file {n}: in its name, length or attributes"
        )
    };
    // Of the files in order c, padding, d/a, padding, d/b, padding, empty, l, z.
    let tree = |outer: &mut Item, change: fn(&mut Entries)| change(entries(at(outer, &TREE)));
    let renamed = |tree: &mut Entries| {
        let z = tree.remove(&b"z"[..]).unwrap();
        tree.insert(b"zz".to_vec(), z);
    };
    refused(|outer| tree(outer, renamed), &other(7));
    let less = |tree: &mut Entries| drop(tree.remove(&b"z"[..]));
    refused(
        |o| tree(o, less),
        "its key `info.file tree` lacks file 7, which the rest of `info` has",
    );
    let more = |tree: &mut Entries| {
        let z = tree[&b"z"[..]].clone();
        tree.insert(b"zz".to_vec(), z);
    };
    refused(|o| tree(o, more), "its key `info.file tree` has more files than the rest of `info`");
    let of = |outer: &mut Item, path: &[&str], key: &str, value: Item| {
        entries(at(outer, &[&TREE[..], path, &[""]].concat())).insert(key.into(), value);
    };
    refused(|o| of(o, &["z"], "length", 2.into()), &other(7));
    refused(|o| of(o, &["empty"], "length", 1.into()), &other(5));
    refused(|o| of(o, &["z"], "attr", Item::bytes("x")), &other(7));
    refused(|o| of(o, &["c"], "attr", Item::bytes("")), &other(0));
    let elsewhere = Item::List(vec![Item::bytes("c")]);
    refused(|o| of(o, &["l"], "symlink path", elsewhere), &other(6));
    // A swap that both a sorted tree and its files allow: two files of one length and each other's roots.
    let swap = |outer: &mut Item| {
        let Item::List(files) = at(outer, &["info", "files"]) else { panic!("no list") };
        files.swap(5, 6);
    };
    refused(swap, &other(5));
}

#[test]
fn the_tree_is_a_tree() {
    let put = |path: &'static [&'static str], key: &'static str, value: Item| {
        move |outer: &mut Item| {
            entries(at(outer, &[&TREE[..], path].concat())).insert(key.into(), value);
        }
    };
    let key = "its key `info.file tree`";
    let empty = || Item::Dictionary(Entries::new());
    refused(put(&["c"], "below", empty()), &format!("{key} has a file that is a directory, too"));
    refused(put(&["c"], "below", 1.into()), &format!("{key} has a file that is a directory, too"));
    refused(put(&[], "a", empty()), &format!("{key} is empty"));
    refused(put(&[], "a", 1.into()), &format!("{key} is not a tree of dictionaries"));
    refused(put(&[], "", empty()), &format!("{key} is not a tree of dictionaries"));
    refused(put(&["c"], "", 1.into()), &format!("{key} is not a tree of dictionaries"));
    refused(put(&[], "..", empty()), &format!("{key} has a `.` or `..` in it"));
    let root = |value| put(&["c", ""], "pieces root", value);
    refused(
        root(Item::bytes([0; 20])),
        &format!("{key} has a `pieces root` of 20 bytes in place of 32"),
    );
    let kind = format!("{key} is not a tree with strings of 32 bytes for `pieces root`");
    refused(root(1.into()), &kind);
    let none = |outer: &mut Item| {
        entries(at(outer, &["info", "file tree", "c", ""])).remove(&b"pieces root"[..]);
    };
    refused(none, &format!("{key} has a file without `pieces root`"));
    let deep = |outer: &mut Item| {
        let leaf = (0..300).fold(empty(), |inner, _| Item::dictionary([("a", inner)]));
        entries(at(outer, &TREE)).insert(b"a".to_vec(), leaf);
    };
    refused(deep, &format!("{key} has more than 256 names in it"));
}

#[test]
fn a_version_is_the_second_or_none() {
    let info = |key: &'static str, value: Option<Item>| {
        move |outer: &mut Item| {
            let info = entries(at(outer, &["info"]));
            info.remove(key.as_bytes());
            info.extend(value.map(|value| (key.into(), value)));
        }
    };
    let other =
        "its key `info.meta version` is not 2, the only version beside the first that is known";
    refused(info("meta version", Some(3.into())), other);
    refused(info("meta version", Some(Item::bytes("2"))), other);
    refused(info("meta version", None), "its key `info.meta version` is missing");
    refused(info("file tree", None), "its key `info.file tree` is missing");
    refused(info("file tree", Some(1.into())), "its key `info.file tree` is not a dictionary");
}

#[test]
fn every_file_begins_with_a_piece() {
    let padding = |at_file: usize, change: fn(&mut Vec<Item>, usize)| {
        move |outer: &mut Item| {
            let Item::List(files) = at(outer, &["info", "files"]) else { panic!("no list") };
            change(files, at_file);
        }
    };
    // As many bytes as before, so that the pieces are as many, but between others.
    let later = padding(2, |files, n| files.swap(n, n + 1));
    refused(
        later,
        "its key `info.files[2]` does not begin with a piece of its own, as BitTorrent v2 needs it",
    );
    let single = made(Draft::single("a", 5).piece_length(PIECE));
    let odd = |length: i64| {
        changed(&single, |o| {
            drop(entries(at(o, &["info"])).insert("piece length".into(), length.into()))
        })
    };
    let why =
        "its key `info.piece length` is not 16384 times a power of two, as BitTorrent v2 needs it";
    assert_eq!((odd(8192).as_str(), odd(49_152).as_str()), (why, why));
}

#[test]
fn layers_prove_themselves() {
    let root = |outer: &mut Item| {
        let root = at(outer, &["info", "file tree", "d", "a", "", "pieces root"]);
        let Item::Bytes(root) = root else { panic!("no root") };
        root.clone()
    };
    let layer = |change: fn(&mut Vec<u8>)| {
        move |outer: &mut Item| {
            let root = root(outer);
            let Some(Item::Bytes(layer)) = entries(at(outer, &["piece layers"])).get_mut(&root)
            else {
                panic!("no layer")
            };
            assert_eq!(layer.len(), 4 * 32);
            change(layer);
        }
    };
    let key = "its key `piece layers`";
    refused(
        layer(|l| l[40] ^= 1),
        &format!("{key} has hashes for file 1 that do not make up its `pieces root`"),
    );
    let length = format!("{key} does not have 32 bytes for each piece of file 1");
    refused(layer(|l| l.truncate(127)), &length);
    refused(layer(|l| l.truncate(96)), &length);
    refused(layer(|l| l.extend([0; 32])), &length);
    let none = |outer: &mut Item| drop(entries(outer).remove(&b"piece layers"[..]));
    refused(none, &format!("{key} has no hashes for file 1"));
    let kind = |outer: &mut Item| drop(entries(outer).insert("piece layers".into(), 1.into()));
    refused(kind, &format!("{key} is not a dictionary"));
    let kind = |outer: &mut Item| {
        let root = root(outer);
        entries(at(outer, &["piece layers"])).insert(root, 1.into());
    };
    refused(kind, &format!("{key} is not a dictionary of strings"));
    // A root that no layer was made for is no better.
    let other = |outer: &mut Item| {
        *at(outer, &["info", "file tree", "d", "a", "", "pieces root"]) = Item::bytes([7; 32]);
    };
    refused(other, &format!("{key} has no hashes for file 1"));
}

/// Files of a length that meets every edge: blocks, pieces, nothing.
fn lengths() -> impl Strategy<Value = Vec<u64>> {
    let edge =
        (0..8_u64, 0..3_u64).prop_map(|(blocks, off)| (blocks * 16_384 + off).saturating_sub(1));
    prop::collection::vec(edge, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_made_is_read_and_any_other_byte_is_known(
        lengths in lengths(),
        power in 14..17_u32,
        wrong in any::<prop::sample::Index>(),
    ) {
        let files: Vec<File> = lengths.iter().enumerate().map(|(n, length)| file(&format!("{n}/f"), *length)).collect();
        let whole = 1_u64 << power;
        let torrent = Metainfo::parse(&made(Draft::directory("n", files).piece_length(whole))).unwrap();
        let pieces = torrent.version_2().unwrap().unwrap().pieces();
        prop_assert_eq!(pieces.len(), torrent.pieces().len());
        let bytes: Vec<Vec<u8>> = lengths.iter().flat_map(|length| {
            let bytes = noise(*length, *length);
            bytes.chunks(whole as usize).map(<[u8]>::to_vec).collect::<Vec<_>>()
        }).collect();
        prop_assert_eq!(pieces.len(), bytes.len());
        for (piece, bytes) in pieces.iter().zip(&bytes) {
            prop_assert!(piece.is_of(bytes));
            let mut bytes = bytes.clone();
            let at = wrong.index(bytes.len());
            bytes[at] ^= 0x80;
            prop_assert!(!piece.is_of(&bytes));
        }
    }

    /// Whatever is changed in one of them: it is read, or refused, and no promise is broken.
    #[test]
    fn no_change_makes_it_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut torrent = several();
        let at = place.index(torrent.len());
        torrent[at] = byte;
        if let Ok(torrent) = Metainfo::parse(&torrent)
            && let Ok(Some(version_2)) = torrent.version_2()
        {
            prop_assert_eq!(version_2.pieces().len(), torrent.pieces().len());
        }
    }
}

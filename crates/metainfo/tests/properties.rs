//! What holds for any torrent, and for any bytes that claim to be one.
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use bendy::decoding::{Decoder, FromBencode};
use bendy::encoding::Encoder;
use bendy::value::Value;
use metainfo::bencode::{Dictionary, Item};
use metainfo::create::Draft;
use metainfo::{Attr, File, InfoHash, Metainfo};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

#[path = "../../../fuzz/checks/bencode.rs"]
mod bencode;
#[path = "../../../fuzz/checks/torrent.rs"]
mod torrent;

/// A path component: any bytes but `/` and NUL, and not `.` or `..`.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("a component", |b| !matches!(b, b'/' | 0));
    vec(byte, 1..8).prop_filter("a component", |name| !matches!(name.as_slice(), b"." | b".."))
}

fn attr() -> impl Strategy<Value = Attr> {
    let plain = any::<(bool, bool)>();
    let plain = plain.prop_map(|(executable, padding)| Attr { executable, padding, symlink: None });
    let link =
        vec(name(), 1..3).prop_map(|target| Attr { symlink: Some(target), ..Attr::default() });
    prop_oneof![4 => plain, 1 => link]
}

/// Files beside and below one another; the leading letter keeps files and directories apart.
fn files() -> impl Strategy<Value = Vec<File>> {
    let place = (vec(name(), 0..3), name()).prop_map(|(directories, file)| {
        let mark = |mark: &[u8], name: Vec<u8>| [mark, &name].concat();
        let mut path: Vec<_> = directories.into_iter().map(|name| mark(b"d", name)).collect();
        path.push(mark(b"f", file));
        path
    });
    btree_map(place, (0..40_u64, attr()), 1..8).prop_map(|files| {
        let file = |(path, (length, attr)): (_, (u64, Attr))| {
            let length = if attr.symlink.is_some() { 0 } else { length };
            File { path, length, attr }
        };
        files.into_iter().map(file).collect()
    })
}

/// Padding is shorter than a piece.
fn padded(mut files: Vec<File>, piece_length: u64) -> Vec<File> {
    for file in files.iter_mut().filter(|file| file.attr.padding) {
        file.length %= piece_length;
    }
    files
}

/// A draft and the files it was made of.
fn draft() -> impl Strategy<Value = (Draft, Vec<u8>, Vec<File>)> {
    let many = (name(), files(), 1..50_u64).prop_map(|(name, files, piece_length)| {
        let files = padded(files, piece_length);
        (Draft::directory(name.clone(), files.clone()), name, files, piece_length)
    });
    let one = (name(), 0..100_u64, 1..50_u64).prop_map(|(name, length, piece_length)| {
        let file = File { path: vec![], length, attr: Attr::default() };
        (Draft::single(name.clone(), length), name, vec![file], piece_length)
    });
    let layout = prop_oneof![many, one];
    (layout, any::<Option<i64>>(), any::<bool>(), vec("[a-z]{1,5}", 0..3)).prop_map(
        |((mut draft, name, files, piece_length), created, private, announce)| {
            draft = draft.piece_length(piece_length).private(private);
            draft = created.into_iter().fold(draft, Draft::created);
            (announce.into_iter().fold(draft, Draft::announce), name, files)
        },
    )
}

/// The bytes of a .torrent whose payload is the letter `a` over and over.
fn made(draft: &Draft) -> Vec<u8> {
    let open = |file: &File| Ok(std::io::Read::take(std::io::repeat(b'a'), file.length));
    draft.torrent(&draft.hash(open).unwrap()).unwrap()
}

/// Bencode without rhyme or reason, of any depth that a test wants.
fn item() -> impl Strategy<Value = Item> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Item::Integer),
        vec(any::<u8>(), 0..5).prop_map(Item::Bytes),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Item::List),
            btree_map(vec(any::<u8>(), 0..3), inner, 0..5).prop_map(Item::Dictionary),
        ]
    })
}

/// The bytes with some of them changed, left out, repeated or replaced by bencode's own letters.
fn mutated(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let letter = prop_oneof![
        3 => prop::sample::select(b"ilde:-0123456789".to_vec()),
        1 => any::<u8>(),
    ];
    let change = (any::<prop::sample::Index>(), 0..4_u8, letter);
    (bytes, vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
        for (place, kind, letter) in changes {
            let at = place.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, letter),
                1 if at < bytes.len() => bytes[at] = letter,
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => bytes.truncate(at),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    // what a run finds becomes a test or a seed by hand
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_made_is_read_again((draft, name, files) in draft()) {
        let bytes = made(&draft);
        prop_assert_eq!(&bytes, &made(&draft), "the same draft gives the same bytes");
        let read = Metainfo::parse(&bytes).unwrap();
        prop_assert_eq!(read.name(), name);
        prop_assert_eq!(read.files(), files);
        torrent::check(&bytes);
        bencode::check(&bytes);
    }

    /// Whatever a torrent says of its padding, it is bounded by the pieces or the torrent refused.
    #[test]
    fn padding_is_bounded(lengths in vec(0..80_u64, 1..8), piece_length in 1..50_u64) {
        let attr = Attr { padding: true, ..Attr::default() };
        let pad = |length: &u64| File { path: vec![b"pad".to_vec()], length: *length, attr: attr.clone() };
        let draft = Draft::directory("n", lengths.iter().map(pad).collect()).piece_length(piece_length);
        let none = |_: &File| Ok(std::io::empty());
        let made = draft.torrent(&draft.hash(none).unwrap());
        prop_assert_eq!(made.is_ok(), lengths.iter().all(|length| *length < piece_length));
        if let Ok(bytes) = made {
            torrent::check(&bytes);
        }
    }

    #[test]
    fn info_is_hashed_as_it_came((draft, ..) in draft(), outside in item(), tail in vec(any::<u8>(), 0..9)) {
        let bytes = made(&draft);
        let read = Metainfo::parse(&bytes).unwrap();
        let info = read.raw_info();
        // among other keys, unsorted, with bytes behind
        let other = [b"d1:z", &outside.encode()[..], b"4:info", info, b"1:ai1ee", &tail].concat();
        let again = Metainfo::parse(&other).unwrap();
        prop_assert_eq!(again.raw_info(), info);
        prop_assert_eq!(again.info_hash(), read.info_hash());
        prop_assert_eq!(again.info_hash(), InfoHash::of(info));
    }

    /// Trackers and web seeds are only shown: whatever stands there, the torrent is read.
    #[test]
    fn what_is_only_shown_is_never_refused((draft, ..) in draft(), values in vec(item(), 4)) {
        let bytes = made(&draft);
        let read = Metainfo::parse(&bytes).unwrap();
        let keys = ["announce", "announce-list", "url-list", "httpseeds"];
        let other: Vec<u8> = keys.iter().zip(&values)
            .flat_map(|(key, value)| [Item::bytes(*key).encode(), value.encode()].concat())
            .collect();
        let other = [b"d4:info", read.raw_info(), &other, b"e"].concat();
        prop_assert_eq!(Metainfo::parse(&other).unwrap().info_hash(), read.info_hash());
        torrent::check(&other);
    }

    #[test]
    fn any_value_comes_back(entries in btree_map(vec(any::<u8>(), 0..3), item(), 0..5)) {
        let bytes = Item::Dictionary(entries).encode();
        prop_assert!(Dictionary::parse(&bytes).is_ok());
        bencode::check(&bytes);
    }

    #[test]
    fn a_cut_torrent_is_refused((draft, ..) in draft(), place in any::<prop::sample::Index>()) {
        let bytes = made(&draft);
        prop_assert!(Metainfo::parse(&bytes[..place.index(bytes.len())]).is_err());
    }

    #[test]
    fn a_path_that_leads_out_is_refused(
        bad in prop::sample::select(vec!["", ".", "..", "/", "/etc", "a/b", "../a", "a\0b"]),
        before in vec(name(), 0..3),
        after in vec(name(), 0..3),
        link in any::<bool>(),
    ) {
        let path = |names: &[Vec<u8>]| Item::List(names.iter().map(|n| Item::bytes(n.as_slice())).collect());
        let bad = path(&[before, vec![bad.into()], after].concat());
        let good = path(&[b"a".to_vec()]);
        let (path, target) = if link { (good, bad) } else { (bad, good) };
        let file = Item::dictionary([
            ("attr", Item::bytes("l")), ("length", 0.into()), ("path", path), ("symlink path", target),
        ]);
        let info = Item::dictionary([
            ("files", Item::List(vec![file])), ("name", Item::bytes("a")),
            ("piece length", 1.into()), ("pieces", Item::bytes("")),
        ]);
        let error = Metainfo::parse(&Item::dictionary([("info", info)]).encode()).unwrap_err();
        let key = if link { "`info.files[0].symlink path`" } else { "`info.files[0].path`" };
        prop_assert!(error.to_string().contains(key), "{}", error);
    }

    #[test]
    fn a_negative_length_is_refused(length in i64::MIN..0) {
        let info = Item::dictionary([
            ("length", length.into()), ("name", Item::bytes("a")),
            ("piece length", 1.into()), ("pieces", Item::bytes("")),
        ]);
        let error = Metainfo::parse(&Item::dictionary([("info", info)]).encode()).unwrap_err();
        prop_assert_eq!(error.to_string(), "its key `info.length` is negative");
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_at_any_depth(
        entries in btree_map(vec(any::<u8>(), 0..3), item(), 1..5),
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        depth in 0..5_usize,
    ) {
        let mut pairs: Vec<_> = entries.into_iter().map(|(k, v)| [Item::Bytes(k).encode(), v.encode()].concat()).collect();
        let twice = pairs[which.index(pairs.len())].clone();
        pairs.insert(place.index(pairs.len() + 1), twice);
        let bytes = [b"d0:l".repeat(depth), b"d".to_vec(), pairs.concat(), b"e".to_vec(), b"ee".repeat(depth)].concat();
        prop_assert!(Dictionary::parse(&bytes).is_err());
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        bencode::check(&bytes);
        torrent::check(&bytes);
    }

    #[test]
    fn nothing_panics_on_nearly_a_torrent(bytes in mutated(draft().prop_map(|(draft, ..)| made(&draft)))) {
        bencode::check(&bytes);
        torrent::check(&bytes);
    }

    #[test]
    fn an_independent_strict_decoder_agrees(bytes in mutated(
        btree_map(vec(any::<u8>(), 0..3), item(), 0..5).prop_map(|entries| Item::Dictionary(entries).encode())
    )) {
        match (Dictionary::parse(&bytes), theirs(&bytes)) {
            (Ok((ours, _)), Some(theirs)) => prop_assert_eq!(ours.raw(), theirs),
            (Err(_), None) => {}
            // the one freedom that is ours alone
            (Ok((ours, _)), None) => {
                prop_assert!(!ours.entries().map(|(key, _)| key).is_sorted(), "only we accept it");
            }
            (Err(error), Some(_)) => prop_assert!(false, "only we refuse it: {}", error),
        }
    }
}

/// What bendy reads at the start of the bytes, written again, if it is a dictionary.
fn theirs(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(bytes).with_max_depth(100);
    let object = decoder.next_object().ok()??;
    let value = Value::decode_bencode_object(object).ok()?;
    let mut encoder = Encoder::new().with_max_depth(100);
    encoder.emit(&value).ok()?;
    matches!(value, Value::Dict(_)).then(|| encoder.get_output().ok())?
}

/// 100,000 lists in one another, as a whole torrent and within one.
#[test]
fn hostile_depths_do_not_overflow_the_stack() {
    let lists = [vec![b'l'; 100_000], vec![b'e'; 100_000]].concat();
    let dictionaries = [b"d0:".repeat(100_000), b"0:".to_vec(), vec![b'e'; 100_000]].concat();
    for deep in [lists, dictionaries] {
        for bytes in [
            deep.clone(),
            [b"d1:a", &deep[..], b"e"].concat(),
            [b"d4:infod5:files", &deep[..], b"ee"].concat(),
        ] {
            bencode::check(&bytes);
            torrent::check(&bytes);
            assert!(Metainfo::parse(&bytes).is_err());
        }
    }
}

//! Hybrid torrents (BEP 52) through the real binary: both hashes must be right, and the two halves of
//! the torrent must agree before a byte of the payload is believed.

use crate::{
    event::download,
    host::{Host, Run, SHOP},
    memory::{MOST, peak},
};
use lab::{Flavour, Kind, Lab, Torrent, site};
use metainfo::{Metainfo, amend, bencode::Item, create::Draft};
use std::{
    fs::{self, File},
    io::{Read, repeat},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

const PIECE: u64 = 16 << 10;

lab::on_both![a_hybrid_that_rtorrent_downloads_goes_live];

/// rtorrent downloads it as version 1, and keeps in its session what version 2 is verified by.
fn a_hybrid_that_rtorrent_downloads_goes_live(lab: &Lab, flavour: Flavour) {
    let (host, payload) = open(lab);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let bytes = fs::read(&payload).unwrap();
    let draft = Draft::single("shop-2.0.tar", bytes.len() as u64).piece_length(PIECE);
    let draft = draft.announce("http://127.0.0.1:9/announce");
    let torrent = Torrent::from_bytes(draft.hybrid(|_| Ok(&bytes[..])).unwrap()).unwrap();
    download(&node, &seeder, &torrent, &payload);
    host.await_state(&node, "shop", &torrent.hash, "good");
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
    let verified = host.good(&["torrent", "verify", &torrent.hash]);
    assert!(verified.contains(" by SHA-1 and SHA-256"), "{verified}");
    let session = lab.path().join(format!("node/session/{}.torrent", torrent.hash));
    let kept = Metainfo::parse(&fs::read(session).unwrap()).unwrap();
    assert!(matches!(kept.version_2(), Ok(Some(_))));
}

/// A host where 1.0 is live, and the payload of 2.0.
fn open<'l>(lab: &'l Lab) -> (Host<'l>, PathBuf) {
    let host = Host::new(lab, SHOP);
    host.landed("shop", "1.0");
    let folder = lab.folder("two").unwrap();
    let tree = site::small("2.0").file("noise.bin", noise());
    (host, tree.pack(Kind::Tar, &folder, "shop-2.0").unwrap())
}

fn noise() -> Vec<u8> {
    let byte = |n: u64| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    (0..200_000).map(byte).collect()
}

/// Everything that a hybrid torrent of these bytes holds, under this name.
fn hybrid(name: &str, bytes: &[u8]) -> Vec<u8> {
    let draft = Draft::single(name, bytes.len() as u64).piece_length(PIECE);
    draft.hybrid(|_| Ok(bytes)).unwrap()
}

/// The torrent with the SHA-1 of other bytes of the same length.
fn with_sha1_of(mut torrent: Vec<u8>, name: &str, bytes: &[u8]) -> Vec<u8> {
    let old = Metainfo::parse(&torrent).unwrap().pieces().as_flattened().to_vec();
    let new = Metainfo::parse(&hybrid(name, bytes)).unwrap().pieces().as_flattened().to_vec();
    let at = torrent.windows(old.len()).position(|window| window == old).unwrap();
    torrent[at..at + old.len()].copy_from_slice(&new);
    torrent
}

fn event(host: &Host<'_>, torrent: Vec<u8>, payload: &Path) -> (Torrent, Run) {
    let torrent = Torrent::from_bytes(torrent).unwrap();
    let run = host.finished(&torrent, payload);
    (torrent, run)
}

/// 1.0 is served, and nothing else stands.
fn is_unharmed(host: &Host<'_>) -> bool {
    host.page("shop").as_deref() == Some("1.0") && host.releases("shop") == ["1.0"]
}

#[test]
fn a_hybrid_goes_live_and_a_wrong_piece_of_it_waits() {
    let lab = Lab::new().unwrap();
    let (host, payload) = open(&lab);
    let bytes = fs::read(&payload).unwrap();
    let torrent = hybrid("shop-2.0.tar", &bytes);
    // Wrong by both: a peer has the right bytes.
    let file = File::options().write(true).open(&payload).unwrap();
    file.write_at(b"!", 100_000).unwrap();
    let (of, run) = event(&host, torrent.clone(), &payload);
    assert_eq!(
        (run.code, host.state("shop", &of.hash).as_deref()),
        (75, Some("waiting")),
        "{run:?}"
    );
    assert!(is_unharmed(&host));
    fs::write(&payload, &bytes).unwrap();
    let (_, run) = event(&host, torrent, &payload);
    assert_eq!((run.code, host.page("shop").as_deref()), (0, Some("2.0")), "{run:?}");
}

#[test]
fn right_by_sha1_and_wrong_by_sha256() {
    let lab = Lab::new().unwrap();
    let (host, payload) = open(&lab);
    let bytes = fs::read(&payload).unwrap();
    let mut served = true;
    // In the first piece, in the middle, and in the last, which is short.
    let places = [0, bytes.len() / 2, bytes.len() - 1];
    for at in places {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let torrent = with_sha1_of(hybrid("shop-2.0.tar", &other), "shop-2.0.tar", &bytes);
        let (of, run) = event(&host, torrent, &payload);
        assert_eq!((run.code, host.state("shop", &of.hash).as_deref()), (65, Some("refused")));
        let piece = at as u64 / PIECE;
        let said = format!(
            "piece {piece} of {}, which holds bytes of `shop-2.0.tar`, has the SHA-1 of the torrent and not its SHA-256",
            (bytes.len() as u64).div_ceil(PIECE)
        );
        assert!(host.log().iter().any(|line| line.contains(&said)), "{said}\n{:#?}", host.log());
        served &= is_unharmed(&host);
    }
    lab::withstood!(
        "Signatures",
        "a payload that a hybrid torrent's SHA-1 fits and its SHA-256 does not",
        places.len(),
        "refused, 65, naming the piece",
        served
    );
}

/// A change of a torrent's bytes.
type Change = fn(&mut Vec<u8>);

/// Puts other bytes in the place of these, which are there.
fn swap(torrent: &mut Vec<u8>, old: &[u8], new: &[u8]) {
    let at = torrent.windows(old.len()).position(|window| window == old).unwrap();
    torrent.splice(at..at + old.len(), new.iter().copied());
}

#[test]
fn halves_that_contradict_each_other() {
    let lab = Lab::new().unwrap();
    let (host, payload) = open(&lab);
    let bytes = fs::read(&payload).unwrap();
    // Were a byte of it read, its absence would be told.
    fs::remove_file(&payload).unwrap();
    let cases: [(Change, &str); 7] = [
        (|t| swap(t, b"d12:shop-2.0.tar", b"d12:shop-2.1.tar"), "differ in file 0"),
        (|t| swap(t, b"d0:d6:lengthi", b"d0:d6:lengthi1"), "differ in file 0"),
        (|t| swap(t, b"12:meta versioni2e", b"12:meta versioni3e"), "is not 2"),
        (|t| swap(t, b"12:meta versioni2e", b""), "`info.meta version` is missing"),
        (|t| swap(t, b"12:piece layers", b"12:piece-layers"), "has no hashes for file 0"),
        (
            |t| {
                let at = t.windows(12).position(|w| w == b"piece layers").unwrap() + 80;
                t[at] ^= 1;
            },
            "do not make up its `pieces root`",
        ),
        (
            |t| {
                let at = t.windows(11).position(|w| w == b"pieces root").unwrap() + 20;
                t[at] ^= 1;
            },
            "has no hashes for file 0",
        ),
    ];
    let mut served = true;
    for (n, (change, why)) in cases.iter().enumerate() {
        // An info hash of its own for each, for the answer to one is remembered.
        let name = format!("shop-2.{n}.tar");
        let mut torrent = hybrid(&name, &bytes);
        change(&mut torrent);
        let before = host.log().len();
        let (of, run) = event(&host, torrent, &payload.with_file_name(name));
        assert_eq!(run.code, 65, "{why}: {run:?}");
        assert_eq!(host.state("shop", &of.hash).as_deref(), Some("refused"), "{why}");
        let log = host.log().split_off(before);
        assert!(log.iter().any(|line| line.contains(why)), "{why}\n{log:#?}");
        served &= is_unharmed(&host);
    }
    lab::withstood!(
        "Signatures",
        "a hybrid torrent whose halves contradict each other",
        cases.len(),
        "refused, 65, before a byte of the payload is read",
        served
    );
}

/// Makes a hybrid torrent of a path, by libtorrent 2.0 as Debian has it or 2.1.
const MAKER: &str = "
import libtorrent, os, sys
if hasattr(libtorrent, 'list_files'):
    files = libtorrent.list_files(sys.argv[1])
else:
    files = libtorrent.file_storage()
    libtorrent.add_files(files, sys.argv[1])
made = libtorrent.create_torrent(files, 16384)
libtorrent.set_piece_hashes(made, os.path.dirname(sys.argv[1]))
open(sys.argv[2], 'wb').write(libtorrent.bencode(made.generate()))
";

/// Made by libtorrent, if this host's Python has it, of files that it alone has read.
#[test]
fn a_hybrid_of_another_maker_goes_live() {
    let lab = Lab::new().unwrap();
    let have = Command::new("python3").args(["-c", "import libtorrent"]).output();
    if !have.is_ok_and(|run| run.status.success()) {
        return lab::skip("python3-libtorrent is not installed");
    }
    let host = Host::new(&lab, &SHOP.replace("\"shop-{version}.tar\"", "\"shop-{version}\""));
    let payload = site::small("3.0").pack(Kind::Folder, &lab.folder("three").unwrap(), "shop-3.0");
    // It makes a file of a link, and so does rtorrent then.
    let plain = lab.folder("plain").unwrap().join("shop-3.0");
    site::run(Command::new("cp").arg("-rL").arg(payload.unwrap()).arg(&plain)).unwrap();
    let payload = plain;
    let out = lab.path().join("made.torrent");
    site::run(Command::new("python3").args(["-c", MAKER]).arg(&payload).arg(&out)).unwrap();
    let bytes = fs::read(&out).unwrap();
    assert!(matches!(Metainfo::parse(&bytes).unwrap().version_2(), Ok(Some(_))));
    let (_, run) = event(&host, bytes, &payload);
    assert_eq!((run.code, host.page("shop").as_deref()), (0, Some("3.0")), "{run:?}");
}

/// A .torrent of almost `limits.torrent`: its 32 bytes a piece are kept beside SHA-1's 20.
#[test]
fn the_largest_hybrid_stays_within_memory() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &SHOP.replace("linger", "limits = { bytes = \"1TiB\" }\nlinger"));
    let length = PIECE * 155_000 + 1;
    let draft = Draft::single("shop-1.0.tar", length).piece_length(PIECE);
    let bytes = draft.hybrid(|_| Ok(repeat(0).take(length))).unwrap();
    assert!((7 << 20..8 << 20).contains(&bytes.len()), "{}", bytes.len());
    let torrent = Torrent::from_bytes(bytes).unwrap();
    let payload = lab.path().join("shop-1.0.tar");
    // Without a block on the disk; right in the first windows, wrong behind them.
    let file = File::create(&payload).unwrap();
    file.set_len(length).unwrap();
    file.write_at(b"!", 100 << 20).unwrap();
    let mut event = host.event(&torrent, &payload);
    let (peak, code) = peak(&mut event);
    println!("{} bytes of .torrent: {} MiB at most", torrent.bytes.len(), peak >> 20);
    assert!(matches!(code, 65 | 75), "{code} {:#?}", host.log());
    assert!(peak > 24 << 20 && peak <= MOST, "{} MiB", peak >> 20);
}

/// What stands in `piece layers` under a key that is no hash is nobody's, and must not cost more than
/// it takes in the file.
#[test]
fn layers_of_nobody_stay_within_memory() {
    let lab = Lab::new().unwrap();
    let (host, payload) = open(&lab);
    let torrent = hybrid("shop-2.0.tar", &fs::read(&payload).unwrap());
    let keys = (0..1_150_000_u32).map(|n| n.to_be_bytes()[1..].to_vec());
    let layers = Item::Dictionary(keys.map(|key| (key, Item::bytes(""))).collect());
    let torrent = amend::set_key(&torrent, b"piece layers", &layers).unwrap();
    assert!((7 << 20..8 << 20).contains(&torrent.len()), "{}", torrent.len());
    let mut event = host.event(&Torrent::from_bytes(torrent).unwrap(), &payload);
    let (peak, code) = peak(&mut event);
    println!("{} MiB at most", peak >> 20);
    assert_eq!(code, 65, "{:#?}", host.log());
    assert!(peak <= 32 << 20, "{} MiB", peak >> 20);
}

/// What stands outside `info` may be taken away by anybody: that must not make SHA-1 enough.
#[test]
fn layers_that_were_taken_away() {
    let lab = Lab::new().unwrap();
    let (host, payload) = open(&lab);
    let torrent = hybrid("shop-2.0.tar", &fs::read(&payload).unwrap());
    let without = amend::set_key(&torrent, b"piece layers", &Item::dictionary::<&str>([])).unwrap();
    let (_, run) = event(&host, without, &payload);
    assert_eq!(run.code, 65, "{run:?}");
    lab::withstood!(
        "Signatures",
        "a hybrid torrent without the hashes that SHA-256 is verified by",
        1,
        "refused, 65: SHA-1 alone is not enough",
        is_unharmed(&host)
    );
    // Nor does it bar the whole torrent, which has the same info hash.
    let (_, run) = event(&host, torrent, &payload);
    assert_eq!((run.code, host.page("shop").as_deref()), (0, Some("2.0")), "{run:?}");
}

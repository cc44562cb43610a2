//! From a build to a live release over real rtorrents.

use super::{Desk, names, noise};
use crate::host::{Host, SHOP};
use lab::{Flavour, Lab, Node, Torrent, await_for, site};
use metainfo::{InfoHash, Metainfo, create::Draft};
use seedship::{
    error::Exit,
    rtorrent::{Address, Client, Seed, Seeding, Timeouts},
};
use std::{fs, os::unix::fs::MetadataExt, path::Path};

lab::on_both![
    a_build_goes_live_on_another_host,
    it_hashes_nothing_once_more,
    what_it_does_not_find_it_does_not_keep,
    a_torrent_that_fits_no_request_is_seeded,
    a_torrent_without_a_tracker_is_refused_where_it_would_be_dropped,
];

/// A tracker that is not there: 0.9.8 takes no torrent that names none.
const NOWHERE: &str = "http://127.0.0.1:9/announce";

/// Everything in one line, and the hook does the rest. The host takes signed releases alone.
fn a_build_goes_live_on_another_host(lab: &Lab, flavour: Flavour) {
    let desk = Desk::new(lab);
    let shop = SHOP
        .replace("unsigned = \"accept\"", &format!("public_keys = [\"{}\"]", desk.key))
        .replace("[\"shop-{version}.tar\",", "[\"shop-{version}\", \"shop-{version}.tar\",");
    let host = Host::new(lab, &shop);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).schedule("watch_poll", 1, 1).start().unwrap();
    let (socket, watch) = (seeder.socket(), node.watch_folder());
    let (socket, watch) = (socket.to_str().unwrap(), watch.to_str().unwrap());
    for (version, layout) in [("1.0", "archive"), ("1.1", "directory")] {
        let build = desk.built(&site::small(version));
        // Not private: without a tracker one is told of the other.
        let args = ["--layout", layout, "--no-private", "--meta", "git=abc", "--announce", NOWHERE];
        let away = ["--seed", "--scgi", socket, "--to", watch];
        let told = desk.publish(&build, version, &[&args[..], &away].concat());
        let hash = told["info_hash"].as_str().unwrap();
        assert_eq!(told["seeding"]["state"], "begun");
        assert!(told["payload"].as_str().unwrap().starts_with(seeder.download().to_str().unwrap()));
        assert_eq!(seeder.number("d.is_active", hash), Some(1));
        node.await_loaded(hash).unwrap();
        node.add_peer(hash, &seeder).unwrap();
        host.await_live(&node, "shop", version);
        assert!(host.record("shop", hash).unwrap().contains("git=abc"));
        // What was delivered says nothing of the seeder's disk, and neither does its session.
        let file = told["torrent"].as_str().unwrap();
        let published = fs::read(file).unwrap();
        assert!(!holds(&published, b"libtorrent_resume"));
        let session = seeder.session().join(format!("{hash}.torrent"));
        await_for("the session's", || session.exists()).unwrap();
        assert!(!holds(&fs::read(session).unwrap(), b"libtorrent_resume"));
        // The same again.
        let again = desk.publish(&build, version, &[&args[..], &away].concat());
        assert_eq!((&again["already"], &again["info_hash"]), (&true.into(), &told["info_hash"]));
        assert_eq!(again["seeding"]["state"], "already");
        assert_eq!(again["results"][0]["outcome"], "already");
        assert_eq!(fs::read(file).unwrap(), published);
    }
    assert!(!names(&seeder.download()).iter().any(|name| name.starts_with('.')));
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn client(node: &Node) -> Client {
    Client::new(Address::Unix(node.socket()), Timeouts::default())
}

/// A torrent of one file with this content.
fn torrent(name: &str, content: &[u8]) -> (Vec<u8>, Metainfo) {
    let draft = Draft::single(name, content.len() as u64).piece_length(16 << 10).announce(NOWHERE);
    let pieces = draft.hash(|_| Ok(content)).unwrap();
    let bytes = draft.torrent(&pieces).unwrap();
    let torrent = Metainfo::parse(&bytes).unwrap();
    (bytes, torrent)
}

/// rtorrent believes what it is told of a file: it would find these bytes to be others.
fn it_hashes_nothing_once_more(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let directory = lab.folder("a \"b\\c").unwrap();
    let (bytes, torrent) = torrent("shop-1.tar", &[7; 1 << 20]);
    let file = directory.join("shop-1.tar");
    fs::write(&file, vec![8; 1 << 20]).unwrap();
    let seed = Seed { torrent: &torrent, bytes: &bytes, directory: &directory };
    assert_eq!(client(&node).seed(&seed).unwrap(), Seeding::Begun);
    assert_eq!(client(&node).seed(&seed).unwrap(), Seeding::Already);
    let found = client(&node).download(torrent.info_hash()).unwrap().unwrap();
    assert_eq!(found.directory, directory);
    assert_eq!(fs::metadata(&file).unwrap().size(), 1 << 20);
}

fn what_it_does_not_find_it_does_not_keep(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let directory = lab.folder("empty").unwrap();
    let (bytes, torrent) = torrent("shop-1.tar", &[7; 1 << 20]);
    let seed = Seed { torrent: &torrent, bytes: &bytes, directory: &directory };
    let error = client(&node).seed(&seed).unwrap_err();
    assert_eq!(error.exit, Exit::Again, "{error}");
    assert!(error.hint.unwrap().contains("empty/shop-1.tar"));
    let hash = torrent.info_hash().to_string();
    node.await_gone(&hash).unwrap();
}

fn a_torrent_that_fits_no_request_is_seeded(lab: &Lab, flavour: Flavour) {
    let desk = Desk::new(lab);
    let node = lab.rtorrent(flavour).line("network.xmlrpc.size_limit.set = 16K").start().unwrap();
    let content = noise(6 << 20);
    let build = desk.lab.write("file.bin", content).unwrap();
    let socket = node.socket();
    let more = ["--seed", "--scgi", socket.to_str().unwrap(), "--piece-length", "16KiB"];
    let more = [&more[..], &["--announce", NOWHERE]].concat();
    let told = desk.publish(&build, "1.0", &more);
    let hash = told["info_hash"].as_str().unwrap();
    assert_eq!(told["seeding"]["state"], "begun");
    let bytes = fs::read(told["torrent"].as_str().unwrap()).unwrap();
    assert!(bytes.len() > 16 << 10);
    // It is tied to no file, and none is left.
    let found = client(&node).download(InfoHash::parse(hash).unwrap()).unwrap().unwrap();
    assert_eq!(found.tied_to, None);
    assert_eq!(names(&node.download()), ["shop-1.0.bin", "shop-1.0.bin.torrent"]);
    assert_eq!(Torrent::from_bytes(bytes).unwrap().hash, hash);
    assert!(Path::new(told["payload"].as_str().unwrap()).is_file());
}

fn a_torrent_without_a_tracker_is_refused_where_it_would_be_dropped(lab: &Lab, flavour: Flavour) {
    let desk = Desk::new(lab);
    let node = lab.rtorrent(flavour).start().unwrap();
    let build = desk.built(&site::small("1.0"));
    let args = ["publish", build.to_str().unwrap(), "--app", "shop", "--version", "1.0"];
    let socket = node.socket();
    let run = desk.run(&[&args[..], &["--seed", "--scgi", socket.to_str().unwrap()]].concat());
    match flavour {
        Flavour::Old => {
            assert_eq!(run.code, 64, "{run:?}");
            assert!(run.stderr.contains("--announce URL"), "{run:?}");
            assert_eq!(names(&node.download()), [""; 0], "before anything is packed");
        }
        Flavour::Sid => assert_eq!(run.code, 0, "{run:?}"),
    }
}

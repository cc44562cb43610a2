//! What Seedship asks of rtorrent, and reads in its session, on both rtorrents.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lab::{Flavour, Lab, Node, Torrent, await_for};
use metainfo::{InfoHash, Metainfo};
use seedship::error::Exit;
use seedship::rtorrent::payload::{self, Payload};
use seedship::rtorrent::{Address, Client, Download, Timeouts, session};

lab::on_both![
    it_tells_its_version_and_session,
    what_it_does_not_have_is_not_an_error,
    a_magnet_link_is_no_download_yet,
    a_payload_is_found_whatever_its_name,
    the_session_tells_the_same_when_it_is_down,
    the_session_learns_of_a_finished_download,
    a_relative_directory_begins_where_it_was_started,
    what_is_shown_survives_a_kill,
    a_removed_download_does_not_come_back,
    a_download_in_the_middle_of_its_check_is_left_alone,
    the_next_release_under_the_same_watch_file_stays,
    a_watch_file_that_holds_another_torrent_stays,
    a_removed_payload_takes_nothing_else_along,
];

/// Names that a shell, XML, a terminal or a text encoding would take apart.
const HARD_NAMES: [&[u8]; 9] = [
    b"plain-1",
    b"new\nline",
    b"q\"uo'te$(x);,`{}",
    b"<&amp;>]]>%41?",
    b"~tilde ",
    b"not utf-8 \xff\xc3\xa9%\x02?",
    b"\x01control\x1b\r\x7f",
    "é \u{10F741}".as_bytes(),
    b" ",
];

fn client(node: &Node) -> Client {
    Client::new(Address::Unix(node.socket()), Timeouts::default())
}

fn hash_of(torrent: &Torrent) -> InfoHash {
    InfoHash::parse(&torrent.hash).unwrap()
}

fn metainfo_of(torrent: &Torrent) -> Metainfo {
    Metainfo::parse(&torrent.bytes).unwrap()
}

/// A payload of one file.
fn file(lab: &Lab, name: &str, content: &str) -> (PathBuf, Torrent) {
    let payload = lab.write(&format!("payload/{name}"), content.repeat(5000)).unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    (payload, torrent)
}

/// A payload of two files in a directory.
fn directory(lab: &Lab, name: &[u8]) -> (PathBuf, Torrent) {
    let payload = lab.folder("payload").unwrap().join(OsStr::from_bytes(name));
    fs::create_dir_all(payload.join("d")).unwrap();
    fs::write(payload.join("a"), [name, b"a"].concat()).unwrap();
    fs::write(payload.join("d/b"), [name, b"b"].concat().repeat(5000)).unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    (payload, torrent)
}

/// Has a node seed a torrent that it loads from a file.
fn seed_from(node: &Node, (payload, torrent): &(PathBuf, Torrent), file_name: &str) -> PathBuf {
    let place = node.download().join(&torrent.name);
    let copied = std::process::Command::new("cp").arg("-a").args([payload, &place]).status();
    assert!(copied.unwrap().success());
    let watch_file = node.drop_torrent(&torrent.bytes, file_name).unwrap();
    node.await_complete(&torrent.hash).unwrap();
    node.await_that("seeding", || node.number("d.is_active", &torrent.hash) == Some(1)).unwrap();
    watch_file
}

fn sorted(mut downloads: Vec<Download>) -> Vec<Download> {
    downloads.sort_by_key(|download| download.hash);
    downloads
}

/// The session's files of a download.
fn session_files(node: &Node, hash: &str) -> Vec<String> {
    let names = fs::read_dir(node.session()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(hash)).collect()
}

fn it_tells_its_version_and_session(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let version = client(&node).version().unwrap();
    match flavour {
        Flavour::Old => assert_eq!(version, "0.9.8"),
        Flavour::Sid => assert!(version.starts_with("0."), "{version}"),
    }
    assert_eq!(client(&node).session_path().unwrap(), node.session());
    assert_eq!(client(&node).all().unwrap(), []);
}

fn what_it_does_not_have_is_not_an_error(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let (client, unknown) = (client(&node), InfoHash::new([7; 20]));
    assert_eq!(client.download(unknown).unwrap(), None);
    client.remove(unknown).unwrap();
    // What cannot be done without it is one.
    assert_eq!(client.custom(unknown, "seedship_state").unwrap_err().exit, Exit::NotFound);
    let error = client.show(unknown, &[("seedship_state", "good")]).unwrap_err();
    assert_eq!(error.exit, Exit::NotFound);
    assert_eq!(error.to_string(), format!("could not find {unknown}: rtorrent does not have it"));
}

/// Its data, the metadata, would lie in rtorrent's session directory.
fn a_magnet_link_is_no_download_yet(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let hash = InfoHash::new([0xab; 20]);
    let link = format!("magnet:?xt=urn:btih:{hash}&tr=http%3A%2F%2F127.0.0.1%3A9%2Fannounce");
    node.rpc("load.start", &["".into(), link.as_str().into()]).unwrap();
    node.await_loaded(&hash.to_string()).unwrap();
    assert_eq!(client(&node).download(hash).unwrap(), None);
    assert_eq!(client(&node).all().unwrap(), []);
}

fn a_payload_is_found_whatever_its_name(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let client = client(&node);
    let mut torrents = BTreeMap::new();
    for name in HARD_NAMES {
        let (payload, torrent) = directory(lab, name);
        node.seed(&torrent, &payload).unwrap();
        torrents.insert(hash_of(&torrent), metainfo_of(&torrent));
    }
    let all = client.all().unwrap();
    assert_eq!(all.len(), HARD_NAMES.len());
    for download in all {
        let torrent = &torrents[&download.hash];
        let expected = node.download().join(OsStr::from_bytes(torrent.name()));
        assert_eq!(download.payload(torrent), expected);
        assert_eq!(fs::read(expected.join("a")).unwrap(), [torrent.name(), b"a"].concat());
        assert!(download.complete && !download.hashing, "{download:?}");
        assert_eq!(client.download(download.hash).unwrap(), Some(download));
    }
}

fn the_session_tells_the_same_when_it_is_down(lab: &Lab, flavour: Flavour) {
    let mut node = lab.rtorrent(flavour).start().unwrap();
    let many = directory(lab, b"many-1");
    let one = file(lab, "one-1.tar", "1");
    seed_from(&node, &many, "many.torrent");
    node.seed(&one.1, &one.0).unwrap();
    let asked = sorted(client(&node).all().unwrap());
    assert!(asked.iter().all(|download| download.complete && download.finished.is_some()));
    assert_eq!(asked.iter().filter(|download| download.tied_to.is_some()).count(), 1);

    node.stop().unwrap();
    assert_eq!(session::downloads(&node.session()).unwrap(), asked);
    for (_, torrent) in [many, one] {
        let found = session::torrent(&node.session(), hash_of(&torrent), 1 << 20).unwrap();
        assert_eq!(Metainfo::parse(&found.unwrap()).unwrap().raw_info(), torrent.info);
    }
    assert_eq!(client(&node).all().unwrap_err().exit, Exit::Unreachable);
}

fn the_session_learns_of_a_finished_download(lab: &Lab, flavour: Flavour) {
    let (payload, torrent) = file(lab, "late-1.tar", "late");
    let seeder = lab.rtorrent(flavour).start().unwrap();
    seeder.seed(&torrent, &payload).unwrap();
    let node = lab.rtorrent(flavour).start().unwrap();
    node.watch(&torrent).unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    node.add_peer(&torrent.hash, &seeder).unwrap();
    await_for("the session to say complete", || {
        let downloads = session::downloads(&node.session()).unwrap();
        downloads.iter().any(|download| download.complete && download.finished.is_some())
    })
    .unwrap();
}

fn a_relative_directory_begins_where_it_was_started(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let (_, torrent) = file(lab, "rel-1.tar", "r");
    node.load(&torrent, &["d.directory.set=\"rel\""]).unwrap();
    let cwd = node.rpc("system.cwd", &[]).unwrap().text().unwrap().to_owned();
    let download = client(&node).download(hash_of(&torrent)).unwrap().unwrap();
    assert_eq!(download.directory, Path::new(&cwd).join("rel"));
    assert!(download.directory.is_absolute() && !download.complete);
}

fn what_is_shown_survives_a_kill(lab: &Lab, flavour: Flavour) {
    let mut node = lab.rtorrent(flavour).start().unwrap();
    let (payload, torrent) = file(lab, "shown-1.tar", "s");
    node.seed(&torrent, &payload).unwrap();
    let hash = hash_of(&torrent);
    assert_eq!(client(&node).custom(hash, "seedship_state").unwrap(), None);
    let hard = "$d.erase= \"<&>\" é; a,b\\";
    let fields = [("seedship_state", hard), ("seedship_version", "1"), ("seedship_time", "")];
    // 0.16 answers before it has written, and passes over a save while an earlier one is being
    // written, as that of the load may be here: so it is asked until it is done.
    let state = node.session().join(format!("{hash}.torrent.rtorrent"));
    let marker = b"seedship_version";
    let written = |bytes: Vec<u8>| bytes.windows(marker.len()).any(|at| at == marker);
    await_for("the session file", || {
        client(&node).show(hash, &fields).unwrap();
        fs::read(&state).is_ok_and(written)
    })
    .unwrap();

    node.kill().unwrap();
    node.start().unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    let custom = |key| client(&node).custom(hash, key).unwrap();
    assert_eq!(custom("seedship_state").as_deref(), Some(hard));
    assert_eq!(custom("seedship_version").as_deref(), Some("1"));
    assert_eq!(custom("seedship_time"), None);
}

fn a_removed_download_does_not_come_back(lab: &Lab, flavour: Flavour) {
    let mut node = lab.rtorrent(flavour).start().unwrap();
    let (gone, stays) = (file(lab, "gone-1.tar", "g"), file(lab, "stays-1.tar", "s"));
    let watch_file = seed_from(&node, &gone, "gone.torrent");
    let other_file = seed_from(&node, &stays, "stays.torrent");
    client(&node).remove(hash_of(&gone.1)).unwrap();

    assert_eq!(client(&node).download(hash_of(&gone.1)).unwrap(), None);
    assert!(!watch_file.exists() && other_file.exists());
    assert_eq!(session_files(&node, &gone.1.hash), [""; 0]);
    assert!(node.download().join("gone-1.tar").exists(), "the payload is not touched");

    node.restart().unwrap();
    node.await_complete(&stays.1.hash).unwrap();
    assert_eq!(node.downloads().unwrap(), [stays.1.hash.as_str()]);
}

/// To erase it then locks 0.9.8 up, at times.
fn a_download_in_the_middle_of_its_check_is_left_alone(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let large = lab.write("payload/large-1.tar", vec![7; 200 << 20]).unwrap();
    let torrent = lab.torrent(&large).piece_power(20).make().unwrap();
    fs::copy(&large, node.download().join("large-1.tar")).unwrap();
    let watch_file = node.watch(&torrent).unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    let error = client(&node).remove(hash_of(&torrent)).unwrap_err();
    assert_eq!(error.exit, Exit::Again);
    assert!(error.to_string().ends_with("from rtorrent: it is checking the data"), "{error}");

    node.await_complete(&torrent.hash).unwrap();
    assert!(watch_file.exists());
    client(&node).remove(hash_of(&torrent)).unwrap();
    assert!(!watch_file.exists());
    assert_eq!(client(&node).all().unwrap(), []);
}

/// An operator renames each release's .torrent over the one before: both downloads are tied to
/// one file, and erasing the older would delete the newer one's.
fn the_next_release_under_the_same_watch_file_stays(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).schedule("watch_untied", 1, 1);
    let mut node = node.schedule("watch_poll", 1, 1).start().unwrap();
    let (older, newer) = (file(lab, "shop-1.tar", "1"), file(lab, "shop-2.tar", "2, longer"));
    // rtorrent passes over a path that has the time it had when it was loaded, and here both would
    // come within one second: the older one is made old.
    let elsewhere = lab.write("older.torrent", &older.1.bytes).unwrap();
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    fs::File::open(&elsewhere).unwrap().set_modified(hour_ago).unwrap();
    fs::copy(&older.0, node.download().join(&older.1.name)).unwrap();
    let watch_file = node.watch_folder().join("shop.torrent");
    fs::rename(&elsewhere, &watch_file).unwrap();
    node.await_complete(&older.1.hash).unwrap();
    seed_from(&node, &newer, "shop.torrent");
    let tied = |torrent: &Torrent| {
        client(&node).download(hash_of(torrent)).unwrap().and_then(|download| download.tied_to)
    };
    assert_eq!(tied(&older.1), tied(&newer.1));

    client(&node).remove(hash_of(&older.1)).unwrap();
    assert_eq!(fs::read(&watch_file).unwrap(), newer.1.bytes);
    assert_eq!(tied(&newer.1), Some(watch_file.clone()));

    node.restart().unwrap();
    node.await_complete(&newer.1.hash).unwrap();
    assert_eq!(node.downloads().unwrap(), [newer.1.hash.as_str()]);
    // And once it is the only one, the file goes with it.
    client(&node).remove(hash_of(&newer.1)).unwrap();
    assert!(!watch_file.exists());
}

/// The same, in the moment before rtorrent has seen the newer file.
fn a_watch_file_that_holds_another_torrent_stays(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let (older, newer) = (file(lab, "shop-1.tar", "1"), file(lab, "shop-2.tar", "2"));
    let unseen = lab.write("unwatched/shop.torrent", &older.1.bytes).unwrap();
    let path = unseen.to_str().unwrap();
    node.rpc("load.start", &["".into(), path.into()]).unwrap();
    node.await_loaded(&older.1.hash).unwrap();
    fs::write(&unseen, &newer.1.bytes).unwrap();
    client(&node).remove(hash_of(&older.1)).unwrap();
    assert_eq!(client(&node).all().unwrap(), []);
    assert_eq!(fs::read(&unseen).unwrap(), newer.1.bytes);
}

fn a_removed_payload_takes_nothing_else_along(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).start().unwrap();
    let names = [b"not utf-8 \xff-1".as_slice(), b"stays-1"];
    let [gone, stays] = names.map(|name| directory(lab, name));
    let one = file(lab, "one-1.tar", "1");
    for (payload, torrent) in [&gone, &stays, &one] {
        node.seed(torrent, payload).unwrap();
    }
    let locate = |torrent: &Torrent| {
        let download = client(&node).download(hash_of(torrent)).unwrap().unwrap();
        let torrent = metainfo_of(torrent);
        Payload { path: download.payload(&torrent), torrent }
    };
    let (ours, others) = (locate(&gone.1), [locate(&stays.1), locate(&one.1)]);
    client(&node).remove(hash_of(&gone.1)).unwrap();
    let deleted = payload::delete(&ours, &others).unwrap();
    assert_eq!((deleted.files, deleted.bytes), (2, ours.torrent.total_length()));
    let mut left: Vec<_> =
        fs::read_dir(node.download()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["one-1.tar", "stays-1"]);
    assert_eq!(fs::read(node.download().join("stays-1/a")).unwrap(), b"stays-1a");
}

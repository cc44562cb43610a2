//! A .torrent that is not the event's, not one at all, or out of reach.

use super::{Failure, fails_by, open, release, unharmed};
use crate::{
    event::download,
    host::{Host, Run},
};
use lab::{Flavour, Kind, Lab, Torrent};
use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    time::{Duration, Instant},
};

lab::on_both![a_session_without_the_torrent_is_told_after_some_patience];

/// Nothing is recorded of what is proven by nothing.
const UNPROVEN: Failure<'_> = Failure { exit: 65, state: None, says: &[], hint: "" };

/// The event of `hash`, with this file and payload.
fn event(host: &Host<'_>, hash: &str, torrent: &[u8], payload: &Path) -> Run {
    let file = host.lab.write("some.torrent", torrent).unwrap();
    let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
    host.run(&["finished", hash, "--torrent", file, "--payload", payload])
}

fn fails(host: &Host<'_>, hash: &str, torrent: &[u8], payload: &Path, how: &Failure<'_>) {
    fails_by(host, hash, how, || event(host, hash, torrent, payload));
    unharmed(host);
    assert_eq!(fs::read_dir(host.root("shop").join(".seedship/records")).unwrap().count(), 1);
}

#[test]
fn a_torrent_of_another_info_hash_is_not_taken() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (one, _) = release(&lab, Kind::Tar, "2.0");
    let (other, payload) = release(&lab, Kind::Tar, "3.0");
    let says = ["could not take the .torrent of ", &other.hash];
    let failure = Failure { exit: 66, says: &says, ..UNPROVEN };
    fails(&host, &one.hash, &other.bytes, &payload, &failure);
}

#[test]
fn garbage_is_no_torrent() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    let cut = &torrent.bytes[..torrent.bytes.len() - 7];
    let deep = "l".repeat(100_000);
    for bytes in [&b""[..], b"garbage", b"d4:infoi1ee", cut, deep.as_bytes()] {
        let failure = Failure { says: &["could not take the .torrent of "], ..UNPROVEN };
        fails(&host, &torrent.hash, bytes, &payload, &failure);
    }
}

#[test]
fn a_torrent_of_version_2_alone_is_named_as_such() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (_, payload) = release(&lab, Kind::Tar, "2.0");
    let root = "r".repeat(32);
    let info = format!(
        "d9:file treed12:shop-2.0.tard0:d6:lengthi9e11:pieces root32:{root}eee\
         12:meta versioni2e4:name12:shop-2.0.tar12:piece lengthi16384ee"
    );
    let torrent = Torrent::from_bytes(format!("d4:info{info}e")).unwrap();
    let failure = Failure { says: &["could not take the .torrent of ", "v2 only"], ..UNPROVEN };
    fails(&host, &torrent.hash, &torrent.bytes, &payload, &failure);
}

#[test]
fn a_torrent_over_its_limit_is_not_read() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "limits = { torrent = \"4KiB\" }");
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    let large = torrent.with_key("comment", &[b'x'; 5000]).unwrap();
    let says = ["could not read `", "limits.torrent is 4096"];
    let failure = Failure { says: &says, hint: "raise", ..UNPROVEN };
    fails(&host, &torrent.hash, &large.bytes, &payload, &failure);
    // Nor is what says that it has no bytes, and has them.
    let endless = "/proc/self/smaps";
    let args = ["finished", &torrent.hash, "--torrent", endless, "--payload", "x"];
    fails_by(&host, &torrent.hash, &failure, || host.run(&args));
    assert_eq!(event(&host, &torrent.hash, &torrent.bytes, &payload).code, 0);
}

#[test]
fn a_version_belongs_to_its_info_hash() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::TarGz, "1.0");
    let says = ["could not land shop 1.0: ", "a release is immutable"];
    let failure =
        Failure { state: Some("refused"), says: &says, hint: "publish a new version", ..UNPROVEN };
    super::fails(&host, &torrent, &payload, &failure);
}

#[test]
fn a_name_without_a_version_is_said_and_another_name_is_not() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    for (name, code) in [("shop-final.tar", 65), ("blog-1.0.tar", 0)] {
        let payload = lab.write(name, "x").unwrap();
        let torrent = lab.torrent(&payload).make().unwrap();
        let before = host.log().len();
        let run = host.finished(&torrent, &payload);
        assert_eq!(run.code, code, "{name}: {run:?}");
        let said = host.log().split_off(before);
        assert_eq!(said.len(), usize::from(code != 0), "{said:#?}");
        unharmed(&host);
    }
    assert!(host.log().last().unwrap().contains("`shop-final.tar`"), "{:?}", host.log());
}

fn a_session_without_the_torrent_is_told_after_some_patience(lab: &Lab, flavour: Flavour) {
    let host = open(lab, "");
    let seeder = lab.rtorrent(flavour).start().unwrap();
    // Without its hook: the event comes by hand.
    let node = lab.rtorrent(flavour).name("node").start().unwrap();
    let (torrent, payload) = release(lab, Kind::Tar, "2.0");
    download(&node, &seeder, &torrent, &payload);
    node.await_complete(&torrent.hash).unwrap();
    let right = fs::read_to_string(host.config()).unwrap();
    fs::write(host.config(), right.replace("node/session", "another/session")).unwrap();
    let says = ["could not find download ", "session/", ".torrent` is not there"];
    let failure = Failure { exit: 66, says: &says, hint: "[rtorrent] session", ..UNPROVEN };
    let begun = Instant::now();
    fails_by(&host, &torrent.hash, &failure, || host.run(&["finished", &torrent.hash]));
    assert!(begun.elapsed() >= Duration::from_secs(5), "a magnet's torrent comes a moment later");
    unharmed(&host);
    fs::write(host.config(), right).unwrap();
    host.good(&["finished", &torrent.hash]);
    assert_eq!(host.current("shop").as_deref(), Some("releases/2.0"));
}

#[test]
fn a_download_that_rtorrent_does_not_have_is_not_found() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let host = open(&lab, "");
    let _node = lab.rtorrent(Flavour::Old).name("node").start().unwrap();
    let hash = "0123456789ABCDEF0123456789ABCDEF01234567";
    let says = ["could not find download ", "rtorrent has no such download"];
    let failure = Failure { exit: 66, says: &says, ..UNPROVEN };
    fails_by(&host, hash, &failure, || host.run(&["finished", hash]));
    unharmed(&host);
}

#[test]
fn without_rtorrent_its_session_says_what_it_finished() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    let says = ["could not reach rtorrent at `", "/run/rpc.sock`: "];
    let failure = Failure { exit: 69, says: &says, hint: "", ..UNPROVEN };
    fails_by(&host, &torrent.hash, &failure, || host.run(&["finished", &torrent.hash]));
    unharmed(&host);
    // Without its session either, a sweep cannot say that there is nothing to do.
    fs::remove_dir(lab.path().join("node/session")).unwrap();
    let swept = host.run(&["sweep"]);
    assert_eq!(swept.code, 69, "{swept:?}");

    host.in_session(&torrent, payload.parent().unwrap());
    host.good(&["finished", &torrent.hash]);
    assert_eq!(host.current("shop").as_deref(), Some("releases/2.0"));
}

#[test]
fn an_rtorrent_that_never_answers_is_left_in_time() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    lab.folder("node/run").unwrap();
    let _hangs = UnixListener::bind(lab.path().join("node/run/rpc.sock")).unwrap();
    let hash = "0123456789ABCDEF0123456789ABCDEF01234567";
    let says = ["could not reach rtorrent at `", "/run/rpc.sock`: no answer in time"];
    let failure = Failure { exit: 69, says: &says, ..UNPROVEN };
    fails_by(&host, hash, &failure, || host.run(&["finished", hash]));
    unharmed(&host);
}

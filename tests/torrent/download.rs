//! By info hash: what rtorrent has, whether it runs or not, and that its own check finds the same.

use super::{flip, resize};
use crate::host::{Host, SHOP};
use lab::{Flavour, Lab, Node, Torrent};
use serde_json::Value;
use std::{fs, path::PathBuf};

lab::on_both![
    rtorrents_own_check_finds_the_same_pieces,
    a_download_is_found_with_rtorrent_and_without,
    an_unknown_download_is_not_found,
];

/// A payload of files that share pieces.
fn payload(lab: &Lab, name: &str) -> (PathBuf, Torrent) {
    let folder = lab.folder(&format!("payload/{name}/sub")).unwrap();
    let payload = folder.parent().unwrap().to_owned();
    for (path, length) in [("a.bin", 300_000), ("b.bin", 100), ("empty", 0), ("sub/c.bin", 90_000)]
    {
        fs::write(payload.join(path), super::noise(length, length as u64)).unwrap();
    }
    let torrent = lab.torrent(&payload).make().unwrap();
    (payload, torrent)
}

fn verify(host: &Host<'_>, what: &str) -> (Value, i32) {
    let run = host.run(&["torrent", "verify", what, "--json"]);
    let object = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"));
    (object, run.code)
}

/// The pieces that are said to be wrong.
fn wrong(verdict: &Value) -> Vec<usize> {
    let wrong = verdict["wrong"].as_array().unwrap_or_else(|| panic!("{verdict:#}"));
    wrong.iter().map(|piece| piece.as_u64().unwrap() as usize).collect()
}

/// The pieces that rtorrent does not have.
fn lacking(node: &Node, hash: &str) -> Vec<usize> {
    let size = node.number("d.size_chunks", hash).unwrap() as usize;
    let done = node.number("d.completed_chunks", hash).unwrap() as usize;
    let field = node.text("d.bitfield", hash).unwrap();
    let bits: Vec<bool> = field
        .chars()
        .flat_map(|digit| (0..4).rev().map(move |bit| digit.to_digit(16).unwrap() >> bit & 1 == 1))
        .take(size)
        .collect();
    let lacking: Vec<usize> =
        (0..size).filter(|piece| !bits.get(*piece).is_some_and(|has| *has)).collect();
    assert_eq!(lacking.len(), size - done, "{field}");
    lacking
}

fn rtorrents_own_check_finds_the_same_pieces(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    let (payload, torrent) = payload(lab, "site-1.0");
    node.seed(&torrent, &payload).unwrap();
    let place = node.download().join("site-1.0");
    let (verdict, code) = verify(&host, &torrent.hash);
    assert_eq!((wrong(&verdict), code), (vec![], 0));
    assert_eq!(verdict["payload"], place.to_str().unwrap());

    // Closed, so that it maps nothing of what is changed under it.
    for call in ["d.stop", "d.close"] {
        node.rpc(call, &[torrent.hash.as_str().into()]).unwrap();
    }
    flip(&place.join("a.bin"), 32_768);
    flip(&place.join("a.bin"), 200_000);
    fs::remove_file(place.join("b.bin")).unwrap();
    resize(&place.join("sub/c.bin"), 60_000);
    let (verdict, code) = verify(&host, &torrent.hash);
    assert_eq!(code, 65);
    let ours = wrong(&verdict);
    assert_eq!(ours, [1, 6, 9, 10, 11]);

    node.rpc("d.check_hash", &[torrent.hash.as_str().into()]).unwrap();
    node.await_that("checked", || {
        let is = |method, value| node.number(method, &torrent.hash) == Some(value);
        is("d.hashing", 0) && is("d.is_hash_checked", 1) && is("d.complete", 0)
    })
    .unwrap();
    assert_eq!(lacking(&node, &torrent.hash), ours);
    // It may have made the missing file anew, of zeros: the pieces are the same.
    assert_eq!(wrong(&verify(&host, &torrent.hash).0), ours);
}

fn a_download_is_found_with_rtorrent_and_without(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let mut node = host.node(flavour).start().unwrap();
    let (many, many_torrent) = payload(lab, "site-1.0");
    let one = lab.write("payload/shop-1.0.tar", super::noise(100_000, 5)).unwrap();
    let one_torrent = lab.torrent(&one).make().unwrap();
    node.seed(&many_torrent, &many).unwrap();
    node.seed(&one_torrent, &one).unwrap();
    let told = |torrent: &Torrent| {
        let (verdict, code) = verify(&host, &torrent.hash.to_lowercase());
        assert_eq!(code, 0, "{verdict:#}");
        let shown = host.run(&["torrent", "show", &torrent.hash]);
        assert_eq!(shown.code, 0, "{shown:?}");
        (verdict, shown.stdout)
    };
    let live = [&many_torrent, &one_torrent].map(told);
    assert_eq!(live[1].0["payload"], node.download().join("shop-1.0.tar").to_str().unwrap());
    assert!(live[1].1.contains("\napp           shop 1.0\n"), "{}", live[1].1);
    assert!(live[0].1.contains("\napp           no app takes it\n"), "{}", live[0].1);
    node.stop().unwrap();
    assert_eq!([&many_torrent, &one_torrent].map(told), live);

    // Another place than rtorrent's, by hand.
    let elsewhere = one.to_str().unwrap();
    flip(&node.download().join("shop-1.0.tar"), 5);
    let by_hand = host.run(&["torrent", "verify", &one_torrent.hash, elsewhere]);
    assert_eq!(by_hand.code, 0, "{by_hand:?}");
    assert_eq!(verify(&host, &one_torrent.hash).1, 65);
}

fn an_unknown_download_is_not_found(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let mut node = host.node(flavour).start().unwrap();
    let unknown = "AB".repeat(20);
    for command in ["verify", "show"] {
        let run = host.run(&["torrent", command, &unknown]);
        assert_eq!(run.code, 66, "{run:?}");
        assert!(run.stderr.contains("rtorrent has no such download"), "{run:?}");
    }
    node.stop().unwrap();
    assert_eq!(host.run(&["torrent", "verify", &unknown]).code, 69);
    // A torrent that its session has under another's name is not taken for it.
    let (_, torrent) = payload(lab, "site-1.0");
    fs::write(node.session().join(format!("{unknown}.torrent")), &torrent.bytes).unwrap();
    let state = b"d8:completei1e9:directory4:/tmpe";
    fs::write(node.session().join(format!("{unknown}.torrent.rtorrent")), state).unwrap();
    let run = host.run(&["torrent", "verify", &unknown]);
    assert_eq!(run.code, 65, "{run:?}");
    assert!(run.stderr.contains("it is another torrent"), "{run:?}");
}

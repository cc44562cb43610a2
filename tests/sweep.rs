//! What `sweep` finds, finishes and takes away, with the real rtorrent and without.

use crate::{
    event::{download, packed, release},
    host::{Host, SHOP},
};
use lab::{Flavour, Kind, Lab, Node, Torrent, Tree, site};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

lab::on_both![
    nothing_moves_after_the_first_of_three_sweeps,
    a_lost_event_is_found,
    the_session_alone_is_enough,
    a_pruned_release_takes_its_download_along,
    downloads_stay_where_the_configuration_says_so,
];

/// A complete download in rtorrent that came by the watch directory, its payload there before.
fn have(node: &Node, torrent: &Torrent, payload: &Path) {
    let mut copy = std::process::Command::new("cp");
    site::run(copy.arg("-rL").arg(payload).arg(node.download())).unwrap();
    node.watch(torrent).unwrap();
    node.await_complete(&torrent.hash).unwrap();
    // 0.16 writes it a moment later.
    let saved = node.session().join(format!("{}.torrent", torrent.hash));
    node.await_that("saved", || saved.exists()).unwrap();
}

/// A node whose events are lost.
fn deaf(host: &Host<'_>, flavour: Flavour) -> Node {
    host.node(flavour).hook("/bin/true").start().unwrap()
}

fn nothing_moves_after_the_first_of_three_sweeps(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, &format!("{SHOP}keep = 2\ndownloads = \"keep\"\n"));
    let node = deaf(&host, flavour);
    for version in ["1.0", "2.0", "3.0", "4.0", "5.0"] {
        let (torrent, payload) = release(lab, version);
        have(&node, &torrent, &payload);
    }
    host.good(&["sweep"]);
    let first = (host.picture("shop"), node.downloads().unwrap().len());
    assert_eq!(first.0.page.as_deref(), Some("5.0"));
    assert_eq!(first.0.releases, ["4.0", "5.0"], "none older was unpacked");
    assert_eq!((first.0.records.len(), first.1), (5, 5));

    let inodes = host.listing("shop").into_iter().filter(|line| line.starts_with("releases"));
    let inodes: Vec<String> = inodes.collect();
    for _ in 0..2 {
        host.good(&["sweep"]);
        assert_eq!((host.picture("shop"), node.downloads().unwrap().len()), first);
    }
    let after = host.listing("shop").into_iter().filter(|line| line.starts_with("releases"));
    assert_eq!(after.collect::<Vec<_>>(), inodes);
}

fn a_lost_event_is_found(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    // In the middle of the event, its own handlers done, rtorrent is killed.
    let pid = lab.path().join("rtorrent.pid");
    let hook =
        lab.write("hook", format!("#!/bin/sh\nkill -KILL $(cat '{}')\n", pid.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let mut node = host.node(flavour).hook(&hook).start().unwrap();
    fs::write(&pid, node.pid().unwrap().to_string()).unwrap();
    let (torrent, payload) = release(lab, "1.0");
    download(&node, &seeder, &torrent, &payload);
    lab::await_for("rtorrent's end", || {
        // A poll by itself hurries 0.9.8 along; once killed, it does not answer.
        node.rpc("system.pid", &[]).is_err()
    })
    .unwrap();
    node.kill().unwrap();
    assert_eq!(host.releases("shop"), [""; 0]);

    fs::remove_file(&hook).unwrap();
    symlink(crate::host::SEEDSHIP, &hook).unwrap();
    node.start().unwrap();
    node.await_complete(&torrent.hash).unwrap();
    assert_eq!(host.good(&["sweep"]), "shop 1.0 is live\n");
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    assert_eq!(host.state("shop", &torrent.hash).as_deref(), Some("good"));
}

fn the_session_alone_is_enough(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let mut node = deaf(&host, flavour);
    let (archive, payload) = release(lab, "1.0");
    download(&node, &seeder, &archive, &payload);
    node.await_complete(&archive.hash).unwrap();
    node.await_that("written down", || {
        let state = node.session().join(format!("{}.torrent.rtorrent", archive.hash));
        fs::read(state).is_ok_and(|state| state.windows(13).any(|w| w == b"8:completei1e"))
    })
    .unwrap();
    // No chance to save anything.
    node.kill().unwrap();

    let swept = host.json(&["sweep"]);
    let all = serde_json::json!(
        {"live": ["shop 1.0"], "landed": [], "passed_over": [], "failed": [], "busy": [], "skipped": []});
    assert_eq!(swept, all);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    assert_eq!(host.good(&["sweep"]), "nothing to do\n");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What is left in rtorrent and on its disk, by file name.
fn left(node: &Node) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut downloads = node.downloads().unwrap();
    downloads.sort();
    (downloads, names(&node.download()), names(&node.watch_folder()))
}

fn a_pruned_release_takes_its_download_along(lab: &Lab, flavour: Flavour) {
    let app = SHOP.replace("[\"shop-{version}.tar\",", "[\"shop-{version}\",");
    let host = Host::new(lab, &format!("{app}keep = 1\n"));
    let mut node = deaf(&host, flavour);
    let folder = packed(lab, &site::small("1.0"), Kind::Folder, "shop-1.0");
    let other = packed(lab, &Tree::new().file("a", "a"), Kind::Folder, "pictures");
    let (two, three, four) = (release(lab, "2.0"), release(lab, "3.0"), release(lab, "4.0"));
    for (torrent, payload) in [&folder, &two, &other] {
        have(&node, torrent, payload);
    }
    fs::write(node.download().join("shop-1.0/notes.txt"), "mine").unwrap();
    fs::write(node.download().join("shop-1.0.txt"), "mine").unwrap();
    for (torrent, _) in [&folder, &two] {
        host.good(&["finished", &torrent.hash]);
    }
    have(&node, &three.0, &three.1);
    host.good(&["finished", &three.0.hash]);

    // What could be rolled back to stays, and so does what is nobody's.
    assert_eq!(host.releases("shop"), ["2.0", "3.0"]);
    assert_eq!(host.state("shop", &folder.0.hash).as_deref(), Some("pruned"));
    let hashes = |torrents: &[&(Torrent, PathBuf)]| {
        let mut hashes: Vec<String> = torrents.iter().map(|(t, _)| t.hash.clone()).collect();
        hashes.sort();
        hashes
    };
    let files = |torrents: &[&(Torrent, PathBuf)]| {
        hashes(torrents).iter().map(|hash| format!("{hash}.torrent")).collect::<Vec<_>>()
    };
    let payloads = ["pictures", "shop-1.0", "shop-1.0.txt", "shop-2.0.tar.zst", "shop-3.0.tar.zst"];
    let here = [&two, &three, &other];
    assert_eq!(left(&node), (hashes(&here), payloads.map(Into::into).to_vec(), files(&here)));
    let stray = names(&node.download().join("shop-1.0"));
    assert_eq!(stray, ["cache", "notes.txt"], "no torrent holds an empty directory, nor the notes");

    // With rtorrent down a release goes; its download when the next sweep finds it up again.
    have(&node, &four.0, &four.1);
    node.stop().unwrap();
    host.good(&["finished", &four.0.hash]);
    assert_eq!(host.state("shop", &two.0.hash).as_deref(), Some("pruned"));
    assert!(node.download().join("shop-2.0.tar.zst").exists());
    node.start().unwrap();
    node.await_complete(&two.0.hash).unwrap();
    host.good(&["sweep"]);
    let payloads = ["pictures", "shop-1.0", "shop-1.0.txt", "shop-3.0.tar.zst", "shop-4.0.tar.zst"];
    let here = [&three, &four, &other];
    let expected = (hashes(&here), payloads.map(Into::into).to_vec(), files(&here));
    assert_eq!(left(&node), expected);

    // Somebody puts its .torrent back, and it goes again; no restart brings it back.
    node.watch(&two.0).unwrap();
    node.await_loaded(&two.0.hash).unwrap();
    host.good(&["sweep"]);
    assert_eq!(left(&node), expected);
    node.restart().unwrap();
    assert_eq!(left(&node), expected);
}

fn downloads_stay_where_the_configuration_says_so(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, &format!("{SHOP}keep = 1\ndownloads = \"keep\"\n"));
    let node = deaf(&host, flavour);
    for version in ["1.0", "2.0", "3.0"] {
        let (torrent, payload) = release(lab, version);
        have(&node, &torrent, &payload);
        host.good(&["finished", &torrent.hash]);
    }
    let before = left(&node);
    assert_eq!((host.releases("shop").len(), before.0.len(), before.1.len()), (2, 3, 3));
    host.good(&["sweep"]);
    assert_eq!(left(&node), before);
}

/// After a hold only the newest goes live, and what stays behind is not told a second time.
#[test]
fn of_what_landed_under_a_hold_the_newest_alone_goes_live() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    host.good(&["hold", "shop"]);
    let held = |version: &str| {
        let (torrent, payload) = release(&lab, version);
        assert_eq!(host.finished(&torrent, &payload).code, 0);
    };
    held("2.0");
    held("3.0");
    host.good(&["unhold", "shop"]);
    assert_eq!(host.good(&["sweep", "--dry-run"]), "shop 3.0 would go live\n");
    assert_eq!(host.good(&["sweep"]), "shop 3.0 is live\n");
    assert_eq!(host.page("shop").as_deref(), Some("3.0"));

    // The same where the newer one lands in that sweep.
    host.good(&["hold", "shop"]);
    held("4.0");
    host.good(&["unhold", "shop"]);
    let (torrent, payload) = release(&lab, "5.0");
    host.in_session(&torrent, payload.parent().unwrap());
    assert_eq!(host.good(&["sweep"]), "shop 5.0 is live\n");
    for version in ["2.0", "3.0", "4.0", "5.0"] {
        let told = host.told(&format!("shop {version} landed and"));
        assert_eq!(told, usize::from(version != "5.0"), "{version} {:#?}", host.log());
    }
}

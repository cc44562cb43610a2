//! A finished download goes live: the real rtorrent, its event, the real binary.

use crate::host::{Host, SHOP};
use lab::{Flavour, Kind, Lab, Node, Torrent, Tree, site};
use std::path::{Path, PathBuf};

lab::on_both![
    every_kind_of_payload_goes_live,
    hard_names_go_live,
    two_apps_finish_at_the_same_moment,
    a_restart_activates_nothing_again,
    the_state_is_shown_in_rtorrent,
];

/// A release of the small site, its torrent, and the payload.
pub(crate) fn release(lab: &Lab, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::TarZst, &format!("shop-{version}"))
}

/// A payload of this tree and its torrent.
pub(crate) fn packed(lab: &Lab, tree: &Tree, kind: Kind, name: &str) -> (Torrent, PathBuf) {
    let folder = lab.folder(&lab.fresh("payload")).unwrap();
    let payload = tree.pack(kind, &folder, name).unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    (torrent, payload)
}

/// A node downloads from a seeder, by its watch directory.
pub(crate) fn download(node: &Node, seeder: &Node, torrent: &Torrent, payload: &Path) {
    seeder.seed(torrent, payload).unwrap();
    node.watch(torrent).unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    node.add_peer(&torrent.hash, seeder).unwrap();
}

fn every_kind_of_payload_goes_live(lab: &Lab, flavour: Flavour) {
    let apps = Kind::ALL.map(|kind| {
        let name = format!("{kind:?}").to_lowercase();
        let suffix = kind.suffix();
        format!(
            "[apps.{name}]\nmatch = \"{name}-{{version}}{suffix}\"\nroot = \"WWW/{name}\"\n\
             unsigned = \"accept\"\nmin_free = \"1MiB\"\n"
        )
    });
    let host = Host::new(lab, &apps.concat());
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let tree = site::small("1.0");
    for kind in Kind::ALL {
        let app = format!("{kind:?}").to_lowercase();
        let (torrent, payload) = packed(lab, &tree, kind, &format!("{app}-1.0"));
        download(&node, &seeder, &torrent, &payload);
    }
    for kind in Kind::ALL {
        let app = format!("{kind:?}").to_lowercase();
        host.await_live(&node, &app, "1.0");
        let page = match kind {
            Kind::Plain => format!("{app}-1.0.html"),
            _ => "pages/page-7.html".to_owned(),
        };
        let served = host.served(&app, &page).unwrap_or_else(|| panic!("{app}: no {page}"));
        assert_eq!(site::version_of(served.as_bytes()), Some("1.0"), "{app}");
    }
}

fn hard_names_go_live(lab: &Lab, flavour: Flavour) {
    let names = [
        "with space-1.0",
        "quo'te\"d-1.0",
        "a,b;c-1.0",
        "$(touch evil)-1.0",
        "`id`-1.0",
        "žluťoučký-1.0",
        "new\nline-1.0",
        "~tilde-1.0",
        "%41-1.0",
        "<&>-1.0",
    ];
    let apps = names.iter().enumerate().map(|(n, name)| {
        let stem = name.strip_suffix("1.0").unwrap();
        let pattern = toml_string(&format!("{stem}{{version}}.tar"));
        format!(
            "[apps.a{n}]\nmatch = {pattern}\nroot = \"WWW/a{n}\"\nunsigned = \"accept\"\nmin_free = \"1MiB\"\n"
        )
    });
    let host = Host::new(lab, &apps.collect::<String>());
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    for (n, name) in names.iter().enumerate() {
        let tree = Tree::new().file("index.html", site::page(&format!("{n}")));
        let plain =
            tree.pack(Kind::Tar, &lab.folder(&format!("payload/{n}")).unwrap(), "p").unwrap();
        let payload = plain.with_file_name(format!("{name}.tar"));
        std::fs::rename(plain, &payload).unwrap();
        let torrent = lab.torrent(&payload).make().unwrap();
        download(&node, &seeder, &torrent, &payload);
    }
    for (n, name) in names.iter().enumerate() {
        host.await_live(&node, &format!("a{n}"), "1.0");
        let page = host.served(&format!("a{n}"), "index.html").unwrap();
        assert_eq!(site::version_of(page.as_bytes()), Some(&*n.to_string()), "{name}");
    }
    let evil = |at: &Path| at.join("evil").exists();
    assert!(!evil(node.base()) && !evil(lab.path()) && !evil(&node.download()));
}

/// A TOML basic string.
fn toml_string(text: &str) -> String {
    format!("{text:?}")
}

fn two_apps_finish_at_the_same_moment(lab: &Lab, flavour: Flavour) {
    let blog = SHOP.replace("shop", "blog");
    let host = Host::new(lab, &format!("{SHOP}{blog}"));
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let both = ["shop", "blog"].map(|app| {
        let tree = site::small("1.0");
        let (torrent, payload) = packed(lab, &tree, Kind::TarZst, &format!("{app}-1.0"));
        seeder.seed(&torrent, &payload).unwrap();
        torrent
    });
    both.iter().for_each(|torrent| node.load(torrent, &[]).unwrap());
    both.iter().for_each(|torrent| node.add_peer(&torrent.hash, &seeder).unwrap());
    for (app, torrent) in ["shop", "blog"].iter().zip(&both) {
        host.await_state(&node, app, &torrent.hash, "good");
        assert_eq!(host.current(app).as_deref(), Some("releases/1.0"));
    }
}

fn a_restart_activates_nothing_again(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let mut node = host.node(flavour).schedule("seedship_sweep", 1, 600).start().unwrap();
    let (one, payload) = release(lab, "1.0");
    download(&node, &seeder, &one, &payload);
    host.await_state(&node, "shop", &one.hash, "good");
    let (two, payload) = release(lab, "2.0");
    download(&node, &seeder, &two, &payload);
    host.await_state(&node, "shop", &two.hash, "good");
    host.good(&["rollback", "shop"]);
    let before =
        (host.current("shop"), host.record("shop", &one.hash), host.record("shop", &two.hash));
    assert_eq!(before.0.as_deref(), Some("releases/1.0"));

    node.restart().unwrap();
    node.await_complete(&two.hash).unwrap();
    host.good(&["sweep"]);
    let after =
        (host.current("shop"), host.record("shop", &one.hash), host.record("shop", &two.hash));
    assert_eq!(after, before);
}

fn the_state_is_shown_in_rtorrent(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let (torrent, payload) = release(lab, "1.0");
    download(&node, &seeder, &torrent, &payload);
    host.await_live(&node, "shop", "1.0");
    let custom = |key: &str| {
        let answer = node.rpc("d.custom", &[torrent.hash.as_str().into(), key.into()]);
        answer.unwrap().text().unwrap_or_default().to_owned()
    };
    node.await_that("its state", || custom("seedship_state") == "live").unwrap();
    assert_eq!(custom("seedship_version"), "1.0");
    assert!(custom("seedship_time").ends_with('Z'), "{}", custom("seedship_time"));
}

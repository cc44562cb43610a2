//! A hook that rtorrent started dies while it unpacks.

use crate::host::{Host, SHOP};
use lab::{Flavour, Lab, site};
use std::{fs, process::Command};

lab::on_both![a_hook_of_rtorrent_dies_while_it_unpacks];

fn a_hook_of_rtorrent_dies_while_it_unpacks(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    host.landed("shop", "1.0");
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let asked = host.checkpoints().join("unpack-entry");
    fs::write(&asked, "").unwrap();
    let (torrent, payload) = crate::event::release(lab, "2.0");
    crate::event::download(&node, &seeder, &torrent, &payload);
    let reached = host.checkpoints().join("unpack-entry.reached");
    node.await_that("the hook unpacks", || reached.exists()).unwrap();
    fs::remove_file(asked).unwrap();

    let staged = |host: &Host<'_>| {
        host.releases("shop").into_iter().filter(|name| name.starts_with(".stage-")).count()
    };
    assert_eq!((host.page("shop").as_deref(), staged(&host)), (Some("1.0"), 1));
    // Somebody else's sweep meanwhile lets it be.
    let busy = host.json(&["sweep"]);
    assert_eq!(busy["busy"], serde_json::json!(["shop"]));
    assert_eq!(staged(&host), 1);

    let hook = fs::read_to_string(reached).unwrap();
    let running = lab.running(crate::host::SEEDSHIP).unwrap();
    assert_eq!(running.iter().map(ToString::to_string).collect::<Vec<_>>(), [hook.as_str()]);
    site::run(Command::new("sh").args(["-c", "kill -KILL \"$0\"", &hook])).unwrap();
    assert_eq!((host.page("shop").as_deref(), staged(&host)), (Some("1.0"), 1));
    lab::await_for("its lock to go", || {
        let swept = host.json(&["sweep"]);
        swept["live"] == serde_json::json!(["shop 2.0"])
    })
    .unwrap();
    assert_eq!((host.page("shop").as_deref(), staged(&host)), (Some("2.0"), 0));
}

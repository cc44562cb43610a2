//! What Puppet writes is enough: an rtorrent that is started with its rc file, and nothing else, takes its
//! caps, and a .torrent that Puppet delivers goes live by the configuration that Puppet wrote.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use lab::rpc::{self, Control, Value};
use lab::{Flavour, Kind, Lab, Node, Owned, Torrent};

use super::{APP, SEEDSHIP, Site};

lab::on_both![a_torrent_of_puppet_goes_live];

/// An rtorrent that has nothing but what Puppet wrote.
struct Server<'l> {
    site: Site<'l>,
    control: Control,
    _process: Owned,
}

const NAME: &str = "shop-1.0.0.tar.zst.torrent";

fn a_torrent_of_puppet_goes_live(lab: &Lab, flavour: Flavour) {
    let Some(site) = Site::new(lab) else { return };
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let (torrent, file) = release(lab, &seeder);
    // One of the machine's own: the same in each run, for another would change the rc file.
    let port = lab::free_port([127, 0, 0, 1].into()).unwrap();
    let apply = |torrent: &str| {
        let caps = format!(
            "down_kib => 50000, up_kib => 40000, deploy_up_kib => 300, cross_up_kib => 200,
             cross_nets => ['10.0.0.0/8', '172.16.0.0/12'], rack_nets => ['10.1.0.0/16'],
             watch_mode => '2770', ports => '{port}-{port}', min_free => '1M',
             lines => ['throttle.up = nightly, 2000']"
        );
        let app = format!("apps => {{ 'shop' => {{ {APP}, 'min_free' => '1MiB' }} }}");
        site.apply_with(&caps, &app, &format!("seedship::torrent {{ '{NAME}': {torrent} }}"), &[])
    };
    let source = format!("source => '{}'", file.display());
    apply(&source).is(2);

    let watch = fs::metadata(site.at("var/rtorrent/watch")).unwrap();
    assert_eq!(watch.permissions().mode() & 0o7777, 0o2770);
    let server = Server::start(&site, flavour);
    for (group, kib) in [("deploy", 300), ("cross", 200), ("rack", 40_000), ("nightly", 2000)] {
        let rate = server.ask("throttle.up.max", &["".into(), group.into()]).unwrap();
        assert_eq!(rate.int(), Some(kib * 1024), "{group}");
    }
    server.download_from(&seeder, &torrent);
    server.await_live("1.0.0");

    if flavour == Flavour::Sid {
        return; // What follows is between Puppet and files.
    }
    // A name is delivered once: what is there stays, and Puppet says so.
    fs::write(&file, "another").unwrap();
    let other = apply(&source);
    assert!([4, 6].contains(&other.code), "{other:?}");
    assert_eq!(fs::read(site.at("var/rtorrent/watch").join(NAME)).unwrap(), torrent.bytes);

    apply("ensure => 'absent'").is(2);
    lab::await_for("seeded no more", || server.number("d.complete", &torrent.hash).is_none())
        .unwrap();
    assert_eq!(server.current().as_deref(), Some("releases/1.0.0"), "the release stays");
}

/// A release of the small site that is seeded, and where Puppet may take its .torrent from.
fn release(lab: &Lab, seeder: &Node) -> (Torrent, PathBuf) {
    let folder = lab.folder("payload").unwrap();
    let payload = lab::site::small("1.0.0").pack(Kind::TarZst, &folder, "shop-1.0.0").unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    seeder.seed(&torrent, &payload).unwrap();
    let file = lab.write(&format!("source/{NAME}"), &torrent.bytes).unwrap();
    (torrent, file)
}

impl<'l> Server<'l> {
    fn start(site: &Site<'l>, flavour: Flavour) -> Self {
        let mut command = site.lab.command(flavour.program().unwrap());
        let import = format!("import={}", site.at("etc/rtorrent/rtorrent.rc").display());
        command.args(["-n", "-o", &import]).current_dir(site.lab.path());
        command.env("SEEDSHIP_CONFIG", site.at("etc/seedship/config.toml"));
        let mut process = Owned::spawn(site.lab, "puppets", &mut command).unwrap();
        let control = Control::Unix(site.at("run/rtorrent/rpc.sock"));
        process.await_ready(|| rpc::call(&control, "system.pid", &[]).is_ok()).unwrap();
        Self { site: Site { lab: site.lab }, control, _process: process }
    }

    fn ask(&self, method: &str, args: &[Value]) -> lab::Result<Value> {
        rpc::call(&self.control, method, args)
    }

    /// Asks a download for a number; `None` if it is not loaded.
    fn number(&self, method: &str, hash: &str) -> Option<i64> {
        self.ask(method, &[hash.into()]).ok()?.int()
    }

    /// Tells it of the seeder once the hash check is over: a handshake during it fails, and the next one
    /// is ten minutes later.
    fn download_from(&self, seeder: &Node, torrent: &Torrent) {
        let is = |method| self.number(method, &torrent.hash) == Some(1);
        lab::await_for("loaded", || is("d.is_hash_checked") && is("d.is_active")).unwrap();
        let peer = seeder.address().to_string();
        self.ask("add_peer", &[torrent.hash.as_str().into(), peer.as_str().into()]).unwrap();
    }

    fn current(&self) -> Option<String> {
        let link = fs::read_link(self.site.at("www/shop/current")).ok()?;
        Some(link.to_str()?.to_owned())
    }

    fn await_live(&self, version: &str) {
        let link = format!("releases/{version}");
        // rtorrent sleeps to the next full second unless somebody asks.
        let live = || self.ask("system.pid", &[]).is_ok() && self.current().as_ref() == Some(&link);
        lab::await_for(format!("{version} live"), live).unwrap();
        assert!(self.site.text("www/shop/current/index.html").contains(version), "{SEEDSHIP}");
    }
}

//! Damaged downloads heal by themselves: the real rtorrents, a real tracker, the real binary.

use crate::host::{Host, Run, SEEDSHIP, SHOP};
use lab::{Flavour, Kind, Lab, Node, Torrent, Tree, rpc::Value, rtorrent, site};
use std::{
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

lab::on_both![
    every_damage_heals_by_itself,
    what_it_had_in_rtorrent_survives,
    a_heal_dies_anywhere,
    the_watch_directory_brings_it_back_meanwhile,
    without_a_seeder_it_waits_and_is_given_up,
    two_hooks_at_once_heal_it_once,
    a_stopped_download_stays_stopped,
    without_rtorrent_nothing_is_healed,
    files_that_two_downloads_share_heal,
    a_sweep_lands_what_a_full_disk_refused,
];

/// The points of a heal, in their order.
const HEAL: [&str; 7] = [
    "failure-recorded",
    "heal-kept",
    "heal-erased",
    "heal-loaded",
    "heal-furnished",
    "heal-noted",
    "heal-started",
];

/// A shop that takes archives and directories.
fn shop() -> String {
    SHOP.replace("[\"shop-{version}.tar\",", "[\"shop-{version}.tar\", \"shop-{version}\",")
}

/// A download of a fleet that has one seeder, and a web server whose event is lost at first.
struct Scene<'l> {
    host: Host<'l>,
    seeder: Node,
    node: Node,
    tracker: lab::tracker::Tracker,
    hook: PathBuf,
}

impl<'l> Scene<'l> {
    fn new(lab: &'l Lab, flavour: Flavour) -> Self {
        Self::with(lab, flavour, |node| node)
    }

    fn with(
        lab: &'l Lab,
        flavour: Flavour,
        set: impl FnOnce(rtorrent::Builder) -> rtorrent::Builder,
    ) -> Self {
        let host = Host::new(lab, &shop());
        host.landed("shop", "1.0");
        let hook = lab.path().join("hook");
        let there = hook.with_extension("listens");
        let script = format!(
            "#!/bin/sh\n[ -e '{}' ] && exec '{SEEDSHIP}' \"$@\"\necho \"$2\" >> '{}'\n",
            there.display(),
            hook.with_extension("missed").display()
        );
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let node = set(host.node(flavour).hook(&hook)).start().unwrap();
        let seeder = lab.rtorrent(flavour).start().unwrap();
        Self { tracker: lab.tracker().unwrap(), host, seeder, node, hook }
    }

    /// A release that is downloaded and seeded, and of which nobody told Seedship.
    fn downloaded(&self, version: &str, kind: Kind) -> (Torrent, PathBuf) {
        let lab = self.host.lab;
        let folder = lab.folder(&lab.fresh("payload")).unwrap();
        // Several pieces of 32 KiB, and files that lie in one, in two, and in none whole.
        let tree =
            site::small(version).file("big.bin", noise(200_000)).file("z.bin", noise(70_000));
        let tree = if kind == Kind::Folder { tree_without_links(version) } else { tree };
        let payload = tree.pack(kind, &folder, &format!("shop-{version}")).unwrap();
        let torrent = lab.torrent(&payload).tracker(&self.tracker).make().unwrap();
        self.seeder.seed(&torrent, &payload).unwrap();
        self.node.watch(&torrent).unwrap();
        self.node.await_loaded(&torrent.hash).unwrap();
        if !self.hook.with_extension("listens").exists() {
            self.misses(&torrent);
        }
        (torrent, self.node.download().join(folder_name(&payload)))
    }

    /// The event of a download came, and nobody heard it.
    fn misses(&self, torrent: &Torrent) {
        let missed = self.hook.with_extension("missed");
        let came = || fs::read_to_string(&missed).is_ok_and(|all| all.contains(&torrent.hash));
        self.node.await_that("its event", came).unwrap();
        self.node.await_complete(&torrent.hash).unwrap();
    }

    /// From now on events are heard.
    fn listens(&self) {
        fs::write(self.hook.with_extension("listens"), "").unwrap();
    }

    /// From now on they are lost.
    fn is_deaf(&self) {
        fs::remove_file(self.hook.with_extension("listens")).unwrap();
    }

    /// The event, typed by hand.
    fn finished(&self, torrent: &Torrent) -> Run {
        self.host.run(&["finished", &torrent.hash])
    }

    /// Everything that rtorrent would forget of a download.
    fn fields(&self, torrent: &Torrent) -> Vec<String> {
        let hash = torrent.hash.as_str();
        let plain = ["d.directory", "d.tied_to_file", "d.throttle_name", "d.custom1", "d.custom2"];
        let mut told: Vec<String> =
            plain.iter().map(|field| self.node.text(field, hash).unwrap()).collect();
        let custom = |key: &str| self.node.rpc("d.custom", &[hash.into(), key.into()]).unwrap();
        told.extend(["k", "a b"].map(|key| custom(key).text().unwrap().to_owned()));
        told.push(self.node.number("d.priority", hash).unwrap().to_string());
        told
    }

    /// Gives a download what an operator may have given it.
    fn furnish(&self, torrent: &Torrent) {
        let set = |call: &str, values: &[Value]| {
            let hash = [Value::from(torrent.hash.as_str())];
            self.node.rpc(call, &[&hash[..], values].concat()).unwrap();
        };
        set("d.custom1.set", &["a label, with \"things\"".into()]);
        set("d.custom.set", &["k".into(), "$d.erase= \"<&>\" é; a,b\\".into()]);
        set("d.custom.set", &["a b".into(), "~/x".into()]);
        set("d.custom.set", &[b"bin".as_slice().into(), b"\xff\x01\n".as_slice().into()]);
        set("d.priority.set", &[3.into()]);
    }

    fn sweep(&self) -> Run {
        self.host.run(&["sweep", "--json"])
    }

    fn heals(&self, torrent: &Torrent) -> Option<String> {
        let record = self.host.record("shop", &torrent.hash)?;
        record.lines().find_map(|line| line.strip_prefix("heals = ").map(str::to_owned))
    }

    /// Sweeps until 2.0 is live; what it waits for comes at once.
    fn lands_when_due(&self, torrent: &Torrent) {
        let landed = self.node.await_that("landed", || {
            let waits = self.host.record("shop", &torrent.hash).unwrap();
            if waits.contains("not_before") && !waits.contains("healing = true") {
                self.host.is_due("shop", &torrent.hash);
            }
            self.sweep();
            self.host.page("shop").as_deref() == Some("2.0")
        });
        landed.unwrap_or_else(|e| panic!("{e}\n{}", self.host.log().join("\n")));
    }

    /// What a heal keeps.
    fn kept(&self) -> usize {
        let kept = fs::read_dir(self.host.root("shop").join(".seedship/heal"));
        kept.map_or(0, Iterator::count)
    }
}

fn folder_name(payload: &Path) -> String {
    payload.file_name().unwrap().to_str().unwrap().to_owned()
}

fn tree_without_links(version: &str) -> Tree {
    Tree::new()
        .file("index.html", site::page(version))
        .file("assets/site.css", "body {}")
        .file("big.bin", noise(200_000))
        .file("z.bin", noise(70_000))
}

/// Bytes that no compression makes small.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn flip(file: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}

fn truncate(file: &Path) {
    fs::File::options().write(true).open(file).unwrap().set_len(100).unwrap();
}

/// What is done to a payload.
type Damage = fn(&Path);

fn every_damage_heals_by_itself(lab: &Lab, flavour: Flavour) {
    let scene = Scene::new(lab, flavour);
    let damages: [(&str, Kind, Damage); 8] = [
        ("2.0", Kind::Tar, |file| flip(file, 100_000)),
        ("3.0", Kind::Tar, truncate),
        ("4.0", Kind::Tar, |file| fs::remove_file(file).unwrap()),
        ("5.0", Kind::Folder, |payload| flip(&payload.join("big.bin"), 100_000)),
        ("6.0", Kind::Folder, |payload| truncate(&payload.join("big.bin"))),
        ("7.0", Kind::Folder, |payload| fs::remove_file(payload.join("big.bin")).unwrap()),
        ("8.0", Kind::Folder, |payload| fs::remove_dir_all(payload).unwrap()),
        ("9.0", Kind::Tar, |file| flip(file, 0)),
    ];
    let releases = damages.map(|(version, kind, _)| scene.downloaded(version, kind));
    scene.listens();
    let mut live = "1.0";
    for ((version, _, damage), (torrent, payload)) in damages.iter().zip(&releases) {
        damage(payload);
        let sent = scene.seeder.number("d.up.total", &torrent.hash).unwrap();
        let run = scene.host.run(&["finished", &torrent.hash]);
        assert_eq!(run.code, 75, "{run:?}");
        assert_eq!(scene.host.page("shop").as_deref(), Some(live), "while {version} is damaged");
        scene.host.await_live(&scene.node, "shop", version);
        scene.host.await_state(&scene.node, "shop", &torrent.hash, "good");
        live = version;
        let sent = scene.seeder.number("d.up.total", &torrent.hash).unwrap() - sent;
        let whole = scene.node.number("d.size_bytes", &torrent.hash).unwrap();
        match *version {
            "2.0" | "5.0" | "9.0" => assert!(sent <= 2 * 32_768, "{version}: {sent} of {whole}"),
            "4.0" | "8.0" => assert!(sent >= whole, "{version}: {sent} of {whole}"),
            _ => assert!(sent < whole + 65_536, "{version}: {sent} of {whole}"),
        }
        scene.node.await_that("nothing kept", || scene.kept() == 0).unwrap();
    }
    lab::withstood!(
        "Damaged downloads",
        "a byte flipped, a file cut off or removed, a whole directory removed, after completion",
        damages.len(),
        "75; loaded again in rtorrent, only what is wrong is fetched, live by its event",
        live == "9.0",
    );
}

fn what_it_had_in_rtorrent_survives(lab: &Lab, flavour: Flavour) {
    let mut scene = Scene::with(lab, flavour, |node| node.schedule("watch_untied", 1, 1));
    let (watched, archive) = scene.downloaded("2.0", Kind::Tar);
    // A second one lies elsewhere, came over the socket, and is tied to nothing.
    let folder = lab.folder("payload").unwrap();
    let payload = tree_without_links("3.0").pack(Kind::Folder, &folder, "shop-3.0").unwrap();
    let loaded = lab.torrent(&payload).tracker(&scene.tracker).make().unwrap();
    scene.seeder.seed(&loaded, &payload).unwrap();
    let elsewhere = lab.folder("else where").unwrap();
    let directory = format!("d.directory.set=\"{}\"", elsewhere.display());
    scene.node.load(&loaded, &[&directory]).unwrap();
    scene.misses(&loaded);
    scene.listens();
    let damaged = [(&watched, archive), (&loaded, elsewhere.join("shop-3.0/big.bin"))];
    for (version, (torrent, file)) in ["2.0", "3.0"].iter().zip(&damaged) {
        scene.furnish(torrent);
        let before = scene.fields(torrent);
        flip(file, 100_000);
        assert_eq!(scene.finished(torrent).code, 75);
        scene.host.await_live(&scene.node, "shop", version);
        assert_eq!(scene.fields(torrent), before);
        let state = scene.node.session().join(format!("{}.torrent.rtorrent", torrent.hash));
        let bytes = b"3:bin3:\xff\x01\n";
        scene
            .node
            .await_that("every byte", || {
                fs::read(&state).is_ok_and(|state| state.windows(bytes.len()).any(|at| at == bytes))
            })
            .unwrap();
    }
    let fields = [&watched, &loaded].map(|torrent| scene.fields(torrent));
    assert_eq!(fields[0][2], "deploy", "the group of the watch directory");
    let watch_file = scene.node.watch_folder().join(format!("{}.torrent", watched.hash));
    assert_eq!(Path::new(&fields[0][1]), watch_file);
    assert_eq!(fields[1][1], "");

    // Neither is there twice, or gone, after a restart; and the watch file still takes its
    // download along.
    scene.node.restart().unwrap();
    for (torrent, before) in [&watched, &loaded].iter().zip(&fields) {
        scene.node.await_complete(&torrent.hash).unwrap();
        assert_eq!(&scene.fields(torrent), before);
    }
    assert_eq!(scene.node.downloads().unwrap().len(), 2);
    fs::remove_file(watch_file).unwrap();
    scene.node.await_gone(&watched.hash).unwrap();
}

/// The .torrent is larger than what rtorrent takes in one request: it is loaded from the file that
/// the heal keeps, and tied to its own again.
#[test]
fn a_large_torrent_heals() {
    for flavour in Flavour::ALL {
        let Some(lab) = Lab::with(flavour) else { continue };
        let limit = |node: rtorrent::Builder| {
            node.line("network.xmlrpc.size_limit.set = 5K").schedule("watch_untied", 1, 1)
        };
        let scene = Scene::with(&lab, flavour, limit);
        let (torrent, payload) = scene.downloaded("2.0", Kind::Tar);
        scene.listens();
        let before = scene.fields(&torrent);
        flip(&payload, 100_000);
        assert_eq!(scene.finished(&torrent).code, 75);
        scene.host.await_live(&scene.node, "shop", "2.0");
        assert_eq!(scene.fields(&torrent), before);
        let asked = [torrent.hash.as_str().into(), "seedship_heal".into()];
        let mark = scene.node.rpc("d.custom", &asked).unwrap();
        assert!(mark.text().unwrap().starts_with("1-"), "{mark}");
    }
}

fn a_heal_dies_anywhere(lab: &Lab, flavour: Flavour) {
    let scene = Scene::new(lab, flavour);
    let (mut live, mut served) = ("1.0".to_owned(), 0);
    for (n, checkpoint) in HEAL.into_iter().enumerate() {
        let version = format!("{}.0", n + 2);
        let (torrent, payload) = &scene.downloaded(&version, Kind::Tar);
        scene.listens();
        scene.furnish(torrent);
        let before = scene.fields(torrent);
        flip(payload, 100_000);
        let hook = scene.host.command(&["finished", &torrent.hash]);
        scene.host.parked(hook, checkpoint).kill();
        assert_eq!(scene.host.page("shop"), Some(live), "killed at {checkpoint}");
        // One sweep loads it again, unless rtorrent was checking the data just then.
        scene
            .node
            .await_that(checkpoint, || {
                scene.sweep();
                scene.host.page("shop").as_ref() == Some(&version)
            })
            .unwrap_or_else(|e| panic!("{e}\n{}", scene.host.log().join("\n")));
        scene.host.await_state(&scene.node, "shop", &torrent.hash, "good");
        assert_eq!(scene.fields(torrent), before, "{checkpoint}");
        assert_eq!(scene.heals(torrent).as_deref(), Some("1"), "{checkpoint}");
        scene.host.good(&["sweep"]);
        scene.node.await_that("nothing kept", || scene.kept() == 0).unwrap();
        scene.is_deaf();
        (live, served) = (version, served + 1);
    }
    lab::withstood!(
        "Damaged downloads",
        "SIGKILL at each named point of a heal",
        HEAL.len(),
        "one sweep goes on: rtorrent has it again with all that it had, and it goes live",
        served == HEAL.len(),
    );
}

fn the_watch_directory_brings_it_back_meanwhile(lab: &Lab, flavour: Flavour) {
    let mut scene = Scene::new(lab, flavour);
    let (torrent, payload) = scene.downloaded("2.0", Kind::Tar);
    scene.listens();
    scene.furnish(&torrent);
    let before = scene.fields(&torrent);
    flip(&payload, 100_000);
    let hook = scene.host.command(&["finished", &torrent.hash]);
    scene.host.parked(hook, "heal-erased").kill();
    assert_eq!(scene.node.downloads().unwrap(), [""; 0]);
    // The power is cut: both are dead, and rtorrent comes back with what its watch directory has.
    scene.is_deaf();
    scene.node.kill().unwrap();
    scene.node.start().unwrap();
    scene.node.rpc("load.start", &["".into(), (&watch_file(&scene, &torrent)).into()]).unwrap();
    scene.node.await_loaded(&torrent.hash).unwrap();
    assert_ne!(scene.fields(&torrent), before);
    let served = scene.host.page("shop").as_deref() == Some("1.0");
    scene.listens();
    scene
        .node
        .await_that("landed", || {
            scene.sweep();
            scene.host.page("shop").as_deref() == Some("2.0")
        })
        .unwrap();
    assert_eq!(scene.fields(&torrent), before);
    lab::withstood!(
        "Damaged downloads",
        "power cut in the middle of a heal, and the watch directory loads the download meanwhile",
        1,
        "a sweep loads it again with all that it had, and it goes live",
        served,
    );
}

fn watch_file(scene: &Scene<'_>, torrent: &Torrent) -> String {
    let file = scene.node.watch_folder().join(format!("{}.torrent", torrent.hash));
    file.to_str().unwrap().to_owned()
}

fn without_a_seeder_it_waits_and_is_given_up(lab: &Lab, flavour: Flavour) {
    let mut scene = Scene::new(lab, flavour);
    let (torrent, payload) = scene.downloaded("2.0", Kind::Tar);
    scene.listens();
    scene.seeder.stop().unwrap();
    flip(&payload, 100_000);
    let run = scene.finished(&torrent);
    assert_eq!(run.code, 75);
    assert!(run.stderr.contains("rtorrent is made to fetch it again: try 1 of 3"), "{run:?}");
    shows(&scene, "status", "being healed, try 1 of 3: could not verify");
    shows(&scene, "history", " healing ");
    shows(&scene, "history", "rtorrent is made to fetch it again: try 1 of 3");
    assert_eq!(scene.sweep().code, 0, "it only waits, and was told before");

    let checked = || {
        scene.node.await_that("checked", || {
            let is = |what| scene.node.number(what, &torrent.hash);
            is("d.hashing") == Some(0) && is("d.is_hash_checked") == Some(1)
        })
    };
    for (heals, checkpoint) in [("2", None), ("3", Some("heal-again"))] {
        checked().unwrap();
        scene.host.is_due("shop", &torrent.hash);
        if let Some(checkpoint) = checkpoint {
            scene.host.parked(scene.host.command(&["sweep"]), checkpoint).kill();
        }
        let swept = scene.sweep();
        assert_eq!(swept.code, 0, "{swept:?} {:#?}", scene.host.log());
        assert_eq!(scene.heals(&torrent).as_deref(), Some(heals));
        assert_eq!(scene.host.state("shop", &torrent.hash).as_deref(), Some("waiting"));
    }
    // After the third it is told, once, and left to rtorrent.
    checked().unwrap();
    scene.host.is_due("shop", &torrent.hash);
    scene.host.parked(scene.host.command(&["sweep"]), "heal-ended").kill();
    scene.host.good(&["sweep"]);
    assert_eq!(scene.kept(), 0);
    let served = scene.host.page("shop").as_deref() == Some("1.0");
    shows(&scene, "status", "not healed by 3 tries: could not verify");

    // A seeder comes back, and what rtorrent completes lands.
    scene.seeder.start().unwrap();
    scene.seeder.await_complete(&torrent.hash).unwrap();
    lab::await_for("its announce", || scene.tracker.peers(&torrent.hash).unwrap().0 > 0).unwrap();
    scene.node.rpc("d.tracker_announce", &[torrent.hash.as_str().into()]).unwrap();
    scene.host.await_live(&scene.node, "shop", "2.0");
    lab::withstood!(
        "Damaged downloads",
        "no peer has what is wrong",
        3,
        "tried three times with pauses, then 75 once; live when a peer comes back",
        served,
    );
}

/// A screen says this, wherever its lines are broken.
fn shows(scene: &Scene<'_>, command: &str, text: &str) {
    let screen = scene.host.good(&[command, "shop"]);
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    let words: Vec<&str> = screen.split_whitespace().collect();
    assert!(words.join(" ").contains(text.trim()), "{screen}");
}

fn two_hooks_at_once_heal_it_once(lab: &Lab, flavour: Flavour) {
    let scene = Scene::new(lab, flavour);
    let (torrent, payload) = scene.downloaded("2.0", Kind::Tar);
    scene.listens();
    flip(&payload, 100_000);
    let hook = || scene.host.command(&["finished", &torrent.hash]);
    let mut first = scene.host.parked(hook(), "failure-recorded");
    let waiting = scene.host.told("is deploying into");
    let mut second = hook().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    lab::await_for("the second waits", || scene.host.told("is deploying into") > waiting).unwrap();
    fs::write(scene.host.checkpoints().join("failure-recorded.go"), "").unwrap();
    lab::await_for("the first to end", || !first.stands()).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(75));
    let served = scene.host.page("shop").is_some();
    scene.host.await_live(&scene.node, "shop", "2.0");
    scene.host.await_state(&scene.node, "shop", &torrent.hash, "good");
    assert_eq!(scene.heals(&torrent).as_deref(), Some("1"));
    lab::withstood!(
        "Damaged downloads",
        "two events of one damaged download at once",
        2,
        "75 and 75; healed once",
        served,
    );
}

fn a_stopped_download_stays_stopped(lab: &Lab, flavour: Flavour) {
    let scene = Scene::new(lab, flavour);
    let (torrent, payload) = scene.downloaded("2.0", Kind::Tar);
    scene.listens();
    scene.node.rpc("d.stop", &[torrent.hash.as_str().into()]).unwrap();
    let before = scene.fields(&torrent);
    flip(&payload, 100_000);
    assert_eq!(scene.finished(&torrent).code, 75);
    assert_eq!(scene.host.told("it is stopped in rtorrent, and stays so"), 1);
    assert_eq!(scene.fields(&torrent), before);
    assert_eq!(scene.node.number("d.state", &torrent.hash), Some(0));
    assert_eq!((scene.heals(&torrent), scene.kept()), (None, 0));

    scene.node.rpc("d.start", &[torrent.hash.as_str().into()]).unwrap();
    scene.lands_when_due(&torrent);
}

fn without_rtorrent_nothing_is_healed(lab: &Lab, flavour: Flavour) {
    let mut scene = Scene::new(lab, flavour);
    let (torrent, payload) = scene.downloaded("2.0", Kind::Tar);
    let state = scene.node.session().join(format!("{}.torrent.rtorrent", torrent.hash));
    let written = || fs::read(&state).is_ok_and(|s| s.windows(13).any(|w| w == b"8:completei1e"));
    scene.node.await_that("written down", written).unwrap();
    scene.node.kill().unwrap();
    flip(&payload, 100_000);
    assert_eq!(scene.sweep().code, 75);
    let told = "seedship has that done by itself only where rtorrent's socket answers";
    assert_eq!(scene.host.told(told), 1, "{:#?}", scene.host.log());
    assert_eq!((scene.heals(&torrent), scene.kept()), (None, 0));
    assert_eq!(scene.sweep().code, 0, "told before");
    lab::withstood!(
        "Damaged downloads",
        "damage while rtorrent is down",
        1,
        "75 once, and nothing is touched; healed when rtorrent answers",
        scene.host.page("shop").as_deref() == Some("1.0"),
    );

    // It is up again, and may not know of the damage: whoever finds it, it lands.
    scene.listens();
    scene.node.start().unwrap();
    scene.lands_when_due(&torrent);
}

/// On 0.9.8 alone: two of 0.16 give each other no metadata in the lab.
#[test]
fn one_that_came_by_a_magnet_link_heals() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let scene = Scene::new(&lab, Flavour::Old);
    let folder = lab.folder("payload").unwrap();
    let tree = site::small("2.0").file("big.bin", noise(200_000));
    let payload = tree.pack(Kind::Tar, &folder, "shop-2.0").unwrap();
    let torrent = lab.torrent(&payload).tracker(&scene.tracker).make().unwrap();
    scene.seeder.seed(&torrent, &payload).unwrap();
    let announce = scene.tracker.announce().replace(':', "%3A").replace('/', "%2F");
    let link = format!("magnet:?xt=urn:btih:{}&tr={announce}", torrent.hash);
    scene.node.rpc("load.start", &["".into(), link.as_str().into()]).unwrap();
    scene.misses(&torrent);
    scene.listens();
    flip(&scene.node.download().join("shop-2.0.tar"), 100_000);
    assert_eq!(scene.finished(&torrent).code, 75);
    scene.host.await_live(&scene.node, "shop", "2.0");
}

fn files_that_two_downloads_share_heal(lab: &Lab, flavour: Flavour) {
    let scene = Scene::new(lab, flavour);
    let (torrent, payload) = scene.downloaded("2.0", Kind::Tar);
    let source = scene.seeder.download().join("shop-2.0.tar");
    let other = lab.torrent(&source).piece_power(16).make().unwrap();
    scene.node.load(&other, &[]).unwrap();
    scene.node.await_complete(&other.hash).unwrap();
    scene.listens();
    flip(&payload, 100_000);
    assert_eq!(scene.finished(&torrent).code, 75);
    scene.host.await_live(&scene.node, "shop", "2.0");
    assert_eq!(fs::read(&payload).unwrap(), fs::read(&source).unwrap());
    scene.node.rpc("d.check_hash", &[other.hash.as_str().into()]).unwrap();
    scene.node.await_complete(&other.hash).unwrap();
}

/// The event finds no room; once there is some, a sweep lands it.
fn a_sweep_lands_what_a_full_disk_refused(lab: &Lab, flavour: Flavour) {
    let scene = Scene::new(lab, flavour);
    scene.host.configure(&shop().replace("1MiB", "1000TiB"));
    scene.listens();
    let (torrent, _) = scene.downloaded("2.0", Kind::Tar);
    scene.host.await_state(&scene.node, "shop", &torrent.hash, "waiting");
    assert!(scene.host.record("shop", &torrent.hash).unwrap().contains("exit = 74"));
    assert_eq!(scene.host.page("shop").as_deref(), Some("1.0"));
    assert_eq!(scene.sweep().code, 0, "not yet due");
    scene.host.configure(&shop());
    scene.host.is_due("shop", &torrent.hash);
    // The hook may still be telling how it failed.
    scene
        .node
        .await_that("landed", || {
            scene.sweep();
            scene.host.page("shop").as_deref() == Some("2.0")
        })
        .unwrap();
}

//! The shipped `rtorrent.rc.example`, every line of it, on both rtorrents.
//!
//! The lab starts it with its own paths in the block at the top and a hook that records how it is
//! called. A schedule is given a quicker rhythm where a test waits for it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use lab::hook::Recorder;
use lab::rpc::Value;
use lab::{Flavour, Lab, Torrent, await_for, workspace};

lab::on_both![
    the_binding_reads_back,
    finished_is_called_with_the_hash_alone,
    finished_is_not_called_for_what_was_there_before,
    the_tracker_hears_of_a_finished_download,
    sweep_runs_by_schedule,
    a_torrent_renamed_in_is_loaded_at_once,
    a_torrent_has_a_passing_name_first_and_stays,
    a_torrent_that_came_while_it_was_down_is_loaded_once,
    a_torrent_taken_away_is_forgotten_and_its_payload_stays,
    what_the_watch_directory_loads_has_the_deploy_s_cap,
    the_networks_of_the_racks_are_taken,
    the_socket_is_closed_to_others,
    low_disk_space_closes_what_is_unfinished,
    the_settings_read_back,
];

/// The name of a file that a shell, a glob, or rtorrent's own command language would take apart.
const HARD_NAME: &str = "~a b,c;\"d\"$(touch e)[f]'g'-1.0.0.tar";

/// A payload of a few pieces, and its torrent.
fn payload(lab: &Lab, name: &str) -> (PathBuf, Torrent) {
    let bytes: Vec<u8> = (0..200_000u32).flat_map(|n| n.to_le_bytes()).collect();
    let payload = lab.write(&format!("payload/{name}"), bytes).unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    (payload, torrent)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn the_binding_reads_back(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).hook("/opt/some where/seedship").start().unwrap();
    let handlers = node.rpc("method.get", &["".into(), "event.download.finished".into()]).unwrap();
    let ours = handlers.field("zz_seedship").unwrap().to_string();
    assert_eq!(ours, "(execute.nothrow.bg,/opt/some where/seedship,finished,(d.hash,0))");
    let keys = node.rpc("method.list_keys", &["".into(), "event.download.finished".into()]);
    let last = keys.unwrap().items().last().cloned();
    assert_eq!(last, Some(Value::from("zz_seedship")), "rtorrent's own handlers run before");
}

fn finished_is_called_with_the_hash_alone(lab: &Lab, flavour: Flavour) {
    let (payload, torrent) = payload(lab, HARD_NAME);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    seeder.seed(&torrent, &payload).unwrap();
    let recorder = Recorder::new(lab).unwrap();
    let mut node = lab.rtorrent(flavour).name("a node").hook(recorder.program()).start().unwrap();
    node.watch(&torrent).unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    node.add_peer(&torrent.hash, &seeder).unwrap();
    node.await_complete(&torrent.hash).unwrap();

    let expected = [["finished".to_owned(), torrent.hash.clone()]];
    await_for("the event", || !recorder.calls().is_empty()).unwrap();
    assert_eq!(recorder.calls(), expected);
    let landed = node.download().join(&torrent.name);
    assert_eq!(fs::read(&landed).unwrap(), fs::read(&payload).unwrap());
    assert_eq!(mode(&landed), 0o640, "for this user and group only");
    let session = node.session().join(format!("{}.torrent", torrent.hash));
    assert!(session.is_file(), "the hook finds the .torrent there");

    // The session brings it back, and it is no news.
    node.restart().unwrap();
    node.await_complete(&torrent.hash).unwrap();
    assert_eq!(recorder.calls(), expected);
}

fn finished_is_not_called_for_what_was_there_before(lab: &Lab, flavour: Flavour) {
    let (payload, torrent) = payload(lab, "shop-1.0.0.tar");
    let recorder = Recorder::new(lab).unwrap();
    let hook = lab.rtorrent(flavour).hook(recorder.program());
    let node = hook.schedule("seedship_sweep", 1, 1).start().unwrap();
    node.seed(&torrent, &payload).unwrap();
    let so_far = recorder.calls().len();
    await_for("later events", || recorder.calls().len() > so_far + 1).unwrap();
    assert!(recorder.calls().iter().all(|call| call == &["sweep"]), "{:?}", recorder.calls());
}

fn the_tracker_hears_of_a_finished_download(lab: &Lab, flavour: Flavour) {
    let tracker = lab.tracker().unwrap();
    let payload = lab.write("payload/shop-1.0.0.tar", [7; 100_000]).unwrap();
    let torrent = lab.torrent(&payload).tracker(&tracker).make().unwrap();
    let seeder = lab.rtorrent(flavour).start().unwrap();
    seeder.seed(&torrent, &payload).unwrap();
    await_for("the seeder known", || tracker.peers(&torrent.hash).unwrap() == (1, 0)).unwrap();
    let node = lab.rtorrent(flavour).start().unwrap();
    node.watch(&torrent).unwrap();
    node.await_complete(&torrent.hash).unwrap();
    node.await_that("told", || tracker.peers(&torrent.hash).unwrap() == (2, 0)).unwrap();
}

fn sweep_runs_by_schedule(lab: &Lab, flavour: Flavour) {
    let recorder = Recorder::new(lab).unwrap();
    let node = lab.rtorrent(flavour).hook(recorder.program());
    let node = node.schedule("seedship_sweep", 1, 1).start().unwrap();
    node.await_that("two sweeps", || recorder.calls().len() >= 2).unwrap();
    assert!(recorder.calls().iter().all(|call| call == &["sweep"]), "{:?}", recorder.calls());
}

/// A schedule that will not run while a test does.
const NEVER: (u32, u32) = (600_000, 600_000);

fn a_torrent_renamed_in_is_loaded_at_once(lab: &Lab, flavour: Flavour) {
    let (_, torrent) = payload(lab, "shop-1.0.0.tar");
    let node = lab.rtorrent(flavour).name("a node").schedule("watch_poll", NEVER.0, NEVER.1);
    let node = node.start().unwrap();
    let dropped = node.drop_torrent(&torrent.bytes, "shop 1.0.0.torrent").unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    assert_eq!(node.text("d.tied_to_file", &torrent.hash), Some(dropped.display().to_string()));
    node.await_that("started", || node.number("d.is_active", &torrent.hash) == Some(1)).unwrap();
}

/// So do rsync, Ansible and `cat > .x && mv`. Loaded by the first name, it would go with that name.
fn a_torrent_has_a_passing_name_first_and_stays(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).schedule("watch_poll", NEVER.0, NEVER.1);
    let node = node.schedule("watch_untied", 1, 1).start().unwrap();
    let [(_, torrent), (_, next), (_, last)] = ["1", "2", "3"].map(|n| payload(lab, n));
    let passing = node.watch_folder().join(".shop-1.torrent.Xy12");
    fs::write(&passing, &torrent.bytes).unwrap();
    // The kernel tells in order: when the next is there, the first was looked at.
    node.drop_torrent(&next.bytes, "next.torrent").unwrap();
    node.await_loaded(&next.hash).unwrap();
    assert_eq!(node.downloads().unwrap(), [next.hash.as_str()]);
    let name = node.watch_folder().join("shop-1.torrent");
    fs::rename(&passing, &name).unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    assert_eq!(node.text("d.tied_to_file", &torrent.hash), Some(name.display().to_string()));
    // Whatever has no file any more has been forgotten since.
    let gone = node.drop_torrent(&last.bytes, "last.torrent").unwrap();
    node.await_loaded(&last.hash).unwrap();
    fs::remove_file(gone).unwrap();
    node.await_gone(&last.hash).unwrap();
    assert!(node.number("d.is_active", &torrent.hash).is_some());
}

fn a_torrent_that_came_while_it_was_down_is_loaded_once(lab: &Lab, flavour: Flavour) {
    let (_, torrent) = payload(lab, "shop-1.0.0.tar");
    let recorder = Recorder::new(lab).unwrap();
    let node = lab.rtorrent(flavour).name("a node").hook(recorder.program());
    let node = node.schedule("watch_poll", 1, 1).schedule("seedship_sweep", 1, 1);
    let mut node = node.start().unwrap();
    node.stop().unwrap();
    node.watch(&torrent).unwrap();
    node.start().unwrap();
    node.await_loaded(&torrent.hash).unwrap();
    // Both schedules run each second: two sweeps later it has looked again.
    let so_far = recorder.calls().len();
    node.await_that("another look", || recorder.calls().len() > so_far + 1).unwrap();
    assert_eq!(node.downloads().unwrap(), [torrent.hash]);
}

fn a_torrent_taken_away_is_forgotten_and_its_payload_stays(lab: &Lab, flavour: Flavour) {
    let (payload, torrent) = payload(lab, "shop-1.0.0.tar");
    let node = lab.rtorrent(flavour).schedule("watch_untied", 1, 1).start().unwrap();
    let place = node.download().join(&torrent.name);
    fs::copy(&payload, &place).unwrap();
    let dropped = node.watch(&torrent).unwrap();
    node.await_complete(&torrent.hash).unwrap();
    fs::remove_file(dropped).unwrap();
    node.await_gone(&torrent.hash).unwrap();
    assert_eq!(fs::read(place).unwrap(), fs::read(payload).unwrap());
}

fn what_the_watch_directory_loads_has_the_deploy_s_cap(lab: &Lab, flavour: Flavour) {
    let named = |number: u32, name: &str| {
        let payload = lab.write(&format!("payload/{number}"), [1; 10]).unwrap();
        (lab.torrent(&payload).make().unwrap(), format!("{name}.torrent"))
    };
    // The path goes through rtorrent's own command language.
    let hard =
        [HARD_NAME, "d.stop=", "$d.hash=", "(cat,a)", "{x}", "\\", "%41 100%", "a=b;c", "žluť"];
    let dropped: Vec<_> = (0..).zip(hard).map(|(number, name)| named(number, name)).collect();
    let (early, early_name) = named(99, "early, and found by the slow look");
    let node = lab.rtorrent(flavour).name("a node").schedule("watch_poll", 1, 1);
    let mut node = node.start().unwrap();
    node.stop().unwrap();
    node.drop_torrent(&early.bytes, &early_name).unwrap();
    node.start().unwrap();
    node.await_loaded(&early.hash).unwrap();
    assert_eq!(node.text("d.throttle_name", &early.hash).as_deref(), Some("deploy"));
    node.stop().unwrap();

    let node = lab.rtorrent(flavour).name("another node").schedule("watch_poll", NEVER.0, NEVER.1);
    let mut node = node.start().unwrap();
    for (torrent, name) in &dropped {
        let place = node.drop_torrent(&torrent.bytes, name).unwrap();
        node.await_loaded(&torrent.hash).unwrap();
        let tied = node.text("d.tied_to_file", &torrent.hash);
        assert_eq!(tied, Some(place.display().to_string()));
        let named = || node.text("d.throttle_name", &torrent.hash).as_deref() == Some("deploy");
        node.await_that(name, named).unwrap();
    }
    assert_eq!(node.downloads().unwrap().len(), dropped.len());
    // It has it after a restart too.
    node.restart().unwrap();
    for (torrent, name) in &dropped {
        node.await_loaded(&torrent.hash).unwrap();
        let group = node.text("d.throttle_name", &torrent.hash);
        assert_eq!(group.as_deref(), Some("deploy"), "{name}");
    }
}

/// The command is 0.9.8's alone, and the example starts on both. That peers are in their groups is
/// measured in `bandwidth`.
fn the_networks_of_the_racks_are_taken(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).set("cross_net", "10.0.0.0/8");
    let node = node.set("rack_net", "10.1.0.0/16").set("up_kib", "300000").start().unwrap();
    for group in ["deploy", "cross", "rack"] {
        let rate = node.rpc("throttle.up.max", &["".into(), group.into()]).unwrap();
        assert_eq!(rate.int(), Some(300_000 * 1024), "{group} follows the whole");
    }
    let known = node.rpc("throttle.ip", &["".into(), "cross".into(), "10.9.0.0/16".into()]);
    assert_eq!(known.is_ok(), flavour == Flavour::Old, "{known:?}");
    assert!(
        node.rpc("throttle.ip", &["".into(), "nonesuch".into(), "10.9.0.0/16".into()]).is_err()
    );
}

fn the_socket_is_closed_to_others(lab: &Lab, flavour: Flavour) {
    let mut node = lab.rtorrent(flavour).name("a node").start().unwrap();
    assert_eq!(mode(&node.run()), 0o700);
    let socket = fs::metadata(node.socket()).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.mode() & 0o7777, 0o660);
    // Somebody opened it; the next start closes it.
    node.stop().unwrap();
    fs::set_permissions(node.run(), fs::Permissions::from_mode(0o777)).unwrap();
    node.start().unwrap();
    assert_eq!(mode(&node.run()), 0o700);
    // The umask around the socket's birth did not stay.
    for folder in [node.session(), node.download(), node.watch_folder()] {
        assert_eq!(mode(&folder), 0o750, "{}", folder.display());
    }
}

fn low_disk_space_closes_what_is_unfinished(lab: &Lab, flavour: Flavour) {
    let (_, unfinished) = payload(lab, "shop-2.0.0.tar");
    let (finished_payload, finished) = {
        let payload = lab.write("payload/shop-1.0.0.tar", "small").unwrap();
        let torrent = lab.torrent(&payload).make().unwrap();
        (payload, torrent)
    };
    let is_open = |node: &lab::Node, torrent: &Torrent| {
        let open = node.number("d.is_open", &torrent.hash).unwrap();
        open == 1
    };
    let recorder = Recorder::new(lab).unwrap();
    let start = |min_free: &str| {
        let node = lab.rtorrent(flavour).set("min_free", min_free).hook(recorder.program());
        let node = node.schedule("low_diskspace", 1, 1).schedule("seedship_sweep", 1, 1);
        let node = node.start().unwrap();
        node.seed(&finished, &finished_payload).unwrap();
        node.load(&unfinished, &[]).unwrap();
        node
    };
    let node = start("4000000000M");
    node.await_that("closed", || !is_open(&node, &unfinished)).unwrap();
    assert!(is_open(&node, &finished), "what is complete goes on seeding");

    let node = start("1M");
    let so_far = recorder.calls().len();
    node.await_that("two rounds", || recorder.calls().len() > so_far + 2).unwrap();
    assert!(is_open(&node, &unfinished), "there is space");
}

fn the_settings_read_back(lab: &Lab, flavour: Flavour) {
    let node = lab.rtorrent(flavour).name("a node").start().unwrap();
    let ask = |method: &str| node.rpc(method, &["".into()]).unwrap().to_string();
    assert_eq!(ask("session.path"), format!("{}/", node.session().display()));
    assert_eq!(ask("directory.default"), node.download().display().to_string());
    assert_eq!(ask("network.port_range"), format!("{0}-{0}", node.address().port()));
    assert_eq!(ask("network.listen.port"), node.address().port().to_string());
    assert_eq!(ask("network.port_random"), "0");
    assert!(ask("dht.statistics").contains("dht=disable"));
    assert_eq!(ask("protocol.pex"), "0");
    assert_eq!(ask("throttle.global_down.max_rate"), (100_000 * 1024).to_string());
    assert_eq!(ask("throttle.global_up.max_rate"), (100_000 * 1024).to_string());
    for group in ["deploy", "cross", "rack"] {
        for direction in ["up", "down"] {
            let rate = node.rpc(&format!("throttle.{direction}.max"), &["".into(), group.into()]);
            assert_eq!(rate.unwrap().int(), Some(100_000 * 1024), "{group}: no cap as shipped");
        }
    }
    assert_eq!(ask("pieces.hash.on_completion"), "0");
    assert_eq!(ask("network.xmlrpc.size_limit"), (2 << 20).to_string());
    assert_eq!(ask("system.daemon"), "1");
}

/// What begins a line of the shipped file, in order. Whoever adds a line adds its test.
const COMMANDS: &str = "\
    method.insert cfg.base|method.insert cfg.session|method.insert cfg.download|\
    method.insert cfg.watch|method.insert cfg.run|method.insert cfg.seedship|\
    method.insert cfg.ports|method.insert cfg.down_kib|method.insert cfg.up_kib|\
    method.insert cfg.deploy_down_kib|method.insert cfg.deploy_up_kib|\
    method.insert cfg.cross_net|method.insert cfg.rack_net|\
    method.insert cfg.cross_down_kib|method.insert cfg.cross_up_kib|\
    method.insert cfg.min_free|system.umask.set 0027|execute.nothrow mkdir|\
    execute.nothrow install|directory.default.set|session.path.set|\
    catch network.port_range.set|catch network.listen.port.range.set|\
    network.port_random.set no|dht.mode.set disable|protocol.pex.set no|\
    throttle.global_down.max_rate.set_kb|throttle.global_up.max_rate.set_kb|\
    throttle.down deploy|throttle.up deploy|throttle.down cross|throttle.up cross|\
    throttle.down rack|throttle.up rack|catch throttle.ip cross|catch throttle.ip rack|\
    pieces.hash.on_completion.set no|system.umask.set 0117|network.scgi.open_local|\
    system.umask.set 0027|network.xmlrpc.size_limit.set 2M|\
    method.set_key event.download.finished|method.set_key event.download.finished|\
    schedule seedship_sweep|method.insert watch.load|directory.watch.added|\
    schedule watch_poll|schedule watch_untied|schedule low_diskspace|system.daemon.set true";

#[test]
fn every_line_has_a_test() {
    let text = fs::read_to_string(workspace().join("rtorrent.rc.example")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let commands: Vec<String> = lines
        .map(|line| {
            let (command, arguments) = line.split_once(" = ").unwrap();
            let mut words = arguments.split(',').map(|word| word.trim().trim_start_matches('('));
            let first = words.next().unwrap();
            match first {
                // Which group is in its second word.
                "throttle.ip" => format!("{command} {first} {}", words.next().unwrap()),
                "cat" | "cfg.session)" | "cfg.download)" | "cfg.down_kib)" | "cfg.up_kib)" => {
                    command.to_owned()
                }
                _ => format!("{command} {first}"),
            }
        })
        .collect();
    assert_eq!(commands.join("|"), COMMANDS);
}

#[test]
fn paths_and_the_binary_stand_in_the_block_alone() {
    let text = fs::read_to_string(workspace().join("rtorrent.rc.example")).unwrap();
    let code = |line: &&str| !line.starts_with('#');
    for line in text.lines().filter(code).filter(|line| !line.starts_with("method.insert = cfg.")) {
        let absolute = line
            .split(['"', ' ', ',', '(', ')'])
            .find(|word| word.starts_with('/') && !["/", "/*.torrent", "/rpc.sock"].contains(word));
        assert_eq!(absolute, None, "{line}");
    }
}

//! SIGKILL at every point between two durable steps: the site stays up, and one sweep brings order.

use crate::{
    event::packed,
    host::{Host, SHOP},
};
use lab::{Flavour, Kind, Lab, Torrent, site};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

lab::on_both![a_hook_of_rtorrent_dies_while_it_unpacks];

/// The points of a deploy of 3.0 over 2.0 that prunes 1.0, in their order, and what is served there.
const DEPLOY: [(&str, &str); 15] = [
    ("stage-made", "2.0"),
    ("unpack-entry", "2.0"),
    ("unpacked", "2.0"),
    ("record-open", "2.0"),
    ("synced", "2.0"),
    ("commit-renamed", "2.0"),
    ("trial-recorded", "2.0"),
    ("switch-begins", "2.0"),
    ("link-made", "2.0"),
    ("link-switched", "3.0"),
    ("trial-live", "3.0"),
    ("trial-checked", "3.0"),
    ("verdict-written", "3.0"),
    ("prune-recorded", "3.0"),
    ("prune-renamed", "3.0"),
];

/// The points of a rollback from 2.0 to 1.0.
const ROLLBACK: [(&str, &str); 6] = [
    ("mark-written", "2.0"),
    ("switch-begins", "2.0"),
    ("link-made", "2.0"),
    ("link-switched", "1.0"),
    ("mark-switched", "1.0"),
    ("mark-closed", "1.0"),
];

/// The points of an activation that takes a real directory over.
const ADOPTION: [(&str, &str); 3] =
    [("adopt-recorded", "theirs"), ("adopt-exchanged", "1.0"), ("mark-closed", "1.0")];

/// The points of a deploy of 2.0 over 1.0 that commands bring, and those of one that fails its check.
const COMMANDS: [(&str, &str); 6] = [
    ("activated-owed", "1.0"),
    ("prepared", "1.0"),
    ("trial-live", "2.0"),
    ("activated-ran", "2.0"),
    ("trial-checked", "2.0"),
    ("verdict-written", "2.0"),
];
const RETURN: [(&str, &str); 8] = [
    ("activated-owed", "1.0"),
    ("trial-live", "2.0"),
    ("activated-ran", "2.0"),
    ("trial-checked", "2.0"),
    ("mark-written", "2.0"),
    ("mark-switched", "1.0"),
    ("mark-closed", "1.0"),
    ("verdict-written", "1.0"),
];

/// Those of a rollback from 2.0 to 1.0.
const ROLLBACK_COMMANDS: [(&str, &str); 4] = [
    ("activated-owed", "2.0"),
    ("mark-written", "2.0"),
    ("mark-closed", "1.0"),
    ("activated-ran", "1.0"),
];

/// An app for each row, so that no case meets another's.
fn apps(cases: usize) -> String {
    (0..cases).map(|n| SHOP.replace("shop", &format!("a{n}")) + "keep = 1\n").collect()
}

fn release(lab: &Lab, app: &str, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::Tar, &format!("{app}-{version}"))
}

/// No stage, no trash, no half-made link, no half-written file.
fn tidy(host: &Host<'_>, app: &str) -> bool {
    let root = host.root(app);
    let hidden = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name.to_str().unwrap().starts_with('.')).collect::<Vec<_>>()
    };
    hidden(&root) == [".seedship"]
        && ["releases", ".seedship", ".seedship/records", ".seedship/manifests"]
            .iter()
            .all(|folder| hidden(&root.join(folder)).is_empty())
}

#[test]
fn a_deploy_dies_anywhere() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &apps(DEPLOY.len()));
    let mut served_meanwhile = 0;
    for (n, (checkpoint, served)) in DEPLOY.into_iter().enumerate() {
        let app = format!("a{n}");
        host.landed(&app, "1.0");
        host.landed(&app, "2.0");
        let (torrent, payload) = release(&lab, &app, "3.0");
        let mut hook = host.parked(host.event(&torrent, &payload), checkpoint);
        assert!(hook.stands(), "{checkpoint}");
        assert_eq!(host.page(&app).as_deref(), Some(served), "at {checkpoint}");
        hook.kill();
        assert_eq!(host.page(&app).as_deref(), Some(served), "killed at {checkpoint}");

        host.in_session(&torrent, payload.parent().unwrap());
        host.good(&["sweep"]);
        let swept = host.picture(&app);
        assert_eq!(swept.page.as_deref(), Some("3.0"), "swept after {checkpoint}");
        assert_eq!(swept.releases, ["2.0", "3.0"], "swept after {checkpoint}");
        assert_eq!(host.state(&app, &torrent.hash).as_deref(), Some("good"), "{checkpoint}");
        assert!(tidy(&host, &app), "{checkpoint}: {:?}", host.listing(&app));
        host.good(&["sweep"]);
        assert_eq!(host.picture(&app), swept, "a second sweep after {checkpoint}");
        served_meanwhile += usize::from(served == "2.0" || served == "3.0");
    }
    lab::withstood!(
        "Kills",
        "SIGKILL at each named point of a deploy",
        DEPLOY.len(),
        "the old release until the switch, the new one after it; one sweep finishes, a second changes nothing",
        served_meanwhile == DEPLOY.len(),
    );
}

#[test]
fn a_rollback_dies_anywhere() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &apps(ROLLBACK.len()));
    for (n, (checkpoint, served)) in ROLLBACK.into_iter().enumerate() {
        let app = format!("a{n}");
        let (one, _) = host.landed(&app, "1.0");
        let (two, payload) = host.landed(&app, "2.0");
        host.parked(host.command(&["rollback", &app]), checkpoint).kill();
        assert_eq!(host.page(&app).as_deref(), Some(served), "killed at {checkpoint}");

        // Its mark is written before anything else, so the operator's word holds from then on:
        // even the download of what was left does not bring it back.
        host.in_session(&two, payload.parent().unwrap());
        host.good(&["sweep"]);
        let states = [&one, &two].map(|torrent| host.state(&app, &torrent.hash).unwrap());
        let came = (host.page(&app), states);
        let expected = (Some("1.0".to_owned()), ["good", "bad"].map(str::to_owned));
        assert_eq!(came, expected, "swept after {checkpoint}");
        assert!(tidy(&host, &app), "{checkpoint}: {:?}", host.listing(&app));
        assert!(!host.record(&app, &two.hash).unwrap().contains("[leave]"), "{checkpoint}");
    }
}

#[test]
fn an_adoption_dies_anywhere() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &apps(ADOPTION.len()));
    for (n, (checkpoint, served)) in ADOPTION.into_iter().enumerate() {
        let app = format!("a{n}");
        let page = format!("www/{app}/current/index.html");
        lab.write(&page, site::page("theirs")).unwrap();
        let (torrent, payload) = release(&lab, &app, "1.0");
        assert_eq!(host.finished(&torrent, &payload).code, 73);
        host.parked(host.command(&["activate", &app, "1.0", "--adopt"]), checkpoint).kill();
        assert_eq!(host.page(&app).as_deref(), Some(served), "killed at {checkpoint}");

        // Before the exchange nothing happened yet; after it the activation is finished.
        let swept = host.run(&["sweep"]);
        assert_eq!(host.page(&app).as_deref(), Some(served), "{checkpoint}: {swept:?}");
        assert!(tidy(&host, &app), "{checkpoint}: {:?}", host.listing(&app));
        let adopted = host.releases(&app).into_iter().filter(|name| name.starts_with("adopted-"));
        assert_eq!(adopted.count(), usize::from(served == "1.0"), "{checkpoint}");

        // Typed again, it does what it says, and there is a way back.
        if served == "theirs" {
            host.good(&["activate", &app, "1.0", "--adopt"]);
            assert_eq!(host.page(&app).as_deref(), Some("1.0"), "{checkpoint}");
        }
        host.good(&["rollback", &app]);
        assert_eq!(host.page(&app).as_deref(), Some("theirs"), "{checkpoint}");
    }
}

/// Apps whose commands note in a journal for what they ran; the checks of bad releases fail.
fn apps_with_commands(lab: &Lab, cases: usize) -> String {
    let script = "#!/bin/sh\necho $SEEDSHIP_STEP $SEEDSHIP_VERSION >> \"$1/$SEEDSHIP_APP.ran\"\n\
        [ $SEEDSHIP_STEP-$SEEDSHIP_VERSION != check-2.0 ] || [ ! -e \"$1/bad\" ]\n";
    let file = lab.write("note.sh", script).unwrap();
    site::run(Command::new("chmod").arg("755").arg(&file)).unwrap();
    let argv = format!("[[\"{}\", \"{}\"]]", file.display(), lab.path().display());
    let run = |app: &str| {
        format!(
            "[apps.{app}.run]\nprepare = {argv}\nactivated = {argv}\ncheck = {argv}\n\
             timeout = \"1s\"\n"
        )
    };
    let app = |n| SHOP.replace("shop", &format!("a{n}"));
    (0..cases).map(|n| app(n) + &run(&format!("a{n}"))).collect()
}

/// For which release `activated` ran last, if nothing is owed any more.
fn activated_last(host: &Host<'_>, app: &str) -> Option<String> {
    let owed = fs::read_dir(host.root(app).join(".seedship")).unwrap();
    let mut owed = owed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!owed.any(|name| name.starts_with("run-")), "{app}");
    let ran = fs::read_to_string(host.lab.path().join(format!("{app}.ran"))).unwrap();
    ran.lines().filter_map(|line| line.strip_prefix("activated ")).next_back().map(str::to_owned)
}

#[test]
fn a_deploy_with_commands_dies_anywhere() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &apps_with_commands(&lab, COMMANDS.len()));
    for (n, (checkpoint, served)) in COMMANDS.into_iter().enumerate() {
        let app = format!("a{n}");
        host.landed(&app, "1.0");
        let (torrent, payload) = release(&lab, &app, "2.0");
        host.parked(host.event(&torrent, &payload), checkpoint).kill();
        assert_eq!(host.page(&app).as_deref(), Some(served), "killed at {checkpoint}");

        host.in_session(&torrent, payload.parent().unwrap());
        host.good(&["sweep"]);
        assert_eq!(host.page(&app).as_deref(), Some("2.0"), "swept after {checkpoint}");
        assert_eq!(host.state(&app, &torrent.hash).as_deref(), Some("good"), "{checkpoint}");
        assert_eq!(activated_last(&host, &app).as_deref(), Some("2.0"), "{checkpoint}");
        assert!(tidy(&host, &app), "{checkpoint}: {:?}", host.listing(&app));
        assert_eq!(host.good(&["sweep"]), "nothing to do\n", "{checkpoint}");
    }
}

#[test]
fn a_release_that_fails_its_check_dies_anywhere() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &apps_with_commands(&lab, RETURN.len()));
    lab.write("bad", "").unwrap();
    for (n, (checkpoint, served)) in RETURN.into_iter().enumerate() {
        let app = format!("a{n}");
        let (one, _) = host.landed(&app, "1.0");
        let (two, payload) = release(&lab, &app, "2.0");
        host.parked(host.event(&two, &payload), checkpoint).kill();
        assert_eq!(host.page(&app).as_deref(), Some(served), "killed at {checkpoint}");

        host.in_session(&two, payload.parent().unwrap());
        // Whoever comes to the verdict tells it.
        let undecided = ["activated-owed", "trial-live", "activated-ran", "trial-checked"];
        let code = if undecided.contains(&checkpoint) { 79 } else { 0 };
        assert_eq!(host.run(&["sweep"]).code, code, "swept after {checkpoint}");
        let states = [&one, &two].map(|torrent| host.state(&app, &torrent.hash).unwrap());
        assert_eq!(states, ["good", "bad"].map(str::to_owned), "{checkpoint}");
        assert_eq!(host.page(&app).as_deref(), Some("1.0"), "swept after {checkpoint}");
        assert_eq!(activated_last(&host, &app).as_deref(), Some("1.0"), "{checkpoint}");
        assert!(tidy(&host, &app), "{checkpoint}: {:?}", host.listing(&app));
        assert_eq!(host.good(&["sweep"]), "nothing to do\n", "{checkpoint}");
    }
}

#[test]
fn a_rollback_with_commands_dies_anywhere() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &apps_with_commands(&lab, ROLLBACK_COMMANDS.len()));
    for (n, (checkpoint, served)) in ROLLBACK_COMMANDS.into_iter().enumerate() {
        let app = format!("a{n}");
        host.landed(&app, "1.0");
        host.landed(&app, "2.0");
        host.parked(host.command(&["rollback", &app]), checkpoint).kill();
        assert_eq!(host.page(&app).as_deref(), Some(served), "killed at {checkpoint}");
        host.good(&["sweep"]);
        let live = if checkpoint == "activated-owed" { "2.0" } else { "1.0" };
        assert_eq!(host.page(&app).as_deref(), Some(live), "swept after {checkpoint}");
        assert_eq!(activated_last(&host, &app).as_deref(), Some(live), "{checkpoint}");
        assert!(tidy(&host, &app), "{checkpoint}: {:?}", host.listing(&app));
    }
}

#[test]
fn no_point_is_left_out() {
    let named: BTreeSet<String> = DEPLOY
        .iter()
        .chain(&ROLLBACK)
        .chain(&ADOPTION)
        .chain(&COMMANDS)
        .chain(&RETURN)
        .chain(&ROLLBACK_COMMANDS)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let mut sources = Command::new("grep");
    sources.args(["-rhoE", "checkpoint::reach\\(\"[a-z-]+\""]).arg(lab::workspace().join("src"));
    let found = String::from_utf8(site::run(&mut sources).unwrap()).unwrap();
    let found: BTreeSet<String> =
        found.lines().map(|line| line.split('"').nth(1).unwrap().to_owned()).collect();
    assert_eq!(named, found);
}

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

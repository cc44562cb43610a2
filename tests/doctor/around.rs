//! What lies around the event: the hook as rtorrent's child, its sandbox, who may command rtorrent,
//! what is in it, and the processes that it leaves.

use super::Found;
use crate::{
    event::release,
    host::{Host, Run, SEEDSHIP, SHOP},
};
use lab::{Flavour, Lab, as_ordinary_user, as_root, await_for, skip};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

lab::on_both![
    a_child_in_a_sandbox_is_told_of,
    a_root_that_the_child_cannot_write_is_told_of,
    a_child_of_another_user_is_told_of,
    a_configuration_that_the_child_may_not_read_is_told_of,
    a_child_that_is_another_program_is_told_of,
    who_may_connect_is_told,
    who_may_not_connect_is_told_and_sees_the_rest,
    what_is_in_rtorrent_is_compared_with_the_patterns,
    children_that_ended_are_counted,
    tcp_is_told_of,
];

/// A hook that runs the real one in some surroundings; its name is that of the real one.
fn wrapped(lab: &Lab, script: &str) -> PathBuf {
    let script = format!("#!/bin/sh\n{}\n", script.replace("HOOK", SEEDSHIP));
    let hook = lab.write(&format!("{}/seedship", lab.fresh("wrapped")), script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    hook
}

fn a_child_in_a_sandbox_is_told_of(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let hook = wrapped(lab, "exec setpriv --no-new-privs HOOK \"$@\"");
    let _node = host.node(flavour).hook(hook).start().unwrap();
    let found = Found::of(&host, &[]);
    found.is("child-sandbox", "note", "no new privileges");
    assert_eq!(found.code, 0, "{:#}", found.all);
    // What that breaks.
    host.configure(&format!("{SHOP}[apps.shop.run]\nactivated = [[\"sudo\", \"-n\", \"true\"]]\n"));
    let found = Found::of(&host, &[]);
    found.is("child-sandbox", "fault", "sudo cannot work");
    assert_eq!(found.code, 79);
}

/// As `ProtectSystem=strict` without the root among `ReadWritePaths`.
fn a_root_that_the_child_cannot_write_is_told_of(lab: &Lab, flavour: Flavour) {
    let flags = if as_root() { "-m" } else { "-Urm" };
    if !Command::new("unshare").args([flags, "true"]).status().is_ok_and(|s| s.success()) {
        return skip("`unshare` may make no mount namespace here");
    }
    let host = Host::new(lab, SHOP);
    let root = host.root("shop");
    let bind = format!("mount --bind {0} {0} && mount -o remount,ro,bind {0}", root.display());
    let hook =
        wrapped(lab, &format!("exec unshare {flags} sh -c '{bind} && exec HOOK \"$@\"' sh \"$@\""));
    let _node = host.node(flavour).hook(hook).start().unwrap();
    let found = Found::of(&host, &[]);
    found.is("child-sandbox", "note", "other mounts than here");
    found.is("root", "fault", "read-only file system");
    found.is("root", "fault", &format!("ReadWritePaths={}", root.display()));
    assert_eq!(found.faults(), ["root"], "said once");
    assert_eq!(found.code, 77, "{:#}", found.all);
}

fn a_child_of_another_user_is_told_of(lab: &Lab, flavour: Flavour) {
    if !as_root() {
        return skip("only root can become other users");
    }
    let host = Host::new(lab, SHOP);
    let user = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    let hook = wrapped(lab, &format!("exec {user} HOOK \"$@\""));
    let node = host.node(flavour).hook(hook).start().unwrap();
    // As rtorrent makes it: closed to all but its user and group.
    fs::set_permissions(node.session(), fs::Permissions::from_mode(0o700)).unwrap();
    if !readable_by_others(host.config()) {
        return skip("nobody may not read below this temporary directory");
    }
    let found = Found::of(&host, &[]);
    found.is("child", "ok", "runs as `nobody`");
    found.is("root-owner", "fault", "the hook runs as `nobody`, the root belongs to `root`");
    found.is("root-owner", "fault", "made in it to `nobody`");
    assert!(!found.told("root-owner").contains("run rtorrent as `root`"), "{:#}", found.all);
    found.is("child-session", "fault", "permission denied");
    assert_eq!(found.code, 77, "{:#}", found.all);
}

/// Another binding cannot cure that, and the log that it did not read of is not missed.
fn a_configuration_that_the_child_may_not_read_is_told_of(lab: &Lab, flavour: Flavour) {
    if !as_root() {
        return skip("only root can become other users");
    }
    let host = Host::new(lab, SHOP);
    let user = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    let hook = wrapped(lab, &format!("exec {user} HOOK \"$@\""));
    let _node = host.node(flavour).hook(hook).start().unwrap();
    fs::set_permissions(host.config(), fs::Permissions::from_mode(0o600)).unwrap();
    let found = Found::of(&host, &[]);
    found.is("child-configuration", "fault", "permission denied");
    let told = found.told("child-configuration");
    assert!(told.contains("let `nobody` read it") && !told.contains("--fix"), "{told}");
    assert_eq!(found.level("child-syslog"), "", "{:#}", found.all);
}

fn readable_by_others(file: &Path) -> bool {
    as_ordinary_user("cat").arg(file).output().unwrap().status.success()
}

fn a_child_that_is_another_program_is_told_of(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let older = wrapped(lab, "HOOK \"$@\" | sed 's/\"version\":\"[^\"]*/\"version\":\"0.0.9/'");
    let node = host.node(flavour).hook(older).start().unwrap();
    let found = Found::of(&host, &[]);
    found.is("child", "warning", "seedship 0.0.9 runs as");
    found.is("child", "warning", "two are installed");
    drop(node);
    let other = wrapped(lab, "echo hello");
    let _node = host.node(flavour).hook(other).start().unwrap();
    let found = Found::of(&host, &[]);
    found.is("child", "fault", "not that of this seedship");
    assert_eq!(found.code, 69, "{:#}", found.all);
}

/// Somebody who may not even look into the socket's directory.
fn who_may_not_connect_is_told_and_sees_the_rest(lab: &Lab, flavour: Flavour) {
    if !as_root() {
        return skip("only root can become other users");
    }
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    if !readable_by_others(host.config()) {
        return skip("nobody may not read below this temporary directory");
    }
    fs::set_permissions(node.session(), fs::Permissions::from_mode(0o700)).unwrap();
    let command = host.command(&["doctor", "--json"]);
    let mut stranger = as_ordinary_user(command.get_program());
    stranger.args(command.get_args()).env("SEEDSHIP_CONFIG", host.config());
    let found = Found::from(Run::of(stranger.output().unwrap()));
    found.is("rtorrent", "fault", "permission denied");
    found.is("session", "note", "permission denied");
    found.is("root", "note", "was not tried: it belongs to `root`");
    found.is("clock", "ok", "the clock says");
    assert_eq!(found.code, 69);
}

fn who_may_connect_is_told(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    let level = |directory: u32, socket: u32| {
        fs::set_permissions(node.run(), fs::Permissions::from_mode(directory)).unwrap();
        fs::set_permissions(node.socket(), fs::Permissions::from_mode(socket)).unwrap();
        let found = Found::of(&host, &[]);
        (found.level("socket").to_owned(), found.code)
    };
    assert_eq!(level(0o700, 0o777), ("ok".into(), 0));
    assert_eq!(level(0o755, 0o600), ("ok".into(), 0));
    // A lab may itself lie in a closed directory.
    let open = node
        .run()
        .ancestors()
        .skip(1)
        .all(|above| fs::metadata(above).unwrap().permissions().mode() & 0o001 != 0);
    let expected = if open { ("fault".to_owned(), 77) } else { ("ok".into(), 0) };
    assert_eq!(level(0o755, 0o666), expected);
}

fn what_is_in_rtorrent_is_compared_with_the_patterns(lab: &Lab, flavour: Flavour) {
    let blog = SHOP.replace("shop", "blog");
    let host = Host::new(lab, &format!("{SHOP}{blog}"));
    let node = host.node(flavour).start().unwrap();
    let found = Found::of(&host, &[]);
    found.is("match", "note", "nothing is in rtorrent");
    let elsewhere = |other: &str| {
        let text = fs::read_to_string(host.config()).unwrap();
        let other = lab.folder(other).unwrap();
        let session = node.session().display().to_string();
        fs::write(host.config(), text.replace(&session, &other.display().to_string())).unwrap();
        let found = Found::of(&host, &[]);
        fs::write(host.config(), text).unwrap();
        found
    };
    elsewhere("another session").is("session", "warning", "rtorrent's own is");
    let folder = lab.folder("payload").unwrap();
    for name in ["shop-1.0.tar", "blog-latest.tar", "notes.txt"] {
        let payload = folder.join(name);
        fs::write(&payload, name).unwrap();
        node.seed(&lab.torrent(&payload).make().unwrap(), &payload).unwrap();
    }
    let found = Found::of(&host, &[]);
    let of = |app: &str, id: &str| {
        let all = found.all["findings"].as_array().unwrap();
        let one = all.iter().find(|f| f["app"] == app && f["id"] == id);
        one.map(|f| format!("{}: {}", f["level"], f["says"])).unwrap_or_default()
    };
    assert!(of("shop", "match").contains("1 download fits"), "{:#}", found.all);
    assert!(of("blog", "match").starts_with("\"warning\": \"no download fits"), "{:#}", found.all);
    found.is("download-nobodys", "note", "`notes.txt`");
    found.is("download-refused", "warning", "blog-latest.tar");
    // It was complete when it was loaded: no event came.
    assert!(of("shop", "unlanded").contains("never landed: `1.0`"), "{:#}", found.all);
    assert_eq!(found.code, 0);
    host.run(&["sweep"]);
    let found = Found::of(&host, &[]);
    assert_eq!(found.level("unlanded"), "", "a sweep came by: {:#}", found.all);
    found.is("refused", "warning", "1.0 was refused");
    // Another rtorrent's session.
    let found = elsewhere("another session");
    found.is("session", "fault", "lacks the .torrent of 3 downloads");
    found.is("session", "fault", "rtorrent's own is");
    assert_eq!(found.code, 66, "{:#}", found.all);
}

fn children_that_ended_are_counted(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    for _ in 0..20 {
        node.rpc("execute.nothrow.bg", &["".into(), "/bin/true".into()]).unwrap();
    }
    let counted = || {
        let told = Found::of(&host, &[]).told("zombies");
        told.split(' ').next().unwrap().parse::<u64>().unwrap_or(0)
    };
    match flavour {
        Flavour::Sid => await_for("20 of them", || counted() >= 20).unwrap(),
        Flavour::Old => await_for("none of them", || counted() == 0).unwrap(),
    }
}

fn tcp_is_told_of(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).tcp().start().unwrap();
    let text = fs::read_to_string(host.config()).unwrap();
    let lines = text.lines().map(|line| match line.starts_with("scgi = ") {
        true => format!("scgi = \"{}\"\nallow_tcp = true\n", node.scgi().unwrap()),
        false => format!("{line}\n"),
    });
    fs::write(host.config(), lines.collect::<String>()).unwrap();
    let found = Found::of(&host, &[]);
    found.is("socket", "warning", "every user of this machine");
    assert_eq!(found.code, 0, "{:#}", found.all);
}

/// The child asks nothing of rtorrent, says one line, and is quick although a root hangs.
#[test]
fn the_child_is_bounded_and_says_one_line_whatever_is_wrong() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    // Nothing listens there; it is not asked.
    let line = host.good(&["doctor", "--inside"]);
    assert!(line.is_ascii() && line.trim_end().lines().count() == 1, "{line}");
    let inside: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(inside["roots"][0]["exchange"], true, "{inside:#}");
    assert_eq!(inside["syslog"], serde_json::Value::Null, "{inside:#}");
    // A configuration that is wrong is part of the answer.
    fs::write(host.config(), "[apps.shop\n").unwrap();
    let inside: serde_json::Value =
        serde_json::from_str(&host.good(&["doctor", "--inside"])).unwrap();
    assert_eq!((&inside["wrong"]["exit"], &inside["roots"]), (&78.into(), &serde_json::json!([])));
    assert_eq!(host.run(&["doctor"]).code, 78);
}

/// The release that is complete lands by what doctor says.
#[test]
fn a_lost_event_is_told_without_rtorrent() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = release(&lab, "1.0");
    host.in_session(&torrent, payload.parent().unwrap());
    let found = Found::of(&host, &[]);
    found.is("rtorrent", "fault", "its directory is not there");
    found.is("unlanded", "warning", "seedship sweep");
    assert_eq!(found.code, 69);
    host.good(&["sweep"]);
    let found = Found::of(&host, &[]);
    assert_eq!(found.level("unlanded"), "");
    found.is("live", "ok", "1.0 is live");
    let run = host.run(&["doctor", "--fix"]);
    assert_eq!(run.code, 69, "{run:?}");
}

//! Whose rights: root works as the owner of each root, everybody else is told what to type, and no
//! umask changes what the world may read.

use crate::{
    event::packed,
    host::{Host, Run, SHOP},
};
use lab::{Kind, Lab, Torrent, as_ordinary_user, as_root, site, skip};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

const NOBODY: u32 = 65534;
/// A user that no passwd knows, and a group of its own.
const STRANGER: u32 = 45_987;

/// Skips what only root can try.
fn root_only() -> bool {
    if !as_root() {
        skip("only root can become other users");
    }
    as_root()
}

/// Two apps of two owners, and a payload for each.
fn two(lab: &Lab) -> (Host<'_>, [(Torrent, PathBuf); 2]) {
    let blog = SHOP.replace("shop", "blog");
    let host = Host::new(lab, &format!("{SHOP}{blog}"));
    own(&host.root("shop"), NOBODY);
    own(&host.root("blog"), STRANGER);
    let releases = ["shop", "blog"].map(|app| release(lab, app, "1.0"));
    (host, releases)
}

fn release(lab: &Lab, app: &str, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::TarZst, &format!("{app}-{version}"))
}

fn own(path: &Path, id: u32) {
    site::run(Command::new("chown").args(["-R", &format!("{id}:{id}")]).arg(path)).unwrap();
}

/// Everything at and below a path.
fn below(path: &Path) -> Vec<(PathBuf, fs::Metadata)> {
    let mut found = vec![(path.to_owned(), path.symlink_metadata().unwrap())];
    if found[0].1.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            found.extend(below(&entry.unwrap().path()));
        }
    }
    found
}

/// Everything in a root is its owner's, and the owner's group's.
fn all_owned(root: &Path, id: u32) {
    let found = below(root);
    assert!(found.len() > 30, "{found:#?}");
    for (path, is) in found {
        assert_eq!((is.uid(), is.gid()), (id, id), "{}", path.display());
    }
}

#[test]
fn root_deploys_as_the_owner_of_each_root() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let (host, releases) = two(&lab);
    for (torrent, payload) in &releases {
        let before = host.log().len();
        let run = host.finished(torrent, payload);
        let said = host.log().split_off(before);
        assert_eq!((run.code, said.len()), (0, 1), "{run:?} {said:#?}");
    }
    for (app, id) in [("shop", NOBODY), ("blog", STRANGER)] {
        assert_eq!(host.current(app).as_deref(), Some("releases/1.0"));
        all_owned(&host.root(app), id);
    }
}

#[test]
fn commands_run_as_the_owner_whoever_starts_them() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let run = "[apps.shop.run]\nprepare = [[\"sh\", \"-c\", \"id -u > who; id -G >> who\"]]\n";
    let host = Host::new(&lab, &format!("{SHOP}{run}"));
    own(&host.root("shop"), STRANGER);
    let (torrent, payload) = release(&lab, "shop", "1.0");
    let landed = host.finished(&torrent, &payload);
    assert_eq!(landed.code, 0, "{landed:?} {:#?}", host.log());
    assert_eq!(host.served("shop", "who"), Some(format!("{STRANGER}\n{STRANGER}\n")));
    all_owned(&host.root("shop"), STRANGER);
}

/// Two apps of two users, each with a complete download.
fn two_in_session(lab: &Lab) -> Host<'_> {
    let (host, releases) = two(lab);
    for (torrent, payload) in &releases {
        host.in_session(torrent, payload.parent().unwrap());
    }
    host
}

#[test]
fn roots_sweep_has_a_child_for_each_owner() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = two_in_session(&lab);
    let swept = host.json(&["sweep"]);
    let all = json!({"live": ["blog 1.0", "shop 1.0"], "landed": [], "passed_over": [], "failed": [], "busy": [], "skipped": []});
    assert_eq!(swept, all, "one object, whoever did it");
    assert_eq!(host.good(&["sweep"]), "nothing to do\n", "said once");
    for (app, id) in [("shop", NOBODY), ("blog", STRANGER)] {
        assert_eq!(host.current(app).as_deref(), Some("releases/1.0"));
        all_owned(&host.root(app), id);
    }
    // One owner's trouble is the exit code, and no other owner's.
    for app in ["shop", "blog"] {
        let (torrent, payload) = release(&lab, app, "2.0");
        host.in_session(&torrent, payload.parent().unwrap());
    }
    let blocked = host.root("blog").join("releases");
    fs::set_permissions(&blocked, fs::Permissions::from_mode(0o555)).unwrap();
    let run = host.run(&["sweep"]);
    assert_eq!(run.code, 77, "{run:?}");
    assert_eq!(host.current("shop").as_deref(), Some("releases/2.0"));
    assert_eq!(host.current("blog").as_deref(), Some("releases/1.0"));
    // What is wrong for all of them is told by root alone.
    fs::set_permissions(&blocked, fs::Permissions::from_mode(0o755)).unwrap();
    lab.write("config.d/wiki.toml", "[apps.wiki\n").unwrap();
    let run = host.run(&["sweep", "--json"]);
    assert_eq!((run.code, host.told("config.d/wiki.toml")), (78, 1), "{:#?}", host.log());
    let swept: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        swept["failed"],
        json!([{"subject": "configuration", "exit": 78, "message": swept["failed"][0]["message"]}]),
        "{swept}"
    );
    assert_eq!(swept["live"], json!([]), "what failed waits: {swept}");
}

#[test]
fn a_sweep_loses_no_owners_failure() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = two_in_session(&lab);
    // Whoever writes a file dies of it: every child, and not root, which only joins their answers.
    let sweep = host.command(&["sweep", "--json"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c 0; ulimit -f 0; exec \"$@\"", "sh"]).arg(sweep.get_program());
    shell.args(sweep.get_args()).env("SEEDSHIP_CONFIG", host.config());
    let run = Run::of(shell.output().unwrap());
    let swept: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, swept.get("error")), (75, None), "{run:?}");
    let subjects: Vec<_> =
        swept["failed"].as_array().unwrap().iter().map(|failed| &failed["subject"]).collect();
    assert_eq!(subjects, ["user `#45987`", "user `nobody`"], "{run:?}");
}

#[test]
fn root_rolls_back_as_the_owner() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let (host, [(torrent, payload), _]) = two(&lab);
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    let (torrent, payload) = release(&lab, "shop", "2.0");
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    host.good(&["rollback", "shop"]);
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"));
    host.good(&["hold", "shop", "--reason", "tea"]);
    host.good(&["unhold", "shop"]);
    host.good(&["activate", "shop", "2.0"]);
    host.good(&["prune", "shop"]);
    all_owned(&host.root("shop"), NOBODY);
}

#[test]
fn a_torrent_that_is_no_apps_is_told_once() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let (host, _) = two(&lab);
    let (torrent, payload) = release(&lab, "wiki", "1.0");
    let run = |more: &[&str]| {
        let mut event = host.event(&torrent, &payload);
        Run::of(event.args(more).output().unwrap())
    };
    assert_eq!((run(&[]).code, run(&[]).stdout), (0, run(&["--dry-run"]).stdout), "once");
    assert_eq!(run(&["--dry-run"]).stdout, "no app takes torrent `wiki-1.0.tar.zst`\n");
    let told: serde_json::Value = serde_json::from_str(&run(&["--json"]).stdout).unwrap();
    assert_eq!((&told["outcome"], &told["exit"]), (&json!("no app"), &json!(0)), "{told}");
}

#[test]
fn what_fails_for_every_owner_alike_is_told_once() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let (host, [(torrent, payload), (other, _)]) = two(&lab);
    let file = lab.path().join("other.torrent");
    other.write_to(&file).unwrap();
    let args = ["finished", &torrent.hash, "--torrent", file.to_str().unwrap(), "--payload"];
    let run = host.run(&[&args[..], &[payload.to_str().unwrap()]].concat());
    assert_eq!(run.code, 66, "{run:?}");
    assert_eq!(host.log().len(), 1, "{:#?}", host.log());
}

#[test]
fn a_torrent_is_for_the_closest_pattern_whoever_owns_the_others() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let shop = SHOP.replace("{version}", "{tag}");
    let admin = shop.replace("shop", "shop-admin");
    let host = Host::new(&lab, &format!("{shop}{admin}"));
    own(&host.root("shop"), NOBODY);
    own(&host.root("shop-admin"), STRANGER);
    let (torrent, payload) = release(&lab, "shop-admin", "1.0");
    let run = host.finished(&torrent, &payload);
    assert_eq!(run.code, 0, "{run:?} {:#?}", host.log());
    assert_eq!(host.current("shop"), None);
    assert_eq!(host.current("shop-admin").as_deref(), Some("releases/1.0"));
    assert_eq!(host.log().len(), 1, "{:#?}", host.log());
}

#[test]
fn another_user_is_told_what_to_type() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    // A path that an ordinary user may reach: cargo's own may be closed.
    own(&host.root("shop"), 1);
    let (torrent, payload) = release(&lab, "shop", "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    let binary = lab.path().join("seedship");
    fs::copy(crate::host::SEEDSHIP, &binary).unwrap();
    let commands: [&[&str]; 5] = [
        &["rollback", "shop"],
        &["activate", "shop", "1.0"],
        &["hold", "shop"],
        &["unhold", "shop"],
        &["prune", "shop"],
    ];
    let run = |args: &[&str]| {
        let mut other = as_ordinary_user(&binary);
        Run::of(other.args(args).env("SEEDSHIP_CONFIG", host.config()).output().unwrap())
    };
    for args in commands {
        let run = run(args);
        assert_eq!(run.code, 77, "{args:?} {run:?}");
        assert!(run.stderr.contains("hint: sudo -u daemon seedship "), "{run:?}");
        let told = host.log();
        assert!(told.last().unwrap().contains("belongs to `daemon`"), "{told:#?}");
    }
    let file = lab.write("1.torrent", &torrent.bytes).unwrap();
    let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
    let event = run(&["finished", &torrent.hash, "--torrent", file, "--payload", payload]);
    assert_eq!(event.code, 77, "{event:?}");
    // A user that has no name is named by number, quoted: a shell would take `#` for a comment.
    own(&host.root("shop"), STRANGER);
    let said = run(&["rollback", "shop"]);
    assert!(said.stderr.contains("hint: sudo -u '#45987' seedship "), "{said:?}");
    // A sweep takes what is the caller's own: here, nothing.
    own(&host.root("shop"), 1);
    assert_eq!(run(&["status", "shop"]).code, 77, "`.seedship` is for the root's group");
    let told = "shop was passed over: it is daemon's to sweep";
    for args in [&["sweep"][..], &["sweep", "--dry-run"]] {
        let swept = run(args);
        // That it cannot read rtorrent's session is told before, and is another failure.
        assert!(swept.code != 0 && swept.stdout.contains(told), "{args:?} {swept:?}");
    }
    let swept = run(&["sweep", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&swept.stdout).unwrap();
    assert_eq!(json["skipped"], json!([{"app": "shop", "owner": "daemon"}]), "{json}");
    assert!(host.log().iter().any(|line| line.contains(told)), "{:#?}", host.log());
}

/// Whoever is in the root's group reads `status` and `history`, whatever the deploying user's own is.
#[test]
fn what_seedship_writes_down_is_for_the_group_of_the_root() {
    if !root_only() {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let root = host.root("shop");
    site::run(Command::new("chgrp").arg(STRANGER.to_string()).arg(&root)).unwrap();
    let (torrent, payload) = release(&lab, "shop", "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    host.good(&["hold", "shop"]);
    let mut own = below(&root.join(".seedship"));
    // Nobody reads what is set aside.
    own.retain(|(path, _)| !path.starts_with(root.join(".seedship/reserve")));
    assert!(own.len() > 8, "{own:#?}");
    for (path, is) in own {
        // The bit that would hand a group on is one that a hardened unit may not set.
        let mode = if is.is_dir() { 0o750 } else { 0o640 };
        assert_eq!((is.gid(), is.mode() & 0o7777), (STRANGER, mode), "{}", path.display());
    }
}

/// Modes as a release must have them, by the kind of entry.
fn modes(root: &Path, directory: u32, file: u32, program: u32) {
    for place in ["releases", "shared", "releases/1.0"] {
        assert_eq!(root.join(place).metadata().unwrap().mode() & 0o7777, directory, "{place}");
    }
    for (path, is) in below(&root.join("releases/1.0")) {
        let expected = match path.ends_with("bin/task") {
            _ if is.is_symlink() => continue,
            _ if is.is_dir() => directory,
            true => program,
            false => file,
        };
        assert_eq!(is.mode() & 0o7777, expected, "{}", path.display());
    }
}

#[test]
fn no_umask_changes_what_the_world_may_read() {
    for umask in ["0777", "0077", "0027", "0000"] {
        let lab = Lab::new().unwrap();
        let host = Host::new(&lab, SHOP);
        // Whom modes bind, as they do not bind root.
        if as_root() {
            own(&host.root("shop"), NOBODY);
        }
        let (torrent, payload) = release(&lab, "shop", "1.0");
        let run = under(umask, &host, &torrent, &payload);
        assert_eq!(run.code, 0, "{umask} {run:?} {:#?}", host.log());
        modes(&host.root("shop"), 0o755, 0o644, 0o755);
        let private = host.root("shop").join(".seedship").metadata().unwrap();
        assert_eq!(private.mode() & 0o777, 0o750, "{umask}");
    }
}

#[test]
fn a_private_release_is_for_the_group_of_releases() {
    for umask in ["0777", "0077", "0027", "0000"] {
        let lab = Lab::new().unwrap();
        let host = Host::new(&lab, &format!("{SHOP}mode = \"private\"\n"));
        let (torrent, payload) = release(&lab, "shop", "1.0");
        let releases = host.root("shop").join("releases");
        let group = if as_root() { 33 } else { nix_group() };
        if as_root() {
            fs::create_dir(&releases).unwrap();
            site::run(Command::new("chgrp").arg("33").arg(&releases)).unwrap();
        }
        let run = under(umask, &host, &torrent, &payload);
        assert_eq!(run.code, 0, "{umask} {run:?} {:#?}", host.log());
        for (path, is) in
            below(&releases.join("1.0")).into_iter().filter(|(_, is)| !is.is_symlink())
        {
            assert_eq!(is.gid(), group, "{}", path.display());
        }
        fs::set_permissions(&releases, fs::Permissions::from_mode(0o750)).unwrap();
        modes(&host.root("shop"), 0o750, 0o640, 0o750);
    }
}

fn nix_group() -> u32 {
    nix::unistd::getegid().as_raw()
}

/// The event under another umask of its caller.
fn under(umask: &str, host: &Host<'_>, torrent: &Torrent, payload: &Path) -> Run {
    let file = host.lab.write("some.torrent", &torrent.bytes).unwrap();
    let script = format!("umask {umask}; exec \"$@\"");
    let binary = host.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, "sh"]).arg(binary.get_program());
    shell.args(["finished", &torrent.hash, "--torrent"]).arg(file).arg("--payload").arg(payload);
    Run::of(shell.env("SEEDSHIP_CONFIG", host.config()).output().unwrap())
}

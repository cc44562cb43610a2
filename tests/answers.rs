//! Whatever is asked is answered: in one line where nobody watches, never by half, and never as if
//! all was well.

use crate::{
    event::packed,
    host::{Host, Run, SEEDSHIP, SHOP},
    screens::damage,
};
use lab::{Kind, Lab, Torrent, as_ordinary_user, as_root, site, skip};
use serde_json::{Value, json};
use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn release(lab: &Lab, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::Tar, &format!("shop-{version}"))
}

fn host<'l>(lab: &'l Lab, versions: &[&str]) -> Host<'l> {
    let host = Host::new(lab, SHOP);
    versions.iter().for_each(|version| drop(host.landed("shop", version)));
    host
}

fn object(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

/// The event by hand, with more words.
fn event(host: &Host<'_>, torrent: &Torrent, payload: &Path, more: &[&str]) -> Run {
    Run::of(host.event(torrent, payload).args(more).output().unwrap())
}

#[test]
fn an_answer_that_is_lost_is_a_failure() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &["1.0"]);
    let (torrent, payload) = release(&lab, "1.0");
    let file = lab.path().join("1.torrent");
    torrent.write_to(&file).unwrap();
    let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
    let commands: [&[&str]; 13] = [
        &["status"],
        &["status", "--json"],
        &["releases", "shop"],
        &["history", "shop"],
        &["audit", "shop"],
        &["hold", "shop"],
        &["config", "show"],
        &["config", "check", "--json"],
        &["man"],
        &["completions", "bash"],
        &["torrent", "verify", file, payload],
        &["torrent", "show", file],
        &["--help"],
    ];
    for args in commands.iter().copied().chain([&["--version"][..], &["rollback", "-h"]]) {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let run = Run::of(host.command(args).stdout(full).output().unwrap());
        assert_eq!(run.code, 74, "{args:?}: {run:?}");
        let said = "seedship: could not write the answer to standard output: no space left on";
        assert!(run.stderr.contains(said), "{args:?}: {run:?}");
        // Whoever closes a pipe early has read enough.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Run::of(host.command(args).stdout(writer).output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
    }
    // What is worse than that stays what it is.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let run = host.command(&["status", "blog", "--json"]).stdout(full).output().unwrap();
    assert_eq!(Run::of(run).code, 66);
}

/// A payload that only its owner may read, in a host of two owners.
#[test]
fn roots_event_has_one_answer_whoever_could_not_look() {
    if !as_root() {
        return skip("only root can become other users");
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}{}", SHOP.replace("shop", "blog")));
    let own = |path: &Path, id: u32| {
        let mut chown = Command::new("chown");
        site::run(chown.args(["-R", &format!("{id}:{id}")]).arg(path)).unwrap();
    };
    own(&host.root("blog"), 45_001);
    own(&host.root("shop"), 45_002);
    for (version, more) in [("1.0", &["--json"][..]), ("2.0", &[])] {
        let (torrent, payload) = release(&lab, version);
        let file = lab.path().join(format!("{version}.torrent"));
        torrent.write_to(&file).unwrap();
        own(&file, 45_002);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
        let args = ["finished", &torrent.hash, "--torrent", file, "--payload", payload];
        let logged = host.log().len();
        let run = host.run(&[&args[..], more].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
        match more {
            [] => assert_eq!(run.stdout, format!("shop {version} is live\n")),
            _ => {
                let told = object(&run);
                assert_eq!((&told["outcome"], &told["exit"]), (&json!("live"), &json!(0)));
                assert_eq!(told.get("error"), None, "{told}");
            }
        }
        let lines = host.log().split_off(logged);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        // Nobody may: the first failure, once.
        fs::remove_file(file).unwrap();
        let folder = lab.folder(&lab.fresh("closed")).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let closed = folder.join("x.torrent");
        torrent.write_to(&closed).unwrap();
        let closed = closed.to_str().unwrap();
        let args = ["finished", &torrent.hash, "--torrent", closed, "--payload", payload];
        let logged = host.log().len();
        let run = host.run(&[&args[..], more].concat());
        assert_eq!(run.code, 77, "{run:?}");
        match more {
            [] => assert_eq!(run.stderr.matches("could not").count(), 1, "{run:?}"),
            _ => assert_eq!(object(&run)["error"]["exit"], 77),
        }
        assert_eq!(host.log().split_off(logged).len(), 1);
    }
}

#[test]
fn an_event_by_hand_is_answered() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let text = fs::read_to_string(host.config()).unwrap();
    fs::write(host.config(), text.replace("level = \"debug\"", "level = \"off\"")).unwrap();
    let (torrent, payload) = release(&lab, "1.0");
    for said in ["shop 1.0 is live\n", "shop 1.0 is good already\n"] {
        let run = event(&host, &torrent, &payload, &[]);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, said, ""));
    }
    let (other, file) = packed(&lab, &site::small("1"), Kind::Tar, "pictures");
    let run = event(&host, &other, &file, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "no app takes torrent `pictures.tar`\n"));
    // What fails is said as every command says it, terminal or not.
    let (torrent, payload) = release(&lab, "2.0");
    damage(&payload);
    let run = event(&host, &torrent, &payload, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (75, ""));
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!(lines[0].starts_with("seedship: could not ") && !lines[0].contains("exit="), "{run:?}");
    assert!(lines[1].starts_with("  hint: ") && lines.len() == 2, "{run:?}");
    let wrong = Torrent { hash: other.hash, ..torrent };
    let run = event(&host, &wrong, &payload, &[]);
    assert_eq!((run.code, run.stderr.lines().count()), (66, 2), "{run:?}");
}

#[test]
fn a_refusal_that_is_known_is_written_down_once() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}must_exist = [\"nothing\"]\n"));
    let (torrent, payload) = release(&lab, "1.0");
    for _ in 0..2 {
        let run = event(&host, &torrent, &payload, &[]);
        assert_eq!(run.code, 65, "{run:?}");
    }
    let history = host.json(&["history", "shop"]).to_string();
    assert_eq!(history.matches("\"failed\"").count(), 1, "{history}");
}

#[test]
fn a_dry_run_ends_as_the_real_thing() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &["1.0", "2.0"]);
    let (torrent, payload) = release(&lab, "3.0");
    let both = |run: &dyn Fn(&[&str]) -> Run, code: i32| {
        for more in [&["--dry-run"][..], &[]] {
            let run = run(more);
            assert_eq!(run.code, code, "{more:?}: {run:?}");
        }
    };
    both(&|more| event(&host, &torrent, Path::new("/nothere"), more), 66);
    let short = lab.folder("short").unwrap().join("shop-3.0.tar");
    fs::write(&short, "short").unwrap();
    both(&|more| event(&host, &torrent, &short, more), 75);

    let records = host.root("shop").join(".seedship/records");
    let broken = records.join(format!("{}.toml", "0".repeat(40)));
    fs::write(&broken, "format = 1\nstate = ").unwrap();
    for args in [
        &["rollback", "shop"][..],
        &["activate", "shop", "1.0"],
        &["prune", "shop"],
        &["hold", "shop"],
    ] {
        both(&|more| host.run(&[args, more].concat()), 78);
    }
    assert_eq!(host.run(&["rollback", "shop", "--to", "1.0", "--dry-run"]).code, 0);
    fs::remove_file(broken).unwrap();
    both(&|more| event(&host, &torrent, &payload, more), 0);

    if !as_root() {
        return skip("only root can become other users");
    }
    site::run(Command::new("chown").args(["-R", "1:1"]).arg(host.root("shop"))).unwrap();
    site::run(Command::new("chmod").args(["-R", "o+rX"]).arg(host.root("shop"))).unwrap();
    let binary = lab.path().join("seedship");
    fs::copy(SEEDSHIP, &binary).unwrap();
    for args in [
        &["rollback", "shop"][..],
        &["activate", "shop", "1.0"],
        &["hold", "shop"],
        &["unhold", "shop"],
        &["prune", "shop"],
    ] {
        let run = |more: &[&str]| {
            let mut other = as_ordinary_user(&binary);
            other.args(args).args(more).env("SEEDSHIP_CONFIG", host.config());
            Run::of(other.output().unwrap())
        };
        both(&run, 77);
    }
}

#[test]
fn a_rollback_to_what_is_live_says_so() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &["1.0", "2.0"]);
    let to = ["rollback", "shop", "--to", "2.0"];
    assert_eq!(host.good(&to), "shop 2.0 is live already; it is good now\n");
    let again = json!({"app": "shop", "from": "2.0", "to": "2.0", "switched": false});
    assert_eq!(host.json(&to), again);
    let would = host.good(&[&to[..], &["--dry-run"]].concat());
    assert_eq!(would, "shop 2.0 is live already; its record would say good\n");
    assert_eq!(host.json(&["activate", "shop", "2.0"]), again);
}

#[test]
fn what_is_asked_for_twice_is_answered_alike() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}keep = 1\n"));
    host.landed("shop", "2.0");
    host.landed("shop", "1.0");
    let shown = host.json(&["releases", "shop"]);
    assert_eq!(shown["releases"][1]["why"], "older than 2.0, passed over unread");
    let lands = json!({"app": "shop", "from": "2.0", "to": "1.0", "switched": false,
        "lands": true});
    for _ in 0..2 {
        assert_eq!(host.json(&["activate", "shop", "1.0"]), lands);
    }
}

#[test]
fn a_live_release_that_is_gone_is_not_live() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &["1.0", "2.0", "3.0"]);
    fs::remove_dir_all(host.root("shop").join("releases/3.0")).unwrap();
    let run = host.run(&["status"]);
    assert_eq!(run.code, 78);
    let begin = "shop: `current` leads to 3.0, which is gone\n  \
                 hint: `seedship rollback shop` goes to 2.0\n";
    assert!(run.stdout.starts_with(begin), "{}", run.stdout);
    let run = host.run(&["status", "--json"]);
    let app = &object(&run)["apps"][0];
    assert_eq!((run.code, &app["gone"], &app["live"]), (78, &json!(true), &json!("3.0")));
    assert_eq!(app["releases"][0]["state"], "gone");
    let run = host.run(&["releases", "shop"]);
    assert!(run.stdout.contains("\n3.0      gone"), "{}", run.stdout);
    assert_eq!(run.code, 78);
    host.good(&["rollback", "shop"]);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
    assert_eq!(host.run(&["status"]).code, 0);
}

#[test]
fn nothing_is_no_name() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &["1.0"]);
    assert_eq!(host.json(&["history", "shop"])["events"][0]["from"], Value::Null);
    assert_eq!(host.json(&["releases", "shop"])["releases"][0]["from"], Value::Null);
    fs::remove_file(host.root("shop").join("current")).unwrap();
    for more in [&["--dry-run"][..], &[]] {
        let told = host.json(&[&["activate", "shop", "1.0"], more].concat());
        assert_eq!((&told["from"], &told["to"]), (&Value::Null, &json!("1.0")), "{told}");
        assert_eq!(told.get("dry_run").is_some(), !more.is_empty(), "{told}");
    }
}

#[test]
fn what_was_typed_does_not_reach_the_terminal_raw() {
    for args in [
        &["activate", "shop", "\u{1b}[31mred"][..],
        &["activate", "shop", "1\n2"],
        &["finished", "a\u{1b}[2Jb"],
        &["\u{1b}[31mstatus"],
        &["status", "--\u{1b}[31m"],
        &["hold", "shop", "--until", "\u{202e}2h"],
    ] {
        let run = Run::of(Command::new(SEEDSHIP).args(args).output().unwrap());
        assert_eq!(run.code, 64, "{args:?}");
        assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{run:?}");
        assert!(run.stderr.contains("\\x"), "{run:?}");
        let run = Run::of(Command::new(SEEDSHIP).args(args).arg("--json").output().unwrap());
        assert!(object(&run)["error"]["message"].as_str().unwrap().contains("\\x"), "{run:?}");
    }
}

#[test]
fn a_release_is_said_to_be_returned_to_where_it_was() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &["1.4.0", "1.4.1", "1.4.2"]);
    host.good(&["rollback", "shop"]);
    host.good(&["rollback", "shop"]);
    // Both within one second, whatever the machine's pace.
    let records = fs::read_dir(host.root("shop").join(".seedship/records")).unwrap();
    for file in records.map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| match line.starts_with("left = ") {
            true => "left = 1400000000",
            false => line,
        });
        fs::write(&file, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
    let shown = host.json(&["releases", "shop"]);
    let whys: Vec<(&str, &str)> = shown["releases"].as_array().unwrap()[..2]
        .iter()
        .map(|r| (r["state"].as_str().unwrap(), r["why"].as_str().unwrap()))
        .collect();
    assert_eq!(whys[0].0, "bad", "{whys:?}");
    assert!(whys[1].0 == "returned" && whys[1].1.starts_with("to 1.4.0: "), "{whys:?}");
}

#[test]
fn what_is_named_by_hand_is_found_as_verify_finds_it() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = release(&lab, "1.0");
    let directory = payload.parent().unwrap();
    let typed = [
        &["torrent", "verify", directory.to_str().unwrap()][..],
        &["finished", &torrent.hash, "--torrent", directory.to_str().unwrap(), "--payload", "x"],
    ];
    for args in typed {
        let run = host.run(args);
        assert_eq!(run.code, 65, "{args:?}: {run:?}");
        let says = "it is a directory, not a regular file\n  hint: name the .torrent file itself";
        assert!(run.stderr.contains(says), "{run:?}");
    }
    let run = event(&host, &torrent, &directory.join("nothere"), &[]);
    assert_eq!(run.code, 66);
    assert!(run.stderr.contains("there is no such payload"), "{run:?}");
    let run = event(&host, &torrent, directory, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "shop 1.0 is live\n"), "{run:?}");
}

#[test]
fn a_hold_that_replaces_another_says_what_was_said_before() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &["1.0"]);
    let hold = |reason: &str, more: &[&str]| {
        let mut command = host.command(&["hold", "shop", "--reason", reason]);
        Run::of(command.args(more).env("SUDO_USER", "anna").output().unwrap()).stdout
    };
    hold("", &[]);
    let status = host.good(&["status"]);
    let held = status.lines().find(|line| line.contains("held by anna")).unwrap();
    assert!(held.ends_with('Z'), "{held}");
    assert_eq!(host.json(&["status"])["apps"][0]["hold"]["reason"], Value::Null);
    hold("freeze", &[]);
    for more in [&["--dry-run"][..], &[]] {
        let said = hold("tea", more);
        assert!(said.ends_with("\n  instead of the hold by anna: freeze\n"), "{said}");
    }
    let told: Value = serde_json::from_str(&hold("sleep", &["--json"])).unwrap();
    assert_eq!(told["replaced"]["reason"], "tea", "{told}");
}

/// `script` of util-linux gives a program a terminal.
#[test]
fn a_failure_fits_a_terminal_and_stays_one_line_in_a_file() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = release(&lab, "1.0");
    damage(&payload);
    let mut command = host.event(&torrent, &payload);
    let words: Vec<String> =
        command.get_args().map(|arg| format!("'{}'", arg.to_str().unwrap())).collect();
    let line = format!("{SEEDSHIP} {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = script.env("SEEDSHIP_CONFIG", host.config()).spawn().unwrap();
    let mut seen = String::new();
    child.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
    child.wait().unwrap();
    assert_eq!(seen.matches("could not ").count(), 1, "{seen}");
    let longest = seen.lines().filter(|line| line.contains(' ')).map(str::len).max();
    assert!(longest.is_some_and(|longest| longest <= 82), "{seen}");
    host.is_due("shop", &torrent.hash);
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.stderr.lines().count(), 2, "{run:?}");
}

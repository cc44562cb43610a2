//! Each kind of mistake in a configuration, and on the command line, as the binary tells it.

use crate::{
    event::{packed, release},
    host::{Host, Run, SEEDSHIP, SHOP},
};
use lab::{Kind, Lab, site};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// An app that is right but for what stands after it.
const APP: &str =
    "[apps.a]\nmatch = \"a-{version}.tar\"\nroot = \"/srv/a\"\nunsigned = \"accept\"\n";

/// The binary with nothing of a configuration in its environment.
fn seedship(args: &[&str]) -> Run {
    let mut command = Command::new(SEEDSHIP);
    Run::of(command.args(args).env_remove("SEEDSHIP_CONFIG").output().unwrap())
}

fn in_file(lab: &Lab, text: &str, args: &[&str]) -> Run {
    let file = lab.write("c/config.toml", text).unwrap();
    seedship(&[&["--config", file.to_str().unwrap()], args].concat())
}

/// `config check` of this text says each of these words, and ends with 78.
fn refused(lab: &Lab, text: &str, says: &[&str]) {
    let run = in_file(lab, text, &["config", "check"]);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(run.code, 78, "{text}\n{said}");
    for part in says {
        assert!(said.contains(part), "not said: {part}\n{text}\n{said}");
    }
    assert!(!said.contains("panicked") && said.starts_with("seedship: could not "), "{said}");
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write() {
    let lab = Lab::new().unwrap();
    let with = |line: &str| format!("{APP}{line}\n");
    let table: &[(String, &[&str])] = &[
        ("[apps.a\n".into(), &["config.toml`, line 1, column 8"]),
        ("a = 1\n".into(), &["line 1, column 1", "unknown key `a`"]),
        (
            "[rtorrent]\nscig = \"/x\"\n".into(),
            &["line 2, column 1", "unknown key `scig`", "`scgi`"],
        ),
        (
            "[log]\nlevel = \"loud\"\n".into(),
            &["line 2, column 9", "unknown value `loud`", "hint: "],
        ),
        (with("kep = 3"), &["line 5, column 1", "unknown key `kep`", "`keep`"]),
        (with("linger = \"5 parsecs\""), &["line 5, column 10", "5 parsecs", "hint: "]),
        (with("min_free = 5"), &["line 5, column 12", "no unit", "\"5MiB\""]),
        (with("min_free = \"5 gigs\""), &["line 5, column 12", "5 gigs", "hint: "]),
        (with("keep = 0"), &["line 5, column 8", "`keep` is 0", "hint: "]),
        (with("limits = { memori = \"1MiB\" }"), &["line 5, column 12", "`memori`", "`memory`"]),
        (with("public_keys = [\"RWQ\"]"), &["line 5, column 16", "minisign", "56 characters"]),
        (with("shared = [\"../up\"]"), &["line 5, column 11", "../up"]),
        (with("[apps.a.run]\ncheck = [\"true\"]"), &["line 6, column 10", "no shell", "hint: "]),
        (
            APP.replace("unsigned = \"accept\"\n", ""),
            &["line 1, column 7", "public_keys", "hint: "],
        ),
        (APP.replace("a-{version}", "a"), &["line 2, column 9", "{version}"]),
        (APP.replace("/srv/a", "srv/a"), &["line 3, column 8", "srv/a", "hint: "]),
        (format!("{APP}{}", APP.replace("apps.a", "apps.b")), &["app `a`", "app `b`", "hint: "]),
        (
            format!("{APP}{}", APP.replace("apps.a", "apps.b").replace("/srv/a", "/srv/a/b")),
            &["`/srv/a/b` lies in the root `/srv/a` of app `a`", "hint: "],
        ),
    ];
    for (text, says) in table {
        refused(&lab, text, says);
    }
}

#[test]
fn a_file_that_is_not_there_or_no_text_is_told() {
    let lab = Lab::new().unwrap();
    let run = seedship(&["--config", "/nowhere/config.toml", "config", "check"]);
    assert_eq!(run.code, 78);
    assert!(run.stderr.contains("`/nowhere/config.toml`: there is no such file"), "{run:?}");
    assert!(run.stderr.contains("\n  hint: "), "{run:?}");
    let file = lab.write("binary.toml", b"[log]\n\xff\n").unwrap();
    let run = seedship(&["--config", file.to_str().unwrap(), "config", "check"]);
    assert_eq!(run.code, 78);
    assert!(run.stderr.contains("must be UTF-8"), "{run:?}");
}

#[test]
fn a_key_in_two_files_names_both() {
    let lab = Lab::new().unwrap();
    lab.write("c/config.d/10-log.toml", "[log]\nlevel = \"warn\"\n").unwrap();
    let places = ["config.d/10-log.toml`, line 2, column 1", "c/config.toml`, line 2, column 1"];
    refused(&lab, "[log]\nlevel = \"info\"\n", &places);
    lab.write("c/config.d/10-log.toml", APP).unwrap();
    let places =
        ["config.d/10-log.toml`, line 1", "c/config.toml`, line 1", "an app stands in one file"];
    refused(&lab, APP, &places);
    // Each by itself is right: tables merge.
    let main = "[log]\nlevel = \"info\"\n";
    assert_eq!(in_file(&lab, main, &["config", "check"]).code, 0);
}

#[test]
fn check_tells_every_fault_and_serves_as_a_validator() {
    let lab = Lab::new().unwrap();
    let good = in_file(&lab, APP, &["config", "check"]);
    assert_eq!((good.code, good.stdout.contains("is good: 1 app(s)")), (0, true), "{good:?}");
    let two = format!("{}keep = 0\n[apps.b]\nmatch = \"b\"\n", APP);
    let bad = in_file(&lab, &two, &["config", "check"]);
    assert_eq!(bad.code, 78);
    assert_eq!(bad.stdout.matches("seedship: could not ").count(), 2, "{bad:?}");
    let json = in_file(&lab, &two, &["--json", "config", "check"]);
    let object: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(object["faults"].as_array().unwrap().len(), 2, "{object}");
    assert_eq!(object["faults"][0]["error"]["exit"], 78);

    // One fragment, whatever is around it.
    let fragment = lab.write("new.toml", APP).unwrap();
    let fragment = fragment.to_str().unwrap();
    let at =
        |file: &str| seedship(&["--config", "/nowhere", "config", "check", "--file", file]).code;
    assert_eq!(at(fragment), 0);
    fs::write(fragment, APP.replace("root", "rot")).unwrap();
    assert_eq!(at(fragment), 78);
}

#[test]
fn what_is_shown_can_be_written_and_is_shown_again() {
    let lab = Lab::new().unwrap();
    let shown = in_file(&lab, APP, &["config", "show"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown.stdout.contains("lock_wait = \"10m\""),
        "defaults are filled in: {}",
        shown.stdout
    );
    let again = in_file(&lab, &shown.stdout, &["config", "show"]);
    assert_eq!(again.stdout, shown.stdout);
    assert_eq!(in_file(&lab, &shown.stdout, &["config", "check"]).code, 0);
    let json = in_file(&lab, APP, &["config", "show", "--json"]);
    let object: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(object["apps"]["a"]["root"], "/srv/a");
}

#[test]
fn the_argument_goes_before_the_environment() {
    let lab = Lab::new().unwrap();
    let file = |name: &str, root: &str| lab.write(name, APP.replace("/srv/a", root)).unwrap();
    let (one, two) = (file("1.toml", "/srv/one"), file("2.toml", "/srv/two"));
    let show = |args: &[&str], env: Option<&Path>| {
        let mut command = Command::new(SEEDSHIP);
        command.args(args).args(["config", "show"]).env_remove("SEEDSHIP_CONFIG");
        env.map(|env| command.env("SEEDSHIP_CONFIG", env));
        Run::of(command.output().unwrap())
    };
    assert!(show(&[], Some(&two)).stdout.contains("/srv/two"));
    let both = show(&["--config", one.to_str().unwrap()], Some(&two));
    assert!(both.stdout.contains("/srv/one"), "{both:?}");
    if !Path::new("/etc/seedship/config.toml").exists() {
        // An empty one is none.
        for env in [None, Some(Path::new(""))] {
            let neither = show(&[], env);
            assert_eq!(neither.code, 78);
            assert!(neither.stderr.contains("`/etc/seedship/config.toml`"), "{neither:?}");
        }
    }
}

#[test]
fn a_broken_app_stops_itself_alone() {
    let lab = Lab::new().unwrap();
    let blog = SHOP.replace("shop", "blog");
    let host = Host::new(&lab, &format!("{SHOP}{blog}keep = 0\n"));
    let (torrent, payload) = release(&lab, "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 0, "{:#?}", host.log());
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"));

    let (theirs, payload) = packed(&lab, &site::small("1.0"), Kind::Tar, "blog-1.0");
    let before = host.log().len();
    assert_eq!(host.finished(&theirs, &payload).code, 78);
    let said = host.log().split_off(before);
    let [line] = &said[..] else { panic!("{said:#?}") };
    assert!(line.contains("`keep` is 0") && line.contains(&theirs.hash), "{line}");
    assert!(!host.root("blog").join("releases").exists());
    assert_eq!(host.run(&["rollback", "blog"]).code, 78);
    assert_eq!(host.run(&["releases", "shop"]).code, 0);
    // Nobody's torrent is still nobody's: the broken app's patterns are known.
    let (other, payload) = packed(&lab, &site::small("1.0"), Kind::Tar, "wiki-1.0");
    assert_eq!(host.finished(&other, &payload).code, 0);
}

/// What is wrong is told once and is the exit code; the other apps are swept.
#[test]
fn a_sweep_does_not_hide_what_it_cannot_sweep() {
    let lab = Lab::new().unwrap();
    let blog = SHOP.replace("shop", "blog");
    let wrong = format!("{SHOP}{blog}keep = 0\n");
    let host = Host::new(&lab, SHOP);
    let missing = format!("{SHOP}{blog}");
    for (number, apps) in [wrong.as_str(), SHOP, &missing].into_iter().enumerate() {
        host.configure(apps);
        let fragment = lab.path().join("config.d/wiki.toml");
        match number {
            1 => drop(lab.write("config.d/wiki.toml", "[apps.wiki\n").unwrap()),
            2 => {
                fs::remove_file(fragment).unwrap();
                fs::remove_dir_all(host.root("blog")).unwrap();
            }
            _ => {}
        }
        let version = format!("{number}.0");
        let (torrent, payload) = release(&lab, &version);
        host.in_session(&torrent, payload.parent().unwrap());
        assert_eq!(host.run(&["sweep", "--dry-run"]).code, 78, "{apps}");
        let before = host.log().len();
        let run = host.run(&["sweep"]);
        assert_eq!(run.code, 78, "{apps} {run:?}");
        assert_eq!(host.current("shop"), Some(format!("releases/{version}")), "{apps}");
        let said = host.log().split_off(before);
        let faults = said.iter().filter(|line| line.contains("exit=78"));
        assert_eq!(faults.count(), 1, "{apps} {said:#?}");
    }
}

#[test]
fn a_file_that_cannot_be_parsed_makes_nobodys_torrent_an_error() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    lab.write("config.d/blog.toml", "[apps.blog\n").unwrap();
    let (torrent, payload) = release(&lab, "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 0, "{:#?}", host.log());
    let (theirs, payload) = packed(&lab, &site::small("1.0"), Kind::Tar, "blog-1.0");
    let run = host.finished(&theirs, &payload);
    assert_eq!(run.code, 78, "{run:?}");
    assert!(
        host.log().last().unwrap().contains("config.d/blog.toml`, line 1"),
        "{:#?}",
        host.log()
    );
    assert_eq!(host.run(&["rollback", "blog"]).code, 78, "it could stand in that file");
    assert_eq!(host.run(&["config", "check"]).code, 78);
}

#[test]
fn a_wrong_main_file_stops_every_command_and_no_release() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = release(&lab, "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    fs::write(host.config(), "[rtorrent]\nscgi = \"127.0.0.1:5000\"\n").unwrap();
    let commands: [&[&str]; 6] = [
        &["finished", &torrent.hash],
        &["sweep"],
        &["rollback", "shop"],
        &["activate", "shop", "1.0"],
        &["status"],
        &["prune", "shop"],
    ];
    for args in commands {
        let run = host.run(args);
        assert_eq!(run.code, 78, "{args:?} {run:?}");
        assert!(run.stderr.contains("allow_tcp = true"), "{run:?}");
    }
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"));
}

#[test]
fn a_wrong_command_line_is_64_and_help_is_not() {
    let usage: [&[&str]; 9] = [
        &[],
        &["finishd"],
        &["finished"],
        &["finished", "not-a-hash"],
        &["finished", "0123456789ABCDEF0123456789ABCDEF01234567", "--payload", "/x"],
        &["activate", "shop"],
        &["activate", "shop", "../1.0"],
        &["hold", "shop", "--until", "soon"],
        &["rollback", "shop", "--what"],
    ];
    for args in usage {
        let run = seedship(args);
        assert_eq!((run.code, run.stdout.as_str()), (64, ""), "{args:?} {run:?}");
        assert!(!run.stderr.is_empty(), "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["finished", "--help"], &["help"]] {
        let run = seedship(args);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?} {run:?}");
        assert!(run.stdout.contains("seedship"), "{args:?} {run:?}");
    }
    assert!(!seedship(&["--help"]).stdout.contains("as-owner"), "it is root's own");
}

#[test]
fn machines_get_one_object_whatever_fails() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let object = |args: &[&str], exit: i32| -> Value {
        let run = host.run(&[args, &["--json"]].concat());
        assert_eq!(run.code, exit, "{args:?} {run:?}");
        assert_eq!(run.stderr, "", "{args:?}");
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{args:?} {e}: {run:?}"))
    };
    let error = |args: &[&str], exit: i32| {
        let object = object(args, exit);
        assert_eq!(object["error"]["exit"], exit, "{args:?} {object}");
        let message = object["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("could not "), "{message}");
    };
    error(&["rollback", "shop"], 66);
    error(&["rollback", "blog"], 66);
    error(&["activate", "shop", "1.0"], 66);
    error(&["status", "blog"], 66);
    error(&["hold", "shop", "--until", "soon"], 64);
    error(&["finishd"], 64);
    let (torrent, payload) = release(&lab, "1.0");
    let file = lab.write("1.torrent", &torrent.bytes).unwrap();
    let (file, place) = (file.to_str().unwrap(), payload.to_str().unwrap());
    let event = ["finished", &torrent.hash, "--torrent", file, "--payload", place];
    let whole = fs::read(&payload).unwrap();
    fs::write(&payload, "").unwrap();
    error(&event, 75);
    let other: String = torrent.hash.chars().rev().collect();
    error(&["finished", &other, "--torrent", file, "--payload", place], 66);
    fs::write(&payload, whole).unwrap();
    let done = object(&event, 0);
    assert_eq!((&done["outcome"], &done["version"]), (&"live".into(), &"1.0".into()), "{done}");
    assert_eq!(object(&event, 0)["outcome"], "already");
    fs::write(host.config(), "[log").unwrap();
    error(&["status"], 78);
    error(&["config", "check"], 78);
}

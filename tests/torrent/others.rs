//! Torrents that other programs made, and what those say of them.

use super::{Desk, flip, noise};
use lab::{Lab, skip, workspace};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs a program that must succeed.
fn run(program: &str, args: &[&str], at: &Path) -> String {
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(at).env("LC_ALL", "C.UTF-8").output();
    let output = output.unwrap_or_else(|e| panic!("{program} cannot be run: {e}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

/// A tree with files that share pieces, and one file; torrents of both by each program.
fn made() -> (Desk, Vec<&'static str>) {
    let desk = Desk::new();
    desk.write("site 1/a.bin", noise(300_000, 1));
    desk.write("site 1/sub/b.txt", "hello");
    desk.write("site 1/sub/é.html", noise(50_000, 2));
    desk.write("shop-1.tar", noise(200_000, 3));
    let at = desk.dir.path();
    let tiers = ["-a", "http://127.0.0.1:9/a,http://127.0.0.1:9/b", "-a", "udp://127.0.0.1:9/c"];
    for (payload, out) in [("site 1", "mk-many.torrent"), ("shop-1.tar", "mk-one.torrent")] {
        let args = [&["-l", "15", "-p", "-c", "a comment"], &tiers[..], &["-o", out, payload]];
        run("mktorrent", &args.concat(), at);
    }
    for (payload, out) in [("site 1", "tr-many.torrent"), ("shop-1.tar", "tr-one.torrent")] {
        let tracker = ["-t", "http://127.0.0.1:9/a", "-t", "udp://127.0.0.1:9/b"];
        run("transmission-create", &[&["-o", out], &tracker[..], &[payload]].concat(), at);
    }
    (desk, vec!["mk-many.torrent", "mk-one.torrent", "tr-many.torrent", "tr-one.torrent"])
}

#[test]
fn their_torrents_are_good_and_one_byte_less_is_not() {
    let (desk, torrents) = made();
    for torrent in torrents {
        let (verdict, code) = desk.json(&["torrent", "verify", torrent]);
        assert_eq!((code, &verdict["verdict"]), (0, &Value::from("good")), "{verdict:#}");
        let (file, length) = match torrent.contains("many") {
            true => ("site 1/sub/é.html", 50_000),
            false => ("shop-1.tar", 200_000),
        };
        flip(&desk.path(file), length - 1);
        let (wrong, code) = desk.wrong(&[torrent]);
        let last = verdict["pieces"].as_u64().unwrap() - 1;
        assert_eq!((wrong, code), (vec![last], 65), "{torrent}");
        flip(&desk.path(file), length - 1);
    }
    let lab = Lab::new().unwrap();
    let payload = lab.write("shop-2.tar", noise(100_000, 4)).unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    let torrent = lab.write("2.torrent", torrent.bytes).unwrap();
    let args = [torrent.to_str().unwrap(), payload.to_str().unwrap()];
    assert_eq!(desk.wrong(&args), (vec![], 0));
}

#[test]
fn transmission_shows_the_same() {
    let (desk, torrents) = made();
    for torrent in torrents {
        let (shown, code) = desk.json(&["torrent", "show", torrent]);
        assert_eq!(code, 0);
        let theirs = run("transmission-show", &[torrent], desk.dir.path());
        let said = |key: &str| {
            let line = theirs.lines().find_map(|line| line.trim().strip_prefix(key));
            line.unwrap_or_else(|| panic!("no {key} in {theirs}")).trim().to_owned()
        };
        assert_eq!(said("Name:"), shown["name"]);
        assert_eq!(said("Hash:").to_uppercase(), shown["hash"]);
        assert_eq!(said("Piece Count:"), shown["pieces"].to_string());
        assert_eq!(said("Privacy:").contains("Private"), shown["private"]);
        if let Value::String(comment) = &shown["comment"] {
            assert_eq!(said("Comment:"), *comment);
        }
        let length = shown["length"].as_f64().unwrap();
        let size = bytes(&said("Total Size:"));
        assert!((size - length).abs() <= length / 100.0, "{size} {length}");
        assert_eq!(tiers(&theirs), shown["trackers"], "{theirs}");
    }
}

/// The bytes of a size in thousands: `350.0 kB`.
fn bytes(size: &str) -> f64 {
    let (number, unit) = size.split_once([' ', '\u{a0}']).unwrap();
    let unit = match unit {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        other => panic!("{other}"),
    };
    number.parse::<f64>().unwrap() * unit
}

/// The trackers in their tiers, as transmission prints them.
fn tiers(text: &str) -> Value {
    let lines = text.lines().skip_while(|line| *line != "TRACKERS");
    let mut tiers: Vec<Vec<String>> = Vec::new();
    for line in lines.take_while(|line| *line != "FILES").map(str::trim) {
        if line.starts_with("Tier #") {
            tiers.push(Vec::new());
        } else if line.contains("://") {
            tiers.last_mut().unwrap().push(line.to_owned());
        }
    }
    tiers.into()
}

/// imdl, where `scripts/tool imdl` has built it or the system has it.
pub(super) fn imdl() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).map(|at| at.join("imdl")).collect();
    places.extend(
        ["tools", "tools-release"].map(|at| workspace().join(".lab").join(at).join("bin/imdl")),
    );
    places.into_iter().find(|place| place.is_file())
}

#[test]
fn imdl_comes_to_the_same_verdict() {
    let Some(imdl) = imdl() else {
        return skip("imdl is not there (scripts/tool imdl builds it)");
    };
    let (desk, _) = made();
    let agree = |torrent: &str, payload: &str, good: bool| {
        let mut theirs = Command::new(&imdl);
        let theirs = theirs.args(["torrent", "verify", "--input", torrent, "--content", payload]);
        let theirs = theirs.current_dir(&desk.dir).output().unwrap().status.success();
        let ours = desk.run(&["torrent", "verify", torrent, payload]).code == 0;
        assert_eq!((theirs, ours), (good, good), "{torrent} {payload}");
    };
    let both = |good| agree("mk-many.torrent", "site 1", good);
    both(true);
    agree("tr-one.torrent", "shop-1.tar", true);
    flip(&desk.path("shop-1.tar"), 100_000);
    agree("tr-one.torrent", "shop-1.tar", false);
    flip(&desk.path("site 1/a.bin"), 0);
    both(false);
    flip(&desk.path("site 1/a.bin"), 0);
    let text = fs::read(desk.path("site 1/sub/b.txt")).unwrap();
    fs::remove_file(desk.path("site 1/sub/b.txt")).unwrap();
    both(false);
    desk.write("site 1/sub/b.txt", &text[1..]);
    both(false);
    desk.write("site 1/sub/b.txt", &text);
    both(true);
}

//! What is seen of a publication, by people and by machines.

use super::{Desk, deliver::steady, noise};
use crate::{manual::is_missing, screens::reviewed, terminal::Terminal};
use lab::{Lab, Torrent, Tree, site};
use std::fs;

#[test]
fn what_was_done_fits_a_screen() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    site::small("1.4.2").write_to(&lab.folder("build").unwrap()).unwrap();
    let watch = desk.lab.folder("watch").unwrap();
    let line = [
        "publish",
        "build",
        "--app",
        "shop",
        "--version",
        "1.4.2",
        "--meta",
        "git=4f2a1c9",
        "--meta",
        "build=7",
        "--to",
        watch.to_str().unwrap(),
        "--directory",
        "dist",
    ];
    lab.folder("dist").unwrap();
    let mut text = String::new();
    let mut types = |args: &[&str]| {
        let run = desk.run(args);
        assert_eq!(run.code, 0, "{run:?}");
        text.push_str(&format!("$ seedship {}\n{}{}\n", args.join(" "), run.stderr, run.stdout));
    };
    types(&[&line[..], &["--dry-run"]].concat());
    types(&line);
    types(&line);
    let folder = [
        "publish",
        "build",
        "--app",
        "shop",
        "--version",
        "1.5",
        "--layout",
        "directory",
        "--unsigned",
    ];
    types(&folder);
    reviewed("publish", &steady(&text, &lab, &desk));
    let mut text = String::new();
    for more in [&["--dry-run", "--json"][..], &["--json"]] {
        let run = desk.run(&[&line[..], more].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        text.push_str(&run.stdout);
    }
    reviewed("publish_json", &steady(&text, &lab, &desk));
}

/// The torrent alone on standard output, everything else beside it.
#[test]
fn a_torrent_goes_through_a_pipe() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let build = desk.built(&site::small("1.0"));
    let out = desk.folder();
    let args =
        ["publish", build.to_str().unwrap(), "--app", "shop", "--version", "1.0", "--output", "-"];
    let done = desk
        .command(&[&args[..], &["--directory", out.to_str().unwrap()]].concat())
        .output()
        .unwrap();
    let torrent = Torrent::from_bytes(done.stdout.clone()).unwrap();
    assert_eq!(torrent.name, "shop-1.0.tar.zst");
    assert!(done.status.success());
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(told.contains("shop 1.0 is published"), "{told}");
    assert_eq!(super::names(&out), ["shop-1.0.tar.zst"]);
    // A file of another name.
    let told = desk.publish(
        &build,
        "1.0",
        &["--output", "x.torrent", "--directory", out.to_str().unwrap()],
    );
    assert_eq!(told["info_hash"], torrent.hash.as_str());
    assert!(fs::read(lab.path().join("x.torrent")).is_ok());
}

#[test]
fn a_bar_shows_on_a_terminal_how_far_it_is() {
    if is_missing("tmux") {
        return;
    }
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let noise = noise(12 << 20);
    let build = desk.built(&Tree::new().file("video.bin", noise));
    let run = format!(
        "cd {}; seedship publish {} --app shop --version 1 --unsigned --level 19; echo over; sleep 600",
        lab.path().display(),
        build.display()
    );
    let terminal = Terminal::open(&lab, (80, 24), &[("SEEDSHIP_CONFIG", "no.toml")], &run);
    let bar = terminal.shows("of 12.00 MiB");
    assert!(bar.lines().all(|line| line.chars().count() <= 80), "{bar}");
    let end = terminal.shows("over");
    assert!(end.contains("shop 1 is published") && !end.contains("of 12.00 MiB"), "{end}");
}

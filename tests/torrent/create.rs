//! Torrents of our own: what is told of them, what is refused, and who reads them.

use super::{Desk, flip, noise};
use crate::{
    host::{Host, Run, SEEDSHIP, SHOP},
    screens::reviewed,
};
use lab::{Flavour, Lab, Torrent, as_ordinary_user, skip};
use metainfo::Metainfo;
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
    process::Command,
};

lab::on_both![rtorrent_finds_every_piece_of_what_we_make];

/// A tree with everything that a torrent can carry.
fn site(desk: &Desk) {
    desk.write("site-1.0/index.html", "<h1>shop</h1>\n");
    desk.write("site-1.0/img/logo.png", noise(50_000, 1));
    desk.write("site-1.0/img/large.png", noise(300_000, 2));
    desk.write("site-1.0/bin/task", "#!/bin/sh\n");
    desk.write("site-1.0/empty", "");
    symlink("../img/logo.png", desk.path("site-1.0/bin/logo")).unwrap();
    fs::set_permissions(desk.path("site-1.0/bin/task"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn made(desk: &Desk, args: &[&str]) -> Metainfo {
    let (made, code) = desk.json(&[&["torrent", "create"], args].concat());
    assert_eq!(code, 0, "{made:#}");
    let bytes = fs::read(desk.path(made["torrent"].as_str().unwrap())).unwrap();
    let torrent = Metainfo::parse(&bytes).unwrap();
    assert_eq!(made["hash"], torrent.info_hash().to_string());
    torrent
}

#[test]
fn what_was_made_is_told() {
    let desk = Desk::new();
    site(&desk);
    fs::create_dir_all(desk.path("site-1.0/cache/css")).unwrap();
    desk.write("shop-1.4.2.tar.zst", noise(100_000, 3));
    let tracker = ["--announce", "http://tracker.example.org:6969/announce"];
    let other = ["--announce", "udp://other.example.org:6969"];
    let mut text = String::new();
    for args in [
        &["shop-1.4.2.tar.zst"][..],
        &[&["site-1.0", "--private", "--comment", "two words"], &tracker[..], &other[..]].concat(),
        &[
            "site-1.0",
            "--hybrid",
            "--name",
            "shop",
            "--output",
            "out.torrent",
            "--piece-length",
            "64KiB",
        ],
        &["shop-1.4.2.tar.zst", "--no-hybrid", "--force", "--json"],
    ] {
        let run = desk.run(&[&["torrent", "create"], args].concat());
        if !args.contains(&"--json") {
            assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
        }
        text.push_str(&format!("--- {}\n{}", args.join(" "), desk.told(&run)));
    }
    reviewed("torrent_create", &text);
    for torrent in ["shop-1.4.2.tar.zst.torrent", "site-1.0.torrent"] {
        assert_eq!(desk.wrong(&[torrent]), (vec![], 0), "{torrent}");
    }
    assert_eq!(desk.wrong(&["out.torrent", "site-1.0"]), (vec![], 0));
    flip(&desk.path("site-1.0/img/logo.png"), 49_999);
    for torrent in ["site-1.0.torrent", "out.torrent"] {
        let (wrong, code) = desk.wrong(&[torrent, "site-1.0"]);
        assert_eq!((wrong.len(), code), (1, 65), "{torrent}");
    }
}

#[test]
fn the_same_payload_gives_the_same_bytes_wherever_it_is_written() {
    let desk = Desk::new();
    site(&desk);
    let to_stdout = |place: &str, args: &[&str]| {
        let args = [&["torrent", "create", place, "--output", "-"], args].concat();
        let output = desk.command(&args).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        output.stdout
    };
    let first = to_stdout("site-1.0", &["--hybrid"]);
    let torrent = made(&desk, &["site-1.0", "--hybrid"]);
    assert_eq!(fs::read(desk.path("site-1.0.torrent")).unwrap(), first);
    let listed: Vec<String> = torrent
        .files()
        .iter()
        .filter(|file| !file.attr.padding)
        .map(|file| String::from_utf8(file.path.join(&b'/')).unwrap())
        .collect();
    let sorted = ["bin/logo", "bin/task", "empty", "img/large.png", "img/logo.png", "index.html"];
    assert_eq!(listed, sorted);
    fs::create_dir(desk.path("elsewhere")).unwrap();
    fs::rename(desk.path("site-1.0"), desk.path("elsewhere/x")).unwrap();
    assert_eq!(to_stdout("elsewhere/x", &["--hybrid", "--name", "site-1.0"]), first);
    // Through a link, and as `.`: the payload is the same, and is called as it was typed.
    symlink("elsewhere/x", desk.path("site-1.0")).unwrap();
    assert_eq!(to_stdout("site-1.0", &["--hybrid"]), first);
    let here = desk.command(&["torrent", "create", ".", "--no-hybrid", "--output", "-"]);
    let here = { here }.current_dir(desk.path("elsewhere/x")).output().unwrap().stdout;
    assert_eq!(Metainfo::parse(&here).unwrap().name(), b"x");
}

/// Whatever is wrong, there is no torrent, and nothing that was to become one.
#[test]
fn what_no_torrent_can_be_made_of_is_refused() {
    type Spoil = fn(&Path);
    let spoiled: [(&str, Spoil); 10] = [
        ("nothing is there", |at| fs::remove_dir_all(at).unwrap()),
        ("an empty tree", |at| {
            fs::remove_dir_all(at).unwrap();
            fs::create_dir_all(at.join("a/b")).unwrap();
        }),
        ("a name that is not UTF-8", |at| {
            fs::write(at.join(OsStr::from_bytes(b"img/caf\xe9.png")), "").unwrap();
        }),
        ("a control character in a name", |at| fs::write(at.join("a\x1b[31m"), "").unwrap()),
        ("a directory with such a name", |at| fs::create_dir(at.join("a\nb")).unwrap()),
        ("a named pipe", |at| {
            nix::unistd::mkfifo(&at.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }),
        ("a link that leads out", |at| symlink("../../etc", at.join("img/out")).unwrap()),
        ("an absolute link", |at| symlink("/etc/passwd", at.join("passwd")).unwrap()),
        ("a link to the whole", |at| symlink("..", at.join("img/all")).unwrap()),
        ("a torrent is there", |at| {
            fs::write(at.with_file_name("site-1.0.torrent"), "theirs").unwrap();
        }),
    ];
    let mut text = String::new();
    for (name, spoil) in spoiled {
        let desk = Desk::new();
        site(&desk);
        spoil(&desk.path("site-1.0"));
        let before = fs::read(desk.path("site-1.0.torrent")).ok();
        let run = desk.run(&["torrent", "create", "site-1.0"]);
        text.push_str(&format!("--- {name}\n{}", desk.told(&run)));
        assert_eq!(fs::read(desk.path("site-1.0.torrent")).ok(), before, "{name}");
        let beside = fs::read_dir(desk.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(beside.into_iter().all(|n| n == "site-1.0" || n == "site-1.0.torrent"), "{name}");
    }
    let desk = Desk::new();
    site(&desk);
    for args in [
        &["site-1.0", "--output", "site-1.0/img/x.torrent"][..],
        &["site-1.0", "--output", "nowhere/x.torrent"],
        &["site-1.0", "--output", "-", "--json"],
        &["site-1.0", "--piece-length", "100KiB"],
        &["site-1.0", "--announce", "tracker.example.org"],
        &["site-1.0", "--name", "a/b"],
        &["site-1.0", "--name", ".."],
        &["site-1.0", "--hybrid", "--no-hybrid"],
    ] {
        let run = desk.run(&[&["torrent", "create"], args].concat());
        let error = run.stderr.lines().next().unwrap_or_default();
        let error = if args.contains(&"--json") { run.stdout.as_str() } else { error };
        text.push_str(&format!("--- {}\n{error}\nexit {}\n", args.join(" "), run.code));
    }
    reviewed("torrent_create_refused", &text);
}

#[test]
fn who_may_not_read_is_told_before_anything_is_hashed() {
    let desk = Desk::new();
    site(&desk);
    let binary = desk.path("seedship");
    fs::copy(SEEDSHIP, &binary).unwrap();
    fs::set_permissions(desk.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let create = || {
        let mut command = as_ordinary_user(&binary);
        let command = command.args(["torrent", "create", "site-1.0"]).current_dir(&desk.dir);
        Run::of(command.output().unwrap())
    };
    fs::set_permissions(desk.path("site-1.0/img/logo.png"), fs::Permissions::from_mode(0o000))
        .unwrap();
    let run = create();
    assert_eq!(run.code, 77, "{run:?}");
    assert!(run.stderr.contains("img/logo.png`: permission denied"), "{run:?}");
    assert!(!desk.path("site-1.0.torrent").exists());
    fs::set_permissions(desk.path("site-1.0/img/logo.png"), fs::Permissions::from_mode(0o644))
        .unwrap();
    let run = create();
    assert_eq!(run.code, 0, "{run:?}");
}

/// Runs a program that must succeed.
fn run(program: &str, args: &[&str], at: &Path) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(at).env("LC_ALL", "C.UTF-8").output();
    let Ok(output) = output else {
        skip(format_args!("{program} is not there"));
        return None;
    };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
    Some(text)
}

/// The same `info`, byte for byte, so the same swarm.
#[test]
fn mktorrent_and_imdl_make_the_same() {
    let desk = Desk::new();
    desk.write("shop-1.tar", noise(700_000, 1));
    // No attributes: neither of the two knows them.
    desk.write("site/a.html", noise(100_000, 2));
    desk.write("site/sub/b.html", noise(5, 3));
    for payload in ["shop-1.tar", "site"] {
        let args = [payload, "--no-hybrid", "--piece-length", "32KiB", "--private", "--force"];
        let ours = made(&desk, &[&args[..], &["--announce", "http://127.0.0.1:9/a"]].concat());
        let theirs = ["-l", "15", "-p", "-a", "http://127.0.0.1:9/a", "-o"];
        let out = format!("mk-{payload}.torrent");
        if run("mktorrent", &[&theirs[..], &[&out, payload]].concat(), desk.dir.path()).is_some() {
            let theirs = Metainfo::parse(&fs::read(desk.path(&out)).unwrap()).unwrap();
            assert_eq!(theirs.raw_info(), ours.raw_info(), "{payload}");
        }
        let Some(imdl) = super::others::imdl() else {
            skip("imdl is not there (scripts/tool imdl builds it)");
            continue;
        };
        let file = format!("{payload}.torrent");
        let args = ["torrent", "verify", "--input", &file, "--content", payload];
        run(imdl.to_str().unwrap(), &args, desk.dir.path());
        let out = format!("imdl-{payload}.torrent");
        let args = ["torrent", "create", "--input", payload, "--output", &out];
        let more =
            ["--piece-length", "32KiB", "--private", "--sort-by", "path", "--no-creation-date"];
        let tracker = ["--announce", "http://127.0.0.1:9/a"];
        run(imdl.to_str().unwrap(), &[&args[..], &more, &tracker].concat(), desk.dir.path());
        let theirs = Metainfo::parse(&fs::read(desk.path(&out)).unwrap()).unwrap();
        assert_eq!((theirs.files(), theirs.pieces()), (ours.files(), ours.pieces()), "{payload}");
        assert_eq!(desk.wrong(&[&out, payload]), (vec![], 0));
    }
}

#[test]
fn others_read_what_we_make() {
    let desk = Desk::new();
    site(&desk);
    desk.write("shop-1.tar", noise(700_000, 1));
    let at = desk.dir.path();
    for payload in ["shop-1.tar", "site-1.0"] {
        for kind in ["--no-hybrid", "--hybrid"] {
            let tracker = ["--announce", "http://127.0.0.1:9/a"];
            let torrent = made(&desk, &[&[payload, kind, "--force"], &tracker[..]].concat());
            let hash = torrent.info_hash().to_string();
            let name = if payload == "site-1.0" { "site-1.0/img/logo.png" } else { payload };
            for (program, args) in READERS {
                if kind == "--hybrid" && !reads_hybrids(program, args) {
                    skip(format_args!("this {program} does not read libtorrent's hybrids either"));
                    continue;
                }
                let file = format!("{payload}.torrent");
                let Some(said) = run(program, &[args, &[&file]].concat(), at) else { continue };
                assert!(said.to_uppercase().contains(&hash) && said.contains(name), "{said}");
            }
        }
    }
}

/// Programs that tell of a torrent, and how they are asked.
const READERS: [(&str, &[&str]); 2] =
    [("transmission-show", &[]), ("aria2c", &["--show-files=true"])];

/// Whether a program finds the info hash of a hybrid torrent that libtorrent made: Transmission before
/// 4.0 refuses it, and aria2 1.36 comes to another hash.
fn reads_hybrids(program: &str, args: &[&str]) -> bool {
    let file = lab::workspace().join("crates/metainfo/tests/hybrid/one.torrent");
    let hash = Metainfo::parse(&fs::read(&file).unwrap()).unwrap().info_hash().to_string();
    let said = Command::new(program).args(args).arg(file).output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).to_uppercase().contains(&hash))
}

/// Loaded with the payload in place, and checked by rtorrent itself.
fn rtorrent_finds_every_piece_of_what_we_make(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    let shop = lab.write("payload/shop-1.tar", noise(700_000, 1)).unwrap();
    let site = lab.folder("payload/site-1.0/img").unwrap();
    let site = site.parent().unwrap();
    fs::write(site.join("img/logo.png"), noise(50_000, 2)).unwrap();
    fs::write(site.join("task"), noise(300_000, 3)).unwrap();
    fs::set_permissions(site.join("task"), fs::Permissions::from_mode(0o755)).unwrap();
    for (payload, kind) in [
        (shop.as_path(), "--hybrid"),
        (site, "--hybrid"),
        (shop.as_path(), "--no-hybrid"),
        (site, "--no-hybrid"),
    ] {
        if (payload, kind, flavour) == (site, "--hybrid", Flavour::Old) {
            // It takes padding for files, which nobody has: that is why directories are of v1.
            continue;
        }
        // Each is another download, beside the others.
        let name = format!("{}{kind}", payload.file_name().unwrap().display());
        let out = lab.path().join(format!("{name}.torrent"));
        let (out_arg, payload_arg) = (out.to_str().unwrap(), payload.to_str().unwrap());
        let args = ["torrent", "create", payload_arg, kind, "--name", &name, "--output", out_arg];
        // With a tracker, as all torrents of the lab: here 0.9.8 does not load one without.
        let tracker = ["--announce", "http://127.0.0.1:9/announce"];
        let run = host.run(&[&args[..], &tracker].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let torrent = Torrent::from_bytes(fs::read(&out).unwrap()).unwrap();
        let seeded = node.seed(&torrent, payload);
        seeded.unwrap_or_else(|e| panic!("{name}: {e}"));
        node.await_that("complete by its own check", || {
            let is = |method, value| node.number(method, &torrent.hash) == Some(value);
            is("d.hashing", 0) && is("d.is_hash_checked", 1) && is("d.complete", 1)
        })
        .unwrap();
        let run = host.run(&["torrent", "verify", &torrent.hash, "--json"]);
        let verdict: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(verdict["verdict"], "good", "{verdict:#}");
    }
}

/// As many pieces are read side by side as there are files to be had; each directory is open too.
#[test]
fn few_open_files_are_enough() {
    let desk = Desk::new();
    for n in 0..200 {
        desk.write(&format!("site-1.0/{n}/page"), noise(20_000, n));
    }
    for args in ["torrent create site-1.0", "torrent verify site-1.0.torrent site-1.0"] {
        let line = format!("ulimit -n 24 && exec {SEEDSHIP} {args}");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(desk.path("."));
        let run = Run::of(command.output().unwrap());
        assert_eq!(run.code, 0, "{run:?}");
    }
}

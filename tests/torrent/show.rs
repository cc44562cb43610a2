//! What a torrent says of itself, and what this host would make of it.

use super::{Desk, hybrid, noise};
use crate::screens::reviewed;
use lab::Lab;
use metainfo::{Attr, Metainfo, bencode::Item, create::Draft};
use proptest::prelude::*;
use std::{fs, process::Command};

/// A configuration whose `shop` takes what `keys` sign, or everything.
fn configure(desk: &Desk, trust: &str) {
    let root = desk.path("shop");
    fs::create_dir_all(&root).unwrap();
    let text = format!(
        "[apps.shop]\nmatch = [\"shop-{{version}}.tar.zst\", \"shop-{{version}}\"]\nroot = \"{}\"\n{trust}\n",
        root.display()
    );
    desk.write("config.toml", text);
}

fn show(desk: &Desk, what: &str) -> String {
    let run = desk.run(&["torrent", "show", what]);
    for line in run.stdout.lines().filter(|line| !line.starts_with("magnet:")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    desk.told(&run)
}

/// Files of every kind, trackers in tiers, everything that stands outside `info`.
fn rich(desk: &Desk) -> Metainfo {
    let is = |change: fn(&mut Attr)| {
        let mut attr = Attr::default();
        change(&mut attr);
        attr
    };
    let (page, zeros) = (noise(20_000, 1), vec![0; 12_768]);
    desk.many(
        "shop-1.4.2",
        &[
            ("index.html", &page, Attr::default()),
            (".pad/12768", &zeros, is(|attr| attr.padding = true)),
            ("bin/task", b"#!/bin/sh\n", is(|attr| attr.executable = true)),
            ("latest", b"", is(|attr| attr.symlink = Some(vec![b"bin".into(), b"task".into()]))),
        ],
        |draft| {
            let comment = "the release that brings the new basket, and takes the old one away";
            draft
                .piece_length(16_384)
                .created(1_767_323_045)
                .private(true)
                .announce("http://tracker.example/announce")
                .announce("udp://other.example:6969/announce")
                .extra("comment", Item::bytes(comment))
                .extra("created by", Item::bytes("lab 1.0"))
                .extra("url-list", Item::List(vec![Item::bytes("http://seed.example/dl/")]))
        },
    )
}

#[test]
fn everything_that_a_torrent_says_is_shown() {
    let desk = Desk::new();
    rich(&desk);
    reviewed("torrent_show_alone", &show(&desk, "shop-1.4.2.torrent"));
    configure(&desk, "unsigned = \"accept\"");
    reviewed("torrent_show", &show(&desk, "shop-1.4.2.torrent"));
    let json = desk.run(&["torrent", "show", "--json", "shop-1.4.2.torrent"]);
    reviewed("torrent_show_json", &desk.told(&json));
}

#[test]
fn the_app_is_the_one_that_a_deploy_would_choose() {
    let desk = Desk::new();
    configure(&desk, "unsigned = \"accept\"");
    let mut text = String::new();
    for name in ["shop-1.4.2.tar.zst", "shop-next.tar.zst", "blog-1.0.zip", "notes.txt"] {
        desk.one(name, b"hello", |draft| draft);
        let shown = show(&desk, &format!("{name}.torrent"));
        let lines = shown
            .lines()
            .skip_while(|line| !line.starts_with("app"))
            .take_while(|line| !line.is_empty());
        let payload = shown.lines().find(|line| line.starts_with("payload")).unwrap();
        text.push_str(&format!(
            "--- {name}\n{payload}\n{}\n",
            lines.collect::<Vec<_>>().join("\n")
        ));
    }
    desk.write("config.toml", "[apps.shop]\nmatch = 7\n");
    let broken = show(&desk, "blog-1.0.zip.torrent");
    let why = broken
        .lines()
        .skip_while(|line| !line.starts_with("app"))
        .take_while(|line| !line.is_empty());
    text.push_str(&format!("--- a broken configuration\n{}\n", why.collect::<Vec<_>>().join("\n")));
    reviewed("torrent_show_apps", &text);
}

#[test]
fn a_signature_is_shown_with_whose_it_is() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new();
    let (ours, other) = (lab.signer().unwrap(), lab.signer().unwrap());
    let payload = lab.write("shop-1.4.2.tar.zst", noise(100_000, 1)).unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    let time = "2026-01-02T03:04:05Z";
    let good = ours.sign(&torrent, "shop", "1.4.2", time, &["git=abc123"]).unwrap();
    let older = ours.sign(&torrent, "shop", "1.4.1", time, &[]).unwrap();
    let foreign = other.sign(&torrent, "shop", "1.4.2", time, &[]).unwrap();
    let broken = torrent.with_key("minisign", b"no signature").unwrap();
    configure(&desk, &format!("public_keys = [\"{}\"]", ours.public_key()));
    let mut text = String::new();
    for (name, torrent) in [
        ("good", &good),
        ("for another version", &older),
        ("by another key", &foreign),
        ("no signature at all", &broken),
        ("not signed", &torrent),
    ] {
        desk.write("x.torrent", &torrent.bytes);
        let shown = show(&desk, "x.torrent");
        let lines = shown.lines().skip_while(|line| !line.starts_with("signature"));
        let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        text.push_str(&format!("--- {name}\n{}\n", lines.join("\n")));
    }
    // The ids are new with every run.
    let ids = [&good, &foreign].map(|torrent| {
        desk.write("x.torrent", &torrent.bytes);
        let (shown, _) = desk.json(&["torrent", "show", "x.torrent"]);
        shown["signature"]["key"].as_str().unwrap().to_owned()
    });
    let text = text.replace(&ids[0], "OURS").replace(&ids[1], "OTHER");
    reviewed("torrent_show_signatures", &text);
    // Without a configuration it is still shown, believed by nobody.
    fs::remove_file(desk.path("config.toml")).unwrap();
    let (shown, code) = desk.json(&["torrent", "show", "x.torrent"]);
    assert_eq!(code, 0);
    assert_eq!(shown["signature"]["verified_by"], serde_json::json!([]));
}

#[test]
fn a_hybrid_torrent_has_two_hashes() {
    let desk = Desk::new();
    desk.one("shop-1.tar", b"hello", |draft| draft);
    let bytes = hybrid("shop-1.tar", b"hello");
    desk.write("hybrid.torrent", &bytes);
    let info = Metainfo::parse(&bytes).unwrap().raw_info().to_vec();
    let sum = Command::new("sha256sum").arg(desk.write("info", &info)).output().unwrap().stdout;
    let sum = String::from_utf8_lossy(&sum[..64]).into_owned();
    let (shown, _) = desk.json(&["torrent", "show", "hybrid.torrent"]);
    assert_eq!(shown["hash_v2"], sum);
    let magnet = shown["magnet"].as_str().unwrap();
    assert!(magnet.contains(&format!("&xt=urn:btmh:1220{sum}&dn=shop-1.tar")), "{magnet}");
    let (v1, _) = desk.json(&["torrent", "show", "shop-1.tar.torrent"]);
    assert!(v1["hash_v2"].is_null());
}

#[test]
fn what_is_no_torrent_says_why() {
    let desk = Desk::new();
    desk.write("v2.torrent", b"d4:infod9:file treed1:ad0:d6:lengthi1eeee12:meta versioni2e4:name1:a12:piece lengthi16384eee");
    desk.write("garbage", noise(1000, 1));
    desk.write("empty", b"");
    fs::create_dir(desk.path("directory")).unwrap();
    let mut text = String::new();
    for (what, expected) in [
        ("v2.torrent", 65),
        ("garbage", 65),
        ("empty", 65),
        ("directory", 65),
        ("./missing.torrent", 66),
        ("missing", 66),
        // An info hash, and there is no configuration to ask.
        ("0123456789abcdef0123456789abcdef01234567", 78),
    ] {
        let run = desk.run(&["torrent", "show", what]);
        assert_eq!(run.code, expected, "{run:?}");
        text.push_str(&format!("--- {what}\n{}", desk.told(&run)));
        assert_eq!(desk.run(&["torrent", "verify", what, "."]).code, expected, "{what}");
        let (object, code) = desk.json(&["torrent", "show", what]);
        assert_eq!((object["error"]["exit"].as_i64(), code), (Some(expected.into()), expected));
    }
    reviewed("torrent_show_refused", &text);
    // A file of that name is a file.
    let hash = "0123456789abcdef0123456789abcdef01234567";
    desk.write(hash, fs::read(desk.path("garbage")).unwrap());
    assert_eq!(desk.run(&["torrent", "show", hash]).code, 65);
}

#[test]
fn long_lists_are_cut_for_people_only() {
    let desk = Desk::new();
    let names: Vec<String> = (0..50).map(|n| format!("file-{n:02}")).collect();
    let files: Vec<(&str, &[u8], Attr)> =
        names.iter().map(|name| (name.as_str(), &b"x"[..], Attr::default())).collect();
    desk.many("many-1", &files, |draft| {
        (0..15).fold(draft, |draft, n| draft.announce(format!("http://t{n}.example/a")))
    });
    let shown = show(&desk, "many-1.torrent");
    assert!(shown.contains("\n              and 5 more: --json has all\n"), "{shown}");
    assert!(shown.contains("file-39\nand 10 more files: --json has all\n"), "{shown}");
    let (json, _) = desk.json(&["torrent", "show", "many-1.torrent"]);
    assert_eq!(json["files"].as_array().unwrap().len(), 50);
    assert_eq!(json["trackers"].as_array().unwrap().len(), 15);
}

/// Text that would clear the screen, turn words around, or forge a line.
const HOSTILE: &str = "a\u{1b}[2J\nb\r\u{202e}c\u{7}";

#[test]
fn nothing_in_a_torrent_reaches_the_terminal_as_it_is() {
    let desk = Desk::new();
    let listed = super::listed(HOSTILE, 5, &Attr::default());
    let draft = Draft::directory(HOSTILE, vec![listed])
        .announce(HOSTILE)
        .extra("comment", Item::bytes(HOSTILE))
        .extra("created by", Item::bytes(HOSTILE))
        .extra("minisign", Item::bytes(HOSTILE))
        .extra("url-list", Item::bytes(HOSTILE));
    let bytes = draft.torrent(&draft.hash(|_| Ok(&b"hello"[..])).unwrap()).unwrap();
    desk.write("x.torrent", bytes);
    desk.write(&format!("{HOSTILE}/other"), "");
    configure(&desk, "unsigned = \"accept\"");
    for args in [&["show", "x.torrent"][..], &["verify", "x.torrent"]] {
        let run = desk.run(&[&["torrent"], args].concat());
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(text.contains("a\\x1B[2J\\x0Ab\\x0D\\xE2\\x80\\xAEc\\x07"), "{text}");
        assert!(
            !text.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{text:?}"
        );
        let (json, _) = desk.json(&[&["torrent"], args].concat());
        assert!(!json.to_string().contains("\\u001b"), "{json}");
    }
}

#[test]
fn a_cut_torrent_is_refused_at_every_length() {
    let desk = Desk::new();
    rich(&desk);
    let bytes = fs::read(desk.path("shop-1.4.2.torrent")).unwrap();
    for length in (0..bytes.len()).step_by(101) {
        desk.write("cut.torrent", &bytes[..length]);
        let run = desk.run(&["torrent", "show", "cut.torrent"]);
        assert_eq!(run.code, 65, "{length}: {run:?}");
        assert!(run.stderr.starts_with("seedship: could not read `cut.torrent`: "), "{run:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// In this process, where a panic is a failure of the test.
    #[test]
    fn no_bytes_make_it_panic_or_print_what_they_hold(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        name in "[^/\0]{1,12}",
        comment in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        prop_assume!(name != "." && name != "..");
        let draft = Draft::single(name, 5).extra("comment", Item::Bytes(comment)).announce("http://a");
        let mut bytes = draft.torrent(&[[7; 20]]).unwrap();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let Ok(torrent) = seedship::torrent::parse("x", &bytes) else { return Ok(()) };
        let none = seedship::error::Error::new(seedship::error::Exit::Config, "read", "it", "none");
        let shown = seedship::torrent::show(&torrent, &bytes, Err(&none));
        let text = shown.screen();
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{:?}", text);
        prop_assert!(serde_json::to_string(&shown).is_ok());
    }
}

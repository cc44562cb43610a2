//! Which release is live in the end, in whatever order downloads finish and whoever interferes.

use crate::{
    event::{download, packed, release},
    host::{Host, Run, SHOP},
};
use lab::{Flavour, Kind, Lab, Torrent, Tree, site};
use metainfo::{amend, bencode::Item};
use std::{fs, path::PathBuf};

lab::on_both![
    an_event_that_comes_again_changes_nothing,
    an_older_download_that_finishes_later_changes_nothing,
    a_rollback_is_not_undone_by_what_finishes_later,
    what_landed_goes_live_without_its_download,
];

/// An unsigned app whose releases have names like this.
fn app(name: &str, pattern: &str, more: &str) -> String {
    format!(
        "[apps.{name}]\nmatch = \"{pattern}\"\nroot = \"WWW/{name}\"\nunsigned = \"accept\"\n\
         linger = \"0s\"\nmin_free = \"1MiB\"\n{more}\n"
    )
}

/// A release of the small site under this torrent name.
fn named(lab: &Lab, name: &str, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::Tar, name)
}

fn an_event_that_comes_again_changes_nothing(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let (torrent, payload) = release(lab, "1.0");
    download(&node, &seeder, &torrent, &payload);
    host.await_state(&node, "shop", &torrent.hash, "good");
    node.await_that("told", || host.told("shop 1.0 is live") == 1).unwrap();

    let before = host.listing("shop");
    node.rpc("event.download.finished", &[torrent.hash.as_str().into()]).unwrap();
    node.await_that("the second event", || host.told("shop 1.0 is good already") == 1).unwrap();
    host.good(&["finished", &torrent.hash]);
    assert_eq!(host.listing("shop"), before);
}

#[test]
fn events_of_one_download_at_the_same_moment_land_it_once() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = named(&lab, "shop-1.0", "1.0");
    let started = [(); 4].map(|()| {
        let mut event = host.event(&torrent, &payload);
        event.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        event.spawn().unwrap()
    });
    let codes = started.map(|event| Run::of(event.wait_with_output().unwrap()).code);
    assert_eq!(codes, [0; 4]);
    assert_eq!((host.told("shop 1.0 is live"), host.told("shop 1.0 is good already")), (1, 3));
    assert_eq!(host.releases("shop"), ["1.0"]);
    assert!(host.record("shop", &torrent.hash).unwrap().contains("number = 1\n"));
}

fn an_older_download_that_finishes_later_changes_nothing(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let (newer, payload) = release(lab, "1.10");
    download(&node, &seeder, &newer, &payload);
    host.await_state(&node, "shop", &newer.hash, "good");
    let live = host.record("shop", &newer.hash);

    let (older, payload) = release(lab, "1.9");
    download(&node, &seeder, &older, &payload);
    host.await_state(&node, "shop", &older.hash, "superseded");
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.10"));
    assert_eq!(host.record("shop", &newer.hash), live);
    assert_eq!(host.releases("shop"), ["1.10", "1.9"], "`keep` has room for it");
}

#[test]
fn versions_are_ordered_as_debian_orders_them() {
    let lab = Lab::new().unwrap();
    let pairs = [
        ("1.9", "1.10"),
        ("1.0~rc1", "1.0"),
        ("1.0", "1.0-1"),
        ("v1.4.2", "v1.10"),
        ("1.4", "v1.5"),
        ("9", "10"),
    ];
    let name = |n: usize| format!("a{n}");
    let apps = (0..pairs.len()).map(|n| app(&name(n), &format!("a{n}-{{version}}.tar"), ""));
    let host = Host::new(&lab, &apps.collect::<String>());
    for (n, (older, newer)) in pairs.into_iter().enumerate() {
        host.landed(&name(n), newer);
        let (late, _) = host.landed(&name(n), older);
        let live = host.page(&name(n));
        let came = (live.as_deref(), host.state(&name(n), &late.hash));
        assert_eq!(came, (Some(newer), Some("superseded".to_owned())), "{older} after {newer}");
    }
}

#[test]
fn what_keep_has_no_room_for_is_passed_over_unread() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}keep = 1\n"));
    host.landed("shop", "2.0");
    let (late, payload) = named(&lab, "shop-1.0", "1.0");
    // Were it read, its wrong bytes would show.
    fs::write(&payload, "something else").unwrap();
    assert_eq!(host.finished(&late, &payload).code, 0);
    assert_eq!(host.state("shop", &late.hash).as_deref(), Some("superseded"));
    assert_eq!(host.releases("shop"), ["2.0"]);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
}

#[test]
fn signed_releases_are_ordered_by_their_publication() {
    let lab = Lab::new().unwrap();
    let signer = lab.signer().unwrap();
    let keys = format!("public_keys = [\"{}\"]\n", signer.public_key());
    let host = Host::new(&lab, &SHOP.replace("unsigned = \"accept\"\n", &keys));
    // The numbers say the contrary, on purpose.
    let publish = |version: &str, day: u32| {
        let (torrent, payload) = named(&lab, &format!("shop-{version}"), version);
        let published = format!("2024-05-{day:02}T12:00:00Z");
        let signed = signer.sign(&torrent, "shop", version, &published, &["git=abc"]).unwrap();
        let run = host.finished(&signed, &payload);
        (signed.hash, run.code)
    };
    let (first, code) = publish("9.0", 2);
    assert_eq!((code, host.page("shop").as_deref()), (0, Some("9.0")));
    let (newest, code) = publish("3.0", 3);
    assert_eq!((code, host.page("shop").as_deref()), (0, Some("3.0")));
    let (late, code) = publish("10.0", 1);
    assert_eq!((code, host.page("shop").as_deref()), (0, Some("3.0")));
    let states = [first, newest, late].map(|hash| host.state("shop", &hash).unwrap());
    assert_eq!(states, ["good", "good", "superseded"]);
}

#[test]
fn tags_are_ordered_by_the_creation_of_their_torrents() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &app("shop", "shop-{tag}.tar", ""));
    let tagged = |tag: &str, created: Option<i64>| {
        let (torrent, payload) = named(&lab, &format!("shop-{tag}"), tag);
        let bytes = match created {
            Some(time) => {
                amend::set_key(&torrent.bytes, b"creation date", &Item::from(time)).unwrap()
            }
            None => [b"d4:info", &torrent.info[..], b"e"].concat(),
        };
        let torrent = Torrent::from_bytes(bytes).unwrap();
        assert_eq!(host.finished(&torrent, &payload).code, 0, "{tag}");
        (host.page("shop").unwrap(), host.state("shop", &torrent.hash).unwrap())
    };
    let outcome = |live: &str, state: &str| (live.to_owned(), state.to_owned());
    assert_eq!(tagged("spring", Some(1_700_000_100)), outcome("spring", "good"));
    assert_eq!(tagged("winter", Some(1_700_000_000)), outcome("spring", "superseded"));
    assert_eq!(tagged("autumn", Some(1_700_000_200)), outcome("autumn", "good"));
    assert_eq!(tagged("undated", None).0, "autumn");
    let ahead = jiff::Timestamp::now().as_second() + 2 * 24 * 60 * 60;
    assert_eq!(tagged("tomorrow", Some(ahead)), outcome("autumn", "open"));
}

fn a_rollback_is_not_undone_by_what_finishes_later(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let fetch = |version: &str, state: &str| {
        let (torrent, payload) = release(lab, version);
        download(&node, &seeder, &torrent, &payload);
        host.await_state(&node, "shop", &torrent.hash, state);
        torrent.hash
    };
    fetch("1.0", "good");
    let left = fetch("2.0", "good");
    host.good(&["rollback", "shop"]);
    let rolled = host.picture("shop");
    assert_eq!(
        (rolled.page.as_deref(), host.state("shop", &left).as_deref()),
        (Some("1.0"), Some("bad"))
    );

    // The same release's event once more, and a sweep that sees its download.
    node.rpc("event.download.finished", &[left.as_str().into()]).unwrap();
    node.await_that("the event", || host.told("shop 2.0 is bad already") == 1).unwrap();
    host.good(&["sweep"]);
    assert_eq!(host.picture("shop"), rolled);

    // Something between the two, and something older than both.
    fetch("1.5", "open");
    fetch("0.9", "superseded");
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));

    fetch("2.1", "good");
    assert_eq!(host.page("shop").as_deref(), Some("2.1"));
}

#[test]
fn a_version_lands_once_whatever_else_bears_its_name() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (first, _) = host.landed("shop", "1.0");
    let before = host.picture("shop");

    let other = Tree::new().file("index.html", "another one");
    let (second, payload) = packed(&lab, &other, Kind::TarZst, "shop-1.0");
    let run = host.finished(&second, &payload);
    assert_eq!(run.code, 65);
    assert_eq!(host.told(&format!("that version belongs to info hash {}", first.hash)), 1);
    assert_eq!(host.state("shop", &second.hash).as_deref(), Some("refused"));
    let mut after = host.picture("shop");
    let refused = after.records.remove(&format!("{}.toml", second.hash));
    assert_eq!(after, before);

    assert_eq!(host.finished(&second, &payload).code, 65, "the same answer again");
    assert_eq!(host.record("shop", &second.hash), refused);
}

#[test]
fn the_most_literal_pattern_takes_a_name_that_two_match() {
    let lab = Lab::new().unwrap();
    let apps = app("shop", "shop-{tag}.tar", "") + &app("admin", "shop-admin-{version}.tar", "");
    let host = Host::new(&lab, &apps);
    let (torrent, payload) = named(&lab, "shop-admin-1.0", "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    assert_eq!((host.page("shop"), host.page("admin").as_deref()), (None, Some("1.0")));

    // No version of the admin's, so the shop's alone.
    let (torrent, payload) = named(&lab, "shop-admin-beta", "beta");
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    assert_eq!(host.current("shop").as_deref(), Some("releases/admin-beta"));
    assert_eq!(host.releases("admin"), ["1.0"]);
}

#[test]
fn a_name_that_two_match_equally_is_nobodys() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &(app("one", "ab-{tag}.tar", "") + &app("two", "{tag}-cd.tar", "")));
    let (torrent, payload) = named(&lab, "ab-cd", "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 78);
    let log = host.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains("one") && log[0].contains("two"), "{log:?}");
    assert_eq!((host.releases("one").len(), host.releases("two").len()), (0, 0));
}

#[test]
fn nobodys_torrent_is_no_news() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = named(&lab, "holiday-pictures", "1.0");
    let run = host.finished(&torrent, &payload);
    let said = "no app takes torrent `holiday-pictures.tar`\n";
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, said, ""));
    assert_eq!(host.log(), [""; 0]);
    assert_eq!(host.told("no app takes torrent"), 1);
}

#[test]
fn a_release_without_a_version_is_told_in_one_line() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = named(&lab, "shop-latest", "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 65);
    let log = host.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains("`shop-latest.tar`") && log[0].contains("exit=65"), "{log:?}");
    assert_eq!(host.releases("shop"), [""; 0]);
}

#[test]
fn manual_releases_land_and_wait_for_an_operator() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}activate = \"manual\"\n"));
    let (one, _) = host.landed("shop", "1.0");
    let (two, _) = host.landed("shop", "2.0");
    assert_eq!(
        (host.current("shop"), host.releases("shop")),
        (None, vec!["1.0".into(), "2.0".into()])
    );
    host.good(&["activate", "shop", "1.0"]);
    host.good(&["sweep"]);
    let states = [&one, &two].map(|torrent| host.state("shop", &torrent.hash).unwrap());
    assert_eq!(
        (host.page("shop").as_deref(), states),
        (Some("1.0"), ["good", "open"].map(Into::into))
    );

    // Auto again: the next sweep lets the newest go live, whose event is long over.
    host.configure(SHOP);
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
}

#[test]
fn a_hold_binds_until_it_is_over() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    host.good(&["hold", "shop", "--until", "2h"]);
    let file = host.root("shop").join(".seedship/hold.toml");
    let hold = fs::read_to_string(&file).unwrap();
    let (before, until) = hold.split_once("until = ").unwrap();
    let (_, after) = until.split_once('\n').unwrap();
    fs::write(file, format!("{before}until = 0\n{after}")).unwrap();
    host.landed("shop", "2.0");
    assert_eq!(host.page("shop").as_deref(), Some("2.0"), "that was over long ago");

    host.good(&["hold", "shop", "--until", "2h", "--reason", "the big sale"]);
    let (three, _) = host.landed("shop", "3.0");
    host.landed("shop", "4.0");
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
    assert_eq!(host.releases("shop"), ["1.0", "2.0", "3.0", "4.0"]);

    host.good(&["unhold", "shop"]);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"), "the next sweep's to change");
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("4.0"));
    assert_eq!(host.state("shop", &three.hash).as_deref(), Some("superseded"));
}

fn what_landed_goes_live_without_its_download(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    host.good(&["hold", "shop"]);
    let (torrent, payload) = release(lab, "1.0");
    download(&node, &seeder, &torrent, &payload);
    host.await_state(&node, "shop", &torrent.hash, "open");
    node.await_that("told", || host.told("shop 1.0 landed and does not go live: held by") == 1)
        .unwrap();
    node.rpc("d.erase", &[torrent.hash.as_str().into()]).unwrap();
    node.await_gone(&torrent.hash).unwrap();
    fs::remove_file(node.download().join(&torrent.name)).unwrap();

    host.good(&["unhold", "shop"]);
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    assert_eq!(host.state("shop", &torrent.hash).as_deref(), Some("good"));
}

#[test]
fn an_event_answers_a_machine_too() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, payload) = named(&lab, "shop-1.0", "1.0");
    let answer = |torrent: &Torrent, payload: &PathBuf| {
        let run = Run::of(host.event(torrent, payload).arg("--json").output().unwrap());
        let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        (run.code, object)
    };
    let outcome = |word: &str, message: &str| {
        let (version, hash) = ("1.0", &torrent.hash);
        serde_json::json!({
            "app": "shop", "version": version, "hash": hash, "outcome": word, "exit": 0,
            "message": message
        })
    };
    assert_eq!(answer(&torrent, &payload), (0, outcome("live", "shop 1.0 is live")));
    assert_eq!(answer(&torrent, &payload), (0, outcome("already", "shop 1.0 is good already")));
    for name in ["shop-latest", "shop-1.1"] {
        let (torrent, payload) = named(&lab, name, "1.0");
        fs::write(&payload, "damaged").unwrap();
        let (code, object) = answer(&torrent, &payload);
        assert_eq!(object["error"]["exit"], code, "{name}");
    }
}

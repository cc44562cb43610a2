//! Keys come and go, releases come again, clocks are wrong: what a signature is worth by then.

use crate::{
    event::packed,
    host::{Host, Run, SHOP},
};
use lab::{Kind, Lab, Torrent, signer::Signer, site};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const CHAPTER: &str = "Signatures";

/// The shop, which trusts these.
fn trusting(signers: &[&Signer]) -> String {
    let keys: Vec<String> = signers.iter().map(|s| format!("\"{}\"", s.public_key())).collect();
    SHOP.replace("unsigned = \"accept\"", &format!("public_keys = [{}]", keys.join(", ")))
}

/// A release, signed by one of them on that day of May.
fn release(lab: &Lab, by: &Signer, version: &str, day: u32) -> (Torrent, PathBuf) {
    let tree = site::small(version);
    let (torrent, payload) = packed(lab, &tree, Kind::Tar, &format!("shop-{version}"));
    let published = format!("2024-05-{day:02}T12:00:00Z");
    (by.sign(&torrent, "shop", version, &published, &[]).unwrap(), payload)
}

fn lands(host: &Host<'_>, (torrent, payload): &(Torrent, PathBuf), live: &str) {
    let run = host.finished(torrent, payload);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    serves(host, live);
}

#[track_caller]
fn serves(host: &Host<'_>, version: &str) {
    assert_eq!(host.page("shop").as_deref(), Some(version));
}

fn is_served(host: &Host<'_>, version: &str) -> bool {
    host.page("shop").as_deref() == Some(version)
}

/// Both keys are trusted for a while, so that no release is refused between.
#[test]
fn keys_are_changed_without_a_gap() {
    let lab = Lab::new().unwrap();
    let (old, new) = (lab.signer().unwrap(), lab.signer().unwrap());
    let host = Host::new(&lab, &trusting(&[&old]));
    lands(&host, &release(&lab, &old, "1.0", 1), "1.0");
    host.configure(&trusting(&[&old, &new]));
    lands(&host, &release(&lab, &new, "2.0", 2), "2.0");
    lands(&host, &release(&lab, &old, "3.0", 3), "3.0");
    host.configure(&trusting(&[&new]));
    let (late, payload) = release(&lab, &old, "4.0", 4);
    assert_eq!(host.finished(&late, &payload).code, 77);
    serves(&host, "3.0");
    lab::withstood!(
        CHAPTER,
        "a new release by a key that was removed",
        1,
        "refused, 77",
        is_served(&host, "3.0")
    );
    // Trusted again, the key lets the next sweep land it.
    host.in_session(&late, payload.parent().unwrap());
    host.configure(&trusting(&[&old, &new]));
    host.good(&["sweep"]);
    serves(&host, "4.0");
}

#[test]
fn a_staged_release_of_a_removed_key_waits_for_its_name() {
    let lab = Lab::new().unwrap();
    let (old, new) = (lab.signer().unwrap(), lab.signer().unwrap());
    let host = Host::new(&lab, &trusting(&[&old, &new]));
    lands(&host, &release(&lab, &new, "1.0", 1), "1.0");
    host.good(&["hold", "shop"]);
    let (staged, payload) = release(&lab, &old, "2.0", 2);
    lands(&host, &(staged.clone(), payload.clone()), "1.0");
    assert_eq!(host.state("shop", &staged.hash).as_deref(), Some("open"));

    host.configure(&trusting(&[&new]));
    host.good(&["unhold", "shop"]);
    host.in_session(&staged, payload.parent().unwrap());
    host.good(&["sweep"]);
    serves(&host, "1.0");
    lands(&host, &(staged.clone(), payload), "1.0");
    assert_eq!(host.state("shop", &staged.hash).as_deref(), Some("open"));
    let why = "the key that signed it is not trusted any more";
    assert_eq!(host.told(&format!("shop 2.0 landed and does not go live: {why}")), 1);
    let status = host.good(&["status", "shop"]);
    let line = status.lines().find(|line| line.contains("2.0")).unwrap();
    assert!(line.contains("staged") && status.contains("not trusted any more"), "{status}");
    lab::withstood!(
        CHAPTER,
        "a release that landed before its key was removed: event and sweep",
        2,
        "stays staged until an operator names it; `status` says why",
        is_served(&host, "1.0")
    );

    host.good(&["activate", "shop", "2.0"]);
    serves(&host, "2.0");
    assert_eq!(host.state("shop", &staged.hash).as_deref(), Some("good"));
    host.good(&["sweep"]);
    serves(&host, "2.0");
}

#[test]
fn a_live_release_of_a_removed_key_stays_and_is_gone_back_to_by_name() {
    let lab = Lab::new().unwrap();
    let (old, new) = (lab.signer().unwrap(), lab.signer().unwrap());
    let host = Host::new(&lab, &trusting(&[&old]));
    let first = release(&lab, &old, "1.0", 1);
    lands(&host, &first, "1.0");
    host.configure(&trusting(&[&new]));
    host.good(&["sweep"]);
    lands(&host, &first, "1.0");
    assert_eq!(host.state("shop", &first.0.hash).as_deref(), Some("good"));

    let why = "the key that signed it is not trusted any more";
    let said = |state: &str| {
        let releases = host.json(&["status", "shop"])["apps"][0]["releases"].clone();
        let of = releases.as_array().unwrap().iter().find(|r| r["version"] == "1.0").cloned();
        let of = of.unwrap();
        assert_eq!((of["state"].as_str(), of["why"].as_str()), (Some(state), Some(why)), "{of:#}");
        assert_eq!(of["rollback_target"], false, "{of:#}");
    };
    said("live");

    lands(&host, &release(&lab, &new, "2.0", 2), "2.0");
    said("good");
    for args in [&["rollback", "shop"][..], &["rollback", "shop", "--dry-run"]] {
        let run = host.run(args);
        assert_eq!(run.code, 77, "{run:?}");
        let text = "could not roll back app `shop`: 1.0 was live before, and the key that signed it \
                    is not trusted any more";
        assert!(run.stderr.contains(text), "{run:?}");
        assert!(run.stderr.contains("`seedship rollback shop --to 1.0` goes there"), "{run:?}");
        serves(&host, "2.0");
    }
    lab::withstood!(
        CHAPTER,
        "a rollback that names no release, to one whose key was removed",
        2,
        "refused, 77, with the command that names it",
        is_served(&host, "2.0")
    );
    host.good(&["rollback", "shop", "--to", "1.0"]);
    serves(&host, "1.0");
}

#[test]
fn an_older_signed_release_comes_again() {
    let lab = Lab::new().unwrap();
    let signer = lab.signer().unwrap();
    let host = Host::new(&lab, &trusting(&[&signer]));
    let (one, two) = (release(&lab, &signer, "1.0", 1), release(&lab, &signer, "2.0", 2));
    lands(&host, &one, "1.0");
    lands(&host, &two, "2.0");
    let before = host.picture("shop");
    // The very torrent, its event and its download.
    lands(&host, &one, "2.0");
    host.in_session(&one.0, one.1.parent().unwrap());
    host.good(&["sweep"]);
    assert_eq!(host.picture("shop"), before);
    // One that was never here, published between the two.
    let between = release(&lab, &signer, "1.5", 1);
    lands(&host, &between, "2.0");
    assert_eq!(host.state("shop", &between.0.hash).as_deref(), Some("superseded"));
    lab::withstood!(
        CHAPTER,
        "a replay: an older signed release again, by event and sweep, and one never seen here",
        3,
        "nothing changes, or it is superseded",
        is_served(&host, "2.0")
    );

    // After a rollback what is older than the release that was left is no newer.
    host.good(&["rollback", "shop"]);
    serves(&host, "1.0");
    lands(&host, &two, "1.0");
    let late = release(&lab, &signer, "1.7", 2);
    lands(&host, &late, "1.0");
    host.in_session(&two.0, two.1.parent().unwrap());
    host.good(&["sweep"]);
    lab::withstood!(
        CHAPTER,
        "a replay after a rollback: the release that was left, and one not newer than it",
        3,
        "the rollback stands",
        is_served(&host, "1.0")
    );
}

/// The same payload in other pieces: another info hash, and the signature of the first.
#[test]
fn a_signed_release_comes_under_another_info_hash() {
    let lab = Lab::new().unwrap();
    let signer = lab.signer().unwrap();
    let host = Host::new(&lab, &trusting(&[&signer]));
    lands(&host, &release(&lab, &signer, "1.0", 1), "1.0");
    let (signed, payload) = release(&lab, &signer, "2.0", 2);
    let other = lab.torrent(&payload).piece_power(16).make().unwrap();
    let other = other.with_key("minisign", &crate::signing::signature_of(&signed)).unwrap();
    assert_ne!(other.hash, signed.hash);
    let run = host.finished(&other, &payload);
    assert_eq!((run.code, host.state("shop", &other.hash).as_deref()), (77, Some("refused")));
    let served = is_served(&host, "1.0");
    // Nor does it bar the right one; and then the version is taken, whoever signs.
    lands(&host, &(signed.clone(), payload.clone()), "2.0");
    let again = lab.torrent(&payload).piece_power(17).make().unwrap();
    let again = signer.sign(&again, "shop", "2.0", "2024-05-03T12:00:00Z", &[]).unwrap();
    assert_eq!(host.finished(&again, &payload).code, 65);
    assert_eq!(host.told(&format!("that version belongs to info hash {}", signed.hash)), 1);
    lab::withstood!(
        CHAPTER,
        "a replay: a signature, and then a version, under another info hash",
        2,
        "refused, 77 and 65",
        served && is_served(&host, "2.0")
    );
}

/// The binary by a clock that is so much off.
fn by_clock(mut command: Command, library: &Path, off: &str) -> Run {
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", off)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Run::of(command.output().unwrap())
}

#[test]
fn a_clock_that_goes_back_or_ahead() {
    let lab = Lab::new().unwrap();
    let found = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = found.map(|dir| dir.path().join("faketime/libfaketime.so.1"));
    let Some(library) = found.find(|library| library.exists()) else {
        return lab::skip("faketime is not installed");
    };
    let signer = lab.signer().unwrap();
    let host = Host::new(&lab, &trusting(&[&signer]));
    let signed = |version: &str, when: &str| {
        let time = site::run(Command::new("date").args(["-u", "-d", when, "+%FT%TZ"])).unwrap();
        let time = String::from_utf8(time).unwrap();
        let (torrent, payload) =
            packed(&lab, &site::small(version), Kind::Tar, &format!("shop-{version}"));
        (signer.sign(&torrent, "shop", version, time.trim(), &[]).unwrap(), payload)
    };
    lands(&host, &signed("1.0", "-2 hours"), "1.0");
    // Three days back: what is live stays so, and what comes waits for the clock.
    let next = signed("2.0", "-1 hour");
    host.in_session(&next.0, next.1.parent().unwrap());
    let run = by_clock(host.event(&next.0, &next.1), &library, "-3d");
    assert_eq!((run.code, host.state("shop", &next.0.hash).as_deref()), (75, Some("waiting")));
    serves(&host, "1.0");
    let status = by_clock(host.command(&["status", "shop"]), &library, "-3d");
    assert_eq!(status.code, 0, "{status:?}");
    let sweep = by_clock(host.command(&["sweep"]), &library, "-3d");
    assert_eq!(sweep.code, 0, "{sweep:?}");
    let served = is_served(&host, "1.0");
    // The clock is right again.
    host.good(&["sweep"]);
    serves(&host, "2.0");
    // A year ahead, and back: neither what is older nor what is newer is kept from its place.
    let older = signed("1.5", "-90 minutes");
    let run = by_clock(host.event(&older.0, &older.1), &library, "+365d");
    assert_eq!((run.code, host.state("shop", &older.0.hash).as_deref()), (0, Some("superseded")));
    serves(&host, "2.0");
    let run = by_clock(host.command(&["sweep"]), &library, "+365d");
    assert_eq!(run.code, 0, "{run:?}");
    serves(&host, "2.0");
    lands(&host, &signed("3.0", "-1 minute"), "3.0");
    lab::withstood!(
        CHAPTER,
        "a clock three days back when a signed release comes, and a year ahead",
        2,
        "waits, 75, until the clock is right; what is live stays live",
        served
    );
}

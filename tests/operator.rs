//! What operators type: it holds, it can be taken back, and looking changes nothing.

use crate::{
    event::packed,
    host::{Host, Run, SHOP},
};
use lab::{Kind, Lab, Torrent, site};
use serde_json::json;
use std::{fs, os::unix::fs::symlink, path::PathBuf};

/// A host with these releases of the shop, the last one live. There is no rtorrent.
fn host<'l>(lab: &'l Lab, versions: &[&str]) -> (Host<'l>, Vec<String>) {
    let host = Host::new(lab, SHOP);
    let landed = versions.iter().map(|version| host.landed("shop", version).0.hash);
    let hashes = landed.collect();
    (host, hashes)
}

fn states(host: &Host<'_>, hashes: &[String]) -> Vec<String> {
    hashes.iter().map(|hash| host.state("shop", hash).unwrap()).collect()
}

fn release(lab: &Lab, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::Tar, &format!("shop-{version}"))
}

#[test]
fn a_rollback_goes_back_step_by_step() {
    let lab = Lab::new().unwrap();
    let (host, hashes) = host(&lab, &["1.0", "2.0", "3.0"]);
    assert_eq!(host.good(&["rollback", "shop"]), "shop: rolled back, 3.0 → 2.0\n");
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
    let previous = fs::read_link(host.root("shop").join("previous")).unwrap();
    assert_eq!(previous, PathBuf::from("releases/3.0"));
    assert_eq!(host.good(&["rollback", "shop"]), "shop: rolled back, 2.0 → 1.0\n");
    assert_eq!(states(&host, &hashes), ["good", "bad", "bad"]);

    let before = host.picture("shop");
    let run = host.run(&["rollback", "shop"]);
    assert_eq!(run.code, 66);
    assert!(run.stderr.contains("no good release was live before 1.0"), "{}", run.stderr);
    assert!(
        run.stderr.contains("`seedship rollback shop --to` can take: 2.0, 3.0"),
        "{}",
        run.stderr
    );
    assert_eq!(host.picture("shop"), before);

    // To a bad one, because an operator names it: it is good again.
    host.good(&["rollback", "shop", "--to", "3.0"]);
    assert_eq!(
        (host.page("shop").as_deref(), states(&host, &hashes)[2].as_str()),
        (Some("3.0"), "good")
    );
}

#[test]
fn a_rollback_can_leave_what_it_leaves_good() {
    let lab = Lab::new().unwrap();
    let (host, hashes) = host(&lab, &["1.0", "2.0", "3.0"]);
    host.good(&["rollback", "shop", "--to", "1.0", "--keep-good"]);
    assert_eq!(states(&host, &hashes), ["good", "good", "good"]);
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
}

#[test]
fn what_cannot_be_gone_to_is_told_with_what_can() {
    let lab = Lab::new().unwrap();
    let (host, _) = host(&lab, &["1.0", "2.0"]);
    let before = host.listing("shop");
    for args in [["rollback", "shop", "--to", "9"], ["activate", "shop", "9", "--dry-run"]] {
        let run = host.run(&args);
        assert_eq!(run.code, 66, "{args:?}");
        assert!(run.stderr.contains("can take: 1.0"), "{args:?}: {}", run.stderr);
    }
    for args in [&["rollback", "blog"][..], &["activate", "blog", "1"], &["hold", "blog"]] {
        assert_eq!(host.run(args).code, 66, "{args:?}");
    }
    assert_eq!(host.run(&["rollback", "shop", "--to", "../1.0"]).code, 64);
    let files = |listing: Vec<String>| -> Vec<String> {
        let lock = |line: &String| !line.contains("switch.lock");
        listing.into_iter().filter(lock).collect()
    };
    assert_eq!(files(host.listing("shop")), files(before));
}

#[test]
fn a_dry_run_changes_nothing() {
    let lab = Lab::new().unwrap();
    let (host, _) = host(&lab, &["1.0", "2.0", "3.0"]);
    let (torrent, payload) = release(&lab, "4.0");
    host.in_session(&torrent, payload.parent().unwrap());
    let before = host.listing("shop");
    for (args, said) in [
        (&["rollback", "shop"][..], "would roll shop back: 3.0 → 2.0"),
        (&["rollback", "shop", "--to", "1.0"], "would roll shop back: 3.0 → 1.0"),
        (&["activate", "shop", "1.0"], "would activate shop: 3.0 → 1.0"),
        (&["hold", "shop"], "would hold shop until it is released"),
        (&["unhold", "shop"], "shop is not held"),
        (&["prune", "shop", "--keep", "1"], "shop: would prune 1.0"),
        (&["sweep"], "shop 4.0 would land and go live in place of 3.0"),
    ] {
        let said = format!("{said}\n");
        assert_eq!(host.good(&[args, &["--dry-run"]].concat()), said, "{args:?}");
        assert_eq!(host.json(&[args, &["--dry-run"]].concat())["dry_run"], true, "{args:?}");
        assert_eq!(host.listing("shop"), before, "{args:?}");
    }
    let event = Run::of(host.event(&torrent, &payload).arg("--dry-run").output().unwrap());
    let would = "shop 4.0 would land and go live in place of 3.0\n";
    assert_eq!((event.code, event.stdout.as_str()), (0, would));
    assert_eq!(host.listing("shop"), before);
}

#[test]
fn every_answer_has_its_object() {
    let lab = Lab::new().unwrap();
    let (host, _) = host(&lab, &["1.0", "2.0", "3.0"]);
    let switched =
        |from: &str, to: &str| json!({"app": "shop", "from": from, "to": to, "switched": true});
    assert_eq!(host.json(&["rollback", "shop"]), switched("3.0", "2.0"));
    assert_eq!(host.json(&["activate", "shop", "3.0"]), switched("2.0", "3.0"));
    let again = json!({"app": "shop", "from": "3.0", "to": "3.0", "switched": false});
    assert_eq!(host.json(&["activate", "shop", "3.0"]), again);

    let held = host.json(&["hold", "shop", "--until", "2099-01-01T00:00:00Z", "--reason", "x"]);
    let until = json!("2099-01-01T00:00:00Z");
    assert_eq!(
        (&held["held"], &held["until"], &held["reason"]),
        (&json!(true), &until, &json!("x"))
    );
    assert!(held["by"].is_string(), "{held}");
    assert_eq!(
        host.json(&["unhold", "shop"]),
        json!({"app": "shop", "held": false, "was_held": true})
    );
    assert_eq!(host.json(&["unhold", "shop"])["was_held"], false);

    let pruned = json!({"app": "shop", "pruned": ["1.0"]});
    assert_eq!(host.json(&["prune", "shop", "--keep", "1"]), pruned);
    let nothing = json!({"live": [], "landed": [], "passed_over": [], "failed": [], "busy": [], "skipped": []});
    assert_eq!(host.json(&["sweep"]), nothing);

    let run = host.run(&["rollback", "shop", "--to", "1.0", "--json"]);
    let failed: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &failed["error"]["exit"], run.stderr.as_str()), (66, &json!(66), ""));
    assert!(failed["error"]["hint"].is_string(), "{failed}");
}

#[test]
fn with_the_records_lost_a_rollback_needs_a_name() {
    let lab = Lab::new().unwrap();
    let (host, _) = host(&lab, &["1.0", "2.0"]);
    fs::remove_dir_all(host.root("shop").join(".seedship")).unwrap();
    assert_eq!(host.page("shop").as_deref(), Some("2.0"), "the site does not care");
    let run = host.run(&["rollback", "shop"]);
    assert_eq!(run.code, 66);
    assert!(run.stderr.contains("can take: 1.0"), "{}", run.stderr);
    host.good(&["rollback", "shop", "--to", "1.0"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
}

#[test]
fn a_broken_record_bars_everything_but_a_named_rollback() {
    let lab = Lab::new().unwrap();
    let (host, hashes) = host(&lab, &["1.0", "2.0"]);
    let records = host.root("shop").join(".seedship/records");
    fs::write(records.join(format!("{}.toml", hashes[0])), "format = 1\nstate = ").unwrap();
    for args in [&["rollback", "shop"][..], &["activate", "shop", "1.0"], &["prune", "shop"]] {
        let run = host.run(args);
        assert_eq!(run.code, 78, "{args:?}");
        assert!(run.stderr.contains(&hashes[0]), "{args:?}: {}", run.stderr);
    }
    let (torrent, payload) = release(&lab, "3.0");
    assert_eq!(host.finished(&torrent, &payload).code, 78);
    host.good(&["rollback", "shop", "--to", "1.0"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
}

#[test]
fn a_rollback_does_not_wait_for_a_deploy() {
    let lab = Lab::new().unwrap();
    let (host, hashes) = host(&lab, &["1.0", "2.0"]);
    let (torrent, payload) = release(&lab, "3.0");
    let mut deploy = host.parked(host.event(&torrent, &payload), "unpack-entry");
    // Did it wait, it would wait until the deploy is killed: for ever.
    host.good(&["rollback", "shop"]);
    assert!(deploy.stands());
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    let busy = host.run(&["prune", "shop"]);
    assert_eq!(busy.code, 75, "{busy:?}");
    let holder = format!("(`seedship finished`, download {}) is deploying there", torrent.hash);
    assert!(busy.stderr.contains(&holder), "who holds it: {}", busy.stderr);

    // What it was landing is newer than everything that was ever live.
    deploy.kill();
    host.in_session(&torrent, payload.parent().unwrap());
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("3.0"));
    assert_eq!(states(&host, &hashes), ["good", "bad"]);
    assert_eq!(host.releases("shop"), ["1.0", "2.0", "3.0"]);
}

#[test]
fn an_operator_overrules_a_release_on_trial() {
    let lab = Lab::new().unwrap();
    let (host, _) = host(&lab, &["1.0"]);
    let (torrent, payload) = release(&lab, "2.0");
    let deploy = host.parked(host.event(&torrent, &payload), "trial-live");
    host.good(&["rollback", "shop", "--keep-good"]);
    deploy.kill();
    host.in_session(&torrent, payload.parent().unwrap());
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    assert_eq!(host.state("shop", &torrent.hash).as_deref(), Some("bad"), "it never was good");
}

#[test]
fn a_real_directory_is_taken_over_and_come_back_to() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    lab.write("www/shop/current/index.html", site::page("theirs")).unwrap();
    let (torrent, payload) = release(&lab, "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 73);
    let (page, log) = (host.page("shop"), host.log().pop().unwrap());
    assert_eq!(page.as_deref(), Some("theirs"));
    assert!(log.contains("seedship activate shop 1.0 --adopt"), "{log}");
    assert_eq!(host.run(&["activate", "shop", "1.0"]).code, 73, "not by accident");

    let before = host.listing("shop");
    host.good(&["activate", "shop", "1.0", "--adopt", "--dry-run"]);
    assert_eq!(host.listing("shop"), before);
    host.good(&["activate", "shop", "1.0", "--adopt"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    let adopted = host.releases("shop").pop().unwrap();
    assert!(adopted.starts_with("adopted-"), "{adopted}");

    host.good(&["rollback", "shop"]);
    let current = (host.current("shop"), host.page("shop"));
    assert_eq!(current, (Some(format!("releases/{adopted}")), Some("theirs".into())));
    host.good(&["activate", "shop", "1.0"]);
    // What was adopted is never pruned.
    host.landed("shop", "2.0");
    host.landed("shop", "3.0");
    host.good(&["prune", "shop", "--keep", "1"]);
    assert_eq!(host.releases("shop"), ["2.0", "3.0", adopted.as_str()]);
}

#[test]
fn the_link_of_another_tool_is_taken_over_and_come_back_to() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    lab.write("elsewhere/releases/20240501120000/index.html", site::page("theirs")).unwrap();
    // As Capistrano writes it.
    let theirs = lab.path().join("elsewhere/releases/20240501120000");
    symlink(&theirs, host.root("shop").join("current")).unwrap();
    let (torrent, payload) = release(&lab, "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 73);
    assert_eq!(host.page("shop").as_deref(), Some("theirs"));

    host.good(&["activate", "shop", "1.0", "--adopt"]);
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"));
    host.good(&["rollback", "shop"]);
    let current = (host.current("shop"), host.page("shop"));
    assert_eq!(current, (Some(theirs.to_str().unwrap().into()), Some("theirs".into())));
    host.good(&["activate", "shop", "1.0"]);
    host.landed("shop", "2.0");
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
}

#[test]
fn a_hold_that_is_over_already_is_refused() {
    let lab = Lab::new().unwrap();
    let (host, _) = host(&lab, &["1.0"]);
    for dry in [&[][..], &["--dry-run"]] {
        let run = host.run(&[&["hold", "shop", "--until", "2001-01-01T00:00:00Z"], dry].concat());
        assert_eq!(run.code, 64, "{run:?}");
        assert!(run.stderr.contains("is past"), "{run:?}");
    }
    assert_eq!(host.json(&["status", "shop"])["apps"][0]["hold"], serde_json::Value::Null);
}

#[test]
fn confirming_what_is_live_is_remembered_as_that_release() {
    let lab = Lab::new().unwrap();
    let (host, _) = host(&lab, &["1.0"]);
    host.good(&["activate", "shop", "1.0"]);
    let shown = host.good(&["history", "shop"]);
    let last: Vec<&str> = shown.lines().last().unwrap().split_whitespace().collect();
    assert_eq!((last[1], last[2]), ("activate", "1.0"), "{shown}");
}

#[test]
fn prune_keeps_what_may_still_be_needed() {
    let lab = Lab::new().unwrap();
    let (host, hashes) = host(&lab, &["1.0", "2.0", "3.0", "4.0"]);
    assert_eq!(host.good(&["prune", "shop"]), "shop: nothing to prune\n");
    assert_eq!(host.good(&["prune", "shop", "--keep", "1"]), "shop: pruned 1.0, 2.0\n");
    assert_eq!(
        (host.told("shop 1.0 was pruned by "), host.told("shop 2.0 was pruned by ")),
        (1, 1)
    );
    let history = host.json(&["history", "shop"]).to_string();
    assert_eq!(history.matches("\"event\":\"pruned\"").count(), 2, "{history}");
    assert_eq!(states(&host, &hashes), ["pruned", "pruned", "good", "good"]);
    assert_eq!(host.releases("shop"), ["3.0", "4.0"], "what a rollback goes to stays");
    // A pruned one does not come back by itself.
    let (_, payload) = release(&lab, "1.0");
    assert_eq!(host.run(&["activate", "shop", "1.0"]).code, 66, "{}", payload.display());

    // What ceased to be live a moment ago lingers.
    host.configure(&SHOP.replace("\"0s\"", "\"1h\""));
    host.landed("shop", "5.0");
    host.landed("shop", "6.0");
    host.good(&["prune", "shop", "--keep", "1"]);
    assert_eq!(host.releases("shop"), ["3.0", "4.0", "5.0", "6.0"]);
}

#[test]
fn a_release_that_was_passed_over_lands_when_it_is_asked_for() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}keep = 1\n"));
    host.landed("shop", "2.0");
    let (old, payload) = host.landed("shop", "1.0");
    assert_eq!(host.releases("shop"), ["2.0"], "it was not even read");

    host.in_session(&old, payload.parent().unwrap());
    host.good(&["sweep"]);
    assert_eq!(host.releases("shop"), ["2.0"], "and by itself never will be");
    assert_eq!(host.json(&["activate", "shop", "1.0"])["lands"], true);
    host.good(&["sweep"]);
    host.good(&["sweep"]);
    let landed = (host.page("shop"), host.releases("shop"));
    assert_eq!(landed, (Some("2.0".into()), vec!["1.0".into(), "2.0".into()]));
    host.good(&["activate", "shop", "1.0"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
}

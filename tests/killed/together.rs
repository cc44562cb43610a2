//! Two processes at once, one of them killed. Both stand at points, so that each case is one exact
//! order of events.

use crate::{
    drill::{self, Drill},
    host::Parked,
};
use lab::strace;
use std::{
    fs,
    process::{Child, Stdio},
};

/// Starts the event of a version's download, and lets it run.
fn started(drill: &Drill<'_>, version: &str) -> Child {
    let mut event = drill.event(version);
    event.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A deploy of 3.0 over 2.0 that stands there.
fn deploy_at(drill: &Drill<'_>, point: &str) -> Parked {
    drill.again();
    drill.host.parked(drill.event("3.0"), point)
}

/// From where on a deploy's release is live.
const BEFORE: [&str; 4] = ["stage-made", "unpacked", "synced", "link-made"];
const AFTER: [&str; 4] = ["link-exchanged", "link-switched", "trial-live", "trial-checked"];

#[test]
fn of_two_deploys_one_dies() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    let mut cases = 0;
    for point in BEFORE.iter().chain(&AFTER) {
        // The same download's event again, waiting for the lock of one that is killed.
        let first = deploy_at(&drill, point);
        let mut second = started(&drill, "3.0");
        let waits = || drill.host.told("is deploying into") > cases;
        lab::await_for("the second to wait", waits).unwrap();
        assert!(second.try_wait().unwrap().is_none(), "{point}");
        first.kill();
        assert_eq!(second.wait().unwrap().code(), Some(0), "{point}");
        assert_eq!(drill.served(), "3.0", "{point}: the second finished it");
        drill.swept(&format!("the first of two deploys killed at {point}"));
        cases += 1;
    }
    for point in BEFORE.iter().chain(&AFTER) {
        // The one that waits is killed, and the other does not notice.
        let first = deploy_at(&drill, point);
        let mut second = started(&drill, "3.0");
        let waits = || drill.host.told("is deploying into") > cases;
        lab::await_for("the second to wait", waits).unwrap();
        second.kill().unwrap();
        second.wait().unwrap();
        assert_eq!(first.go(), 0, "{point}");
        assert_eq!(drill.served(), "3.0", "{point}");
        drill.swept(&format!("the second of two deploys killed beside {point}"));
        cases += 1;
    }
    lab::withstood!(
        "Kills",
        "two deploys at once, one of them killed, at each of eight points",
        cases,
        "whoever is left finishes it",
        true,
    );
}

#[test]
fn of_a_deploy_and_a_rollback_one_dies() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    let mut cases = 0;
    // The deploy dies, the rollback is done: its word holds, and what was landing is newer than all.
    for (points, left, live) in [(BEFORE, "2.0", "1.0"), (AFTER, "3.0", "2.0")] {
        for point in points {
            // While the deploy switches, it has the lock: the rollback comes when it is dead.
            let holds = point.starts_with("link-");
            let deploy = deploy_at(&drill, point);
            if holds {
                deploy.kill();
                drill.host.good(&["rollback", "shop"]);
            } else {
                drill.host.good(&["rollback", "shop"]);
                deploy.kill();
            }
            assert_eq!(drill.served(), live, "{point}");
            assert_eq!(state(&drill, left), "bad", "{point}");
            let swept = drill.host.good(&["sweep"]);
            // A rollback from what was never live leaves it to come; one from it does not.
            let expected = if live == "1.0" { "3.0" } else { "2.0" };
            assert_eq!(drill.served(), expected, "{point}: {swept}");
            assert_eq!(state(&drill, left), "bad", "{point}");
            assert_eq!(drill.left_over(), [""; 0], "{point}");
            assert_eq!(drill.host.good(&["sweep"]), "nothing to do\n", "{point}");
            cases += 1;
        }
    }
    // The rollback dies, once its word is on the disk, and the deploy goes on: it carries it out.
    for point in ["trial-live", "trial-checked", "verdict-written"] {
        for of_rollback in
            ["mark-written", "link-made", "link-exchanged", "mark-switched", "mark-closed"]
        {
            let deploy = deploy_at(&drill, point);
            drill.host.parked(drill.host.command(&["rollback", "shop"]), of_rollback).kill();
            assert_eq!(deploy.go(), 0, "{point}, {of_rollback}");
            drill.host.good(&["sweep"]);
            assert_eq!(drill.served(), "2.0", "{point}, {of_rollback}");
            assert_eq!(state(&drill, "3.0"), "bad", "{point}, {of_rollback}");
            assert_eq!(drill.left_over(), [""; 0], "{point}, {of_rollback}");
            assert_eq!(drill.host.good(&["sweep"]), "nothing to do\n", "{point}, {of_rollback}");
            cases += 1;
        }
    }
    lab::withstood!(
        "Kills",
        "a deploy and a rollback at once, one of them killed",
        cases,
        "the operator's word holds, whoever dies",
        true,
    );
}

#[test]
fn of_a_deploy_and_a_sweep_one_dies() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    let mut cases = 0;
    for point in BEFORE.iter().chain(&AFTER) {
        // A sweep beside a deploy does not wait, and takes nothing from it.
        let deploy = deploy_at(&drill, point);
        let swept = drill.host.json(&["sweep"]);
        assert_eq!(swept["busy"], serde_json::json!(["shop"]), "{point}");
        deploy.kill();
        drill.swept(&format!("a deploy killed at {point} after a sweep"));
        // A sweep that is killed while it lands what an event comes for.
        drill.again();
        let sweep = drill.host.parked(drill.host.command(&["sweep"]), point);
        let told = drill.host.told("is deploying into");
        let mut event = started(&drill, "3.0");
        lab::await_for("the event to wait", || drill.host.told("is deploying into") > told)
            .unwrap();
        sweep.kill();
        assert_eq!(event.wait().unwrap().code(), Some(0), "{point}");
        assert_eq!(drill.served(), "3.0", "{point}");
        drill.swept(&format!("a sweep killed at {point} beside an event"));
        cases += 2;
    }
    lab::withstood!(
        "Kills",
        "a deploy and a sweep at once, one of them killed, at each of eight points",
        cases,
        "whoever is left, or the next sweep, finishes it",
        true,
    );
}

#[test]
fn of_two_rollbacks_one_dies() {
    if let Some(why) = strace::unavailable() {
        return lab::skip(why);
    }
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::PRUNE);
    drill.host.configure(crate::host::SHOP);
    let points = [
        "switch-locked",
        "mark-written",
        "link-made",
        "link-exchanged",
        "mark-switched",
        "mark-closed",
    ];
    for point in points {
        drill.again();
        // It has the lock, so the second waits until it is dead. If the first had switched, the
        // second goes one step further back; if not, it does that step itself.
        let first = drill.host.parked(drill.host.command(&["rollback", "shop"]), point);
        let asks = lab.path().join(lab.fresh("flock"));
        let options = ["-qq", "-e", "trace=flock", "-o", asks.to_str().unwrap()];
        let second = drill.host.command(&["rollback", "shop"]);
        let mut second = strace::under("strace", options, &second);
        let mut second = second.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let is_refused = || fs::read_to_string(&asks).is_ok_and(|asks| asks.contains("EAGAIN"));
        lab::await_for("the second to wait for the lock", is_refused).unwrap();
        first.kill();
        assert_eq!(second.wait().unwrap().code(), Some(0), "{point}");
        let (live, states) = match point {
            "switch-locked" | "mark-written" | "link-made" => ("2.0", ["good", "good", "bad"]),
            _ => ("1.0", ["good", "bad", "bad"]),
        };
        assert_eq!(drill.served(), live, "{point}");
        let is = ["1.0", "2.0", "3.0"].map(|version| state(&drill, version));
        assert_eq!(is, states, "{point}");
        drill.host.good(&["sweep"]);
        assert_eq!(drill.served(), live, "{point}");
        assert_eq!(drill.left_over(), [""; 0], "{point}");
    }
    lab::withstood!(
        "Kills",
        "two rollbacks at once, the first of them killed at each point of its switch",
        points.len(),
        "each that switched counts: one step back, or two",
        true,
    );
}

fn state(drill: &Drill<'_>, version: &str) -> String {
    drill.state(version).unwrap_or_default()
}

//! Killed while commands run, and two at once: `activated` runs last for what is live.

use super::{Shop, runs};
use lab::{Lab, Torrent};
use std::process::{Child, Stdio};

const RUN: &str =
    "prepare = [[\"DO\"]]\nactivated = [[\"DO\"]]\ncheck = [[\"DO\"]]\ntimeout = \"1000s\"";

/// Hangs in one step of 2.0, once.
fn hangs_once_in(step: &str) -> String {
    format!(
        "[ $SEEDSHIP_VERSION-$SEEDSHIP_STEP = 2.0-{step} ] && [ ! -e \"$1/hung\" ] || exit 0\n\
         touch \"$1/hung\"; sleep 1000 & echo $! > \"$1/pid.new\"; mv \"$1/pid.new\" \"$1/pid\"; wait"
    )
}

fn killed(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_deploy_dies_while_a_command_runs() {
    for (step, live) in [("prepare", "1.0"), ("activated", "2.0"), ("check", "2.0")] {
        let lab = Lab::new().unwrap();
        let shop = Shop::new(&lab, RUN, &hangs_once_in(step));
        shop.landed("1.0");
        let (torrent, payload) = shop.release("2.0");
        let mut event = shop.host.event(&torrent, &payload);
        let event = event.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pid = shop.await_file("pid");
        killed(event);
        assert!(runs(&pid), "{step}: its command outlives it");
        assert_eq!(shop.live().as_deref(), Some(live), "{step}");

        // Whoever comes next ends it, and goes on.
        shop.host.in_session(&torrent, payload.parent().unwrap());
        let swept = shop.host.json(&["sweep"]);
        assert_eq!(swept["live"], serde_json::json!(["shop 2.0"]), "{step} {swept}");
        assert!(!runs(&pid), "{step}: it was ended");
        assert_eq!(shop.live().as_deref(), Some("2.0"), "{step}");
        assert_eq!(shop.state(&torrent), "good", "{step}");
        assert_eq!(shop.activated_last().as_deref(), Some("2.0"), "{step}");
        let ran =
            shop.journal().iter().filter(|line| line.starts_with(&format!("{step} 2.0"))).count();
        assert_eq!(ran, 2, "{step}: {:?}", shop.journal());
        assert!(shop.is_tidy(), "{step}");
        assert_eq!(shop.host.good(&["sweep"]), "nothing to do\n", "{step}");
    }
}

#[test]
fn a_rollback_dies_while_a_command_runs() {
    for step in ["activated", "check"] {
        let lab = Lab::new().unwrap();
        let script = hangs_once_in(step).replace("2.0-", "1.0-");
        let shop = Shop::new(&lab, RUN, "");
        shop.landed("1.0");
        let second = shop.landed("2.0");
        shop.script(&script);
        let mut rollback = shop.host.command(&["rollback", "shop"]);
        let rollback = rollback.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pid = shop.await_file("pid");
        killed(rollback);
        assert!(runs(&pid) && shop.live().as_deref() == Some("1.0"), "{step}");
        let status = shop.host.good(&["status", "shop"]);
        assert!(status.contains("`activated` was interrupted and runs again"), "{status}");
        let would = shop.host.good(&["sweep", "--dry-run"]);
        assert!(would.contains("would finish what an interrupted run left"), "{would}");
        // Typed again to be sure, it does what it says.
        if step == "activated" {
            let before = shop.journal().len();
            shop.host.good(&["activate", "shop", "1.0"]);
            assert_eq!(shop.journal().split_off(before), ["activated 1.0 1.0"], "{step}");
        }
        shop.host.good(&["sweep"]);
        assert!(!runs(&pid), "{step}: it was ended");
        assert_eq!(shop.live().as_deref(), Some("1.0"), "{step}");
        assert_eq!(shop.activated_last().as_deref(), Some("1.0"), "{step}");
        assert_eq!(shop.state(&second), "bad", "{step}");
        assert!(shop.is_tidy(), "{step}");
    }
}

/// Waits in the check of 2.0 until it may go on, and then fails.
const WAITS: &str = "[ $SEEDSHIP_VERSION-$SEEDSHIP_STEP = 2.0-check ] || exit 0\n\
    touch \"$1/checking\"; while [ ! -e \"$1/go\" ]; do sleep 0.05; done; exit 1";

/// The deploy of 2.0, in its check.
fn in_check(shop: &Shop<'_>) -> (Torrent, Child) {
    let (second, payload) = shop.release("2.0");
    let mut event = shop.host.event(&second, &payload);
    let event = event.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    shop.await_file("checking");
    (second, event)
}

#[test]
fn a_rollback_while_a_check_runs_waits_for_nothing_and_wins() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, RUN, WAITS);
    let first = shop.landed("1.0");
    let (second, mut event) = in_check(&shop);
    assert_eq!(shop.host.good(&["rollback", "shop"]), "shop: rolled back, 2.0 → 1.0\n");
    assert!(event.try_wait().unwrap().is_none(), "its deploy is still in its check");
    assert_eq!([&first, &second].map(|torrent| shop.state(torrent)), ["good", "bad"]);
    let record = shop.host.record("shop", &second.hash);
    shop.lay("go");
    assert_eq!(event.wait().unwrap().code(), Some(0));
    assert_eq!(shop.host.record("shop", &second.hash), record, "the operator's word stands");
    assert_eq!(shop.live().as_deref(), Some("1.0"));
    assert_eq!(shop.activated_last().as_deref(), Some("1.0"));
    let log = shop.host.log();
    assert!(
        log.iter().any(|line| line.contains("2.0 was left by an operator while on trial")),
        "{log:#?}"
    );
    assert!(shop.is_tidy());
}

#[test]
fn an_operator_who_says_that_it_is_good_wins_over_its_check() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, RUN, WAITS);
    shop.landed("1.0");
    let (second, mut event) = in_check(&shop);
    shop.host.good(&["activate", "shop", "2.0", "--no-run"]);
    shop.script("");
    shop.lay("go");
    assert_eq!(event.wait().unwrap().code(), Some(0));
    assert_eq!((shop.live().as_deref(), shop.state(&second).as_str()), (Some("2.0"), "good"));
}

#[test]
fn two_at_once_and_the_operators_is_killed() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, RUN, WAITS);
    shop.landed("1.0");
    let (second, mut event) = in_check(&shop);
    // The mark is written, and nothing was switched yet.
    shop.host.parked(shop.host.command(&["rollback", "shop"]), "mark-written").kill();
    assert_eq!(shop.live().as_deref(), Some("2.0"));
    shop.script("");
    shop.lay("go");
    assert_eq!(event.wait().unwrap().code(), Some(0));
    // The deploy finishes what the operator decided, and owes what follows from it.
    assert_eq!((shop.live().as_deref(), shop.state(&second).as_str()), (Some("1.0"), "bad"));
    assert_eq!(shop.activated_last().as_deref(), Some("1.0"));
    shop.host.good(&["sweep"]);
    assert_eq!(shop.activated_last().as_deref(), Some("1.0"));
    assert!(shop.is_tidy());
}

#[test]
fn two_at_once_and_the_deploy_is_killed() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, RUN, "");
    shop.landed("1.0");
    let (second, payload) = shop.release("2.0");
    shop.script(&hangs_once_in("activated"));
    let mut event = shop.host.event(&second, &payload);
    let event = event.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = shop.await_file("pid");
    shop.host.good(&["rollback", "shop"]);
    killed(event);
    // What still runs may do something for 2.0 yet: it is ended, and 1.0 has the last word.
    let before = shop.journal().len();
    shop.host.good(&["sweep"]);
    assert!(!runs(&pid));
    assert_eq!(shop.journal().split_off(before), ["activated 1.0 1.0"]);
    assert_eq!((shop.live().as_deref(), shop.state(&second).as_str()), (Some("1.0"), "bad"));
    assert!(shop.is_tidy());
}

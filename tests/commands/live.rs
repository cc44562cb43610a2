//! A bad release out of a real rtorrent: for how long it is live, and that it stays away.

use super::Shop;
use crate::event::download;
use lab::{Flavour, Lab};
use std::time::Duration;

lab::on_both![a_bad_release_is_live_for_less_than_its_checks_time];

/// As the app's check has it.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Every run of a command: its step, its release, and when it began, by the command's own clock.
fn marks(shop: &Shop<'_>) -> Vec<(String, Duration)> {
    let line = |line: &str| {
        let (what, when) = line.rsplit_once(' ').unwrap();
        (what.to_owned(), Duration::from_nanos(when.parse().unwrap()))
    };
    shop.read("marks").lines().map(line).collect()
}

fn a_bad_release_is_live_for_less_than_its_checks_time(lab: &Lab, flavour: Flavour) {
    let run =
        format!("activated = [[\"DO\"]]\ncheck = [[\"DO\"]]\ntimeout = \"{}s\"", TIMEOUT.as_secs());
    let mark = "echo $SEEDSHIP_STEP $SEEDSHIP_VERSION $(date +%s%N) >> \"$1/marks\"\n\
        [ $SEEDSHIP_STEP-$SEEDSHIP_VERSION != check-2.0 ]";
    let shop = Shop::new(lab, &run, mark);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let mut node = shop.host.node(flavour).start().unwrap();
    let (first, payload) = shop.release("1.0");
    download(&node, &seeder, &first, &payload);
    shop.host.await_state(&node, "shop", &first.hash, "good");
    let before = marks(&shop).len();

    let (second, payload) = shop.release("2.0");
    download(&node, &seeder, &second, &payload);
    shop.host.await_state(&node, "shop", &second.hash, "bad");
    let shown = |key: &str| {
        let answer = node.rpc("d.custom", &[second.hash.as_str().into(), key.into()]);
        answer.unwrap().text().unwrap_or_default().to_owned()
    };
    node.await_that("its state shown", || shown("seedship_state") == "returned").unwrap();
    assert_eq!(shop.live().as_deref(), Some("1.0"));
    let marks_of_it = marks(&shop).split_off(before);
    let ran: Vec<&str> = marks_of_it.iter().map(|(what, _)| what.as_str()).collect();
    let [activated, checks @ .., again] = ran.as_slice() else { panic!("{ran:?}") };
    assert_eq!((*activated, *again), ("activated 2.0", "activated 1.0"), "{ran:?}");
    assert!(checks.len() > 1 && checks.iter().all(|what| *what == "check 2.0"), "{ran:?}");
    let (came, went) = (marks_of_it[0].1, marks_of_it[ran.len() - 1].1);
    assert!(went - came < TIMEOUT, "live for {:?}", went - came);

    // Neither rtorrent's restart nor a sweep nor its event brings it back; a better one comes.
    node.restart().unwrap();
    node.await_complete(&second.hash).unwrap();
    shop.host.good(&["sweep"]);
    assert_eq!(shop.host.run(&["finished", &second.hash]).code, 0);
    assert_eq!((shop.live().as_deref(), shop.state(&second).as_str()), (Some("1.0"), "bad"));
    assert_eq!(marks(&shop).len(), before + ran.len(), "nothing ran for it");
    let (third, payload) = shop.release("3.0");
    download(&node, &seeder, &third, &payload);
    shop.host.await_state(&node, "shop", &third.hash, "good");
    assert_eq!(shop.live().as_deref(), Some("3.0"));
    node.await_that("its hook to end", || shop.is_tidy()).unwrap();
    lab::withstood!(
        "Bad releases",
        "a release that fails its check, out of rtorrent 0.9.8 and 0.16",
        2,
        "live for less than its check's time, then the old one, `activated` run again for it; no restart, sweep or event brings it back",
        true,
    );
}

//! Taking over a whole tree of another deploy tool.

use super::world::{Came, World, version};
use crate::{
    disk::{
        Disk,
        memory::{Journal, Memory},
    },
    error::Exit,
    operate::{Adoption, Becomes},
    release::{Key, Record, State},
    store::{CURRENT, PRIVATE, RELEASES},
};

pub(super) const ONE: &str = "20240101000000";
pub(super) const TWO: &str = "20240102000000";
pub(super) const THREE: &str = "20240103000000";
const FOUR: &str = "20240104000000";

/// One release of the other tool.
fn release(disk: &Memory, name: &str) {
    disk.make_dir(RELEASES, 0o755).unwrap();
    disk.make_dir(&format!("{RELEASES}/{name}"), 0o755).unwrap();
    disk.write(&format!("{RELEASES}/{name}/index"), name.as_bytes()).unwrap();
}

/// A file at the top of one of its releases.
fn file(disk: &Memory, name: &str, file: &str) {
    disk.write(&format!("{RELEASES}/{name}/{file}"), b"1a2b3c4").unwrap();
}

/// Three releases, the last one live.
pub(super) fn tree(world: &World) {
    world.disk.by_hand(|d| {
        [ONE, TWO, THREE].into_iter().for_each(|name| release(d, name));
        d.symlink(&format!("{RELEASES}/{THREE}"), CURRENT).unwrap();
    });
}

/// A world with such a tree, and more of it.
fn world(more: impl Fn(&Memory)) -> World {
    let world = World::new(Journal::Whole);
    tree(&world);
    world.disk.by_hand(|d| more(d));
    world
}

fn link(disk: &Memory, text: &str) {
    disk.remove(CURRENT).unwrap();
    disk.symlink(text, CURRENT).unwrap();
}

/// Each entry with what becomes of it.
fn becomes(adoption: &Adoption) -> Vec<(&str, Becomes)> {
    adoption.found.iter().map(|found| (found.name.as_str(), found.becomes)).collect()
}

fn record(world: &World, name: &str) -> Option<Record> {
    world.seen().record(&Key::Adopted(version(name))).cloned()
}

#[test]
fn a_rollback_goes_where_the_other_tools_would_have_gone() {
    let world = world(|_| {});
    let adoption = world.adopt_tree().unwrap();
    let expected = [(THREE, Becomes::Live), (TWO, Becomes::Good), (ONE, Becomes::Good)];
    assert_eq!(becomes(&adoption), expected);
    assert_eq!(adoption.found[1].why.as_deref(), Some("`rollback` goes there"));
    let numbers = [ONE, TWO, THREE].map(|name| record(&world, name).unwrap().number);
    assert_eq!(numbers, [Some(1), Some(2), Some(3)]);

    assert_eq!(world.land("1").unwrap(), Came::Live, "what was adopted is below everything");
    for target in [THREE, TWO, ONE] {
        world.rollback().unwrap();
        assert_eq!(world.live().as_deref(), Some(target));
        world.assert_settled(target);
    }
    assert_eq!(world.rollback().unwrap_err().exit, Exit::NotFound);
}

#[test]
fn nothing_is_switched_and_a_later_switch_is_relative() {
    let text = format!("/srv/shop/{RELEASES}/{THREE}");
    let world = world(|d| link(d, &text));
    world.adopt_tree().unwrap();
    assert_eq!(world.disk.read_link(CURRENT).unwrap(), Some(text));
    world.land("1").unwrap();
    world.rollback().unwrap();
    assert_eq!(world.disk.read_link(CURRENT).unwrap(), Some(format!("{RELEASES}/{THREE}")));
}

#[test]
fn prune_never_takes_what_was_adopted_nor_what_was_not() {
    let world = world(|d| {
        link(d, &format!("{RELEASES}/{TWO}"));
        release(d, "backup");
    });
    world.adopt_tree().unwrap();
    let world = world.keeping(1, std::time::Duration::ZERO);
    for version in ["1", "2", "3"] {
        world.land(version).unwrap();
        world.pass(60);
    }
    world.prune().unwrap();
    assert!([ONE, TWO, THREE, "backup"].into_iter().all(|name| world.stands(name)));
    assert!(!world.stands("1") && world.stands("2") && world.stands("3"));
}

#[test]
fn numbers_are_ordered_as_numbers() {
    let world = World::new(Journal::Whole);
    world.disk.by_hand(|d| {
        ["8", "9", "10", "11"].into_iter().for_each(|name| release(d, name));
        d.symlink("releases/10", CURRENT).unwrap();
    });
    let adoption = world.adopt_tree().unwrap();
    let expected =
        [("11", Becomes::Left), ("10", Becomes::Live), ("9", Becomes::Good), ("8", Becomes::Good)];
    assert_eq!(becomes(&adoption), expected);
    world.rollback().unwrap();
    assert_eq!(world.live().as_deref(), Some("9"));
}

#[test]
fn a_log_of_deployer_is_the_order_whatever_the_names() {
    let world = World::new(Journal::Whole);
    world.disk.by_hand(|d| {
        ["red", "blue", "7"].into_iter().for_each(|name| release(d, name));
        d.make_dir(".dep", 0o755).unwrap();
        let line = |name: &str| format!("{{\"release_name\":\"{name}\",\"user\":\"anna\"}}\n");
        d.write(".dep/releases_log", (line("red") + &line("blue")).as_bytes()).unwrap();
        d.symlink("releases/blue", CURRENT).unwrap();
    });
    let adoption = world.adopt_tree().unwrap();
    let expected = [("blue", Becomes::Live), ("red", Becomes::Good), ("7", Becomes::Left)];
    assert_eq!(becomes(&adoption), expected);
}

#[test]
fn what_was_never_finished_is_no_target_of_a_rollback() {
    type Clue = fn(&Memory);
    let clues: [(&str, Clue); 4] = [
        ("the link `release` leads to it", |d| {
            d.symlink(&format!("{RELEASES}/{TWO}"), "release").unwrap()
        }),
        ("it has no REVISION", |d| {
            [ONE, THREE].into_iter().for_each(|name| file(d, name, "REVISION"))
        }),
        ("revisions.log does not name it", |d| {
            let log = format!("deployed as release {ONE} by anna\nrelease {THREE} by anna\n");
            d.write("revisions.log", log.as_bytes()).unwrap();
        }),
        ("BAD_RELEASE", |d| file(d, TWO, "BAD_RELEASE")),
    ];
    for (why, clue) in clues {
        let world = world(clue);
        let adoption = world.adopt_tree().unwrap();
        let two = &adoption.found[1];
        assert!(two.why.as_deref().is_some_and(|said| said.contains(why)), "{why}: {two:?}");
        let bad = why == "BAD_RELEASE";
        assert_eq!(two.becomes, if bad { Becomes::Bad } else { Becomes::Left }, "{why}");
        assert_eq!(record(&world, TWO).is_some(), bad, "{why}");
        world.rollback().unwrap();
        assert_eq!(world.live().as_deref(), Some(ONE), "{why}");
        // A name brings it back all the same.
        world.rollback_to(TWO).unwrap();
        assert_eq!(world.live().as_deref(), Some(TWO), "{why}");
    }
}

#[test]
fn what_is_newer_than_the_live_one_was_left_or_never_finished() {
    let world = world(|d| {
        release(d, FOUR);
        link(d, &format!("{RELEASES}/{TWO}"));
        d.write("revisions.log", format!("release {THREE} by anna\n").as_bytes()).unwrap();
    });
    let adoption = world.adopt_tree().unwrap();
    let expected =
        [(FOUR, Becomes::Left), (THREE, Becomes::Bad), (TWO, Becomes::Live), (ONE, Becomes::Good)];
    assert_eq!(becomes(&adoption), expected);
    assert!(matches!(record(&world, THREE).unwrap().state, State::Bad { .. }));
}

#[test]
fn what_has_no_place_in_the_order_is_left_and_told() {
    let world = world(|d| {
        ["12", "backup", "old.20240101000000"].into_iter().for_each(|name| release(d, name));
        d.write("releases/notes.txt", b"").unwrap();
    });
    let before: Vec<String> = world.disk.list(RELEASES).unwrap();
    let adoption = world.adopt_tree().unwrap();
    let left = adoption.found.iter().filter(|found| found.becomes == Becomes::Left);
    let left: Vec<&str> = left.map(|found| found.name.as_str()).collect();
    assert_eq!(left, ["12", "backup", "notes.txt", "old.20240101000000"]);
    world.recover();
    assert_eq!(world.disk.list(RELEASES).unwrap(), before);
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    let world = world(|_| {});
    assert_eq!(world.adopt_tree().unwrap().count(), 3);
    let before = world.disk.tree();
    let again = world.adopt_tree().unwrap();
    assert_eq!((again.count(), again.found.len()), (0, 0));
    assert_eq!(world.disk.tree(), before);
    world.land("1").unwrap();
    assert_eq!(world.adopt_tree().unwrap().count(), 0, "what is live is Seedship's own");
}

#[test]
fn one_that_was_adopted_by_itself_gets_what_was_before_it() {
    let world = world(|_| {});
    world.land("1").unwrap_err();
    world.adopt("1").unwrap();
    world.rollback().unwrap();
    assert_eq!(world.rollback().unwrap_err().exit, Exit::NotFound);
    world.activate("1").unwrap();
    assert_eq!(becomes(&world.adopt_tree().unwrap()), [(TWO, Becomes::Good), (ONE, Becomes::Good)]);
    for target in [THREE, TWO, ONE] {
        world.rollback().unwrap();
        assert_eq!(world.live().as_deref(), Some(target));
    }
}

#[test]
fn a_directory_that_is_removed_takes_its_record_along() {
    let world = world(|_| {});
    world.adopt_tree().unwrap();
    world.disk.by_hand(|d| d.remove_tree(&format!("{RELEASES}/{TWO}")).unwrap());
    world.recover();
    assert_eq!(record(&world, TWO), None);
    world.rollback().unwrap();
    assert_eq!(world.live().as_deref(), Some(ONE), "a rollback goes past it");
}

#[test]
fn what_is_not_known_is_refused_and_nothing_is_written() {
    type Change = fn(&Memory);
    let refused: [(Exit, &str, Change); 8] = [
        (Exit::NotFound, "there is no `current`", |d| d.remove(CURRENT).unwrap()),
        (Exit::NotFound, "is not there", |d| link(d, "releases/20240109000000")),
        (Exit::NotOurs, "no release below the root", |d| link(d, "/srv/elsewhere")),
        (Exit::NotOurs, "no release below the root", |d| link(d, "releases/../../other")),
        (Exit::NotOurs, "neither a time", |d| {
            release(d, "v1-final");
            link(d, "releases/v1-final");
        }),
        (Exit::NotOurs, "a real directory", |d| {
            d.remove(CURRENT).unwrap();
            d.make_dir(CURRENT, 0o755).unwrap();
        }),
        (Exit::Again, ".dep/deploy.lock", |d| {
            d.make_dir(".dep", 0o755).unwrap();
            d.write(".dep/deploy.lock", b"anna").unwrap();
        }),
        (Exit::Again, "/deploy.lock", |d| d.write("deploy.lock", b"").unwrap()),
    ];
    for (exit, cause, change) in refused {
        let world = world(change);
        let before = world.disk.tree();
        let error = world.adopt_tree().unwrap_err();
        assert_eq!(error.exit, exit, "{error}");
        assert!(error.to_string().contains(cause) && error.hint.is_some(), "{error}");
        assert_eq!(world.disk.tree(), before, "{error}");
        assert_eq!(world.disk.kind(PRIVATE).unwrap(), None, "{error}");
    }
}

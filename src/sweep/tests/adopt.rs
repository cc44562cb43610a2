//! Taking over what was at `current` before Seedship.

use super::world::{Came, World, version};
use crate::{
    disk::{Disk, Kind, memory::Journal},
    error::Exit,
    operate::Done,
    release::{By, Key, Mark, Record, State, Target},
    store::{CURRENT, RECORDS, RELEASES, TRIAL},
};

fn world(current: impl Fn(&crate::disk::memory::Memory)) -> World {
    let world = World::new(Journal::Whole);
    world.disk.by_hand(|d| current(d));
    assert_eq!(world.land("1").unwrap_err().exit, Exit::NotOurs);
    world.pass(60);
    world
}

fn directory(disk: &crate::disk::memory::Memory) {
    disk.make_dir(CURRENT, 0o755).unwrap();
    disk.write("current/index", b"old").unwrap();
}

#[test]
fn without_a_word_nothing_of_another_tool_is_replaced() {
    let world = world(|d| d.symlink("/srv/elsewhere", CURRENT).unwrap());
    let refused = world.activate("1").unwrap_err();
    assert_eq!(refused.exit, Exit::NotOurs);
    assert!(refused.hint.unwrap().contains("--adopt"));
    assert_eq!(world.live().as_deref(), Some("elsewhere"));
}

#[test]
fn another_tools_link_is_left_and_come_back_to() {
    let world = world(|d| d.symlink("/srv/elsewhere", CURRENT).unwrap());
    world.adopt("1").unwrap();
    assert_eq!(world.live().as_deref(), Some("1"));
    assert_eq!(world.land("2").unwrap(), Came::Live, "what was adopted is below everything");
    world.rollback().unwrap();
    world.rollback().unwrap();
    assert_eq!(world.disk.read_link(CURRENT).unwrap().unwrap(), "/srv/elsewhere");
    world.recover();
    assert_eq!(world.disk.read_link(CURRENT).unwrap().unwrap(), "/srv/elsewhere");
    assert_eq!(world.seen().live().unwrap().state, State::Good);
}

#[test]
fn an_absolute_link_into_releases_is_that_release() {
    // By the root's own path, and by another one of it.
    for link in ["/srv/shop/releases/0", "/mnt/shop/releases/0"] {
        is_that_release(link);
    }
}

fn is_that_release(link: &str) {
    let world = world(|d| {
        d.make_dir(RELEASES, 0o755).unwrap();
        d.make_dir("releases/0", 0o755).unwrap();
        d.write("releases/0/index", b"0").unwrap();
        d.symlink(link, CURRENT).unwrap();
    });
    world.adopt("1").unwrap();
    let adopted = world.seen().record(&Key::Adopted(version("0"))).cloned().unwrap();
    assert_eq!(adopted.link.as_deref(), Some(link));
    world.rollback().unwrap();
    assert_eq!(world.seen().live().unwrap().version, version("0"));
}

#[test]
fn a_release_without_a_record_is_taken_over_only_while_it_is_live() {
    let world = world(|d| {
        d.make_dir(RELEASES, 0o755).unwrap();
        d.make_dir("releases/0", 0o755).unwrap();
        d.make_dir("releases/00", 0o755).unwrap();
        d.write("releases/0/index", b"0").unwrap();
        d.symlink("releases/0", CURRENT).unwrap();
    });
    assert_eq!(world.adopt("00").unwrap_err().exit, Exit::NotFound);
    assert_eq!(world.adopt("0").unwrap(), Done::LiveAlready(version("0")));
    world.recover();
    assert!(world.stands("0") && world.stands("00"));
}

#[test]
fn a_directory_becomes_a_release_in_one_step() {
    let world = world(directory);
    world.adopt("1").unwrap();
    world.assert_settled("adopted");
    world.rollback().unwrap();
    assert!(world.live().unwrap().starts_with("adopted-"));
    world.assert_settled("came back");
}

#[test]
fn a_file_system_that_cannot_exchange_changes_nothing() {
    let mut world = world(directory);
    world.disk = world.disk.without_exchange();
    let before = (world.disk.list(RELEASES).unwrap(), world.disk.list(RECORDS).unwrap());
    assert_eq!(world.adopt("1").unwrap_err().exit, Exit::NotOurs);
    let after = (world.disk.list(RELEASES).unwrap(), world.disk.list(RECORDS).unwrap());
    assert_eq!(before, after);
    assert_eq!(world.disk.kind(CURRENT).unwrap(), Some(Kind::Directory));
    assert_eq!(world.disk.kind(TRIAL).unwrap(), None);
    assert_eq!(world.state("1"), "open");
}

#[test]
fn a_stale_mark_of_the_new_release_does_not_lead_away_from_it() {
    let world = world(directory);
    let mut record = world.record("1").unwrap();
    record.leave = Some(Mark { to: Target::Nothing, by: By::Check });
    world.site().switching().unwrap().write(Record { landed: true, ..record }).unwrap();
    world.adopt("1").unwrap();
    world.recover();
    assert_eq!(world.live().as_deref(), Some("1"));
}

#[test]
fn one_taken_over_whose_record_is_unfinished_is_good_if_it_stands() {
    let world = world(|d| d.symlink("/srv/elsewhere", CURRENT).unwrap());
    let begun = |name: &str| {
        let open = Record::open(Key::Adopted(version(name)), version(name), world.now());
        world.site().switching().unwrap().write(open).unwrap();
    };
    ["adopted-a", "adopted-b"].into_iter().for_each(begun);
    world.disk.by_hand(|d| assert!(d.make_dir("releases/adopted-a", 0o755).unwrap()));
    world.recover();
    let seen = world.seen();
    let record = |name: &str| seen.record(&Key::Adopted(version(name)));
    assert_eq!(record("adopted-a").unwrap().state, State::Good);
    assert_eq!(record("adopted-b"), None);
}

#[test]
fn two_that_are_adopted_in_one_second_have_two_names() {
    let world = world(|d| d.symlink("/srv/elsewhere", CURRENT).unwrap());
    world.adopt("1").unwrap();
    world.disk.by_hand(|d| {
        d.remove(CURRENT).unwrap();
        directory(d);
    });
    world.adopt("1").unwrap();
    let seen = world.seen();
    let adopted = seen.records.iter().filter(|r| matches!(r.key, Key::Adopted(_)));
    assert_eq!(adopted.count(), 2);
}

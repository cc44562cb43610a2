//! Every story killed at every step, with and without a power cut, and gone on with.

use super::{
    adopt_tree::{self, ONE, THREE, TWO},
    syncs::unsynced,
    world::{Came, World, key, locked, version},
};
use crate::{
    disk::{Disk, memory::Journal},
    error::{Exit, Result},
    operate::Done,
    release::State,
    store::{CURRENT, RELEASES},
};
use std::{collections::HashSet, time::Duration};

/// One command, from a state, to a state.
struct Story {
    name: &'static str,
    before: fn(&World),
    command: fn(&World) -> Result<()>,
    /// What may be live after a crash and recovery, and what else must hold then.
    between: fn(&World) -> bool,
    /// What holds once the command was run again.
    after: fn(&World) -> bool,
}

fn lands(world: &World, versions: &[&str]) {
    for version in versions {
        world.land(version).unwrap();
        world.pass(60);
    }
}

/// An event; of what was decided nothing changes by it, and the timer's sweep finishes the rest.
fn event(world: &World, version: &str) -> Result<()> {
    match world.land(version)? {
        Came::Already => world.process().recover(),
        _ => Ok(()),
    }
}

fn lands_beside_another_tool(world: &World) {
    assert_eq!(world.land("1").unwrap_err().exit, Exit::NotOurs);
    world.pass(60);
}

fn live(world: &World, version: &str) -> bool {
    world.live().as_deref() == Some(version)
}

fn good(world: &World, version: &str) -> bool {
    world.state(version) == "good"
}

const STORIES: &[Story] = &[
    Story {
        name: "the first release goes live",
        before: |_| {},
        command: |w| event(w, "1"),
        between: |w| w.live().is_none() || live(w, "1") && good(w, "1"),
        after: |w| live(w, "1") && good(w, "1"),
    },
    Story {
        name: "the second goes live over it",
        before: |w| lands(w, &["1"]),
        command: |w| event(w, "2"),
        between: |w| live(w, "1") && !good(w, "2") || live(w, "2") && good(w, "2"),
        after: |w| {
            let two = w.record("2").unwrap();
            let left = w.record("1").unwrap().left.is_some();
            live(w, "2") && good(w, "2") && two.number == Some(2) && left && good(w, "1")
        },
    },
    Story {
        name: "the second fails its check",
        before: |w| {
            lands(w, &["1"]);
            w.fails("2");
        },
        command: |w| event(w, "2"),
        between: |w| live(w, "1") && good(w, "1") && !good(w, "2"),
        after: |w| live(w, "1") && good(w, "1") && w.state("2") == "bad",
    },
    Story {
        name: "the first fails its check",
        before: |w| {
            w.fails("1");
        },
        command: |w| event(w, "1"),
        between: |w| w.live().is_none() && !good(w, "1"),
        after: |w| w.live().is_none() && w.state("1") == "bad",
    },
    Story {
        name: "an older one lands",
        before: |w| lands(w, &["1", "3"]),
        command: |w| event(w, "2"),
        between: |w| live(w, "3") && good(w, "3"),
        after: |w| live(w, "3") && w.state("2") == "superseded" && w.stands("2"),
    },
    Story {
        name: "rollback",
        before: |w| lands(w, &["1", "2", "3"]),
        // A second rollback would go further back: it is for an operator who sees no change.
        command: |w| match live(w, "3") {
            true => w.rollback().map(|_| ()),
            false => w.process().recover(),
        },
        between: |w| live(w, "3") && good(w, "3") || live(w, "2") && w.state("3") == "bad",
        after: |w| live(w, "2") && w.state("3") == "bad" && good(w, "2"),
    },
    Story {
        name: "rollback to a named one that was bad",
        before: |w| {
            lands(w, &["1", "2"]);
            w.rollback().unwrap();
            lands(w, &["3"]);
        },
        command: |w| w.rollback_to("2").map(|_| ()),
        between: |w| {
            let before = live(w, "3") && good(w, "3") && w.state("2") == "bad";
            before || live(w, "2") && good(w, "2") && w.state("3") == "bad"
        },
        after: |w| live(w, "2") && good(w, "2") && w.state("3") == "bad",
    },
    Story {
        name: "activate an older one",
        before: |w| lands(w, &["1", "2", "3"]),
        command: |w| w.activate("1").map(|_| ()),
        between: |w| (live(w, "3") || live(w, "1")) && good(w, "3") && good(w, "1"),
        after: |w| {
            let one = w.record("1").unwrap();
            // A crash within the closing counts it twice: numbers only ever grow.
            live(w, "1") && one.number >= Some(4) && good(w, "3") && rolls_back_to(w, "3")
        },
    },
    Story {
        name: "activate a staged one",
        before: |w| {
            lands(w, &["1"]);
            w.hold().unwrap();
            lands(w, &["2"]);
        },
        command: |w| w.activate("2").map(|_| ()),
        between: |w| live(w, "1") && !good(w, "2") || live(w, "2") && good(w, "2"),
        after: |w| live(w, "2") && good(w, "2") && rolls_back_to(w, "1"),
    },
    Story {
        name: "activate while nothing is live",
        before: |w| {
            w.fails("1");
            lands(w, &["1"]);
        },
        command: |w| w.activate("1").map(|_| ()),
        // Named, but not told: what is live without an end of the command may still say bad.
        between: |_| true,
        after: |w| live(w, "1") && good(w, "1"),
    },
    Story {
        name: "activate a staged one while nothing is live",
        before: |w| {
            w.hold().unwrap();
            lands(w, &["1"]);
        },
        command: |w| w.activate("1").map(|_| ()),
        between: |w| match w.live() {
            None => w.state("1") == "open",
            Some(_) => good(w, "1"),
        },
        after: |w| live(w, "1") && good(w, "1"),
    },
    Story {
        name: "prune",
        before: |w| {
            lands(w, &["1", "2", "3", "4", "5"]);
            w.pass(7200);
        },
        command: |w| w.prune().map(|_| ()),
        between: |w| live(w, "5") && w.stands("5") && w.stands("4") && w.stands("3"),
        after: |w| {
            let gone = !w.stands("1") && !w.stands("2");
            live(w, "5") && gone && w.state("1") == "pruned" && w.state("2") == "pruned"
        },
    },
    Story {
        name: "hold",
        before: |w| lands(w, &["1"]),
        command: World::hold,
        between: |w| live(w, "1"),
        after: |w| {
            let held = matches!(w.land("2"), Ok(Came::Stays(_)));
            held && live(w, "1")
        },
    },
    Story {
        name: "unhold",
        before: |w| {
            lands(w, &["1"]);
            w.hold().unwrap();
            lands(w, &["2"]);
        },
        command: World::unhold,
        between: |w| live(w, "1"),
        after: |w| w.sweep().is_ok() && live(w, "2"),
    },
    Story {
        name: "adopt another tool's link",
        before: |w| {
            w.disk.by_hand(|d| d.symlink("/srv/elsewhere", CURRENT).unwrap());
            lands_beside_another_tool(w);
        },
        command: |w| w.adopt("1").map(|_| ()),
        between: |w| live(w, "elsewhere") || live(w, "1") && good(w, "1"),
        after: |w| live(w, "1") && good(w, "1") && rolls_back_to(w, "elsewhere"),
    },
    Story {
        name: "adopt another tool's tree",
        before: |w| {
            adopt_tree::tree(w);
            lands_beside_another_tool(w);
        },
        command: |w| w.adopt_tree().map(|_| ()),
        between: |w| live(w, THREE),
        after: |w| live(w, THREE) && rolls_back_to(w, TWO),
    },
    Story {
        name: "forget what an operator removed of it",
        before: |w| {
            adopt_tree::tree(w);
            w.adopt_tree().unwrap();
            w.disk.by_hand(|d| d.remove_tree(&format!("{RELEASES}/{TWO}")).unwrap());
        },
        command: |w| w.process().recover(),
        between: |w| live(w, THREE),
        after: |w| w.seen().owner(&version(TWO)).is_none() && rolls_back_to(w, ONE),
    },
    Story {
        name: "adopt a directory",
        before: |w| {
            w.disk.by_hand(|d| {
                d.make_dir(CURRENT, 0o755).unwrap();
                d.write("current/index", b"old").unwrap();
            });
            lands_beside_another_tool(w);
        },
        command: |w| w.adopt("1").map(|_| ()),
        between: |w| live(w, "directory") || live(w, "1") && good(w, "1"),
        after: |w| {
            let standing = w.seen().standing;
            let old = standing.iter().map(|v| v.to_string()).find(|v| v.starts_with("adopted"));
            live(w, "1") && good(w, "1") && old.is_some_and(|old| rolls_back_to(w, &old))
        },
    },
];

/// Whether a rollback goes there, tried on a copy.
fn rolls_back_to(world: &World, version: &str) -> bool {
    let copy = world.fork();
    copy.rollback().is_ok() && live(&copy, version)
}

#[test]
fn every_story_syncs_the_names_that_it_changes() {
    for story in STORIES {
        for exchanges in [true, false] {
            let mut world = World::new(Journal::Whole).keeping(3, Duration::from_secs(3600));
            if !exchanges && story.name.contains("a directory") {
                continue;
            }
            if !exchanges {
                world.disk = world.disk.without_exchange();
            }
            (story.before)(&world);
            let left = unsynced(&world.disk, || (story.command)(&world).unwrap());
            assert_eq!(left, [], "{}, exchange {exchanges}", story.name);
        }
    }
}

#[test]
fn every_story_survives_a_kill_at_every_step() {
    let mut kills = 0;
    for journal in [Journal::Whole, Journal::Directory] {
        for story in STORIES {
            for exchanges in [true, false] {
                if exchanges || !story.name.contains("a directory") {
                    kills += kill_everywhere(story, journal, exchanges);
                }
            }
        }
    }
    assert!(kills > 2000, "only {kills} crashes were tried");
}

fn kill_everywhere(story: &Story, journal: Journal, exchanges: bool) -> usize {
    let mut begin = World::new(journal).keeping(3, Duration::from_secs(3600));
    if !exchanges {
        begin.disk = begin.disk.without_exchange();
    }
    (story.before)(&begin);
    begin.disk.by_hand(|_| {});
    let (mut crashes, mut met) = (0, HashSet::new());
    for step in 0.. {
        let dying = begin.fork();
        dying.disk.die_at(step);
        let told = (story.command)(&dying);
        let name = format!("{}, {journal:?}, exchange {exchanges}, step {step}", story.name);
        if !dying.disk.is_dead() {
            told.unwrap();
            dying.reboot(None);
            told_lasts(story, &dying, &name);
            return crashes;
        }
        let cuts = (0..=dying.disk.at_risk()).map(Some).chain([None]);
        for cut in cuts {
            let context = format!("{name}, power cut {cut:?}");
            let crashed = dying.fork();
            crashed.reboot(cut);
            // What a cut leaves is often what another one left.
            let left = (crashed.disk.tree(), locked(&crashed.ran).clone(), cut.is_none());
            if cut.is_some() && !met.insert(left) {
                continue;
            }
            crashed.pass(1);
            recovers(story, crashed.fork(), &context);
            goes_on(story, crashed, cut.is_none(), &context);
            crashes += 1;
        }
    }
    crashes
}

/// What was told as success is there after a power cut right after it.
fn told_lasts(story: &Story, world: &World, context: &str) {
    let cut = world.fork();
    cut.reboot(Some(0));
    cut.assert_whole(context);
    assert_eq!(cut.live(), world.live(), "{context}: a power cut took back what was told");
    assert!((story.after)(world), "{context}: {}", world.shown());
    assert!((story.after)(&cut), "{context}: {}", cut.shown());
}

/// A deploy comes by, then the command is run again.
fn recovers(story: &Story, world: World, context: &str) {
    world.assert_whole(context);
    let was_live = world.live();
    world.recover();
    world.assert_settled_or_bad(context);
    assert!((story.between)(&world), "{context}: between: {}", world.shown());
    activated_is_known(&world, was_live, context);
    (story.command)(&world).unwrap_or_else(|e| panic!("{context}: {e}"));
    world.recover();
    world.assert_settled(context);
    assert!((story.after)(&world), "{context}: after: {}", world.shown());
}

/// The command is run again at once. What it is told lasts, also where it found the work of a killed
/// process that was not durable.
fn goes_on(story: &Story, world: World, killed: bool, context: &str) {
    (story.command)(&world).unwrap_or_else(|e| panic!("{context}: {e}"));
    if killed {
        told_lasts(story, &world, context);
    }
    world.assert_whole(context);
    assert!((story.after)(&world), "{context}: again: {}", world.shown());
    world.recover();
    world.assert_settled(context);
    assert!((story.after)(&world), "{context}: recovered: {}", world.shown());
}

/// What was live is known as activated ever after.
fn activated_is_known(world: &World, was_live: Option<String>, context: &str) {
    let Some(version) = was_live.filter(|v| v.len() == 1) else { return };
    let record = world.seen().record(&key(&version)).cloned().unwrap();
    let decided = matches!(record.state, State::Good | State::Bad { .. } | State::Pruned);
    assert!(decided && record.number.is_some(), "{context}: {record:?}");
}

#[test]
fn an_operator_who_names_what_is_live_already_is_told_so() {
    let world = World::new(Journal::Whole);
    lands(&world, &["1"]);
    assert_eq!(world.activate("1").unwrap(), Done::LiveAlready(version("1")));
}

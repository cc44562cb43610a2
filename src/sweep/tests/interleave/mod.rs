//! Several processes at one app: every interleaving of their operations within bounds, with kills and
//! power cuts, held against the nine properties (`properties.rs`) at every step and after recovery.
//!
//! A schedule that breaks one is printed so that `SEEDSHIP_REPLAY` takes it. The bounds, in numbers:
//!
//! | processes | preemptions | deaths | power | schedules |
//! |---|--:|--:|---|---|
//! | each of 15 pairs | 1 | 0 | stays | all, some 1,600 |
//! | each of 15 pairs | 0 | 1, before each change | stays | all, some 1,700 |
//! | each of 15 pairs | 0 | 0 | fails once, after each step | all, some 5,000 cuts |
//! | two deploys, an operator, a sweep | 0 | 0 | stays | every order, 144 |
//! | the same | up to 6 choices, by chance, deaths among them | | fails once, after each step | 72 |
//!
//! A preemption makes a process wait that could go on; who goes on when one is over or waits for a
//! lock is tried in every order and does not count. What differs in nothing that anybody could see is
//! run once: where two processes are there, exactly so; where there are more, as far as is known of
//! what each of them touches. A sync is no place to preempt, for it changes nothing that is seen;
//! power fails before and after it. After a power cut the changes that were not synced are there in
//! order, each prefix of them, and in any order that keeps two changes of one name in theirs (all such
//! sets up to 64, else each change alone and all but each), with both kinds of journal.
//!
//! `SEEDSHIP_SCHEDULES=5000` goes on to two preemptions with a death and power cuts, so many
//! schedules a scenario, and as many by chance.

mod explore;
mod facts;
mod properties;
mod scenario;
mod story;
mod turns;
mod witness;

use crate::disk::memory::Journal;
use Story::{Activate, Hold, Land, Prune, Rollback, RollbackTo, Sweep, Unhold};
use explore::{Bounds, Tried};
use scenario::Scenario;
use story::{Story, before};

const OPERATORS: [Story; 6] = [Rollback, RollbackTo("1"), Activate("1"), Hold, Unhold, Prune];

/// Which releases fail their check.
const FAILING: [&[&str]; 3] = [&[], &["3"], &["4"]];

/// Two deploys, of two releases or of one; a deploy or a sweep beside each command of an operator.
fn pairs() -> Vec<Vec<Story>> {
    let mut pairs =
        vec![vec![Land("3"), Land("4")], vec![Land("3"), Land("3")], vec![Land("3"), Sweep]];
    for operator in OPERATORS {
        pairs.extend([vec![Land("3"), operator], vec![operator, Sweep]]);
    }
    pairs
}

/// Those of them in which two deploy, or one beside an operator.
fn deploys() -> Vec<Vec<Story>> {
    pairs().into_iter().filter(|pair| !pair.contains(&Sweep)).collect()
}

/// Two deploys, an operator's command and a sweep.
fn fours() -> Vec<Vec<Story>> {
    OPERATORS.map(|operator| vec![Land("3"), Land("4"), operator, Sweep]).into()
}

/// Explores each of these from the same beginning.
fn explore(of: Vec<Vec<Story>>, journal: Journal, failing: &[&str], bounds: Bounds) -> Tried {
    each(of, journal, failing, |scenario| scenario.explore(bounds, usize::MAX))
}

fn each(
    of: Vec<Vec<Story>>,
    journal: Journal,
    failing: &[&str],
    mut run: impl FnMut(&Scenario<'_>) -> Tried,
) -> Tried {
    let mut tried = Tried::default();
    for stories in of {
        let world = before(journal, 2, failing, stories.contains(&Unhold));
        let names: Vec<String> = stories.iter().map(ToString::to_string).collect();
        let name = format!("{} ({journal:?}, {failing:?} fail)", names.join(" ‖ "));
        tried += run(&Scenario { name, world: &world, stories });
    }
    tried
}

/// So many at least, and the same number if the story gets a step more.
fn about(count: usize) -> usize {
    let digits = count.checked_ilog10().unwrap_or_default();
    count / 10_usize.pow(digits) * 10_usize.pow(digits)
}

#[test]
fn two_go_on_in_every_order() {
    let bounds = Bounds { preemptions: 1, ..Bounds::default() };
    let mut tried = explore(pairs(), Journal::Whole, &[], bounds);
    tried += explore(deploys(), Journal::Whole, &["3"], bounds);
    eprintln!("{tried:?}");
    lab::withstood!(
        "Interleavings",
        "two of: two deploys, an operator's command, a sweep; one preemption",
        about(tried.schedules),
        "each of the nine properties holds at every step and after one sweep",
        true
    );
}

#[test]
fn one_dies_and_the_other_goes_on() {
    let bounds = Bounds { kills: 1, ..Bounds::default() };
    let tried = explore(pairs(), Journal::Whole, &[], bounds);
    eprintln!("{tried:?}");
    lab::withstood!(
        "Interleavings",
        "the same pairs, one killed before each change, the other going on",
        about(tried.kills),
        "each of the nine properties holds at every step and after one sweep",
        true
    );
}

#[test]
fn the_power_fails_after_every_step() {
    let bounds = Bounds { power_cuts: true, ..Bounds::default() };
    let mut tried = explore(pairs(), Journal::Directory, &[], bounds);
    let few = vec![vec![Land("3"), Land("4")], vec![Land("3"), Rollback]];
    tried += explore(few, Journal::Whole, &[], bounds);
    eprintln!("{tried:?}");
    lab::withstood!(
        "Power cuts over the disk in memory",
        "after each step of the same pairs, what was not synced lost in order and in any order",
        about(tried.power_cuts),
        "a complete release is live, what was told as success is there, one sweep finishes",
        true
    );
}

#[test]
fn all_four_at_once() {
    let mut tried = explore(fours(), Journal::Whole, &[], Bounds::default());
    tried += each(fours(), Journal::Directory, &["4"], |scenario| scenario.wander(7, 12));
    eprintln!("{tried:?}");
    lab::withstood!(
        "Interleavings",
        "two deploys, an operator's command and a sweep; in every order, and with kills by chance",
        about(tried.schedules),
        "each of the nine properties holds at every step and after one sweep",
        true
    );
}

/// `SEEDSHIP_REPLAY='rollback ‖ sweep (Whole, [] fail): 0>1 7>0'`, as a failure prints it.
#[test]
fn one_schedule_again() {
    let Ok(asked) = std::env::var("SEEDSHIP_REPLAY") else { return };
    let Some((name, schedule)) = asked.rsplit_once(": ") else { return };
    let mut found = 0;
    for journal in [Journal::Whole, Journal::Directory] {
        for failing in FAILING {
            each([pairs(), fours()].concat(), journal, failing, |scenario| {
                if scenario.name == name {
                    found += 1;
                    scenario.replay(schedule);
                }
                Tried::default()
            });
        }
    }
    assert_eq!(found, 1, "there is no scenario `{name}`");
}

#[test]
fn further_if_asked() {
    let Some(limit) = std::env::var("SEEDSHIP_SCHEDULES").ok().and_then(|n| n.parse().ok()) else {
        return;
    };
    let bounds = Bounds { preemptions: 2, kills: 1, power_cuts: true };
    for journal in [Journal::Whole, Journal::Directory] {
        for failing in FAILING {
            let all = || [pairs(), fours()].concat();
            let far = each(all(), journal, failing, |scenario| scenario.explore(bounds, limit));
            let wide = each(all(), journal, failing, |scenario| scenario.wander(1, limit));
            eprintln!("{journal:?} {failing:?}: {far:?}, by chance {wide:?}");
        }
    }
}

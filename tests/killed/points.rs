//! Killed at every named point of every command, and a point between every two durable steps.
//!
//! Which points a command passes, how often, and what it changes between them is read from its own
//! system calls; so no table can forget one.

use crate::drill::{self, Act, Drill};
use lab::strace::{self, Call};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

/// What a system call is to a crash.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    /// A checkpoint is passed: its name, and the how many-th time.
    Point(String, usize),
    /// Something has another name below the app's root, or is there, or is not.
    Renamed(String),
    /// Something is put on the disk.
    Synced(String),
    /// Something else is changed that a reader could see: what a file holds, a mode, an entry of a
    /// release that is being built or deleted.
    Changed,
}

/// The steps of a command, in order.
fn steps(calls: &[Call], root: &Path) -> Vec<Step> {
    let root = format!("\"{}\"", root.display());
    let mut roots: BTreeSet<&str> = BTreeSet::new();
    let mut passed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for call in calls {
        let text = call.text.as_str();
        if let Some(point) = point(call) {
            let nth = passed.entry(point).or_default();
            *nth += 1;
            steps.push(Step::Point(point.to_owned(), *nth));
        }
        if !call.worked() {
            continue;
        }
        let first = text.split(['(', ',', ')']).nth(1).unwrap_or_default();
        match call.name.as_str() {
            "openat" if text.contains(&root) => {
                roots.extend(text.rsplit(' ').next());
            }
            "close" => {
                roots.remove(first);
            }
            "fsync" | "syncfs" => steps.push(Step::Synced(text.to_owned())),
            "mkdirat" | "renameat" | "renameat2" | "symlinkat" | "linkat" | "unlinkat" => {
                let place = if call.name == "symlinkat" {
                    text.split(", ").nth(1).unwrap_or_default()
                } else {
                    first
                };
                steps.push(match roots.contains(place) {
                    true => Step::Renamed(text.to_owned()),
                    false => Step::Changed,
                });
            }
            "write" if first != "1" && first != "2" => steps.push(Step::Changed),
            "fchmod" if !text.contains("0640") => steps.push(Step::Changed),
            _ => {}
        }
    }
    steps
}

/// The checkpoint that a call looks for.
fn point(call: &Call) -> Option<&str> {
    let (_, name) = call.text.split_once("/checkpoints/")?;
    (call.name == "openat").then(|| name.split('"').next()).flatten()
}

/// Where a command is killed: at each of its points, but for those before which nothing changed
/// since the one before.
fn points(steps: &[Step]) -> Vec<(&str, usize, bool)> {
    let mut points = Vec::new();
    let (mut changed, mut switched) = (true, false);
    for step in steps {
        match step {
            Step::Point(name, nth) if std::mem::take(&mut changed) => {
                points.push((name.as_str(), *nth, switched));
            }
            Step::Point(..) | Step::Synced(_) => {}
            Step::Changed => changed = true,
            Step::Renamed(text) => {
                changed = true;
                switched |= text.contains("\"current\"");
            }
        }
    }
    points
}

/// Kills a command at each of its points. Returns how many there were; skips the test where nothing
/// can be traced.
fn dies_at_every_point(act: &'static Act) -> Option<usize> {
    if let Some(why) = strace::unavailable() {
        lab::skip(why);
        return None;
    }
    let lab = drill::lab();
    let drill = Drill::new(&lab, act);
    let steps = steps(&drill.rehearsed(), &drill.host.root("shop"));
    let points = points(&steps);
    let (first, last) = (served_after(&drill, false), served_after(&drill, true));
    let mut came = 0;
    for (name, nth, switched) in &points {
        let at = format!("killed at {name} ({nth})");
        drill.again();
        drill.host.parked_at(drill.command(), name, *nth).kill();
        let served = drill.served();
        let expected = if *switched { &last } else { &first };
        // Who fails its check switches twice.
        assert!(served == *expected || act.ends.len() == 1, "{}, {at}: {served}", act.name);
        let end = drill.swept(&at);
        assert!(end >= came, "{}, {at}: what was decided is not undone", act.name);
        came = end;
    }
    assert_eq!(came, act.ends.len() - 1, "{}: killed after its last step, it is done", act.name);
    Some(points.len())
}

/// What is served before the command, and after it.
fn served_after(drill: &Drill<'_>, done: bool) -> String {
    drill.again();
    if done {
        assert!(drill.command().output().unwrap().status.code().is_some());
    }
    drill.served()
}

/// Each durable step of a command, and whether a checkpoint lies between it and the next. Puts on
/// the disk that follow one another are one: none changes anything for the other.
fn gaps(steps: &[Step]) -> Vec<String> {
    let mut gaps = Vec::new();
    let mut last: Option<&Step> = None;
    for step in steps {
        match (last, step) {
            (_, Step::Point(..)) => last = None,
            (_, Step::Changed) | (Some(Step::Synced(_)), Step::Synced(_)) => {}
            (Some(Step::Renamed(a) | Step::Synced(a)), Step::Renamed(b) | Step::Synced(b)) => {
                gaps.push(format!("{a}\n    {b}"));
                last = Some(step);
            }
            _ => last = Some(step),
        }
    }
    gaps
}

const ALL: [&Act; 14] = [
    &drill::DEPLOY,
    &drill::DEPLOY_WITH_COMMANDS,
    &drill::RETURN,
    &drill::SWEEP,
    &drill::RECOVERY,
    &drill::CLEANING,
    &drill::ROLLBACK,
    &drill::ROLLBACK_WITH_COMMANDS,
    &drill::ACTIVATE,
    &drill::HOLD,
    &drill::UNHOLD,
    &drill::PRUNE,
    &drill::ADOPT,
    &drill::ADOPT_TREE,
];

#[test]
fn a_deploy_dies() {
    let Some(cases) = dies_at_every_point(&drill::DEPLOY) else { return };
    let happened = "the old release until the switch, the new one after it; one sweep finishes it, a second changes nothing";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a deploy that prunes",
        cases,
        happened,
        true
    );
}

#[test]
fn a_deploy_with_commands_dies() {
    let Some(cases) = dies_at_every_point(&drill::DEPLOY_WITH_COMMANDS) else { return };
    let happened = "one sweep finishes it; `activated` ran last for what is live";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a deploy with `prepare`, `activated` and `check`",
        cases,
        happened,
        true
    );
}

#[test]
fn a_bad_release_dies() {
    let Some(cases) = dies_at_every_point(&drill::RETURN) else { return };
    let happened =
        "one sweep comes to the verdict and to the old release; `activated` ran last for it";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a deploy that fails its check",
        cases,
        happened,
        true
    );
}

#[test]
fn a_sweep_dies() {
    let Some(cases) = dies_at_every_point(&drill::SWEEP) else { return };
    let happened = "the next sweep finishes it";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a sweep that lands a release",
        cases,
        happened,
        true
    );
}

#[test]
fn a_recovery_dies() {
    let Some(cases) = dies_at_every_point(&drill::RECOVERY) else { return };
    let happened = "the next sweep finishes it";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a sweep that recovers from a kill in the switch",
        cases,
        happened,
        true
    );
}

#[test]
fn a_cleaning_dies() {
    let Some(cases) = dies_at_every_point(&drill::CLEANING) else { return };
    let happened = "the next sweep finishes it";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a sweep that recovers from a kill while unpacking",
        cases,
        happened,
        true
    );
}

#[test]
fn a_rollback_dies() {
    let Some(cases) = dies_at_every_point(&drill::ROLLBACK) else { return };
    let happened = "done or not begun; once its word is on the disk one sweep finishes it, and no event undoes it";
    lab::withstood!("Kills", "SIGKILL at each point of a rollback", cases, happened, true);
}

#[test]
fn a_rollback_with_commands_dies() {
    let Some(cases) = dies_at_every_point(&drill::ROLLBACK_WITH_COMMANDS) else { return };
    let happened = "done or not begun; `activated` ran last for what is live";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a rollback with `activated` and `check`",
        cases,
        happened,
        true
    );
}

#[test]
fn an_activation_dies() {
    let Some(cases) = dies_at_every_point(&drill::ACTIVATE) else { return };
    let happened = "done or not begun; once its word is on the disk one sweep finishes it";
    lab::withstood!("Kills", "SIGKILL at each point of an activation", cases, happened, true);
}

#[test]
fn a_hold_dies() {
    let Some(cases) = dies_at_every_point(&drill::HOLD) else { return };
    let happened = "held or not";
    lab::withstood!("Kills", "SIGKILL at each point of a hold", cases, happened, true);
}

#[test]
fn an_unhold_dies() {
    let Some(cases) = dies_at_every_point(&drill::UNHOLD) else { return };
    let happened = "held or not; if not, the next sweep lets the newest go live";
    lab::withstood!("Kills", "SIGKILL at each point of an unhold", cases, happened, true);
}

#[test]
fn a_prune_dies() {
    let Some(cases) = dies_at_every_point(&drill::PRUNE) else { return };
    let happened = "the next sweep finishes it; what is live and what a rollback needs stays";
    lab::withstood!("Kills", "SIGKILL at each point of a prune", cases, happened, true);
}

#[test]
fn an_adoption_dies() {
    let Some(cases) = dies_at_every_point(&drill::ADOPT) else { return };
    let happened =
        "the directory or the release, never neither; after the exchange one sweep finishes it";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of an adoption of a real directory",
        cases,
        happened,
        true
    );
}

#[test]
fn an_adoption_of_a_tree_dies() {
    let Some(cases) = dies_at_every_point(&drill::ADOPT_TREE) else { return };
    let happened = "`current` as it was; taken over or not, and typed again it is";
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of an adoption of another tool's tree",
        cases,
        happened,
        true
    );
}

/// On a file system that cannot exchange two names, the link is renamed over the old one, and the
/// old one made anew.
#[test]
fn a_switch_by_rename_dies() {
    if let Some(why) = strace::unavailable() {
        return lab::skip(why);
    }
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    let points = [("link-made", "2.0"), ("link-renamed", "3.0"), ("previous-made", "3.0")];
    for (point, served) in points {
        drill.again();
        let deploy = strace::injecting(&["renameat2:error=EINVAL"], &drill.command());
        drill.host.parked(deploy, point).kill();
        assert_eq!(drill.served(), served, "killed at {point}");
        drill.swept(&format!("killed at {point}"));
    }
    lab::withstood!(
        "Kills",
        "SIGKILL at each point of a switch where two names cannot be exchanged",
        points.len(),
        "the old release until the rename, the new one after it; one sweep finishes it",
        true,
    );
}

#[test]
fn between_two_durable_steps_there_is_a_point() {
    if let Some(why) = strace::unavailable() {
        return lab::skip(why);
    }
    let mut found = Vec::new();
    for act in ALL {
        let lab = drill::lab();
        let drill = Drill::new(&lab, act);
        let gaps = gaps(&steps(&drill.rehearsed(), &drill.host.root("shop")));
        found.extend(gaps.into_iter().map(|gap| format!("{}:\n    {gap}", act.name)));
    }
    assert!(found.is_empty(), "nothing can be killed between\n{}", found.join("\n"));
}

/// A point that no command of these passes is tried by a test that names it.
#[test]
fn no_point_is_left_out() {
    if let Some(why) = strace::unavailable() {
        return lab::skip(why);
    }
    let mut passed: BTreeSet<String> = BTreeSet::new();
    for act in ALL {
        let lab = drill::lab();
        let drill = Drill::new(&lab, act);
        let calls = drill.rehearsed();
        passed.extend(calls.iter().filter_map(point).map(str::to_owned));
    }
    let grep = |pattern: &str, place: &str| -> BTreeSet<String> {
        let mut grep = Command::new("grep");
        grep.args(["-rhoE", pattern]).arg(lab::workspace().join(place));
        let found = String::from_utf8(lab::site::run(&mut grep).unwrap()).unwrap();
        found.lines().filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
    };
    let named = grep("\"[a-z]+-[a-z]+\"", "tests");
    let all = grep("checkpoint::reach\\(\"[a-z-]+\"", "src");
    let left: Vec<_> = all.iter().filter(|p| !passed.contains(*p) && !named.contains(*p)).collect();
    assert!(all.len() > 20 && left.is_empty(), "{left:?}");
}

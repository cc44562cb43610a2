//! The nine properties that hold whatever happens, each by its name.

use super::{
    facts::Facts,
    story::{Ended, Story},
};
use crate::{
    choose::{self, Decision, Rules},
    disk::memory::{Memory, Node, Step, Tree},
    prune,
    release::{State, Version},
    sweep::tests::world::{Came, World, locked},
};
use std::collections::{BTreeMap, BTreeSet};

/// Which property, and how it is broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub(super) property: &'static str,
    pub(super) how: String,
}

pub(super) type Holds = Result<(), Broken>;

fn holds(property: &'static str, holds: bool, how: impl FnOnce() -> String) -> Holds {
    if holds { Ok(()) } else { Err(Broken { property, how: how() }) }
}

/// P1: `current` resolves to a complete release.
pub(super) fn current_resolves(tree: &Tree) -> Holds {
    let text = match tree.get("current") {
        Some(Node::Link(text)) => text,
        other => return holds("P1 current resolves", false, || format!("it is {other:?}")),
    };
    let whole = |file: &str| match tree.get(&format!("{text}/{file}")) {
        Some(Node::File { content, .. }) => text.ends_with(&*String::from_utf8_lossy(content)),
        _ => false,
    };
    let whole = whole("index") && whole("more");
    holds("P1 current resolves", whole, || format!("{text} is not complete"))
}

/// P2: no bad release becomes live unless an operator names it.
pub(super) fn bad_stays_away(before: &Facts, after: &Facts, stories: &[Story]) -> Holds {
    let live = after.live.as_deref().unwrap_or_default();
    let bad = before.live != after.live && before.word(live) == "bad";
    let named = stories.iter().any(|story| story.named() == Some(live));
    holds("P2 no bad release comes back", !bad || named, || format!("{live} is bad and live"))
}

/// What an operator was told, and what had been live by then.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) story: Story,
    pub(super) activated: BTreeSet<String>,
    /// How much had been told before.
    pub(super) at: usize,
}

/// P3: what an operator was told is not undone by an event of an older or equal release, by a deploy
/// in its check, or by recovery.
pub(super) fn operators_word_stands(words: &[Word], way: &[Option<String>]) -> Holds {
    let [.., before, from, to] = way else { return Ok(()) };
    for Word { story, activated, .. } in words {
        let newer = |live: &Option<String>| {
            let version = live.as_deref().and_then(|live| Version::parse(live).ok());
            let above = |other: &String| Version::parse(other).ok() < version;
            version.is_some() && activated.iter().all(above)
        };
        // What failed its check goes back to where it came from.
        let returns = newer(from) && before == to;
        let stands = match story {
            Story::Hold => to.as_ref().is_none_or(|to| activated.contains(to)),
            Story::Unhold | Story::Prune => true,
            _ => newer(to) || returns,
        };
        let how = || format!("after {story} was told, {from:?} was left for {to:?}");
        holds("P3 an operator's word stands", stands, how)?;
    }
    Ok(())
}

/// P4: what was told as success survives a power cut right after. What is on the disk then is, of all
/// that was told, as it was at that moment or later.
pub(super) fn told_lasts(told: &[(Story, Ended, usize)], history: &[Facts], cut: &Facts) -> Holds {
    for (story, ended, at) in told {
        let since = &history[*at..];
        let word = |version: &str| {
            let lasts = since.iter().any(|facts| facts.word(version) == cut.word(version));
            let how =
                || format!("{story} was told {ended:?}, and {version} is {}", cut.word(version));
            holds("P4 what was told lasts", lasts, how)
        };
        let live = || {
            let lasts = since.iter().any(|facts| facts.live == cut.live);
            let how = || format!("{story} was told {ended:?}, and {:?} is live", cut.live);
            holds("P4 what was told lasts", lasts, how)
        };
        match (story, ended) {
            (_, Ended::Failed(_)) | (Story::Sweep, _) => {}
            (Story::Land(version), Ended::Landed(came)) => {
                word(version)?;
                if matches!(came, Came::Live | Came::Returned) {
                    live()?;
                }
            }
            (Story::Hold | Story::Unhold, _) => {
                let lasts = since.iter().any(|facts| facts.held == cut.held);
                holds("P4 what was told lasts", lasts, || format!("{story}: held {}", cut.held))?;
            }
            (Story::Prune, _) => {
                let lasts = since.iter().any(|facts| facts.standing == cut.standing);
                let how = || format!("prune was told, and {:?} stand", cut.standing);
                holds("P4 what was told lasts", lasts, how)?;
                since[0].files.values().try_for_each(|(version, _)| word(version))?;
            }
            _ => {
                live()?;
                since[0].files.values().try_for_each(|(version, _)| word(version))?;
            }
        }
    }
    Ok(())
}

/// P5: one sweep, once for each release that fails its check, leaves nothing unfinished; another one
/// changes nothing.
pub(super) fn sweep_finishes(world: &World) -> Holds {
    let how = |how: String| Broken { property: "P5 one sweep finishes", how };
    let mut sweeps = locked(&world.failing).len() + 1;
    while sweeps > 0 {
        world.pass(7200);
        world.sweep().map_err(|e| how(e.to_string()))?;
        sweeps -= 1;
    }
    let seen = world.seen();
    let held = matches!(seen.hold, Ok(Some(_)));
    for record in &seen.records {
        let finished = match &record.state {
            State::Trying => false,
            State::Open => seen.stands(&record.version),
            _ => record.leave.is_none(),
        };
        holds("P5 one sweep finishes", finished, || format!("{record:?}"))?;
        let choice = choose::choose(record, &seen, &Rules::of(&world.app), world.now());
        let waits = matches!(choice, Decision::Activate { .. });
        holds("P5 one sweep finishes", !waits || held, || format!("{} waits", record.version))?;
    }
    for version in locked(&world.downloads).iter() {
        let landed = !matches!(world.state(version), "none" | "waiting");
        holds("P5 one sweep finishes", landed, || format!("{version} is not landed"))?;
    }
    let names = ["", "releases", ".seedship", ".seedship/records"];
    let left = names.iter().flat_map(|directory| {
        let names = crate::disk::Disk::list(&world.disk, directory).unwrap_or_default();
        let left = [".stage-", ".trash-", ".new-", "run-", ".current-next"];
        names.into_iter().filter(move |name| left.iter().any(|l| name.starts_with(l)))
    });
    let left: Vec<String> = left.collect();
    holds("P5 one sweep finishes", left.is_empty(), || format!("{left:?} is left"))?;
    let (live, records) = (world.live(), world.seen().records);
    world.sweep().map_err(|e| how(e.to_string()))?;
    let still = (live, records) == (world.live(), world.seen().records);
    holds("P5 one sweep finishes", still, || "another sweep changed something".into())
}

/// P6: whoever changes what is live holds the switch lock, and whoever changes a record one of the
/// two.
pub(super) fn no_two_switch(process: u32, step: &Step<'_>, locks: &BTreeMap<String, u32>) -> Holds {
    let has = |lock: &str| locks.get(lock) == Some(&process);
    let switching = has(".seedship/switch.lock");
    let paths = || [Some(step.path), step.to].into_iter().flatten();
    let release = |path: &str| {
        path.strip_prefix("releases/")
            .is_some_and(|name| !name.starts_with('.') && !name.contains('/'))
    };
    let switched = paths().any(|path| {
        matches!(path, "current" | "previous" | ".current-next" | ".seedship/hold.toml")
            || release(path)
    });
    let record = paths().any(|path| path.starts_with(".seedship/records/"));
    let may = switching || !switched && (!record || has(".seedship/deploy.lock"));
    holds("P6 no two switches interleave", may, || format!("{step:?} without the lock"))
}

/// P6: what a deploy commits and lets go live it does in one hold of the switch lock: nobody sees a
/// release of its that landed and was not decided about.
pub(super) fn one_hold(let_go: &BTreeSet<(u32, String)>, process: u32, live: &Facts) -> Holds {
    let version = live.live.clone().unwrap_or_default();
    let late = let_go.contains(&(process, version.clone())) && live.word(&version) == "trying";
    let how = || format!("{version} went live in another hold than its commit's");
    holds("P6 commit and switch are one hold", !late, how)
}

/// P6: prune takes nothing that is live, on trial, open, lingering or a rollback's target. The disk
/// is as it was before the record became pruned.
pub(super) fn prune_spares(world: &World, before: &Memory, version: &str) -> Holds {
    let world = world.on(before.clone());
    let seen = world.seen();
    let record = world.record(version);
    let live = seen.live().is_some_and(|live| live.version.as_str() == version);
    let target = seen.rollback_target().is_some_and(|to| to.version.as_str() == version);
    let needed = record.is_none_or(|record| {
        let now = world.now();
        let lingers =
            record.number.is_some() && now.since(record.left.unwrap_or(now)) < world.app.linger;
        lingers || matches!(record.state, State::Open | State::Trying)
    });
    let shown = || format!("{version} was taken: {}", world.shown());
    holds("P6 prune spares", !(live || target || needed), shown)?;
    let dispensable = prune::dispensable(&seen, &world.keep(), world.now());
    let may = dispensable.iter().any(|record| record.version.as_str() == version);
    holds("P6 prune spares", may, shown)
}

/// P7: no info hash lands twice, and no pruned one comes back.
pub(super) fn lands_once(before: &Facts, after: &Facts) -> Holds {
    for version in after.standing.difference(&before.standing) {
        let word = before.word(version);
        let landed = before.known(version).is_some_and(|known| known.landed);
        let first = word == "open" && !landed;
        holds("P7 nothing lands twice", first, || format!("{version} landed, and it was {word}"))?;
    }
    Ok(())
}

/// P8: what was ever live is known as such.
pub(super) fn activated_is_known(world: &World, activated: &BTreeSet<String>) -> Holds {
    for version in activated {
        let record = world.seen().records.into_iter().find(|r| r.version.as_str() == version);
        let known = record.as_ref().is_some_and(|r| {
            let decided = matches!(r.state, State::Good | State::Bad { .. } | State::Pruned);
            decided && r.number.is_some()
        });
        holds("P8 what was live is known", known, || format!("{version} was live: {record:?}"))?;
    }
    Ok(())
}

/// P9: `activated` ran last for what is live, and none that a killed process began runs still.
pub(super) fn activated_runs_last(world: &World) -> Holds {
    let (last, live) = (world.ran_last(), world.live());
    let running = locked(&world.running).clone();
    holds("P9 activated runs last for what is live", last == live && running.is_empty(), || {
        format!("it ran for {last:?}, {live:?} is live, {running:?} runs")
    })
}

//! Every schedule within bounds, each once; and some by chance beyond them.

use super::{
    scenario::Scenario,
    turns::{Choice, Moment, Schedule, Touch, What},
};
use crate::disk::memory::Effect;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, Mutex},
};

/// How far a search goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    /// How often a process that could go on has to let another.
    pub(super) preemptions: usize,
    /// How many processes die, the others going on.
    pub(super) kills: usize,
    /// Whether the power fails after each step.
    pub(super) power_cuts: bool,
}

/// How much was tried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    pub(super) schedules: usize,
    pub(super) kills: usize,
    pub(super) power_cuts: usize,
}

impl std::ops::AddAssign for Tried {
    fn add_assign(&mut self, more: Self) {
        self.schedules += more.schedules;
        self.kills += more.kills;
        self.power_cuts += more.power_cuts;
    }
}

/// A search, and what it knows.
struct Search<'s, 'w> {
    scenario: &'s Scenario<'w>,
    bounds: Bounds,
    tried: Tried,
    /// What each process was seen about to do.
    footprints: BTreeMap<usize, BTreeSet<Touch>>,
    known: Known,
    limit: usize,
}

/// What was judged before, and need not be again.
#[derive(Default)]
struct Known {
    /// Disks whose cuts were kept.
    cut: Arc<Mutex<HashSet<u64>>>,
    /// Trees that recovery began from, with what was promised.
    ends: HashSet<u64>,
}

/// An earlier place for the same switch, what was done since, and what was done by others there.
struct Sibling {
    process: usize,
    since: Vec<Touch>,
    meanwhile: Vec<Touch>,
}

impl Search<'_, '_> {
    /// Runs a schedule and all that begin with it.
    fn search(&mut self, schedule: &Schedule) -> Vec<Moment> {
        let cuts = self.bounds.power_cuts.then(|| Arc::clone(&self.known.cut));
        let run = self.scenario.run(schedule, cuts);
        self.tried.schedules += 1;
        self.tried.kills += usize::from(run.killed);
        self.tried.power_cuts += self.scenario.judge(schedule, &run, &mut self.known.ends);
        let moments = run.moments;
        for moment in &moments {
            let own = self.footprints.entry(moment.process).or_default();
            own.extend(moment.about.clone());
        }
        let from = schedule.0.last().map_or(0, |last| last.at + 1);
        let left = self.bounds.left(schedule, &moments);
        for (at, moment) in moments.iter().enumerate().skip(from) {
            if moment.about.is_none() {
                let others = moment.others.iter().filter(|o| Some(**o) != moment.by_default);
                for other in others {
                    self.go(schedule.and(at, What::Go(*other)));
                }
            }
            if left.kills > 0 && moment.about.as_ref().is_some_and(|a| self.is_worth_a_kill(a)) {
                self.go(schedule.and(at, What::Kill));
            }
        }
        if left.preemptions > 0 {
            (0..self.scenario.stories.len())
                .for_each(|other| self.preempt(schedule, &moments, from, other));
        }
        moments
    }

    fn go(&mut self, schedule: Schedule) -> Vec<Moment> {
        if self.tried.schedules >= self.limit { Vec::new() } else { self.search(&schedule) }
    }

    /// Lets `other` go on at each moment from `from` on at which that makes a difference: where
    /// nothing that was done since the last such moment meets what others do there, it would be the
    /// same again.
    fn preempt(&mut self, schedule: &Schedule, moments: &[Moment], from: usize, other: usize) {
        let mut sibling: Option<Sibling> = None;
        for (at, moment) in moments.iter().enumerate().skip(from) {
            let Some(about) = &moment.about else {
                sibling = None;
                continue;
            };
            if !moment.others.contains(&other) {
                sibling = None;
                continue;
            }
            let same = sibling.as_ref().is_some_and(|s| {
                let third = self.third(moment.process, other);
                let met = |touch: &Touch| {
                    s.meanwhile.iter().chain(third.iter().copied()).any(|m| m.meets(touch))
                };
                s.process == moment.process && !s.since.iter().any(met)
            });
            if !same {
                let after = self.go(schedule.and(at, What::Go(other)));
                let meanwhile = after.into_iter().skip(at + 1);
                let meanwhile = meanwhile.take_while(|m| m.process != moment.process);
                let meanwhile = meanwhile.filter_map(|m| m.about).collect();
                sibling = Some(Sibling { process: moment.process, since: Vec::new(), meanwhile });
            }
            if let Some(sibling) = &mut sibling {
                sibling.since.push(about.clone());
            }
        }
    }

    /// What processes do that are neither of the two: they may come next.
    fn third(&self, one: usize, two: usize) -> Vec<&Touch> {
        let others = self.footprints.iter().filter(|(process, _)| ![one, two].contains(process));
        others.flat_map(|(_, touches)| touches).collect()
    }

    /// A process that dies before it looks at something dies before what it does next; that nothing
    /// was synced is seen by a power cut alone.
    fn is_worth_a_kill(&self, about: &Touch) -> bool {
        match about.effect {
            Effect::Change => true,
            Effect::Sync => self.bounds.power_cuts,
            Effect::Look => about.paths == [""],
            Effect::List | Effect::Lock => false,
        }
    }
}

impl Scenario<'_> {
    /// Runs every schedule within the bounds, at most so many.
    ///
    /// # Panics
    /// At the first that breaks a property, with what replays it.
    pub(super) fn explore(&self, bounds: Bounds, limit: usize) -> Tried {
        let mut search = Search {
            scenario: self,
            bounds,
            tried: Tried::default(),
            footprints: BTreeMap::new(),
            known: Known::default(),
            limit,
        };
        search.search(&Schedule::default());
        search.tried
    }

    /// Runs `count` schedules with up to six choices each, made by chance from a seed.
    pub(super) fn wander(&self, seed: u64, count: usize) -> Tried {
        let mut tried = Tried::default();
        let mut known = Known::default();
        let mut state = seed | 1;
        let mut chance = |below: usize| {
            // Knuth's multiplier; the high bits are good enough.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
        };
        while tried.schedules < count {
            let mut schedule = Schedule::default();
            for _ in 0..6 {
                let run = self.run(&schedule, Some(Arc::clone(&known.cut)));
                tried.schedules += 1;
                tried.kills += usize::from(run.killed);
                tried.power_cuts += self.judge(&schedule, &run, &mut known.ends);
                let from = schedule.0.last().map_or(0, |last| last.at + 1);
                let at = from + chance(run.moments.len().saturating_sub(from));
                let Some(moment) = run.moments.get(at) else { break };
                let kill = moment.about.is_some() && chance(5) == 0;
                match moment.others.get(chance(moment.others.len())) {
                    _ if kill => schedule = schedule.and(at, What::Kill),
                    Some(other) => schedule = schedule.and(at, What::Go(*other)),
                    None => {}
                }
            }
        }
        tried
    }

    /// Runs one schedule, as it was printed.
    pub(super) fn replay(&self, schedule: &str) {
        let schedule = Schedule::read(schedule);
        let cuts = Arc::new(Mutex::new(HashSet::new()));
        let run = self.run(&schedule, Some(cuts));
        self.judge(&schedule, &run, &mut HashSet::new());
    }
}

impl Bounds {
    fn left(self, schedule: &Schedule, moments: &[Moment]) -> Self {
        let kills = schedule.0.iter().filter(|c| c.what == What::Kill).count();
        let preempted = |c: &&Choice| {
            let free = moments.get(c.at).is_none_or(|moment| moment.about.is_none());
            c.what != What::Kill && !free
        };
        let preemptions = schedule.0.iter().filter(preempted).count();
        Self {
            kills: self.kills.saturating_sub(kills),
            preemptions: self.preemptions.saturating_sub(preemptions),
            ..self
        }
    }
}

//! Every schedule within bounds, each once, and what is left when it ends.

use super::{
    facts::Facts,
    properties::{self, Broken, Holds, Word},
    story::Story,
    turns::{Choice, Moment, Schedule, Table, Touch, What},
    witness::{Cut, Seen, Witness},
};
use crate::{
    disk::memory::{Effect, Turns},
    sweep::tests::world::{World, locked},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    thread,
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

/// Some processes on a world as it is.
pub(super) struct Scenario<'w> {
    pub(super) name: String,
    pub(super) world: &'w World,
    pub(super) stories: Vec<Story>,
}

/// How a schedule ended.
struct Run {
    moments: Vec<Moment>,
    seen: Seen,
    world: World,
    killed: bool,
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

    fn run(&self, schedule: &Schedule, cuts: Option<Arc<Mutex<HashSet<u64>>>>) -> Run {
        let world = self.world.fork();
        let processes: Vec<_> = self.stories.iter().map(|_| world.process()).collect();
        let first = processes[0].number();
        let table = Table::new(processes.len(), schedule);
        let tree = world.disk.tree();
        let witness = Witness::new(table, first, &self.stories, &world, &tree, cuts);
        let witness = Arc::new(witness);
        let turns: Arc<dyn Turns> = Arc::clone(&witness) as _;
        world.disk.take_turns(Some(turns));
        let killed = thread::scope(|scope| {
            let threads: Vec<_> = (processes.into_iter().zip(&self.stories).enumerate())
                .map(|(index, (process, story))| {
                    let witness = &witness;
                    scope.spawn(move || {
                        witness.table.begin(index);
                        let ended = story.run(&process);
                        let killed = process.is_dead();
                        witness.ended(index, ended, killed);
                        drop(process);
                        witness.table.over(index);
                        killed
                    })
                })
                .collect();
            threads.into_iter().any(|thread| thread.join().unwrap_or(true))
        });
        world.disk.take_turns(None);
        let Ok(witness) = Arc::try_unwrap(witness).map_err(|_| "a process holds it still") else {
            return Run { moments: Vec::new(), seen: Seen::default(), world, killed };
        };
        let (table, mut seen) = witness.end();
        let (moments, deadlock) = table.end();
        if deadlock {
            let how = "all wait for one another".to_owned();
            seen.broken = Some((moments.len(), Broken { property: "P6 no deadlock", how }));
        }
        Run { moments, seen, world, killed }
    }

    /// Holds the properties against what a schedule left; returns how many power cuts were tried.
    fn judge(&self, schedule: &Schedule, run: &Run, known: &mut HashSet<u64>) -> usize {
        let mut seen_at_end = Ok(());
        if let Some((_, broken)) = &run.seen.broken {
            seen_at_end = Err(broken.clone());
        }
        let ended = seen_at_end.and_then(|()| match known.insert(run.end()) {
            true => self.ends_well(run),
            false => Ok(()),
        });
        if let Err(broken) = ended {
            self.fail(schedule, run, None, &broken);
        }
        let mut tried = 0;
        for cut in &run.seen.cuts {
            let mut hasher = DefaultHasher::new();
            (&cut.tree, cut.told).hash(&mut hasher);
            let told: Vec<String> =
                run.seen.told[..cut.told].iter().map(|(story, ..)| story.to_string()).collect();
            told.hash(&mut hasher);
            if known.insert(hasher.finish()) {
                tried += 1;
                if let Err(broken) = self.survives(run, cut) {
                    self.fail(schedule, run, Some(cut), &broken);
                }
            }
        }
        tried
    }

    /// No more processes, no more faults.
    fn ends_well(&self, run: &Run) -> Holds {
        let world = &run.world;
        let live = world.live();
        self.recovers(world, &run.seen.activated)?;
        went_on(&run.seen.words, &run.seen.way, &live, world.live())
    }

    /// The power failed there.
    fn survives(&self, run: &Run, cut: &Cut) -> Holds {
        properties::current_resolves(&cut.tree)?;
        let facts = Facts::of(&cut.tree);
        let told = &run.seen.told[..cut.told];
        properties::told_lasts(told, &run.seen.history[..cut.seen], &facts)?;
        let world = self.world.on(self.world.disk.with(cut.tree.clone()));
        locked(&world.running).clear();
        let ran = locked(&run.world.ran)[..cut.ran].to_vec();
        *locked(&world.ran) = ran;
        self.recovers(&world, &facts.live.iter().cloned().collect())?;
        let words: Vec<_> =
            run.seen.words.iter().filter(|word| word.at < cut.told).cloned().collect();
        went_on(&words, &run.seen.way[..cut.way], &facts.live, world.live())
    }

    /// Nothing fails any more.
    fn recovers(&self, world: &World, activated: &BTreeSet<String>) -> Holds {
        properties::sweep_finishes(world)?;
        properties::current_resolves(&world.disk.tree())?;
        properties::activated_is_known(world, activated)?;
        properties::activated_runs_last(world)
    }

    fn fail(&self, schedule: &Schedule, run: &Run, cut: Option<&Cut>, broken: &Broken) -> ! {
        let mut lines = String::new();
        let moments = run.moments.iter().enumerate();
        let choices: BTreeSet<usize> = schedule.0.iter().map(|Choice { at, .. }| *at).collect();
        for (at, moment) in moments {
            let about =
                moment.about.as_ref().map_or(String::new(), |about| about.paths.join(" → "));
            let mark = if choices.contains(&at) { "*" } else { " " };
            let cut =
                if cut.is_some_and(|cut| cut.moment == at + 1) { "  ← power cut" } else { "" };
            let story = self.stories[moment.process];
            let looks = moment.about.as_ref().is_some_and(|about| {
                matches!(about.effect, Effect::Look | Effect::List) && !choices.contains(&at)
            });
            if !looks || !cut.is_empty() {
                lines += &format!("{mark}{at:>4} {story:<14} {:<8} {about}{cut}\n", moment.verb);
            }
        }
        let tree = cut.map_or_else(String::new, |cut| format!("{:#?}\n", Facts::of(&cut.tree)));
        let told = &run.seen.told;
        #[expect(clippy::panic, reason = "the test has failed, and this is what it has to say")]
        {
            panic!(
                "{}: {}\nSEEDSHIP_REPLAY='{}: {}'\n{lines}{tree}told {told:?}\nat the end: {}",
                broken.property,
                broken.how,
                self.name,
                schedule.to_string().trim_end(),
                run.world.shown()
            )
        }
    }
}

/// Recovery is held to what operators were told as well.
fn went_on(
    words: &[Word],
    way: &[Option<String>],
    from: &Option<String>,
    to: Option<String>,
) -> Holds {
    if *from == to {
        return Ok(());
    }
    let came = way.iter().rposition(|live| live == from).map_or(0, |at| at + 1);
    let way: Vec<_> = way[..came].iter().cloned().chain([to]).collect();
    properties::operators_word_stands(words, &way)
}

impl Run {
    /// Stands for all that recovery sees at the end of a schedule.
    fn end(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.world.disk.tree(), &self.seen.activated, self.world.ran_last()).hash(&mut hasher);
        let words: Vec<String> =
            self.seen.words.iter().map(|word| word.story.to_string()).collect();
        (words, locked(&self.world.running).clone(), "end").hash(&mut hasher);
        hasher.finish()
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

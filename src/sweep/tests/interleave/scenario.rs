//! One schedule of some processes: run, and held against the properties at its end and after each
//! power cut on its way.

use super::{
    facts::Facts,
    properties::{self, Broken, Holds, Word},
    story::Story,
    turns::{Choice, Moment, Schedule, Table},
    witness::{Cut, Seen, Witness},
};
use crate::{
    disk::memory::{Effect, Turns},
    sweep::tests::world::{World, locked},
};
use std::{
    collections::{BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    thread,
};

/// Some processes on a world as it is.
pub(super) struct Scenario<'w> {
    pub(super) name: String,
    pub(super) world: &'w World,
    pub(super) stories: Vec<Story>,
}

/// How a schedule ended.
pub(super) struct Run {
    pub(super) moments: Vec<Moment>,
    seen: Seen,
    world: World,
    pub(super) killed: bool,
}

impl Scenario<'_> {
    pub(super) fn run(&self, schedule: &Schedule, cuts: Option<Arc<Mutex<HashSet<u64>>>>) -> Run {
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
    pub(super) fn judge(&self, schedule: &Schedule, run: &Run, known: &mut HashSet<u64>) -> usize {
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

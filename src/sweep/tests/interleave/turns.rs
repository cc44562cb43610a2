//! Who goes on at each operation: one process at a time, as a schedule says.
//!
//! A scheduler of our own, for what a schedule is here: it switches at the operations of the disk and
//! nowhere else, knows what each of them touches (so that a search can leave out switches that
//! nobody could notice), and kills. A checker for threads, such as shuttle or loom, switches at its
//! own mutexes and atomics, of which the story has none, and knows no death of one thread alone.
//!
//! Every process is a thread that waits for its turn; whoever has it keeps it until it is over, waits
//! for a lock, or the schedule says so.

use crate::disk::memory::{Effect, Step};
use std::{
    fmt,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// One deviation from "whoever has the turn goes on; then the first who can".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    /// At which moment.
    pub(super) at: usize,
    pub(super) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// This process goes on.
    Go(usize),
    /// Whoever is about to work dies instead.
    Kill,
}

/// A schedule; printed as it is read: `0>2 17>1 40!`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Schedule(pub(super) Vec<Choice>);

impl Schedule {
    pub(super) fn and(&self, at: usize, what: What) -> Self {
        Self(self.0.iter().copied().chain([Choice { at, what }]).collect())
    }

    pub(super) fn read(text: &str) -> Self {
        let choice = |word: &str| match word.split_once('>') {
            Some((at, to)) => {
                Choice { at: at.parse().unwrap(), what: What::Go(to.parse().unwrap()) }
            }
            None => {
                let at = word.trim_end_matches('!').parse().unwrap();
                Choice { at, what: What::Kill }
            }
        };
        Self(text.split_whitespace().map(choice).collect())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Choice { at, what }| match what {
            What::Go(to) => write!(f, "{at}>{to} "),
            What::Kill => write!(f, "{at}! "),
        })
    }
}

/// What a process is about to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Touch {
    pub(super) effect: Effect,
    pub(super) paths: Vec<String>,
}

/// A point at which somebody else could go on.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) process: usize,
    /// What it is about to do; nothing where it cannot go on, and another one must.
    pub(super) about: Option<Touch>,
    pub(super) verb: &'static str,
    /// Who else can.
    pub(super) others: Vec<usize>,
    /// Who of them does if the schedule says nothing.
    pub(super) by_default: Option<usize>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Phase {
    Ready,
    Waits(String),
    Over,
}

struct State {
    turn: Option<usize>,
    phases: Vec<Phase>,
    schedule: Vec<Choice>,
    moments: Vec<Moment>,
    deadlock: bool,
}

/// The turn, and what became of it.
pub(super) struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

impl Table {
    pub(super) fn new(processes: usize, schedule: &Schedule) -> Self {
        let mut state = State {
            turn: None,
            phases: vec![Phase::Ready; processes],
            schedule: schedule.0.clone(),
            moments: Vec::new(),
            deadlock: false,
        };
        state.hand_over(0, "begin");
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the first turn.
    pub(super) fn begin(&self, process: usize) {
        drop(self.until_turn(self.state(), process));
    }

    /// The process is over.
    pub(super) fn over(&self, process: usize) {
        let mut state = self.state();
        state.phases[process] = Phase::Over;
        state.hand_over(process, "over");
        self.changed.notify_all();
    }

    /// Somebody is about to do this; false if he dies instead.
    pub(super) fn point(&self, process: usize, step: &Step<'_>) -> bool {
        let mut state = self.state();
        let paths = [Some(step.path), step.to].into_iter().flatten().map(str::to_owned).collect();
        let about = Some(Touch { effect: step.effect, paths });
        let others = state.ready(process);
        let moment = Moment { process, about, verb: step.verb, others, by_default: None };
        match state.arrive(moment) {
            Some(What::Kill) => false,
            Some(What::Go(other)) => {
                state.turn = Some(other);
                self.changed.notify_all();
                drop(self.until_turn(state, process));
                true
            }
            None => true,
        }
    }

    /// Somebody waits for a lock; false if nobody could ever give it back.
    pub(super) fn wait(&self, process: usize, lock: &str) -> bool {
        let mut state = self.state();
        state.phases[process] = Phase::Waits(lock.to_owned());
        state.hand_over(process, "wait");
        self.changed.notify_all();
        !self.until_turn(state, process).deadlock
    }

    /// Who waits for that lock may try again.
    pub(super) fn freed(&self, lock: &str) {
        for phase in &mut self.state().phases {
            if *phase == Phase::Waits(lock.to_owned()) {
                *phase = Phase::Ready;
            }
        }
    }

    fn until_turn<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
        process: usize,
    ) -> MutexGuard<'s, State> {
        while state.turn != Some(process) && !state.deadlock {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// What happened, and whether all waited for one another.
    pub(super) fn end(self) -> (Vec<Moment>, bool) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.moments, state.deadlock)
    }

    /// The number of the moment that comes next.
    pub(super) fn now(&self) -> usize {
        self.state().moments.len()
    }
}

impl State {
    fn ready(&self, but: usize) -> Vec<usize> {
        let ready = |at: &usize| *at != but && self.phases[*at] == Phase::Ready;
        (0..self.phases.len()).filter(ready).collect()
    }

    /// Notes a moment; the schedule may say what happens at it.
    fn arrive(&mut self, moment: Moment) -> Option<What> {
        let at = self.moments.len();
        self.moments.push(moment);
        self.schedule.iter().find(|choice| choice.at == at).map(|choice| choice.what)
    }

    /// One who cannot go on lets another.
    fn hand_over(&mut self, process: usize, verb: &'static str) {
        let mut others = self.ready(process);
        if verb == "begin" {
            others.insert(0, process);
        }
        let by_default = others.first().copied();
        let unfinished = self.phases.iter().any(|phase| *phase != Phase::Over);
        self.deadlock |= by_default.is_none() && unfinished;
        let moment = Moment { process, about: None, verb, others, by_default };
        self.turn = match self.arrive(moment) {
            Some(What::Go(other)) => Some(other),
            _ => by_default,
        };
    }
}

impl Touch {
    /// Whether it matters which of the two comes first. A sync changes nothing that anybody sees.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let pairs = self.paths.iter().flat_map(|a| other.paths.iter().map(move |b| (a, b)));
        pairs.into_iter().any(|(a, b)| match (self.effect, other.effect) {
            (Effect::Sync, _) | (_, Effect::Sync) => false,
            (Effect::Lock, Effect::Lock) => a == b,
            (Effect::List, Effect::Change) => is_in(b, a),
            (Effect::Change, Effect::List) => is_in(a, b),
            (Effect::Change, Effect::Look | Effect::Change) | (Effect::Look, Effect::Change) => {
                a == b
            }
            _ => false,
        })
    }
}

fn is_in(path: &str, directory: &str) -> bool {
    path.rsplit_once('/').map_or("", |(parent, _)| parent) == directory
}

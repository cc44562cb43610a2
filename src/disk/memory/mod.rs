//! [`Disk`](super::Disk) in memory, for tests: its processes die at any step, and a power cut takes
//! what was not synced.
//!
//! Every change is one step and is done at once for whoever reads, and for the disk when it is
//! synced. [`die_at`](Memory::die_at) kills everybody: from that step on every call fails, so no
//! destructor changes anything. [`reboot`](Memory::reboot) brings the machine back, after a power cut
//! with only the first few of the changes that were not synced; [`Storage::cuts`] has every other
//! loss.
//!
//! Several processes may work on one root, each in a thread of its own and through a handle of its
//! own. With [`Turns`] every operation waits until it is its process's turn, so that a test decides
//! who goes on at each, and who dies there; the locks of who dies are free.

mod operations;
mod storage;
mod tree;

pub(crate) use storage::{Journal, Storage};
pub(crate) use tree::{Node, Tree};

use crate::error::{Error, Exit, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tree::Change;

/// What an operation is to other processes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Effect {
    /// It looks at a path.
    Look,
    /// It looks at the names in a directory.
    List,
    /// It changes what stands at one path or two.
    Change,
    /// It syncs.
    Sync,
    /// It takes or gives a lock.
    Lock,
}

/// One operation: its name, what it is to others, and the paths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) verb: &'static str,
    pub(crate) effect: Effect,
    pub(crate) path: &'a str,
    pub(crate) to: Option<&'a str>,
}

/// Who goes on at each operation.
pub(crate) trait Turns: Send + Sync {
    /// A process is about to do this. Returns when it may; false if it is killed instead.
    fn point(&self, process: u32, step: &Step<'_>) -> bool;
    /// It has to wait until that lock is given back. Returns when it may try again; false if it is
    /// killed.
    fn wait(&self, process: u32, lock: &str) -> bool;
    /// A lock is free.
    fn freed(&self, lock: &str);
    /// It did this, holding what it holds.
    fn done(
        &self,
        process: u32,
        step: &Step<'_>,
        storage: &Storage,
        locked: &BTreeMap<String, u32>,
    );
}

#[derive(Clone)]
struct Machine {
    storage: Storage,
    steps: usize,
    dies_at: Option<usize>,
    dead: bool,
    exchanges: bool,
    /// Who holds what.
    locked: BTreeMap<String, u32>,
    alive: BTreeSet<u32>,
    turns: Option<Arc<dyn Turns>>,
}

impl Machine {
    fn kill(&mut self, process: u32) {
        self.alive.remove(&process);
        self.locked.retain(|_, holder| *holder != process);
    }
}

/// A root in memory, as one process sees it; clones are the same root and process.
#[derive(Clone)]
pub(crate) struct Memory {
    machine: Arc<Mutex<Machine>>,
    process: u32,
}

impl Memory {
    pub(crate) fn new(journal: Journal) -> Self {
        Self::on(Storage::new(journal))
    }

    fn on(storage: Storage) -> Self {
        let machine = Machine {
            storage,
            steps: 0,
            dies_at: None,
            dead: false,
            exchanges: true,
            locked: BTreeMap::new(),
            alive: BTreeSet::from([0]),
            turns: None,
        };
        Self { machine: Arc::new(Mutex::new(machine)), process: 0 }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `RENAME_EXCHANGE` is not supported from now on.
    pub(crate) fn without_exchange(self) -> Self {
        self.machine().exchanges = false;
        self
    }

    /// Another root in the same state, what is not synced included. Nobody holds a lock of it.
    pub(crate) fn fork(&self) -> Self {
        let fork = Self::on(self.machine().storage.clone());
        fork.machine().exchanges = self.machine().exchanges;
        fork
    }

    /// Another root on which this, and nothing else, is.
    pub(crate) fn with(&self, tree: Tree) -> Self {
        let fork = self.fork();
        let journal = fork.machine().storage.journal();
        fork.machine().storage = Storage::of(tree, journal);
        fork
    }

    /// What readers see.
    pub(crate) fn tree(&self) -> Tree {
        self.machine().storage.seen().clone()
    }

    /// The root as a new process sees it.
    pub(crate) fn begin(&self, process: u32) -> Self {
        self.machine().alive.insert(process);
        Self { machine: Arc::clone(&self.machine), process }
    }

    /// The process is over; what it holds is free.
    pub(crate) fn end(&self) {
        self.machine().kill(self.process);
    }

    /// This process was killed, or the machine was.
    pub(crate) fn is_over(&self) -> bool {
        self.alive().is_err()
    }

    pub(crate) fn is_alive(&self, process: u32) -> bool {
        self.machine().alive.contains(&process)
    }

    /// From now on somebody else decides who goes on.
    pub(crate) fn take_turns(&self, turns: Option<Arc<dyn Turns>>) {
        self.machine().turns = turns;
    }

    /// Everybody dies instead of doing this step, counted from now.
    pub(crate) fn die_at(&self, step: usize) {
        let mut it = self.machine();
        it.steps = 0;
        it.dies_at = Some(step);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.machine().dead
    }

    /// How many changes a power cut now could take back.
    pub(crate) fn at_risk(&self) -> usize {
        self.machine().storage.at_risk()
    }

    /// The machine is up again. After a power cut only the first `kept` of the changes that were
    /// not synced are there, after a kill (`None`) all, still not synced.
    pub(crate) fn reboot(&self, kept: Option<usize>) {
        let mut it = self.machine();
        it.dead = false;
        it.dies_at = None;
        it.locked.clear();
        it.alive = BTreeSet::from([0]);
        if let Some(kept) = kept {
            it.storage.cut(kept);
        }
    }

    /// Something done by hand, durable at once.
    pub(crate) fn by_hand(&self, change: impl Fn(&Self)) {
        change(self);
        self.machine().storage.sync_all();
    }

    /// Waits for this process's turn; fails if it is dead.
    fn turn(&self, step: &Step<'_>) -> Result<()> {
        let turns = self.machine().turns.clone();
        match turns {
            Some(turns) if self.alive().is_ok() && !turns.point(self.process, step) => {
                self.killed()?;
            }
            _ => {}
        }
        self.alive()
    }

    fn killed(&self) -> Result<()> {
        let (turns, held) = {
            let mut it = self.machine();
            let held = it.locked.iter().filter(|(_, holder)| **holder == self.process);
            let held: Vec<String> = held.map(|(lock, _)| lock.clone()).collect();
            it.kill(self.process);
            (it.turns.clone(), held)
        };
        if let Some(turns) = turns {
            held.iter().for_each(|lock| turns.freed(lock));
        }
        self.alive()
    }

    fn alive(&self) -> Result<()> {
        let it = self.machine();
        match !it.dead && it.alive.contains(&self.process) {
            true => Ok(()),
            false => Err(error("live", "the process is dead")),
        }
    }

    /// Looks at what readers see.
    fn look<T>(&self, step: Step<'_>, look: impl FnOnce(&Tree) -> T) -> Result<T> {
        self.turn(&step)?;
        Ok(look(self.machine().storage.seen()))
    }

    /// One step of work: everybody dies here, or it is done.
    fn work<T>(&self, step: &Step<'_>, work: impl FnOnce(&mut Machine) -> Result<T>) -> Result<T> {
        self.turn(step)?;
        let mut it = self.machine();
        it.dead |= it.dies_at == Some(it.steps);
        it.steps += 1;
        if it.dead {
            return Err(error("live", "the process is dead"));
        }
        let Some(turns) = it.turns.clone() else { return work(&mut it) };
        let worked = work(&mut it);
        turns.done(self.process, step, &it.storage, &it.locked);
        worked
    }
}

impl Machine {
    fn node(&self, path: &str) -> Option<&Node> {
        if path.is_empty() { Some(&Node::Directory) } else { self.storage.seen().get(path) }
    }

    fn change(&mut self, change: Change) -> Result<()> {
        for directory in change.directories() {
            if self.node(directory) != Some(&Node::Directory) {
                return Err(error(directory, "no such directory"));
            }
        }
        self.storage.change(change);
        Ok(())
    }
}

fn error(thing: &str, cause: &str) -> Error {
    Error::new(Exit::Io, "change", thing, cause)
}

/// Held until it is dropped, or its process is dead.
pub(crate) struct Lock {
    memory: Memory,
    path: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let step = Step { verb: "unlock", effect: Effect::Lock, path: &self.path, to: None };
        if self.memory.turn(&step).is_err() {
            return;
        }
        let turns = {
            let mut it = self.memory.machine();
            it.locked.remove(&self.path);
            it.turns.clone()
        };
        if let Some(turns) = turns {
            turns.freed(&self.path);
        }
    }
}

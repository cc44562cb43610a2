//! Looks on while a schedule runs: at each step it holds what is seen against the properties that
//! must hold at every instant, and keeps what a power cut there would leave.

use super::{
    facts::Facts,
    properties::{self, Broken, Holds, Word},
    story::{Ended, Story},
    turns::Table,
};
use crate::{
    disk::memory::{Memory, Node, Step, Storage, Tree, Turns},
    sweep::tests::world::{World, locked},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a power cut leaves, and when it came.
pub(super) struct Cut {
    pub(super) tree: Tree,
    pub(super) moment: usize,
    /// How much was told, and had been seen, by then.
    pub(super) told: usize,
    pub(super) seen: usize,
    pub(super) way: usize,
    /// What `activated` had run for.
    pub(super) ran: usize,
}

#[derive(Default)]
pub(super) struct Seen {
    /// Every state that properties speak of, one after the other.
    pub(super) history: Vec<Facts>,
    /// Every value of `current`.
    pub(super) way: Vec<Option<String>>,
    pub(super) activated: BTreeSet<String>,
    pub(super) told: Vec<(Story, Ended, usize)>,
    pub(super) words: Vec<Word>,
    pub(super) cuts: Vec<Cut>,
    pub(super) broken: Option<(usize, Broken)>,
    /// What a process committed in its hold of the switch lock, and what it had let go by then.
    committed: BTreeMap<u32, String>,
    let_go: BTreeSet<(u32, String)>,
    /// The last content of each record.
    records: BTreeMap<String, Node>,
}

/// The turn of each process, and what is seen of them.
pub(super) struct Witness {
    pub(super) table: Table,
    first: u32,
    stories: Vec<Story>,
    seen: Mutex<Seen>,
    /// Disks whose cuts are known; none where no power cut is asked for.
    cut: Option<Arc<Mutex<HashSet<u64>>>>,
    /// What `activated` runs for.
    ran: Arc<Mutex<Vec<String>>>,
    /// For what has to be asked of the product.
    world: World,
}

impl Witness {
    pub(super) fn new(
        table: Table,
        first: u32,
        stories: &[Story],
        world: &World,
        tree: &Tree,
        cut: Option<Arc<Mutex<HashSet<u64>>>>,
    ) -> Self {
        let facts = Facts::of(tree);
        let is_record = |path: &&String| path.starts_with(".seedship/records/");
        let records = tree.iter().filter(|(path, _)| is_record(path));
        let seen = Seen {
            way: vec![facts.live.clone()],
            activated: ["1", "2"].map(str::to_owned).into(),
            history: vec![facts],
            records: records.map(|(path, node)| (path.clone(), node.clone())).collect(),
            ..Seen::default()
        };
        let (ran, world) = (Arc::clone(&world.ran), world.fork());
        Self { table, first, stories: stories.to_vec(), seen: Mutex::new(seen), cut, ran, world }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self, process: u32) -> usize {
        (process - self.first) as usize
    }

    /// A process is over, and was told this.
    pub(super) fn ended(&self, process: usize, ended: Ended, killed: bool) {
        let story = self.stories[process];
        let mut seen = self.seen();
        if !killed && ended.is_a_surprise() {
            let how = format!("{story} failed: {ended:?}");
            seen.note(self.table.now(), Err(Broken { property: "no surprise", how }));
        }
        if !killed && !matches!(ended, Ended::Failed(_)) {
            let since = seen.history.len() - 1;
            if story.is_an_operators() {
                let activated = seen.activated.clone();
                let at = seen.told.len();
                seen.words.push(Word { story, activated, at });
            }
            seen.told.push((story, ended, since));
        }
    }

    pub(super) fn end(self) -> (Table, Seen) {
        (self.table, self.seen.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The state before a release is pruned: what the record became goes back to what it was.
    fn before_pruned(&self, tree: &Tree, path: &str, old: &Node) -> Memory {
        let mut tree = tree.clone();
        tree.insert(path.to_owned(), old.clone());
        self.world.disk.with(tree)
    }

    fn judge(
        &self,
        process: u32,
        step: &Step<'_>,
        storage: &Storage,
        locks: &BTreeMap<String, u32>,
    ) {
        let now = self.table.now();
        let tree = storage.seen();
        let mut seen = self.seen();
        seen.note(now, properties::no_two_switch(process, step, locks));
        if (step.verb, step.path) == ("lock", ".seedship/switch.lock") {
            let committed = seen.committed.remove(&process);
            seen.let_go.extend(committed.map(|version| (process, version)));
        }
        let Some(path) = telling(step) else { return };
        if let (true, Some(version)) =
            (step.path.starts_with("releases/.stage-"), path.strip_prefix("releases/"))
        {
            seen.committed.insert(process, version.to_owned());
        }
        let facts = Facts::of(tree);
        if seen.history.last() == Some(&facts) {
            return;
        }
        let before = seen.history[seen.history.len() - 1].clone();
        if before.live != facts.live {
            seen.note(now, properties::current_resolves(tree));
            let one_hold = properties::one_hold(&seen.let_go, process, &facts);
            seen.note(now, one_hold);
            seen.note(now, properties::bad_stays_away(&before, &facts, &self.stories));
            seen.way.push(facts.live.clone());
            seen.activated.extend(facts.live.clone());
            let stands = properties::operators_word_stands(&seen.words, &seen.way);
            seen.note(now, stands);
        }
        seen.note(now, properties::lands_once(&before, &facts));
        let record = tree.get(path).filter(|_| path.starts_with(".seedship/records/")).cloned();
        if let Some(record) = record {
            let old = seen.records.insert(path.to_owned(), record);
            let name = path.rsplit('/').next().unwrap_or_default();
            let pruned = facts.files.get(name).filter(|(_, known)| known.word == "pruned");
            if let (Some((version, _)), Some(old)) = (pruned, old) {
                let before = self.before_pruned(tree, path, &old);
                seen.note(now, properties::prune_spares(&self.world, &before, version));
            }
        }
        seen.history.push(facts);
    }

    fn keep_cuts(&self, storage: &Storage) {
        let Some(known) = &self.cut else { return };
        let mut seen = self.seen();
        let (told, states, way) = (seen.told.len(), seen.history.len(), seen.way.len());
        let key = storage.stamp().wrapping_add((told as u64) << 32);
        if !known.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
            return;
        }
        let ran = locked(&self.ran).len();
        let moment = self.table.now();
        let cut = |tree| Cut { tree, moment, told, seen: states, way, ran };
        seen.cuts.extend(storage.cuts().into_iter().map(cut));
    }
}

impl Seen {
    /// The first that is broken counts.
    fn note(&mut self, moment: usize, holds: Holds) {
        if let (Err(broken), None) = (holds, &self.broken) {
            self.broken = Some((moment, broken));
        }
    }
}

/// The path that is not as it was, if a property speaks of it.
fn telling<'s>(step: &Step<'s>) -> Option<&'s str> {
    let last = step.to.unwrap_or(step.path);
    let told = |path: &str| {
        path == "current"
            || path == ".seedship/hold.toml"
            || path.starts_with(".seedship/records/") && path.ends_with(".toml")
            || path.starts_with("releases/")
    };
    [step.to, Some(step.path)].into_iter().flatten().any(told).then_some(last)
}

impl Turns for Witness {
    fn point(&self, process: u32, step: &Step<'_>) -> bool {
        self.table.point(self.index(process), step)
    }

    fn wait(&self, process: u32, lock: &str) -> bool {
        self.table.wait(self.index(process), lock)
    }

    fn freed(&self, lock: &str) {
        self.table.freed(lock);
    }

    fn done(
        &self,
        process: u32,
        step: &Step<'_>,
        storage: &Storage,
        locks: &BTreeMap<String, u32>,
    ) {
        self.judge(process, step, storage, locks);
        self.keep_cuts(storage);
    }
}

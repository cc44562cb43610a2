//! What a power cut can take: which changes are on the disk, and which only a reader has seen.

use super::tree::{Change, Node, Tree, parent};
use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

/// What one sync of a directory makes durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Journal {
    /// Every name changed before it, as one journal does (ext4, xfs).
    Whole,
    /// The names in that directory alone, and what those depend on (btrfs).
    Directory,
}

/// The trees of one disk: the one that readers see, and the one that is durable.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    seen: Tree,
    durable: Tree,
    /// What is not durable, in order.
    pending: Vec<Change>,
    journal: Journal,
    /// Stands for everything that was done to it.
    stamp: u64,
}

/// More changes than this are not lost in any order but each alone, and all but each.
const MOST_IN_ANY_ORDER: usize = 64;

impl Storage {
    pub(super) fn new(journal: Journal) -> Self {
        Self { seen: Tree::new(), durable: Tree::new(), pending: Vec::new(), journal, stamp: 0 }
    }

    /// What a reader sees.
    pub(crate) fn seen(&self) -> &Tree {
        &self.seen
    }

    /// A disk on which this, and nothing else, is.
    pub(super) fn of(tree: Tree, journal: Journal) -> Self {
        Self { seen: tree.clone(), durable: tree, pending: Vec::new(), journal, stamp: 0 }
    }

    pub(super) fn journal(&self) -> Journal {
        self.journal
    }

    /// How many changes a power cut now could take back.
    pub(super) fn at_risk(&self) -> usize {
        self.pending.len()
    }

    /// Two disks that began alike and have the same stamp are alike.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamp
    }

    fn stamp_with(&mut self, done: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        (self.stamp, done).hash(&mut hasher);
        self.stamp = hasher.finish();
    }

    pub(super) fn change(&mut self, change: Change) {
        self.stamp_with(&change);
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    /// All is on the disk, files' bytes included.
    pub(super) fn sync_all(&mut self) {
        self.stamp_with(&"all");
        self.pending.clear();
        self.seen.values_mut().for_each(Node::flush);
        self.durable = self.seen.clone();
    }

    /// Names are on the disk; what was appended to files and never synced is not.
    pub(super) fn sync(&mut self, directory: &str) {
        self.stamp_with(&directory);
        if self.journal == Journal::Whole {
            self.pending.clear();
            self.durable = self.seen.clone();
            return;
        }
        // From the last to the first: what a synced change depends on is synced with it.
        let mut directories = BTreeSet::from([directory.to_owned()]);
        let (mut synced, mut left) = (Vec::new(), Vec::new());
        for change in std::mem::take(&mut self.pending).into_iter().rev() {
            if change.directories().iter().any(|d| directories.contains(*d)) {
                directories.extend(change.directories().into_iter().map(str::to_owned));
                synced.push(change);
            } else {
                left.push(change);
            }
        }
        synced.iter().rev().for_each(|change| change.apply(&mut self.durable));
        left.reverse();
        self.pending = left;
    }

    /// What is there after a power cut that kept only these of the pending changes.
    fn after(&self, kept: impl Fn(usize) -> bool) -> Tree {
        let mut tree = self.durable.clone();
        for (_, change) in self.pending.iter().enumerate().filter(|(at, _)| kept(*at)) {
            change.apply(&mut tree);
        }
        let directory = |tree: &Tree, path: &str| path.is_empty() || tree.contains_key(path);
        while let Some(lost) = tree.keys().find(|path| !directory(&tree, parent(path))).cloned() {
            tree.remove(&lost);
        }
        tree.values_mut().for_each(Node::cut);
        tree
    }

    /// The power goes: only the first `kept` of the pending changes are there.
    pub(super) fn cut(&mut self, kept: usize) {
        *self = Self::of(self.after(|at| at < kept), self.journal);
    }

    /// Every tree that a power cut now can leave: the pending changes reach the disk in order, or
    /// in any order that does not turn two changes of one name around.
    pub(crate) fn cuts(&self) -> Vec<Tree> {
        let count = self.pending.len();
        let in_order = (0..=count).map(|kept| (0..kept).collect());
        let mut sets: BTreeSet<BTreeSet<usize>> = in_order.collect();
        sets.extend(self.in_any_order());
        sets.into_iter().map(|kept| self.after(|at| kept.contains(&at))).collect()
    }

    /// Sets of pending changes that hold, with each, the earlier ones that it touches.
    fn in_any_order(&self) -> Vec<BTreeSet<usize>> {
        let needs = |at: usize| {
            let earlier = (0..at).filter(move |e| self.pending[*e].touches(&self.pending[at]));
            earlier.collect::<BTreeSet<usize>>()
        };
        let needs: Vec<BTreeSet<usize>> = (0..self.pending.len()).map(needs).collect();
        let mut sets = vec![BTreeSet::new()];
        for (at, needed) in needs.iter().enumerate() {
            let with = |set: &BTreeSet<usize>| {
                let mut set = set.clone();
                set.insert(at);
                set
            };
            let more: Vec<_> = sets.iter().filter(|set| needed.is_subset(set)).map(with).collect();
            sets.extend(more);
            if sets.len() > MOST_IN_ANY_ORDER {
                return self.one_alone(&needs);
            }
        }
        sets
    }

    /// Each change alone with what it needs, and all without each and what needs it.
    fn one_alone(&self, needs: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
        let closed = |start: usize| {
            let mut set = BTreeSet::from([start]);
            for at in (0..=start).rev() {
                if set.contains(&at) {
                    set.extend(&needs[at]);
                }
            }
            set
        };
        let without = |start: usize| {
            let mut lost = BTreeSet::from([start]);
            for (at, needed) in needs.iter().enumerate().skip(start + 1) {
                if !needed.is_disjoint(&lost) {
                    lost.insert(at);
                }
            }
            (0..needs.len()).filter(|at| !lost.contains(at)).collect()
        };
        (0..needs.len()).flat_map(|at| [closed(at), without(at)]).collect()
    }
}

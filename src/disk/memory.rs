//! [`Disk`] in memory, for tests: it counts its steps, dies at one of them, and loses what was not
//! synced.
//!
//! Every change is one step and is done at once for whoever reads, and for the disk when it is
//! synced. [`die_at`](Memory::die_at) is a kill: from that step on every call fails, so no
//! destructor changes anything. [`reboot`](Memory::reboot) brings it back, after a power cut with
//! only the first few of the changes that were not synced: they reach the disk in order.

use super::{Disk, Kind, Renamed, Space};
use crate::error::{Error, Exit, Result};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
    time::Duration,
};

/// What one sync makes durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Journal {
    /// Everything before it, as one journal does (ext4, xfs).
    Whole,
    /// What was done in that directory alone, and what that depends on (btrfs).
    Directory,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Node {
    Directory,
    File(Vec<u8>),
    Link(String),
}

type Tree = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
enum Change {
    Put(String, Node),
    Append(String, Vec<u8>),
    Remove(String),
    Rename(String, String),
    Exchange(String, String),
}

impl Change {
    /// The directories whose names it changes.
    fn directories(&self) -> Vec<&str> {
        match self {
            Self::Put(path, _) | Self::Append(path, _) | Self::Remove(path) => vec![parent(path)],
            Self::Rename(a, b) | Self::Exchange(a, b) => vec![parent(a), parent(b)],
        }
    }

    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Put(path, node) => {
                tree.insert(path.clone(), node.clone());
            }
            Self::Append(path, more) => {
                let node = tree.entry(path.clone()).or_insert_with(|| Node::File(Vec::new()));
                if let Node::File(content) = node {
                    content.extend_from_slice(more);
                }
            }
            Self::Remove(path) => {
                take(tree, path);
            }
            Self::Rename(from, to) => {
                let moved = take(tree, from);
                take(tree, to);
                give(tree, to, moved);
            }
            Self::Exchange(a, b) => {
                let (one, other) = (take(tree, a), take(tree, b));
                give(tree, a, other);
                give(tree, b, one);
            }
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Removes a path with all below it; the paths come back relative to it.
fn take(tree: &mut Tree, path: &str) -> Tree {
    let below = format!("{path}/");
    let paths: Vec<String> =
        tree.keys().filter(|p| *p == path || p.starts_with(&below)).cloned().collect();
    let taken = paths.into_iter().filter_map(|p| tree.remove_entry(&p));
    taken.map(|(p, node)| (p[path.len()..].to_owned(), node)).collect()
}

fn give(tree: &mut Tree, path: &str, taken: Tree) {
    tree.extend(taken.into_iter().map(|(rest, node)| (format!("{path}{rest}"), node)));
}

#[derive(Clone, Debug)]
struct State {
    /// What a reader sees.
    seen: Tree,
    /// What is on the disk.
    durable: Tree,
    /// What is not, in order.
    pending: Vec<Change>,
    journal: Journal,
    steps: usize,
    dies_at: Option<usize>,
    dead: bool,
    exchanges: bool,
    locked: BTreeSet<String>,
}

/// A root in memory; clones are the same root.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Rc<RefCell<State>>);

impl Memory {
    pub(crate) fn new(journal: Journal) -> Self {
        Self(Rc::new(RefCell::new(State {
            seen: Tree::new(),
            durable: Tree::new(),
            pending: Vec::new(),
            journal,
            steps: 0,
            dies_at: None,
            dead: false,
            exchanges: true,
            locked: BTreeSet::new(),
        })))
    }

    /// `RENAME_EXCHANGE` is not supported from now on.
    pub(crate) fn without_exchange(self) -> Self {
        self.0.borrow_mut().exchanges = false;
        self
    }

    /// Another root in the same state, what is not synced included. Nobody holds a lock of it.
    pub(crate) fn fork(&self) -> Self {
        let mut state = self.0.borrow().clone();
        state.locked.clear();
        Self(Rc::new(RefCell::new(state)))
    }

    /// The process dies instead of doing this step, counted from now.
    pub(crate) fn die_at(&self, step: usize) {
        let mut it = self.0.borrow_mut();
        it.steps = 0;
        it.dies_at = Some(step);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.borrow().dead
    }

    /// How many changes a power cut now could take back.
    pub(crate) fn at_risk(&self) -> usize {
        self.0.borrow().pending.len()
    }

    /// The machine is up again. After a power cut only the first `kept` of the changes that were
    /// not synced are there, after a kill (`None`) all, still not synced.
    pub(crate) fn reboot(&self, kept: Option<usize>) {
        let mut it = self.0.borrow_mut();
        it.dead = false;
        it.dies_at = None;
        it.locked.clear();
        let Some(kept) = kept else { return };
        let survived: Vec<Change> = it.pending.drain(..).take(kept).collect();
        survived.iter().for_each(|change| change.apply(&mut it.durable));
        let names: BTreeSet<String> = it.durable.keys().cloned().collect();
        it.durable.retain(|path, _| parent(path).is_empty() || names.contains(parent(path)));
        it.seen = it.durable.clone();
    }

    /// Something done by hand, durable at once.
    pub(crate) fn by_hand(&self, change: impl Fn(&Self)) {
        change(self);
        let mut it = self.0.borrow_mut();
        it.pending.clear();
        it.durable = it.seen.clone();
    }

    /// One step: fails if this is where the process dies.
    fn step(&self) -> Result<()> {
        let mut it = self.0.borrow_mut();
        it.dead |= it.dies_at == Some(it.steps);
        it.steps += 1;
        if it.dead { Err(error("live", "the process is dead")) } else { Ok(()) }
    }

    fn alive(&self) -> Result<()> {
        if self.is_dead() { Err(error("live", "the process is dead")) } else { Ok(()) }
    }

    fn change(&self, change: Change) -> Result<()> {
        let mut it = self.0.borrow_mut();
        for directory in change.directories() {
            if !directory.is_empty() && it.seen.get(directory) != Some(&Node::Directory) {
                return Err(error(directory, "no such directory"));
            }
        }
        change.apply(&mut it.seen);
        it.pending.push(change);
        Ok(())
    }

    fn node(&self, path: &str) -> Option<Node> {
        if path.is_empty() {
            return Some(Node::Directory);
        }
        self.0.borrow().seen.get(path).cloned()
    }
}

fn error(thing: &str, cause: &str) -> Error {
    Error::new(Exit::Io, "change", thing, cause)
}

/// Held until it is dropped, or the machine is down.
pub(crate) struct Lock(Rc<RefCell<State>>, String);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.borrow_mut().locked.remove(&self.1);
    }
}

impl Disk for Memory {
    type Lock = Lock;
    type Watch = ();

    fn place(&self) -> &Path {
        Path::new("/srv/shop")
    }

    fn kind(&self, path: &str) -> Result<Option<Kind>> {
        self.alive()?;
        Ok(self.node(path).map(|node| match node {
            Node::Directory => Kind::Directory,
            Node::File(_) => Kind::File,
            Node::Link(_) => Kind::Link,
        }))
    }

    fn leads_to_directory(&self, path: &str) -> Result<bool> {
        self.alive()?;
        let local = path.strip_prefix("/srv/shop/").unwrap_or(path);
        Ok(path == "/srv/elsewhere" || self.node(local) == Some(Node::Directory))
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        self.alive()?;
        let it = self.0.borrow();
        let names = it.seen.keys().filter(|p| parent(p) == path);
        Ok(names.filter_map(|p| p.rsplit('/').next()).map(str::to_owned).collect())
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.alive()?;
        Ok(self.node(path).and_then(|node| match node {
            Node::File(content) => Some(content),
            _ => None,
        }))
    }

    fn read_end(&self, path: &str, most: u64) -> Result<Option<(Vec<u8>, bool)>> {
        Ok(self.read(path)?.map(|content| {
            let cut = content.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
            (content[cut..].to_vec(), cut == 0)
        }))
    }

    fn read_link(&self, path: &str) -> Result<Option<String>> {
        self.alive()?;
        Ok(self.node(path).and_then(|node| match node {
            Node::Link(text) => Some(text),
            _ => None,
        }))
    }

    fn space(&self) -> Result<Space> {
        Ok(Space { bytes: u64::MAX, inodes: None })
    }

    fn make_dir(&self, path: &str, _mode: u32) -> Result<bool> {
        self.alive()?;
        if self.node(path).is_some() {
            return Ok(false);
        }
        self.step()?;
        self.change(Change::Put(path.to_owned(), Node::Directory)).map(|()| true)
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        self.step()?;
        self.change(Change::Put(path.to_owned(), Node::File(content.to_vec())))
    }

    fn append(&self, path: &str, content: &[u8]) -> Result<()> {
        self.step()?;
        self.change(Change::Append(path.to_owned(), content.to_vec()))
    }

    fn symlink(&self, text: &str, path: &str) -> Result<()> {
        self.step()?;
        match self.node(path) {
            None => self.change(Change::Put(path.to_owned(), Node::Link(text.to_owned()))),
            Some(_) => Err(error(path, "it exists")),
        }
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.alive()?;
        match self.node(path) {
            None => Ok(()),
            Some(Node::Directory) => Err(error(path, "it is a directory")),
            Some(_) => self.step().and_then(|()| self.change(Change::Remove(path.to_owned()))),
        }
    }

    fn remove_tree(&self, path: &str) -> Result<()> {
        self.alive()?;
        let below = format!("{path}/");
        let paths: Vec<String> = {
            let it = self.0.borrow();
            it.seen.keys().filter(|p| *p == path || p.starts_with(&below)).cloned().collect()
        };
        // Deepest first, one step each: a kill leaves half a tree.
        for path in paths.into_iter().rev() {
            self.step()?;
            self.change(Change::Remove(path))?;
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.step()?;
        let full = |path: &str| self.list(path).map(|names| !names.is_empty());
        match (self.node(from), self.node(to)) {
            (None, _) => Err(error(from, "it does not exist")),
            (Some(Node::Directory), Some(Node::Directory)) if full(to)? => {
                Err(error(to, "it is not empty"))
            }
            (Some(Node::Directory), Some(Node::File(_) | Node::Link(_))) => {
                Err(error(to, "it is no directory"))
            }
            (Some(Node::File(_) | Node::Link(_)), Some(Node::Directory)) => {
                Err(error(to, "it is a directory"))
            }
            _ => self.change(Change::Rename(from.to_owned(), to.to_owned())),
        }
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<Renamed> {
        self.step()?;
        if self.node(to).is_some() {
            return Ok(Renamed::Taken);
        }
        if self.node(from).is_none() {
            return Ok(Renamed::Gone);
        }
        self.change(Change::Rename(from.to_owned(), to.to_owned()))?;
        Ok(Renamed::Done)
    }

    fn exchange(&self, a: &str, b: &str) -> Result<bool> {
        self.step()?;
        if !self.0.borrow().exchanges {
            return Ok(false);
        }
        for path in [a, b] {
            if self.node(path).is_none() {
                return Err(error(path, "it does not exist"));
            }
        }
        self.change(Change::Exchange(a.to_owned(), b.to_owned()))?;
        Ok(true)
    }

    fn fsync(&self, path: &str) -> Result<()> {
        self.step()?;
        let mut it = self.0.borrow_mut();
        if it.journal == Journal::Whole {
            it.pending.clear();
            it.durable = it.seen.clone();
            return Ok(());
        }
        // From the last to the first: what a synced change depends on is synced with it.
        let mut directories = BTreeSet::from([path.to_owned()]);
        let (mut synced, mut left) = (Vec::new(), Vec::new());
        for change in std::mem::take(&mut it.pending).into_iter().rev() {
            if change.directories().iter().any(|d| directories.contains(*d)) {
                directories.extend(change.directories().into_iter().map(str::to_owned));
                synced.push(change);
            } else {
                left.push(change);
            }
        }
        synced.iter().rev().for_each(|change| change.apply(&mut it.durable));
        left.reverse();
        it.pending = left;
        Ok(())
    }

    fn watch(&self) -> Result<()> {
        self.alive()
    }

    fn syncfs(&self, _watch: &()) -> Result<()> {
        self.step()?;
        let mut it = self.0.borrow_mut();
        it.pending.clear();
        it.durable = it.seen.clone();
        Ok(())
    }

    fn lock(&self, path: &str, _wait: Duration) -> Result<Option<Lock>> {
        self.step()?;
        if self.node(path).is_none() {
            self.change(Change::Put(path.to_owned(), Node::File(Vec::new())))?;
        }
        let free = self.0.borrow_mut().locked.insert(path.to_owned());
        Ok(free.then(|| Lock(Rc::clone(&self.0), path.to_owned())))
    }

    fn inscribe(&self, lock: &mut Lock, line: &str) -> Result<()> {
        self.write(&lock.1.clone(), line.as_bytes())
    }
}

//! The operations of [`Disk`], one by one.

use super::{
    Effect, Lock, Memory, Node, Step, error,
    tree::{Change, parent, within},
};
use crate::{
    disk::{Disk, Kind, Renamed, Space},
    error::Result,
};
use std::{path::Path, time::Duration};

fn step<'a>(verb: &'static str, effect: Effect, path: &'a str) -> Step<'a> {
    Step { verb, effect, path, to: None }
}

impl Memory {
    fn node(&self, verb: &'static str, path: &str) -> Result<Option<Node>> {
        if path.is_empty() {
            return self.alive().map(|()| Some(Node::Directory));
        }
        self.look(step(verb, Effect::Look, path), |seen| seen.get(path).cloned())
    }

    /// A command runs: a step that changes nothing here.
    pub(crate) fn run_command(&self) -> Result<()> {
        self.work(&step("run", Effect::Look, ""), |_| Ok(()))
    }

    fn put(&self, verb: &'static str, path: &str, node: Node) -> Result<()> {
        let put = Change::Put(path.to_owned(), node);
        self.work(&step(verb, Effect::Change, path), |it| it.change(put))
    }

    fn holds(&self, path: &str) -> Result<bool> {
        self.alive()?;
        Ok(path.is_empty() || self.machine().storage.seen().contains_key(path))
    }
}

impl Disk for Memory {
    type Lock = Lock;
    type Watch = ();

    fn place(&self) -> &Path {
        Path::new("/srv/shop")
    }

    fn kind(&self, path: &str) -> Result<Option<Kind>> {
        Ok(self.node("kind", path)?.map(|node| match node {
            Node::Directory => Kind::Directory,
            Node::File { .. } => Kind::File,
            Node::Link(_) => Kind::Link,
        }))
    }

    fn leads_to_directory(&self, path: &str) -> Result<bool> {
        let local = path.strip_prefix("/srv/shop/").unwrap_or(path);
        let there = self.node("follow", local)? == Some(Node::Directory);
        Ok(there || path == "/srv/elsewhere")
    }

    /// `/mnt/shop` is the root by another path here.
    fn is_same_directory(&self, a: &str, b: &str) -> Result<bool> {
        let followed = |path: &str| -> Result<Option<String>> {
            let text = match self.node("follow", path)? {
                Some(Node::Link(text)) => text,
                node => {
                    return Ok(node.filter(|node| *node == Node::Directory).map(|_| path.into()));
                }
            };
            let roots = ["/srv/shop/", "/mnt/shop/"];
            Ok(roots.iter().find_map(|root| text.strip_prefix(root)).map(str::to_owned))
        };
        let one = followed(a)?;
        Ok(one.is_some() && one == followed(b)?)
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        self.look(step("list", Effect::List, path), |seen| {
            let from = if path.is_empty() { String::new() } else { format!("{path}/") };
            let below = seen.range(from.clone()..).map(|(p, _)| p);
            let below = below.take_while(|p| p.starts_with(&from));
            below.filter(|p| parent(p) == path).map(|p| p[from.len()..].to_owned()).collect()
        })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.node("read", path)?.and_then(|node| match node {
            Node::File { content, .. } => Some(content),
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
        Ok(self.node("readlink", path)?.and_then(|node| match node {
            Node::Link(text) => Some(text),
            _ => None,
        }))
    }

    /// One user, whose number is that of nobody.
    fn owner(&self, path: &str) -> Result<Option<u32>> {
        Ok(self.holds(path)?.then_some(65_534))
    }

    fn set_aside(&self) {}

    fn space(&self) -> Result<Space> {
        Ok(Space { bytes: u64::MAX, inodes: None })
    }

    fn make_dir(&self, path: &str, _mode: u32) -> Result<bool> {
        // What stands is not changed, and never goes: looking at it is no step.
        if self.holds(path)? {
            return Ok(false);
        }
        self.put("mkdir", path, Node::Directory).map(|()| true)
    }

    /// Two steps: a kill between them leaves an empty file.
    fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        self.put("create", path, Node::synced(b""))?;
        self.put("write", path, Node::synced(content))
    }

    fn append(&self, path: &str, content: &[u8]) -> Result<()> {
        let append = Change::Append(path.to_owned(), content.to_vec());
        self.work(&step("append", Effect::Change, path), |it| it.change(append))
    }

    fn symlink(&self, text: &str, path: &str) -> Result<()> {
        let put = Change::Put(path.to_owned(), Node::Link(text.to_owned()));
        self.work(&step("symlink", Effect::Change, path), |it| match it.node(path) {
            None => it.change(put),
            Some(_) => Err(error(path, "it exists")),
        })
    }

    fn remove(&self, path: &str) -> Result<()> {
        match self.node("kind", path)? {
            None => return Ok(()),
            Some(Node::Directory) => return Err(error(path, "it is a directory")),
            Some(_) => {}
        }
        self.work(&step("remove", Effect::Change, path), |it| match it.node(path) {
            None => Ok(()),
            Some(_) => it.change(Change::Remove(path.to_owned())),
        })
    }

    fn remove_tree(&self, path: &str) -> Result<()> {
        self.alive()?;
        let paths: Vec<String> = within(self.machine().storage.seen(), path).cloned().collect();
        // Deepest first, one step each: a kill leaves half a tree.
        for path in paths.into_iter().rev() {
            let remove = Change::Remove(path.clone());
            self.work(&step("remove", Effect::Change, &path), |it| match it.node(&path) {
                None => Ok(()),
                Some(_) => it.change(remove),
            })?;
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let rename = Change::Rename(from.to_owned(), to.to_owned());
        let step = Step { verb: "rename", effect: Effect::Change, path: from, to: Some(to) };
        self.work(&step, |it| {
            let full = within(it.storage.seen(), to).count() > 1;
            match (it.node(from), it.node(to)) {
                (None, _) => Err(error(from, "it does not exist")),
                (Some(Node::Directory), Some(Node::Directory)) if full => {
                    Err(error(to, "it is not empty"))
                }
                (Some(Node::Directory), Some(Node::File { .. } | Node::Link(_))) => {
                    Err(error(to, "it is no directory"))
                }
                (Some(Node::File { .. } | Node::Link(_)), Some(Node::Directory)) => {
                    Err(error(to, "it is a directory"))
                }
                _ => it.change(rename),
            }
        })
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<Renamed> {
        let rename = Change::Rename(from.to_owned(), to.to_owned());
        let step = Step { verb: "rename", effect: Effect::Change, path: from, to: Some(to) };
        self.work(&step, |it| match (it.node(from), it.node(to)) {
            (_, Some(_)) => Ok(Renamed::Taken),
            (None, None) => Ok(Renamed::Gone),
            (Some(_), None) => it.change(rename).map(|()| Renamed::Done),
        })
    }

    fn exchange(&self, a: &str, b: &str) -> Result<bool> {
        let exchange = Change::Exchange(a.to_owned(), b.to_owned());
        let step = Step { verb: "exchange", effect: Effect::Change, path: a, to: Some(b) };
        self.work(&step, |it| {
            if !it.exchanges {
                return Ok(false);
            }
            for path in [a, b] {
                if it.node(path).is_none() {
                    return Err(error(path, "it does not exist"));
                }
            }
            it.change(exchange).map(|()| true)
        })
    }

    fn fsync(&self, path: &str) -> Result<()> {
        self.work(&step("fsync", Effect::Sync, path), |it| {
            it.storage.sync(path);
            Ok(())
        })
    }

    fn watch(&self) -> Result<()> {
        self.alive()
    }

    fn syncfs(&self, _watch: &()) -> Result<()> {
        self.work(&step("syncfs", Effect::Sync, ""), |it| {
            it.storage.sync_all();
            Ok(())
        })
    }

    fn lock(&self, path: &str, wait: Duration) -> Result<Option<Lock>> {
        if !self.holds(path)? {
            self.put("create", path, Node::synced(b""))?;
        }
        loop {
            let step = step("lock", Effect::Lock, path);
            let free = self.work(&step, |it| {
                let free = !it.locked.contains_key(path);
                if free {
                    it.locked.insert(path.to_owned(), self.process);
                }
                Ok(free)
            })?;
            let turns = self.machine().turns.clone();
            match turns {
                _ if free => return Ok(Some(Lock { memory: self.clone(), path: path.to_owned() })),
                Some(turns) if !wait.is_zero() => {
                    if !turns.wait(self.process, path) {
                        self.killed()?;
                    }
                }
                _ => return Ok(None),
            }
        }
    }

    fn inscribe(&self, lock: &mut Lock, line: &str) -> Result<()> {
        self.write(&lock.path.clone(), line.as_bytes())
    }
}

//! What stands on a disk in memory, and the changes that can be made to it.

use std::collections::BTreeMap;

/// What stands at a path.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Node {
    Directory,
    File {
        content: Vec<u8>,
        /// How many bytes of it a power cut cannot take.
        flushed: usize,
    },
    Link(String),
}

impl Node {
    /// A file that was written and synced.
    pub(super) fn synced(content: &[u8]) -> Self {
        Self::File { content: content.to_vec(), flushed: content.len() }
    }

    /// What a power cut leaves of it.
    pub(super) fn cut(&mut self) {
        if let Self::File { content, flushed } = self {
            content.truncate(*flushed);
        }
    }

    pub(super) fn flush(&mut self) {
        if let Self::File { content, flushed } = self {
            *flushed = content.len();
        }
    }
}

/// Paths and what stands there; the root itself is not among them.
pub(crate) type Tree = BTreeMap<String, Node>;

/// One change of names; an [`Append`](Self::Append) changes a file's bytes as well.
#[derive(Clone, Hash, Debug)]
pub(super) enum Change {
    Put(String, Node),
    Append(String, Vec<u8>),
    Remove(String),
    Rename(String, String),
    Exchange(String, String),
}

impl Change {
    /// The names that it changes.
    pub(super) fn paths(&self) -> Vec<&str> {
        match self {
            Self::Put(path, _) | Self::Append(path, _) | Self::Remove(path) => vec![path],
            Self::Rename(a, b) | Self::Exchange(a, b) => vec![a, b],
        }
    }

    /// The directories whose names it changes.
    pub(super) fn directories(&self) -> Vec<&str> {
        self.paths().into_iter().map(parent).collect()
    }

    /// Whether one of the two can only be there after the other: they change one name, or one
    /// changes what the other's lies in.
    pub(super) fn touches(&self, other: &Self) -> bool {
        let near = |a: &str, b: &str| a == b || is_below(a, b) || is_below(b, a);
        self.paths().iter().any(|a| other.paths().iter().any(|b| near(a, b)))
    }

    pub(super) fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Put(path, node) => {
                tree.insert(path.clone(), node.clone());
            }
            Self::Append(path, more) => {
                let node = tree.entry(path.clone()).or_insert_with(|| Node::synced(b""));
                if let Node::File { content, .. } = node {
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

pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

pub(super) fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// A path and all below it, in order.
pub(super) fn within<'t>(tree: &'t Tree, path: &'t str) -> impl Iterator<Item = &'t String> {
    let from = tree.range(path.to_owned()..).map(|(p, _)| p);
    from.take_while(move |p| p.starts_with(path)).filter(move |p| *p == path || is_below(p, path))
}

/// Removes a path with all below it; the paths come back relative to it.
fn take(tree: &mut Tree, path: &str) -> Tree {
    let paths: Vec<String> = within(tree, path).cloned().collect();
    let taken = paths.into_iter().filter_map(|p| tree.remove_entry(&p));
    taken.map(|(p, node)| (p[path.len()..].to_owned(), node)).collect()
}

fn give(tree: &mut Tree, path: &str, taken: Tree) {
    tree.extend(taken.into_iter().map(|(rest, node)| (format!("{path}{rest}"), node)));
}

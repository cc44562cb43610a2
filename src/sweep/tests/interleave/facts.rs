//! What the properties speak of, taken from a tree as it stands: cheap enough for every step.

use crate::disk::memory::{Node, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// One record, as far as a property asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) word: String,
    pub(super) number: Option<u64>,
    pub(super) landed: bool,
}

/// One look at a root.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Facts {
    /// Where `current` leads.
    pub(super) live: Option<String>,
    /// By the record's file.
    pub(super) files: BTreeMap<String, (String, Known)>,
    pub(super) standing: BTreeSet<String>,
    pub(super) held: bool,
}

impl Facts {
    pub(super) fn of(tree: &Tree) -> Self {
        let text = |path: &str| match tree.get(path) {
            Some(Node::File { content, .. }) => Some(String::from_utf8_lossy(content)),
            _ => None,
        };
        let files = below(tree, ".seedship/records/").filter(|name| name.ends_with(".toml"));
        let read = |name: &str| {
            let text = text(&format!(".seedship/records/{name}"))?;
            Some((name.to_owned(), known(&text)?))
        };
        Self {
            live: match tree.get("current") {
                Some(Node::Link(text)) => text.rsplit('/').next().map(str::to_owned),
                _ => None,
            },
            files: files.filter_map(read).collect(),
            standing: below(tree, "releases/")
                .filter(|name| !name.starts_with('.') && !name.contains('/'))
                .map(str::to_owned)
                .collect(),
            held: tree.contains_key(".seedship/hold.toml"),
        }
    }

    /// The record of a version that owns it, else any of it.
    pub(super) fn known(&self, version: &str) -> Option<&Known> {
        let of = || self.files.values().filter(|(of, _)| of == version).map(|(_, known)| known);
        let owns = |known: &&Known| !matches!(known.word.as_str(), "refused" | "waiting");
        of().find(owns).or_else(|| of().next())
    }

    pub(super) fn word(&self, version: &str) -> &str {
        self.known(version).map_or("none", |known| known.word.as_str())
    }
}

fn below<'t>(tree: &'t Tree, directory: &'t str) -> impl Iterator<Item = &'t str> {
    let paths = tree.range(directory.to_owned()..).map(|(path, _)| path.as_str());
    paths.map_while(move |path| path.strip_prefix(directory))
}

fn known(text: &str) -> Option<(String, Known)> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let known = Known {
        word: value("state")?,
        number: value("number").and_then(|number| number.parse().ok()),
        landed: value("landed").is_some_and(|landed| landed == "true"),
    };
    Some((value("version")?, known))
}

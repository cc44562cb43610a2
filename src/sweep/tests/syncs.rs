//! No name that matters is left to chance: whatever the journal of a file system would do by itself,
//! each directory in which a name changed is synced before success is told.

use crate::disk::memory::{Effect, Memory, Step, Storage, Turns};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Lets everybody go on, and keeps the names that were changed and not synced.
#[derive(Default)]
struct Unsynced(Mutex<BTreeSet<(String, String)>>);

/// Runs a command; returns each directory and the name in it that was not synced after its change.
pub(super) fn unsynced(disk: &Memory, command: impl FnOnce()) -> Vec<(String, String)> {
    let watch = Arc::new(Unsynced::default());
    let turns: Arc<dyn Turns> = Arc::clone(&watch) as _;
    disk.take_turns(Some(turns));
    command();
    disk.take_turns(None);
    let left = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
    left.iter().cloned().collect()
}

/// What decides: the links, the releases, the records, the hold. What is built or on its way out,
/// and what is removed by whoever recovers, is not.
fn matters(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    match directory {
        "" => ["current", "previous"].contains(&name),
        "releases" => !name.starts_with('.'),
        ".seedship" => name == "hold.toml",
        ".seedship/records" => !name.starts_with('.'),
        _ => false,
    }
}

impl Turns for Unsynced {
    fn point(&self, _: u32, _: &Step<'_>) -> bool {
        true
    }

    fn wait(&self, _: u32, _: &str) -> bool {
        false
    }

    fn freed(&self, _: &str) {}

    fn done(&self, _: u32, step: &Step<'_>, _: &Storage, _: &BTreeMap<String, u32>) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = || [Some(step.path), step.to].into_iter().flatten();
        match step.effect {
            Effect::Sync if step.verb == "syncfs" => left.clear(),
            Effect::Sync => left.retain(|(directory, _)| directory != step.path),
            Effect::Change if paths().any(matters) => {
                let split = |path: &str| match path.rsplit_once('/') {
                    Some((directory, name)) => (directory.to_owned(), name.to_owned()),
                    None => (String::new(), path.to_owned()),
                };
                left.extend(paths().map(split));
            }
            _ => {}
        }
    }
}

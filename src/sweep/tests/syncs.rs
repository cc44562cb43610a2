//! No name that matters is left to chance: whatever the journal of a file system would do by itself,
//! each directory in which a name changed is synced before success is told, and each that a switch or
//! a commit changed before a record tells of it.

use crate::disk::memory::{Effect, Memory, Step, Storage, Turns};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Lets everybody go on, and keeps the names that were changed and not synced.
#[derive(Default)]
struct Unsynced(Mutex<State>);

#[derive(Default)]
struct State {
    /// Each with its directory.
    left: BTreeSet<(String, String)>,
    /// Those of them that were switched or committed.
    moved: BTreeSet<(String, String)>,
    /// Those that a record told of before they were synced.
    told: BTreeSet<(String, String)>,
}

/// Runs a command; returns each directory and the name in it that was not synced after its change.
pub(super) fn unsynced(disk: &Memory, command: impl FnOnce()) -> Vec<(String, String)> {
    let watch = Arc::new(Unsynced::default());
    let turns: Arc<dyn Turns> = Arc::clone(&watch) as _;
    disk.take_turns(Some(turns));
    command();
    disk.take_turns(None);
    let state = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
    state.left.union(&state.told).cloned().collect()
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
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { left, moved, told } = &mut *state;
        let paths = || [Some(step.path), step.to].into_iter().flatten();
        match step.effect {
            Effect::Sync if step.verb == "syncfs" => (left.clear(), moved.clear()).0,
            Effect::Sync => {
                left.retain(|(directory, _)| directory != step.path);
                moved.retain(|(directory, _)| directory != step.path);
            }
            Effect::Change if paths().any(matters) => {
                if step.to.is_some_and(|to| to.starts_with(".seedship/records/")) {
                    told.append(moved);
                }
                left.extend(paths().map(split));
                let on_its_way_out = paths().any(|path| path.contains("/.trash-"));
                let elsewhere = paths().all(|path| !path.starts_with(".seedship/"));
                if step.to.is_some() && elsewhere && !on_its_way_out {
                    moved.extend(paths().map(split));
                }
            }
            _ => {}
        }
    }
}

fn split(path: &str) -> (String, String) {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    (directory.to_owned(), name.to_owned())
}

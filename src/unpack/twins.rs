//! Names that are equal by case or by Unicode normal form.
//!
//! On a file system that folds names they would be one file, and whoever reads a listing cannot
//! tell them apart. Of every name that was made a keyed 64-bit hash of its folded form is kept,
//! and nothing else: 8 bytes a name, so that a release of a million files stays small. By chance
//! two of a million names share a hash once in 37 million releases.

use pack::name::folded;
use std::hash::{BuildHasher, RandomState};

/// Hashes are kept sorted in this many shelves, by their highest bits, so that putting one in
/// moves few others.
const SHELVES: usize = 1024;

/// The folded names made so far.
#[derive(Debug)]
pub(super) struct Twins {
    /// The key: nobody can make names that collide on purpose.
    key: RandomState,
    shelves: Vec<Vec<u64>>,
}

impl Twins {
    pub(super) fn new() -> Self {
        Self { key: RandomState::new(), shelves: vec![Vec::new(); SHELVES] }
    }

    /// Adds the path of something that was newly made; `false` if it has a twin.
    pub(super) fn add(&mut self, path: &str) -> bool {
        let hash = self.key.hash_one(folded(path));
        let shelf = &mut self.shelves[(hash >> 54) as usize];
        let Err(place) = shelf.binary_search(&hash) else { return false };
        if shelf.len() == shelf.capacity() {
            // A quarter more, not double: memory is the point.
            shelf.reserve_exact(16 + shelf.len() / 4);
        }
        shelf.insert(place, hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_found() {
        for (a, b) in [
            ("README", "readme"),
            ("ä", "a\u{308}"),
            ("Ä", "a\u{308}"),
            ("straße", "STRASSE"),
            ("d/É", "D/é"),
            ("x", "x"),
        ] {
            let mut twins = Twins::new();
            assert!(twins.add(a));
            assert!(!twins.add(b), "{a} {b}");
        }
    }

    #[test]
    fn others_are_not() {
        let mut twins = Twins::new();
        for n in 0..200_000 {
            assert!(twins.add(&format!("dir{}/file{n}", n % 100)));
        }
        assert!(!twins.add("DIR99/file199999"));
        let held: usize = twins.shelves.iter().map(|s| s.capacity() * 8).sum();
        assert!(held < 200_000 * 12, "{held}");
    }
}

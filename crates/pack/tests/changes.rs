//! A changed tree has the frames of the one before, but for those around the change.

use crate::{Items, file, noise, options, packed, write};
use pack::Frame;
use std::collections::HashSet;

/// A tree as it was published.
struct Before {
    items: Items,
    frames: HashSet<[u8; 32]>,
}

impl Before {
    fn new(items: Items) -> Self {
        let frames = frames(&items).iter().map(|frame| frame.hash).collect();
        Self { items, frames }
    }

    /// Which frames of the tree are new after a change of it; and how many it has.
    fn new_frames(&self, change: impl FnOnce(&mut Items)) -> (Vec<usize>, usize) {
        let mut after = self.items.clone();
        change(&mut after);
        let after = frames(&after);
        let fresh = |(n, frame): (usize, &Frame)| (!self.frames.contains(&frame.hash)).then_some(n);
        (after.iter().enumerate().filter_map(fresh).collect(), after.len())
    }
}

fn frames(items: &Items) -> Vec<Frame> {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), items);
    packed(root.path(), options(1, 2)).unwrap().1.frames
}

/// A site of some 40 MiB.
fn large() -> Items {
    let page = |n: u64| (format!("d{:02}/{n:04}", n / 40), file(noise(20_000 + n as usize, n + 1)));
    let mut items: Items = (0..1600).map(page).collect();
    items.insert("d20/film".into(), file(noise(8 << 20, 99)));
    items
}

/// The changed frames lie side by side.
fn in_a_row(frames: &[usize]) -> bool {
    frames.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

#[test]
fn a_changed_file_changes_the_frames_around_it_alone() {
    let before = Before::new(large());
    let (fresh, all) = before.new_frames(|_| {});
    assert!(fresh.is_empty() && all > 60, "{all}");
    for (path, what) in [
        ("d10/0420", Some(file("shorter"))),
        ("d10/0420", Some(file(noise(20_420, 7)))),
        ("d10/0420-new", Some(file("one more"))),
        ("d00/0000", Some(file(noise(500_000, 8)))),
        ("d10/0420", None),
    ] {
        let (fresh, all) = before.new_frames(|items| {
            match what.clone() {
                Some(what) => items.insert(path.into(), what),
                None => items.remove(path),
            };
        });
        let few = (1..=6).contains(&fresh.len());
        assert!(few && in_a_row(&fresh), "{path} {what:.20?}: {fresh:?} of {all}");
    }
}

#[test]
fn a_large_files_other_bytes_keep_their_frames() {
    let before = Before::new(large());
    // Its header has another time and size; behind its middle bytes moved by no whole block.
    let (fresh, all) = before.new_frames(|items| {
        let mut film = noise(8 << 20, 99);
        film.splice(4_000_000..4_000_000, *b"a few bytes more in the middle");
        items.insert("d20/film".into(), file(film));
    });
    assert!((2..=12).contains(&fresh.len()), "{fresh:?} of {all}");
}

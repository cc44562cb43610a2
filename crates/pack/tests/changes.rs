//! A changed tree has the frames of the one before, but for those around the change.

use crate::{Items, file, noise, options, packed, write};
use std::collections::HashSet;

/// Which frames of the second are not in the first; and how many there are.
fn new_frames(first: &Items, second: &Items) -> (Vec<usize>, usize) {
    let frames = |items: &Items| {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), items);
        packed(root.path(), options(1, 2)).unwrap().1.frames
    };
    let known: HashSet<[u8; 32]> = frames(first).iter().map(|frame| frame.hash).collect();
    let second = frames(second);
    let fresh = |(n, frame): (usize, &pack::Frame)| (!known.contains(&frame.hash)).then_some(n);
    (second.iter().enumerate().filter_map(fresh).collect(), second.len())
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
    let before = large();
    let (fresh, all) = new_frames(&before, &before);
    assert!(fresh.is_empty() && all > 20, "{all}");
    for (path, what) in [
        ("d10/0420", file("shorter")),
        ("d10/0420", file(noise(20_420, 7))),
        ("d10/0420-new", file("one more")),
        ("d00/0000", file(noise(500_000, 8))),
    ] {
        let mut after = before.clone();
        after.insert(path.into(), what);
        let (fresh, all) = new_frames(&before, &after);
        assert!((1..=4).contains(&fresh.len()) && in_a_row(&fresh), "{path}: {fresh:?} of {all}");
    }
    let mut after = before.clone();
    after.remove("d10/0420");
    let (fresh, all) = new_frames(&before, &after);
    assert!((1..=4).contains(&fresh.len()) && in_a_row(&fresh), "removed: {fresh:?} of {all}");
}

#[test]
fn a_large_files_other_bytes_keep_their_frames() {
    let before = large();
    let mut film = noise(8 << 20, 99);
    film.splice(4_000_000..4_000_000, *b"a few bytes more in the middle");
    let mut after = before.clone();
    after.insert("d20/film".into(), file(film));
    // Its header has another time and size; in its middle bytes moved by no whole block.
    let (fresh, all) = new_frames(&before, &after);
    assert!((2..=8).contains(&fresh.len()), "{fresh:?} of {all}");
}

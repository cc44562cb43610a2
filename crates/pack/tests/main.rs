//! The archive as others see it: always the same, read by every program, refused with a reason.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows only the functions marked #[test]"
)]

mod changes;
mod child;
mod others;
mod random;
mod refused;
mod same;

use pack::{Excludes, Options, PackError, Packed, Tree, pack};
use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

/// Packs a directory into memory.
fn packed(root: &Path, options: Options) -> Result<(Vec<u8>, Packed), PackError> {
    let tree = Tree::scan(root, &Excludes::default())?;
    let mut archive = Vec::new();
    let packed = pack(&tree, options, &mut archive, &mut |_| {})?;
    Ok((archive, packed))
}

/// The same at a level that tests can wait for.
fn archive(root: &Path) -> Vec<u8> {
    packed(root, options(1, 2)).unwrap().0
}

fn options(level: i32, threads: usize) -> Options {
    Options { level, threads: NonZeroUsize::new(threads).unwrap() }
}

/// Bytes without pattern, the same every time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut key = blake3::Hasher::new();
    key.update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// What an entry of a tree is, with all that a release has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Folder,
    File { content: Vec<u8>, executable: bool },
    Link(String),
}

/// A tree by relative paths.
type Items = BTreeMap<String, Item>;

fn file(content: impl Into<Vec<u8>>) -> Item {
    Item::File { content: content.into(), executable: false }
}

fn program(content: impl Into<Vec<u8>>) -> Item {
    Item::File { content: content.into(), executable: true }
}

fn items<const N: usize>(items: [(&str, Item); N]) -> Items {
    items.map(|(path, item)| (path.to_owned(), item)).into()
}

/// A tree with something of everything, and frames enough that their order matters.
fn site() -> Items {
    let mut site = items([
        ("index.html", file("<h1>hello</h1>")),
        ("empty", file("")),
        ("bin/task", program("#!/bin/sh\n")),
        ("bin/latest", Item::Link("../index.html".into())),
        ("cache", Item::Folder),
        ("a-b", file("between `a` and `a/x` by the bytes of its path")),
        ("a/x", file("x")),
        ("žluťoučký kůň/$(x) 'y\" `z`", file("a name that needs quotes")),
        ("media/film", file(noise(5_000_000, 1))),
        ("media/edge", file(noise(1 << 20, 2))),
        ("media/over", file(noise((1 << 20) + 1, 3))),
        ("media/zeros", file(vec![0; 9 << 20])),
    ]);
    let long = format!("{0}/{0}/{0}", "long".repeat(40));
    site.insert(format!("{long}/file"), file("in no header of ustar"));
    site.insert(format!("{long}/link"), Item::Link(format!("../{}", "long".repeat(40))));
    for number in 0..300 {
        let text = format!("<p>{number}</p>\n").repeat(number);
        site.insert(format!("pages/{}/{number}.html", number / 20), file(text));
    }
    site
}

/// Writes a tree, each entry after the one before.
fn write<'a>(root: &Path, entries: impl IntoIterator<Item = (&'a String, &'a Item)>) {
    for (path, item) in entries {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match item {
            Item::Folder => fs::create_dir_all(&path).unwrap(),
            Item::Link(target) => symlink(target, &path).unwrap(),
            Item::File { content, executable } => {
                fs::write(&path, content).unwrap();
                let mode = if *executable { 0o755 } else { 0o644 };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
}

/// Reads a tree; directories that hold something are told by what they hold.
fn read(root: &Path) -> Items {
    let mut found = Items::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let entries: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
        let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if entries.is_empty() && folder != root {
            found.insert(name(&folder), Item::Folder);
        }
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                open.push(path);
                continue;
            }
            let item = match kind.is_symlink() {
                true => Item::Link(fs::read_link(&path).unwrap().to_str().unwrap().to_owned()),
                false => Item::File {
                    content: fs::read(&path).unwrap(),
                    executable: entry.metadata().unwrap().mode() & 0o100 != 0,
                },
            };
            found.insert(name(&path), item);
        }
    }
    found
}

//! What a publisher packs lands, and is the same release as GNU tar makes of it.

use crate::host::{Host, SHOP};
use lab::{Lab, Torrent, Tree, site};
use metainfo::{create::Draft, frames};
use pack::{Excludes, Options, Packed, pack};
use proptest::{collection, prelude::*, test_runner::TestRunner};
use std::{
    cell::Cell,
    fs::{self, File},
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    process::Command,
};

/// The archive of a tree as this version of the shop, and a hybrid torrent of it that tells its frames.
fn published(lab: &Lab, tree: &Tree, version: &str) -> (Torrent, PathBuf, Packed) {
    let root = lab.folder(&lab.fresh("build")).unwrap();
    tree.write_to(&root).unwrap();
    let name = format!("shop-{version}.tar.zst");
    let payload = lab.path().join(&name);
    let listed = pack::Tree::scan(&root, &Excludes::default()).unwrap();
    let options = Options { level: 3, threads: NonZeroUsize::new(2).unwrap() };
    let packed = pack(&listed, options, File::create(&payload).unwrap(), &mut |_| {}).unwrap();

    let piece = NonZeroU64::new(64 << 10).unwrap();
    let mut hasher = lanes::Hasher::new(piece, true, options.threads);
    hasher.update(&fs::read(&payload).unwrap());
    let hashes = hasher.finish();
    let rows = packed.frames.iter().map(|frame| (frame.length, frame.hash));
    let draft = Draft::single(name, packed.length).piece_length(piece.get());
    let draft = draft.extra(frames::KEY, frames::item(rows));
    let torrent = draft.hybrid_of(&hashes.pieces, &hashes.leaves).unwrap();
    (Torrent::from_bytes(torrent).unwrap(), payload, packed)
}

/// Every entry below a directory, with all that a release has of it.
fn listing(root: &Path) -> Vec<String> {
    let mut find = Command::new("sh");
    let script = "cd \"$0\" && find . -mindepth 1 -printf '%P\\t%y %m %T@ %l\\n' | sort && \
        find . -type f -print0 | sort -z | xargs -0r sha256sum";
    find.args(["-ec", script]).arg(root).env("LC_ALL", "C");
    let printed = String::from_utf8(site::run(&mut find).unwrap()).unwrap();
    printed.lines().map(str::to_owned).collect()
}

/// Lands it and holds the release against what GNU tar unpacks.
fn lands(host: &Host<'_>, tree: &Tree, version: &str) {
    let (torrent, payload, _) = published(host.lab, tree, version);
    let run = host.finished(&torrent, &payload);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    assert_eq!(host.current("shop"), Some(format!("releases/{version}")));
    let out = host.lab.folder(&host.lab.fresh("untarred")).unwrap();
    site::run(Command::new("tar").args(["--zstd", "-xpf"]).arg(&payload).arg("-C").arg(&out))
        .unwrap();
    let release = host.root("shop").join("releases").join(version);
    assert_eq!(listing(&release), listing(&out));
    fs::remove_dir_all(out).unwrap();
    fs::remove_file(payload).unwrap();
}

#[test]
fn a_packed_site_lands_as_gnu_tar_unpacks_it() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    lands(&host, &site::small("1.0"), "1.0");
    let long = "long".repeat(40);
    let hard = site::small("1.1")
        .file(&format!("{long}/{long}/{long}/file"), "in no header of ustar")
        .link(&format!("{long}/link"), &format!("../{long}/{long}"))
        .file("žluťoučký kůň/$(x) 'y\" `z`", "a name that needs quotes")
        .file("large", "text that is cut into frames\n".repeat(400_000))
        .folder("empty/deep/down");
    lands(&host, &hard, "1.1");
    assert!(host.served("shop", "large").unwrap().ends_with("frames\n"));
}

#[test]
fn the_torrent_tells_where_its_frames_are() {
    let lab = Lab::new().unwrap();
    let tree = site::small("1.0").file("large", "text that is cut\n".repeat(400_000));
    let (torrent, payload, packed) = published(&lab, &tree, "1.0");
    let torrent = metainfo::Metainfo::parse(&torrent.bytes).unwrap();
    let bytes = fs::read(payload).unwrap();
    let told = torrent.frames().unwrap();
    assert_eq!(told.len(), packed.frames.len());
    assert!(told.len() > 2);
    for frame in told {
        let from = frame.offset as usize;
        let stands = &bytes[from..from + frame.length as usize];
        assert_eq!(blake3::hash(stands).as_bytes(), &frame.hash);
        assert!(stands.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]), "a zstd frame begins there");
    }
}

/// A file, a program, a link or an empty directory, somewhere.
fn entry() -> impl Strategy<Value = (String, u8, Vec<u8>)> {
    let name = prop_oneof!["[a-d]{1,2}", "[e-g é$'.-]{1,9}x", "[h-j]".prop_map(|c| c.repeat(120))];
    let path = collection::vec(name, 1..5).prop_map(|parts| parts.join("/"));
    (path, 0_u8..9, collection::vec(any::<u8>(), 0..3000))
}

#[test]
fn any_packed_tree_lands_as_gnu_tar_unpacks_it() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let config = ProptestConfig { cases: 8, failure_persistence: None, ..Default::default() };
    let number = Cell::new(0);
    let outcome = TestRunner::new(config).run(&collection::vec(entry(), 1..30), |entries| {
        let mut tree = Tree::new();
        let mut taken: Vec<String> = Vec::new();
        for (path, kind, content) in entries {
            let is_at = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}/"));
            if taken.iter().any(|one| is_at(one, &path) || is_at(&path, one)) {
                continue;
            }
            tree = match kind {
                0 => tree.folder(&path),
                1 => tree.link(&path, "nowhere/yet"),
                2 => tree.program(&path, content),
                _ => tree.file(&path, content),
            };
            taken.push(path);
        }
        number.set(number.get() + 1);
        lands(&host, &tree, &format!("2.{}", number.get()));
        Ok(())
    });
    outcome.unwrap();
}

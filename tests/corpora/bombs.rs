//! Archives that are small and ask for much: bytes, entries, depth, memory.

use super::{
    Case, Head, Tar, refused, same, try_all,
    zipped::{Item, zip},
};
use lab::withstood;

/// A header of this kind that says 400 MiB, and 20 MiB of them.
fn swollen(flag: u8) -> Vec<u8> {
    let head = Head { size: 400 << 20, ..Head::new(flag, "x") };
    let mut tar = head.block().to_vec();
    tar.resize(20 << 20, b'a');
    tar
}

fn tars() -> Vec<Case> {
    let zeros = Tar::new().data(b'0', "zeros", &vec![0; 100 << 20]).end();
    let deep = "d/".repeat(3000) + "f";
    let names = (0..100_000).fold(Tar::new(), |tar, _| tar.dir("d"));
    let mut cases = vec![
        refused("a path 3,000 deep", "limits.depth", {
            Tar::new().pax(b'x', &[("path", &deep)]).file("f", "x").end()
        }),
        refused("a hundred links of a file of a gibibyte", "limits.ratio", {
            let first = Tar::new().data(b'0', "f", &vec![0; 1 << 20]);
            (0..100).fold(first, |tar, n| tar.same(&format!("l{n}"), "f")).end()
        })
        .through(".tar.gz"),
        refused("headers without end", "limits.ratio", names.0.repeat(2)).through(".tar.zst"),
        same(
            "a small archive in an archive",
            Tar::new().data(b'0', "a.tar.gz", &[0x1f; 100]).end(),
        ),
    ];
    for suffix in [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"] {
        cases.push(refused("100 MiB of zeros", "limits.ratio", &zeros).through(suffix));
        for flag in *b"xgLK" {
            let why = "its extended header holds 419430400 bytes";
            cases
                .push(refused("an extended header of 400 MiB", why, swollen(flag)).through(suffix));
        }
    }
    cases
}

fn zips() -> Vec<Case> {
    let kernel = Item::deflated("a", &vec![0; 8 << 20]);
    let again = |n: usize| Item {
        at: Some(0),
        local: Some(Vec::new()),
        data: Vec::new(),
        ..Item { name: format!("{n}").into(), ..kernel.clone() }
    };
    let overlapping: Vec<_> = std::iter::once(kernel.clone()).chain((0..250).map(again)).collect();
    let inner = zip(&[Item::deflated("0.dll", &vec![0; 1 << 20])]);
    let nested: Vec<_> = (0..16).map(|n| Item::stored(&format!("lib {n}.zip"), &inner)).collect();
    // Counted in 16 bits here: as many as there can be without zip64.
    let many = |first: &str| -> Vec<_> {
        let others = (0..60_000).map(|n| Item::stored(&format!("directory/{n}"), b""));
        std::iter::once(Item::stored(first, b"")).chain(others).collect()
    };
    let large = vec![Item::deflated("zeros", &vec![0; 100 << 20])];
    vec![
        refused("entries that overlap", "header inconsistency", zip(&overlapping)),
        refused("100 MiB of zeros", "limits.ratio", zip(&large)),
        refused("60,000 entries, the first goes up", "goes up", zip(&many("../evil"))),
        same("zips in a zip", zip(&nested)),
    ]
    .into_iter()
    .map(|case| case.ending(".zip"))
    .collect()
}

#[test]
fn bombs_are_small_when_they_are_refused() {
    let tried = try_all(tars().into_iter().chain(zips()).collect());
    let happened = tried.happened();
    let what = "bombs of zeros, headers, links, depth, overlapping and nested entries";
    withstood!("Corpora", what, tried.all, happened, tried.served);
}

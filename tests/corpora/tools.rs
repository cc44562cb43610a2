//! What the known attack tools write: evilarc, slipit, and the samples of traversal-archives.

use super::{
    Case, End, Tar, case, refused, same, then, try_all,
    zipped::{Item, zip},
};
use lab::withstood;

/// A zip's entry as a program on Unix writes it.
fn item(name: &str) -> Item {
    Item::stored(name, b"moo\n")
}

fn link(name: &str, target: &str) -> Item {
    Item { mode: 0o120_777, ..Item::stored(name, target.as_bytes()) }
}

/// One file of this name, as every kind of archive that the tool writes. In a tar a backslash is a
/// character like any other.
fn every_kind(name: &'static str, path: &str) -> Vec<Case> {
    let (in_tar, in_zip) = match path {
        path if path.starts_with('/') => (End::Refused("absolute"), "absolute"),
        path if path.starts_with(['C', '\\']) => (End::Refused("one of Windows"), "backslash"),
        path if path.starts_with("../") => (End::Refused("goes up"), "goes up"),
        _ => (End::Same, "backslash"),
    };
    let tar = Tar::new().file(path, "moo\n").end();
    let again = || match in_tar {
        End::Same => End::Same,
        End::Refused(why) => End::Refused(why),
    };
    vec![
        case(name, again(), &tar),
        case(name, again(), &tar).through(".tar.gz"),
        case(name, again(), &tar).through(".tar.bz2"),
        refused(name, in_zip, zip(&[item(path)])).ending(".zip"),
    ]
}

#[test]
fn what_evilarc_writes() {
    let mut cases = Vec::new();
    for depth in [1, 8, 30] {
        for path in ["", "etc/cron.d/"] {
            cases.extend(every_kind("unix", &format!("{}{path}evil.txt", "../".repeat(depth))));
        }
        for path in ["", "WINDOWS\\System32\\"] {
            cases.extend(every_kind("win", &format!("{}{path}evil.txt", "..\\".repeat(depth))));
        }
    }
    let tried = try_all(cases);
    let happened = tried.happened();
    withstood!("Corpora", "what evilarc writes", tried.all, happened, tried.served);
}

#[test]
fn what_slipit_writes() {
    let mut paths =
        vec!["C:\\Windows\\test.txt".to_owned(), "\\\\10.10.10.1\\share\\test.txt".into()];
    paths.push("/root/test.txt".into());
    for depth in 1..=6 {
        paths.push("../".repeat(depth) + "test.txt");
        paths.push("..\\".repeat(depth) + "test.txt");
    }
    let mut cases: Vec<_> = paths.iter().flat_map(|path| every_kind("multi", path)).collect();
    // All of them behind an honest tree, and its links.
    let honest = || Tar::new().dir("example/").file("example/beach.png", "x");
    let all = paths.iter().fold(honest(), |tar, path| tar.file(path, "content"));
    cases.push(refused("multi in one", "one of Windows", all.end()));
    let items: Vec<_> = paths.iter().map(|path| item(path)).collect();
    cases.push(refused("multi in one", "backslash", zip(&items)).ending(".zip"));
    for target in ["/etc/passwd", "../../../../../../etc/passwd"] {
        let slipped = then(honest(), Tar::new().link("test.txt", target));
        cases.push(refused("symlink", "it is a link to", slipped.end()));
        let up = then(honest(), Tar::new().link("../../test.txt", target));
        cases.push(refused("symlink above", "goes up", up.end()));
    }
    let tried = try_all(cases);
    let happened = tried.happened();
    withstood!("Corpora", "what slipit writes", tried.all, happened, tried.served);
}

#[test]
fn the_samples_of_traversal_archives() {
    let tar = Tar::new;
    let tars = [
        refused("absolute1", "absolute", tar().file("/tmp/moo", "moo\n").end()),
        refused("absolute2", "absolute", tar().file("//tmp/moo", "moo\n").end()),
        refused("relative0", "goes up", tar().file("../moo", "moo\n").end()),
        refused("relative2", "goes up", tar().file("tmp/../../moo", "moo\n").end()),
        refused(
            "symlink",
            "an absolute path",
            tar().link("moo", "/tmp/moo").file("moo", "moo\n").end(),
        ),
        refused(
            "dirsymlink",
            "an absolute path",
            tar().link("tmp", "/tmp").file("tmp/moo", "moo\n").end(),
        ),
        refused("dirsymlink2a", "behind a name", {
            tar().link("cur", ".").link("par", "cur/..").file("par/moo", "moo\n").end()
        }),
        refused("dirsymlink2b", "stands in its place", {
            tar().link("cur", ".").link("cur/par", "..").file("par/moo", "moo\n").end()
        }),
        same("harmless", tar().file("moo", "moo\n").end()),
    ];
    let zips = [
        refused("absolute1", "absolute", zip(&[item("/tmp/moo")])),
        refused("absolute2", "absolute", zip(&[item("//tmp/moo")])),
        refused("relative0", "goes up", zip(&[item("../moo")])),
        refused("relative2", "goes up", zip(&[item("tmp/../../moo")])),
        refused("symlink", "twice", zip(&[link("moo", "/tmp/moo"), item("moo")])),
        refused("dirsymlink", "an absolute path", zip(&[link("tmp", "/tmp"), item("tmp/moo")])),
        refused(
            "dirsymlink2a",
            "behind a name",
            zip(&[link("cur", "."), link("par", "cur/.."), item("par/moo")]),
        ),
        refused(
            "dirsymlink2b",
            "stands in its place",
            zip(&[link("cur", "."), link("cur/par", ".."), item("par/moo")]),
        ),
        same("harmless", zip(&[item("moo")])),
    ];
    let tried = try_all(tars.into_iter().chain(zips.map(|case| case.ending(".zip"))).collect());
    let happened = tried.happened();
    withstood!("Corpora", "the samples of traversal-archives", tried.all, happened, tried.served);
}

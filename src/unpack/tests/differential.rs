//! Random small trees, packed by real programs with random options: what is accepted gives the
//! tree that GNU tar, bsdtar and Python's `tarfile` give, and honest archives are accepted.
//!
//! `SEEDSHIP_DIFFERENTIAL=300` tries as many trees instead of a few.

use super::{honest::run, *};
use std::os::unix::fs::symlink;

/// A generator of small numbers that is the same everywhere (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.roll(choices.len())]
    }
}

/// Grows a tree of up to 20 entries; `long` allows names that need extended headers.
fn grow(root: &Path, dice: &mut Dice, long: bool) {
    let mut directories = vec![PathBuf::new()];
    let mut files: Vec<PathBuf> = Vec::new();
    for n in 0..=dice.roll(20) {
        let parent = directories[dice.roll(directories.len())].clone();
        let lengths = if long { [0, 0, 99, 240] } else { [0; 4] };
        let long = "l".repeat(lengths[dice.roll(4)]);
        let odd = dice.of(&["", "ü", "日本", " x", "'", "-", "a=b"]);
        let path = parent.join(format!("{n}{odd}{long}"));
        let at = root.join(&path);
        match dice.roll(10) {
            0..=2 if path.components().count() < 6 => {
                fs::create_dir(&at).unwrap();
                directories.push(path);
            }
            3 if !files.is_empty() => {
                fs::hard_link(root.join(&files[dice.roll(files.len())]), &at).unwrap();
            }
            4 => {
                let up = "../".repeat(dice.roll(parent.components().count() + 1));
                symlink(format!("{up}target{long}"), &at).unwrap();
            }
            _ => {
                let size = *dice.of(&[&0, &1, &511, &512, &513, &10_240, &70_001]);
                fs::write(&at, "content of it ".repeat(size / 14 + 1).split_at(size).0).unwrap();
                let mode = *dice.of(&[&0o644, &0o755]);
                fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
                files.push(path);
            }
        }
    }
    let seconds = dice.roll(2_000_000_000) + 1;
    let stamp = format!(
        "find . -depth -exec touch -h -d @{seconds}.25 {{}} +; find . -type d -exec chmod 755 {{}} +"
    );
    run(root, &["sh", "-c", &stamp]);
}

/// What a program gives, with times in whole seconds, and those of files alone: not every program
/// sets a link's, and GNU tar loses a directory's that has more entries behind others'.
fn seen(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut all = listing(root, None);
    for seen in all.values_mut() {
        let file = seen.0 & 0o170_000 == 0o100_000;
        (seen.2, seen.3) = (if file { seen.2 } else { 0 }, 0);
    }
    all
}

#[test]
fn random_trees_come_out_of_every_program_alike() {
    let rounds = std::env::var("SEEDSHIP_DIFFERENTIAL").ok().and_then(|n| n.parse().ok());
    for seed in 0..rounds.unwrap_or(8) {
        let mut dice = Dice(seed);
        let bench = Bench::new();
        let [tree, made, theirs] = ["tree", "made", "theirs"].map(|name| bench.at(name));
        [&tree, &made, &theirs].iter().for_each(|d| fs::create_dir(d).unwrap());
        // The oldest formats have no way to tell a long name.
        let (pack, long) = *dice.of(&[
            &("tar --format=v7", false),
            &("tar --format=ustar", false),
            &("tar --format=gnu", true),
            &("tar --format=oldgnu", true),
            &("tar --format=posix", true),
            &("tar --format=posix --pax-option=delete=atime,delete=ctime", true),
            &("tar --format=posix --xattrs --acls", true),
            &("bsdtar --format ustar", false),
            &("bsdtar --format pax", true),
            &("bsdtar --format gnutar", true),
        ]);
        grow(&tree, &mut dice, long);
        let more = dice.of(&["", "--owner=0", "--numeric-owner", "-b 1", "-b 63"]);
        let more = if pack.starts_with("bsd") && more.starts_with("--owner") { "" } else { more };
        let (name, filter) = *dice.of(&[
            &("a.tar", "cat"),
            &("a.tar.gz", "gzip -9"),
            &("a.tar.zst", "zstd -q"),
            &("a.tar.xz", "xz -0"),
            &("a.tar.bz2", "bzip2"),
        ]);
        let archive = made.join(name);
        let plain = made.join("plain.tar");
        let script = format!("{pack} {more} -cf {plain:?} . && {filter} < {plain:?} > {archive:?}");
        run(&tree, &["sh", "-c", &script]);
        bench.accepted(name, &fs::read(&archive).unwrap());
        let ours = seen(&bench.stage());
        assert_eq!(ours, seen(&tree), "tree {seed}, {script}");
        // Debian 12's python has no filters yet; what is honest comes out the same without.
        let python = "import tarfile,sys; has = hasattr(tarfile, 'data_filter'); \
                      tarfile.open(sys.argv[1]).extractall('.', **({'filter': 'data'} if has else {}))";
        for unpack in [
            &["tar", "-xpf", archive.to_str().unwrap()][..],
            &["bsdtar", "-xpf", archive.to_str().unwrap()],
            &["python3", "-c", python, plain.to_str().unwrap()],
        ] {
            fs::remove_dir_all(&theirs).unwrap();
            fs::create_dir(&theirs).unwrap();
            run(&theirs, unpack);
            let theirs = seen(&theirs);
            let differ: Vec<_> = (ours.iter().filter(|(p, s)| theirs.get(*p) != Some(*s)))
                .map(|(path, s)| (path, s.0, s.2, theirs.get(path).map(|s| (s.0, s.2))))
                .collect();
            assert!(
                ours.len() == theirs.len() && differ.is_empty(),
                "tree {seed}, {script}, by {}: {differ:?}",
                unpack[0]
            );
        }
    }
}

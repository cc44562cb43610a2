//! Honest payloads of every kind give the tree that GNU tar gives, and what else is promised of
//! a release.

use super::{
    tars::{Head, Tar},
    *,
};
use crate::verify::tests::{file, torrent_of_files};
use lab::withstood;
use metainfo::Attr;
use std::{os::unix::fs::symlink, process::Command};

/// Runs a program that must succeed.
#[track_caller]
pub(super) fn run(dir: &Path, argv: &[&str]) {
    let out = Command::new(argv[0]).args(&argv[1..]).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A tree with everything that a release may hold.
pub(super) fn site(at: &Path) {
    let deep = at.join("a directory/ünï").join("d".repeat(90)).join("e".repeat(90));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(at.join("empty")).unwrap();
    for (path, content) in [
        ("index.php", "<?php".to_owned()),
        ("none", String::new()),
        ("back\\slash $(x) ;'\"", "x".to_owned()),
        ("a directory/ünï/large", "0123456789".repeat(300_000)),
    ] {
        fs::write(at.join(path), content).unwrap();
    }
    fs::write(deep.join("f".repeat(120)), "long").unwrap();
    fs::hard_link(at.join("index.php"), at.join("a directory/again")).unwrap();
    symlink("index.php", at.join("link")).unwrap();
    symlink("../none", at.join("a directory/up")).unwrap();
    symlink(format!("{}/x", "y".repeat(150)), at.join("long link")).unwrap();
    fs::set_permissions(at.join("none"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(at.join("index.php"), fs::Permissions::from_mode(0o644)).unwrap();
    // Times that differ, the directories' too, with and without a fraction.
    let stamp = "find . -depth -exec touch -h -d @1111111111.123456789 {} + && touch -d @999999999 none 'a directory'";
    run(at, &["sh", "-c", stamp]);
}

/// Both trees are the same; times to the second if the format has no more.
#[track_caller]
fn same(ours: &Path, theirs: &Path, fractions: bool) {
    let of = |root: &Path| {
        let mut seen = listing(root, None);
        if !fractions {
            seen.values_mut().for_each(|s| s.3 = 0);
        }
        seen
    };
    let (ours, theirs) = (of(ours), of(theirs));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (path, seen) in &ours {
        assert!(
            seen == &theirs[path],
            "{path:?}: {:?} {:?}",
            (seen.0, seen.2, seen.3),
            theirs[path]
        );
    }
}

#[test]
fn every_form_of_tar_gives_the_tree_of_gnu_tar() {
    let bench = Bench::new();
    let (site_dir, made, theirs) = (bench.at("site"), bench.at("made"), bench.at("theirs"));
    [&site_dir, &made, &theirs].iter().for_each(|d| fs::create_dir(d).unwrap());
    site(&site_dir);
    for (name, argv) in [
        ("gnu.tar", "tar --format=gnu -cf"),
        ("pax.tar", "tar --format=posix -cf"),
        ("small.tar", "tar --format=gnu -b 1 -cf"),
        ("bsd.tar", "bsdtar --format pax -cf"),
        ("bsd-gnu.tar", "bsdtar --format gnutar -cf"),
        ("a.tar.gz", "tar -czf"),
        ("a.tgz", "tar -czf"),
        ("a.tar.xz", "tar -cJf"),
        ("a.txz", "tar -cJf"),
        ("a.tar.bz2", "tar -cjf"),
        ("a.tbz2", "tar -cjf"),
        ("a.tbz", "tar -cjf"),
        ("a.tar.zst", "tar --zstd -cf"),
        ("a.tzst", "tar --zstd -cf"),
    ] {
        let archive = made.join(name);
        let mut argv: Vec<&str> = argv.split(' ').collect();
        argv.extend([archive.to_str().unwrap(), "."]);
        run(&site_dir, &argv);
        run(
            &theirs,
            &["sh", "-c", "find . -mindepth 1 -delete; tar -xpf \"$0\"", archive.to_str().unwrap()],
        );
        let release = bench.accepted(name, &fs::read(&archive).unwrap());
        same(&bench.stage(), &theirs, name.contains("pax"));
        let top = fs::metadata(bench.stage()).unwrap();
        assert_eq!((top.mode() & 0o7777, top.mtime()), (0o755, 1_111_111_111), "{name}");

        // What was listed is what is there.
        fs::write(bench.stage().join("m.b3"), &release.b3).unwrap();
        run(&bench.stage(), &["b3sum", "--check", "--quiet", "m.b3"]);
        fs::remove_file(bench.stage().join("m.b3")).unwrap();
        let entries = manifest::read_tree(release.tree.as_bytes()).unwrap();
        let mut listed: Vec<PathBuf> = entries.map(|e| e.unwrap().path.into()).collect();
        listed.sort();
        assert_eq!(listed, listing(&bench.stage(), None).into_keys().collect::<Vec<_>>());
        assert_eq!(release.contents.files, listed.len() as u64 + 1, "and the root itself");
        assert_eq!(release.contents.notes, Vec::<String>::new());
    }
}

#[test]
fn old_tar_and_ustar_prefixes_are_read() {
    let bench = Bench::new();
    let (site, made) = (bench.at("site"), bench.at("made.tar"));
    let deep = site.join("d".repeat(90)).join("e".repeat(60));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("f"), "x").unwrap();
    run(&site, &["tar", "--format=ustar", "-cf", made.to_str().unwrap(), "."]);
    bench.accepted("a.tar", &fs::read(&made).unwrap());
    let path = format!("{}/{}/f", "d".repeat(90), "e".repeat(60));
    assert_eq!(bench.read(&path), "x");

    run(&site, &["sh", "-c", "mkdir old; echo x > old/f; ln -s f old/l; ln old/f old/g"]);
    run(&site, &["tar", "--format=v7", "-cf", made.to_str().unwrap(), "old"]);
    bench.accepted("a.tar", &fs::read(&made).unwrap());
    assert_eq!(bench.read("old/l") + &bench.read("old/g"), "x\nx\n");

    let old = |flag, name: &str| Head { magic: [0; 8], ..Head::new(flag, name) };
    let tar = Tar::new().put(&old(0, "dir/"), &[]).put(&old(0, "dir/f"), &[]);
    bench.accepted("b.tar", &tar.end());
    assert_eq!(bench.read("dir/f"), "");
}

#[test]
fn a_directory_may_stand_behind_its_entries_and_again() {
    let bench = Bench::new();
    let time = |time, name| Head { time, ..Head::new(b'5', name) };
    let tar = Tar::new().file("d/f", "x").put(&time(5, "./d"), &[]).put(&time(7, "d/"), &[]);
    bench.accepted("a.tar", &tar.dir("./").end());
    assert_eq!(fs::metadata(bench.stage().join("d")).unwrap().mtime(), 7);
    assert_eq!(fs::metadata(bench.stage()).unwrap().mtime(), 1_000_000_000);
}

#[test]
fn what_has_no_time_gets_the_releases() {
    let bench = Bench::new();
    let none = Head { time: 0, ..Head::new(b'0', "d/none") };
    let link = Head { time: 0, link: b"none".to_vec(), ..Head::new(b'2', "d/link") };
    bench.accepted("a.tar", &Tar::new().put(&none, &[]).put(&link, &[]).file("d/one", "").end());
    let time = |path: &str| fs::symlink_metadata(bench.stage().join(path)).unwrap().mtime();
    assert_eq!(["d/none", "d/link", "d", ""].map(time), [TIME; 4]);
    assert_eq!(time("d/one"), 1_000_000_000);
}

#[test]
fn strip_takes_components_and_loses_no_entry() {
    let bench = Bench { strip: 1, ..Bench::new() };
    let tar = Tar::new().dir("./").dir("./top/").file("./top/a/f", "x").same("top/g", "top/a/f");
    bench.accepted("a.tar", &tar.clone().link("top/a/l", "../g").end());
    assert_eq!(
        (bench.read("a/f"), bench.read("g"), bench.read("a/l")),
        ("x".into(), "x".into(), "x".into())
    );
    let told = bench.refused("a.tar", &tar.clone().file("README", "x").end());
    assert_eq!(told, "could not unpack `README`: strip = 1 leaves nothing of its path");
    bench.refused("a.tar", &tar.clone().link("l", "x").end());
    let told = bench.refused("a.tar", &tar.same("top/h", "x").end());
    assert!(told.contains("what `strip` takes away"), "{told}");
}

#[test]
fn shared_paths_are_links_and_their_entries_are_counted() {
    let at = |path: &str, target: Option<&str>| Shared {
        path: path.into(),
        target: target.map(Into::into),
    };
    let mut bench = Bench::new();
    bench.shared =
        vec![at("sites/default/files", None), at("top", None), at("nfs", Some("/mnt/x"))];
    let tar = Tar::new()
        .dir("sites/default/files")
        .file("sites/default/files/cache", "abc")
        .file("sites/default/files2", "x")
        .file("top", "not unpacked");
    let release = bench.accepted("a.tar", &tar.end());
    let target = |path: &str| fs::read_link(bench.stage().join(path)).unwrap();
    assert_eq!(target("sites/default/files"), Path::new("../../../../shared/sites/default/files"));
    assert_eq!(target("top"), Path::new("../../shared/top"));
    assert_eq!(target("nfs"), Path::new("/mnt/x"));
    // The link leads to the place that is meant, from the stage as from the release.
    fs::create_dir_all(bench.at("app/shared/sites/default/files")).unwrap();
    assert!(bench.stage().join("sites/default/files").is_dir());
    assert_eq!(bench.read("sites/default/files2"), "x");
    assert_eq!(release.contents.notes, ["3 entries at or below shared paths are not unpacked"]);
    assert!(release.tree.contains("l\t0777\t0\tnfs\t/mnt/x\n"));

    for tar in [
        Tar::new().dir("d").link("sites", "d"),
        Tar::new().file("sites", "x"),
        Tar::new().dir("sites/d").link("sites/default", "d"),
    ] {
        let told = bench.refused("a.tar", &tar.end());
        assert!(
            told.contains("a link or a file of the same payload stands in its place"),
            "{told}"
        );
    }
    bench.refused("a.tar", &Tar::new().file("TOP", "x").end());
    // What is not unpacked cannot be linked to.
    let told = bench.refused("a.tar", &Tar::new().file("top", "x").same("a", "top").end());
    assert!(told.contains("a hard link to `top`, which is at or below a shared path"), "{told}");
    // Nor does it cost less.
    bench.limits.bytes = 3;
    let told = bench.refused("a.tar", &Tar::new().file("top", "1234").end());
    assert!(told.contains("limits.bytes = 3"), "{told}");
}

#[test]
fn must_exist_names_what_a_release_needs() {
    let mut bench = Bench::new();
    bench.must_exist = vec!["web/index.php".into(), "web".into(), "l".into()];
    let tar = || Tar::new().file("web/index.php", "x");
    bench.accepted("a.tar", &tar().link("l", "web/index.php").end());
    let told = bench.refused("a.tar", &tar().link("l", "web/nowhere").end());
    assert_eq!(told, "could not unpack `l`: must_exist names it and it is not there");
    bench.refused("a.tar", &Tar::new().file("l", "x").end());
}

#[test]
fn a_private_release_is_not_for_others() {
    let bench = Bench { mode: Mode::Private, ..Bench::new() };
    let tar = Tar::new().file("d/f", "x").put(&Head { mode: 0o755, ..Head::new(b'0', "x") }, &[]);
    let release = bench.accepted("a.tar", &tar.end());
    let mode = |path: &str| fs::metadata(bench.stage().join(path)).unwrap().mode() & 0o7777;
    assert_eq!(["", "d", "d/f", "x"].map(mode), [0o750, 0o750, 0o640, 0o750]);
    assert!(release.tree.contains("f\t0640\t1\td/f"));
}

#[test]
fn hard_links_share_a_file_within_the_release() {
    let bench = Bench::new();
    let release = bench
        .accepted("a.tar", &Tar::new().file("a", "xy").same("d/b", "./a").same("c", "d/b").end());
    let inode = |path: &str| fs::metadata(bench.stage().join(path)).unwrap().ino();
    assert_eq!((inode("a"), inode("a")), (inode("d/b"), inode("c")));
    assert_eq!(release.contents.bytes, 6);
    assert_eq!(release.b3.lines().count(), 3);
}

#[test]
fn a_directory_payload_lies_straight_in_the_release() {
    let bench = Bench::new();
    let payload = bench.at("payload/site");
    fs::create_dir_all(payload.join("bin")).unwrap();
    let executable = Attr { executable: true, ..Attr::default() };
    let padding = Attr { padding: true, ..Attr::default() };
    let link = |target: &[&str]| Attr {
        symlink: Some(target.iter().map(|t| t.as_bytes().to_vec()).collect()),
        ..Attr::default()
    };
    let large = vec![7; 3 << 20];
    let zeros = vec![0; 1000];
    let files = [
        (file("bin/run", 4, executable), &b"#!/x"[..]),
        (file("large", large.len(), Attr::default()), &large[..]),
        (file(".pad/1000", 1000, padding), &zeros[..]),
        (file("empty", 0, Attr::default()), &[][..]),
        (file("bin/l", 0, link(&["large"])), &[][..]),
    ];
    for (file, bytes) in files.iter().filter(|(f, _)| !f.attr.padding) {
        let path: PathBuf = file.path.iter().map(|p| std::str::from_utf8(p).unwrap()).collect();
        fs::write(payload.join(path), bytes).unwrap();
    }
    fs::write(payload.join("stray"), "rtorrent leaves these").unwrap();
    let torrent = torrent_of_files("site", &files, 64 << 10);
    let release = bench.unpack(&torrent, &payload).unwrap();
    let stage = bench.stage();
    assert_eq!(fs::read(stage.join("large")).unwrap(), large);
    assert_eq!(fs::read(stage.join("bin/l")).unwrap(), large);
    assert_eq!(fs::read_link(stage.join("bin/l")).unwrap(), Path::new("../large"));
    assert_eq!(fs::metadata(stage.join("bin/run")).unwrap().mode() & 0o777, 0o755);
    assert_eq!(fs::metadata(stage.join("empty")).unwrap().mode() & 0o777, 0o644);
    let seen = listing(&stage, None);
    assert_eq!(seen.len(), 5);
    assert!(seen.values().all(|s| s.2 == TIME));
    assert_eq!(release.contents.bytes, 4 + (3 << 20));

    // rtorrent wrote elsewhere in the meantime: damage, not a refusal.
    fs::write(payload.join("bin/run"), "#!/y").unwrap();
    let e = bench.unpack(&torrent, &payload).err().unwrap();
    assert_eq!(e.exit, Exit::Again);
}

#[test]
fn a_directory_payload_keeps_to_the_rules() {
    let bench = Bench::new();
    let refused = |paths: &[&str]| {
        let files: Vec<_> = paths.iter().map(|p| (file(p, 0, Attr::default()), &[][..])).collect();
        let torrent = torrent_of_files("site", &files, 64 << 10);
        bench.unpack(&torrent, &bench.at("payload")).err().unwrap().to_string()
    };
    assert!(refused(&["README", "readme"]).contains("differs from it only in case"));
    assert!(refused(&["a\nb"]).contains("control characters"));
    assert!(refused(&[&vec!["d"; 65].join("/")]).contains("limits.depth"));
}

#[test]
fn a_plain_file_is_the_whole_release() {
    let bench = Bench { strip: 3, ..Bench::new() };
    let release = bench.accepted("app-1.0.phar", b"<?php");
    assert_eq!(bench.read("app-1.0.phar"), "<?php");
    assert_eq!((release.contents.files, release.contents.bytes), (1, 5));
    // An archive of no kind we know is a file.
    bench.accepted("a.7z", b"7z\xbc\xaf");
    bench.accepted("empty", b"");
    let torrent = torrent_of("a\nb", b"x", 16384);
    fs::write(bench.at("payload/a\nb"), "x").unwrap();
    assert_eq!(bench.unpack(&torrent, &bench.at("payload")).err().unwrap().exit, Exit::Payload);
    let tried = "plain file: a name with control characters";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_tars_first_name_may_begin_like_another_format() {
    for name in ["BZh9 is how bzip2 begins", "BZh1"] {
        Bench::new().accepted("a.tar", &Tar::new().file(name, "x").end());
    }
}

#[test]
fn git_archives_are_taken() {
    let bench = Bench { strip: 1, ..Bench::new() };
    let repo = bench.at("repo");
    fs::create_dir(&repo).unwrap();
    fs::write(repo.join("f"), "x").unwrap();
    let git = "git init -q . && git add . && git -c user.name=x -c user.email=x@example.org commit -qm x && git archive --prefix=p/ -o ../a.tar.gz HEAD";
    run(&repo, &["sh", "-c", git]);
    bench.accepted("a.tar.gz", &fs::read(bench.at("a.tar.gz")).unwrap());
    assert_eq!(bench.read("f"), "x");
}

#[test]
fn a_build_that_packed_nothing_is_no_release() {
    for tar in [Tar::new().end(), Tar::new().dir("./").end()] {
        let told = Bench::new().refused("a.tar", &tar);
        assert!(told.contains("it holds nothing"), "{told}");
    }
}

/// What a directory hands down may take bits from executable files and none from plain ones.
#[test]
fn a_default_acl_takes_no_bits() {
    let bench = Bench::new();
    // u::rwx, g::r-x, o::r-- (acl(5)), as the kernel has them: version 2, then tag, bits and no id.
    let entries = [(1_u16, 7_u16), (4, 5), (0x20, 4)];
    let entries = entries.map(|(tag, bits)| {
        [&tag.to_le_bytes()[..], &bits.to_le_bytes(), &u32::MAX.to_le_bytes()].concat()
    });
    let list = [2_u32.to_le_bytes().to_vec(), entries.concat()].concat();
    let releases = bench.at("app/releases");
    let flags = rustix::fs::XattrFlags::empty();
    if let Err(e) = rustix::fs::setxattr(&releases, "system.posix_acl_default", &list, flags) {
        return lab::skip(format!("no default ACL can be set here: {e}"));
    }
    let run = Head { mode: 0o755, size: 1, ..Head::new(b'0', "run") };
    let tar = Tar::new().file("plain", "x").put(&run, b"x").file("again", "x").end();
    bench.accepted("a.tar", &tar);
    let mode = |path: &str| fs::metadata(bench.stage().join(path)).unwrap().mode() & 0o7777;
    assert_eq!(["plain", "run", "again"].map(mode), [0o644, 0o755, 0o644]);
}

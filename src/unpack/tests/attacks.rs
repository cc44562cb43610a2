//! What an archive may do, one test for each kind: the whole release is refused, nothing outside
//! has changed ([`Bench::unpack`] looks after every one of them).

use super::{
    tars::{Head, Tar, sum},
    *,
};

#[track_caller]
fn refused(tar: Vec<u8>, why: &str) {
    let told = Bench::new().refused("a.tar", &tar);
    assert!(told.contains(why), "{told}");
}

#[test]
fn a_path_that_goes_up() {
    for path in ["../evil", "a/../../evil", "..", "a/..", "./../evil"] {
        refused(Tar::new().file(path, "x").end(), "goes up by `..`");
        refused(Tar::new().dir(path).end(), "goes up by `..`");
    }
    refused(Tar::new().pax(b'x', &[("path", "../../evil")]).file("a", "x").end(), "goes up");
    refused(Tar::new().data(b'L', "L", b"../../evil\0").file("a", "x").end(), "goes up");
}

#[test]
fn a_path_that_is_absolute() {
    refused(Tar::new().file("/tmp/evil", "x").end(), "absolute");
    refused(Tar::new().pax(b'x', &[("path", "/tmp/evil")]).file("a", "x").end(), "absolute");
    refused(Tar::new().file("//evil", "x").end(), "absolute");
}

#[test]
fn writing_through_a_planted_link() {
    let why = "a link or a file of the same payload stands in its place";
    refused(Tar::new().dir("d").link("l", "d").file("l/x", "x").end(), why);
    refused(Tar::new().dir("d").link("l", "d").dir("l/e").end(), why);
    refused(Tar::new().dir("d").link("l", "d").link("l/e", "x").end(), why);
    refused(Tar::new().file("f", "").file("f/x", "x").end(), why);
    refused(Tar::new().link("l", ".").file("l/a/x", "x").end(), why);
}

#[test]
fn a_link_that_leaves_the_release() {
    refused(Tar::new().link("l", "/etc/passwd").end(), "an absolute path");
    refused(Tar::new().link("l", "../outside").end(), "leaves the release");
    refused(Tar::new().link("a/l", "../../outside").end(), "leaves the release");
    refused(Tar::new().link("a/l", "b/../../../outside").end(), "behind a name");
    refused(Tar::new().link("l", "").end(), "a link to nothing");
    // A chain of links each of which looks harmless.
    let chain = Tar::new().link("a/b/c/x", "../../..").link("y", "a/b/c/x/../..");
    refused(chain.end(), "behind a name");
    refused(Tar::new().pax(b'x', &[("linkpath", "../..")]).link("l", "x").end(), "leaves");
    refused(Tar::new().data(b'K', "K", b"../..\0").link("l", "x").end(), "leaves");
    // What is deep enough before stripping is not after it.
    let bench = Bench { strip: 1, ..Bench::new() };
    let told = bench.refused("a.tar", &Tar::new().link("top/l", "../x").end());
    assert!(told.contains("leaves the release"), "{told}");
}

#[test]
fn a_hard_link_to_anything_but_a_file_before_it() {
    let why = "no file of that name stands before it";
    refused(Tar::new().same("l", "../outside/sentinel").end(), "goes up");
    refused(Tar::new().same("l", "/etc/passwd").end(), "absolute");
    refused(Tar::new().same("l", "f").file("f", "x").end(), why);
    refused(Tar::new().same("l", "l").end(), why);
    refused(Tar::new().dir("d").same("l", "d").end(), why);
    refused(Tar::new().file("f", "x").link("s", "f").same("l", "s").end(), why);
    refused(Tar::new().file("d/f", "x").link("s", "d").same("l", "s/f").end(), why);
    refused(Tar::new().link("s", "x").same("l", "s").end(), why);
}

#[test]
fn a_name_that_stands_twice() {
    let why = "stands in the payload twice";
    refused(Tar::new().file("a", "1").file("a", "2").end(), why);
    refused(Tar::new().file("a", "1").file("./a", "2").end(), why);
    refused(Tar::new().link("a", "b").file("a", "2").end(), why);
    refused(Tar::new().file("a", "1").link("a", "b").end(), why);
    refused(Tar::new().file("a", "1").same("a", "a").end(), why);
    refused(Tar::new().dir("a").file("a", "1").end(), why);
    let why = "a link or a file";
    refused(Tar::new().file("a", "1").dir("a").end(), why);
    refused(Tar::new().link("a", "b").dir("a").end(), why);
}

#[test]
fn what_is_no_file_directory_or_link() {
    for (flag, why) in [
        (b'3', "is a device"),
        (b'4', "is a device"),
        (b'6', "is a fifo"),
        (b'S', "is sparse"),
        (b'7', "unknown type `7`"),
        (b'D', "unknown type `D`"),
        (b'V', "unknown type `V`"),
        (b'M', "continues"),
        (b'\n', "unknown type `\\x0A`"),
    ] {
        refused(Tar::new().put(&Head::new(flag, "a"), &[]).end(), why);
    }
}

#[test]
fn sparse_files_in_any_form() {
    for key in ["GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.name", "SCHILY.realsize"] {
        refused(Tar::new().pax(b'x', &[(key, "1")]).file("a", "x").end(), "sparse");
        refused(Tar::new().pax(b'g', &[(key, "1")]).file("a", "x").end(), "sparse");
    }
}

#[test]
fn two_sizes() {
    let of = |size: &str, head: u64| {
        let head = Head { size: head, ..Head::new(b'0', "a") };
        Tar::new().pax(b'x', &[("size", size)]).put(&head, &[0; 512]).end()
    };
    refused(of("0", 512), "two sizes");
    refused(of("511", 512), "two sizes");
    refused(of("512", 0), "two sizes");
    Bench::new().accepted("a.tar", &of("512", 512));
    // GNU's own form of a file that is too large for the header.
    let mut bench = Bench::new();
    bench.limits.ratio = u64::MAX;
    let told = bench.refused("a.tar", &of("8589934592", 0));
    assert!(told.contains("ends 85"), "{told}");
    // Data behind what has none is read by one program and skipped by another.
    for flag in [b'1', b'2', b'5'] {
        let head = Head { size: 512, link: b"f".to_vec(), ..Head::new(flag, "a") };
        refused(Tar::new().file("f", "").put(&head, &[0; 512]).end(), "has data");
    }
}

#[test]
fn a_record_inside_of_a_value() {
    let bench = Bench::new();
    let hidden = [("SCHILY.xattr.user.x", "\n16 path=../evil\n"), ("path", "a")];
    bench.accepted("a.tar", &Tar::new().pax(b'x', &hidden).file("b", "x").end());
    assert_eq!(bench.read("a"), "x");
}

#[test]
fn headers_that_speak_for_all_that_follow() {
    for key in ["path", "linkpath", "size", "mtime"] {
        refused(Tar::new().pax(b'g', &[(key, "1")]).file("a", "x").end(), "all entries behind it");
    }
    let bench = Bench::new();
    bench.accepted("a.tar", &Tar::new().pax(b'g', &[("comment", "c0ffee")]).file("a", "x").end());
}

#[test]
fn extended_headers_that_are_large_or_loose() {
    for flag in [b'L', b'K', b'x', b'g'] {
        let large = Tar::new().data(flag, "x", &vec![b'a'; 70_000]).file("a", "x").end();
        refused(large, "its extended header holds 70000 bytes");
        let endless = Head { size: 1 << 32, ..Head::new(flag, "x") };
        refused(Tar::new().put(&endless, &[]).end(), "holds 4294967296 bytes");
    }
    refused(Tar::new().pax(b'x', &[("path", "b")]).end(), "stands before nothing");
    refused(Tar::new().data(b'L', "L", b"x\0").end(), "stands before nothing");
    let twice = || Tar::new().pax(b'x', &[("path", "b")]);
    refused(twice().pax(b'x', &[("path", "c")]).file("a", "").end(), "twice");
    refused(twice().data(b'L', "L", b"x\0").file("a", "").end(), "both give its name");
    let sized = Tar::new().pax(b'x', &[("size", "1")]).data(b'L', "L", b"b\0");
    refused(sized.file("a", "x").end(), "a pax record gives its size and a GNU header its name");
    refused(twice().pax(b'g', &[("comment", "x")]).file("a", "").end(), "stands between an entry");
    refused(Tar::new().data(b'L', "L", b"x\0y\0").file("a", "").end(), "malformed");
    refused(Tar::new().data(b'L', "L", b"\0").file("a", "").end(), "malformed");
    refused(Tar::new().data(b'L', "L", b"xy").file("a", "").end(), "malformed");
    refused(Tar::new().data(b'x', "x", b"10 path=..").file("a", "").end(), "malformed");
}

#[test]
fn an_end_that_is_missing_or_not_the_end() {
    let tar = Tar::new().file("a", "x");
    refused(tar.0.clone(), "it has no end");
    refused([&tar.0[..], &[0; 512]].concat(), "one of the two zero blocks");
    let apart = [&tar.0[..], &[0; 512], &Tar::new().file("b", "").end()].concat();
    refused(apart, "a single zero block");
    refused([&tar.clone().end()[..], b"x"].concat(), "bytes follow its end");
    refused([&tar.clone().end()[..], &tar.clone().end()].concat(), "bytes follow its end");
    refused([&tar.clone().end()[..], &[0; 9000], &[1]].concat(), "bytes follow its end");
    let whole = tar.end();
    refused(whole[..512].to_vec(), "ends 1 bytes before");
    refused(whole[..700].to_vec(), "ends too early");
    refused(whole[..100].to_vec(), "ends too early");
    refused(Vec::new(), "it has no end");
    Bench::new().accepted("a.tar", &[&whole[..], &[0; 9000]].concat());
}

#[test]
fn a_header_that_is_damaged_or_of_no_known_kind() {
    let mut wrong = Tar::new().file("a", "x").end();
    wrong[0] = b'b';
    refused(wrong, "checksum is wrong");
    for magic in [*b"ustar\x0001", *b"ustar  0", *b"xstar\x0000", *b"ustar\0\0\0"] {
        let head = Head { magic, ..Head::new(b'0', "a") };
        refused(Tar::new().put(&head, &[]).end(), "neither POSIX, GNU nor old");
    }
    let mut negative = Head::new(b'0', "a").block();
    negative[124..136].fill(0xff);
    sum(&mut negative);
    refused([&negative[..], &[0; 1024]].concat(), "size is negative");
    let mut huge = Head::new(b'0', "a").block();
    huge[124..136].copy_from_slice(b"\x80\0\0\x01\0\0\0\0\0\0\x02\0");
    sum(&mut huge);
    refused([&huge[..], &[0; 1024]].concat(), "size is not a number");
    for (at, what) in [(108, "owner"), (122, "group"), (329, "device"), (340, "device")] {
        let mut odd = Head::new(b'0', "a").block();
        odd[at] = b'x';
        sum(&mut odd);
        refused([&odd[..], &[0; 1024]].concat(), &format!("{what} is not a number"));
    }
    refused(Tar::new().file("a/", "x").end(), "ends like one's");
    refused(Tar::new().link("a/", "x").end(), "ends like one's");
    // Python makes a directory of it, GNU tar a file.
    for renamed in [Tar::new().pax(b'x', &[("path", "b")]), Tar::new().data(b'L', "L", b"b\0")] {
        refused(renamed.put(&Head::new(0, "a/"), &[]).end(), "by one of its names");
    }
    let kept = Tar::new().pax(b'x', &[("path", "b/")]).put(&Head::new(0, "a/"), &[]);
    Bench::new().accepted("a.tar", &kept.end());
}

#[test]
fn names_that_cannot_be_trusted() {
    refused(Tar::new().file(b"a\xff", "x").end(), "not UTF-8");
    refused(Tar::new().file("a\nb", "x").end(), "control characters");
    refused(Tar::new().file("a\x1b[2J", "x").end(), "control characters");
    refused(Tar::new().file("a\u{9b}", "x").end(), "control characters");
    refused(Tar::new().pax(b'x', &[("path", "a\0b")]).file("a", "x").end(), "control");
    refused(Tar::new().link("l", "a\nb").end(), "control characters");
    refused(Tar::new().file("", "x").end(), "no name");
    refused(Tar::new().file(".", "x").end(), "the release itself");
    let long = "a".repeat(256);
    refused(Tar::new().pax(b'x', &[("path", &long)]).file("a", "x").end(), "longer than 255");
    // What a broken encoding leaves behind: b3sum neither writes nor checks a list with it.
    refused(Tar::new().file("a\u{fffd}", "x").end(), "U+FFFD");
    // No name turns the line around that it is told in.
    let told = Bench::new().refused("a.tar", &Tar::new().link("l", "/\u{202e}x").end());
    assert!(told.contains("a link to `/\\xE2\\x80\\xAEx`, an absolute path"), "{told}");
    let told = Bench::new().refused("a.tar", &Tar::new().file("a\nb", "x").end());
    assert!(told.starts_with("could not unpack `a\\x0Ab`: "), "{told}");
}

#[test]
fn names_that_differ_in_case_or_normal_form() {
    let why = "differs from it only in case";
    refused(Tar::new().file("README", "").file("readme", "").end(), why);
    refused(Tar::new().file("d/x", "").file("D/y", "").end(), why);
    refused(Tar::new().dir("d").dir("D").end(), why);
    refused(Tar::new().file("a\u{e9}", "").file("ae\u{301}", "").end(), why);
    refused(Tar::new().link("L", "x").link("l", "x").end(), why);
    refused(Tar::new().file("f", "").file("x", "").same("F", "x").end(), why);
    let bench = Bench { case: Case::Accept, ..Bench::new() };
    bench.accepted("a.tar", &Tar::new().file("README", "1").file("readme", "2").end());
    assert_eq!((bench.read("README"), bench.read("readme")), ("1".into(), "2".into()));
}

#[test]
fn bombs_of_entries_bytes_depth_and_length() {
    let limits = |change: fn(&mut Limits)| {
        let mut bench = Bench::new();
        change(&mut bench.limits);
        bench
    };
    let three = Tar::new().file("a", "x").file("b", "x").file("c", "x").end();
    limits(|l| l.files = 3).accepted("a.tar", &three);
    let told = limits(|l| l.files = 2).refused("a.tar", &three);
    assert!(told.contains("limits.files = 2"), "{told}");
    // Directories that no entry names count as well, and so do repeated ones.
    let told = limits(|l| l.files = 2).refused("a.tar", &Tar::new().file("a/b/c", "x").end());
    assert!(told.contains("limits.files"), "{told}");
    let again = Tar::new().dir("a").dir("a").dir("a").end();
    assert!(limits(|l| l.files = 2).refused("a.tar", &again).contains("limits.files"));

    limits(|l| l.bytes = 3).accepted("a.tar", &three);
    assert!(limits(|l| l.bytes = 2).refused("a.tar", &three).contains("limits.bytes = 2"));
    // The size is believed before a byte of it is there.
    let lie = Tar::new().put(&Head { size: 1 << 32, ..Head::new(b'0', "a") }, &[]).end();
    refused(lie.clone(), "limits.ratio = 200");
    let told = limits(|l| (l.bytes, l.ratio) = ((1 << 32) - 1, u64::MAX)).refused("a.tar", &lie);
    assert!(told.contains("limits.bytes = 4294967295"), "{told}");
    // A hard link costs as much as a copy.
    let linked = Tar::new().file("a", "xx").same("b", "a").end();
    assert!(limits(|l| l.bytes = 3).refused("a.tar", &linked).contains("limits.bytes"));

    let deep = |n: usize| Tar::new().pax(b'x', &[("path", &vec!["d"; n].join("/"))]);
    Bench::new().accepted("a.tar", &deep(64).file("a", "x").end());
    refused(deep(65).file("a", "x").end(), "limits.depth = 64");
    refused(deep(3000).file("a", "x").end(), "limits.depth = 64");
    let long = vec!["d".repeat(200); 6].join("/");
    refused(Tar::new().pax(b'x', &[("path", &long)]).file("a", "x").end(), "limits.path = 1024");
}

#[test]
fn strange_modes_are_mapped_and_said() {
    let bench = Bench::new();
    let of = |name: &str, mode| Head { mode, ..Head::new(b'0', name) };
    let mut tar = Tar::new();
    let modes = [
        ("setuid", 0o4755, 0o755),
        ("setgid", 0o2644, 0o644),
        ("sticky", 0o1777, 0o755),
        ("all", 0o777, 0o755),
        ("none", 0, 0o644),
        ("group", 0o670, 0o644),
    ];
    for (name, mode, _) in modes {
        tar = tar.put(&of(name, mode), &[]);
    }
    tar = tar.put(&Head { mode: 0o7000, ..Head::new(b'5', "dir") }, &[]);
    let release = bench.accepted("a.tar", &tar.end());
    for (name, _, mode) in modes {
        let found = fs::metadata(bench.stage().join(name)).unwrap().mode() & 0o7777;
        assert_eq!(found, mode, "{name}");
    }
    assert_eq!(fs::metadata(bench.stage().join("dir")).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(release.contents.notes.len(), 1);
    assert!(release.contents.notes[0].starts_with("6 entries are setuid"));
}

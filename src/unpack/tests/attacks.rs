//! What a tar archive may do, one test for each kind, each through every compression: the whole
//! release is refused, nothing outside has changed ([`Bench::unpack`] looks after every one of them).

use super::{
    tars::{Form, Head, Tar, sum},
    *,
};
use lab::withstood;

#[track_caller]
fn refused(tar: impl AsRef<[u8]>, why: &str) -> String {
    Bench::new().refused_however_packed(tar.as_ref(), why)
}

/// One entry with this name and target, told in each form that tar has.
#[track_caller]
fn refused_in_each_form(before: &Tar, flag: u8, name: &str, target: &str, why: &str) {
    for form in Form::ALL {
        refused(before.clone().told(form, flag, name, target).end(), why);
    }
}

#[test]
fn a_path_that_goes_up() {
    for path in ["../evil", "a/../../evil", "..", "a/..", "./../evil"] {
        refused(Tar::new().file(path, "x").end(), "goes up by `..`");
        for flag in *b"0125" {
            let target = if flag == b'1' || flag == b'2' { "f" } else { "" };
            let before = Tar::new().file("f", "x");
            refused_in_each_form(&before, flag, path, target, "goes up by `..`");
        }
    }
    let tried = "tar: a path with `..` (file, directory, link, hard link; header, pax, GNU)";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_path_that_is_absolute() {
    for path in ["/tmp/evil", "//evil"] {
        for flag in *b"0125" {
            let target = if flag == b'1' || flag == b'2' { "f" } else { "" };
            refused_in_each_form(&Tar::new().file("f", "x"), flag, path, target, "absolute");
        }
    }
    refused(Tar::new().dir("/").end(), "absolute");
    for path in ["C:\\evil", "c:/evil", "a:b", "\\evil", "\\\\host\\share\\evil"] {
        refused_in_each_form(&Tar::new(), b'0', path, "", "one of Windows");
        refused_in_each_form(&Tar::new().file("f", "x"), b'1', "l", path, "one of Windows");
    }
    Bench::new()
        .accepted("a.tar", &Tar::new().file("d/a:b", "").file("1:2", "").file("a\\b", "").end());
    let tried = "tar: an absolute path, also of Windows (file, directory, link, hard link; header, pax, GNU)";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn writing_through_a_planted_link() {
    let why = "a link or a file of the same payload stands in its place";
    refused(Tar::new().dir("d").link("l", "d").file("l/x", "x").end(), why);
    refused(Tar::new().dir("d").link("l", "d").dir("l/e").end(), why);
    refused(Tar::new().dir("d").link("l", "d").link("l/e", "x").end(), why);
    refused(Tar::new().file("f", "").file("f/x", "x").end(), why);
    refused(Tar::new().link("l", ".").file("l/a/x", "x").end(), why);
    // The same with links that are told by pax and by GNU headers, and told late.
    for form in Form::ALL {
        let planted = Tar::new().dir("d").told(form, b'2', "l", "d");
        refused(planted.clone().file("l/x", "x").end(), why);
        refused(planted.clone().told(form, b'0', "l/x", "").end(), why);
        refused(planted.clone().file("d/f", "x").told(form, b'1', "l/x", "d/f").end(), why);
        refused(planted.dir("l").end(), why);
    }
    let tried = "tar: an entry written through a planted link (header, pax, GNU)";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    let none = Tar::new();
    refused_in_each_form(&none, b'2', "l", "/etc/passwd", "an absolute path");
    refused_in_each_form(&none, b'2', "l", "../..", "leaves");
    refused_in_each_form(&none, b'2', "a/b/l", "../../../x", "leaves");
    refused_in_each_form(&none, b'2', "a/b/l", "../b/../../..", "behind a name");
    // What is deep enough before stripping is not after it.
    let bench = Bench { strip: 1, ..Bench::new() };
    bench.refused_however_packed(&Tar::new().link("top/l", "../x").end(), "leaves the release");
    let tried = "tar: a link that leaves the release, by itself or in a chain (header, pax, GNU)";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    let before = Tar::new().file("f", "x").link("s", "f");
    refused_in_each_form(&before, b'1', "l", "../outside/sentinel", "goes up");
    refused_in_each_form(&before, b'1', "l", "/etc/passwd", "absolute");
    refused_in_each_form(&before, b'1', "l", "s", why);
    let tried = "tar: a hard link outside, through a link, to no file (header, pax, GNU)";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    let tried = "tar: a name twice: link then file, file then directory, any other";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    for (flag, why) in [(b'3', "device"), (b'4', "device"), (b'6', "fifo")] {
        let gnu = Head { magic: *b"ustar  \0", ..Head::new(flag, "a") };
        refused(Tar::new().put(&gnu, &[]).end(), why);
        refused(Tar::new().pax(b'x', &[("path", "b")]).put(&Head::new(flag, "a"), &[]).end(), why);
    }
    let tried = "tar: a device, fifo, socket, volume, contiguous or unknown type";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn sparse_files_in_any_form() {
    for key in ["GNU.sparse.major", "GNU.sparse.map", "GNU.sparse.name", "SCHILY.realsize"] {
        refused(Tar::new().pax(b'x', &[(key, "1")]).file("a", "x").end(), "sparse");
        refused(Tar::new().pax(b'g', &[(key, "1")]).file("a", "x").end(), "sparse");
    }
    withstood!(CHAPTER, "tar: a sparse file, in pax's forms", refusals(), REFUSED, true);
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
    let tried = "tar: two sizes of one entry, and data behind what has none";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_record_inside_of_a_value() {
    let bench = Bench::new();
    let hidden = [("SCHILY.xattr.user.x", "\n16 path=../evil\n"), ("path", "a")];
    for (name, packed) in tars::packed(&Tar::new().pax(b'x', &hidden).file("b", "x").end()) {
        bench.accepted(&name, &packed);
        assert_eq!(bench.read("a"), "x");
    }
    let happened = "it is part of the value and gives no name";
    let tried = "tar: a pax record hidden in an extended attribute's value";
    withstood!(CHAPTER, tried, acceptances(), happened, true);
}

#[test]
fn owners_attributes_and_capabilities_are_not_taken() {
    let bench = Bench::new();
    let records = [
        ("uid", "0"),
        ("uname", "root"),
        ("SCHILY.xattr.user.evil", "x"),
        ("SCHILY.xattr.security.capability", "\u{1}\0\0\u{2}"),
        ("SCHILY.acl.access", "user::rwx,group::rwx,other::rwx"),
        ("LIBARCHIVE.xattr.user.evil", "eA=="),
        ("RHT.security.selinux", "unconfined_u:object_r:etc_t:s0"),
    ];
    let mut root = Head::new(b'0', "f").block();
    root[108..124].copy_from_slice(b"0000000\x000000000\0");
    sum(&mut root);
    let tar = [&Tar::new().pax(b'x', &records).0[..], &root, &[0; 1024]].concat();
    for (name, packed) in tars::packed(&tar) {
        bench.accepted(&name, &packed);
        let made = bench.stage().join("f");
        let found = fs::metadata(&made).unwrap();
        assert_eq!(found.uid(), nix::unistd::geteuid().as_raw());
        assert_eq!(found.mode() & 0o7777, 0o644);
        let mut names = [0; 256];
        let length = rustix::fs::listxattr(&made, &mut names).unwrap_or(0);
        let names = String::from_utf8_lossy(&names[..length]).into_owned();
        assert!(!names.contains("evil") && !names.contains("capability"), "{names}");
        assert!(!names.contains("posix_acl"), "{names}");
    }
    let tried = "tar: an owner, extended attributes, ACLs, capabilities";
    let happened = "not taken: they are the configuration's";
    withstood!(CHAPTER, tried, acceptances(), happened, true);
}

#[test]
fn headers_that_speak_for_all_that_follow() {
    for key in ["path", "linkpath", "size", "mtime"] {
        refused(Tar::new().pax(b'g', &[(key, "1")]).file("a", "x").end(), "all entries behind it");
    }
    let bench = Bench::new();
    bench.accepted("a.tar", &Tar::new().pax(b'g', &[("comment", "c0ffee")]).file("a", "x").end());
    let tried = "tar: a global header that gives names, sizes or times";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    let tried = "tar: an extended header that is large, loose, malformed or contradicted";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    refused(&whole[..512], "ends 1 bytes before");
    refused(&whole[..700], "ends too early");
    refused(&whole[..100], "ends too early");
    refused(Vec::new(), "it has no end");
    Bench::new().accepted("a.tar", &[&whole[..], &[0; 9000]].concat());
    let tried = "tar: no end, half an end, something behind the end";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    let tried = "tar: a header that is damaged or that programs read differently";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn names_that_cannot_be_trusted() {
    refused(Tar::new().file(b"a\xff", "x").end(), "not UTF-8");
    refused(Tar::new().file("a\nb", "x").end(), "control characters");
    for form in Form::ALL {
        for flag in *b"0125" {
            let target = if flag == b'1' || flag == b'2' { "f" } else { "" };
            let before = Tar::new().file("f", "x");
            refused(before.told(form, flag, "a\x1b[2J", target).end(), "control characters");
        }
    }
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
    let tried = "tar: a name with control characters, not UTF-8, too long, or none";
    let happened = "the whole payload is refused (65), the name escaped where it is told";
    withstood!(CHAPTER, tried, refusals(), happened, true);
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
    let tried = "tar: names equal by case or by Unicode normal form";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
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
    for (name, packed) in tars::packed(&tar.end()) {
        let release = bench.accepted(&name, &packed);
        for (name, _, mode) in modes {
            let found = fs::metadata(bench.stage().join(name)).unwrap().mode() & 0o7777;
            assert_eq!(found, mode, "{name}");
        }
        assert_eq!(fs::metadata(bench.stage().join("dir")).unwrap().mode() & 0o7777, 0o755);
        assert_eq!(release.contents.notes.len(), 1);
        assert!(release.contents.notes[0].starts_with("6 entries are setuid"));
    }
    let tried = "tar: setuid, setgid, sticky, writable by all, no bits at all";
    let happened = "taken as 0644 or 0755, and said";
    withstood!(CHAPTER, tried, acceptances(), happened, true);
}

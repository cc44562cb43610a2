//! Each limit of an archive, at its edge and one over: while headers are read and while files are
//! written, never afterwards.

use super::{
    tars::{Head, Tar},
    *,
};
use lab::withstood;

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
    Bench::new().refused_however_packed(&lie, "limits.ratio = 200");
    let told = limits(|l| (l.bytes, l.ratio) = ((1 << 32) - 1, u64::MAX)).refused("a.tar", &lie);
    assert!(told.contains("limits.bytes = 4294967295"), "{told}");
    // A hard link costs as much as a copy.
    let linked = Tar::new().file("a", "xx").same("b", "a").end();
    assert!(limits(|l| l.bytes = 3).refused("a.tar", &linked).contains("limits.bytes"));

    let deep = |n: usize| Tar::new().pax(b'x', &[("path", &vec!["d"; n].join("/"))]);
    Bench::new().accepted("a.tar", &deep(64).file("a", "x").end());
    for n in [65, 3000] {
        let tar = deep(n).file("a", "x").end();
        Bench::new().refused_however_packed(&tar, "limits.depth = 64");
    }
    let long = |n: usize| {
        let path = vec!["d".repeat(200); 6].join("/");
        Tar::new().pax(b'x', &[("path", &path[..n])]).file("a", "x").end()
    };
    Bench::new().accepted("a.tar", &long(1024));
    Bench::new().refused_however_packed(&long(1025), "limits.path = 1024");
    let tried = "tar: more bytes, entries, depth or length of path than the limits, said or real";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn an_extended_header_holds_64_kib_at_most() {
    let comment = |length: usize| {
        let value = "c".repeat(length - "65536 comment=\n".len());
        Tar::new().data(b'x', "x", format!("{length} comment={value}\n").as_bytes())
    };
    Bench::new().accepted("a.tar", &comment(65_536).file("a", "x").end());
    let why = "its extended header holds 65537 bytes";
    Bench::new().refused_however_packed(&comment(65_537).file("a", "x").end(), why);
    for flag in *b"LK" {
        // What may be read is still too long for a name.
        let name = |length: usize| [vec![b'a'; length - 1], vec![0]].concat();
        let read = Tar::new().data(flag, "x", &name(65_536)).link("l", "x").end();
        let told = Bench::new().refused("a.tar", &read);
        assert!(!told.contains("extended header"), "{told}");
        let over = Tar::new().data(flag, "x", &name(65_537)).link("l", "x").end();
        Bench::new().refused_however_packed(&over, why);
    }
    let tried = "tar: a long name or pax header of 64 KiB and a byte";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn output_without_a_ratio_is_64_mib() {
    // Headers and the end of the archive are output as well: 3 blocks beside the file's.
    let tar = |size: usize| Tar::new().data(b'0', "a", &vec![0; size]).end();
    let mut bench = Bench::new();
    bench.limits.ratio = 0;
    let most = (64 << 20) - 3 * 512;
    let packed = |size: usize| ::zstd::encode_all(&tar(size)[..], 1).unwrap();
    bench.accepted("a.tar.zst", &packed(most));
    let told = bench.refused("a.tar.zst", &packed(most + 1));
    assert!(told.contains("limits.ratio = 0"), "{told}");
    // Every byte that came in allows as many more.
    bench.limits.ratio = 1;
    bench.accepted("a.tar.zst", &packed(most + 1));
    withstood!(CHAPTER, "tar: a byte more than `ratio` allows", refusals(), REFUSED, true);
}

#[test]
fn a_decoder_gets_what_the_memory_limit_leaves() {
    // A window of 8 MiB beside the 40 MiB that everything else takes.
    let tar = Tar::new().data(b'0', "a", &vec![0; 9 << 20]).end();
    let mut window = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    window.window_log(23).unwrap();
    Write::write_all(&mut window, &tar).unwrap();
    let packed = window.finish().unwrap();
    let mut bench = Bench::new();
    bench.limits.memory = 48 << 20;
    bench.accepted("a.tar.zst", &packed);
    bench.limits.memory -= 1;
    let told = bench.refused("a.tar.zst", &packed);
    assert!(told.contains("it needs a 8 MiB window"), "{told}");

    let packed = tars::pack(".tar.xz", &tar);
    let fits = |mib: u64| {
        let mut bench = Bench::new();
        bench.limits.memory = (40 + mib) << 20;
        bench.land("a.tar.xz", &packed).is_ok()
    };
    let least = (0..20).find(|mib| fits(*mib)).unwrap();
    assert!(least > 0 && !fits(least - 1), "{least}");
    let tried = "tar: a window of a byte more than `memory` leaves";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

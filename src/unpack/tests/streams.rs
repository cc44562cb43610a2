//! Compressed streams: what stands before, between and behind them, what they need, what they
//! blow up to.

use super::{honest::run, tars::Tar, *};
use lab::withstood;
use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

const FORMS: [(&str, &[&str]); 4] = [
    ("a.tar.gz", &["gzip", "-c"]),
    ("a.tar.zst", &["zstd", "-c", "--check"]),
    ("a.tar.xz", &["xz", "-c"]),
    ("a.tar.bz2", &["bzip2", "-c"]),
];

/// What a filter makes of bytes.
fn through(argv: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(argv[0])
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    out
}

fn tar() -> Vec<u8> {
    Tar::new().file("a", &"hello ".repeat(20_000)).end()
}

#[test]
fn bytes_behind_a_stream_are_refused() {
    for (name, argv) in FORMS {
        let good = through(argv, &tar());
        Bench::new().accepted(name, &good);
        for behind in [&b"x"[..], b"garbage that is longer than a header", &[0; 3]] {
            Bench::new().refused(name, &[&good, behind].concat());
        }
    }
    let tried = "streams: bytes behind gzip, zstd, xz and bzip2";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn several_streams_are_one_archive_but_for_gzip() {
    let (first, second) = (tar(), tar());
    let (first, second) = first.split_at(second.len() / 2);
    for (name, argv) in FORMS {
        let both = [through(argv, first), through(argv, second)].concat();
        if name == "a.tar.gz" {
            let told = Bench::new().refused(name, &both);
            assert!(told.contains("bytes follow the gzip member"), "{told}");
            // Nor an empty one, nor one that only begins.
            let good = through(argv, &tar());
            Bench::new().refused(name, &[&good[..], &through(argv, b"")].concat());
            Bench::new().refused(name, &[&good[..], &good[..1]].concat());
        } else {
            Bench::new().accepted(name, &both);
            // The second stream is read to its end, too.
            Bench::new().refused(name, &both[..both.len() - 1]);
        }
    }
    let tried = "streams: a second gzip member; a second stream that ends early";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn skippable_frames_and_padding_between_streams_are_passed_over() {
    let skip = [&[0x5e, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"table"].concat();
    let good = through(&["zstd", "-c"], &tar());
    let bench = Bench::new();
    bench.accepted("a.tar.zst", &[&skip[..], &good, &skip, &skip].concat());
    bench.refused("a.tar.zst", &[&good[..], &skip[..9]].concat());
    let good = through(&["xz", "-c"], &tar());
    bench.accepted("a.tar.xz", &[&good[..], &[0; 8]].concat());
    bench.refused("a.tar.xz", &[&good[..], &[0; 7]].concat());
    let tried = "streams: a skippable frame or padding of a wrong length";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_cut_or_changed_stream_is_refused() {
    for (name, argv) in FORMS {
        let good = through(argv, &tar());
        for cut in [1, 4, 8, good.len() / 2, good.len() - 12] {
            Bench::new().refused(name, &good[..good.len() - cut]);
        }
        // The last bytes hold a checksum, or the place where one is.
        let mut changed = good.clone();
        let place = changed.len() - if name == "a.tar.gz" { 8 } else { 2 };
        changed[place] ^= 1;
        Bench::new().refused(name, &changed);
    }
    let tried = "streams: cut, or with a wrong checksum (gzip, zstd, xz, bzip2)";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn the_name_and_the_first_bytes_must_agree() {
    for (name, _) in FORMS {
        for (other, argv) in FORMS {
            if name != other {
                let told = Bench::new().refused(name, &through(argv, &tar()));
                assert!(told.contains("its name says"), "{told}");
            }
        }
        assert!(Bench::new().refused(name, &tar()).contains("its name says"));
        assert!(Bench::new().refused(name, b"").contains("it is empty"));
        let told = Bench::new().refused("a.tar", &through(FORMS[0].1, &tar()));
        assert_eq!(
            told,
            "could not unpack `a.tar`: its name says tar and its first bytes say gzip"
        );
    }
    let tried = "streams: another format than the name says";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_window_over_the_memory_limit_is_refused_by_its_size() {
    let bench = Bench::new();
    let big = Tar::new().file("a", &"0".repeat(40 << 20)).end();
    let zst = through(&["zstd", "-c", "-1", "--long=27"], &big);
    let e = bench.land("a.tar.zst", &zst).err().unwrap();
    assert_eq!(e.exit, Exit::Payload);
    assert_eq!(
        e.to_string(),
        "could not unpack `a.tar.zst`: it needs a 128 MiB window, and limits.memory = 64 MiB leaves 24 MiB for it"
    );
    assert_eq!(e.hint.unwrap(), "raise limits.memory or pack with `zstd -19`");
    bench.accepted("a.tar.zst", &through(&["zstd", "-c", "-3"], &big));

    let xz = through(&["xz", "-c", "-9", "-T1"], &tar());
    let e = bench.land("a.tar.xz", &xz).err().unwrap();
    assert!(e.cause.starts_with("it needs a 65 MiB window"), "{e}");
    assert_eq!(e.hint.unwrap(), "raise limits.memory or pack with `xz -6`");
    let mut roomy = Bench::new();
    roomy.limits.memory = 256 << 20;
    roomy.accepted("a.tar.xz", &xz);
    roomy.accepted("a.tar.zst", &zst);
    let tried = "streams: a window over the memory limit (zstd --long, xz -9)";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_bomb_is_stopped_by_its_ratio() {
    let bench = Bench::new();
    let zeros = |mib: usize| Tar::new().file("a", &"\0".repeat(mib << 20)).end();
    for (name, argv) in [("a.tar.zst", FORMS[1].1), ("a.tar.bz2", FORMS[3].1)] {
        bench.accepted(name, &through(argv, &zeros(60)));
        let told = bench.refused(name, &through(argv, &zeros(100)));
        assert!(told.contains("limits.ratio = 200"), "{told}");
    }
    // Headers without files are output as well.
    let mut endless = Tar::new();
    for _ in 0..100 {
        endless =
            endless.data(b'g', "x", &[&b"65000 comment="[..], &vec![b'x'; 64_985], b"\n"].concat());
    }
    let endless = endless.0.repeat(12);
    let told = bench.refused("a.tar.zst", &through(FORMS[1].1, &endless));
    assert!(told.contains("limits.ratio = 200"), "{told}");
    let tried = "streams: bombs of zeros and of endless headers";
    withstood!(CHAPTER, tried, refusals(), REFUSED, true);
}

#[test]
fn a_tree_that_gnu_tar_reads_through_each_filter_is_the_same() {
    let bench = Bench::new();
    for (name, argv) in FORMS {
        let release = bench.accepted(name, &through(argv, &tar()));
        assert_eq!(release.contents.bytes, 120_000);
    }
    run(&bench.stage(), &["test", "-f", "a"]);
}

#[test]
fn what_the_system_says_of_an_entry_names_it_escaped_once() {
    let e = told(io::Error::from_raw_os_error(nix::libc::EIO), b"a\nb");
    assert_eq!(e.to_string(), "could not read `a\\x0Ab`: input/output error");
    assert_eq!((e.exit, e.lasts), (Exit::Io, crate::error::Lasts::Passing));
}

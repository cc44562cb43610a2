//! Archives of many zstd frames, which several threads decode whole: what comes of them is what comes
//! of one frame, to the byte and to the word.

use super::{
    tars::{Tar, frames},
    *,
};
use crate::unpack::{
    crew::Crew,
    decode::{Memory, decode},
    plan::Mode,
    tree::Modes,
};
use lab::withstood;
use proptest::prelude::*;
use std::io::Read;

/// What some bytes decode to, and why no further; in windows of this size.
fn decoded(bytes: &[u8], window: usize, hands: Hands, memory: u64) -> (Vec<u8>, Option<String>) {
    let crew = Crew::new(hands, Modes::new(Mode::Public, 0));
    let mut out = Vec::new();
    let source = io::BufReader::with_capacity(window.max(1), bytes);
    let failed = crew.staffed(true, || {
        let memory = Memory::new(b"a", memory);
        let read = decode(Compression::Zstd, source, memory, &crew)
            .and_then(|mut stream| stream.read_to_end(&mut out));
        Ok(read.err())
    });
    (out, failed.unwrap().map(|e| told(e, b"a").to_string()))
}

/// Hands that decode nothing whole: what was always done.
const STREAM: Hands = Hands { writers: 1, decoders: 1, chunks: 3, chunk: 512, frame: usize::MAX };
const MEMORY: u64 = 64 << 20;

/// Every frame as long as a choice says; some without their size, some tiny, some large.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec(0..4_u8, 0..3000),
        (0..6000_usize).prop_map(|length| vec![7; length]),
    ];
    (content, 0..5).prop_map(|(content, how)| match how {
        // A stream does not say its size.
        0 => ::zstd::encode_all(&content[..], 1).unwrap(),
        1 => {
            let length = u32::try_from(content.len()).unwrap().to_le_bytes();
            [&[0x53, 0x2a, 0x4d, 0x18][..], &length, &content].concat()
        }
        _ => ::zstd::bulk::compress(&content, 1).unwrap(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn frames_decode_as_a_stream_does(
        frames in proptest::collection::vec(frame(), 0..12),
        window in 1..4000_usize,
        which in 0..2_usize,
        change in proptest::option::of((any::<proptest::sample::Index>(), any::<u8>())),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut bytes = frames.concat();
        if let (Some((at, value)), false) = (change, bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let (Some(cut), false) = (cut, bytes.is_empty()) {
            bytes.truncate(cut.index(bytes.len()));
        }
        let all = decoded(&bytes, 1 << 20, STREAM, MEMORY);
        for hands in [HANDS[which], Hands::of_machine()] {
            let some = decoded(&bytes, window, hands, MEMORY);
            // What libzstd calls the damage of a frame, and what it gives of it before, is up to how its
            // bytes come in.
            let told = |of: &Option<String>| {
                of.as_ref().map(|told| told.split_once(" zstd: ").map_or(&**told, |(told, _)| told).to_owned())
            };
            prop_assert_eq!(told(&some.1), told(&all.1));
            let begins = some.0.starts_with(&all.0) || all.0.starts_with(&some.0);
            let same = if all.1.is_some() { begins } else { some.0 == all.0 };
            prop_assert!(same, "{:?} and not {:?}", some.0, all.0);
        }
    }
}

/// What a frame of noise is decoded to, and how long that is, must not be believed alone.
#[test]
fn a_frame_that_lies_of_its_size_is_refused_as_in_one_stream() {
    let tar = Tar::new().file("a", &"x".repeat(3000)).file("b", "y").end();
    let good = frames(&tar, 700);
    let mut lies = 0;
    for (place, value) in [(5, 0_u8), (5, 1), (6, 0), (6, 1)] {
        let mut bytes = good.clone();
        // One byte says sizes below 256, two say them less 256: of the first frame's 700.
        bytes[place] ^= value.max(1) << (value * 3);
        let e = Bench::new().land("a.tar.zst", &bytes).err().unwrap();
        assert_eq!(e.exit, Exit::Payload, "{e}");
        lies += 1;
    }
    withstood!(CHAPTER, "streams: a zstd frame that lies of its size", lies, REFUSED, true);
}

/// What a bad frame holds of the payload must not be what the next window is waited for with.
#[test]
fn a_bad_frame_does_not_keep_the_windows_behind_it_from_coming() {
    // Room for more frames than two windows of the payload have.
    let hands = Hands { writers: 1, decoders: 20, chunks: 3, chunk: 512, frame: 1024 };
    let tar = Tar::new().file("a", &"x".repeat(3000)).file("b", &noise(50_000)).end();
    let (good, mut bytes) = (frames(&tar, 700), frames(&tar, 700));
    // The first frame, and then every one that is as long, says another size.
    for all in [false, true] {
        let lengths = Vec::from_iter(frame_lengths(&good));
        for (at, length) in lengths.iter().filter(|(at, _)| all || *at == 0) {
            if *length > 20 && bytes[at + 4] == 0x60 {
                bytes[at + 5] = good[at + 5] ^ 1;
            }
        }
        let bench = Bench::new();
        bench.hands.set(hands);
        fs::write(bench.at("payload/a.tar.zst"), &bytes).unwrap();
        // Pieces of a byte make windows of 8 KiB.
        let torrent = torrent_of("a.tar.zst", &bytes, 1);
        let e = bench.unpack_once(&torrent, &bench.at("payload")).err().unwrap();
        assert_eq!(e.exit, Exit::Payload, "{e}");
        assert!(e.cause.starts_with("its data"), "{e}");
    }
}

/// Where each frame begins, and its length.
fn frame_lengths(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let length = ::zstd::zstd_safe::find_frame_compressed_size(rest).unwrap();
        at += length;
        Some((at - length, length))
    })
}

/// Text that no frame makes shorter by much.
fn noise(length: usize) -> String {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes.iter().map(|byte| char::from(33 + byte % 94)).collect()
}

/// A refusal that stands before a damaged frame comes first, as it does in one stream.
#[test]
fn the_first_refusal_is_told_whatever_is_damaged_behind_it() {
    let tar = Tar::new().file("a", "x").file("../b", "x").file("c", &"z".repeat(9000)).end();
    let mut bytes = frames(&tar, 512);
    let damaged = bytes.len() - 60;
    bytes[damaged..damaged + 8].fill(0xff);
    let told = Bench::new().refused("a.tar.zst", &bytes);
    assert!(told.contains("`../b`"), "{told}");
    // A file that its writer cannot make stands before what the reader meets.
    let twice = Tar::new().file("a", "x").file("d/a", "x").file("a", "y").file("../b", "x").end();
    let bench = Bench { case: Case::Accept, ..Bench::new() };
    let told = bench.refused("a.tar.zst", &frames(&twice, 512));
    assert_eq!(told, "could not unpack `a`: its name stands in the payload twice");
    // Also if the payload is damaged behind it.
    let mut bytes = [twice, vec![0; 20_000]].concat();
    // Pieces of a byte make windows of 8 KiB.
    let torrent = torrent_of("a.tar", &bytes, 1);
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(bench.at("payload/a.tar"), &bytes).unwrap();
    let e = bench.unpack(&torrent, &bench.at("payload")).err().unwrap();
    assert_eq!(e.exit, Exit::Payload, "{e}");
}

/// A frame decoded as a stream needs a window of its own: what other frames hold is given back first.
#[test]
fn a_large_window_behind_many_frames_fits() {
    let large = {
        let mut window = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        window.window_log(24).unwrap();
        Write::write_all(&mut window, &vec![5; 17 << 20]).unwrap();
        window.finish().unwrap()
    };
    let few = frames(&[1; 5000], 1000);
    let bytes = [&few[..], &large, &few].concat();
    let (out, failed) = decoded(&bytes, 4096, Hands::of_machine(), MEMORY);
    assert_eq!((out.len(), failed), (10_000 + (17 << 20), None));
    let (_, failed) = decoded(&bytes, 4096, Hands::of_machine(), 48 << 20);
    assert!(failed.unwrap().contains("it needs a 16 MiB window"));
}

#[test]
fn many_files_come_out_in_their_order_whoever_makes_them() {
    let mut tar = Tar::new();
    for n in 0..700_usize {
        let path = format!("d{}/e{}/f{n}", n / 100, n / 7 % 3);
        tar = tar.file(&path, &"0123456789".repeat(n * n % 977 * (1 + n % 50 / 49 * 40)));
        if n % 40 == 39 {
            tar = tar.same(&format!("d{}/h{n}", n / 100), &path).link(&format!("l{n}"), "x");
        }
    }
    let tar = tar.end();
    let mut first: Option<(String, String)> = None;
    for hands in HANDS.into_iter().chain([Hands::of_machine()]) {
        for (name, bytes) in [("a.tar", tar.clone()), ("a.tar.zst", frames(&tar, 1000))] {
            let bench = Bench::new();
            bench.hands.set(hands);
            fs::write(bench.at("payload").join(name), &bytes).unwrap();
            let torrent = torrent_of(name, &bytes, 16 << 10);
            let made = bench.unpack_once(&torrent, &bench.at("payload")).unwrap();
            assert_eq!(made.contents.files, 700 + 2 * 17 + 7 + 7 * 3);
            let lists = (made.b3, made.tree);
            assert_eq!(first.get_or_insert_with(|| lists.clone()), &lists, "{hands:?} {name}");
        }
    }
}

/// A directory that has the name of a file which is still being written.
#[test]
fn a_directory_that_meets_a_file_is_refused_however_late_that_is_made() {
    for size in [1, 600, 5000, 3 << 20] {
        let tar = Tar::new().file("a/b", &"x".repeat(size)).file("a/b/c", "x").end();
        let told = Bench::new().refused("a.tar", &tar);
        let place = "a link or a file of the same payload stands in its place";
        assert_eq!(told, format!("could not unpack `a/b`: {place}"));
    }
}

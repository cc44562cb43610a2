//! Surveys of damaged payloads, held against a model that has the whole payload in memory.

use super::*;
use crate::verify::tests::{file, torrent_of, torrent_of_files};
use metainfo::{Attr, Authentic};
use proptest::prelude::*;
use std::{fs, path::PathBuf};

fn survey_of(torrent: &Metainfo, directory: &Path) -> Survey {
    let name = OsStr::new("a");
    let mut last = Progress { bytes: 0, wrong: 0 };
    let mut watch = |now: Progress| {
        assert!(now.bytes >= last.bytes && now.wrong >= last.wrong, "{now:?} after {last:?}");
        last = now;
    };
    let survey = survey(torrent, directory, name, &mut watch).unwrap();
    let bad = survey.pieces.iter().filter(|piece| **piece != Piece::Right).count() as u64;
    assert_eq!(last, Progress { bytes: torrent.total_length(), wrong: bad });
    survey
}

/// Bytes that differ from place to place.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let byte = |n: u64| ((n + seed * 977).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    (0..length as u64).map(byte).collect()
}

#[test]
fn every_wrong_piece_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = noise(40 << 20, 0);
    // Several windows of many pieces, of two, and of parts of one.
    for piece in [1 << 14, 1 << 20, 7 << 20, 16 << 20, 17 << 20] {
        let torrent = torrent_of("a", &bytes, piece);
        fs::write(dir.path().join("a"), &bytes).unwrap();
        let whole = survey_of(&torrent, dir.path());
        assert!(whole.pieces.iter().all(|piece| *piece == Piece::Right), "{piece}");
        for at in [0, 13 << 20, (17 << 20) - 1, (40 << 20) - 1] {
            bytes[at] ^= 1;
        }
        fs::write(dir.path().join("a"), &bytes).unwrap();
        let damaged = survey_of(&torrent, dir.path());
        for (index, found) in damaged.pieces.iter().enumerate() {
            let span = index * piece as usize..(index + 1) * piece as usize;
            let hit =
                [0, 13 << 20, (17 << 20) - 1, (40 << 20) - 1].iter().any(|at| span.contains(at));
            let expected = if hit { Piece::Wrong } else { Piece::Right };
            assert_eq!(*found, expected, "piece {index} of {piece} bytes");
        }
        for at in [0, 13 << 20, (17 << 20) - 1, (40 << 20) - 1] {
            bytes[at] ^= 1;
        }
    }
}

#[test]
fn the_rest_of_a_short_file_is_absent_and_its_beginning_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for piece in [1 << 14, 17 << 20] {
        let mut bytes = noise(35 << 20, 1);
        let torrent = torrent_of("a", &bytes, piece);
        bytes.truncate(18 << 20);
        fs::write(dir.path().join("a"), &bytes).unwrap();
        let survey = survey_of(&torrent, dir.path());
        assert!(matches!(survey.files[..], [Found::Short(n)] if n == 18 << 20));
        let first = (18 << 20) / piece as usize;
        assert!(survey.pieces[..first].iter().all(|piece| *piece == Piece::Right));
        assert!(survey.pieces[first..].iter().all(|piece| *piece == Piece::Absent));
    }
}

#[test]
fn a_file_that_shrinks_or_goes_while_it_is_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (noise(1 << 14, 2), noise(1 << 14, 3));
    let files = [
        (file("a", a.len(), Attr::default()), &a[..]),
        (file("b", b.len(), Attr::default()), &b[..]),
    ];
    let torrent = torrent_of_files("n", &files, 1 << 13);
    let write = || {
        fs::write(dir.path().join("a"), &a).unwrap();
        fs::write(dir.path().join("b"), &b).unwrap();
    };
    // What `watch` is told first is what looking at the files has settled: they change after it.
    let changed = |change: &dyn Fn(&Path)| {
        write();
        let mut files = Files::open(&torrent, dir.path()).unwrap();
        let mut settled = Settled::look(&torrent, hashes(&torrent).unwrap(), &mut files);
        change(dir.path());
        settled.read(&files, &mut |_| ()).unwrap();
        (settled.pieces, settled.files)
    };
    let (pieces, files) = changed(&|dir| fs::write(dir.join("a"), &a[..9000]).unwrap());
    assert_eq!(pieces, [Piece::Right, Piece::Absent, Piece::Right, Piece::Right]);
    assert!(matches!(files[..], [Found::Shrunk, Found::Whole]), "{files:?}");
    let (pieces, files) = changed(&|dir| fs::remove_file(dir.join("a")).unwrap());
    assert_eq!(pieces, [Piece::Absent, Piece::Absent, Piece::Right, Piece::Right]);
    assert!(matches!(files[..], [Found::Missing, Found::Whole]), "{files:?}");
}

#[test]
fn a_payload_of_a_size_that_nobody_has_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let listed = |path| file(path, 1 << 40, Attr::default());
    let draft = metainfo::create::Draft::directory("n", vec![listed("x"), listed("y")]);
    let bytes = draft.piece_length(1 << 30).torrent(&[[0; 20]; 2048]).unwrap();
    let torrent = Metainfo::parse(&bytes).unwrap();
    let survey = survey_of(&torrent, dir.path());
    assert!(survey.pieces.iter().all(|piece| *piece == Piece::Absent));
}

/// A file of the model: what the torrent says, and what became of it on disk.
#[derive(Clone, Debug)]
struct Case {
    length: usize,
    padding: bool,
    fate: Fate,
}

#[derive(Clone, Debug)]
enum Fate {
    Kept,
    Gone,
    Cut(usize),
    Grown,
    Flipped(usize),
    Linked,
    Replaced,
}

fn case() -> impl Strategy<Value = Case> {
    let fate = prop_oneof![
        4 => Just(Fate::Kept),
        1 => Just(Fate::Gone),
        1 => (0..200_usize).prop_map(Fate::Cut),
        1 => Just(Fate::Grown),
        2 => (0..200_usize).prop_map(Fate::Flipped),
        1 => Just(Fate::Linked),
        1 => Just(Fate::Replaced),
    ];
    (0..200_usize, prop::bool::weighted(0.2), fate).prop_map(|(length, padding, fate)| Case {
        length,
        padding,
        fate,
    })
}

fn place(index: usize) -> String {
    format!("d{}/f{index}", index % 3)
}

/// Writes a file as it became; `None` for each byte that is not there.
fn lay(dir: &Path, index: usize, case: &Case, bytes: &[u8]) -> Vec<Option<u8>> {
    if case.padding {
        return vec![Some(0); case.length];
    }
    let path: PathBuf = dir.join(place(index));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut now = bytes.to_vec();
    match case.fate {
        Fate::Kept => {}
        Fate::Gone => return vec![None; bytes.len()],
        Fate::Cut(at) => now.truncate(at),
        Fate::Grown => now.extend(b"more"),
        Fate::Flipped(at) => now.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1),
        Fate::Linked => {
            std::os::unix::fs::symlink(dir.join("elsewhere"), path).unwrap();
            return vec![None; bytes.len()];
        }
        Fate::Replaced => {
            fs::create_dir(path).unwrap();
            return vec![None; bytes.len()];
        }
    }
    fs::write(path, &now).unwrap();
    (0..bytes.len()).map(|at| now.get(at).copied()).collect()
}

fn expected(case: &Case) -> &'static str {
    match case.fate {
        _ if case.padding => "unasked",
        Fate::Kept | Fate::Flipped(_) => "whole",
        Fate::Cut(at) if at >= case.length => "whole",
        Fate::Cut(_) => "short",
        Fate::Gone => "missing",
        Fate::Grown => "long",
        Fate::Linked | Fate::Replaced => "not a file",
    }
}

fn called(found: &Found) -> &'static str {
    match found {
        Found::Whole => "whole",
        Found::Long(_) => "long",
        Found::Short(_) => "short",
        Found::Shrunk => "shrunk",
        Found::Missing => "missing",
        Found::NotAFile(_) => "not a file",
        Found::Unreadable(_) => "unreadable",
        Found::Unasked => "unasked",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Byte by byte: a piece is absent if one of its bytes is, wrong if one is another, else right.
    #[test]
    fn a_survey_finds_what_was_done(mut cases in prop::collection::vec(case(), 1..8), piece in 1..150_u64) {
        for case in cases.iter_mut().filter(|case| case.padding) {
            // Padding is shorter than a piece.
            case.length %= piece as usize;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("elsewhere"), noise(200, 9)).unwrap();
        let bytes: Vec<Vec<u8>> = cases.iter().enumerate().map(|(index, case)| match case.padding {
            true => vec![0; case.length],
            false => noise(case.length, index as u64 + 1),
        }).collect();
        let listed: Vec<_> = cases.iter().zip(&bytes).enumerate().map(|(index, (case, bytes))| {
            let attr = Attr { padding: case.padding, ..Attr::default() };
            (file(&place(index), case.length, attr), &bytes[..])
        }).collect();
        let torrent: Authentic = torrent_of_files("n", &listed, piece);
        let then = bytes.concat();
        let now: Vec<Option<u8>> = cases.iter().zip(&bytes).enumerate()
            .flat_map(|(index, (case, bytes))| lay(dir.path(), index, case, bytes)).collect();

        let survey = survey_of(&torrent, dir.path());
        let pieces: Vec<Piece> = now.chunks(piece as usize).zip(then.chunks(piece as usize)).map(|(now, then)| {
            if now.contains(&None) {
                Piece::Absent
            } else if now.iter().zip(then).any(|(now, then)| *now != Some(*then)) {
                Piece::Wrong
            } else {
                Piece::Right
            }
        }).collect();
        prop_assert_eq!(survey.pieces, pieces);
        let found: Vec<_> = survey.files.iter().map(called).collect();
        let expected: Vec<_> = cases.iter().map(expected).collect();
        prop_assert_eq!(found, expected);
    }
}

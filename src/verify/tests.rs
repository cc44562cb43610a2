//! Payloads on disk against torrents made of them, and what damage must be told as.

use super::*;
use metainfo::{Attr, File, create::Draft};
use std::{fs, io::Read};

/// A torrent with these piece hashes, through the door that everybody uses.
fn authentic(draft: &Draft, pieces: &[[u8; 20]]) -> Authentic {
    let bytes = draft.torrent(pieces).unwrap();
    let hash = Metainfo::parse(&bytes).unwrap().info_hash();
    Authentic::check(&bytes, hash).unwrap()
}

/// A torrent of one file.
pub(crate) fn torrent_of(name: &str, bytes: &[u8], piece: u64) -> Authentic {
    let draft = Draft::single(name, bytes.len() as u64).piece_length(piece);
    let pieces = draft.hash(|_| Ok(bytes)).unwrap();
    authentic(&draft, &pieces)
}

/// A torrent of a directory; the bytes of each file beside it.
pub(crate) fn torrent_of_files(name: &str, files: &[(File, &[u8])], piece: u64) -> Authentic {
    let listed = files.iter().map(|(file, _)| file.clone()).collect();
    let draft = Draft::directory(name, listed).piece_length(piece);
    let bytes = |wanted: &File| files.iter().find(|(f, _)| f.path == wanted.path).unwrap().1;
    let pieces = draft.hash(|file| Ok(bytes(file))).unwrap();
    authentic(&draft, &pieces)
}

pub(crate) fn file(path: &str, length: usize, attr: Attr) -> File {
    let path = path.split('/').map(|part| part.as_bytes().to_vec()).collect();
    File { path, length: length as u64, attr }
}

/// Bytes that differ from place to place.
fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn read_all(payload: Payload<'_>) -> Result<Vec<u8>> {
    payload.stream(|proven| {
        let mut all = Vec::new();
        // What went wrong with the payload is told by `stream`.
        let _ = proven.read_to_end(&mut all);
        Ok(all)
    })
}

#[test]
fn a_whole_payload_comes_out_as_it_went_in() {
    let dir = tempfile::tempdir().unwrap();
    // One window, a part of one, several; pieces that do not divide it.
    for (length, piece) in [
        (0, 16384),
        (1, 16384),
        (40_000, 16384),
        (30 << 20, 1 << 20),
        (26 << 20, 5 << 20),
        (17 << 20, 13 << 20),
    ] {
        let bytes = noise(length);
        fs::write(dir.path().join("a"), &bytes).unwrap();
        let torrent = torrent_of("a", &bytes, piece);
        let payload = Payload::open(&torrent, dir.path()).unwrap();
        assert!(read_all(payload).unwrap() == bytes, "{length} {piece}");
    }
}

#[test]
fn a_wrong_piece_is_told_as_that_piece() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = noise(20 << 20);
    let torrent = torrent_of("a", &bytes, 1 << 20);
    bytes[(13 << 20) + 5] ^= 1;
    fs::write(dir.path().join("a"), &bytes).unwrap();
    let e = read_all(Payload::open(&torrent, dir.path()).unwrap()).unwrap_err();
    assert_eq!((e.exit, e.lasts), (Exit::Again, crate::error::Lasts::Damaged));
    assert_eq!(
        e.to_string(),
        "could not verify `a`: piece 13 of 20, which holds bytes of `a`, is not what the torrent says"
    );
}

#[test]
fn no_byte_of_a_window_with_a_wrong_piece_is_handed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = noise(30 << 20);
    let torrent = torrent_of("a", &bytes, 1 << 20);
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(dir.path().join("a"), &bytes).unwrap();
    let mut seen = Vec::new();
    let payload = Payload::open(&torrent, dir.path()).unwrap();
    let result = payload.stream(|proven| {
        let _ = proven.read_to_end(&mut seen);
        Ok(())
    });
    assert!(result.is_err());
    assert_eq!(seen.len(), 20 << 20);
}

#[test]
fn missing_short_and_strange_files_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("a");
    let torrent = torrent_of("a", b"hello", 16384);
    let told = || {
        let e = Payload::open(&torrent, dir.path()).unwrap_err();
        assert_eq!(e.exit, Exit::Again);
        e.cause
    };
    assert_eq!(told(), "it is missing");
    fs::write(&at, "hell").unwrap();
    assert_eq!(told(), "it has 4 of 5 bytes");
    fs::remove_file(&at).unwrap();
    fs::write(dir.path().join("b"), "hello").unwrap();
    std::os::unix::fs::symlink("b", &at).unwrap();
    assert_eq!(told(), "a link or a file stands in its place or above it");
    fs::remove_file(&at).unwrap();
    nix::unistd::mkfifo(&at, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(told(), "it is not a regular file");
    let e = Payload::open(&torrent, &dir.path().join("gone")).unwrap_err();
    assert_eq!(e.exit, Exit::Again);
}

#[test]
fn a_longer_file_is_said_once_and_cut() {
    let dir = tempfile::tempdir().unwrap();
    let torrent = torrent_of("a", b"hello", 16384);
    fs::write(dir.path().join("a"), "hello, world").unwrap();
    let payload = Payload::open(&torrent, dir.path()).unwrap();
    assert_eq!(payload.notes().len(), 1);
    assert!(
        payload.notes()[0].ends_with("is 7 bytes longer than its torrent says: they are not read")
    );
    assert_eq!(read_all(payload).unwrap(), b"hello");
}

#[test]
fn padding_is_zeros_and_not_on_disk_and_pieces_span_files() {
    let dir = tempfile::tempdir().unwrap();
    let padding = Attr { padding: true, ..Attr::default() };
    let (a, b) = (noise(20_000), noise(3));
    let zeros = vec![0; 12_768];
    let files = [
        (file("d/a", a.len(), Attr::default()), &a[..]),
        (file(".pad/12768", zeros.len(), padding), &zeros[..]),
        (file("empty", 0, Attr::default()), &[][..]),
        (file("d/e/b", b.len(), Attr::default()), &b[..]),
    ];
    let torrent = torrent_of_files("n", &files, 16384);
    fs::create_dir_all(dir.path().join("d/e")).unwrap();
    fs::write(dir.path().join("d/a"), &a).unwrap();
    fs::write(dir.path().join("d/e/b"), &b).unwrap();
    let whole = [&a[..], &zeros, &b].concat();
    assert!(read_all(Payload::open(&torrent, dir.path()).unwrap()).unwrap() == whole);

    fs::write(dir.path().join("d/e/b"), "xyz").unwrap();
    let e = read_all(Payload::open(&torrent, dir.path()).unwrap()).unwrap_err();
    assert!(e.cause.starts_with("piece 2 of 3, which holds bytes of `d/e/b`, is not"), "{e}");

    // A directory on the way that has become a link is not followed.
    fs::rename(dir.path().join("d"), dir.path().join("x")).unwrap();
    std::os::unix::fs::symlink("x", dir.path().join("d")).unwrap();
    assert_eq!(Payload::open(&torrent, dir.path()).unwrap_err().exit, Exit::Again);
}

#[test]
fn pieces_too_large_for_memory_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = vec![0; (32 << 20) + 1];
    let torrent = torrent_of("a", &bytes, 32 << 20);
    let e = Payload::open(&torrent, dir.path()).unwrap_err();
    assert_eq!(e.exit, Exit::Payload);
    assert!(e.cause.starts_with("its pieces are 32 MiB"), "{e}");
}

#[test]
fn bytes_that_nobody_took_are_verified_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = noise(100);
    let torrent = torrent_of("a", &bytes, 16384);
    fs::write(dir.path().join("a"), &bytes).unwrap();
    let e = Payload::open(&torrent, dir.path()).unwrap().stream(|_| Ok(())).unwrap_err();
    assert_eq!((e.exit, e.cause.as_str()), (Exit::Payload, "100 bytes follow its end"));
    fs::write(dir.path().join("a"), &noise(101)[1..]).unwrap();
    let e = Payload::open(&torrent, dir.path()).unwrap().stream(|_| Ok(())).unwrap_err();
    assert_eq!(e.exit, Exit::Again);
}

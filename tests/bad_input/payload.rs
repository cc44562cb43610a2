//! A payload that is not what its torrent says: told as damaged, tried again, landed once whole.

use super::{Failure, fails, lands, open, release, remade, unharmed};
use crate::event::download;
use lab::{Flavour, Kind, Lab, Torrent, await_for, site};
use nix::{sys::stat::Mode, unistd::mkfifo};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{FileExt, symlink},
    path::{Path, PathBuf},
};

lab::on_both![a_byte_flipped_before_the_hook_reads_it_is_caught];

/// Every damage passes: a peer can cure it.
const DAMAGED: Failure<'_> =
    Failure { exit: 75, state: Some("waiting"), says: &["could not verify "], hint: "" };

/// Turns one bit of a file.
fn flip(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// A payload of many files.
fn folder(lab: &Lab, version: &str) -> (Torrent, PathBuf) {
    let at = lab.folder(&lab.fresh("payload")).unwrap();
    let payload = site::small(version).pack(Kind::Folder, &at, &format!("shop-{version}")).unwrap();
    // mktorrent would follow it.
    fs::remove_file(payload.join("assets/latest.css")).unwrap();
    (remade(lab, &payload), payload)
}

#[test]
fn a_flipped_byte_is_told_as_its_piece_and_lands_once_it_is_right() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    for (version, kind) in
        [("2.0", Kind::Tar), ("3.0", Kind::TarXz), ("4.0", Kind::Folder), ("5.0", Kind::Zip)]
    {
        let (torrent, payload) = match kind {
            Kind::Folder => folder(&lab, version),
            kind => release(&lab, kind, version),
        };
        let inside = match kind {
            Kind::Folder => payload.join("pages/page-19.html"),
            _ => payload.clone(),
        };
        let before = host.current("shop");
        flip(&inside, 70);
        let hint = "let rtorrent check its hash";
        let failure = Failure {
            says: &["could not verify `", "piece 0 of ", "is not what the torrent says"],
            hint,
            ..DAMAGED
        };
        super::fails_by(&host, &torrent.hash, &failure, || host.finished(&torrent, &payload));
        assert_eq!(host.current("shop"), before);
        flip(&inside, 70);
        lands(&host, &torrent, &payload, version);
    }
}

#[test]
fn a_sweep_lands_what_was_damaged_once_it_is_right() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    flip(&payload, 100);
    fails(&host, &torrent, &payload, &DAMAGED);
    host.in_session(&torrent, payload.parent().unwrap());
    host.is_due("shop", &torrent.hash);
    let told = host.log().len();
    assert_eq!(host.run(&["sweep"]).code, 75, "still damaged");
    assert!(host.log()[told..].iter().any(|line| line.contains("is not what the torrent says")));
    unharmed(&host);
    flip(&payload, 100);
    assert_eq!(host.run(&["sweep"]).code, 0, "not due yet");
    unharmed(&host);
    host.is_due("shop", &torrent.hash);
    host.good(&["sweep"]);
    assert_eq!(host.current("shop").as_deref(), Some("releases/2.0"));
}

fn a_byte_flipped_before_the_hook_reads_it_is_caught(lab: &Lab, flavour: Flavour) {
    let host = open(lab, "");
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).start().unwrap();
    let asked = host.checkpoints().join("stage-made");
    fs::write(&asked, "").unwrap();
    let (torrent, payload) = release(lab, Kind::TarZst, "2.0");
    download(&node, &seeder, &torrent, &payload);
    node.await_that("the hook", || asked.with_extension("reached").exists()).unwrap();
    flip(&node.download().join("shop-2.0.tar.zst"), 100);
    fs::write(asked.with_extension("go"), "").unwrap();
    host.await_state(&node, "shop", &torrent.hash, "waiting");
    let shown = || {
        let asked = [torrent.hash.as_str().into(), "seedship_state".into()];
        node.rpc("d.custom", &asked).unwrap().text() == Some("healing")
    };
    node.await_that("told in rtorrent", shown).unwrap();
    let told = host.log();
    assert_eq!(told.iter().filter(|line| line.contains("exit=75")).count(), 1, "{told:#?}");
    unharmed(&host);

    // It is loaded again, and lands by its event once it is whole.
    fs::remove_file(&asked).unwrap();
    let mark = || {
        let asked = [torrent.hash.as_str().into(), "seedship_heal".into()];
        node.rpc("d.custom", &asked).is_ok_and(|mark| mark.text().is_some_and(|m| !m.is_empty()))
    };
    node.await_that("loaded again", mark).unwrap();
    node.add_peer(&torrent.hash, &seeder).unwrap();
    host.await_live(&node, "shop", "2.0");
}

#[test]
fn a_truncated_payload_waits() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::TarGz, "2.0");
    let whole = fs::read(&payload).unwrap();
    for length in [whole.len() - 1, whole.len() / 2, 0] {
        fs::write(&payload, &whole[..length]).unwrap();
        let says = format!("`: it has {length} of {} bytes", whole.len());
        let says = ["could not verify `/", "shop-2.0.tar.gz", says.as_str()];
        fails(
            &host,
            &torrent,
            &payload,
            &Failure { says: &says, hint: "let rtorrent check its hash", ..DAMAGED },
        );
    }
    fs::write(&payload, &whole).unwrap();
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn a_payload_that_is_too_long_lands_and_that_is_said_once() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    for (version, kind) in [("2.0", Kind::TarBz2), ("3.0", Kind::Folder), ("4.0", Kind::Zip)] {
        let (torrent, payload) = match kind {
            Kind::Folder => folder(&lab, version),
            kind => release(&lab, kind, version),
        };
        let file = match kind {
            Kind::Folder => payload.join("index.html"),
            _ => payload.clone(),
        };
        let mut bytes = fs::read(&file).unwrap();
        bytes.extend_from_slice(b"more");
        fs::write(&file, bytes).unwrap();
        let before = host.log().len();
        lands(&host, &torrent, &payload, version);
        let said = host.log().split_off(before);
        let [line] = &said[..] else { panic!("{said:#?}") };
        let note = "is 4 bytes longer than its torrent says: they are not read";
        assert_eq!(line.matches(note).count(), 1, "{line}");
        let history =
            fs::read_to_string(host.root("shop").join(".seedship/history.jsonl")).unwrap();
        assert!(history.lines().last().unwrap().contains(note), "{history}");
    }
}

/// A payload of many files, one of which something is done to.
fn spoilt(spoil: impl FnOnce(&Path)) -> (Lab, Torrent, PathBuf) {
    let lab = Lab::new().unwrap();
    let (torrent, payload) = folder(&lab, "2.0");
    let file = payload.join("pages/page-7.html");
    fs::rename(&file, lab.path().join("kept")).unwrap();
    spoil(&file);
    (lab, torrent, payload)
}

/// It is told as damaged with these words, by name, at once; and lands when the file is back.
fn waits(spoilt: (Lab, Torrent, PathBuf), why: &str) {
    let (lab, torrent, payload) = spoilt;
    let host = open(&lab, "");
    let says = ["could not verify `/", "/pages/page-7.html`: ", why];
    fails(
        &host,
        &torrent,
        &payload,
        &Failure { says: &says, hint: "let rtorrent check its hash", ..DAMAGED },
    );
    let file = payload.join("pages/page-7.html");
    if file.is_dir() {
        fs::remove_dir(&file).unwrap();
    }
    fs::rename(lab.path().join("kept"), file).unwrap();
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn a_missing_file_waits() {
    waits(spoilt(|_| ()), "it is missing");
}

#[test]
fn a_symlink_in_place_of_a_file_is_not_followed() {
    // To the very bytes: it is not what it holds that is wrong.
    let spoilt = spoilt(|file| symlink("../../../kept", file).unwrap());
    waits(spoilt, "it is not a regular file");
}

#[test]
fn a_directory_in_place_of_a_file_waits() {
    waits(spoilt(|file| fs::create_dir(file).unwrap()), "it is not a regular file");
}

#[test]
fn a_fifo_in_place_of_a_file_holds_nobody() {
    let mode = Mode::from_bits_truncate(0o644);
    waits(spoilt(|file| mkfifo(file, mode).unwrap()), "it is not a regular file");
}

#[test]
fn a_fifo_in_place_of_an_archive_holds_nobody() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    fs::remove_file(&payload).unwrap();
    mkfifo(&payload, Mode::from_bits_truncate(0o644)).unwrap();
    let says = ["it is not a regular file"];
    fails(
        &host,
        &torrent,
        &payload,
        &Failure { says: &says, hint: "let rtorrent check its hash", ..DAMAGED },
    );
}

#[test]
fn a_payload_that_shrinks_while_it_is_read_is_damaged() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    let file = lab.path().join("2.torrent");
    torrent.write_to(&file).unwrap();
    let asked = host.checkpoints().join("stage-made");
    fs::write(&asked, "").unwrap();
    let (file, place) = (file.to_str().unwrap(), payload.to_str().unwrap());
    let args = ["finished", &torrent.hash, "--torrent", file, "--payload", place];
    let mut hook = host.command(&args).spawn().unwrap();
    await_for("the hook", || asked.with_extension("reached").exists()).unwrap();
    File::options().write(true).open(&payload).unwrap().set_len(5000).unwrap();
    fs::write(asked.with_extension("go"), "").unwrap();
    assert_eq!(hook.wait().unwrap().code(), Some(75));
    let told = host.log();
    assert!(told.last().unwrap().contains("it became shorter than "), "{told:#?}");
    assert_eq!(host.state("shop", &torrent.hash).as_deref(), Some("waiting"));
    unharmed(&host);
}

//! A disk that is full, for real: a file system in memory whose size is set so that it runs out of
//! bytes, or of inodes, one step later each time.

use super::survived;
use crate::{
    drill::{self, Act, Drill},
    host::Run,
};
use lab::mounts::{self, Mount};
use std::{
    fs,
    io::{self, Write},
    path::Path,
};

const COMMANDS: [&Act; 5] =
    [&drill::DEPLOY, &drill::ROLLBACK, &drill::ACTIVATE, &drill::HOLD, &drill::PRUNE];
/// What one page of memory holds.
const PAGE: u64 = 4096;

/// Each command with nothing left, with a little left, and so on until it is enough.
fn runs_out(limit: fn(&Drill<'_>, u64) -> String) {
    let mut full = 0;
    for act in COMMANDS {
        let lab = drill::lab();
        let root = lab.folder("www/shop").unwrap();
        let mount =
            Mount::new(&["-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs"], &root).unwrap();
        let drill = Drill::new(&lab, act);
        drill.needs_no_room();
        for free in 0.. {
            mount.remount("size=64m,nr_inodes=10000").unwrap();
            drill.again();
            mount.remount(&limit(&drill, free)).unwrap();
            let run = Run::of(drill.command().output().unwrap());
            let served = drill.served();
            let what = format!("{free} left");
            assert!(served == drill.before() || run.code == 0, "{}, {what}: {run:?}", act.name);
            let warned = drill.logged().contains("no space left on device");
            mount.remount("size=64m,nr_inodes=10000").unwrap();
            survived(&drill, &what, &run, &["no space left on device", "could not make room"]);
            if run.code == 0 && !warned {
                break;
            }
            full += 1;
            assert!(free < 40, "{}: it is never enough", act.name);
        }
    }
    assert!(full > COMMANDS.len(), "it ran out {full} times");
}

#[test]
fn out_of_bytes() {
    if !lab::own_mounts!() {
        return;
    }
    runs_out(|drill, free| {
        let used = drill.statfs().blocks() - drill.statfs().blocks_free();
        format!("size={}", (used + free) * PAGE)
    });
    lab::withstood!(
        "Faults",
        "a full disk, for five commands: no page left, one, two … until it is enough",
        COMMANDS.len(),
        "74, naming what could not be written; one sweep brings order when there is room",
        true,
    );
}

#[test]
fn out_of_inodes() {
    if !lab::own_mounts!() {
        return;
    }
    runs_out(|drill, free| {
        let used = drill.statfs().files() - drill.statfs().files_free();
        format!("nr_inodes={}", used + free)
    });
    lab::withstood!(
        "Faults",
        "no inodes, for five commands: none left, one, two … until it is enough",
        COMMANDS.len(),
        "74, naming what could not be made; one sweep brings order when there are some",
        true,
    );
}

/// What a person types when the disk is full must work when the disk is full.
#[test]
fn an_operator_works_on_a_full_disk() {
    if !lab::own_mounts!() {
        return;
    }
    let typed: [&Act; 4] = [&drill::ROLLBACK, &drill::ACTIVATE, &drill::HOLD, &drill::PRUNE];
    let full: [fn(&Drill<'_>) -> String; 2] = [
        |drill| {
            let used = drill.statfs().blocks() - drill.statfs().blocks_free();
            format!("size={}", used * PAGE)
        },
        |drill| format!("nr_inodes={}", drill.statfs().files() - drill.statfs().files_free()),
    ];
    for (act, full) in typed.iter().flat_map(|act| full.map(|full| (act, full))) {
        let lab = drill::lab();
        let root = lab.folder("www/shop").unwrap();
        let mount =
            Mount::new(&["-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs"], &root).unwrap();
        let drill = Drill::new(&lab, act);
        drill.again();
        mount.remount(&full(&drill)).unwrap();
        let run = Run::of(drill.command().output().unwrap());
        assert_eq!(run.code, 0, "{}: {run:?}", act.name);
        mount.remount("size=64m,nr_inodes=10000").unwrap();
        survived(&drill, "nothing left", &run, &[]);
    }
    lab::withstood!(
        "Faults",
        "a wholly full disk, by bytes and by inodes, and an operator who types four commands",
        typed.len() * full.len(),
        "they work, with a little room that each deploy sets aside for them",
        true,
    );
}

/// The same on file systems that lie on a disk, and take room for what memory has for nothing: a
/// directory that grows, a journal, a copy of what is shared.
#[test]
fn an_operator_works_on_a_full_file_system_of_a_disk() {
    let typed: [&Act; 4] = [&drill::ROLLBACK, &drill::ACTIVATE, &drill::HOLD, &drill::PRUNE];
    for (kind, act) in ["ext4", "xfs"].iter().flat_map(|kind| typed.map(|act| (kind, act))) {
        let lab = drill::lab();
        let (root, disk) = (lab.folder("www/shop").unwrap(), lab.path().join("disk.img"));
        let made = mounts::image(kind, &disk);
        let loops = ["-o", "loop", disk.to_str().unwrap()];
        let mount = match made.and_then(|()| Mount::new(&loops, &root)) {
            Ok(mount) => mount,
            Err(why) => {
                lab::skip(why);
                return;
            }
        };
        let drill = Drill::new(&lab, act);
        drill.again();
        let filler = root.join("filler");
        fill(&filler);
        let run = Run::of(drill.command().output().unwrap());
        assert_eq!(run.code, 0, "{kind}, {}: {run:?}", act.name);
        fs::remove_file(&filler).unwrap();
        survived(&drill, &format!("{kind} is full"), &run, &[]);
        drop(drill);
        mount.unmount().unwrap();
    }
    lab::withstood!(
        "Faults",
        "a wholly full ext4 and xfs, and an operator who types four commands",
        2 * typed.len(),
        "they work, with a little room that each deploy sets aside for them",
        true,
    );
}

/// Writes until nothing more can be written, down to the last byte.
fn fill(filler: &Path) {
    let mut file = fs::File::create(filler).unwrap();
    for size in [1 << 20, 4096, 1] {
        let bytes = vec![1; size];
        let end =
            (0..1 << 20).find_map(|_| file.write_all(&bytes).and_then(|()| file.sync_data()).err());
        assert_eq!(end.unwrap().kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn it_is_read_only() {
    if !lab::own_mounts!() {
        return;
    }
    let all: [&Act; 8] = [
        &drill::DEPLOY,
        &drill::CLEANING,
        &drill::ROLLBACK,
        &drill::ACTIVATE,
        &drill::HOLD,
        &drill::UNHOLD,
        &drill::PRUNE,
        &drill::ADOPT,
    ];
    for act in all {
        let lab = drill::lab();
        let root = lab.folder("www/shop").unwrap();
        let mount = Mount::new(&["-t", "tmpfs", "-o", "mode=755", "tmpfs"], &root).unwrap();
        let drill = Drill::new(&lab, act);
        drill.again();
        lab::await_for(format!("{}: read-only", act.name), || mount.remount("ro").is_ok()).unwrap();
        let run = Run::of(drill.command().output().unwrap());
        assert_ne!(run.code, 0, "{}: {run:?}", act.name);
        assert_eq!(drill.served(), drill.before());
        // Whoever only looks can still look.
        for screen in [&["status", "shop"][..], &["releases", "shop"], &["history", "shop"]] {
            drill.host.good(screen);
        }
        mount.remount("rw").unwrap();
        survived(&drill, "read-only", &run, &["read-only file system"]);
    }
    lab::withstood!(
        "Faults",
        "a read-only file system, for eight commands",
        all.len(),
        "77, naming the path; status, releases and history work",
        true,
    );
}

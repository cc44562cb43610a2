//! File systems that keep no promise, and roots that lie on two mounts.

use super::survived;
use crate::{
    drill::{self, Drill},
    host::Run,
};
use lab::{mounts::Mount, site, skip, strace};
use std::{fs, process::Command};

/// By the magic number that statfs(2) tells, as its bytes lie in memory, and by name.
const UNSAFE: [(&str, &str); 8] = [
    ("46557365", "FUSE"),
    ("69690000", "NFS"),
    ("424d53ff", "CIFS"),
    ("424d53fe", "SMB"),
    ("7b510000", "SMB"),
    ("97190201", "9P"),
    ("0064c300", "Ceph"),
    ("4f414653", "AFS"),
];

/// Refused in one line before anything is read, and lands when it lies elsewhere.
fn refused(drill: &Drill<'_>, run: &Run, name: &str) {
    assert_eq!(run.code, 73, "{name}: {run:?}");
    let line = run.stderr.lines().find(|line| line.contains("could not")).unwrap_or_default();
    assert!(line.contains("could not deploy into `"), "{name}: {run:?}");
    assert!(
        line.contains(&format!("it lies on {name}, which does not promise")),
        "{name}: {run:?}"
    );
    assert_eq!(drill.served(), "2.0", "{name}");
    assert_eq!(drill.host.releases("shop"), ["1.0", "2.0"], "{name}");
    assert_eq!(drill.left_over(), [""; 0], "{name}");
}

#[test]
fn one_that_only_says_so() {
    if let Some(why) = strace::unavailable() {
        return skip(why);
    }
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    for (bytes, name) in UNSAFE {
        drill.again();
        // 64 bits, the least significant byte first.
        let rule = format!("fstatfs:poke_exit=@arg2={bytes}00000000");
        let run = Run::of(strace::injecting(&[rule], &drill.command()).output().unwrap());
        refused(&drill, &run, name);
        survived(&drill, name, &run, &[]);
    }
    lab::withstood!(
        "Faults",
        "a file system whose syncfs is no promise (FUSE, NFS, CIFS, SMB, 9P, Ceph, AFS by statfs)",
        UNSAFE.len(),
        "refused in one line that names it, 73, before a byte is read",
        true,
    );
}

#[test]
fn a_real_one_in_user_space() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    drill.again();
    let root = drill.host.root("shop");
    let bound = Command::new("bindfs").arg(&root).arg(&root).output();
    if !bound.as_ref().is_ok_and(|output| output.status.success()) {
        return skip(format!("bindfs cannot mount here: {bound:?}"));
    }
    let run = Run::of(drill.command().output().unwrap());
    refused(&drill, &run, "FUSE");
    site::run(Command::new("umount").arg("-l").arg(&root)).unwrap();
    survived(&drill, "bindfs", &run, &[]);
    lab::withstood!(
        "Faults",
        "a root on bindfs",
        1,
        "refused in one line that names FUSE, 73",
        true
    );
}

/// Two mounts of one disk have one number and are two for every rename.
#[test]
fn releases_on_a_mount_of_their_own() {
    if !lab::own_mounts!() {
        return;
    }
    let acts = [&drill::DEPLOY, &drill::RECOVERY, &drill::ROLLBACK, &drill::PRUNE, &drill::ADOPT];
    for act in acts {
        let lab = drill::lab();
        let drill = Drill::new(&lab, act);
        drill.again();
        let root = drill.host.root("shop");
        let releases = root.join("releases");
        let _mount = Mount::new(&["--bind", releases.to_str().unwrap()], &releases).unwrap();
        let before = fs::read_dir(&root).unwrap().count();
        let run = Run::of(drill.command().output().unwrap());
        if act.name == drill::ADOPT.name {
            assert_eq!(run.code, 73, "{run:?}");
            assert!(
                run.stderr.contains("could not adopt `")
                    && run.stderr.contains("nothing was changed"),
                "{run:?}"
            );
            assert_eq!(fs::read_dir(&root).unwrap().count(), before);
            assert_eq!(drill.served(), "theirs");
        } else {
            assert_eq!(run.code, 0, "{}: {run:?}", act.name);
        }
        survived(&drill, "releases/ is mounted", &run, &["could not adopt"]);
    }
    lab::withstood!(
        "Faults",
        "releases/ a second mount of the same disk",
        acts.len(),
        "goes live, goes back and is pruned as ever; a real directory is not taken over, 73, nothing changed",
        true,
    );
}

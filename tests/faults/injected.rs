//! Errors of the kernel at each system call that changes something, and at many that look.
//!
//! All of them would take minutes; a sample is drawn evenly (`SEEDSHIP_FAULTS` sets how many of each
//! command and error, 0 all of them).

use super::survived;
use crate::{
    drill::{self, Act, Drill},
    host::Run,
};
use lab::strace::{self, Call};

const COMMANDS: [&Act; 9] = [
    &drill::DEPLOY,
    &drill::CLEANING,
    &drill::ROLLBACK,
    &drill::ACTIVATE,
    &drill::HOLD,
    &drill::UNHOLD,
    &drill::PRUNE,
    &drill::ADOPT,
    &drill::ADOPT_TREE,
];

/// Writes into a file; what is printed is not meant.
fn writes(call: &Call) -> bool {
    call.name == "write" && !["write(1,", "write(2,"].iter().any(|out| call.text.starts_with(out))
}

/// Makes, renames or removes an entry.
fn renames(call: &Call) -> bool {
    let names = ["mkdirat", "renameat", "renameat2", "symlinkat", "unlinkat"];
    names.contains(&call.name.as_str()) && call.worked() || call.opens_for_writing()
}

fn syncs(call: &Call) -> bool {
    call.name == "fsync" || call.name == "syncfs"
}

fn changes_rights(call: &Call) -> bool {
    ["fchmod", "fchown", "utimensat", "ftruncate"].contains(&call.name.as_str())
}

fn looks(call: &Call) -> bool {
    let names = ["read", "pread64", "getdents64", "readlinkat", "newfstatat", "statx", "fstatfs"];
    let reads = names.contains(&call.name.as_str()) || call.name == "openat";
    // A test's own points are not there in a release, and /proc is no disk.
    let disk = !call.text.contains("/checkpoints/") && !call.text.contains("\"/proc/");
    reads && disk && !call.opens_for_writing()
}

/// Commands one after the other, with this error, told in these words, at these calls. Returns how
/// many were hit, if as many as stand in the document.
fn struck(error: &str, says: &str, which: impl Fn(&Call) -> bool) -> Option<usize> {
    if let Some(why) = strace::unavailable() {
        lab::skip(why);
        return None;
    }
    let each = std::env::var("SEEDSHIP_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut cases = 0;
    for act in COMMANDS {
        let lab = drill::lab();
        let drill = Drill::new(&lab, act);
        // Another thread's number would be met by the first one before.
        let which = |call: &Call| call.first && which(call);
        let calls: Vec<Call> = drill.rehearsed().into_iter().filter(which).collect();
        let many = if each == 0 { calls.len() } else { each.min(calls.len()) };
        for call in (0..many).map(|n| &calls[n * calls.len() / many]) {
            drill.again();
            let rule = format!("{}:error={error}:when={}", call.name, call.nth);
            let run = Run::of(strace::injecting(&[rule], &drill.command()).output().unwrap());
            survived(
                &drill,
                &format!("{error} at {} {}: {}", call.name, call.nth, call.text),
                &run,
                &[says],
            );
            cases += 1;
        }
    }
    assert!(cases > COMMANDS.len(), "{cases}");
    std::env::var_os("SEEDSHIP_FAULTS").is_none().then_some(cases)
}

const HAPPENED: &str =
    "done all the same, or not, and then it says what failed; one sweep brings order";

#[test]
fn no_space_at_a_write() {
    let Some(cases) = struck("ENOSPC", "no space left on device", writes) else { return };
    lab::withstood!(
        "Faults",
        "disk full (ENOSPC) at writes of nine commands",
        cases,
        HAPPENED,
        true
    );
}

#[test]
fn no_space_for_a_name() {
    let Some(cases) = struck("ENOSPC", "no space left on device", renames) else { return };
    lab::withstood!(
        "Faults",
        "disk full (ENOSPC) at files, directories, links and renames of nine commands",
        cases,
        HAPPENED,
        true
    );
}

#[test]
fn a_sync_fails() {
    let Some(cases) = struck("EIO", "input/output error", syncs) else { return };
    lab::withstood!("Faults", "EIO at fsync and syncfs of nine commands", cases, HAPPENED, true);
}

#[test]
fn a_write_fails() {
    let Some(cases) = struck("EIO", "input/output error", writes) else { return };
    lab::withstood!("Faults", "EIO at writes of nine commands", cases, HAPPENED, true);
}

#[test]
fn a_look_fails() {
    let Some(cases) = struck("EIO", "input/output error", looks) else { return };
    lab::withstood!(
        "Faults",
        "EIO at reads, listings and looks of nine commands",
        cases,
        HAPPENED,
        true
    );
}

#[test]
fn it_becomes_read_only() {
    let Some(cases) =
        struck("EROFS", "read-only file system", |call| renames(call) || changes_rights(call))
    else {
        return;
    };
    lab::withstood!(
        "Faults",
        "a file system that turns read-only, at changes of nine commands",
        cases,
        HAPPENED,
        true
    );
}

#[test]
fn a_right_is_lost() {
    let Some(cases) = struck("EACCES", "permission denied", |call| {
        renames(call) || changes_rights(call) || looks(call)
    }) else {
        return;
    };
    lab::withstood!(
        "Faults",
        "permission lost (EACCES) at changes and looks of nine commands",
        cases,
        HAPPENED,
        true
    );
}

/// The thread that unpacks is counted from its beginning, by a tracer that comes just before.
#[test]
fn a_call_of_the_unpacking_thread_fails() {
    if let Some(why) = strace::unavailable() {
        return lab::skip(why);
    }
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    let (mut cases, mut waited) = (0, 0);
    for (call, most) in [
        ("openat", 8),
        ("write", 6),
        ("mkdirat", 1),
        ("symlinkat", 1),
        ("fchmod", 6),
        ("utimensat", 6),
    ] {
        for (error, says) in [
            ("ENOSPC", "no space left on device"),
            ("EIO", "input/output error"),
            ("EROFS", "read-only file system"),
        ] {
            for nth in 1..=most {
                drill.again();
                let deploy = drill.host.parked(drill.event("3.0"), "stage-made");
                let rule = format!("{call}:error={error}:when={nth}");
                let mut tracer = match strace::attached(&[rule], deploy.pid) {
                    Ok(tracer) => tracer,
                    Err(why) => return lab::skip(why),
                };
                let code = deploy.go();
                tracer.wait().unwrap();
                let run = Run { code, stdout: String::new(), stderr: String::new() };
                survived(
                    &drill,
                    &format!("{error} at {call} {nth} while it unpacks"),
                    &run,
                    &[says],
                );
                waited += usize::from(code != 0);
                cases += 1;
            }
        }
    }
    assert!(waited * 2 > cases, "{waited} of {cases}");
    lab::withstood!(
        "Faults",
        "ENOSPC, EIO and EROFS at calls of the thread that unpacks",
        cases,
        "74 or 77, naming the path and the root it lies in; the next sweep lands it",
        true,
    );
}

/// `rename` where the file system can do nothing better; only these two errors mean that.
#[test]
fn neither_exchange_nor_noreplace() {
    if let Some(why) = strace::unavailable() {
        return lab::skip(why);
    }
    let mut cases = 0;
    for error in ["EINVAL", "ENOSYS"] {
        for act in [&drill::DEPLOY, &drill::CLEANING, &drill::ROLLBACK, &drill::ACTIVATE] {
            let lab = drill::lab();
            let drill = Drill::new(&lab, act);
            let rule = format!("renameat2:error={error}");
            let run = Run::of(strace::injecting(&[rule], &drill.command()).output().unwrap());
            assert_eq!(run.code, 0, "{}: {run:?}", act.name);
            survived(&drill, error, &run, &[]);
            let previous = std::fs::read_link(drill.host.root("shop").join("previous")).unwrap();
            assert_eq!(previous, std::path::Path::new("releases/2.0"), "{}", act.name);
            cases += 1;
        }
        // A directory and a link cannot change places in one step by a plain rename.
        let lab = drill::lab();
        let drill = Drill::new(&lab, &drill::ADOPT);
        let rule = format!("renameat2:error={error}");
        let run = Run::of(strace::injecting(&[rule], &drill.command()).output().unwrap());
        assert_eq!(run.code, 73, "{run:?}");
        assert!(run.stderr.contains("cannot exchange a directory with a link"), "{run:?}");
        assert_eq!(drill.served(), "theirs");
        survived(&drill, error, &run, &["could not adopt"]);
        cases += 1;
    }
    lab::withstood!(
        "Faults",
        "a file system without EXCHANGE and NOREPLACE (EINVAL, ENOSYS)",
        cases,
        "switched by rename, in one step too; a real directory is not taken over, 73, nothing changed",
        true,
    );
}

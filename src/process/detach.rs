//! Leaving the parent behind: rtorrent hands its children what they must not keep.
//!
//! Seen: SIGPIPE and SIGALRM blocked (0.16), SIGPIPE ignored (0.9.8, 0.15), two sockets and the
//! log file left open (0.16), and the session of the terminal that rtorrent runs in (0.9.8, 0.15),
//! whose hang-up would kill a deploy half-way.

use nix::{
    sys::{
        signal::SigSet,
        stat::{Mode, umask},
    },
    unistd::{close, setsid},
};
use std::{
    fs,
    io::{IsTerminal, stderr, stdin, stdout},
    os::fd::RawFd,
};

/// Drops what a parent such as rtorrent, cron or a timer left to this process: the blocked
/// signals, every descriptor but the standard three, and its session, unless a standard stream is
/// a terminal (so that Ctrl-C works by hand).
///
/// To be called first in `main`, before anything is opened and any thread started: it closes
/// whatever is open. Two things are not done here because Rust's runtime did them before `main`:
/// standard streams that were closed are `/dev/null`, and SIGPIPE is ignored, which is what this
/// program wants (a write tells of the broken pipe); [`std::process::Command`] gives children its
/// default back. An ignored signal is the only disposition that survives exec.
pub fn detach() {
    // Neither can fail on these arguments; if they did, the deploy could still be done.
    let _ = SigSet::empty().thread_set_mask();
    close_foreign();
    if !(stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal()) {
        // Refused to the leader of a process group, which has a group of its own already.
        let _ = setsid();
    }
}

/// Takes from the inherited umask what would keep this user out of what this process makes: sudo
/// passes on even one of 0777, by which `releases` would be closed to its owner for good.
pub fn spare_own() {
    let inherited = umask(Mode::empty());
    let _ = umask(inherited & !Mode::S_IRWXU);
}

/// Closes every descriptor but the standard three; to be called before anything is opened.
pub(super) fn close_foreign() {
    for descriptor in foreign() {
        let _ = close(descriptor);
    }
}

/// What is open beside the standard streams. The listing's own descriptor is among them and
/// closed by the time this returns.
fn foreign() -> Vec<RawFd> {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    open.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{child_case, child_side};
    use nix::sys::signal::Signal;
    use std::process::{Command, Stdio};

    #[test]
    #[ignore = "the child's side of the tests below"]
    fn the_child() {
        let Some(case) = child_case() else { return };
        if case == "detached" {
            detach();
        }
        let leads = nix::unistd::getsid(None) == Ok(nix::unistd::getpid());
        let link = |fd: &RawFd| fs::read_link(format!("/proc/self/fd/{fd}"));
        let open = foreign().iter().filter(|fd| link(fd).is_ok()).count();
        let blocked: Vec<Signal> = SigSet::thread_get_mask().unwrap().iter().collect();
        println!("\nleads its session: {leads}");
        println!("foreign descriptors: {open}");
        println!("blocked: {blocked:?}");
        println!("input {:?}, errors {:?}", link(&0).unwrap(), link(&2).unwrap());
        let status = Command::new("cat").arg("/proc/self/status").output().unwrap().stdout;
        let status = String::from_utf8_lossy(&status).into_owned();
        let has_pipe = |line: &str| {
            let mask = status.lines().find_map(|l| l.strip_prefix(line)).unwrap().trim();
            u64::from_str_radix(mask, 16).unwrap() & 1 << (Signal::SIGPIPE as u64 - 1) != 0
        };
        println!("its child blocks: {}, ignores: {}", has_pipe("SigBlk:"), has_pipe("SigIgn:"));
    }

    /// Runs the child as rtorrent would: two signals blocked, two descriptors too many.
    fn as_rtorrents_child(case: &str) -> String {
        let ours = child_side("process::detach::tests::the_child", case);
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' PIPE; exec 7</dev/null 9>&1; exec \"$@\"", "sh"]);
        shell.arg(ours.get_program()).args(ours.get_args());
        shell.env("SEEDSHIP_TEST_CASE", case).stdin(Stdio::null());
        let mut blocked = SigSet::empty();
        blocked.add(Signal::SIGPIPE);
        blocked.add(Signal::SIGALRM);
        // The mask of this thread alone, and only until the child has it.
        let before = SigSet::thread_get_mask().unwrap();
        blocked.thread_set_mask().unwrap();
        let output = shell.output();
        before.thread_set_mask().unwrap();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    #[test]
    fn nothing_of_the_parent_is_left() {
        let inherited = as_rtorrents_child("inherited");
        let as_it_came = ["blocked: [SIGPIPE, SIGALRM]", "leads its session: false"];
        for line in as_it_came {
            assert!(inherited.contains(line), "{line} is not in {inherited}");
        }
        assert!(!inherited.contains("foreign descriptors: 0"), "{inherited}");

        let detached = as_rtorrents_child("detached");
        let clean = [
            "blocked: []",
            "leads its session: true",
            "foreign descriptors: 0",
            "its child blocks: false, ignores: false",
        ];
        for line in clean {
            assert!(detached.contains(line), "{line} is not in {detached}");
        }
    }

    #[test]
    fn closed_standard_streams_are_dev_null() {
        let ours = child_side("process::detach::tests::the_child", "detached");
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 0<&- 2>&-; exec \"$@\"", "sh"]);
        shell.arg(ours.get_program()).args(ours.get_args());
        let output = shell.env("SEEDSHIP_TEST_CASE", "detached").output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(r#"input "/dev/null", errors "/dev/null""#), "{told}");
    }
}

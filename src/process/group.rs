//! Ending what a killed deploy left running.
//!
//! A command that a deploy started outlives a SIGKILL of the deploy, and would go on working in a
//! site that the next deploy takes over. It is ended by its process group, and never by accident:
//! a group is touched only while it can be shown to be the dead process's own.

use super::who::{Stat, Who};
use crate::error::{Error, Exit, Result, escaped};
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::{Pid, getpgrp},
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// How long a group may take to end by itself after SIGTERM, and again after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);

/// Ends what is left of a dead process's group: SIGTERM, and SIGKILL to what still runs a second
/// later. Says whether there was anything to end. Returns within two seconds.
///
/// Nothing is touched unless the group was led by that process (a group shared with a script is
/// the script's), in this boot, and everybody in it is younger. The kernel does not give a number
/// away while a group bears it, so a stranger could be hit only if every child had ended, the
/// number came round again, and its new leader had gone too, leaving children of the same user.
pub fn end_group(who: &Who) -> Result<bool> {
    if who.is_alive() || !leads_its_own(who) || !is_left(who) {
        return Ok(false);
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        send(who, signal)?;
        if ended_within(PATIENCE, who) {
            return Ok(true);
        }
    }
    let thing =
        format!("process group {} of a killed `{}`", who.group, escaped(who.command.as_bytes()));
    Err(Error::new(Exit::Again, "end", thing, "it still runs after SIGKILL")
        .hint("it hangs in the kernel (`ps -eo pid,pgid,stat,wchan`): cure its disk or NFS, then try again"))
}

/// The group was that process's, in this boot, and is not the one we are in.
fn leads_its_own(who: &Who) -> bool {
    let mine = u32::try_from(getpgrp().as_raw()).ok();
    who.group > 1 && who.group == who.pid && mine != Some(who.group) && who.is_of_this_boot()
}

/// Somebody in the group still runs, and everybody in it may be a child of its leader.
fn is_left(who: &Who) -> bool {
    let recycled = Stat::of(who.pid).is_some_and(|now| now.start != who.start);
    let members = members(who.group);
    !recycled
        && members.iter().all(|member| member.start >= who.start)
        && members.iter().any(Stat::runs)
}

fn members(group: u32) -> Vec<Stat> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Stat::of).filter(|stat| stat.group == group).collect()
}

fn send(who: &Who, signal: Signal) -> Result<()> {
    let Ok(group) = i32::try_from(who.group) else { return Ok(()) };
    match killpg(Pid::from_raw(group), signal) {
        // Gone in the meantime.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(cause) => {
            let thing = format!("process group {}", who.group);
            Err(Error::new(Exit::Permission, "end", thing, cause.desc())
                .hint("a command of the killed deploy changed its user: end it as root"))
        }
    }
}

fn ended_within(patience: Duration, who: &Who) -> bool {
    let until = Instant::now() + patience;
    while is_left(who) {
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        os::unix::process::CommandExt,
        process::{Child, Command, Stdio},
    };

    /// A leader in a group of its own that has started one child; the child's number.
    fn leader(script: &str) -> (Child, Who, u32) {
        let mut leader = Command::new("sh")
            .args(["-c", script])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(leader.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let stat = Stat::of(leader.id()).unwrap();
        let mut who = Who::me("finished", None).unwrap();
        (who.pid, who.start, who.group) = (leader.id(), stat.start, stat.group);
        (leader, who, line.trim().parse().unwrap())
    }

    fn runs(pid: u32) -> bool {
        Stat::of(pid).is_some_and(|stat| stat.runs())
    }

    #[test]
    fn a_live_leader_is_left_alone() {
        let (mut leader, who, child) = leader("sleep 60 & echo $!; wait");
        assert!(!end_group(&who).unwrap());
        assert!(runs(leader.id()) && runs(child));
        killpg(Pid::from_raw(leader.id().cast_signed()), Signal::SIGKILL).unwrap();
        leader.wait().unwrap();
    }

    #[test]
    fn the_child_of_a_dead_leader_is_ended() {
        let (mut leader, who, child) = leader("sleep 60 & echo $!; wait");
        leader.kill().unwrap();
        leader.wait().unwrap();
        assert!(runs(child));
        assert!(end_group(&who).unwrap());
        assert!(!runs(child));
        assert!(!end_group(&who).unwrap());
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed() {
        let script = "(trap '' TERM; exec sleep 60) & echo $!; wait";
        let (mut leader, who, child) = leader(script);
        // The trap is set when the shell has become `sleep`.
        let is_sleep = || fs::read_to_string(format!("/proc/{child}/comm")).unwrap() == "sleep\n";
        while !is_sleep() {
            thread::yield_now();
        }
        leader.kill().unwrap();
        leader.wait().unwrap();
        assert!(end_group(&who).unwrap());
        assert!(!runs(child));
    }

    #[test]
    fn strangers_are_never_hit() {
        let (mut leader, who, child) = leader("sleep 60 & echo $!; wait");
        let strangers = [
            // The number was given to a process that started at another time.
            Who { start: who.start - 1, ..who.clone() },
            Who { start: who.start + 1, ..who.clone() },
            // It was in a group that another led.
            Who { pid: child, ..who.clone() },
            // Another boot.
            Who { boot: "another".into(), ..who.clone() },
        ];
        for stranger in &strangers {
            assert!(!end_group(stranger).unwrap(), "{stranger}");
            assert!(runs(child), "{stranger}");
        }
        leader.kill().unwrap();
        leader.wait().unwrap();
        // No leader to look at: members older than it cannot be its children.
        assert!(!end_group(&Who { start: who.start + 1000, ..who.clone() }).unwrap());
        assert!(runs(child));
        assert!(end_group(&who).unwrap());
    }
}

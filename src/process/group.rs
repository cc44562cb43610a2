//! Process groups: ending what a killed process left running.
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
    fmt, fs, thread,
    time::{Duration, Instant},
};

/// A process group, known again after its number was given to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// The number of its leader, which is its own.
    pub leader: u32,
    /// When the leader started, in clock ticks since boot.
    pub start: u64,
}

/// `1234/567890`
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.leader, self.start)
    }
}

impl Group {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (leader, start) = text.split_once('/')?;
        Some(Self { leader: leader.parse().ok()?, start: start.parse().ok()? })
    }

    /// The group that this process leads, if it does.
    pub(super) fn led_by(pid: u32) -> Option<Self> {
        let stat = Stat::of(pid).filter(|stat| stat.group == pid)?;
        Some(Self { leader: pid, start: stat.start })
    }

    /// Somebody in it runs, and everybody in it may be a child of its leader. The kernel gives its
    /// number to nobody while a group bears it, so if another has it, no child is left.
    pub(super) fn is_left(self) -> bool {
        let recycled = Stat::of(self.leader).is_some_and(|now| now.start != self.start);
        let members = self.members();
        !recycled
            && members.iter().all(|member| member.start >= self.start)
            && members.iter().any(Stat::runs)
    }

    fn members(self) -> Vec<Stat> {
        let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(Stat::of).filter(|stat| stat.group == self.leader).collect()
    }

    /// Signals everybody in it.
    pub(super) fn signal(self, signal: Signal) -> nix::Result<()> {
        let group = i32::try_from(self.leader).map_err(|_| Errno::ESRCH)?;
        killpg(Pid::from_raw(group), signal)
    }
}

/// How long a group may take to end by itself after SIGTERM, and again after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);

/// Ends what is left of a dead process's group: SIGTERM, and SIGKILL to what still runs a second
/// later. Says whether there was anything to end. Returns within two seconds.
///
/// Nothing is touched unless the group was led by that process or by a command that it started (a
/// group shared with a script is the script's), in this boot, and everybody in it is younger. A
/// stranger could be hit only if every child had ended, the number came round again, and its new
/// leader had gone too, leaving children of the same user.
///
/// # Errors
/// 75 if something cannot be killed, 77 if it has become another user's.
pub fn end_group(who: &Who) -> Result<bool> {
    let Some(group) = who.group.filter(|_| !who.is_alive() && who.is_of_this_boot()) else {
        return Ok(false);
    };
    let mine = u32::try_from(getpgrp().as_raw()).ok();
    if group.leader <= 1 || mine == Some(group.leader) || !group.is_left() {
        return Ok(false);
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        send(group, signal)?;
        if ended_within(PATIENCE, group) {
            return Ok(true);
        }
    }
    let command = escaped(who.command.as_bytes());
    let thing = format!("process group {} of a killed `{command}`", group.leader);
    Err(Error::new(Exit::Again, "end", thing, "it still runs after SIGKILL")
        .hint("it hangs in the kernel (`ps -eo pid,pgid,stat,wchan`): cure its disk or NFS, then try again"))
}

fn send(group: Group, signal: Signal) -> Result<()> {
    match group.signal(signal) {
        // Gone in the meantime.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(cause) => {
            let thing = format!("process group {}", group.leader);
            Err(Error::new(Exit::Permission, "end", thing, cause.desc())
                .hint("a command of the killed deploy changed its user: end it as root"))
        }
    }
}

fn ended_within(patience: Duration, group: Group) -> bool {
    let until = Instant::now() + patience;
    while group.is_left() {
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
        (who.pid, who.start, who.group) = (leader.id(), stat.start, Group::led_by(leader.id()));
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
        let (led, dead) = (who.group.unwrap(), Who { start: who.start + 1, ..who.clone() });
        let strangers = [
            // The number was given to a process that started at another time.
            Who { group: Some(Group { start: led.start - 1, ..led }), ..dead.clone() },
            Who { group: Some(Group { start: led.start + 1, ..led }), ..dead.clone() },
            // It was in a group that another led.
            Who { group: Group::led_by(child), ..dead.clone() },
            // Another boot.
            Who { boot: "another".into(), ..dead },
        ];
        for stranger in &strangers {
            assert!(!end_group(stranger).unwrap(), "{stranger}");
            assert!(runs(child), "{stranger}");
        }
        leader.kill().unwrap();
        leader.wait().unwrap();
        // No leader to look at: members older than it cannot be its children.
        let older = Group { start: led.start + 1000, ..led };
        assert!(!end_group(&Who { group: Some(older), ..who.clone() }).unwrap());
        assert!(runs(child));
        assert!(end_group(&who).unwrap());
    }
}

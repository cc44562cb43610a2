//! `strace`: which system calls a program makes, and the same program with one of them failing, or
//! its last.
//!
//! Calls are told apart by their name and their number among those of that name in their thread:
//! that is how `strace` counts what it is to inject, each thread by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::error::{During, Error, Result};
use crate::lab::await_until;

/// A system call that a program made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The how many-th of that name in its thread, from 1.
    pub nth: usize,
    /// Its thread is the one that the program began with.
    pub first: bool,
    /// Its arguments and what it returned, as `strace` prints them.
    pub text: String,
}

impl Call {
    /// It did what it was asked.
    pub fn worked(&self) -> bool {
        let returned = self.text.rsplit_once(") ").map(|(_, rest)| rest.trim_start());
        returned.is_some_and(|returned| returned.starts_with("= ") && !returned.contains("= -"))
    }

    /// It opens something for writing.
    pub fn opens_for_writing(&self) -> bool {
        self.name == "openat" && ["O_WRONLY", "O_RDWR"].iter().any(|mode| self.text.contains(mode))
    }
}

/// Why no program can be traced here, if none can.
pub fn unavailable() -> Option<String> {
    let tried = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("strace: {error}")),
    }
}

/// Runs a program to its end and tells the system calls of all its threads, in order, but not those
/// of programs that it starts. `file` is where they are written meanwhile.
pub fn calls(command: &Command, file: &Path) -> Result<(Vec<Call>, Output)> {
    let to = file.as_os_str();
    let options: [&OsStr; 6] =
        ["-f".as_ref(), "-qq".as_ref(), "-s".as_ref(), "200".as_ref(), "-o".as_ref(), to];
    let output = under("strace", options, command).output().during("run strace")?;
    let text = fs::read(file).during("read what strace wrote")?;
    Ok((of_one_process(&String::from_utf8_lossy(&text)), output))
}

/// The program, with faults on demand: each of `rules` names system calls and what becomes of
/// them, as in `fsync:error=EIO:when=3`.
pub fn injecting<S: AsRef<str>>(rules: &[S], command: &Command) -> Command {
    let calls: Vec<&str> =
        rules.iter().filter_map(|rule| rule.as_ref().split(':').next()).collect();
    let mut options = ["-f", "-qq", "-o", "/dev/null"].map(str::to_owned).to_vec();
    // Much quicker, for it stops at nothing else; but a signal would never arrive.
    if !rules.iter().any(|rule| rule.as_ref().contains("signal=")) {
        options.push("--seccomp-bpf".to_owned());
    }
    options.push(format!("--trace={}", calls.join(",")));
    options.extend(rules.iter().map(|rule| format!("--inject={}", rule.as_ref())));
    under("strace", options, command)
}

/// Injects into a process that runs already, from now on: each of its threads is counted from here.
/// An error where this process may not be traced.
pub fn attached<S: AsRef<str>>(rules: &[S], pid: i32) -> Result<Child> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()]);
    let calls: Vec<&str> =
        rules.iter().filter_map(|rule| rule.as_ref().split(':').next()).collect();
    strace.arg(format!("--trace={}", calls.join(",")));
    strace.args(rules.iter().map(|rule| format!("--inject={}", rule.as_ref())));
    let mut strace = strace.stderr(Stdio::null()).spawn().during("run strace")?;
    let status = format!("/proc/{pid}/status");
    let is_traced = || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    await_until("strace to attach", Duration::from_secs(20), || {
        let ended = strace.try_wait().during("run strace")?.is_some();
        match is_traced() {
            _ if ended => Err(Error::new("strace may not attach to a process")),
            traced => Ok(traced.then_some(())),
        }
    })?;
    Ok(strace)
}

/// A program that is given another, with all that was to be run in it.
pub fn under<I>(program: &str, options: I, command: &Command) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut outer = Command::new(program);
    outer.args(options).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer
}

/// The calls of the process that begins. Where another thread is heard while one waits, the line of a
/// call comes in two parts.
fn of_one_process(text: &str) -> Vec<Call> {
    let lines: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .map(|(thread, line)| (thread, line.trim_start()))
        .collect();
    let threads = threads(&lines);
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls: Vec<Call> = Vec::new();
    for (thread, line) in lines.iter().filter(|(thread, _)| threads.contains(thread)) {
        if let Some(rest) = line.strip_prefix("<... ") {
            let rest = rest.split_once("resumed>").map_or("", |(_, rest)| rest);
            last.get(thread).into_iter().for_each(|call| calls[*call].text += rest);
            continue;
        }
        let Some((name, _)) = line.split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let nth = seen.entry((thread, name)).or_default();
        *nth += 1;
        let text = line.trim_end_matches("<unfinished ...>").to_owned();
        last.insert(thread, calls.len());
        let first = lines.first().is_some_and(|(first, _)| first == thread);
        calls.push(Call { name: name.to_owned(), nth: *nth, first, text });
    }
    calls
}

/// The threads of the process that begins: itself, and what it makes as threads.
fn threads<'l>(lines: &[(&'l str, &'l str)]) -> BTreeSet<&'l str> {
    let mut threads: BTreeSet<&str> = lines.first().map(|(first, _)| *first).into_iter().collect();
    let mut making: BTreeSet<&str> = BTreeSet::new();
    for (thread, line) in lines.iter().filter(|(_, line)| line.contains("clone")) {
        if line.contains("CLONE_THREAD") {
            making.insert(thread);
        }
        if !line.ends_with("<unfinished ...>") && making.remove(thread) && threads.contains(thread)
        {
            threads.extend(line.rsplit_once("= ").map(|(_, made)| made));
        }
    }
    threads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Lab, skip};

    #[test]
    fn the_calls_of_its_threads_are_read_also_in_two_parts() {
        let text = "7   clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_SYSVSEM}, 88 <unfinished ...>\n\
            8   fsync(4)   = 0\n\
            7   <... clone3 resumed> => {parent_tid=[8]}, 88) = 8\n\
            7   renameat(3, \"a\", 3, \"b\" <unfinished ...>\n\
            8   fsync(4)   = 0\n\
            7   <... renameat resumed>) = -1 ENOENT (No such file or directory)\n\
            7   clone3({flags=CLONE_VFORK}, 88) = 9\n\
            9   fsync(1)     = 0\n\
            7   fsync(5)     = 0\n\
            7   --- SIGCHLD {si_signo=SIGCHLD} ---\n\
            7   +++ exited with 0 +++\n";
        let calls = of_one_process(text);
        let found: Vec<_> = calls
            .iter()
            .filter(|call| call.name != "clone3")
            .map(|c| (c.name.as_str(), c.nth, c.first, c.worked()))
            .collect();
        let expected = [
            ("fsync", 1, false, true),
            ("renameat", 1, true, false),
            ("fsync", 2, false, true),
            ("fsync", 1, true, true),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_call_that_was_seen_can_be_made_to_fail() {
        if let Some(why) = unavailable() {
            return skip(why);
        }
        let lab = Lab::new().unwrap();
        let (file, made) = (lab.path().join("calls"), lab.path().join("made"));
        let mut command = lab.command("mkdir");
        command.arg(&made);
        let (calls, output) = calls(&command, &file).unwrap();
        assert!(output.status.success() && made.is_dir());
        let call = calls.iter().find(|call| call.name.starts_with("mkdir")).unwrap();
        assert!(call.worked(), "{call:?}");
        fs::remove_dir(&made).unwrap();
        let rule = format!("{}:error=ENOSPC:when={}", call.name, call.nth);
        let failed = injecting(&[rule], &command).output().unwrap();
        assert!(!failed.status.success() && !made.exists());
        assert!(String::from_utf8_lossy(&failed.stderr).contains("No space left"), "{failed:?}");
    }
}

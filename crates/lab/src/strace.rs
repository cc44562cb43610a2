//! `strace`: which system calls a program makes, and the same program with one of them failing, or
//! its last.
//!
//! Calls are told apart by their name and their number among those of that name, in the first
//! thread of the program: that is how `strace` counts what it is to inject, thread by thread.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::error::{During, Result};

/// A system call that a program made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The how many-th of that name, from 1.
    pub nth: usize,
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

/// Runs a program to its end and tells the system calls of its first thread, in order. `file` is
/// where they are written meanwhile.
pub fn calls(command: &Command, file: &Path) -> Result<(Vec<Call>, Output)> {
    let to = file.as_os_str();
    let options: [&OsStr; 6] =
        ["-f".as_ref(), "-qq".as_ref(), "-s".as_ref(), "200".as_ref(), "-o".as_ref(), to];
    let output = under("strace", options, command).output().during("run strace")?;
    let text = fs::read(file).during("read what strace wrote")?;
    Ok((first_thread(&String::from_utf8_lossy(&text)), output))
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

/// The calls of the thread that begins. Another thread may be heard while one waits: then a call's
/// line comes in two parts.
fn first_thread(text: &str) -> Vec<Call> {
    let mut lines = text.lines().filter_map(|line| line.split_once(char::is_whitespace)).peekable();
    let first = lines.peek().map(|(thread, _)| *thread);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls: Vec<Call> = Vec::new();
    for (_, line) in lines.filter(|(thread, _)| Some(*thread) == first) {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix("<... ") {
            let rest = rest.split_once("resumed>").map_or("", |(_, rest)| rest);
            calls.iter_mut().next_back().into_iter().for_each(|call| call.text += rest);
            continue;
        }
        let Some((name, _)) = line.split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let nth = seen.entry(name).or_default();
        *nth += 1;
        let text = line.trim_end_matches("<unfinished ...>").to_owned();
        calls.push(Call { name: name.to_owned(), nth: *nth, text });
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Lab, skip};

    #[test]
    fn the_first_threads_calls_are_read_also_in_two_parts() {
        let text = "7   fsync(3)            = 0\n\
            8   fsync(4)   = 0\n\
            7   renameat(3, \"a\", 3, \"b\" <unfinished ...>\n\
            8   <... fsync resumed>)   = 0\n\
            7   <... renameat resumed>) = -1 ENOENT (No such file or directory)\n\
            7   fsync(5)     = 0\n\
            7   --- SIGCHLD {si_signo=SIGCHLD} ---\n\
            7   +++ exited with 0 +++\n";
        let calls = first_thread(text);
        let found: Vec<_> = calls.iter().map(|c| (c.name.as_str(), c.nth, c.worked())).collect();
        assert_eq!(found, [("fsync", 1, true), ("renameat", 1, false), ("fsync", 2, true)]);
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
        let call = calls.iter().find(|call| call.text.contains("/made\"")).unwrap();
        assert!(call.worked(), "{call:?}");
        fs::remove_dir(&made).unwrap();
        let rule = format!("{}:error=ENOSPC:when={}", call.name, call.nth);
        let failed = injecting(&[rule], &command).output().unwrap();
        assert!(!failed.status.success() && !made.exists());
        assert!(String::from_utf8_lossy(&failed.stderr).contains("No space left"), "{failed:?}");
    }
}

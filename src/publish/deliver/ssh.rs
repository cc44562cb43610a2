//! A directory of another host, through the system's ssh(1): its keys, its known hosts, its
//! configuration. One connection for each delivery, and no question is ever asked.
//!
//! The host needs a POSIX shell and nothing of ours. What it runs is one line, in which the
//! directory stands quoted; whether a file that is there is the same is decided here.

use super::{Outcome, Parcel, destination::There};
use crate::error::{Error, Exit, Result, escaped, typed};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// Between two looks at a child.
const POLL: Duration = Duration::from_millis(5);
/// How long its last words are waited for: what it left in the background may keep a pipe open.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// No torrent has more bytes; and what may stand before it.
const ANSWER_MAX: u64 = (64 << 20) + COMPLAINT_MAX;
/// Complaints that are kept.
const COMPLAINT_MAX: u64 = 64 << 10;
/// Unless the user's own words say otherwise: a job has nobody to ask.
const OPTIONS: [&str; 4] = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"];

/// What the line says by its exit code.
const NO_DIRECTORY: i32 = 66;
const NOT_WRITTEN: i32 = 74;
/// ssh's own.
const NO_CONNECTION: i32 = 255;

/// How other hosts are reached.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// The program and its first arguments: `ssh -p 2222`.
    pub words: Vec<String>,
    /// How long one delivery may take.
    pub within: Duration,
}

impl Ssh {
    /// Delivers into a directory of another host, which must be there.
    pub(super) fn deliver(&self, parcel: &Parcel<'_>, to: &There) -> Result<Outcome> {
        let mark = mark()?;
        let done = self.run(to, &line(parcel, to, &mark), parcel.bytes)?;
        if done.status.is_some_and(|status| status.success()) {
            if done.says(&format!("{mark} taken\n")).is_some() {
                return Ok(Outcome::Delivered);
            }
            if let Some(found) = done.says(&format!("{mark} there\n")) {
                return parcel.compared(&format!("`{to}`"), found);
            }
        }
        Err(self.undelivered(to, &done))
    }

    fn run(&self, to: &There, line: &str, bytes: &[u8]) -> Result<Done> {
        let Some((program, words)) = self.words.split_first() else {
            return Err(Error::new(Exit::Usage, "run", "ssh", "--ssh names no program"));
        };
        let mut command = Command::new(program);
        command.args(words).args(OPTIONS).arg("--").arg(&to.host).arg(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // No child has any use for it.
        command.env_remove(crate::signature::PASSWORD).process_group(0);
        let mut child = command.spawn().map_err(|e| {
            Error::io("run", program, &e)
                .hint("install openssh-client, or name another program: --ssh COMMAND")
        })?;
        write_to(&mut child, bytes);
        let answer = read_all(child.stdout.take(), ANSWER_MAX);
        let complaint = read_all(child.stderr.take(), COMPLAINT_MAX);
        let status = self.end_of(&mut child);
        let words = |from: &Receiver<Vec<u8>>| from.recv_timeout(LAST_WORDS).unwrap_or_default();
        Ok(Done { status, answer: words(&answer), complaint: words(&complaint) })
    }

    /// Waits for its end, or makes one; `None` if it was made.
    fn end_of(&self, child: &mut Child) -> Option<ExitStatus> {
        let deadline = Instant::now() + self.within;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
                _ => break,
            }
        }
        // It is not collected yet, so the number is its own; its helpers are in its group.
        if let Ok(group) = i32::try_from(child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = child.wait();
        None
    }

    fn undelivered(&self, to: &There, done: &Done) -> Error {
        let thing = format!("`{to}`");
        let said = done.last_words();
        let Some(status) = done.status else {
            let cause = format!("nothing came of it within {} s{said}", self.within.as_secs());
            return Error::new(Exit::Unreachable, "deliver to", thing, cause)
                .hint("is the host up? --timeout gives a slow one more time");
        };
        match status.code() {
            Some(NO_CONNECTION) => {
                let cause = format!("ssh does not get there{said}");
                let try_it = format!(
                    "`{} {} true` must work without a question: name, key, known_hosts",
                    self.words.join(" "),
                    typed(&to.host)
                );
                Error::new(Exit::Unreachable, "deliver to", thing, cause).hint(try_it)
            }
            Some(NO_DIRECTORY) => {
                let cause = format!("its directory cannot be entered{said}");
                Error::new(Exit::NotFound, "deliver to", thing, cause).hint(
                    "make it there, open to that user; a relative one begins in the user's home",
                )
            }
            Some(NOT_WRITTEN) => {
                let cause = format!("the file could not be written there{said}");
                Error::new(Exit::Io, "deliver to", thing, cause)
                    .hint("may that user write there, and is there room on the disk?")
            }
            _ => {
                let cause = format!("its shell did not do what it was told{said}");
                Error::new(Exit::Io, "deliver to", thing, cause)
                    .hint("the user needs a login shell there that runs `sh`")
            }
        }
    }
}

/// What came of a run.
struct Done {
    /// `None` if it had to be ended.
    status: Option<ExitStatus>,
    answer: Vec<u8>,
    complaint: Vec<u8>,
}

impl Done {
    /// What follows these words in the answer: a login shell may have said something before.
    fn says(&self, words: &str) -> Option<&[u8]> {
        let words = words.as_bytes();
        let at = self.answer.windows(words.len()).position(|window| window == words)?;
        Some(&self.answer[at + words.len()..])
    }

    /// The last line of its complaint, after a colon.
    fn last_words(&self) -> String {
        let lines = self.complaint.split(|byte| *byte == b'\n').rev();
        let mut lines = lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        lines.next().map_or_else(String::new, |line| format!(": {}", escaped(line)))
    }
}

/// What the host's shell is told: one line, for any login shell.
fn line(parcel: &Parcel<'_>, to: &There, mark: &str) -> String {
    let directory = match to.directory.starts_with('/') {
        true => to.directory.clone(),
        false => format!("./{}", to.directory),
    };
    let (directory, name, length) = (word(&directory), word(&parcel.name), parcel.bytes.len());
    let script = format!(
        "umask 022; cd -- {directory} || exit {NO_DIRECTORY}; n={name}; t=.{mark}; \
         if [ -e \"$n\" ] || [ -L \"$n\" ]; then echo {mark} there; cat -- \"$n\"; exit; fi; \
         trap 'rm -rf -- \"$t\"' EXIT; trap 'exit {NOT_WRITTEN}' HUP INT PIPE TERM; \
         mkdir -- \"$t\" && cat > \"$t/w\" && [ \"$(wc -c < \"$t/w\")\" -eq {length} ] && \
         {{ sync -- \"$t/w\" 2> /dev/null || sync; }} && mv -- \"$t/w\" \"$n\" || \
         exit {NOT_WRITTEN}; sync -- . 2> /dev/null; echo {mark} taken"
    );
    format!("exec sh -c {}", word(&script))
}

/// A text as one word of any shell. A quote stands between double quotes: a backslash before it says
/// in fish(1) that the word goes on.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

/// What no login shell says by chance, and nothing else is called.
fn mark() -> Result<String> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|e| Error::io("ask for", "getrandom", &e.into()))?;
    Ok(format!("seedship.{:016x}", u64::from_ne_bytes(bytes)))
}

/// In a thread: who does not want it does not hold us.
fn write_to(child: &mut Child, bytes: &[u8]) {
    let (to, bytes) = (child.stdin.take(), bytes.to_vec());
    thread::spawn(move || to.map(|mut to| to.write_all(&bytes)));
}

/// All that comes, in a thread; what is over the limit is read and dropped.
fn read_all(from: Option<impl Read + Send + 'static>, limit: u64) -> Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.by_ref().take(limit).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        // Nobody may be waiting any more.
        let _ = tell.send(bytes);
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a login shell gives to `sh`, and that to a program, is what was meant.
    #[test]
    fn a_word_is_one_in_every_login_shell() {
        for shell in ["sh", "dash", "bash", "zsh", "fish", "tcsh"] {
            for text in ["plain", "a b", "it's", "'", "''\"'", "$(x) `y` ~ * # ; &", "a\\b"] {
                let line = format!("exec sh -c {}", word(&format!("printf %s {}", word(text))));
                let Ok(ran) = Command::new(shell).args(["-c", &line]).output() else {
                    lab::skip(format!("there is no {shell} here"));
                    break;
                };
                assert_eq!(String::from_utf8_lossy(&ran.stdout), text, "{shell}: {ran:?}");
            }
        }
    }
}

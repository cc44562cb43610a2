//! Runs an operator's command: an argv, never a shell, with a bound on its time and its output.
//!
//! The command has a session and a process group of its own, so that its end is the end of
//! everything it started, and no terminal can stop it with a question. Nobody would know that group
//! after a SIGKILL of ours; so the command is started in two steps. This binary is started first and
//! waits ([`become_command`]); its group is written down by whoever runs the command (the `leash`),
//! and only then is it told to go on. If we die before, it ends without having run.

use super::{detach::close_foreign, group::Group};
use crate::error::{Context, Error, Exit, Result, escaped, quoted};
use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal},
        stat::{Mode, umask},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::{Pid, setsid},
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// What the binary that is to become a command is called with.
pub const AS_COMMAND: &str = "--as-command";
/// How long a command may take to end by itself after SIGTERM, and the kernel after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
/// How long output is waited for after the command ended: something that it left in the background
/// may keep the pipe open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Blocks of output on their way; a command that says more waits until it was heard.
const UNHEARD: usize = 8;
/// Bytes of output that are passed on; the rest is read and dropped.
const OUTPUT_MAX: usize = 64 << 10;
/// Bytes of a line that are passed on.
const LINE_MAX: usize = 1000;

/// What to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The program and its arguments, as configured.
    pub argv: Vec<String>,
    /// The program's file.
    pub program: PathBuf,
    /// Where it runs.
    pub directory: PathBuf,
    /// All of its environment.
    pub environment: BTreeMap<String, String>,
    /// What it leaves running in the background when it ends well goes on.
    pub background: bool,
}

/// How a command ended, and the last line that it said, escaped; empty if it said nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// With exit code 0.
    Well,
    /// With another exit code.
    Code(i32, String),
    /// By a signal.
    Signal(i32, String),
    /// Not before its deadline, so it was ended.
    Late(String),
}

/// Is told the process group of a command before its first instruction, and `None` at its end.
pub type Leash<'a> = &'a mut dyn FnMut(Option<Group>) -> Result<()>;

/// Runs a command to its end, or ends it and everything it started at `deadline`.
///
/// `said` gets each line of its output, escaped and cut, both of its streams together.
///
/// # Errors
/// What `leash` says, and 74 if no process can be started.
pub fn run(
    order: &Order,
    deadline: Instant,
    leash: Leash<'_>,
    said: &mut dyn FnMut(&str),
) -> Result<Ended> {
    let (output, write) = io::pipe().on("make", "a pipe")?;
    let (mut child, mut word) = waiting(order, write)?;
    let leashed = leashed(&child, &mut word, leash);
    let group = match leashed {
        Ok(group) => group,
        Err(error) => {
            // Its word does not come, and it ends without having run.
            drop(word);
            let _ = child.wait();
            return Err(error);
        }
    };
    // If it is gone already, its end says so.
    let _ = word.write_all(b"\n");
    drop(word);
    let (tell, events) = sync_channel(UNHEARD);
    listen(output, tell.clone());
    watch(group.leader, tell);
    let mut words = Words::new(said, events);
    let in_time = words.until_it_ends(deadline);
    // Its leader is not collected yet, so the number of the group is still its own.
    if !(in_time && order.background) {
        end(group, &mut words);
    }
    words.rest();
    let status = child.try_wait().on("wait for", &order.program)?;
    // From here on the number may be given to others.
    leash(None)?;
    let last = words.last;
    Ok(match status {
        Some(_) if !in_time => Ended::Late(last),
        Some(status) => outcome(status, last),
        None => {
            // Whoever started a command as another user has to look after it.
            let program = quoted(&order.program);
            log::warn!("{program} runs on after SIGKILL: it has become another user's, or hangs");
            Ended::Late(last)
        }
    })
}

/// This binary, started as what will be the command, waiting for its word.
fn waiting(order: &Order, output: io::PipeWriter) -> Result<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair().on("make", "a pair of sockets")?;
    // The same file even if a new version was installed meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("seedship").arg(AS_COMMAND).arg(&order.program).args(&order.argv);
    command.current_dir(&order.directory).env_clear().envs(&order.environment);
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    command.stderr(output.try_clone().on("make", "a pipe")?).stdout(output);
    Ok((command.spawn().on("start", &order.program)?, ours))
}

/// Waits until it leads its group, and has that written down.
fn leashed(child: &Child, word: &mut UnixStream, leash: Leash<'_>) -> Result<Group> {
    let mut ready = [0; 1];
    let told = word.read(&mut ready).on("start", "the command")?;
    match Group::led_by(child.id()).filter(|_| told == 1) {
        Some(group) => leash(Some(group)).map(|()| group),
        None => Err(Error::new(Exit::Io, "start", "a command", "its process ended at once")
            .hint("it is tried again; `dmesg` may say what ended it")),
    }
}

/// The other side: leaves everything of the caller's behind, waits for the word, then becomes the
/// command. `args` are the program's file and the argv. To be called first in `main`. Returns only
/// if that fails, with the exit code that shells use.
pub fn become_command(args: &[OsString]) -> u8 {
    let [program, name, rest @ ..] = args else { return Exit::Usage.code() };
    close_foreign();
    // None of them can fail on these arguments in a process that was just started.
    let _ = setsid();
    let _ = SigSet::empty().thread_set_mask();
    let _ = umask(Mode::from_bits_truncate(0o022));
    if !told_to_go_on() {
        return Exit::Again.code();
    }
    let failed = Command::new(program).arg0(name).args(rest).stdin(Stdio::null()).exec();
    let error = Error::io("start", program, &failed);
    let _ = writeln!(io::stderr(), "{error}");
    if failed.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
}

/// Says that it is ready, and waits for the word.
fn told_to_go_on() -> bool {
    let Ok(word) = io::stdin().as_fd().try_clone_to_owned() else { return false };
    let mut word = File::from(word);
    word.write_all(b"\n").is_ok() && matches!(word.read(&mut [0; 1]), Ok(1))
}

/// What happens to a command.
enum Event {
    Said(Vec<u8>),
    Ended,
}

/// Reads until nobody writes any more, or nobody listens.
fn listen(mut output: io::PipeReader, tell: SyncSender<Event>) {
    thread::spawn(move || {
        let mut block = vec![0; 8 << 10];
        while let Ok(n @ 1..) = output.read(&mut block) {
            if tell.send(Event::Said(block[..n].to_vec())).is_err() {
                return;
            }
        }
    });
}

/// Waits for the end without collecting it: until then the number is nobody else's.
fn watch(pid: u32, tell: SyncSender<Event>) {
    thread::spawn(move || {
        let Ok(pid) = i32::try_from(pid) else { return };
        let ends = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(Pid::from_raw(pid)), ends) == Err(Errno::EINTR) {}
        let _ = tell.send(Event::Ended);
    });
}

/// SIGTERM to all of the group, also to what is stopped, and SIGKILL to what still runs when
/// patience is over. What cannot be signalled, because it is another user's, is left.
fn end(group: Group, words: &mut Words<'_>) {
    for signals in [[Signal::SIGTERM, Signal::SIGCONT], [Signal::SIGKILL, Signal::SIGKILL]] {
        if !group.is_left() {
            break;
        }
        for signal in signals {
            let _ = group.signal(signal);
        }
        let until = Instant::now() + PATIENCE;
        while group.is_left() && Instant::now() < until {
            words.pause();
        }
    }
    words.until_it_ends(Instant::now() + POLL);
}

fn outcome(status: ExitStatus, last: String) -> Ended {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ended::Well,
        (Some(code), _) => Ended::Code(code, last),
        (None, signal) => Ended::Signal(signal.unwrap_or_default(), last),
    }
}

/// What a command says, in bounds, line by line.
struct Words<'a> {
    said: &'a mut dyn FnMut(&str),
    events: Receiver<Event>,
    ended: bool,
    left: usize,
    line: Vec<u8>,
    cut: bool,
    last: String,
}

impl<'a> Words<'a> {
    fn new(said: &'a mut dyn FnMut(&str), events: Receiver<Event>) -> Self {
        let (line, last) = (Vec::new(), String::new());
        Self { said, events, ended: false, left: OUTPUT_MAX, line, cut: false, last }
    }

    /// Passes on what is said until the command ends; false if the deadline came first, however
    /// much there is still to be said.
    fn until_it_ends(&mut self, deadline: Instant) -> bool {
        while !self.ended && Instant::now() < deadline {
            self.hear(deadline);
        }
        self.ended
    }

    /// Waits for one thing to happen.
    fn hear(&mut self, deadline: Instant) -> bool {
        match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Said(bytes)) => self.take(&bytes),
            Ok(Event::Ended) => self.ended = true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    /// Lets a moment pass, and hears what is said in it: who cannot say it does not end.
    fn pause(&mut self) {
        let until = Instant::now() + POLL;
        while Instant::now() < until {
            if !self.hear(until) {
                thread::sleep(until.saturating_duration_since(Instant::now()));
            }
        }
    }

    /// What was on its way when it ended.
    fn rest(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        while Instant::now() < deadline && self.hear(deadline) {}
        self.end_line();
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LINE_MAX => self.line.push(*byte),
                _ => self.cut = true,
            }
        }
    }

    fn end_line(&mut self) {
        let mut line = escaped(self.line.trim_ascii());
        self.line.clear();
        if std::mem::take(&mut self.cut) {
            line.push('…');
        }
        if line.is_empty() {
            return;
        }
        if self.left > 0 {
            (self.said)(&line);
            self.left = self.left.saturating_sub(line.len());
            if self.left == 0 {
                (self.said)("… it says more than is written down");
            }
        }
        self.last = line;
    }
}

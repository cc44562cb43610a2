//! One program, run once and measured: wall time, processor time, peak memory.
//!
//! What the kernel tells of children that ended (`getrusage(2)`) is summed over all of them, and
//! the peak is their maximum: for one program alone it must be some process's only child. So this
//! program starts itself again as a *gun*, which runs the one, waits, and says what it took; the
//! time is taken in there, so starting the gun is not in it. Programs that the measured one starts
//! and waits for (a shell's, tar's decompressor) are counted with it. What the kernel writes back
//! by itself is nobody's processor time.

use crate::{Result, failed};
use lab::Error;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeVal,
};
use std::{
    ffi::OsString,
    io::{self, Read, Write},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

/// The first argument of a gun; the program and its arguments follow.
const GUN: &str = "--gun";

/// What a program came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shot {
    /// From just before it was started until it was waited for.
    pub(crate) wall: Duration,
    /// Processor time in its own code and in the kernel, all threads and children.
    pub(crate) processor: Duration,
    /// The largest resident set of one process, in bytes. Never less than the gun's own, some
    /// 3 MiB, which the program shares until it is executed.
    pub(crate) peak: u64,
}

/// A program that was started and not waited for.
pub(crate) struct Shooting {
    gun: Child,
    what: String,
}

/// Runs a program to its end; it must end with exit code 0.
pub(crate) fn shoot(command: &Command) -> Result<Shot> {
    Shooting::start(command)?.end()
}

impl Shooting {
    /// Starts a program.
    pub(crate) fn start(command: &Command) -> Result<Self> {
        let what = what(command);
        let me = std::env::current_exe().map_err(failed("find this program"))?;
        let mut gun = Command::new(me);
        gun.arg(GUN).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => gun.env(name, value),
                None => gun.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            gun.current_dir(folder);
        }
        gun.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let gun = gun.spawn().map_err(failed(format!("start {what}")))?;
        Ok(Self { gun, what })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> Result<bool> {
        let ended = self.gun.try_wait().map_err(failed(format!("wait for {}", self.what)))?;
        Ok(ended.is_none())
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Result<Shot> {
        let mut said = String::new();
        let mut told = String::new();
        let what = self.what;
        // A few lines on either pipe: neither can fill while the other is read.
        if let (Some(mut out), Some(mut err)) = (self.gun.stdout.take(), self.gun.stderr.take()) {
            out.read_to_string(&mut told).map_err(failed(format!("hear of {what}")))?;
            err.read_to_string(&mut said).map_err(failed(format!("hear {what}")))?;
        }
        self.gun.wait().map_err(failed(format!("wait for {what}")))?;
        let numbers: Vec<u64> =
            told.split(' ').filter_map(|word| word.trim().parse().ok()).collect();
        match numbers[..] {
            [0, wall, processor, peak] => Ok(Shot {
                wall: Duration::from_nanos(wall),
                processor: Duration::from_nanos(processor),
                peak,
            }),
            [code, ..] => Err(Error::new(format!("{what}: exit code {code}: {}", said.trim_end()))),
            [] => Err(Error::new(format!("{what}: {}", said.trim_end()))),
        }
    }
}

/// A command as one would type it.
fn what(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// If this process was started as a gun: does its work.
pub(crate) fn as_gun() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|first| first != GUN) {
        return None;
    }
    let told = args.next().ok_or(Error::new("no program")).and_then(|program| fire(program, args));
    Some(match told {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            // As a shell says of what it cannot start.
            println!("127");
            let _ = writeln!(io::stderr(), "{e}");
            ExitCode::FAILURE
        }
    })
}

/// Runs it; the line is its exit code, then nanoseconds of wall and processor, then bytes.
fn fire(program: OsString, args: impl Iterator<Item = OsString>) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    let status = command.status().map_err(failed("start it"))?;
    let wall = began.elapsed();
    let (processor, peak) = spent(UsageWho::RUSAGE_CHILDREN)?;
    let code = status.code().unwrap_or(128);
    Ok(format!("{code} {} {} {peak}", wall.as_nanos(), processor.as_nanos()))
}

/// Processor time, and the largest resident set in bytes.
pub(crate) fn spent(who: UsageWho) -> Result<(Duration, u64)> {
    let spent = getrusage(who).map_err(failed("ask what it took"))?;
    let peak = u64::try_from(spent.max_rss()).unwrap_or_default() << 10;
    Ok((of(spent.user_time()) + of(spent.system_time()), peak))
}

/// A time as the kernel tells it.
fn of(time: TimeVal) -> Duration {
    let micros = time.tv_sec().saturating_mul(1_000_000).saturating_add(time.tv_usec());
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

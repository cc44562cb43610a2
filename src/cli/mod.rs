//! The command line: arguments as typed become calls of the stories, and what they return becomes
//! text, JSON and the exit code.

mod adopt;
mod args;
mod create;
mod doctor;
mod event;
mod guide;
mod manual;
mod monitor;
mod operator;
mod output;
mod progress;
mod publish;
mod reader;
mod settings;
mod signing;
mod torrent;
mod user;

use crate::{
    config::{Config, Log, Scgi},
    error::{Error, Exit, Result, escaped},
    monitor::{Level, Report},
    process,
    release::Unix,
    report,
    rtorrent::{Address, Client, Timeouts},
};
use args::{Args, Command};
use output::Output;
use std::{
    ffi::{OsStr, OsString},
    io::{IsTerminal, Write},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

/// Where the configuration lies unless `--config` or `$SEEDSHIP_CONFIG` says otherwise.
const CONFIG: &str = "/etc/seedship/config.toml";

/// Runs the command line; the exit code is the outcome.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let typed: Vec<OsString> = args.collect();
    // Not for people: this process is to become an operator's command.
    if let [_, word, command @ ..] = typed.as_slice()
        && word == process::AS_COMMAND
    {
        return ExitCode::from(process::become_command(command));
    }
    process::spare_own();
    let args = match Args::take(&typed) {
        Ok(args) => args,
        Err(error) => return ExitCode::from(untaken(&typed, error)),
    };
    if args.command.is_unattended() {
        process::detach();
    }
    // Root's children of one event may fail each for itself: root says what it came to.
    let child = args.as_owner.is_some() && matches!(args.command, Command::Finished(_));
    let output = Output::new(args.everywhere.json).passed_on(child);
    let code = match dispatch(&args, &typed, &output) {
        Ok(code) => code,
        Err(error) => output.fail(&error),
    };
    let ended = output.ends(code);
    // Nagios knows four codes; an answer that was lost is none of the others.
    let watched = matches!(args.command, Command::Monitor(_));
    ExitCode::from(if watched { ended.min(Level::Unknown.code()) } else { ended })
}

/// Arguments that are no command: help that was asked for, or a mistake.
fn untaken(typed: &[OsString], error: clap::Error) -> u8 {
    let output = Output::new(typed.iter().any(|word| word == "--json"));
    if !error.use_stderr() {
        output.keep(error.print().and_then(|()| std::io::stdout().flush()));
        return output.ends(Exit::Done.code());
    }
    // The message repeats what was typed, and a terminal must not obey it.
    let typed: Vec<OsString> = typed.iter().map(|word| printable(word)).collect();
    let error = Args::take(&typed).err().unwrap_or(error);
    let text = error.to_string();
    // What is missing stands on lines of its own; tips and usage come after an empty one.
    let cause: Vec<&str> = text.lines().take_while(|l| !l.is_empty()).map(str::trim).collect();
    let cause = cause.join(" ");
    let mistake =
        Error::new(Exit::Usage, "read", "the arguments", cause.trim_start_matches("error: "))
            .hint("`seedship --help`, and `--help` after a command, say what can be typed");
    if command_word(&typed).is_some_and(|word| word == "monitor") {
        let code = monitor::mistaken(&Report::mistaken(&mistake), &output);
        return output.ends(code).min(Level::Unknown.code());
    }
    match output.is_json() {
        true => output.object(&report::in_json(&mistake)),
        false => {
            let _ = error.print();
        }
    }
    // What rtorrent or a timer got wrong is seen by nobody but syslog.
    let unattended = typed.iter().any(|word| word == "finished" || word == "sweep");
    if unattended && !std::io::stderr().is_terminal() {
        let Log { facility, level, socket } = Log::default();
        report::start(&socket, facility.into(), level);
        let hint = "the event must call `seedship finished HASH`, a timer `seedship sweep`";
        report::line_of(&mistake.hint(hint)).unseen(log::Level::Error);
    }
    output.ends(Exit::Usage.code())
}

/// The first word that is neither an option nor the value of one.
fn command_word(typed: &[OsString]) -> Option<&OsString> {
    let mut words = typed.iter().skip(1);
    loop {
        let word = words.next()?;
        match word.to_str() {
            Some("--config") => drop(words.next()),
            Some(option) if option.starts_with('-') => {}
            _ => return Some(word),
        }
    }
}

/// What was typed without anything that a terminal would obey; a backslash is as it was.
fn printable(word: &OsStr) -> OsString {
    let parts = word.as_bytes().split(|byte| *byte == b'\\').map(escaped);
    parts.collect::<Vec<_>>().join("\\").into()
}

fn dispatch(args: &Args, typed: &[OsString], output: &Output) -> Result<u8> {
    let path = config_path(args);
    match &args.command {
        Command::Config(command) => return settings::run(command, &path, output),
        Command::Torrent(command) => return torrent::run(command, &path, output),
        Command::Doctor(command) => return doctor::run(command, args, &path, output),
        Command::Monitor(command) => return Ok(monitor::run(command, &path, output)),
        Command::Publish(command) => return publish::run(command, &path, output),
        Command::Keygen(command) => return signing::keygen(command, output),
        Command::Sign(command) => return signing::sign(command, &path, output),
        Command::Completions(command) => return manual::completions(command, output),
        Command::Man(command) => return manual::man(command, output),
        _ => {}
    }
    let config = crate::config::read(&path).and_then(Config::merge);
    // A hook has no other place to say that its configuration is wrong.
    let log = config.as_ref().map_or_else(|_| Log::default(), |config| config.log.clone());
    // Whoever only looks has the terminal.
    if !args.command.is_reader() {
        report::start(&log.socket, log.facility.into(), log.level);
    }
    let config = config?;
    let exit = match &args.command {
        Command::Config(_)
        | Command::Torrent(_)
        | Command::Doctor(_)
        | Command::Monitor(_)
        | Command::Publish(_)
        | Command::Keygen(_)
        | Command::Sign(_)
        | Command::Completions(_)
        | Command::Man(_) => Exit::Done,
        Command::Finished(finished) => {
            return event::finished(config, finished, args, typed, output);
        }
        Command::Sweep(sweep) => return event::sweep(config, sweep, args, typed, output),
        Command::Rollback(c) => operator::rollback(&config, c, output)?,
        Command::Activate(c) => operator::activate(&config, c, output)?,
        Command::Adopt(c) => adopt::adopt(&config, c, output)?,
        Command::Hold(c) => operator::hold(&config, c, output)?,
        Command::Unhold(c) => operator::unhold(&config, c, output)?,
        Command::Prune(c) => operator::prune(&config, c, output)?,
        Command::Status(c) => reader::status(&config, c, output)?,
        Command::Releases(c) => reader::releases(&config, c, output)?,
        Command::History(c) => reader::history(&config, c, output)?,
        Command::Audit(c) => reader::audit(&config, c, output)?,
    };
    Ok(exit.code())
}

fn config_path(args: &Args) -> PathBuf {
    // Empty is unset, as a unit file or a script may leave it.
    let environment = std::env::var_os("SEEDSHIP_CONFIG").filter(|path| !path.is_empty());
    let named = args.everywhere.config.clone().or_else(|| environment.map(Into::into));
    named.unwrap_or_else(|| CONFIG.into())
}

/// rtorrent, as configured. Nothing is connected yet.
fn client(config: &Config) -> Client {
    Client::new(address(config), Timeouts::default())
}

fn address(config: &Config) -> Address {
    address_of(&config.rtorrent.scgi)
}

fn address_of(scgi: &Scgi) -> Address {
    match scgi {
        Scgi::Unix(path) => Address::Unix(path.clone()),
        Scgi::Tcp(host) => Address::Tcp(host.clone()),
    }
}

/// The clock, read once for each command.
fn now() -> Unix {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A random number for names that must not meet.
fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|e| Error::io("ask for", "getrandom", &e.into()))?;
    Ok(u64::from_ne_bytes(bytes))
}

//! An operator's commands around a release: `prepare` before it is committed, `activated` when it
//! is live, `check` to see whether it is well.
//!
//! Each is a program and its arguments, run in the release with a fixed environment and every
//! right of the user that deploys. What it says goes to the log, in bounds; when its time is over
//! it is ended with everything it started.

use crate::{
    config::App,
    error::{Error, Exit, Result, escaped},
    process::{self, Ended, Leash, Order},
    release::{Target, Version},
};
use metainfo::InfoHash;
use nix::unistd::{AccessFlags, access};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Where programs are looked for: what an operator's own shell would find, whatever started us.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Between the beginnings of two attempts of a check.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes that are passed on of all that the attempts of one command say; each has a bound of its own.
const SAID_MAX: usize = 128 << 10;

/// The release that commands run for.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Its version.
    pub version: &'a Version,
    /// Where it lies now, and where commands run.
    pub directory: PathBuf,
    /// What was live before it.
    pub from: Option<&'a Target>,
    /// Its info hash, if a torrent brought it.
    pub hash: Option<InfoHash>,
}

/// Finds every program that the app's commands name, as far as it is not in the release.
///
/// # Errors
/// 78, naming the program.
pub fn programs(app: &App) -> Result<()> {
    find_all(app, Path::new("/"), |program| !is_inside(program))
}

/// Finds those that are in the release, which lies at `directory`.
///
/// # Errors
/// 78, naming the program.
pub fn programs_inside(app: &App, directory: &Path) -> Result<()> {
    find_all(app, directory, is_inside)
}

fn find_all(app: &App, directory: &Path, which: fn(&str) -> bool) -> Result<()> {
    let run = &app.run;
    let all = [&run.prepare, &run.activated, &run.check].into_iter().flatten();
    let mut programs = all.filter_map(|argv| argv.first()).filter(|program| which(program));
    programs.try_for_each(|program| match find(program, directory) {
        Some(_) => Ok(()),
        None => Err(missing(app, program)),
    })
}

/// `vendor/bin/drush`: what has a slash and does not begin with one lies in the release.
fn is_inside(program: &str) -> bool {
    program.contains('/') && !program.starts_with('/')
}

fn find(program: &str, directory: &Path) -> Option<PathBuf> {
    let runs = |file: &PathBuf| file.is_file() && access(file, AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        return Some(directory.join(program)).filter(runs);
    }
    PATH.split(':').map(|place| Path::new(place).join(program)).find(runs)
}

fn missing(app: &App, program: &str) -> Error {
    let name = &app.name;
    let hint = match is_inside(program) {
        true => format!("publish it with the release, executable; or correct [apps.{name}.run]"),
        false if program.contains('/') => format!("install it, or correct [apps.{name}.run]"),
        false => format!("install it, or write its whole path; looked in {PATH}"),
    };
    let thing = format!("`{}`, a command of `{name}`", escaped(program.as_bytes()));
    Error::new(Exit::Config, "find", thing, "there is no such program that this user may run")
        .hint(hint)
}

/// Runs `prepare` in a release that is not committed yet; `last` is where it will lie. Nothing that
/// it leaves in the background goes on: what it changes is listed next.
///
/// # Errors
/// 79: one of them failed; those behind it did not run.
pub fn prepare(app: &App, subject: &Subject<'_>, last: &Path, leash: Leash<'_>) -> Result<()> {
    Step::new(app, subject, "prepare", last).each(&app.run.prepare, leash)
}

/// Runs `activated`.
///
/// # Errors
/// 79: one of them failed; those behind it did not run.
pub fn activated(app: &App, subject: &Subject<'_>, leash: Leash<'_>) -> Result<()> {
    Step::new(app, subject, "activated", &subject.directory).each(&app.run.activated, leash)
}

/// Runs `check` every second until all of it passes or its time is over. Ends early, as passed,
/// where `matters` says that nobody waits for it any more.
///
/// # Errors
/// 79: what failed last.
pub fn check(
    app: &App,
    subject: &Subject<'_>,
    matters: &dyn Fn() -> bool,
    leash: Leash<'_>,
) -> Result<()> {
    let step = Step::new(app, subject, "check", &subject.directory);
    let deadline = Instant::now() + app.run.timeout;
    loop {
        let attempt = Instant::now();
        let passed = app.run.check.iter().try_for_each(|argv| step.one(argv, deadline, leash));
        let Err(failure) = passed else { return Ok(()) };
        let next = attempt + PAUSE;
        if failure.exit != Exit::Unhealthy || next >= deadline {
            return Err(failure);
        }
        if !matters() {
            return Ok(());
        }
        log::debug!("{failure}; tried again");
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Commands of one step for one release.
struct Step<'a> {
    app: &'a App,
    subject: &'a Subject<'a>,
    name: &'static str,
    last: &'a Path,
    /// What was said: an attempt of a check that says the same again is no news.
    said: RefCell<BTreeSet<String>>,
    /// Bytes that are passed on still.
    left: Cell<usize>,
}

impl<'a> Step<'a> {
    fn new(app: &'a App, subject: &'a Subject<'a>, name: &'static str, last: &'a Path) -> Self {
        let run = &app.run;
        let commands = [&run.prepare, &run.activated, &run.check].map(Vec::len);
        let left = SAID_MAX * commands.iter().sum::<usize>();
        Self { app, subject, name, last, said: RefCell::default(), left: Cell::new(left) }
    }

    /// Runs one after the other, each with all of the time.
    fn each(&self, argvs: &[Vec<String>], leash: Leash<'_>) -> Result<()> {
        argvs
            .iter()
            .try_for_each(|argv| self.one(argv, Instant::now() + self.app.run.timeout, leash))
    }

    fn one(&self, argv: &[String], deadline: Instant, leash: Leash<'_>) -> Result<()> {
        let Some(name) = argv.first() else { return Ok(()) };
        let directory = &self.subject.directory;
        // It was there when the release landed: what goes missing later fails like a command.
        let Some(program) = find(name, directory) else {
            return Err(self.failed(name, "there is no such program that this user may run"));
        };
        let order = Order {
            argv: argv.to_vec(),
            program,
            directory: directory.clone(),
            environment: self.environment(),
            background: self.name == "activated",
        };
        let ended = process::run(&order, deadline, leash, &mut |line| self.tell(name, line))?;
        let said = |last: &str| if last.is_empty() { String::new() } else { format!(": {last}") };
        let how = match ended {
            Ended::Well => return Ok(()),
            Ended::Code(code, last) => format!("it ended with exit code {code}{}", said(&last)),
            Ended::Signal(number, last) => {
                format!("it was ended by signal {number}{}", said(&last))
            }
            Ended::Late(last) => {
                let limit = self.app.run.timeout.as_secs();
                format!("its time, {limit} s, was over{}", said(&last))
            }
        };
        Err(self.failed(name, &how))
    }

    /// One line of output, in bounds: what is heard once is remembered, and no more than is passed on.
    fn tell(&self, name: &str, line: &str) {
        let Self { app, subject, name: step, .. } = self;
        if self.left.get() == 0 || !self.said.borrow_mut().insert(line.to_owned()) {
            return;
        }
        let of = format!("{} {} {step} `{}`", app.name, subject.version, escaped(name.as_bytes()));
        log::info!("{of}: {line}");
        self.left.set(self.left.get().saturating_sub(line.len()));
        if self.left.get() == 0 {
            log::info!("{of}: what is said from here on is not written down any more");
        }
    }

    fn failed(&self, name: &str, how: &str) -> Error {
        let Self { app, subject, name: step, .. } = self;
        let thing =
            format!("`{}`, {step} of {} {}", escaped(name.as_bytes()), app.name, subject.version);
        Error::new(Exit::Unhealthy, "run", thing, how)
            .hint("the log has all that it said, in the lines before this one")
    }

    /// Nothing of ours comes from who started us.
    fn environment(&self) -> BTreeMap<String, String> {
        let Self { app, subject, name: step, last, .. } = self;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let from = match subject.from {
            Some(Target::Release(version)) => version.to_string(),
            Some(Target::Nothing) | None => String::new(),
        };
        let fixed = [
            ("PATH", PATH.to_owned()),
            ("HOME", text(&process::home())),
            ("LANG", "C.UTF-8".to_owned()),
            ("SEEDSHIP_APP", app.name.clone()),
            ("SEEDSHIP_ROOT", text(&app.root)),
            ("SEEDSHIP_STEP", (*step).to_owned()),
            ("SEEDSHIP_VERSION", subject.version.to_string()),
            ("SEEDSHIP_RELEASE", text(&subject.directory)),
            ("SEEDSHIP_FINAL", text(last)),
            ("SEEDSHIP_FROM", from),
            ("SEEDSHIP_HASH", subject.hash.map_or(String::new(), |hash| hash.to_string())),
        ];
        let mut all: BTreeMap<_, _> = fixed.map(|(name, value)| (name.to_owned(), value)).into();
        // What is configured goes before, and cannot name a variable of Seedship's own.
        all.extend(app.env.clone());
        all
    }
}

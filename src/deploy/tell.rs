//! What a deploy says when it is over: one line of log, one line of history, and the state in the
//! download's custom fields, for whoever looks at rtorrent.

use super::{Env, Job, Outcome, Resumed};
use crate::{
    config::App,
    disk::{Disk, Kernel},
    error::{Error, Exit, Lasts, Result},
    release::{State, Target, Unix, Version},
    report::{self, Line},
    rtorrent::Client,
    store::{Entry, History},
};
use log::Level;
use metainfo::InfoHash;
use std::fmt;

/// What a line is about.
pub struct Subject<'a> {
    /// The app.
    pub app: &'a App,
    /// The version.
    pub version: &'a Version,
    /// The info hash; an adopted release has none.
    pub hash: Option<InfoHash>,
}

impl<'a> From<&'a Job<'_>> for Subject<'a> {
    fn from(job: &'a Job<'_>) -> Self {
        Self { app: job.app, version: &job.version, hash: Some(job.hash) }
    }
}

/// `shop 1.4.2`.
impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.app.name, self.version)
    }
}

/// Tells everybody how a deploy ended, and passes the result on. Without a root that can be opened
/// there is no history to write.
pub fn tell(
    job: &Subject<'_>,
    outcome: Result<Outcome>,
    rtorrent: Option<&Client>,
    env: &Env,
) -> Result<Outcome> {
    tell_in(Kernel::open(&job.app.root).ok().as_ref(), job, outcome, rtorrent, env)
}

/// The same where the root is open already.
pub fn tell_in<D: Disk>(
    disk: Option<&D>,
    job: &Subject<'_>,
    outcome: Result<Outcome>,
    rtorrent: Option<&Client>,
    env: &Env,
) -> Result<Outcome> {
    if let (Some(disk), Some(entry)) = (disk, entry(job, &outcome, env)) {
        add(disk, &entry);
    }
    let (level, line) = match &outcome {
        Ok(done) => (level_of(done), with_fields(Line::new(sentence(job, done)), done)),
        Err(error) => (report::level_of(error), report::line_of(error)),
    };
    let exit = outcome.as_ref().ok().map(Outcome::exit).filter(|exit| *exit != Exit::Done);
    let line = line
        .field("app", &job.app.name)
        .maybe("exit", exit.map(Exit::code))
        .field("version", job.version)
        .maybe("hash", job.hash);
    match env.answers {
        true => line.unseen(level),
        false => line.log(level),
    }
    if let Some(rtorrent) = rtorrent {
        show(job, &outcome, rtorrent, env.now);
    }
    outcome
}

/// Tells how a trial ended that an earlier run began.
pub fn tell_resumed<D: Disk>(
    disk: &D,
    app: &App,
    resumed: Resumed,
    rtorrent: Option<&Client>,
    env: &Env,
) {
    let Resumed { trial, outcome } = resumed;
    let subject = Subject { app, version: &trial.version, hash: trial.key.info_hash() };
    // What is told is no error.
    let _ = tell_in(Some(disk), &subject, Ok(outcome), rtorrent, env);
}

/// Tells of an app that could not be worked on at all.
pub fn tell_app(app: &App, error: &Error) {
    report::line_of(error).field("app", &app.name).log(report::level_of(error));
}

fn from_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Live { from, .. } => from.version().map(ToString::to_string),
        _ => None,
    }
}

fn note_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Live { notes, .. } if !notes.is_empty() => Some(notes.join("; ")),
        Outcome::Landed { stay, .. } => Some(stay.to_string()),
        Outcome::Returned { why, .. } => Some(why.clone()),
        _ => None,
    }
}

fn level_of(outcome: &Outcome) -> Level {
    match outcome {
        Outcome::Already(_) => Level::Debug,
        Outcome::Returned { .. } => Level::Error,
        _ => Level::Info,
    }
}

/// The outcome for people: what the log says, without its fields.
pub fn sentence(job: &Subject<'_>, outcome: &Outcome) -> String {
    let noted = |notes: &[String]| match notes.is_empty() {
        true => String::new(),
        false => format!(" ({})", notes.join("; ")),
    };
    match outcome {
        Outcome::Live { notes, .. } => format!("{job} is live{}", noted(notes)),
        Outcome::Landed { stay, notes } => {
            format!("{job} landed and does not go live: {stay}{}", noted(notes))
        }
        Outcome::Superseded => format!("{job} is older than what is live: passed over"),
        Outcome::Already(state) => format!("{job} is {} already", state.word()),
        Outcome::Overruled => format!("{job} was left by an operator while on trial"),
        Outcome::Returned { to, why } => match to {
            Some(Target::Release(to)) => format!("{job} is bad, {to} is live again: {why}"),
            Some(Target::Nothing) => format!("{job} is bad, nothing is live, as before: {why}"),
            None => format!("{job} is bad and stays live, for what was live before is gone: {why}"),
        },
    }
}

fn with_fields(line: Line, outcome: &Outcome) -> Line {
    match outcome {
        Outcome::Live { from, took, .. } => line
            .field("from", from)
            .field("ms", took.all.as_millis())
            .field("switch_ms", format!("{:.1}", took.switch.as_secs_f64() * 1e3)),
        _ => line,
    }
}

/// The custom fields of the download. rtorrent may be gone by now: that is told and no more.
fn show(job: &Subject<'_>, outcome: &Result<Outcome>, rtorrent: &Client, now: Unix) {
    let state = match outcome {
        Ok(Outcome::Already(State::Good)) => return,
        Ok(done) => done.word().to_owned(),
        Err(error) if error.lasts == Lasts::Healing => "healing".to_owned(),
        Err(error) => format!("failed ({})", error.exit.code()),
    };
    let Some(hash) = job.hash else { return };
    let (version, time) = (job.version.to_string(), now.to_string());
    let fields = [
        ("seedship_state", state.as_str()),
        ("seedship_version", version.as_str()),
        ("seedship_time", time.as_str()),
    ];
    if let Err(e) = rtorrent.show(hash, &fields) {
        log::warn!("{e}; its custom fields do not show that {job} was handled");
    }
}

/// The line of history, if the outcome is worth one.
fn entry(job: &Subject<'_>, outcome: &Result<Outcome>, env: &Env) -> Option<Entry> {
    let (event, from, note) = match outcome {
        Ok(Outcome::Already(_)) => return None,
        Err(error) if error.lasts == Lasts::Known => return None,
        Ok(done) => (done.word(), from_of(done), note_of(done)),
        Err(error @ Error { lasts: Lasts::Healing, hint: Some(hint), .. }) => {
            ("healing", None, Some(format!("{error}; {hint}")))
        }
        Err(error) => ("failed", None, Some(error.to_string())),
    };
    Some(Entry {
        at: env.now,
        event: event.to_owned(),
        version: Some(job.version.to_string()),
        from,
        hash: job.hash.map(|h| h.to_string()),
        by: env.command.to_owned(),
        note,
    })
}

/// A log that cannot be written never fails what it tells of.
fn add<D: Disk>(disk: &D, entry: &Entry) {
    if let Err(e) = History::of(disk).add(entry) {
        log::debug!("{e}");
    }
}

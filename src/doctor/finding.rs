//! One thing that was looked at: how it is, and where that is not well, why and what to do.

use crate::error::{Error, Exit, one_line};
use serde::Serialize;
use std::fmt;

/// How well something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// As somebody decided, or it could not be looked at: worth knowing, nothing is wrong.
    Note,
    /// It works, and it will not for long, or not always, or less well than it could.
    Warning,
    /// A deploy fails by it, or a hook is not called, or strangers may deploy.
    Fault,
}

/// The word for people.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "fault",
        })
    }
}

/// What it is about, in the order in which people read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// What was configured.
    Configuration,
    /// rtorrent itself.
    Rtorrent,
    /// What rtorrent does when a download is finished.
    Hook,
    /// What a process that rtorrent starts may do.
    Child,
    /// Who may command rtorrent.
    Socket,
    /// What is in rtorrent.
    Downloads,
    /// One app: its root, its releases.
    App,
    /// The machine.
    Host,
}

/// The heading for people.
impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Configuration => "configuration",
            Self::Rtorrent => "rtorrent",
            Self::Hook => "the event",
            Self::Child => "rtorrent's child",
            Self::Socket => "the socket",
            Self::Downloads => "downloads",
            Self::App => "app",
            Self::Host => "this machine",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What was looked at, in a word that does not change: `hook-foreground`.
    pub id: &'static str,
    /// What it is about.
    pub area: Area,
    /// The app, if it is about one.
    pub app: Option<String>,
    /// How well it is.
    pub level: Level,
    /// The exit code of a fault.
    pub exit: Option<Exit>,
    /// How it is.
    pub says: String,
    /// Why that is so, or why it matters.
    pub cause: Option<String>,
    /// What to do.
    pub cure: Option<String>,
}

/// What to do about a failure that says no more than what the kernel said.
const NO_HINT: &str = "put that right, then type `seedship doctor` again";

impl Finding {
    fn new(level: Level, area: Area, id: &'static str, says: impl fmt::Display) -> Self {
        let says = one_line(&says.to_string());
        Self { id, area, app: None, level, exit: None, says, cause: None, cure: None }
    }

    /// As it should be.
    pub(super) fn ok(area: Area, id: &'static str, says: impl fmt::Display) -> Self {
        Self::new(Level::Ok, area, id, says)
    }

    /// Worth knowing.
    pub(super) fn note(area: Area, id: &'static str, says: impl fmt::Display) -> Self {
        Self::new(Level::Note, area, id, says)
    }

    /// Not well.
    pub(super) fn warning(area: Area, id: &'static str, says: impl fmt::Display) -> Self {
        Self::new(Level::Warning, area, id, says)
    }

    /// At fault, and what doctor exits with if it is the first.
    pub(super) fn fault(exit: Exit, area: Area, id: &'static str, says: impl fmt::Display) -> Self {
        Self { exit: Some(exit), ..Self::new(Level::Fault, area, id, says) }
    }

    /// A failure as a fault.
    pub(super) fn failed(area: Area, id: &'static str, error: &Error) -> Self {
        let says = format!("could not {} {}", error.verb, error.thing);
        let fault = Self::fault(error.exit, area, id, says).because(&error.cause);
        fault.cured_by(error.hint.as_deref().unwrap_or(NO_HINT))
    }

    /// A failure that keeps nobody from deploying.
    pub(super) fn failed_here(area: Area, id: &'static str, error: &Error) -> Self {
        Self { level: Level::Note, exit: None, ..Self::failed(area, id, error) }
    }

    /// Why it is so, or why that matters: one line.
    pub(super) fn because(self, cause: impl fmt::Display) -> Self {
        Self { cause: Some(one_line(&cause.to_string())), ..self }
    }

    /// What to do: one line.
    pub(super) fn cured_by(self, cure: impl fmt::Display) -> Self {
        Self { cure: Some(one_line(&cure.to_string())), ..self }
    }

    /// Which app it is about.
    pub(super) fn of_app(self, app: &str) -> Self {
        Self { app: Some(app.to_owned()), ..self }
    }
}

/// A failure, as one process tells it another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, serde::Deserialize)]
pub struct Told {
    exit: u8,
    what: String,
    cause: String,
    hint: Option<String>,
}

impl From<&Error> for Told {
    fn from(error: &Error) -> Self {
        let what = format!("could not {} {}", error.verb, error.thing);
        let (cause, hint) = (error.cause.clone(), error.hint.clone());
        Self { exit: error.exit.code(), what, cause, hint }
    }
}

/// For people: what failed, and why.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", one_line(&self.what), one_line(&self.cause))
    }
}

impl Told {
    /// As a fault.
    pub(super) fn fault(&self, area: Area, id: &'static str) -> Finding {
        let exit = Exit::from_code(self.exit).unwrap_or(Exit::Bug);
        let fault = Finding::fault(exit, area, id, &self.what).because(&self.cause);
        fault.cured_by(self.hint.as_deref().unwrap_or(NO_HINT))
    }
}

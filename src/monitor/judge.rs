//! What is to be said of an app that was seen: pure, so that every rule is a line of a test.

use super::{
    Level,
    sight::{Live, Sight, Told},
};
use crate::{
    error::{Error, Exit, escaped, one_line},
    look::Case,
    release::Unix,
    report,
    store::taken_over_by,
    table::{age, size},
};
use serde::Serialize;
use std::time::Duration;

/// A hold without an end that is older than this was forgotten.
const FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 3600);
/// What fails that often does not go away by itself: with the pauses between, half an hour at least.
const TRIES: u32 = 6;
/// A clock that is a little ahead of the one that wrote a time.
const SKEW: Duration = Duration::from_secs(60);

/// What whoever asks demands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Demands {
    /// This version must be live.
    pub expect: Option<String>,
    /// What is live must not be so for longer.
    pub max_age: Option<Duration>,
    /// An event or a sweep must have been at work within this time.
    pub silence: Duration,
}

/// Writes down the sorts of problems once: the type, all of its values, and the word for machines.
macro_rules! problems {
    ($($name:ident = $word:literal, $is:literal;)+) => {
        /// What is wrong, as a word that does not change.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Problem {
            $(#[doc = $is] $name,)+
        }

        impl Problem {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its word: `silence`.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

problems! {
    Unseen = "unseen", "The app could not be looked at.";
    Configuration = "configuration", "Its table in the configuration is wrong.";
    Gone = "gone", "`current` leads to a release that is not there.";
    Expected = "expected", "Another version is live than was asked for.";
    Empty = "empty", "Nothing is live.";
    Foreign = "foreign", "`current` is not Seedship's.";
    Bad = "bad", "What is live failed its check, and there was nothing to go back to.";
    Silence = "silence", "No event and no sweep for too long.";
    Clock = "clock", "A sweep was at work in the future.";
    Records = "records", "Records cannot be read.";
    Space = "space", "No room for a release.";
    Age = "age", "What is live is older than was asked for.";
    Refused = "refused", "A newer release was refused.";
    Returned = "returned", "A release failed its check.";
    Waiting = "waiting", "A release fails again and again.";
    Unfinished = "unfinished", "What a killed deploy left was not taken up again.";
    Hold = "hold", "A hold was forgotten.";
}

/// One thing that somebody should know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What sort of thing.
    pub problem: Problem,
    /// How bad.
    pub level: Level,
    /// In words, one line.
    pub says: String,
    /// What to do, if that is known.
    pub hint: Option<String>,
}

/// All that is to be said, the worst first.
pub(super) fn judge(app: &str, sight: &Sight, demands: &Demands, now: Unix) -> Vec<Finding> {
    let mut bench = Bench { app, sight, demands, now, found: Vec::new() };
    match &sight.error {
        Some(told) => bench.unseen(told),
        None => {
            bench.current();
            bench.at_work();
            bench.room();
            bench.releases();
        }
    }
    let mut found = bench.found;
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.level), finding.problem));
    found
}

/// What it means that an app, or the configuration, could not be looked at: where this user may not,
/// or nobody answers, it is not known how things are; all the rest keeps deploys away.
pub(super) fn level_of(error: &Error) -> Level {
    match error.exit {
        Exit::Permission | Exit::Again | Exit::Bug | Exit::NotFound | Exit::Usage => Level::Unknown,
        _ => Level::Critical,
    }
}

/// A finding about something that failed.
pub(super) fn failed(problem: Problem, level: Level, error: &Error) -> Finding {
    let hint = error.hint.as_deref().map(one_line);
    Finding { problem, level, says: one_line(&error.to_string()), hint }
}

struct Bench<'a> {
    app: &'a str,
    sight: &'a Sight,
    demands: &'a Demands,
    now: Unix,
    found: Vec<Finding>,
}

impl Bench<'_> {
    fn say(&mut self, problem: Problem, level: Level, says: String, hint: Option<String>) {
        self.found.push(Finding { problem, level, says: one_line(&says), hint });
    }

    fn unseen(&mut self, told: &serde_json::Value) {
        let finding = match report::from_json(told) {
            Some(error) => failed(Problem::Unseen, level_of(&error), &error),
            None => Finding {
                problem: Problem::Unseen,
                level: Level::Unknown,
                says: "the process that looked said nothing that can be read".into(),
                hint: None,
            },
        };
        self.found.push(finding);
    }

    /// What is live, and whether it should be.
    fn current(&mut self) {
        let app = self.app;
        let is_dead = self.sight.leads_nowhere && self.sight.live.is_none();
        if let Some(what) = self.sight.foreign.as_ref().filter(|_| is_dead) {
            let says = format!("`current` is {what}, and leads nowhere");
            let hint = format!("`seedship rollback {app} --to VERSION`, which was live before");
            self.say(Problem::Gone, Level::Critical, says, Some(hint));
        } else if let Some(what) = &self.sight.foreign {
            let live = self.sight.live.as_ref().map_or("VERSION", |live| &live.version);
            let typed = taken_over_by(app, live, self.sight.is_of_a_tool);
            let hint = format!("`{typed}` takes it over");
            let says = format!("`current` is {what}");
            self.say(Problem::Foreign, Level::Warning, says, Some(hint));
        } else if self.sight.empty {
            let (level, says, hint) = match &self.sight.was_live {
                Some(before) => (
                    Level::Critical,
                    format!("`current` is not there, and {before} was live"),
                    format!("`seedship activate {app} {before}` makes it live again"),
                ),
                None => (
                    Level::Warning,
                    "nothing is live".to_owned(),
                    format!("`seedship status {app}` says what there is"),
                ),
            };
            self.say(Problem::Empty, level, says, Some(hint));
        }
        self.expected();
        let Some(live) = &self.sight.live else { return };
        if live.state == Case::Gone {
            let says = format!("`current` leads to {}, which is not there", live.version);
            let hint = match self.sight.of_state(Case::Good).next() {
                Some(before) => format!("`seedship rollback {app}` goes to {}", before.name),
                None => format!("`seedship status {app}` says where to"),
            };
            let hint = Some(hint);
            self.say(Problem::Gone, Level::Critical, says, hint);
        }
        if let Some(why) = live.why.as_ref().filter(|why| why.starts_with("bad: ")) {
            let says = format!("{} is live and {why}", live.version);
            let hint =
                Some(format!("`seedship releases {app}` says what `rollback --to` can name"));
            self.say(Problem::Bad, Level::Critical, says, hint);
        }
        let age_of = |live: &Live| live.since.map(|since| self.now.since(since));
        if let (Some(most), Some(old)) = (self.demands.max_age, age_of(live))
            && old > most
        {
            let since = live.since.map(|since| age(since, self.now)).unwrap_or_default();
            let says = format!("{} became live {since}", live.version);
            self.say(Problem::Age, Level::Warning, says, None);
        }
    }

    /// That the wrong version is live is critical, unless the right one is on its way.
    fn expected(&mut self) {
        let Some(wanted) = &self.demands.expect else { return };
        let live = self.sight.live.as_ref().map(|live| live.version.as_str());
        if live == Some(wanted) {
            return;
        }
        let is_foreign = self.sight.foreign.is_some();
        let none = if is_foreign { "what seedship did not make" } else { "nothing" };
        let live = live.unwrap_or(none);
        let named = escaped(wanted.as_bytes());
        let there = self.sight.telling.iter().find(|told| told.name == *wanted);
        let (level, how) = match there {
            Some(told) => match told.state {
                Case::Landing | Case::Staged => (Level::Warning, because(told)),
                _ => (Level::Critical, because(told)),
            },
            None => (Level::Critical, String::new()),
        };
        let hint = match (there, level) {
            // What to type first is said beside it.
            (Some(_), Level::Warning) if is_foreign => None,
            (Some(told), Level::Warning) if told.state == Case::Staged => {
                Some(format!("`seedship activate {} {named}` makes it live", self.app))
            }
            _ => Some(format!("`seedship status {}` says what there is", self.app)),
        };
        let how = if how.is_empty() { how } else { format!(", which is {how}") };
        let says = format!("{live} is live, not {named}{how}");
        self.say(Problem::Expected, level, says, hint);
    }

    /// When Seedship was last at work, and what it left.
    fn at_work(&mut self) {
        let (now, most) = (self.now, self.demands.silence);
        let sweeps = "is the sweep's timer active, and does rtorrent run?";
        let quiet = self.sight.worked.map(|worked| (worked, now.since(worked)));
        match quiet {
            None => {
                let says = "no event and no sweep was ever at work here".to_owned();
                self.say(Problem::Silence, Level::Warning, says, Some(sweeps.into()));
            }
            Some((worked, _)) if worked.since(now) > SKEW => {
                let says = format!("the last event or sweep was at work {}", age(worked, now));
                let hint = "the clock was or is wrong: `timedatectl`".to_owned();
                self.say(Problem::Clock, Level::Warning, says, Some(hint));
            }
            Some((worked, quiet)) if quiet > most => {
                let last = age(worked, now);
                let (says, hint) = match self.sight.of_state(Case::Landing).next() {
                    Some(told) => (
                        format!("{} is still {}", told.name, because(told)),
                        "does that process hang? Killed, it is resumed by the next sweep",
                    ),
                    None => (format!("no event and no sweep: the last was at work {last}"), sweeps),
                };
                self.say(Problem::Silence, Level::Critical, says, Some(hint.into()));
            }
            Some(_) => {}
        }
        let patience = Duration::from_secs(self.sight.lock_wait);
        let left = self.sight.unfinished.first().cloned();
        let left = left.or_else(|| {
            let told = self.sight.of_state(Case::Unfinished).next()?;
            let why = told.why.as_deref().unwrap_or("it was interrupted");
            Some(format!("{}: {why}", told.name))
        });
        if let Some(left) = left.filter(|_| quiet.is_none_or(|(_, quiet)| quiet > patience)) {
            let hint = Some("`seedship sweep` resumes it".to_owned());
            self.say(Problem::Unfinished, Level::Warning, left, hint);
        }
        for (error, hint) in &self.sight.unreadable {
            self.say(Problem::Records, Level::Critical, error.clone(), hint.clone());
        }
    }

    /// Whether another release fits.
    fn room(&mut self) {
        let Sight { free, inodes, min_free, live, .. } = self.sight;
        let last = live.as_ref().and_then(|live| live.size).unwrap_or(0);
        let hint = "`df -h` and `df -i`; `seedship prune` with a smaller --keep makes room";
        let hint = Some(hint.to_owned());
        let files = live.as_ref().and_then(|live| live.files).unwrap_or(0);
        match free {
            Some(free) if free < min_free => {
                let says = format!("{} are free, min_free is {}", size(*free), size(*min_free));
                self.say(Problem::Space, Level::Critical, says, hint.clone());
            }
            Some(free) if *free < min_free.saturating_add(last) => {
                let says = format!(
                    "{} are free: a release as large as the live one ({}) does not fit",
                    size(*free),
                    size(last)
                );
                self.say(Problem::Space, Level::Warning, says, hint.clone());
            }
            _ => {}
        }
        match inodes {
            Some(0) => {
                self.say(Problem::Space, Level::Critical, "no inode is free".into(), hint);
            }
            Some(free) if *free < files => {
                let says = format!("{free} inodes are free, the live release has {files} files");
                self.say(Problem::Space, Level::Warning, says, hint);
            }
            _ => {}
        }
    }

    /// Releases and holds that need a person.
    fn releases(&mut self) {
        for told in &self.sight.telling {
            let (problem, hint) = match told.state {
                Case::Refused => {
                    (Problem::Refused, "publish a corrected build as a new version".to_owned())
                }
                Case::Returned if !is_a_persons(told) => {
                    (Problem::Returned, format!("`seedship history {}` says more", self.app))
                }
                Case::Waiting if told.tries.is_some_and(|tries| tries >= TRIES) => {
                    (Problem::Waiting, format!("`seedship history {}` says more", self.app))
                }
                _ => continue,
            };
            let tries = match told.tries.filter(|_| told.state == Case::Waiting) {
                Some(tries) => format!(", tried {tries} times"),
                None => String::new(),
            };
            let says = format!("{} is {}{tries}", told.name, because(told));
            self.say(problem, Level::Warning, says, Some(hint));
        }
        let hold = self
            .sight
            .hold
            .as_ref()
            .filter(|hold| hold.until.is_none() && self.now.since(hold.since) > FORGOTTEN);
        if let Some(hold) = hold {
            let reason = hold.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            let since = age(hold.since, self.now);
            let says = format!("{} holds it since {} ({since}){reason}", hold.by, hold.since);
            let hint = Some(format!("`seedship unhold {}` ends it", self.app));
            self.say(Problem::Hold, Level::Warning, says, hint);
        }
    }
}

/// `refused: it ends early`.
fn because(told: &Told) -> String {
    match &told.why {
        Some(why) => format!("{}: {why}", told.state),
        None => told.state.to_string(),
    }
}

/// An operator went back, or elsewhere while it was on trial: whoever did that knows of it.
fn is_a_persons(told: &Told) -> bool {
    let reason = told.why.as_ref().and_then(|why| why.split_once(": "));
    reason.is_some_and(|(_, reason)| {
        reason.starts_with("rolled back by ") || reason == "left before its verdict"
    })
}

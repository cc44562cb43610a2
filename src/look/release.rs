//! One release as a reader sees it: what its record, its directory and the running deploy make of
//! it together.

use super::{Landing, View, maybe_rfc3339};
use crate::{
    choose::{self, Decision},
    heal,
    release::{Key, Record, State, Target, Unix, Version, debian_order},
};
use anstyle::{AnsiColor, Style};
use metainfo::InfoHash;
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt};

/// What a release is, in one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// `current` leads to it.
    Live,
    /// `current` leads to it, and its verdict is not spoken.
    Trial,
    /// `current` leads to it, and its directory is not there.
    Gone,
    /// A deploy that runs reads or unpacks it.
    Landing,
    /// A deploy was interrupted; the next writing command goes on or cleans up.
    Unfinished,
    /// Landed, and not live.
    Staged,
    /// A failure that passes; tried again.
    Waiting,
    /// Always fails with the same bytes and configuration.
    Refused,
    /// Failed or left by an operator, and what is live now came after it.
    Returned,
    /// Failed or left by an operator, earlier.
    Bad,
    /// Was live and well.
    Good,
    /// Older than what was live already.
    Superseded,
    /// Its directory was removed.
    Pruned,
    /// A directory that no record knows.
    Unrecorded,
}

impl Case {
    pub(super) fn style(self) -> Style {
        match self {
            Self::Live => AnsiColor::Green.on_default(),
            Self::Trial | Self::Landing | Self::Staged => AnsiColor::Cyan.on_default(),
            Self::Unfinished | Self::Waiting => AnsiColor::Yellow.on_default(),
            Self::Gone | Self::Refused | Self::Returned | Self::Bad => AnsiColor::Red.on_default(),
            Self::Good | Self::Superseded | Self::Pruned | Self::Unrecorded => Style::new(),
        }
    }
}

/// For people.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Live => "live",
            Self::Trial => "live, on trial",
            Self::Gone => "gone",
            Self::Landing => "being landed",
            Self::Unfinished => "unfinished",
            Self::Staged => "staged",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Returned => "returned",
            Self::Bad => "bad",
            Self::Good => "good",
            Self::Superseded => "superseded",
            Self::Pruned => "pruned",
            Self::Unrecorded => "no record",
        })
    }
}

/// One release, or one torrent that is not a release yet.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Release {
    /// Its version; null while a deploy that no record tells of yet is landing it.
    pub version: Option<Version>,
    /// The info hash; null for what no torrent brought.
    pub hash: Option<String>,
    /// What it is.
    pub state: Case,
    /// Why it is that.
    pub why: Option<String>,
    /// Since when.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub since: Option<Unix>,
    /// Not tried again before.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub not_before: Option<Unix>,
    /// How often it was tried, where it waits.
    pub tries: Option<u32>,
    /// It was refused, and a sweep tries it again: the configuration changed since.
    #[serde(skip)]
    pub(crate) retried: bool,
    /// The exit code that it failed with.
    pub exit: Option<u8>,
    /// The process that lands it or conducts its trial.
    pub pid: Option<u32>,
    /// Counts activations of the app.
    pub number: Option<u64>,
    /// What was current before it.
    pub from: Option<String>,
    /// When it ceased to be current.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub left: Option<Unix>,
    /// Bytes of its files, if that is known.
    pub size: Option<u64>,
    /// Number of files, if that is known.
    pub files: Option<u64>,
    /// The signed publication time.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub published: Option<Unix>,
    /// The torrent's creation date.
    #[serde(serialize_with = "maybe_rfc3339")]
    pub created: Option<Unix>,
    /// Key id of the verified signature.
    pub signer: Option<String>,
    /// The signed facts.
    pub facts: Option<String>,
    /// Its directory is there.
    pub stands: bool,
    /// `current` leads to it.
    pub live: bool,
    /// `previous` leads to it.
    pub previous: bool,
    /// `seedship rollback` would go to it.
    pub rollback_target: bool,
    /// `seedship prune` would remove it now.
    pub prunable: bool,
    /// It was there before Seedship.
    pub adopted: bool,
}

impl Release {
    fn unknown(state: Case) -> Self {
        Self {
            version: None,
            hash: None,
            state,
            why: None,
            since: None,
            not_before: None,
            tries: None,
            retried: false,
            exit: None,
            pid: None,
            number: None,
            from: None,
            left: None,
            size: None,
            files: None,
            published: None,
            created: None,
            signer: None,
            facts: None,
            stands: false,
            live: false,
            previous: false,
            rollback_target: false,
            prunable: false,
            adopted: false,
        }
    }

    /// The version, or as much of the info hash as people tell apart.
    pub fn name(&self) -> String {
        match (&self.version, &self.hash) {
            (Some(version), _) => version.to_string(),
            (None, Some(hash)) => format!("{}…", hash.get(..12).unwrap_or(hash)),
            (None, None) => String::new(),
        }
    }

    fn recorded(record: &Record, view: &View<'_>) -> Self {
        let seen = &view.seen;
        let is = |other: Option<&Record>| other.is_some_and(|other| other.key == record.key);
        let owns = is(seen.owner(&record.version));
        let unpacked = record.files > 0 || record.size > 0;
        let mut release = Self {
            version: Some(record.version.clone()),
            hash: record.key.info_hash().map(|hash| hash.to_string()),
            since: Some(record.at),
            number: record.number,
            from: record.from.as_ref().and_then(Target::version).map(ToString::to_string),
            left: record.left,
            size: unpacked.then_some(record.size),
            files: unpacked.then_some(record.files),
            published: record.published,
            created: record.created,
            signer: record.signer.clone(),
            facts: record.facts.clone(),
            stands: owns && seen.stands(&record.version),
            live: is(seen.live()),
            previous: owns && seen.previous.as_ref() == Some(&record.version),
            rollback_target: is(seen.rollback_target()) && !has_lost_its_key(record, view),
            prunable: view.prunable.contains(&record.key),
            adopted: matches!(record.key, Key::Adopted(_)),
            ..Self::unknown(Case::Good)
        };
        match view.landing.as_ref().filter(|l| record.key == Key::Torrent(l.hash)) {
            Some(landing) if record.state != State::Trying => release.is_landing(landing),
            _ if release.live => release.is_live(record, view),
            _ => release.is_not_live(record, view),
        }
        release
    }

    fn is(&mut self, state: Case, why: impl Into<Option<String>>) {
        (self.state, self.why) = (state, why.into());
    }

    fn is_landing(&mut self, landing: &Landing) {
        let Landing { hash, pid, command, since } = landing;
        self.is(Case::Landing, format!("since {since} by {command}, pid {pid}"));
        (self.hash, self.pid, self.since) = (Some(hash.to_string()), Some(*pid), Some(*since));
    }

    fn is_live(&mut self, record: &Record, view: &View<'_>) {
        self.since = Some(live_since(record, view));
        if !self.stands {
            return self.is(Case::Gone, "its directory is not there".to_owned());
        }
        match &record.state {
            State::Good => self.is(Case::Live, lost_key(record, view)),
            State::Trying => {
                self.is(Case::Trial, None);
                let conducts = |l: &&Landing| record.key == Key::Torrent(l.hash);
                self.pid = view.landing.as_ref().filter(conducts).map(|landing| landing.pid);
            }
            State::Bad { reason } => self.is(Case::Live, format!("bad: {reason}")),
            other => self.is(Case::Live, format!("its record says {}", other.word())),
        }
    }

    fn is_not_live(&mut self, record: &Record, view: &View<'_>) {
        match &record.state {
            State::Open => self.is_open(record, view),
            State::Trying => self.is(Case::Unfinished, "its trial never began".to_owned()),
            State::Good => {
                let why = self.rollback_target.then(|| "`rollback` goes there".to_owned());
                self.is(Case::Good, why.or_else(|| lost_key(record, view)));
            }
            State::Bad { reason } => match returned_to(record, view) {
                Some(live) => self.is(Case::Returned, format!("to {live}: {reason}")),
                None => self.is(Case::Bad, reason.clone()),
            },
            State::Waiting(wait) => {
                let when = match wait.is_due(view.now) {
                    true => "for the next sweep".to_owned(),
                    false => format!("until {}", wait.not_before),
                };
                let healed = match (wait.healing, record.heals) {
                    (true, _) => format!("being healed, {}: ", heal::tries(record)),
                    (false, heals) if heals >= heal::TRIES => {
                        format!("not healed by {heals} tries: ")
                    }
                    _ => String::new(),
                };
                self.is(Case::Waiting, format!("{when}: {healed}{}", wait.reason));
                (self.not_before, self.tries) = (Some(wait.not_before), Some(wait.tries));
                self.exit = Some(wait.exit);
            }
            State::Refused { exit, reason, digest, .. } => {
                self.retried = *digest != view.app.digest;
                let again = match self.retried {
                    false => "",
                    true => " (tried again: the configuration changed)",
                };
                self.is(Case::Refused, format!("{reason}{again}"));
                self.exit = Some(*exit);
            }
            State::Superseded => {
                let above = above(record, view).map(|above| format!("older than {above}"));
                let unread = (!record.landed).then(|| "passed over unread".to_owned());
                let why: Vec<String> = above.into_iter().chain(unread).collect();
                self.is(Case::Superseded, (!why.is_empty()).then(|| why.join(", ")));
            }
            State::Pruned => self.is(Case::Pruned, None),
        }
    }

    /// It landed and stays, or never landed.
    fn is_open(&mut self, record: &Record, view: &View<'_>) {
        let staged = |hash: InfoHash| view.leftovers.stages.contains(&hash);
        let adopted = matches!(record.key, Key::Adopted(_));
        if adopted || !self.stands || record.key.info_hash().is_some_and(staged) {
            let what = if adopted { "adopting it" } else { "its deploy" };
            return self.is(Case::Unfinished, format!("{what} was interrupted"));
        }
        let why = match choose::choose(record, &view.seen, &view.rules, view.now) {
            Decision::Activate { .. } => "the next sweep makes it live".to_owned(),
            Decision::Stay(stay) => stay.to_string(),
        };
        self.is(Case::Staged, why);
    }
}

/// When what is live became it: a good release that was come back to keeps the time of its
/// verdict, but what it was come back from says when it was left.
fn live_since(live: &Record, view: &View<'_>) -> Unix {
    let others = view.seen.records.iter().filter(|r| r.key != live.key);
    let judged = matches!(live.state, State::Good | State::Trying).then_some(live.at);
    others.filter_map(|r| r.left).chain(judged).max().unwrap_or(live.at)
}

/// What is live, if it followed this release. Of those that were left in the same second, as two
/// rollbacks in a row may be, it is the one that had come in place of what is live.
fn returned_to(record: &Record, view: &View<'_>) -> Option<String> {
    let left = || view.seen.records.iter().filter_map(|r| r.left);
    let is_last = record.left.is_some() && record.left == left().max();
    let live = view.seen.live_target().filter(|_| is_last)?;
    let is_alone = left().filter(|left| Some(*left) == record.left).count() == 1;
    (is_alone || record.from.as_ref() == Some(&live)).then(|| live.to_string())
}

/// The highest release that was ever live and is above this one.
fn above<'v>(record: &Record, view: &'v View<'_>) -> Option<&'v Version> {
    let order = view.rules.order;
    let records = view.seen.records.iter().filter(|other| other.number.is_some());
    let above = records.filter(|other| order.compare(other, record) == Ordering::Greater);
    above.max_by(|a, b| order.compare(a, b)).map(|above| &above.version)
}

/// Every release that is known, newest first.
pub(super) fn all(view: &View<'_>) -> Vec<Release> {
    let seen = &view.seen;
    let mut records: Vec<&Record> = seen.records.iter().collect();
    records.sort_by(|a, b| newest_first(a, b, view));
    let mut all: Vec<Release> = Vec::new();
    let known = |landing: &&Landing| seen.record(&Key::Torrent(landing.hash)).is_some();
    if let Some(landing) = view.landing.as_ref().filter(|landing| !known(landing)) {
        let mut release = Release::unknown(Case::Landing);
        release.is_landing(landing);
        all.push(release);
    }
    all.extend(records.into_iter().map(|record| Release::recorded(record, view)));
    let unrecorded = |v: &&Version| seen.owner(v).is_none();
    let mut unrecorded: Vec<&Version> = seen.standing.iter().filter(unrecorded).collect();
    unrecorded.sort_by(|a, b| debian_order(b.as_str(), a.as_str()));
    all.extend(unrecorded.into_iter().map(|version| Release {
        version: Some(version.clone()),
        stands: true,
        live: is_named_by_current(version, view),
        previous: seen.previous.as_ref() == Some(version),
        ..Release::unknown(Case::Unrecorded)
    }));
    all
}

fn newest_first(a: &Record, b: &Record, view: &View<'_>) -> Ordering {
    view.rules
        .order
        .compare(b, a)
        .then_with(|| debian_order(b.version.as_str(), a.version.as_str()))
        .then_with(|| b.at.cmp(&a.at))
}

/// `current` leads there although its record is lost.
fn is_named_by_current(version: &Version, view: &View<'_>) -> bool {
    view.seen.live_target() == Some(Target::Release(version.clone()))
}

/// Its key was removed: `rollback` goes there only when it is named.
fn has_lost_its_key(record: &Record, view: &View<'_>) -> bool {
    choose::has_lost_its_key(record, view.rules.keys.as_deref())
}

fn lost_key(record: &Record, view: &View<'_>) -> Option<String> {
    has_lost_its_key(record, view).then(|| choose::Stay::KeyRemoved.to_string())
}

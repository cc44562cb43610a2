//! What an operator decides: rollback, activate, adopt, hold, unhold, prune.
//!
//! None of it needs network, rtorrent or payload, and none waits for a running deploy: only the
//! switch lock is taken, for milliseconds. An operator's word is never undone by an event of an
//! older release, by a deploy that is in its check, or by recovery.

mod adopt;
mod predecessor;

pub use adopt::{Adoption, Becomes, Found, adopt, adoption};

use crate::{
    choose,
    disk::Disk,
    error::{Error, Exit, Result},
    process::Who,
    prune::{self, Keep},
    release::{By, Record, State, Target, Unix, Version, Wait},
    store::{Current, Entry, Foreign, History, Hold, Seen, Site, Switching, taken_over_by},
    switch::{self, Leave, Switched},
};

/// Who types, and when.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The user's name.
    pub name: String,
    /// Now.
    pub now: Unix,
    /// For the names of trash.
    pub random: u64,
}

/// What a switching command came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// `current` points elsewhere.
    Switched(Switched),
    /// It was live already; its record says good now.
    LiveAlready(Version),
    /// It had been passed over unread: the next sweep lands it.
    ToBeLanded(Version),
}

impl Done {
    /// The switch, if there was one.
    pub fn switched(&self) -> Option<&Switched> {
        match self {
            Self::Switched(switched) => Some(switched),
            Self::LiveAlready(_) | Self::ToBeLanded(_) => None,
        }
    }
}

/// How to roll back.
#[derive(Clone, Debug, Default)]
pub struct Rollback {
    /// Where to, if not to the release before.
    pub to: Option<Version>,
    /// The release that is left stays good.
    pub keep_good: bool,
    /// Ids of the keys that are trusted now; `None` where unsigned releases are accepted. A release
    /// whose key was removed must be named.
    pub keys: Option<Vec<String>>,
}

/// Goes back to the release before, or to a named one. What is left is `bad` from now on, so that
/// no event brings it back. A named one that is live already is good from now on: whoever repeats
/// a command that was killed gets what it says.
pub fn rollback<D: Disk>(
    site: &mut Site<D>,
    app: &str,
    how: &Rollback,
    who: &Operator,
) -> Result<Done> {
    // With a name given, unreadable records must not be in the way: the directories are enough.
    let mut lock = if how.to.is_some() { site.switching_blind()? } else { site.switching()? };
    // Where it leads to depends on what the last switch left unfinished.
    switch::close_finished_marks(&mut lock, who.now)?;
    let to = rollback_target(lock.seen(), app, how)?;
    if let Some(live) = lock.seen().live().filter(|live| live.version == to).cloned() {
        confirm(&mut lock, live, who)?;
        return Ok(Done::LiveAlready(to));
    }
    let bad = (!how.keep_good).then(|| format!("rolled back by {}", who.name));
    let leave = Leave { to: Target::Release(to.clone()), by: By::Rollback, bad };
    let switched = switch::leave(&mut lock, &leave, who.now)?;
    let switched = switched.ok_or_else(|| not_there(lock.seen(), app, &to, Typed::RollbackTo))?;
    note(&lock, "rollback", Some(&switched), None, who);
    Ok(Done::Switched(switched))
}

/// What a rollback would switch to, without doing it.
pub fn rollback_target(seen: &Seen, app: &str, how: &Rollback) -> Result<Version> {
    if let Current::Foreign(what @ (Foreign::Directory | Foreign::Other)) = &seen.current {
        return Err(Error::new(
            Exit::NotOurs,
            "roll back",
            format!("app `{app}`"),
            format!("`current` is {what}"),
        )
        .hint(format!("seedship activate {app} VERSION --adopt takes it over and keeps it")));
    }
    let live = seen.live().map(|r| &r.version);
    match &how.to {
        Some(to) if seen.stands(to) => Ok(to.clone()),
        Some(to) => Err(not_there(seen, app, to, Typed::RollbackTo)),
        None => match seen.rollback_target() {
            Some(before) if choose::has_lost_its_key(before, how.keys.as_deref()) => {
                let cause = format!(
                    "{} was live before, and the key that signed it is not trusted any more",
                    before.version
                );
                let hint = format!(
                    "`{} {}` goes there all the same",
                    Typed::RollbackTo.words(app),
                    before.version
                );
                Err(Error::new(Exit::Permission, "roll back", format!("app `{app}`"), cause)
                    .hint(hint))
            }
            Some(before) => Ok(before.version.clone()),
            None => {
                let cause = match live {
                    Some(live) => format!("no good release was live before {live}"),
                    None => "nothing that seedship knows is live".to_owned(),
                };
                Err(Error::new(Exit::NotFound, "roll back", format!("app `{app}`"), cause)
                    .hint(choices(seen, app, Typed::RollbackTo)))
            }
        },
    }
}

/// The commands that take a version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Typed {
    RollbackTo,
    Activate,
}

impl Typed {
    fn words(self, app: &str) -> String {
        match self {
            Self::RollbackTo => format!("seedship rollback {app} --to"),
            Self::Activate => format!("seedship activate {app}"),
        }
    }

    /// Whether it can take a release that stands: `activate` wants a record of it.
    fn takes(self, seen: &Seen, version: &Version) -> bool {
        self == Self::RollbackTo || seen.owner(version).is_some()
    }
}

/// Why a release cannot be switched to, and what an operator can do then.
fn not_there(seen: &Seen, app: &str, version: &Version, typed: Typed) -> Error {
    let known = seen.records.iter().find(|r| r.version == *version).map(|r| &r.state);
    let cause = match known {
        _ if seen.stands(version) => "its directory has no record".to_owned(),
        None => "no release of that version stands".to_owned(),
        Some(State::Waiting(wait)) => {
            format!("it did not land and waits until {}: {}", wait.not_before, wait.reason)
        }
        Some(State::Refused { reason, .. }) => format!("it was refused: {reason}"),
        Some(State::Pruned) => "it was pruned; its tree can come back as a new version".to_owned(),
        Some(state) => format!("it is {}, and its directory is not there", state.word()),
    };
    Error::new(Exit::NotFound, "switch", format!("app `{app}` to `{version}`"), cause).hint(
        match known {
            Some(State::Waiting(_)) => {
                "the first `seedship sweep` after that tries again".to_owned()
            }
            Some(State::Refused { .. }) => "publish a corrected one as a new version".to_owned(),
            None if typed == Typed::Activate && can_be_named(seen, version) => {
                format!("`seedship rollback {app} --to {version}` goes there")
            }
            _ => choices(seen, app, typed),
        },
    )
}

/// `rollback --to` goes there, record or not.
fn can_be_named(seen: &Seen, version: &Version) -> bool {
    let is_link = !matches!(seen.current, Current::Foreign(Foreign::Directory | Foreign::Other));
    is_link && seen.stands(version)
}

/// What a command can take for a version.
fn choices(seen: &Seen, app: &str, typed: Typed) -> String {
    let live = seen.live().map(|r| &r.version);
    let others = seen.standing.iter().filter(|v| Some(*v) != live && typed.takes(seen, v));
    let others: Vec<&str> = others.map(Version::as_str).collect();
    match others.is_empty() {
        true => format!("none other stands; `seedship releases {app}` says what became of each"),
        false => format!("`{}` can take: {}", typed.words(app), others.join(", ")),
    }
}

/// Makes a named release live, whatever its order.
pub fn activate<D: Disk>(
    site: &mut Site<D>,
    app: &str,
    version: &Version,
    adopt: bool,
    who: &Operator,
) -> Result<Done> {
    let mut lock = site.switching()?;
    switch::close_finished_marks(&mut lock, who.now)?;
    let done = match activation(lock.seen(), app, version, adopt)? {
        Activation::LandLater(record) => {
            lock.write(asked_for(record, who))?;
            Done::ToBeLanded(version.clone())
        }
        Activation::Confirm(record) => {
            confirm(&mut lock, record, who)?;
            Done::LiveAlready(version.clone())
        }
        Activation::AdoptDirectory(record) => {
            Done::Switched(switch::adopt_directory(&mut lock, &record, who.now)?)
        }
        Activation::AdoptLink(text) => {
            let adopted = switch::adopt_link(&mut lock, &text, who.now)?;
            match adopted == *version {
                true => Done::LiveAlready(adopted),
                false => switch_to(&mut lock, app, version, who)?,
            }
        }
        Activation::Switch => switch_to(&mut lock, app, version, who)?,
    };
    match &done {
        Done::Switched(switched) => note(&lock, "activate", Some(switched), None, who),
        Done::LiveAlready(_) | Done::ToBeLanded(_) => {
            let version = Some(version.to_string());
            lock.note(&Entry { version, ..entry("activate", who) });
        }
    }
    Ok(done)
}

/// What `activate` will do.
#[derive(Clone, PartialEq, Debug)]
pub enum Activation {
    /// Switch to it.
    Switch,
    /// It is live: its record becomes good.
    Confirm(Record),
    /// It was passed over unread: the next sweep lands it.
    LandLater(Record),
    /// Take over another tool's link first.
    AdoptLink(String),
    /// Take over a real directory in the same step.
    AdoptDirectory(Record),
}

/// What `activate` would do, without doing it.
pub fn activation(seen: &Seen, app: &str, version: &Version, adopt: bool) -> Result<Activation> {
    let owner = seen.owner(version).filter(|_| seen.stands(version));
    match &seen.current {
        Current::Foreign(Foreign::Link { text, release }) if adopt => {
            // Without a record, a release can be taken over while it is what the link leads to.
            let is_live = release.as_ref() == Some(version);
            return match owner.is_some() || (is_live && seen.stands(version)) {
                true => Ok(Activation::AdoptLink(text.clone())),
                false => Err(not_there(seen, app, version, Typed::Activate)),
            };
        }
        Current::Foreign(Foreign::Directory) if adopt => {
            let record = owner.ok_or_else(|| not_there(seen, app, version, Typed::Activate))?;
            return Ok(Activation::AdoptDirectory(record.clone()));
        }
        Current::Foreign(what) => {
            let thing = format!("app `{app}` to `{version}`");
            return Err(Error::new(Exit::NotOurs, "switch", thing, format!("`current` is {what}"))
                .hint(taken_over_by(app, version.as_str(), what.is_of_a_tool())));
        }
        Current::Nothing | Current::Recorded(_) => {}
    }
    let unread = |r: &&Record| {
        let passed_over = r.state == State::Superseded && !r.landed;
        r.version == *version && (passed_over || is_asked_for(r))
    };
    match (owner, seen.records.iter().find(unread)) {
        (Some(owner), _) if seen.live() == Some(owner) => Ok(Activation::Confirm(owner.clone())),
        (Some(_), _) => Ok(Activation::Switch),
        (None, Some(unread)) => Ok(Activation::LandLater(unread.clone())),
        (None, None) => Err(not_there(seen, app, version, Typed::Activate)),
    }
}

/// It was passed over, an operator asked for it, and no sweep has tried it since.
fn is_asked_for(record: &Record) -> bool {
    record.asked && matches!(&record.state, State::Waiting(wait) if wait.tries == 0)
}

/// Passed over unread, and now wanted: it waits for the next sweep, and is not passed over again.
fn asked_for(unread: Record, who: &Operator) -> Record {
    let reason = format!("{} asked for it: the next sweep lands it", who.name);
    let wait =
        Wait { not_before: who.now, tries: 0, exit: Exit::Again.code(), reason, healing: false };
    Record { asked: true, ..unread.now(State::Waiting(wait), who.now) }
}

fn switch_to<D: Disk>(
    lock: &mut Switching<'_, D>,
    app: &str,
    version: &Version,
    who: &Operator,
) -> Result<Done> {
    let to = Target::Release(version.clone());
    let leave = Leave { to, by: By::Activate, bad: None };
    match switch::leave(lock, &leave, who.now)? {
        Some(switched) => Ok(Done::Switched(switched)),
        None => Err(not_there(lock.seen(), app, version, Typed::Activate)),
    }
}

/// It is live already: an operator's word ends its trial, and a mark to leave it.
fn confirm<D: Disk>(lock: &mut Switching<'_, D>, live: Record, who: &Operator) -> Result<()> {
    let number = live.number.or(Some(lock.seen().next_number()));
    let good = live.now(State::Good, who.now);
    lock.write(Record { leave: None, left: None, landed: true, number, ..good })
}

/// Releases land, none activates by itself. Says which hold this one replaced.
pub fn hold<D: Disk>(
    site: &mut Site<D>,
    until: Option<Unix>,
    reason: Option<String>,
    who: &Operator,
) -> Result<(Hold, Option<Hold>)> {
    let mut lock = site.switching()?;
    let replaced = lock.seen().hold.as_ref().ok().and_then(Clone::clone);
    let hold = Hold::new(who.name.clone(), who.now, until, reason);
    lock.hold(hold.clone())?;
    note(&lock, "hold", None, hold.reason.clone(), who);
    Ok((hold, replaced))
}

/// Releases activate by themselves again, from the next sweep on. Says whether there was a hold.
pub fn unhold<D: Disk>(site: &mut Site<D>, who: &Operator) -> Result<bool> {
    let mut lock = site.switching()?;
    let held = !matches!(lock.seen().hold, Ok(None));
    lock.unhold()?;
    note(&lock, "unhold", None, None, who);
    Ok(held)
}

/// Removes the releases that can go. Takes the deploy lock too, and does not wait for it.
pub fn prune<D: Disk>(
    site: &mut Site<D>,
    keep: &Keep,
    me: &Who,
    who: &Operator,
) -> Result<Vec<Record>> {
    let mut by = site.deploying(std::time::Duration::ZERO, me)?;
    let pruned = prune::prune(&mut by, keep, who.now, who.random)?;
    for record in &pruned {
        let hash = record.key.info_hash().map(|hash| hash.to_string());
        let version = Some(record.version.to_string());
        let entry = Entry { version, hash, ..entry("pruned", who) };
        if let Err(e) = History::of(by.site().disk()).add(&entry) {
            log::warn!("{e}");
        }
    }
    Ok(pruned)
}

fn note<D: Disk>(
    lock: &Switching<'_, D>,
    event: &str,
    switched: Option<&Switched>,
    note: Option<String>,
    who: &Operator,
) {
    let named = |target: &Target| target.version().map(ToString::to_string);
    let version = switched.and_then(|s| named(&s.to));
    let from = switched.and_then(|s| named(&s.from));
    lock.note(&Entry { version, from, note, ..entry(event, who) });
}

/// What an operator did, without saying to which release.
fn entry(event: &str, who: &Operator) -> Entry {
    Entry {
        at: who.now,
        event: event.to_owned(),
        version: None,
        from: None,
        hash: None,
        by: who.name.clone(),
        note: None,
    }
}

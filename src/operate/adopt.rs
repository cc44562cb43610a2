//! Taking over a whole tree of another deploy tool: what is live and the releases beside it get
//! records, in the other tool's order, so that `rollback` goes where its own would have gone.
//!
//! Nothing is moved and nothing switched: `current` keeps its text, absolute or not, until the first
//! switch makes it relative. So nothing that is served can change, and the other tool finds all of
//! its own until then. Each record is one durable write, that of what is live the last: until it is
//! written `current` counts as another tool's, as before, and the command can be typed again.

use super::{
    Operator, entry,
    predecessor::{Past, Predecessor},
};
use crate::{
    checkpoint,
    disk::{Disk, Kind},
    error::{Error, Exit, Result, escaped, quoted, typed},
    process::user_of,
    release::{Key, Record, State, Target, Unix, Version, debian_order},
    store::{CURRENT, Current, Entry, Foreign, RELEASES, Seen, Site},
    table::counted,
};
use std::collections::BTreeSet;

/// What taking a tree over comes to.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// What `current` says.
    pub link: String,
    /// Everything in `releases/` that had no record, the newest first; what has no place in the
    /// order comes last.
    pub found: Vec<Found>,
    /// What is there once the records are written.
    pub after: Seen,
    /// The records to be written, in this order.
    records: Vec<Record>,
}

/// One entry of `releases/` that Seedship did not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its name, as it is on the disk.
    pub name: String,
    /// What becomes of it.
    pub becomes: Becomes,
    /// Why, if that has to be told.
    pub why: Option<String>,
}

/// What becomes of a directory that another tool made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Becomes {
    /// It is what is live.
    Live,
    /// A release that `rollback` can come to.
    Good,
    /// A release that only its name brings back.
    Bad,
    /// It gets no record; it stays as it is.
    Left,
}

impl Becomes {
    /// One word, as `--json` has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Left => "left",
        }
    }
}

impl Adoption {
    /// How many releases get a record.
    pub fn count(&self) -> usize {
        self.found.iter().filter(|found| found.becomes != Becomes::Left).count()
    }
}

/// Takes a tree over. A second time it finds nothing to do; one that was killed is gone on with.
///
/// # Errors
/// What [`adoption`] refuses: then nothing is written, not even Seedship's own directories are made.
pub fn adopt<D: Disk>(site: &mut Site<D>, app: &str, who: &Operator) -> Result<Adoption> {
    adoption(site.disk(), &site.look()?, app, who.now)?;
    let mut lock = site.switching()?;
    // Only what is seen with the lock held counts.
    let adoption = adoption(lock.disk(), lock.seen(), app, who.now)?;
    for record in &adoption.records {
        lock.write(record.clone())?;
        checkpoint::reach("tree-recorded");
    }
    lock.refresh()?;
    if adoption.count() > 0 {
        let version = lock.seen().live().map(|live| live.version.to_string());
        let number = counted(adoption.count() as u64, "release");
        let note = Some(format!("{number} of another tool"));
        lock.note(&Entry { version, note, ..entry("adopt", who) });
    }
    Ok(adoption)
}

/// What taking a tree over would come to.
///
/// # Errors
/// 66 where nothing is live, 73 where `current` leads to no release in a known order, 75 while the
/// other tool deploys, 77 where what is to be taken over belongs to another user, 78 where a record
/// cannot be read.
pub fn adoption<D: Disk>(disk: &D, seen: &Seen, app: &str, now: Unix) -> Result<Adoption> {
    seen.readable()?;
    let link = disk.read_link(CURRENT)?.unwrap_or_default();
    let mut plan =
        Plan { seen, now, before: None, good: 0, found: Vec::new(), records: Vec::new() };
    let Some(live) = last_live(seen, app)? else { return Ok(plan.made(link, None)) };
    let entries = others(disk, seen)?;
    let is_directory = |(_, kind): &&(String, Kind)| *kind == Kind::Directory;
    let names: BTreeSet<String> =
        entries.iter().filter(is_directory).map(|(name, _)| name.clone()).collect();
    let tool = Predecessor::read(disk, &live, &names)?;
    let order = tool.in_order(&live, &names);
    if order.is_empty() && matches!(seen.current, Current::Foreign(_)) {
        return Err(no_order(app, &live));
    }
    if let Some(lock) = tool.lock()? {
        return Err(is_deploying(disk, app, lock));
    }
    let mut is_newer = false;
    for version in &order {
        let is_live = *version == live;
        let past = if is_live { Past::Finished } else { tool.past(version, is_newer)? };
        plan.take(version, past, is_live);
        is_newer |= is_live;
    }
    plan.found.reverse();
    for (name, kind) in entries {
        let is_known = seen.records.iter().any(|r| r.version.as_str() == name);
        if !is_known && !order.iter().any(|version| version.as_str() == name) {
            plan.leave(name, stranger(kind));
        }
    }
    let adoption = plan.made(link, Some(live));
    is_all_ours(disk, app, &adoption)?;
    Ok(adoption)
}

/// What is to be written, while going up the other tool's order.
struct Plan<'s> {
    seen: &'s Seen,
    now: Unix,
    /// The newest good release so far: what a rollback from the next one comes to.
    before: Option<Target>,
    /// How many good ones there are so far.
    good: u64,
    found: Vec<Found>,
    records: Vec<Record>,
}

impl Plan<'_> {
    fn take(&mut self, version: &Version, past: Past, is_live: bool) {
        let key = Key::Adopted(version.clone());
        let known = self.seen.record(&key);
        let (state, becomes, why) = match past {
            _ if known.is_some() => return self.pass(known.cloned()),
            Past::Unfinished(why) => return self.leave(version.to_string(), why),
            Past::Finished if is_live => (State::Good, Becomes::Live, None),
            Past::Finished => (State::Good, Becomes::Good, None),
            Past::TakenBack(why) => {
                (State::Bad { reason: why.to_owned() }, Becomes::Bad, Some(why.to_owned()))
            }
        };
        let open = Record::open(key, version.clone(), self.now);
        let record =
            Record { landed: true, from: self.before.clone(), ..open.now(state, self.now) };
        let number = self.counts(&record);
        self.records.push(Record { number, ..record });
        self.found.push(Found { name: version.to_string(), becomes, why });
    }

    /// It has a record. One that was adopted by itself knew of nothing before it.
    fn pass(&mut self, known: Option<Record>) {
        let Some(known) = known else { return };
        if known.from.is_none() && self.before.is_some() {
            self.records.push(Record { from: self.before.clone(), ..known.clone() });
        }
        self.counts(&known);
    }

    /// Counts a good release, and says its number. What was activated since has lower ones already.
    fn counts(&mut self, record: &Record) -> Option<u64> {
        if record.state != State::Good {
            return None;
        }
        self.before = Some(Target::Release(record.version.clone()));
        self.good += 1;
        let activated = |r: &Record| r.number.is_some() && matches!(r.key, Key::Torrent(_));
        (!self.seen.records.iter().any(activated)).then_some(self.good)
    }

    fn leave(&mut self, name: String, why: &str) {
        self.found.push(Found { name, becomes: Becomes::Left, why: Some(why.to_owned()) });
    }

    /// The record of what is live is written last: it is what makes `current` Seedship's.
    fn made(mut self, link: String, live: Option<Version>) -> Adoption {
        self.records.sort_by_key(|r| live.as_ref() == Some(&r.version));
        let mut after = self.seen.clone();
        for record in &self.records {
            after.records.retain(|old| old.key != record.key);
            after.records.push(record.clone());
        }
        if let (Some(live), Current::Foreign(_)) = (live, &after.current) {
            after.current = Current::Recorded(Key::Adopted(live));
        }
        let target = after.rollback_target().map(|record| record.version.to_string());
        for found in self.found.iter_mut().filter(|found| Some(&found.name) == target.as_ref()) {
            found.why = Some("`rollback` goes there".to_owned());
        }
        Adoption { link, found: self.found, after, records: self.records }
    }
}

/// The release of the other tool that is live, or was when Seedship made the first of its own so;
/// nothing where Seedship never took over any.
fn last_live(seen: &Seen, app: &str) -> Result<Option<Version>> {
    Err(match &seen.current {
        Current::Recorded(_) => return Ok(newest_adopted(seen)),
        Current::Foreign(Foreign::Link { text, release }) => match release {
            Some(live) if seen.stands(live) => return Ok(Some(live.clone())),
            Some(live) => {
                let cause = format!("`current` leads to {live}, which is not there");
                cannot(Exit::NotFound, app, &cause).hint(
                    "let it lead to a release that stands: ln -s releases/NAME next && mv -T next current",
                )
            }
            None => {
                let text = escaped(text.as_bytes());
                let cause =
                    format!("`current` leads to `{text}`, which is no release below the root");
                cannot(Exit::NotOurs, app, &cause)
                    .hint(format!("seedship activate {app} VERSION --adopt takes it over as it is"))
            }
        },
        Current::Foreign(what @ (Foreign::Directory | Foreign::Other)) => {
            cannot(Exit::NotOurs, app, &format!("`current` is {what}"))
                .hint(format!("let a release land, then seedship activate {app} VERSION --adopt"))
        }
        Current::Nothing => {
            let cause = "there is no `current`, so nobody knows which release is live";
            cannot(Exit::NotFound, app, cause)
                .hint("let it lead to that one: ln -s releases/NAME current")
        }
    })
}

fn cannot(exit: Exit, app: &str, cause: &str) -> Error {
    Error::new(exit, "adopt", format!("the tree of app `{app}`"), cause)
}

fn newest_adopted(seen: &Seen) -> Option<Version> {
    let live = seen.live().filter(|r| matches!(r.key, Key::Adopted(_)));
    let adopted = seen.records.iter().filter(|r| matches!(r.key, Key::Adopted(_)));
    let good = adopted.filter(|r| r.state == State::Good && seen.stands(&r.version));
    let newest = good.max_by(|a, b| {
        let by_name = || debian_order(a.version.as_str(), b.version.as_str());
        a.number.cmp(&b.number).then_with(by_name)
    });
    live.or(newest).map(|r| r.version.clone())
}

/// What stands in `releases/` and is not Seedship's own.
fn others<D: Disk>(disk: &D, seen: &Seen) -> Result<Vec<(String, Kind)>> {
    let owner = |name: &str| Version::parse(name).ok().and_then(|version| seen.owner(&version));
    let is_own = |name: &str| owner(name).is_some_and(|r| matches!(r.key, Key::Torrent(_)));
    let mut others = Vec::new();
    for name in disk.list(RELEASES)? {
        if name.starts_with('.') || is_own(&name) {
            continue;
        }
        let kind = disk.kind(&format!("{RELEASES}/{name}"))?;
        others.extend(kind.map(|kind| (name, kind)));
    }
    Ok(others)
}

/// Why something has no place in the order.
fn stranger(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => "its name has no place in the order of the others",
        Kind::Link | Kind::File | Kind::Other => "it is no directory",
    }
}

fn no_order(app: &str, live: &Version) -> Error {
    let cause = format!(
        "`current` leads to {live}, which is neither a time of 14 digits nor a number, and no log of Deployer names it"
    );
    cannot(Exit::NotOurs, app, &cause)
        .hint(format!("seedship activate {app} VERSION --adopt takes over what is live alone"))
}

fn is_deploying<D: Disk>(disk: &D, app: &str, lock: &str) -> Error {
    let lock = quoted(disk.place().join(lock));
    let cause = format!("{lock} says that the other tool is deploying");
    cannot(Exit::Again, app, &cause).hint(
        "let it end; if none runs, remove that file (dep deploy:unlock, mina deploy:force_unlock)",
    )
}

/// Whoever owns a directory can change it: what is taken over belongs to the user who deploys.
fn is_all_ours<D: Disk>(disk: &D, app: &str, adoption: &Adoption) -> Result<()> {
    if adoption.records.is_empty() {
        return Ok(());
    }
    let owner = disk.owner("")?;
    let releases = adoption.records.iter().map(|record| record.version.path());
    for path in [CURRENT.to_owned(), RELEASES.to_owned()].into_iter().chain(releases) {
        let other = disk.owner(&path)?.filter(|uid| Some(*uid) != owner);
        let (Some(other), Some(owner)) = (other, owner) else { continue };
        let (path, owner) = (disk.place().join(&path), user_of(owner));
        let (place, typed) = (quoted(&path), typed(&path));
        let cause = format!("{place} belongs to `{}`, and the root to `{owner}`", user_of(other));
        return Err(cannot(Exit::Permission, app, &cause).hint(format!(
            "one user deploys: chown -h {owner} {typed}, and whatever else is to be taken over"
        )));
    }
    Ok(())
}

//! What the directories and records of an app say at one moment.

use super::{CURRENT, Hold, PREVIOUS, RECORDS, RELEASES};
use crate::{
    disk::{Disk, Kind},
    error::{Error, Result, escaped},
    release::{Key, Order, Record, State, Target, Unreadable, Version},
};
use std::{collections::BTreeSet, fmt};

/// What `current` is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Current {
    /// There is none.
    Nothing,
    /// A release that Seedship knows.
    Recorded(Key),
    /// Something that Seedship did not make: it is never replaced unless an operator says so.
    Foreign(Foreign),
}

/// Something at `current` that no record knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// A link.
    Link {
        /// What it says.
        text: String,
        /// The release that it leads to, by whichever path.
        release: Option<Version>,
    },
    /// A real directory.
    Directory,
    /// A file or worse.
    Other,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { text, .. } => {
                write!(f, "a link to `{}` that seedship did not make", escaped(text.as_bytes()))
            }
            Self::Directory => f.write_str("a real directory"),
            Self::Other => f.write_str("neither a link nor a directory"),
        }
    }
}

impl Foreign {
    /// It leads to a release whose name is a moment or a number: another tool made it, and has more
    /// to be taken over than what is live.
    pub fn is_of_a_tool(&self) -> bool {
        matches!(self, Self::Link { release: Some(release), .. } if release.is_counted())
    }
}

/// What an operator types to take over what is at `current`: a tool's whole tree, or that alone;
/// `version` is what becomes live then.
pub fn taken_over_by(app: &str, version: &str, is_of_a_tool: bool) -> String {
    match is_of_a_tool {
        true => format!("seedship adopt {app}"),
        false => format!("seedship activate {app} {version} --adopt"),
    }
}

/// One look at an app's root. Under the switch lock it is the truth, without it a moment of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Every readable record.
    pub records: Vec<Record>,
    /// Records that could not be read, and a hold of a newer format: while there is one, nothing
    /// but a rollback to a named release is done.
    pub unreadable: Vec<Unreadable>,
    /// Release directories that stand.
    pub standing: BTreeSet<Version>,
    /// Where `current` leads.
    pub current: Current,
    /// Where `previous` leads, if to a release.
    pub previous: Option<Version>,
    /// The operator's hold; an unreadable one is an error for whoever decides by it.
    pub hold: Result<Option<Hold>>,
}

impl Seen {
    /// Reads everything that decisions are made from.
    pub(super) fn read<D: Disk>(disk: &D) -> Result<Self> {
        let hold = Hold::read(disk);
        let newer = hold.as_ref().err().filter(|why| matches!(why, Unreadable::Newer(_))).cloned();
        let mut seen = Self {
            records: Vec::new(),
            unreadable: newer.into_iter().collect(),
            standing: BTreeSet::new(),
            current: Current::Nothing,
            previous: None,
            hold: hold.map_err(Error::from),
        };
        for name in disk.list(RECORDS)? {
            let Some(key) = Key::from_file_name(&name) else { continue };
            match read_record(disk, key)? {
                Some(Ok(record)) => seen.records.push(record),
                Some(Err(why)) => seen.unreadable.push(why),
                None => {}
            }
        }
        seen.refresh(disk)?;
        Ok(seen)
    }

    fn what_is_current<D: Disk>(&self, disk: &D) -> Result<Current> {
        Ok(match disk.kind(CURRENT)? {
            None => Current::Nothing,
            Some(Kind::Directory) => Current::Foreign(Foreign::Directory),
            Some(Kind::File | Kind::Other) => Current::Foreign(Foreign::Other),
            Some(Kind::Link) => {
                let text = disk.read_link(CURRENT)?.unwrap_or_default();
                let by_text = self.records.iter().find(|r| r.link.as_deref() == Some(&text));
                if let Some(record) = by_text {
                    return Ok(Current::Recorded(record.key.clone()));
                }
                let release = release_at(disk, CURRENT)?;
                match release.as_ref().and_then(|version| self.owner(version)) {
                    Some(record) => Current::Recorded(record.key.clone()),
                    None => Current::Foreign(Foreign::Link { text, release }),
                }
            }
        })
    }

    /// The `keep` releases that are retained for their own sake: the live one, good ones by the
    /// number of their activation (never by time), then superseded ones, newest first.
    pub fn kept_by_count(&self, order: Order, keep: u32) -> BTreeSet<Version> {
        let live = self.live();
        let stands = |r: &&Record| self.stands(&r.version) && matches!(r.key, Key::Torrent(_));
        let others = || self.records.iter().filter(stands).filter(|r| Some(*r) != live);
        let mut good: Vec<_> = others().filter(|r| r.state == State::Good).collect();
        good.sort_by_key(|r| std::cmp::Reverse(r.number));
        let mut superseded: Vec<_> =
            others().filter(|r| r.state == State::Superseded && r.landed).collect();
        superseded.sort_by(|a, b| order.compare(b, a));
        let all = live.into_iter().chain(good).chain(superseded);
        all.take(keep as usize).map(|r| r.version.clone()).collect()
    }

    /// The record of this key.
    pub fn record(&self, key: &Key) -> Option<&Record> {
        self.records.iter().find(|r| r.key == *key)
    }

    /// The record to which this version belongs for good.
    pub fn owner(&self, version: &Version) -> Option<&Record> {
        let own = |r: &&Record| r.version == *version && r.owns_version(self.stands(version));
        self.records.iter().find(own)
    }

    /// The version's directory is there.
    pub fn stands(&self, version: &Version) -> bool {
        self.standing.contains(version)
    }

    /// The record of what is live.
    pub fn live(&self) -> Option<&Record> {
        match &self.current {
            Current::Recorded(key) => self.record(key),
            _ => None,
        }
    }

    /// What is live, as a target; `None` where `current` is foreign.
    pub fn live_target(&self) -> Option<Target> {
        match &self.current {
            Current::Nothing => Some(Target::Nothing),
            Current::Recorded(_) => self.live().map(|r| Target::Release(r.version.clone())),
            // A release whose record is lost is still named by the link.
            Current::Foreign(Foreign::Link { text, .. }) => {
                let name = text.strip_prefix(RELEASES)?.strip_prefix('/')?;
                Version::parse(name).ok().map(Target::Release)
            }
            Current::Foreign(_) => None,
        }
    }

    /// The number that the next activation gets.
    pub fn next_number(&self) -> u64 {
        self.records.iter().filter_map(|r| r.number).max().map_or(1, |n| n.saturating_add(1))
    }

    /// The release that `rollback` would choose: along `from`, the first that is good and stands.
    pub fn rollback_target(&self) -> Option<&Record> {
        let mut met = BTreeSet::new();
        let mut next = self.live()?.from.clone();
        while let Some(Target::Release(version)) = next {
            if !met.insert(version.clone()) {
                return None;
            }
            let record = self.owner(&version)?;
            if record.state == State::Good && self.stands(&version) && self.live() != Some(record) {
                return Some(record);
            }
            next = record.from.clone();
        }
        None
    }

    /// The first record that cannot be read, as an error: whoever would write must not go on.
    pub fn readable(&self) -> Result<()> {
        match self.unreadable.first() {
            None => Ok(()),
            Some(Unreadable::Broken(error) | Unreadable::Newer(error)) => Err(error.clone()),
        }
    }

    /// Puts a record in its place, as it was just written.
    pub(super) fn put(&mut self, record: Record) {
        match self.records.iter_mut().find(|r| r.key == record.key) {
            Some(old) => *old = record,
            None => self.records.push(record),
        }
    }

    /// Looks at what a switch changes: directories and links.
    pub(super) fn refresh<D: Disk>(&mut self, disk: &D) -> Result<()> {
        self.standing = standing(disk)?;
        for record in self.records.iter().filter(|r| r.link.is_some()) {
            if disk.leads_to_directory(&record.link_text())? {
                self.standing.insert(record.version.clone());
            }
        }
        self.previous = release_at(disk, PREVIOUS)?;
        self.current = self.what_is_current(disk)?;
        Ok(())
    }
}

/// The release that a link in the root leads to: by its text, or, where it gets there by another path
/// (through a link to the root, over `..`), by what is found there under the same name.
pub fn release_at<D: Disk>(disk: &D, link: &str) -> Result<Option<Version>> {
    let Some(text) = disk.read_link(link)? else { return Ok(None) };
    if let Some(version) = Version::linked(disk.place(), &text) {
        return Ok(Some(version));
    }
    let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let Ok(version) = Version::parse(last) else { return Ok(None) };
    let is_there = disk.is_same_directory(link, &version.path())?;
    Ok(is_there.then_some(version))
}

/// The release directories: real directories whose name is a version.
fn standing<D: Disk>(disk: &D) -> Result<BTreeSet<Version>> {
    let mut found = BTreeSet::new();
    for name in disk.list(RELEASES)? {
        let Ok(version) = Version::parse(&name) else { continue };
        if disk.kind(&format!("{RELEASES}/{name}"))? == Some(Kind::Directory) {
            found.insert(version);
        }
    }
    Ok(found)
}

/// Reads one record; `None` if there is none.
pub(super) fn read_record<D: Disk>(
    disk: &D,
    key: Key,
) -> Result<Option<std::result::Result<Record, Unreadable>>> {
    let path = format!("{RECORDS}/{}", key.file_name());
    let Some(content) = disk.read(&path)? else { return Ok(None) };
    let place = disk.place().join(&path);
    // What is not UTF-8 cannot be parsed either; the parser says so with the file's name.
    Ok(Some(Record::from_toml(key, &String::from_utf8_lossy(&content), &place)))
}

/// An unreadable record, whichever way.
impl From<Unreadable> for Error {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Newer(error) | Unreadable::Broken(error) => error,
        }
    }
}

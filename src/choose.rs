//! Which release becomes live: pure, from what was read under the switch lock.
//!
//! An event activates only what is above everything that was ever activated, so that a late,
//! older download never undoes a newer release nor an operator's rollback. Everything else stays
//! landed until an operator names it.

use crate::{
    config::{Activate, App, Trust},
    release::{Order, Record, State, Target, Unix, Version},
    store::{Current, Seen},
};
use std::{cmp::Ordering, fmt, time::Duration};

/// A date further ahead of this host's clock than this is not believed.
pub const CLOCK_SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// What an app's configuration says about activation.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Releases go live by themselves.
    pub auto: bool,
    /// What "newer" means.
    pub order: Order,
    /// Ids of the keys that are trusted now; `None` where unsigned releases are accepted.
    pub keys: Option<Vec<String>>,
}

impl Rules {
    /// The rules of an app.
    pub fn of(app: &App) -> Self {
        let keys = match &app.trust {
            Trust::Keys(keys) => Some(keys.iter().map(|key| key.id.clone()).collect()),
            Trust::Unsigned => None,
        };
        Self { auto: app.activate == Activate::Auto, order: app.order(), keys }
    }
}

/// What is to happen with a landed release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It goes live.
    Activate {
        /// What is live now.
        from: Target,
        /// The number of this activation.
        number: u64,
    },
    /// It stays landed.
    Stay(Stay),
}

/// Why a landed release does not go live by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stay {
    /// An operator holds the app.
    Held {
        /// Who.
        by: String,
        /// Until when.
        until: Option<Unix>,
    },
    /// The hold cannot be read: nobody knows whether it binds.
    HoldUnreadable,
    /// `activate = "manual"`.
    Manual,
    /// `current` is nothing that Seedship made.
    Foreign,
    /// Something not older was live already.
    NotNewer(Version),
    /// Its torrent has no creation date, and the app's names have no order.
    Undated,
    /// Its date is more than 24 hours ahead.
    Ahead(Unix),
    /// The key that signed it is not trusted any more.
    KeyRemoved,
    /// It is `bad`, `superseded` or otherwise decided.
    Decided(&'static str),
}

impl fmt::Display for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { by, until: Some(until) } => write!(f, "held by {by} until {until}"),
            Self::Held { by, until: None } => write!(f, "held by {by}"),
            Self::HoldUnreadable => f.write_str("the hold cannot be read"),
            Self::Manual => f.write_str("activation is manual"),
            Self::Foreign => f.write_str("`current` was not made by seedship"),
            Self::NotNewer(version) => write!(f, "not newer than {version}, which was live"),
            Self::Undated => f.write_str("its torrent has no creation date to order it by"),
            Self::Ahead(date) => write!(f, "its date {date} is more than 24 hours ahead"),
            Self::KeyRemoved => f.write_str("the key that signed it is not trusted any more"),
            Self::Decided(state) => write!(f, "it is {state}"),
        }
    }
}

/// Decides for one landed release, by its record as it is seen now: what the caller remembers of it
/// may be older than an operator's word.
pub fn choose(candidate: &Record, seen: &Seen, rules: &Rules, now: Unix) -> Decision {
    let candidate = match seen.record(&candidate.key) {
        Some(record) if record.state != State::Open => {
            return Decision::Stay(Stay::Decided(record.state.word()));
        }
        Some(record) if seen.stands(&record.version) => record,
        _ => return Decision::Stay(Stay::Decided("gone")),
    };
    match obstacle(candidate, seen, rules, now) {
        Some(stay) => Decision::Stay(stay),
        None => match seen.live_target() {
            Some(from) => Decision::Activate { from, number: seen.next_number() },
            None => Decision::Stay(Stay::Foreign),
        },
    }
}

fn obstacle(candidate: &Record, seen: &Seen, rules: &Rules, now: Unix) -> Option<Stay> {
    if let Current::Foreign(_) = seen.current {
        return Some(Stay::Foreign);
    }
    if let Some(above) = not_below(candidate, seen, rules.order) {
        return Some(Stay::NotNewer(above.version.clone()));
    }
    if !is_trusted(candidate, rules) {
        return Some(Stay::KeyRemoved);
    }
    if let Some(stay) = date_problem(candidate, rules.order, now) {
        return Some(stay);
    }
    match &seen.hold {
        Err(_) => return Some(Stay::HoldUnreadable),
        Ok(Some(hold)) if hold.binds(now) => {
            return Some(Stay::Held { by: hold.by.clone(), until: hold.until });
        }
        Ok(_) => {}
    }
    (!rules.auto).then_some(Stay::Manual)
}

/// The highest release ever activated that the candidate is not above. While nothing is live this
/// does not bind: a first release that failed must not bar the others.
fn not_below<'s>(candidate: &Record, seen: &'s Seen, order: Order) -> Option<&'s Record> {
    if seen.current == Current::Nothing {
        return None;
    }
    seen.records
        .iter()
        .filter(|r| r.key != candidate.key && was_activated(r, seen))
        .filter(|r| order.compare(candidate, r) != Ordering::Greater)
        .max_by(|a, b| order.compare(a, b))
}

fn was_activated(record: &Record, seen: &Seen) -> bool {
    let decided = matches!(record.state, State::Good | State::Bad { .. } | State::Pruned);
    let live = seen.live().is_some_and(|live| live.key == record.key);
    live || (decided && record.number.is_some())
}

/// The key that signed this release was removed from the app's. What nobody signed is another matter.
pub fn has_lost_its_key(record: &Record, keys: Option<&[String]>) -> bool {
    match (keys, &record.signer) {
        (Some(keys), Some(signer)) => !keys.contains(signer),
        _ => false,
    }
}

fn is_trusted(candidate: &Record, rules: &Rules) -> bool {
    match (&rules.keys, &candidate.signer) {
        (None, _) => true,
        (Some(keys), Some(signer)) => keys.contains(signer),
        (Some(_), None) => false,
    }
}

fn date_problem(candidate: &Record, order: Order, now: Unix) -> Option<Stay> {
    let date = match order {
        Order::Debian => return None,
        Order::Published => candidate.published,
        Order::Created => candidate.created,
    };
    match date {
        None => Some(Stay::Undated),
        Some(date) if is_ahead(date, now) => Some(Stay::Ahead(date)),
        Some(_) => None,
    }
}

/// A date that this host's clock makes unbelievable.
pub fn is_ahead(date: Unix, now: Unix) -> bool {
    date > now.plus(CLOCK_SKEW)
}

/// Whether a release that has not landed yet can be passed over unread: something newer is live
/// and good, `keep` would not retain it, and no operator asked for it.
pub fn is_outdated(candidate: &Record, seen: &Seen, order: Order, keep: u32) -> bool {
    let Some(live) = seen.live() else { return false };
    let newer_is_good =
        live.state == State::Good && order.compare(live, candidate) == Ordering::Greater;
    newer_is_good && !candidate.asked && !would_keep(candidate, seen, order, keep)
}

/// Whether `keep` has room for the candidate, once it had landed as superseded.
fn would_keep(candidate: &Record, seen: &Seen, order: Order, keep: u32) -> bool {
    let mut with = seen.clone();
    with.standing.insert(candidate.version.clone());
    with.records.retain(|r| r.key != candidate.key);
    let superseded = candidate.clone().now(State::Superseded, candidate.at);
    with.records.push(Record { landed: true, ..superseded });
    with.kept_by_count(order, keep).contains(&candidate.version)
}

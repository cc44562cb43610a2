//! Brings the .torrent to where rtorrents watch for it: directories here, and those of other hosts.
//!
//! Nothing that watches a directory sees a file that is not whole: it is written in a hidden
//! directory of its own within, and renamed out of it. (A hidden file would not do: rtorrent loads
//! whatever is made in a directory that it watches by inotify(7).) Each destination stands for
//! itself: one that fails keeps no other from its own.

mod destination;
mod local;
mod ssh;

pub use destination::{Destination, There};
pub use ssh::Ssh;

use super::{Order, Published, describe, leftovers::Tidy};
use crate::{
    error::{Context, Error, Exit, Result},
    report,
};
use metainfo::Metainfo;
use serde::Serialize;
use serde_json::Value;
use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How many hosts are served at once.
const AT_ONCE: usize = 16;

/// How a delivery ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It has the .torrent now.
    Delivered,
    /// It had it before.
    Already,
    /// It does not have it.
    Failed,
}

/// What became of one delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// The destination, as it was typed, escaped.
    pub to: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub milliseconds: u128,
    /// Why it failed.
    pub error: Option<Value>,
    #[serde(skip)]
    failure: Option<Error>,
}

/// The file that is brought everywhere.
struct Parcel<'a> {
    order: &'a Order<'a>,
    torrent: &'a Metainfo,
    bytes: &'a [u8],
    /// What it is called there.
    name: String,
}

/// Finds a destination that cannot take anything, as far as this host knows it.
///
/// # Errors
/// 66 if a directory of this host is not there, or is none.
pub fn look(to: &[Destination]) -> Result<()> {
    to.iter().try_for_each(|destination| match destination {
        Destination::Here(directory) => local::must_be_there(directory),
        Destination::There(_) => Ok(()),
    })
}

/// Delivers to all of them; `tell` is given each result as it comes.
///
/// # Errors
/// If a destination does not have it afterwards: with the exit code of the first of them, as they were
/// named.
pub fn deliver(
    order: &Order<'_>,
    published: &mut Published,
    to: &[Destination],
    ssh: &Ssh,
    tell: &mut dyn FnMut(&Delivery),
) -> Result<()> {
    let torrent = super::parsed(&published.bytes)?;
    let name = format!("{}.torrent", order.name);
    let parcel = Parcel { order, torrent: &torrent, bytes: &published.bytes, name };
    let mut results: Vec<Option<Delivery>> = to.iter().map(|_| None).collect();
    let mut take = |at: usize, delivery: Delivery| {
        tell(&delivery);
        results[at] = Some(delivery);
    };
    here(&parcel, to, &mut take)?;
    there(&parcel, to, ssh, &mut take);
    published.results = results.into_iter().flatten().collect();
    all_have_it(published)
}

/// Every directory of this host.
fn here(
    parcel: &Parcel<'_>,
    to: &[Destination],
    take: &mut dyn FnMut(usize, Delivery),
) -> Result<()> {
    let _tidy = Tidy::begin().on("read", "/proc/self/status")?;
    for (at, destination) in to.iter().enumerate() {
        if let Destination::Here(directory) = destination {
            take(at, delivery(destination, || local::deliver(parcel, directory)));
        }
    }
    Ok(())
}

/// Every directory of another host, some of them at once.
fn there(
    parcel: &Parcel<'_>,
    to: &[Destination],
    ssh: &Ssh,
    take: &mut dyn FnMut(usize, Delivery),
) {
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(to.len()) {
            let (next, tell) = (&next, tell.clone());
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(destination) = to.get(at) else { return };
                    if let Destination::There(place) = destination {
                        let delivery = delivery(destination, || ssh.deliver(parcel, place));
                        // Whoever listens does so to the end.
                        let _ = tell.send((at, delivery));
                    }
                }
            });
        }
        drop(tell);
        told.iter().for_each(|(at, delivery)| take(at, delivery));
    });
}

fn delivery(destination: &Destination, deliver: impl FnOnce() -> Result<Outcome>) -> Delivery {
    let begin = Instant::now();
    let (outcome, failure) = match deliver() {
        Ok(outcome) => (outcome, None),
        Err(error) => (Outcome::Failed, Some(error)),
    };
    Delivery {
        to: destination.to_string(),
        outcome,
        milliseconds: begin.elapsed().as_millis(),
        error: failure.as_ref().map(|error| report::in_json(error)["error"].clone()),
        failure,
    }
}

impl Delivery {
    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// How long it took.
    pub(super) fn took(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.milliseconds).unwrap_or(u64::MAX))
    }
}

/// One failure that speaks for all.
fn all_have_it(published: &Published) -> Result<()> {
    let failed: Vec<&Error> = published.results.iter().filter_map(Delivery::failure).collect();
    let Some(first) = failed.first() else { return Ok(()) };
    let thing = format!("{} {}", published.app, published.version);
    let (failures, all) = (failed.len(), published.results.len());
    let cause = format!("{failures} of {all} destinations do not have it");
    let error = Error::new(Exit::Io, "deliver", thing, cause)
        .hint("cure what is said of each and publish it again: who has it keeps it");
    Err(Error { exit: first.exit, ..error })
}

impl Parcel<'_> {
    /// Holds what has its name at a destination against it.
    ///
    /// # Errors
    /// 73 if that is another torrent, or signed by somebody else.
    fn compared(&self, place: &str, found: &[u8]) -> Result<Outcome> {
        if found == self.bytes {
            return Ok(Outcome::Already);
        }
        let thing = format!("`{}` to {place}", self.name);
        let Ok(theirs) = Metainfo::parse(found) else {
            let cause = "a file of that name is there, and it is no torrent";
            return Err(Error::new(Exit::NotOurs, "deliver", thing, cause)
                .hint("move it away there, and publish it again"));
        };
        let (found, ours) = (theirs.info_hash(), self.torrent.info_hash());
        if found != ours {
            let cause =
                format!("a torrent of that name is there, of info hash {found} and not {ours}");
            return Err(Error::new(Exit::NotOurs, "deliver", thing, cause)
                .hint("publish a new version: one that is published never changes"));
        }
        // The same release, perhaps published at another time.
        let by_us = describe::said(self.order, &theirs).is_some();
        if by_us || theirs.minisign() == self.torrent.minisign() {
            return Ok(Outcome::Already);
        }
        let cause = "the same torrent is there, and not signed by this key";
        Err(Error::new(Exit::NotOurs, "deliver", thing, cause).hint(
            "remove it from the rtorrent there, which removes the file; then publish it again",
        ))
    }
}

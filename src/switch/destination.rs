//! Where `current` shall lead.

use crate::{
    disk::Disk,
    error::{Error, Exit, Result, quoted},
    release::{Key, Record, Target, Version},
    store::{CURRENT, Switching},
};

/// A release that stands, or nothing.
pub(super) struct Destination {
    /// The link's text; `None` for no link at all.
    pub(super) link: Option<String>,
    /// The record of that release, if it can be read.
    pub(super) record: Option<Key>,
}

impl Destination {
    pub(super) fn of(record: &Record) -> Self {
        Self { link: Some(record.link_text()), record: Some(record.key.clone()) }
    }

    /// A target's, if it stands. An operator may name a release whose record is lost: its
    /// directory is enough.
    pub(super) fn find<D: Disk>(lock: &Switching<'_, D>, to: &Target) -> Result<Self> {
        let Target::Release(version) = to else {
            return Ok(Self { link: None, record: None });
        };
        let seen = lock.seen();
        match seen.owner(version) {
            _ if !seen.stands(version) => Err(gone(lock, version)),
            Some(record) => Ok(Self::of(record)),
            None => Ok(Self { link: Some(version.path()), record: None }),
        }
    }
}

/// The release that was to become live was deleted by hand.
pub(super) fn gone<D: Disk>(lock: &Switching<'_, D>, version: &Version) -> Error {
    let thing = format!("{} to `{version}`", quoted(lock.disk().place().join(CURRENT)));
    Error::new(Exit::NotFound, "switch", thing, "that release is not there any more")
        .hint("name another one: seedship rollback APP --to VERSION")
}

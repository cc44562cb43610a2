//! What is being landed now, by the line of the deploy lock.

use crate::{
    disk::{Disk, Kernel},
    error::Result,
    process::Who,
    release::{Key, State, Unix},
    store::{DEPLOY_LOCK, Seen},
};
use metainfo::InfoHash;

/// A deploy that runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Landing {
    /// What it lands.
    pub(super) hash: InfoHash,
    /// Its process.
    pub(super) pid: u32,
    /// What the process was started as: `finished`, `sweep`.
    pub(super) command: String,
    /// When it took the lock.
    pub(super) since: Unix,
}

/// The process that the lock's line tells of, while it runs, and since when.
pub(super) fn holder(disk: &Kernel) -> Result<Option<(Who, Unix)>> {
    let Some(content) = disk.read(DEPLOY_LOCK)? else { return Ok(None) };
    let Some(written) = disk.stat(DEPLOY_LOCK)? else { return Ok(None) };
    let who = Who::parse(&String::from_utf8_lossy(&content)).filter(Who::is_alive);
    Ok(who.map(|who| (who, Unix(written.st_mtime))))
}

impl Landing {
    /// What the holder lands, unless it is done with it.
    pub(super) fn by(holder: &(Who, Unix), seen: &Seen) -> Option<Self> {
        let (Who { pid, command, hash, .. }, since) = holder.clone();
        let landing = hash.map(|hash| Self { hash, pid, command, since });
        landing.filter(|landing| landing.is_unfinished(seen))
    }

    /// The line outlives the lock: a sweep goes on to other apps, a deploy tells its outcome. What
    /// the record says since then is what came of it.
    fn is_unfinished(&self, seen: &Seen) -> bool {
        seen.record(&Key::Torrent(self.hash)).is_none_or(|record| match record.state {
            State::Open => !seen.stands(&record.version),
            State::Trying => true,
            State::Waiting(_) | State::Refused { .. } => record.at < self.since,
            State::Good | State::Bad { .. } | State::Superseded | State::Pruned => false,
        })
    }
}

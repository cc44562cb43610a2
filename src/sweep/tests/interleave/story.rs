//! What the processes do, and from where.

use crate::{
    disk::memory::Journal,
    error::{Error, Exit},
    operate::Done,
    sweep::tests::{
        process::Process,
        world::{Came, World, locked},
    },
};
use std::{fmt, time::Duration};

/// What one process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Story {
    /// An event of this version.
    Land(&'static str),
    Sweep,
    Rollback,
    RollbackTo(&'static str),
    Activate(&'static str),
    Hold,
    Unhold,
    Prune,
}

impl Story {
    /// The release that an operator names.
    pub(super) fn named(self) -> Option<&'static str> {
        match self {
            Self::RollbackTo(version) | Self::Activate(version) => Some(version),
            _ => None,
        }
    }

    /// An operator's.
    pub(super) fn is_an_operators(self) -> bool {
        !matches!(self, Self::Land(_) | Self::Sweep)
    }

    pub(super) fn run(self, process: &Process<'_>) -> Ended {
        let ended = match self {
            Self::Land(version) => process.land(version, 0).map(Ended::Landed),
            Self::Sweep => process.sweep().map(|_| Ended::Done),
            Self::Rollback => process.rollback(None).map(Ended::Switched),
            Self::RollbackTo(version) => process.rollback(Some(version)).map(Ended::Switched),
            Self::Activate(version) => process.activate(version, false).map(Ended::Switched),
            Self::Hold => process.hold().map(|()| Ended::Done),
            Self::Unhold => process.unhold().map(|()| Ended::Done),
            Self::Prune => process.prune().map(|_| Ended::Done),
        };
        ended.unwrap_or_else(Ended::Failed)
    }
}

/// `land 3`, as a failing schedule names it.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Land(version) => write!(f, "land {version}"),
            Self::Sweep => f.write_str("sweep"),
            Self::Rollback => f.write_str("rollback"),
            Self::RollbackTo(version) => write!(f, "rollback --to {version}"),
            Self::Activate(version) => write!(f, "activate {version}"),
            Self::Hold => f.write_str("hold"),
            Self::Unhold => f.write_str("unhold"),
            Self::Prune => f.write_str("prune"),
        }
    }
}

/// What a process was told at its end.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    Landed(Came),
    Switched(#[expect(dead_code, reason = "a failure shows it")] Done),
    Done,
    Failed(Error),
}

impl Ended {
    /// A failure that none of the processes may see without a kill.
    pub(super) fn is_a_surprise(&self) -> bool {
        let expected = [Exit::Again, Exit::NotFound, Exit::Payload];
        matches!(self, Self::Failed(error) if !expected.contains(&error.exit))
    }
}

/// Releases 1 and 2 landed and 2 is live; what comes is on its way, and 4 fails its check where it
/// says so.
pub(super) fn before(journal: Journal, keep: u32, failing: &[&str], held: bool) -> World {
    let world = World::new(journal).keeping(keep, Duration::from_secs(30));
    for version in ["1", "2"] {
        world.land(version).unwrap();
        world.pass(60);
    }
    failing.iter().for_each(|version| world.fails(version));
    locked(&world.downloads).extend(["3", "4"].map(str::to_owned));
    if held {
        world.hold().unwrap();
    }
    world.disk.by_hand(|_| {});
    world
}

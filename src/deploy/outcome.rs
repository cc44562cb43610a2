//! What a deploy came to: a word for machines, an exit code, and what people are told.

use crate::{
    choose::Stay,
    error::Exit,
    release::{State, Target},
    settle::Settled,
    switch::Verdict,
};
use std::time::Duration;

/// What a deploy came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is live and good.
    Live {
        /// What was live before.
        from: Target,
        /// From the first byte read to the end, and the hold of the switch alone.
        took: Took,
        /// What was said about the payload.
        notes: Vec<String>,
    },
    /// It landed and does not go live by itself.
    Landed {
        /// Why not.
        stay: Stay,
        /// What was said about the payload.
        notes: Vec<String>,
    },
    /// It is older than what is live and would not be kept: passed over unread.
    Superseded,
    /// Nothing to do: it was decided before.
    Already(State),
    /// An operator made another release live while this one was on trial.
    Overruled,
    /// It failed on trial and was left.
    Returned {
        /// What is live again; `None` if that is gone, so that the failed one stays.
        to: Option<Target>,
        /// What failed.
        why: String,
    },
}

impl Outcome {
    /// One word, for the history, rtorrent's custom field and machines.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live { .. } => "live",
            Self::Landed { .. } => "landed",
            Self::Superseded => "superseded",
            Self::Already(_) => "already",
            Self::Overruled => "overruled",
            Self::Returned { .. } => "returned",
        }
    }

    /// The state that was decided before, if there was nothing to do.
    pub(super) fn state(self) -> Option<State> {
        match self {
            Self::Already(state) => Some(state),
            _ => None,
        }
    }

    pub(super) fn of(
        Settled { trial, verdict, failure }: Settled,
        notes: Vec<String>,
        took: Took,
    ) -> Self {
        match verdict {
            Verdict::Good => Self::Live { from: trial.from, took, notes },
            Verdict::Overruled => Self::Overruled,
            Verdict::Returned(switched) => Self::Returned {
                to: switched.map(|switched| switched.to),
                why: failure.map_or_else(String::new, |failure| failure.to_string()),
            },
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Returned { .. } => Exit::Unhealthy,
            _ => Exit::Done,
        }
    }
}

/// How long it took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Took {
    /// All of it.
    pub all: Duration,
    /// The hold of the switch lock: commit, decision and swap.
    pub switch: Duration,
}

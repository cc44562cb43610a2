//! What there is to do for an app: downloads to be landed, releases to go live.

use super::round::Round;
use crate::{
    choose::{self, Decision, Rules},
    config::App,
    deploy::{self, Job, Lander, Outcome, Source, Subject},
    disk::Disk,
    error::Result,
    heal::Tended,
    release::{Record, State, Unix},
    store::{Seen, Site},
};
use metainfo::InfoHash;
use std::{collections::BTreeMap, path::PathBuf};

/// A download that is a release of some app, and where it lies.
pub(super) struct Found<'c> {
    pub(super) job: Job<'c>,
    pub(super) payload: PathBuf,
    pub(super) rank: Record,
}

/// Something to do for an app.
pub(super) enum Due<'c> {
    /// A complete download to be landed.
    Land(Found<'c>),
    /// A landed release to go live; its download may be gone.
    Activate(Record),
}

impl Due<'_> {
    pub(super) fn rank(&self) -> &Record {
        match self {
            Self::Land(found) => &found.rank,
            Self::Activate(record) => record,
        }
    }

    pub(super) fn foresee(&self, app: &App, now: Unix) -> String {
        match self {
            Self::Land(found) => match deploy::foresee(&found.job, &found.payload, now) {
                Ok(would) => format!("{} {would}", found.job),
                Err(error) => format!("{}: {error}", found.job),
            },
            Self::Activate(record) => format!("{} {} would go live", app.name, record.version),
        }
    }

    /// Does it, and tells of it.
    pub(super) fn carry_out<D: Disk, L: Lander<D>>(
        self,
        site: &mut Site<D>,
        round: &Round<'_, L>,
    ) -> (String, Result<Outcome>) {
        let Round { app, rtorrent, lander, env, .. } = *round;
        match self {
            Self::Land(Found { job, payload, .. }) => {
                let source = Source { payload, rtorrent };
                let done = deploy::deploy_into(site, &job, &source, lander, env);
                let (disk, subject) = (Some(site.disk()), Subject::from(&job));
                (job.to_string(), deploy::tell_in(disk, &subject, done, rtorrent, env))
            }
            Self::Activate(record) => {
                let done = deploy::activate_landed(site, app, &record, lander, env);
                let subject =
                    Subject { app, version: &record.version, hash: record.key.info_hash() };
                let told = deploy::tell_in(Some(site.disk()), &subject, done, rtorrent, env);
                (subject.to_string(), told)
            }
        }
    }
}

/// What there is to do now, newest first. Of the landed releases that may go live only the newest
/// does: it is above the others then.
pub(super) fn due<'c>(
    seen: &Seen,
    app: &App,
    found: Vec<Found<'c>>,
    tended: &BTreeMap<InfoHash, Tended>,
    now: Unix,
) -> Vec<Due<'c>> {
    let land = found.into_iter().filter(|found| is_due(seen, found, tended, now)).map(Due::Land);
    let rules = Rules::of(app);
    let goes_live = |r: &&Record| {
        seen.stands(&r.version)
            && matches!(choose::choose(r, seen, &rules, now), Decision::Activate { .. })
    };
    let landed = seen.records.iter().filter(goes_live);
    let newest = landed.max_by(|a, b| app.order().compare(a, b)).cloned();
    let activate = newest.into_iter().map(Due::Activate);
    let mut due: Vec<_> = land.chain(activate).collect();
    due.sort_by(|a, b| app.order().compare(b.rank(), a.rank()));
    due
}

/// Whether a download is to be landed now.
fn is_due(seen: &Seen, found: &Found<'_>, tended: &BTreeMap<InfoHash, Tended>, now: Unix) -> bool {
    let Some(record) = seen.record(&found.job.key()) else { return true };
    match &record.state {
        State::Waiting(wait) if wait.healing => tended.get(&found.job.hash) == Some(&Tended::Whole),
        State::Waiting(wait) => wait.is_due(now),
        State::Refused { .. } => found.job.has_changed_since(&record.state),
        State::Open => !seen.stands(&record.version),
        State::Trying | State::Good | State::Bad { .. } | State::Superseded | State::Pruned => {
            false
        }
    }
}

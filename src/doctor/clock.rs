//! Is the clock believable: no earlier than what was written down, and in an age in which this
//! program existed. The time zone does not matter: everything is in UTC.

use super::{Area, Finding};
use crate::{
    error::Exit,
    look::{AppStatus, Case},
    release::Unix,
};

/// 2024-01-01T00:00:00Z: a machine that says less lost its clock.
const BEFORE_US: Unix = Unix(1_704_067_200);
/// Clocks of two machines may differ by this, in seconds.
const DRIFT: i64 = 300;

/// Nothing follows from when it got so, and nothing will ever write it again: a fault by it would last
/// until that time comes.
fn is_over(state: Case) -> bool {
    matches!(state, Case::Pruned | Case::Superseded | Case::Refused | Case::Bad | Case::Returned)
}

pub(super) fn judged(apps: &[AppStatus], now: Unix) -> Finding {
    let cure = "let it be set and kept by NTP: `timedatectl` says whether it is";
    let fault = |says: String| Finding::fault(Exit::Config, Area::Host, "clock", says);
    if now < BEFORE_US {
        return fault(format!("the clock says {now}"))
            .because("signed releases would seem to be of the future, and would wait")
            .cured_by(cure);
    }
    let all = apps.iter().flat_map(|app| app.releases.iter().map(move |r| (&app.app, r)));
    let all = all.filter(|(_, release)| !is_over(release.state));
    let dates = all.flat_map(|(app, release)| {
        let written = release.since.map(|at| (at, format!("{app} {} is so since", release.name())));
        let signed =
            release.published.map(|at| (at, format!("{app} {} was published", release.name())));
        written.into_iter().chain(signed)
    });
    match dates.max_by_key(|(at, _)| *at).filter(|(at, _)| at.0 > now.0.saturating_add(DRIFT)) {
        Some((at, what)) => fault(format!("the clock says {now}, and {what} {at}"))
            .because("it went back, or was ahead: what is newest cannot be told by it")
            .cured_by(cure),
        None => Finding::ok(Area::Host, "clock", format!("the clock says {now}")),
    }
}

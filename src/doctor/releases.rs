//! What the releases themselves say: damage, holds, what waits for too long.
//!
//! rtorrent does not tell its schedules, and a timer may be anything. Whether a sweep runs is seen by
//! its work alone: what was to be tried again an hour ago was not.

use super::{Area, Finding};
use crate::{
    error::{Exit, one_line},
    look::{AppStatus, Case, Held, Release},
    release::Unix,
    store::taken_over_by,
    table::age,
};
use std::time::Duration;

/// A sweep comes every ten minutes; after so long there is none.
const OVERDUE: Duration = Duration::from_secs(3600);

pub(super) fn judged(apps: &[&AppStatus], now: Unix) -> Vec<Finding> {
    let each = apps
        .iter()
        .flat_map(|app| of(app, now).into_iter().map(|finding| finding.of_app(&app.app)));
    each.collect()
}

fn of(app: &AppStatus, now: Unix) -> Vec<Finding> {
    if let Some(error) = &app.error {
        let found = match error.exit {
            // Whoever may not look is told so; it is no fault of the app.
            Exit::Permission => Finding::failed_here(Area::App, "releases", error),
            _ => Finding::failed(Area::App, "releases", error),
        };
        return vec![found];
    }
    let mut found: Vec<Finding> =
        app.unreadable.iter().map(|e| Finding::failed(Area::App, "records", e)).collect();
    found.push(live(app));
    found.extend(app.hold.as_ref().map(|hold| held(app, hold)));
    found.extend(unfinished(app));
    found.extend(overdue(app, now).or_else(|| waiting(app)));
    found.extend(refused(app));
    found
}

fn live(app: &AppStatus) -> Finding {
    if let Some(what) = &app.foreign {
        let nowhere = if app.leads_nowhere { ", and leads nowhere" } else { "" };
        let says = format!("`current` is {}{nowhere}", one_line(what));
        return Finding::fault(Exit::NotOurs, Area::App, "live", says)
            .because("seedship did not make it: releases land, and none goes live")
            .cured_by(taken_over_by(
                &app.app,
                app.live.as_deref().unwrap_or("VERSION"),
                app.is_of_a_tool,
            ));
    }
    if let Some(before) = app.was_live() {
        return Finding::fault(Exit::Config, Area::App, "live", "`current` is not there")
            .because(format!("somebody removed it: {} was live", before.name()))
            .cured_by(format!("seedship activate {} {}", app.app, before.name()));
    }
    match (&app.live, app.gone) {
        (Some(version), true) => {
            let says = format!("`current` leads to {version}, which is gone");
            Finding::fault(Exit::Config, Area::App, "live", says)
                .because("nothing is served")
                .cured_by(format!("seedship status {}, which names what stands", app.app))
        }
        (Some(version), false) => Finding::ok(Area::App, "live", format!("{version} is live")),
        (None, _) => Finding::note(Area::App, "live", "nothing is live yet")
            .because("no release has landed, or none may go live")
            .cured_by(format!("seedship status {}", app.app)),
    }
}

fn held(app: &AppStatus, hold: &Held) -> Finding {
    let by = one_line(&hold.by);
    if !hold.binds {
        return Finding::ok(Area::App, "hold", format!("the hold by {by} is over"));
    }
    let until = hold.until.map_or("until it is released".into(), |until| format!("until {until}"));
    let reason = hold.reason.as_deref().map_or("no reason was given".into(), one_line);
    Finding::note(Area::App, "hold", format!("held by {by} since {} {until}", hold.since))
        .because(reason)
        .cured_by(format!("seedship unhold {}", app.app))
}

fn unfinished(app: &AppStatus) -> Option<Finding> {
    let first = app.unfinished.first()?;
    let says = match app.unfinished.len() {
        1 => format!("unfinished: {} {}", first.subject, first.what),
        more => format!("{more} things unfinished: {} {}, …", first.subject, first.what),
    };
    Some(
        Finding::warning(Area::App, "unfinished", says.replace("  ", " "))
            .because("a command was interrupted; nobody has gone on since")
            .cured_by("seedship sweep"),
    )
}

/// What a sweep would have tried again long ago.
fn overdue(app: &AppStatus, now: Unix) -> Option<Finding> {
    let due = |release: &&Release| {
        release.state == Case::Waiting
            && release.not_before.is_some_and(|then| now.since(then) > OVERDUE)
    };
    let release = app.releases.iter().find(due)?;
    let then = release.not_before?;
    let says = format!("{} was to be tried again {}", release.name(), age(then, now));
    Some(
        Finding::warning(Area::App, "overdue", says)
            .because("so no `seedship sweep` runs: lost events are not found either")
            .cured_by("a timer, or `schedule = seedship_sweep, …` of rtorrent.rc.example"),
    )
}

/// What a sweep will try again.
fn waiting(app: &AppStatus) -> Option<Finding> {
    let release = app.releases.iter().find(|release| release.state == Case::Waiting)?;
    Some(
        Finding::warning(Area::App, "waiting", format!("{} waits", release.name()))
            .because(release.why.clone().unwrap_or_default())
            .cured_by("put that right; the next `seedship sweep` after it tries again"),
    )
}

/// The newest release, if it is one that was refused.
fn refused(app: &AppStatus) -> Option<Finding> {
    let newest = app.releases.first().filter(|release| release.state == Case::Refused)?;
    let why = newest.why.clone().unwrap_or_default();
    let cure = match newest.retried {
        true => "the next `seedship sweep` tries it",
        false => "publish it again as a new version",
    };
    Some(
        Finding::warning(Area::App, "refused", format!("{} was refused", newest.name()))
            .because(why)
            .cured_by(cure),
    )
}

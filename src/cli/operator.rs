//! What an operator types to change something.

use super::{
    args::{Activate, Hold, Prune, Rollback, Unhold},
    output::Output,
    user,
};
use crate::{
    config::{App as Settings, Config},
    disk::Kernel,
    error::{Error, Exit, Result},
    operate::{self, Activation, Done, Operator},
    process::Who,
    prune::{self, Keep},
    release::Record,
    report::Line,
    store::{Seen, Site},
    switch::Switched,
};
use log::Level;
use serde_json::json;

fn site(app: &Settings) -> Result<Site<Kernel>> {
    Ok(Site::new(Kernel::open(&app.root)?, app.mode.directory()))
}

/// The site of an app that this process may write now.
fn ours(app: &Settings) -> Result<(Site<Kernel>, Operator)> {
    let who = user::operator()?;
    user::becomes_owner_of(app)?;
    Ok((site(app)?, who))
}

/// What is there, for a dry run: no lock, nothing written.
fn seen(app: &Settings) -> Result<Seen> {
    site(app)?.look()
}

pub(super) fn rollback(config: &Config, typed: &Rollback, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    let how = operate::Rollback { to: typed.to.clone(), keep_good: typed.keep_good };
    if typed.dry_run {
        let seen = seen(app)?;
        let to = operate::rollback_target(&seen, &app.name, &how)?;
        let from = seen.live_target().map_or("nothing".to_owned(), |from| from.to_string());
        output.answer(
            format!("would roll {} back: {from} → {to}", app.name),
            &json!({"app": app.name, "dry_run": true, "from": from, "to": to}),
        );
        return Ok(Exit::Done);
    }
    let (mut site, who) = ours(app)?;
    let switched = operate::rollback(&mut site, &app.name, &how, &who)?;
    told("rolled back", app, &switched, &who, output);
    Ok(Exit::Done)
}

pub(super) fn activate(config: &Config, typed: &Activate, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    if typed.dry_run {
        return would_activate(app, typed, output);
    }
    let (mut site, who) = ours(app)?;
    let done = operate::activate(&mut site, &app.name, &typed.version, typed.adopt, &who)?;
    let (name, version) = (&app.name, &typed.version);
    match done {
        Done::Switched(switched) => told("activated", app, &switched, &who, output),
        Done::LiveAlready(version) => output.answer(
            format!("{name} {version} is live already; it is good now"),
            &json!({"app": name, "version": version, "switched": false}),
        ),
        Done::ToBeLanded(_) => output.answer(
            format!(
                "{name} {version} was passed over unread: the next sweep lands it, activate it then"
            ),
            &json!({"app": name, "version": version, "switched": false, "lands": true}),
        ),
    }
    Ok(Exit::Done)
}

fn would_activate(app: &Settings, typed: &Activate, output: &Output) -> Result<Exit> {
    let seen = seen(app)?;
    let activation = operate::activation(&seen, &app.name, &typed.version, typed.adopt)?;
    let from = seen.live_target().map_or("nothing".to_owned(), |from| from.to_string());
    let (name, to) = (&app.name, &typed.version);
    let would = match &activation {
        Activation::Switch => format!("would activate {name}: {from} → {to}"),
        Activation::Confirm(_) => format!("{name} {to} is live already; its record would say good"),
        Activation::LandLater(_) => {
            format!("{name} {to} was passed over unread; the next sweep would land it")
        }
        Activation::AdoptLink(text) => {
            format!("would adopt the link to `{text}` at `current`, then activate {name} {to}")
        }
        Activation::AdoptDirectory(_) => {
            format!("would make the directory at `current` a release, and {name} {to} live")
        }
    };
    output.answer(would, &json!({"app": name, "dry_run": true, "from": from, "to": to}));
    Ok(Exit::Done)
}

fn told(verb: &str, app: &Settings, switched: &Switched, who: &Operator, output: &Output) {
    let (name, Switched { from, to }) = (&app.name, switched);
    let line =
        Line::new(format!("{name} was {verb} to {to} by {}", crate::error::one_line(&who.name)));
    line.field("app", name).field("from", from).field("to", to).unseen(Level::Info);
    output.answer(
        format!("{name}: {verb}, {from} → {to}"),
        &json!({"app": name, "from": from.to_string(), "to": to.to_string(), "switched": true}),
    );
}

pub(super) fn hold(config: &Config, typed: &Hold, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    let now = super::now();
    let until = typed.until.map(|until| until.from(now));
    if let Some(past) = until.filter(|until| *until <= now) {
        let cause = format!("{past} is past: it would hold nothing");
        return Err(Error::new(Exit::Usage, "hold", format!("app `{}`", app.name), cause)
            .hint("name a time to come in UTC, or a while from now like 2h"));
    }
    let shown = until.map_or("until it is released".to_owned(), |until| format!("until {until}"));
    if typed.dry_run {
        let object =
            json!({"app": app.name, "dry_run": true, "until": until.map(|u| u.to_string())});
        output.answer(format!("would hold {} {shown}", app.name), &object);
        return Ok(Exit::Done);
    }
    let (mut site, who) = ours(app)?;
    let hold = operate::hold(&mut site, until, typed.reason.clone(), &who)?;
    let name = &app.name;
    Line::new(format!("{name} is held {shown}"))
        .field("app", name)
        .field("by", &hold.by)
        .maybe("reason", hold.reason.as_ref())
        .unseen(Level::Info);
    output.answer(
        format!("{name} is held {shown}: releases land, none goes live by itself"),
        &json!({"app": name, "held": true, "by": hold.by, "until": hold.until.map(|u| u.to_string()), "reason": hold.reason}),
    );
    Ok(Exit::Done)
}

pub(super) fn unhold(config: &Config, typed: &Unhold, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    if typed.dry_run {
        let held = !matches!(seen(app)?.hold, Ok(None));
        let text = match held {
            true => format!("would release the hold of {}", app.name),
            false => format!("{} is not held", app.name),
        };
        output.answer(text, &json!({"app": app.name, "dry_run": true, "was_held": held}));
        return Ok(Exit::Done);
    }
    let (mut site, who) = ours(app)?;
    let was_held = operate::unhold(&mut site, &who)?;
    let name = &app.name;
    if was_held {
        Line::new(format!("{name} is not held any more"))
            .field("app", name)
            .field("by", &who.name)
            .unseen(Level::Info);
    }
    let text = match was_held {
        true => format!("{name} is not held any more; the next sweep lets the newest go live"),
        false => format!("{name} was not held"),
    };
    output.answer(text, &json!({"app": name, "held": false, "was_held": was_held}));
    Ok(Exit::Done)
}

pub(super) fn prune(config: &Config, typed: &Prune, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    let releases = typed.keep.unwrap_or(app.keep);
    let keep = Keep { releases, linger: app.linger, order: app.order() };
    let (records, would) = if typed.dry_run {
        (prune::dispensable(&seen(app)?, &keep, super::now()), true)
    } else {
        let (mut site, who) = ours(app)?;
        let line = Who::me("prune", None)?.to_string();
        let pruned = operate::prune(&mut site, &keep, &line, &who)?;
        pruned.iter().for_each(|record| pruned_by(app, record, &who));
        (pruned, false)
    };
    let versions: Vec<&str> = records.iter().map(|r| r.version.as_str()).collect();
    let text = match (versions.is_empty(), would) {
        (true, _) => format!("{}: nothing to prune", app.name),
        (false, true) => format!("{}: would prune {}", app.name, versions.join(", ")),
        (false, false) => format!("{}: pruned {}", app.name, versions.join(", ")),
    };
    output.answer(text, &json!({"app": app.name, "dry_run": would, "pruned": versions}));
    Ok(Exit::Done)
}

fn pruned_by(app: &Settings, record: &Record, who: &Operator) {
    let (name, version) = (&app.name, &record.version);
    Line::new(format!("{name} {version} was pruned by {}", crate::error::one_line(&who.name)))
        .field("app", name)
        .field("version", version)
        .unseen(Level::Info);
}

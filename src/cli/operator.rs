//! What an operator types to change something.

use super::{
    args::{Activate, Hold, Prune, Rollback, Unhold},
    output::Output,
    user,
};
use crate::{
    choose::Rules,
    config::{App as Settings, Config},
    disk::Kernel,
    error::{Error, Exit, Result, one_line},
    operate::{self, Activation, Done, Operator},
    process::Who,
    prune::{self, Keep},
    release::{Record, Target, Unix, Version},
    report::{self, Line},
    settle::{self, Commands},
    store::{Hold as Replaced, Seen, Site},
    switch::Switched,
};
use log::Level;
use serde_json::{Value, json};

fn site(app: &Settings) -> Result<Site<Kernel>> {
    Ok(Site::new(Kernel::open(&app.root)?.spending(), app.mode.directory()))
}

/// The site of an app that this process may write now.
pub(super) fn ours(app: &Settings) -> Result<(Site<Kernel>, Operator)> {
    let who = user::operator()?;
    user::becomes_owner_of(app)?;
    Ok((site(app)?, who))
}

/// What is there, for a dry run: no lock, nothing written. Whoever could not do it is told so, and
/// a record that cannot be read is in the way as it is of the real thing.
fn seen(app: &Settings) -> Result<Seen> {
    let seen = seen_blind(app)?;
    seen.readable()?;
    Ok(seen)
}

/// The same with the site, for what looks further.
pub(super) fn seen_of(app: &Settings) -> Result<(Site<Kernel>, Seen)> {
    let seen = seen(app)?;
    Ok((site(app)?, seen))
}

/// The same for what needs no record.
fn seen_blind(app: &Settings) -> Result<Seen> {
    user::becomes_owner_of(app)?;
    site(app)?.look()
}

/// What machines are told of a switch, done or not.
fn switch(app: &Settings, from: Option<&Target>, to: &Version, more: Value) -> Value {
    let from = from.and_then(Target::version);
    with(json!({"app": app.name, "from": from, "to": to}), more)
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

pub(super) fn rollback(config: &Config, typed: &Rollback, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    let keys = Rules::of(app).keys;
    let how = operate::Rollback { to: typed.to.clone(), keep_good: typed.keep_good, keys };
    if typed.dry_run {
        let seen = if how.to.is_some() { seen_blind(app)? } else { seen(app)? };
        let to = operate::rollback_target(&seen, &app.name, &how)?;
        let from = seen.live_target();
        let text = match seen.live().is_some_and(|live| live.version == to) {
            true => would_confirm(app, &to),
            false => format!("would roll {} back: {} → {to}", app.name, shown(from.as_ref())),
        };
        output.answer(text, &switch(app, from.as_ref(), &to, json!({"dry_run": true})));
        return Ok(Exit::Done);
    }
    let (mut site, who) = ours(app)?;
    let crew = crew(app, "rollback", typed.no_run);
    let (done, failure) = settle::around(&mut site, &crew, Done::switched, |site| {
        let done = operate::rollback(site, &app.name, &how, &who)?;
        if let Done::Switched(switched) = &done {
            log_switch("rolled back", app, switched, &who);
        }
        Ok(done)
    })?;
    match done {
        Done::Switched(switched) => {
            return Ok(told("rolled back", app, &switched, failure.as_ref(), output));
        }
        Done::LiveAlready(version) | Done::ToBeLanded(version) => confirmed(app, version, output),
    }
    // Of what a killed command owed.
    Ok(failure.map_or(Exit::Done, |failure| fail(&failure, output)))
}

pub(super) fn activate(config: &Config, typed: &Activate, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    if typed.dry_run {
        return would_activate(app, typed, output);
    }
    let (mut site, who) = ours(app)?;
    let crew = crew(app, "activate", typed.no_run);
    let (done, failure) = settle::around(&mut site, &crew, Done::switched, |site| {
        let done = operate::activate(site, &app.name, &typed.version, typed.adopt, &who)?;
        if let Done::Switched(switched) = &done {
            log_switch("activated", app, switched, &who);
        }
        Ok(done)
    })?;
    let (name, version) = (&app.name, &typed.version);
    match done {
        Done::Switched(switched) => {
            return Ok(told("activated", app, &switched, failure.as_ref(), output));
        }
        Done::LiveAlready(version) => confirmed(app, version, output),
        Done::ToBeLanded(_) => {
            let from = site.look()?.live_target();
            let told = json!({"switched": false, "lands": true});
            output.answer(
                format!(
                    "{name} {version} was passed over unread: the next sweep lands it, activate it then"
                ),
                &switch(app, from.as_ref(), version, told),
            );
        }
    }
    // Of what a killed command owed.
    Ok(failure.map_or(Exit::Done, |failure| fail(&failure, output)))
}

/// It was live before the command was typed.
fn confirmed(app: &Settings, version: Version, output: &Output) {
    let text = format!("{} {version} is live already; it is good now", app.name);
    let live = Target::Release(version.clone());
    output.answer(text, &switch(app, Some(&live), &version, json!({"switched": false})));
}

fn would_confirm(app: &Settings, version: &Version) -> String {
    format!("{} {version} is live already; its record would say good", app.name)
}

/// What is live, for people.
fn shown(target: Option<&Target>) -> String {
    target.map_or("nothing".to_owned(), ToString::to_string)
}

fn would_activate(app: &Settings, typed: &Activate, output: &Output) -> Result<Exit> {
    let seen = seen(app)?;
    let activation = operate::activation(&seen, &app.name, &typed.version, typed.adopt)?;
    let from = seen.live_target();
    let (name, to) = (&app.name, &typed.version);
    let would = match &activation {
        Activation::Switch => format!("would activate {name}: {} → {to}", shown(from.as_ref())),
        Activation::Confirm(_) => would_confirm(app, to),
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
    output.answer(would, &switch(app, from.as_ref(), to, json!({"dry_run": true})));
    Ok(Exit::Done)
}

/// What runs an app's commands after a switch.
fn crew<'a>(app: &'a Settings, command: &'a str, no_run: bool) -> Commands<'a> {
    let crew = Commands::of(app, command);
    if no_run { crew.none() } else { crew }
}

/// Logs a switch when it is done: what runs after it may take a minute.
fn log_switch(verb: &str, app: &Settings, switched: &Switched, who: &Operator) {
    let (name, Switched { from, to }) = (&app.name, switched);
    let line = Line::new(format!("{name} was {verb} to {to} by {}", one_line(&who.name)));
    line.field("app", name).field("from", from).field("to", to).unseen(Level::Info);
}

/// Answers, in one object for a machine also where a command failed after the switch.
fn told(
    verb: &str,
    app: &Settings,
    switched: &Switched,
    failure: Option<&Error>,
    output: &Output,
) -> Exit {
    let (name, Switched { from, to }) = (&app.name, switched);
    let mut object =
        json!({"app": name, "from": from.version(), "to": to.version(), "switched": true});
    let failure = failure.map(|failure| still_live(failure, to));
    if let Some(failure) = &failure {
        object["error"] = report::in_json(failure)["error"].take();
    }
    output.answer(format!("{name}: {verb}, {from} → {to}"), &object);
    failure.map_or(Exit::Done, |failure| fail(&failure, output))
}

/// What failed after an operator's switch changes nothing: only another command does.
fn still_live(failure: &Error, live: &Target) -> Error {
    let hint = format!("{live} is live all the same; the log has what the command said");
    failure.clone().hint(hint)
}

/// Tells a person, and the log, what failed after a command did what it says.
fn fail(failure: &Error, output: &Output) -> Exit {
    report::line_of(failure).unseen(report::level_of(failure));
    output.complain(failure);
    failure.exit
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
    // An empty reason is none.
    let reason = typed.reason.clone().filter(|reason| !reason.trim().is_empty());
    let shown = until.map_or("until it is released".to_owned(), |until| format!("until {until}"));
    if typed.dry_run {
        let replaced = seen(app)?.hold.ok().flatten();
        let object = json!({"app": app.name, "dry_run": true, "until": in_json(until),
            "reason": reason, "replaced": replaced.as_ref().map(hold_in_json)});
        let instead = replaced.as_ref().map_or(String::new(), instead_of);
        output.answer(format!("would hold {} {shown}{instead}", app.name), &object);
        return Ok(Exit::Done);
    }
    let (mut site, who) = ours(app)?;
    let (hold, replaced) = operate::hold(&mut site, until, reason, &who)?;
    let name = &app.name;
    Line::new(format!("{name} is held {shown}"))
        .field("app", name)
        .field("by", &hold.by)
        .maybe("reason", hold.reason.as_ref())
        .unseen(Level::Info);
    let instead = replaced.as_ref().map_or(String::new(), instead_of);
    output.answer(
        format!("{name} is held {shown}: releases land, none goes live by itself{instead}"),
        &json!({"app": name, "held": true, "by": hold.by, "until": in_json(hold.until),
            "reason": hold.reason, "replaced": replaced.as_ref().map(hold_in_json)}),
    );
    Ok(Exit::Done)
}

fn in_json(time: Option<Unix>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn hold_in_json(hold: &Replaced) -> Value {
    json!({"by": hold.by, "since": hold.at.to_string(), "until": in_json(hold.until),
        "reason": hold.reason})
}

/// The hold that a new one replaces, on a line of its own: its reason is not lost silently.
fn instead_of(hold: &Replaced) -> String {
    let until = hold.until.map_or(String::new(), |until| format!(" until {until}"));
    let reason = hold.reason.as_ref().filter(|reason| !reason.is_empty());
    let reason = reason.map_or(String::new(), |reason| format!(": {}", one_line(reason)));
    format!("\n  instead of the hold by {}{until}{reason}", one_line(&hold.by))
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
        let me = Who::me("prune", None)?;
        let pruned = operate::prune(&mut site, &keep, &me, &who)?;
        pruned.iter().for_each(|record| pruned_by(app, record, &who));
        (pruned, false)
    };
    let versions: Vec<&str> = records.iter().map(|r| r.version.as_str()).collect();
    let text = match (versions.is_empty(), would) {
        (true, _) => format!("{}: nothing to prune", app.name),
        (false, true) => format!("{}: would prune {}", app.name, versions.join(", ")),
        (false, false) => format!("{}: pruned {}", app.name, versions.join(", ")),
    };
    let dry_run = if would { json!({"dry_run": true}) } else { json!({}) };
    output.answer(text, &with(json!({"app": app.name, "pruned": versions}), dry_run));
    Ok(Exit::Done)
}

fn pruned_by(app: &Settings, record: &Record, who: &Operator) {
    let (name, version) = (&app.name, &record.version);
    Line::new(format!("{name} {version} was pruned by {}", one_line(&who.name)))
        .field("app", name)
        .field("version", version)
        .unseen(Level::Info);
}

//! What rtorrent and timers call: `finished` and `sweep`.

use super::{
    args::{Args, Finished, Sweep},
    client,
    output::Output,
    user::{self, Answer, Children, Work},
};
use crate::{
    bounded::{self, Unread},
    config::Config,
    deploy::{self, Env, Identified, Job, Source, Subject},
    error::{Context, Error, Exit, Result, quoted},
    process,
    report::{self, Line},
    rtorrent::{Asked, Found},
    sweep::{self, Failed, NOTHING},
    torrent::Place,
};
use metainfo::InfoHash;
use serde_json::{Value, json};
use std::{ffi::OsString, path::Path, time::Duration};

/// How long a download is asked for that rtorrent does not know yet: a magnet link's real torrent
/// appears a moment after its event.
const PATIENCE: Duration = Duration::from_secs(5);

/// `seedship finished HASH`.
pub(super) fn finished(
    config: Config,
    finished: &Finished,
    args: &Args,
    typed: &[OsString],
    output: &Output,
) -> Result<u8> {
    let config = match user::divide(config, args, typed)? {
        Work::Here(config) => config,
        Work::Done(children) => return Ok(finished_by(&children, finished.hash, output)),
    };
    let hash = finished.hash;
    let env = Env {
        now: super::now(),
        random: super::random()?,
        command: "finished",
        session: config.rtorrent.session.clone(),
        lock_wait: None,
        answers: true,
    };
    // What is said of a torrent before its app is known.
    let unidentified = |error: Error| Ok(output.fail_of(Some(hash), &error));
    let rtorrent = finished.torrent.is_none().then(|| client(&config));
    if rtorrent.is_some() && config.rtorrent.scgi.is_exposed() {
        // Once for each download, not at every look: this is no news.
        log::warn!(
            "rtorrent listens on TCP beyond this machine: whoever reaches that port can run commands as its user; \
             keep it to 127.0.0.1, or let a firewall admit this machine alone"
        );
    }
    let found = match (&finished.torrent, &finished.payload, &rtorrent) {
        (Some(torrent), Some(payload), _) => by_hand(&config, torrent, payload),
        (_, _, Some(rtorrent)) => rtorrent.find(hash, &asked(&config)),
        _ => Err(Error::new(Exit::Usage, "read", "the arguments", "--torrent without --payload")),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return unidentified(error),
    };
    let job = match deploy::identify(&config, hash, &found.torrent) {
        Ok(Identified::Job(job)) => job,
        Ok(Identified::NoApp(name)) => {
            let text = format!("no app takes torrent `{name}`");
            Line::new(&text).unseen(log::Level::Debug);
            let mut object = json!({"app": null, "hash": hash.to_string(), "outcome": "no app",
                "exit": Exit::Done, "message": text});
            if finished.dry_run {
                object["dry_run"] = true.into();
            }
            output.answer(text, &object);
            return Ok(Exit::Done.code());
        }
        Err(error) => return unidentified(error),
    };
    if args.as_owner.is_some() && user::is_anothers(job.app) {
        log::debug!("{job} is another user's");
        return Ok(Exit::Done.code());
    }
    let payload = match finished.payload {
        // A directory that holds the torrent's file is as good as the file.
        Some(_) => Place::of(&job.torrent, &found.payload).map_or(found.payload, |p| p.payload),
        None => found.payload,
    };
    if finished.dry_run {
        return Ok(foresee(&job, &payload, found.complete, &env, output));
    }
    let rtorrent = rtorrent.as_ref().filter(|_| found.reachable);
    let source = Source { payload, rtorrent };
    drop(found.torrent);
    let outcome = match found.complete {
        true => deploy::deploy(&job, &source, &env),
        false => Err(incomplete(hash)),
    };
    let subject = Subject::from(&*job);
    let told = deploy::tell(&subject, outcome, rtorrent, &env);
    if let Some(rtorrent) = rtorrent {
        deploy::heal_after(&job, rtorrent, &env);
    }
    match told {
        Ok(done) => {
            let message = deploy::sentence(&subject, &done);
            let outcome = json!({"outcome": done.word(), "exit": done.exit(), "message": message});
            output.answer(&message, &of(&job, outcome));
            Ok(done.exit().code())
        }
        Err(error) => Ok(output.failed(&error, &of(&job, report::in_json(&error)))),
    }
}

fn foresee(job: &Job<'_>, payload: &Path, complete: bool, env: &Env, output: &Output) -> u8 {
    let would = match complete {
        true => deploy::foresee(job, payload, env.now),
        false => Err(incomplete(job.hash)),
    };
    match would {
        Ok(would) => {
            let message = format!("{job} {would}");
            let would = json!({"dry_run": true, "would": would.to_string(), "message": message});
            output.answer(&message, &of(job, would));
            Exit::Done.code()
        }
        Err(error) => output.failed(&error, &of(job, report::in_json(&error))),
    }
}

/// What is told machines of a release, with the release.
fn of(job: &Job<'_>, told: Value) -> Value {
    let mut object = json!({"app": job.app.name, "version": job.version,
        "hash": job.hash.to_string()});
    if let (Value::Object(object), Value::Object(told)) = (&mut object, told) {
        object.extend(told);
    }
    object
}

/// Tells what root's children came to, as one process would have told it.
fn finished_by(children: &Children, hash: InfoHash, output: &Output) -> u8 {
    let Some(Answer { code, object }) = children.answer() else { return children.code };
    match report::from_json(object) {
        // Of a torrent that is somebody's the child told the log.
        Some(error) if is_somebodys(object) => drop(output.failed(&error, object)),
        Some(error) => drop(output.fail_of(Some(hash), &error)),
        None => output.answer(object["message"].as_str().unwrap_or_default(), object),
    }
    *code
}

/// A child found the release, whatever became of it.
fn is_somebodys(object: &Value) -> bool {
    object.get("app").is_some()
}

/// Where a download is looked for, and how long.
fn asked(config: &Config) -> Asked<'_> {
    Asked { session: &config.rtorrent.session, limit: config.torrent_limit(), patience: PATIENCE }
}

/// With everything given, no connection is made.
fn by_hand(config: &Config, torrent: &Path, payload: &Path) -> Result<Found> {
    let limit = config.torrent_limit();
    let refused = |cause: String, hint| {
        Error::new(Exit::Payload, "read", quoted(torrent), cause).hint(hint).unrecorded()
    };
    let content = bounded::read(torrent, limit).map_err(|why| match why {
        Unread::Io(e) => Error::io("read", torrent, &e),
        Unread::Not(what) => {
            refused(format!("it is {what}, not a regular file"), "name the .torrent file itself")
        }
        Unread::Larger(_) => refused(
            format!("it is too large: limits.torrent is {limit} bytes"),
            "raise it in the configuration if the torrent is right",
        ),
    })?;
    let payload = std::path::absolute(payload).on("find", payload)?;
    Ok(Found { torrent: content, payload, complete: true, reachable: false })
}

fn incomplete(hash: InfoHash) -> Error {
    Error::new(
        Exit::Again,
        "deploy",
        format!("download {hash}"),
        "rtorrent says it is not complete",
    )
    .hint("its event comes again when it is; `seedship sweep` lands it too")
    .unrecorded()
}

/// `seedship sweep`.
pub(super) fn sweep(
    config: Config,
    sweep: &Sweep,
    args: &Args,
    typed: &[OsString],
    output: &Output,
) -> Result<u8> {
    let faults = told_faults(&config, args);
    let config = match user::divide(config, args, typed)? {
        Work::Here(config) => config,
        Work::Done(children) => return Ok(swept_by(&children, faults, sweep.dry_run, output)),
    };
    let env = Env {
        now: super::now(),
        random: super::random()?,
        command: "sweep",
        session: config.rtorrent.session.clone(),
        lock_wait: Some(Duration::ZERO),
        answers: false,
    };
    if sweep.dry_run {
        let mut swept = sweep::Swept::default();
        if args.as_owner.is_none() {
            swept.tell_skipped(&config);
        }
        let mut would = sweep::foresee(&config, &client(&config), &env)?;
        would.extend(swept.skipped.iter().map(ToString::to_string));
        let text = if would.is_empty() { NOTHING.to_owned() } else { would.join("\n") };
        output.answer(text, &json!({"dry_run": true, "would": would}));
        return Ok(first_of(swept.exit().code(), &faults));
    }
    let mut swept = sweep::sweep(&config, &client(&config), &env);
    if args.as_owner.is_none() {
        swept.tell_skipped(&config);
    }
    swept.failed.extend(faults);
    output.answer(&swept, &swept);
    Ok(swept.exit().code())
}

/// Tells what root's children did, as one process would have told it.
fn swept_by(children: &Children, faults: Vec<Failed>, dry_run: bool, output: &Output) -> u8 {
    let mut object = children.object();
    let code = first_of(children.code, &faults);
    let own = if dry_run { Vec::new() } else { faults };
    let failed: Vec<Failed> = children.failures().chain(own).collect();
    if !failed.is_empty() {
        let all = object.entry("failed").or_insert_with(|| json!([]));
        all.as_array_mut().into_iter().for_each(|all| all.extend(failed.iter().map(|f| json!(f))));
    }
    let own = sweep::Swept { failed, ..sweep::Swept::default() }.to_string();
    let mut lines: Vec<&str> = Vec::new();
    for line in children.lines().chain(own.lines()).filter(|line| *line != NOTHING) {
        // That rtorrent cannot be reached every child says.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.is_empty() && code == Exit::Done.code() {
        lines.push(NOTHING);
    }
    output.answer_if_any(lines.join("\n"), &object);
    code
}

/// Tells what keeps apps from being swept at all: whatever is wrong with the configuration, and
/// roots that are not there. The other apps are swept all the same. Root's children leave it to
/// root: it would be told once for each owner.
fn told_faults(config: &Config, args: &Args) -> Vec<Failed> {
    if args.as_owner.is_some() {
        return Vec::new();
    }
    let mut faults: Vec<(String, Error)> = Vec::new();
    faults.extend(config.unreadable.iter().map(|e| ("configuration".to_owned(), e.clone())));
    faults.extend(config.broken.iter().map(|app| (app.name.clone(), app.error.clone())));
    for app in &config.apps {
        let missing = process::owner_of(&app.root).err().filter(|e| e.exit == Exit::Config);
        faults.extend(missing.map(|error| (app.name.clone(), error)));
    }
    faults.iter().for_each(|(_, error)| report::line_of(error).log(report::level_of(error)));
    faults.iter().map(|(name, error)| Failed::new(name, error)).collect()
}

/// The first exit code that is a failure: that of the work, then that of the configuration.
fn first_of(code: u8, faults: &[Failed]) -> u8 {
    match (code, faults.first()) {
        (0, Some(fault)) => fault.exit.code(),
        _ => code,
    }
}

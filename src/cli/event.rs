//! What rtorrent and timers call: `finished` and `sweep`.

use super::{
    args::{Args, Finished, Sweep},
    client,
    output::Output,
    user::{self, Work},
};
use crate::{
    config::Config,
    deploy::{self, Env, Identified, Job, Source, Subject},
    error::{Context, Error, Exit, Result, quoted},
    process, report,
    rtorrent::{self, Client, Download},
    sweep,
};
use metainfo::{InfoHash, Metainfo};
use serde_json::json;
use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

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
        Work::Done(code) => return Ok(code),
    };
    let hash = finished.hash;
    let env = Env {
        now: super::now(),
        random: super::random()?,
        command: "finished",
        session: config.rtorrent.session.clone(),
        lock_wait: None,
    };
    // What is said of a torrent before its app is known.
    let unidentified = |error: Error| Ok(output.fail_of(Some(hash), &error));
    let rtorrent = finished.torrent.is_none().then(|| client(&config));
    let found = match (&finished.torrent, &finished.payload, &rtorrent) {
        (Some(torrent), Some(payload), _) => by_hand(&config, torrent, payload),
        (_, _, Some(rtorrent)) => ask(&config, hash, rtorrent),
        _ => Err(Error::new(Exit::Usage, "read", "the arguments", "--torrent without --payload")),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return unidentified(error),
    };
    let job = match deploy::identify(&config, hash, &found.torrent) {
        Ok(Identified::Job(job)) => job,
        Ok(Identified::NoApp(name)) => {
            log::debug!("no app takes torrent `{name}`");
            return Ok(Exit::Done.code());
        }
        Err(error) => return unidentified(error),
    };
    if args.as_owner.is_some() && user::is_anothers(job.app) {
        log::debug!("{job} is another user's");
        return Ok(Exit::Done.code());
    }
    if finished.dry_run {
        return foresee(&job, &env, output);
    }
    let rtorrent = rtorrent.as_ref().filter(|_| found.reachable);
    let source = Source { payload: found.payload, rtorrent };
    drop(found.torrent);
    let outcome = match found.complete {
        true => deploy::deploy(&job, &source, &env),
        false => Err(incomplete(hash)),
    };
    let outcome = deploy::tell(&Subject::from(&*job), outcome, rtorrent, &env);
    output.object(&match &outcome {
        Ok(done) => json!({
            "app": job.app.name, "version": job.version, "hash": hash.to_string(),
            "outcome": done.word(), "exit": done.exit(),
        }),
        Err(error) => report::in_json(error),
    });
    Ok(outcome.map_or_else(|e| e.exit, |outcome| outcome.exit()).code())
}

fn foresee(job: &Job<'_>, env: &Env, output: &Output) -> Result<u8> {
    let would = deploy::foresee(job, env.now)?.to_string();
    let object =
        json!({"app": job.app.name, "version": job.version, "dry_run": true, "would": would});
    output.answer(format!("{job} {would}"), &object);
    Ok(Exit::Done.code())
}

/// A download: its .torrent and where its payload is.
struct Found {
    torrent: Vec<u8>,
    payload: PathBuf,
    complete: bool,
    reachable: bool,
}

/// With everything given, no connection is made.
fn by_hand(config: &Config, torrent: &Path, payload: &Path) -> Result<Found> {
    let limit = config.torrent_limit();
    let mut content = Vec::new();
    let file = File::open(torrent).on("read", torrent)?;
    // What says that it has no size, as a device or a pipe does, is bounded too.
    file.take(limit.saturating_add(1)).read_to_end(&mut content).on("read", torrent)?;
    if content.len() as u64 > limit {
        let cause = format!("it is too large: limits.torrent is {limit} bytes");
        return Err(Error::new(Exit::Payload, "read", quoted(torrent), cause)
            .hint("raise it in the configuration if the torrent is right")
            .unrecorded());
    }
    let payload = std::path::absolute(payload).on("find", payload)?;
    Ok(Found { torrent: content, payload, complete: true, reachable: false })
}

/// Asks rtorrent, or its session directory where it does not answer.
fn ask(config: &Config, hash: InfoHash, rtorrent: &Client) -> Result<Found> {
    let (download, reachable) = match patiently(|| rtorrent.download(hash)) {
        Ok(Some(download)) => (download, true),
        Ok(None) => {
            return Err(unknown(hash, "rtorrent has no such download")
                .hint("[rtorrent] scgi in the configuration must be of the rtorrent that has it"));
        }
        Err(unreachable) => (in_session(config, hash).ok_or(unreachable)?, false),
    };
    let session = &config.rtorrent.session;
    let limit = config.torrent_limit();
    let torrent =
        patiently(|| rtorrent::session::torrent(session, hash, limit))?.ok_or_else(|| {
            let file = session.join(format!("{hash}.torrent"));
            unknown(hash, &format!("{} is not there", quoted(file)))
                .hint("[rtorrent] session in the configuration must be rtorrent's session.path")
        })?;
    // A torrent that cannot be parsed is told by whoever identifies it.
    let payload = match Metainfo::parse(&torrent) {
        Ok(metainfo) => download.payload(&metainfo),
        Err(_) => download.directory.clone(),
    };
    Ok(Found { torrent, payload, complete: download.complete, reachable })
}

fn in_session(config: &Config, hash: InfoHash) -> Option<Download> {
    let downloads = rtorrent::session::downloads(&config.rtorrent.session).ok()?;
    downloads.into_iter().find(|download| download.hash == hash)
}

/// Asks until there is an answer or patience is over.
fn patiently<T>(ask: impl Fn() -> Result<Option<T>>) -> Result<Option<T>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask()? {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(100)),
            answer => return Ok(answer),
        }
    }
}

fn unknown(hash: InfoHash, cause: &str) -> Error {
    Error::new(Exit::NotFound, "find", format!("download {hash}"), cause)
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
        Work::Done(code) => return Ok(first_of(code, &faults)),
    };
    let env = Env {
        now: super::now(),
        random: super::random()?,
        command: "sweep",
        session: config.rtorrent.session.clone(),
        lock_wait: Some(Duration::ZERO),
    };
    if sweep.dry_run {
        let would = sweep::foresee(&config, &client(&config), &env)?;
        let text = if would.is_empty() { "nothing to do".to_owned() } else { would.join("\n") };
        output.answer(text, &json!({"dry_run": true, "would": would}));
        return Ok(first_of(Exit::Done.code(), &faults));
    }
    let mut swept = sweep::sweep(&config, &client(&config), &env);
    swept.failed.extend(faults);
    output.answer(&swept, &swept);
    Ok(swept.exit().code())
}

/// Tells what keeps apps from being swept at all: whatever is wrong with the configuration, and
/// roots that are not there. The other apps are swept all the same. Root's children leave it to
/// root: it would be told once for each owner.
fn told_faults(config: &Config, args: &Args) -> Vec<(String, Exit)> {
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
    faults.into_iter().map(|(name, error)| (name, error.exit)).collect()
}

/// The first exit code that is a failure: that of the work, then that of the configuration.
fn first_of(code: u8, faults: &[(String, Exit)]) -> u8 {
    match (code, faults.first()) {
        (0, Some((_, fault))) => fault.code(),
        _ => code,
    }
}

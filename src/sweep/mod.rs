//! Brings every app to where its downloads say it should be: lost events found, failed ones tried
//! again, leftovers cleaned, old downloads removed. Safe in a timer, beside a deploy, and without
//! rtorrent: what can be read from its session directory is landed all the same.

use crate::{
    choose::{self, Decision, Rules},
    config::{App, Config},
    deploy::{self, Env, Identified, Job, Lander, Outcome, Source, Subject},
    disk::{Disk, Kernel},
    error::{Error, Exit, Result, one_line},
    heal::{self, Tended},
    process,
    prune::{self, Keep},
    release::{Record, State, Unix},
    rtorrent::{Client, Download, session},
    settle::{self, Commands, Crew},
    store::{Seen, Site},
    tidy::{self, Seeding},
};
use log::{debug, info, warn};
use metainfo::InfoHash;
use serde::Serialize;
use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

/// What one sweep came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Swept {
    /// Releases that went live.
    pub live: Vec<String>,
    /// Releases that landed, and do not go live by themselves.
    pub landed: Vec<String>,
    /// Releases that are older than what is live, and were not read.
    pub passed_over: Vec<String>,
    /// What failed now, and was not only waiting.
    pub failed: Vec<Failed>,
    /// Apps that another process is deploying.
    pub busy: Vec<String>,
    /// Apps that are another user's.
    pub skipped: Vec<Skipped>,
    /// None of the apps whose roots are there is this user's.
    #[serde(skip)]
    pub stranger: bool,
}

/// An app that another user sweeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Skipped {
    /// Its name.
    pub app: String,
    /// Whose its root is: a name, or a number as sudo takes it.
    pub owner: String,
}

/// For people.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, owner } = self;
        write!(f, "{app} was passed over: it is {owner}'s to sweep")
    }
}

/// One failure of a sweep.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failed {
    /// A release, an app, a user, or what the sweep needs for all of them.
    pub subject: String,
    /// The exit code.
    pub exit: Exit,
    /// What could not be done, and why.
    pub message: String,
}

impl Failed {
    /// What failed, and how.
    pub fn new(subject: impl Into<String>, error: &Error) -> Self {
        Self { subject: subject.into(), exit: error.exit, message: error.to_string() }
    }
}

/// What people are told when all is as it should be.
pub const NOTHING: &str = "nothing to do";

/// For people: one line a release.
impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { live, landed, passed_over, failed, busy, skipped, .. } = self;
        live.iter().try_for_each(|name| writeln!(f, "{name} is live"))?;
        landed.iter().try_for_each(|name| writeln!(f, "{name} landed"))?;
        passed_over
            .iter()
            .try_for_each(|name| writeln!(f, "{name} is older than what is live: passed over"))?;
        busy.iter()
            .try_for_each(|app| writeln!(f, "{app} is being deployed by another process"))?;
        failed.iter().try_for_each(|Failed { subject, exit, .. }| {
            writeln!(f, "{subject} failed ({})", exit.code())
        })?;
        skipped.iter().try_for_each(|skipped| writeln!(f, "{skipped}"))?;
        let releases = live.len() + landed.len() + passed_over.len();
        match releases + busy.len() + failed.len() + skipped.len() {
            0 => f.write_str(NOTHING),
            _ => Ok(()),
        }
    }
}

impl Swept {
    /// What became of a release.
    fn settled(&mut self, name: String, outcome: &Outcome) {
        match outcome {
            Outcome::Live { .. } => self.live.push(name),
            Outcome::Landed { .. } => self.landed.push(name),
            Outcome::Superseded => self.passed_over.push(name),
            Outcome::Returned { why, .. } => {
                let (exit, message) = (outcome.exit(), why.to_string());
                self.failed.push(Failed { subject: name, exit, message });
            }
            Outcome::Already(_) | Outcome::Overruled => {}
        }
    }

    /// The exit code: that of the first failure; 77 if there was nothing this user may sweep though
    /// there are apps. What only waits, and was told before, is no failure.
    pub fn exit(&self) -> Exit {
        match self.failed.first() {
            Some(failed) => failed.exit,
            None if self.stranger => Exit::Permission,
            None => Exit::Done,
        }
    }

    /// Tells, here and in the log, which apps are another user's. Not for a process that works for
    /// one of several owners: the others have theirs.
    pub fn tell_skipped(&mut self, config: &Config) {
        self.skipped = skipped(config);
        let there = config.apps.iter().filter(|app| process::owner_of(&app.root).is_ok());
        self.stranger = !self.skipped.is_empty() && there.count() == self.skipped.len();
        self.skipped.iter().for_each(|skipped| info!("{skipped}"));
    }
}

/// The apps that are another user's to sweep.
fn skipped(config: &Config) -> Vec<Skipped> {
    let anothers = |app: &App| {
        let owner = process::owner_of(&app.root).ok()?;
        process::require_owner(&owner, &app.name).err()?;
        Some(Skipped { app: one_line(&app.name), owner: owner.to_string() })
    };
    config.apps.iter().filter_map(anothers).collect()
}

/// Sweeps every app that this user owns.
pub fn sweep(config: &Config, rtorrent: &Client, env: &Env) -> Swept {
    let mut swept = Swept::default();
    let (downloads, reachable) = downloads(config, rtorrent, &mut swept);
    let mut jobs = jobs(config, &ripe(&downloads), env);
    for app in config.apps.iter().filter(|app| is_ours(app)) {
        let jobs = jobs.remove(&app.name).unwrap_or_default();
        let rtorrent = reachable.then_some(rtorrent);
        let crew = Commands::of(app, env.command);
        let done = open(app)
            .and_then(|mut site| sweep_app(&mut site, app, jobs, rtorrent, &crew, env, &mut swept));
        if let Err(error) = done {
            match error.exit {
                Exit::Again => swept.busy.push(app.name.clone()),
                _ => {
                    deploy::tell_app(app, &error);
                    swept.failed.push(Failed::new(&app.name, &error));
                }
            }
        }
    }
    swept
}

/// What a sweep would do, one line each: no lock, nothing written.
///
/// # Errors
/// If the root of an app cannot be read.
pub fn foresee(config: &Config, rtorrent: &Client, env: &Env) -> Result<Vec<String>> {
    let mut swept = Swept::default();
    let (downloads, _) = downloads(config, rtorrent, &mut swept);
    let mut jobs = jobs(config, &ripe(&downloads), env);
    let mut lines = Vec::new();
    for app in config.apps.iter().filter(|app| is_ours(app)) {
        let site = open(app)?;
        let seen = site.look()?;
        let foreseen = healing(&site, &seen, &mut lines, app)?;
        if deploy::is_unfinished(&site, &seen)? {
            lines.push(format!("{}: would finish what an interrupted run left", app.name));
        }
        for due in due(&seen, app, jobs.remove(&app.name).unwrap_or_default(), &foreseen, env.now) {
            lines.push(due.foresee(app, env.now));
        }
        for record in prune::dispensable(&seen, &Keep::of(app), env.now) {
            lines.push(format!("{} {} would be pruned", app.name, record.version));
        }
    }
    Ok(lines)
}

/// The downloads that are being healed, as far as the disk tells; each has a line of its own.
fn healing(
    site: &Site<Kernel>,
    seen: &Seen,
    lines: &mut Vec<String>,
    app: &App,
) -> Result<BTreeMap<InfoHash, Tended>> {
    let mut found = BTreeMap::new();
    for record in seen.records.iter().filter(|record| record.healing().is_some()) {
        let Some(hash) = record.key.info_hash() else { continue };
        let (app, version, tries) = (&app.name, &record.version, heal::tries(record));
        lines.push(format!("{app} {version}: its download is being healed, {tries}"));
        found.insert(hash, heal::look(site.disk(), record)?);
    }
    Ok(found)
}

/// The app's site, with the mode that its directories get.
fn open(app: &App) -> Result<Site<Kernel>> {
    Ok(Site::new(Kernel::open(&app.root)?, app.mode.directory()))
}

/// Another user's apps are that user's to sweep. One whose root is not there is nobody's, and
/// whoever started the sweep says so.
fn is_ours(app: &App) -> bool {
    match process::owner_of(&app.root) {
        Ok(owner) => process::require_owner(&owner, &app.name).is_ok(),
        Err(missing) if missing.exit == Exit::Config => false,
        Err(error) => {
            warn!("{error}");
            false
        }
    }
}

/// All downloads, from rtorrent, or from its session directory where it does not answer.
fn downloads(config: &Config, rtorrent: &Client, swept: &mut Swept) -> (Vec<Download>, bool) {
    let unreachable = match rtorrent.all() {
        Ok(downloads) => return (downloads, true),
        Err(error) => error,
    };
    match session::downloads(&config.rtorrent.session) {
        Ok(downloads) => {
            info!("{unreachable}; taking what its session directory says");
            (downloads, false)
        }
        Err(error) => {
            warn!("{unreachable}; {error}");
            swept.failed.push(Failed::new("rtorrent", &unreachable));
            (Vec::new(), false)
        }
    }
}

/// The downloads that are to be read: whole ones, and those that rtorrent gave up at a restart, of
/// which reading tells what is to be healed.
fn ripe(downloads: &[Download]) -> Vec<&Download> {
    downloads.iter().filter(|download| download.is_whole() || download.stuck).collect()
}

/// A download that is a release of some app, and where it lies.
struct Found<'c> {
    job: Job<'c>,
    payload: PathBuf,
    rank: Record,
}

/// What the downloads are to the apps. What is nobody's, and what cannot be read, is told when its
/// event comes; here it would be told every ten minutes.
fn jobs<'c>(
    config: &'c Config,
    downloads: &[&Download],
    env: &Env,
) -> BTreeMap<String, Vec<Found<'c>>> {
    let mut found: BTreeMap<String, Vec<Found<'_>>> = BTreeMap::new();
    let limit = config.torrent_limit();
    for download in downloads {
        let identified = session::torrent(&env.session, download.hash, limit).and_then(|bytes| {
            bytes.map(|b| deploy::identify(config, download.hash, &b)).transpose()
        });
        match identified {
            Ok(Some(Identified::Job(job))) => {
                let rank = job.rank(env.now);
                let payload = download.payload(&job.torrent);
                found.entry(job.app.name.clone()).or_default().push(Found {
                    job: *job,
                    payload,
                    rank,
                });
            }
            Ok(Some(Identified::NoApp(name))) => debug!("no app takes torrent `{name}`"),
            Ok(None) => debug!("the session has no .torrent of {}", download.hash),
            Err(error) => debug!("{error}"),
        }
    }
    found
}

/// One app: recover, land and activate what is due, newest first, prune.
fn sweep_app<D: Disk>(
    site: &mut Site<D>,
    app: &App,
    found: Vec<Found<'_>>,
    rtorrent: Option<&Client>,
    lander: &impl Lander<D>,
    env: &Env,
    swept: &mut Swept,
) -> Result<()> {
    recover(site, app, rtorrent, lander, env, swept)?;
    let tended = tend(site, app, rtorrent, lander, env, swept)?;
    let mut switched = false;
    for due in due(&site.look()?, app, found, &tended, env.now) {
        // Newest first: what landed earlier is older than what is live now, and was told of then.
        if switched && matches!(due, Due::Activate(_)) {
            continue;
        }
        let hash = due.rank().key.info_hash();
        let (name, done) = due.carry_out(site, app, rtorrent, lander, env);
        let healed = hash.map(|hash| deploy::heal(site, app, hash, rtorrent, lander, env));
        if let Some(Err(error)) = healed {
            swept.failed.push(Failed::new(name.as_str(), &error));
        }
        match done {
            Ok(outcome) => {
                switched |= matches!(outcome, Outcome::Live { .. } | Outcome::Returned { .. });
                swept.settled(name, &outcome);
            }
            // One that cannot land now does not stop the next.
            Err(error) => swept.failed.push(Failed::new(name, &error)),
        }
    }
    let mut by = site.deploying(Duration::ZERO, &lander.me()?)?;
    let seeding = rtorrent.map(|client| Seeding { client, session: &env.session });
    tidy::tidy(&mut by, app, seeding, env.now, env.random);
    Ok(())
}

/// Goes on with every heal, and says how the downloads are.
fn tend<D: Disk>(
    site: &mut Site<D>,
    app: &App,
    rtorrent: Option<&Client>,
    crew: &impl Crew,
    env: &Env,
    swept: &mut Swept,
) -> Result<BTreeMap<InfoHash, Tended>> {
    let mut tended = BTreeMap::new();
    for hash in heal::all(site.disk(), &site.look()?)? {
        let after = deploy::heal(site, app, hash, rtorrent, crew, env).unwrap_or_else(|error| {
            swept.failed.push(Failed::new(&app.name, &error));
            Tended::Underway
        });
        tended.insert(hash, after);
    }
    Ok(tended)
}

/// Finishes what a killed run left; somebody else's running deploy is left alone.
fn recover<D: Disk>(
    site: &mut Site<D>,
    app: &App,
    rtorrent: Option<&Client>,
    crew: &impl Crew,
    env: &Env,
    swept: &mut Swept,
) -> Result<()> {
    let mut by = site.deploying(Duration::ZERO, &crew.me()?)?;
    let (debt, resumed) = deploy::recover(&mut by, app, crew, env)?;
    if let Some(resumed) = resumed {
        let name = format!("{} {}", app.name, resumed.trial.version);
        swept.settled(name, &resumed.outcome);
        deploy::tell_resumed(by.site().disk(), app, resumed, rtorrent, env);
    }
    settle::finish(&mut by, crew, debt)
}

/// Something to do for an app.
enum Due<'c> {
    /// A complete download to be landed.
    Land(Found<'c>),
    /// A landed release to go live; its download may be gone.
    Activate(Record),
}

impl Due<'_> {
    fn rank(&self) -> &Record {
        match self {
            Self::Land(found) => &found.rank,
            Self::Activate(record) => record,
        }
    }

    fn foresee(&self, app: &App, now: Unix) -> String {
        match self {
            Self::Land(found) => match deploy::foresee(&found.job, &found.payload, now) {
                Ok(would) => format!("{} {would}", found.job),
                Err(error) => format!("{}: {error}", found.job),
            },
            Self::Activate(record) => format!("{} {} would go live", app.name, record.version),
        }
    }

    fn carry_out<D: Disk>(
        self,
        site: &mut Site<D>,
        app: &App,
        rtorrent: Option<&Client>,
        lander: &impl Lander<D>,
        env: &Env,
    ) -> (String, Result<Outcome>) {
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
fn due<'c>(
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

#[cfg(test)]
mod tests;

//! `seedship doctor`, and its hidden half that runs as rtorrent's child.

use super::{
    args::{Args, Doctor},
    output::Output,
};
use crate::{
    config::{self, Config, Log},
    doctor::{self, Asked, Inside},
    error::{Context, Error, Exit, Result, one_line},
    process::{self, Owner, become_owner},
    report::{self, Line},
    rtorrent::{Client, Timeouts},
};
use nix::unistd::geteuid;
use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

/// Where Debian's php-fpm is configured.
const PHP: &str = "/etc/php";

/// Somebody waits for the answer: less patience than a deploy has.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    idle: Duration::from_secs(10),
    total: Duration::from_secs(30),
};

/// A child of rtorrent that is not done by then gives up.
const PATIENCE: Duration = Duration::from_millis(950);

pub(super) fn run(typed: &Doctor, args: &Args, file: &Path, output: &Output) -> Result<u8> {
    let file = std::path::absolute(file).on("find", file)?;
    let read = config::read(&file);
    let digest = read.as_ref().ok().map(|fragments| doctor::digest(fragments));
    let config = read.and_then(Config::merge);
    if let (Some(uid), Ok(config)) = (args.as_owner, &config) {
        let mut owners = config.apps.iter().filter_map(|app| process::owner_of(&app.root).ok());
        owners.find(|owner| owner.uid == uid).map_or(Ok(()), |owner| become_owner(&owner))?;
    }
    if typed.inside {
        let line = in_time(file, digest, config)?;
        output.raw(format!("{line}\n").as_bytes());
        return Ok(0);
    }
    let own = gathered(&file, digest, config.as_ref());
    let config = config?;
    let program = program()?;
    let rtorrent = Client::new(super::address(&config), TIMEOUTS);
    let asked = Asked {
        config: &config,
        file: &file,
        own: &own,
        program: &program,
        rtorrent: &rtorrent,
        php: Path::new(PHP),
        now: super::now(),
    };
    let mended = if typed.fix { Some(mend(&asked, typed.dry_run)?) } else { None };
    let examined = doctor::Examined { mended, ..doctor::examine(&asked) };
    output.answer(examined.screen(output.colour()), &examined);
    Ok(examined.exit().code())
}

/// What this process sees, in one line; rtorrent stands still until it is said.
fn in_time(file: PathBuf, digest: Option<String>, config: Result<Config>) -> Result<String> {
    let (tell, told) = channel();
    thread::spawn(move || tell.send(gathered(&file, digest, config.as_ref()).line()));
    told.recv_timeout(PATIENCE).map_err(|_| {
        let cause = format!("no answer within {} ms", PATIENCE.as_millis());
        Error::new(Exit::Again, "look at", "this process's own surroundings", cause)
            .hint("does a disk or a user directory (LDAP) hang? `id` and `df` say")
    })
}

/// This program's own file, as rtorrent is to run it.
fn program() -> Result<PathBuf> {
    std::env::current_exe().on("find", "/proc/self/exe")
}

/// Changes the binding, and tells the log who did.
fn mend(asked: &Asked<'_>, dry_run: bool) -> Result<doctor::Mended> {
    if dry_run {
        return doctor::mend(asked, dry_run);
    }
    let Log { socket, facility, level } = &asked.config.log;
    report::start(socket, (*facility).into(), *level);
    let mended = doctor::mend(asked, dry_run)?;
    if let Some(bound) = &mended.bound {
        let who = super::user::operator()?.name;
        Line::new(format!("the hook was bound in the running rtorrent by {}", one_line(&who)))
            .field("bound", bound)
            .unseen(log::Level::Info);
    }
    Ok(mended)
}

/// What this process sees; root has a child of each owner try that owner's roots.
fn gathered(file: &Path, digest: Option<String>, config: Result<&Config, &Error>) -> Inside {
    let mut inside = doctor::look_inside(file, digest, config);
    if !geteuid().is_root() {
        return inside;
    }
    // As they were just seen: a root that hangs is not asked again.
    let owners: BTreeSet<u32> = inside.roots.iter().filter_map(|root| root.owner).collect();
    let words = [OsString::from("--config"), file.into(), "doctor".into(), "--inside".into()];
    for uid in owners.into_iter().filter(|uid| *uid != 0) {
        // One that cannot be started has tried nothing, and that is told of its roots.
        let told = process::run_as(&Owner { uid, gid: 0, name: None }, &words).ok();
        let theirs = told.and_then(|(_, told)| Inside::parse(&told));
        theirs.into_iter().for_each(|theirs| inside.join(theirs));
    }
    inside
}

//! One process at work on an app in memory: an event, a sweep, an operator's command. What it runs
//! is the product's own, from the lock that is asked for to the end of tidying; only what unpacks a
//! payload and what runs commands is a test's.

use super::world::{APP, Came, World, locked, torrent, version};
use crate::{
    config::App,
    deploy::{self, Env, Filled, Job, Lander, Source},
    disk::{Disk, memory::Memory},
    error::{Error, Exit, Result},
    operate::{self, Adoption, Done, Operator, Rollback},
    process::{Group, Leash, Who},
    release::{Record, Unix},
    settle::{self, Crew, Live},
    store::{Deploying, MANIFESTS, Owed, Seen, Site, Stage},
    sweep::{Swept, due::Found, round::Round},
    unpack::Totals,
};
use metainfo::Authentic;
use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
};

pub(super) struct Process<'w> {
    world: &'w World,
    disk: Memory,
    number: u32,
    now: Unix,
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        self.disk.end();
    }
}

impl<'w> Process<'w> {
    pub(super) fn begin(world: &'w World, number: u32) -> Self {
        Self { world, disk: world.disk.begin(number), number, now: world.now() }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// It was killed.
    pub(super) fn is_dead(&self) -> bool {
        self.disk.is_over()
    }

    pub(super) fn site(&self) -> Site<Memory> {
        Site::new(self.disk.clone(), 0o755)
    }

    pub(super) fn env(&self) -> Env {
        Env {
            now: self.now,
            random: u64::from(self.number),
            command: "test",
            session: PathBuf::new(),
            lock_wait: None,
            answers: false,
        }
    }

    pub(super) fn operator(&self) -> Operator {
        Operator { name: "alice".to_owned(), now: self.now, random: u64::from(self.number) }
    }

    /// An event, for the torrent of a version with these bytes.
    pub(super) fn land(&self, text: &str, bytes: u8) -> Result<Came> {
        let job = job(&self.world.app, text, bytes);
        let source = Source { payload: PathBuf::new(), rtorrent: None };
        deploy::deploy_into(&mut self.site(), &job, &source, self, &self.env()).map(Came::from)
    }

    /// What rtorrent has is landed, what landed and may go live does, the rest is finished.
    pub(super) fn sweep(&self) -> Result<Swept> {
        let app = &*self.world.app;
        let downloads = locked(&self.world.downloads).clone();
        let found = downloads.iter().map(|text| {
            let job = job(app, text, 0);
            let rank = job.rank(self.now);
            Found { job, payload: PathBuf::new(), rank }
        });
        let mut swept = Swept::default();
        self.round(&self.env(), &mut swept).go(&mut self.site(), found.collect())?;
        Ok(swept)
    }

    pub(super) fn recover(&self) -> Result<()> {
        self.round(&self.env(), &mut Swept::default()).recover(&mut self.site())
    }

    fn round<'r>(&'r self, env: &'r Env, swept: &'r mut Swept) -> Round<'r, Self> {
        Round { app: &self.world.app, rtorrent: None, lander: self, env, swept }
    }

    /// An operator's switch, with what is to be run after it.
    pub(super) fn around(
        &self,
        switch: impl FnOnce(&mut Site<Memory>) -> Result<Done>,
    ) -> Result<Done> {
        settle::around(&mut self.site(), self, Done::switched, switch).map(|(done, _)| done)
    }

    pub(super) fn rollback(&self, to: Option<&str>) -> Result<Done> {
        let how = Rollback { to: to.map(version), keep_good: false, keys: None };
        self.around(|site| operate::rollback(site, APP, &how, &self.operator()))
    }

    pub(super) fn activate(&self, text: &str, adopt: bool) -> Result<Done> {
        let version = version(text);
        self.around(|site| operate::activate(site, APP, &version, adopt, &self.operator()))
    }

    pub(super) fn adopt_tree(&self) -> Result<Adoption> {
        operate::adopt(&mut self.site(), APP, &self.operator())
    }

    pub(super) fn hold(&self) -> Result<()> {
        operate::hold(&mut self.site(), None, None, &self.operator()).map(|_| ())
    }

    pub(super) fn unhold(&self) -> Result<()> {
        operate::unhold(&mut self.site(), &self.operator()).map(|_| ())
    }

    pub(super) fn prune(&self) -> Result<Vec<String>> {
        let (keep, me) = (self.world.keep(), self.me()?);
        let pruned = operate::prune(&mut self.site(), &keep, &me, &self.operator())?;
        Ok(pruned.iter().map(|r| r.version.to_string()).collect())
    }
}

/// The torrent of a version with these bytes, for the app.
pub(super) fn job<'a>(app: &'a App, text: &str, bytes: u8) -> Job<'a> {
    let (hash, torrent) = torrent(text, bytes);
    let torrent = Authentic::check(&torrent, hash).unwrap();
    Job { app, version: version(text), hash, torrent }
}

impl Lander<Memory> for Process<'_> {
    type Payload<'j> = ();

    fn open(&self, _: &Memory, _: &Seen, _: &Job<'_>, _: &Path) -> Result<()> {
        Ok(())
    }

    /// A release is whole if it has both of its files; neither is synced.
    fn fill(
        &self,
        _: &mut Deploying<'_, Memory>,
        stage: &Stage<Memory>,
        job: &Job<'_>,
        (): (),
        _: &Record,
    ) -> Result<Filled> {
        let version = job.version.to_string();
        self.disk.append(&format!("{}/index", stage.path()), version.as_bytes())?;
        self.disk.append(&format!("{}/more", stage.path()), version.as_bytes())?;
        self.disk.append(&format!("{MANIFESTS}/{version}.b3"), b"listed")?;
        self.world.meanwhile(&self.world.in_stage);
        Ok(Filled { totals: Totals { bytes: 2, files: 2 }, notes: Vec::new() })
    }
}

/// `activated` notes what it ran for; a check fails for versions that are said to fail.
impl Crew for Process<'_> {
    fn me(&self) -> Result<Who> {
        let (boot, command) = ("boot".to_owned(), "test".to_owned());
        let (pid, start) = (self.number, u64::from(self.number));
        Ok(Who { pid, start, group: None, boot, command, hash: None })
    }

    fn is_alive(&self, owed: &Owed) -> bool {
        self.disk.is_alive(owed.process.0)
    }

    fn end(&self, dead: &Who) -> Result<()> {
        locked(&self.world.running).remove(&dead.pid);
        Ok(())
    }

    fn owes(&self) -> bool {
        self.world.owes
    }

    fn activated(&self, live: &Live, leash: Leash<'_>) -> Result<()> {
        let stuck = &self.world.stuck;
        if stuck.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(Error::new(Exit::Io, "start", "a command", "there are too many"));
        }
        leash(Some(Group { leader: 1, start: 1 }))?;
        locked(&self.world.running).insert(self.number, live.version.to_string());
        locked(&self.world.ran).push(live.version.to_string());
        // Whoever dies here leaves it running.
        self.disk.run_command()?;
        locked(&self.world.running).remove(&self.number);
        leash(None)
    }

    fn check(&self, live: &Live, _: &dyn Fn() -> bool, leash: Leash<'_>) -> Result<()> {
        leash(Some(Group { leader: 1, start: 1 }))?;
        self.world.meanwhile(&self.world.in_check);
        self.disk.run_command()?;
        leash(None)?;
        match locked(&self.world.failing).contains(live.version.as_str()) {
            true => Err(Error::new(Exit::Unhealthy, "run", "the check", "it failed")),
            false => Ok(()),
        }
    }
}

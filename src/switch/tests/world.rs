//! An app on a disk in memory, driven as the stories drive it, and what must hold of it.

use crate::{
    choose::{self, Decision, Rules, Stay},
    disk::{
        Disk, Kind,
        memory::{Journal, Memory},
    },
    error::{Error, Exit, Result},
    operate::{self, Done, Operator, Rollback},
    process::{Group, Leash, Who},
    prune::{self, Keep},
    release::{Key, Order, Record, State, Unix, Version},
    settle::{self, Crew, Debt, Live},
    store::{
        Both, CURRENT, Deploying, NEXT, Owed, PRIVATE, RECORDS, RELEASES, Seen, Site, Stage, TRIAL,
    },
    switch::{self, Switched, Trial, Verdict},
};
use metainfo::InfoHash;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};

pub(super) const APP: &str = "shop";
pub(super) const LINGER: Duration = Duration::from_secs(3600);

pub(super) fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// Each version has one info hash: its own bytes.
pub(super) fn hash(text: &str) -> InfoHash {
    let mut bytes = [0; 20];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    InfoHash::new(bytes)
}

pub(super) fn key(text: &str) -> Key {
    Key::Torrent(hash(text))
}

/// What an event came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Came {
    Live,
    Stays(Stay),
    Superseded,
    Already,
    Returned,
    Overruled,
}

pub(super) struct World {
    pub(super) disk: Memory,
    pub(super) clock: Cell<i64>,
    /// Versions whose check fails.
    pub(super) failing: RefCell<BTreeSet<String>>,
    /// There is an `activated`, and what it ran for, in order.
    pub(super) owes: bool,
    pub(super) ran: RefCell<Vec<String>>,
    /// How often `activated` cannot even be started.
    pub(super) stuck: Cell<u32>,
    /// The process that runs now; those before it are dead.
    process: Cell<u32>,
    pub(super) keep: Keep,
    pub(super) rules: Rules,
}

impl World {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            disk: Memory::new(journal),
            clock: Cell::new(1_000_000),
            failing: RefCell::default(),
            owes: true,
            ran: RefCell::default(),
            stuck: Cell::new(0),
            process: Cell::new(100),
            keep: Keep { releases: 5, linger: LINGER, order: Order::Debian },
            rules: Rules { auto: true, order: Order::Debian, keys: None },
        }
    }

    pub(super) fn fork(&self) -> Self {
        Self {
            disk: self.disk.fork(),
            clock: self.clock.clone(),
            failing: self.failing.clone(),
            owes: self.owes,
            ran: self.ran.clone(),
            stuck: self.stuck.clone(),
            process: self.process.clone(),
            keep: self.keep,
            rules: self.rules.clone(),
        }
    }

    pub(super) fn keeping(mut self, releases: u32, linger: Duration) -> Self {
        self.keep = Keep { releases, linger, ..self.keep };
        self
    }

    pub(super) fn now(&self) -> Unix {
        Unix(self.clock.get())
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.get() + seconds);
    }

    pub(super) fn site(&self) -> Site<Memory> {
        Site::new(self.disk.clone(), 0o755)
    }

    pub(super) fn seen(&self) -> Seen {
        self.site().look().unwrap()
    }

    pub(super) fn record(&self, text: &str) -> Option<Record> {
        self.seen().record(&key(text)).cloned()
    }

    /// The word for the state of a version's record, `none` if there is none.
    pub(super) fn state(&self, text: &str) -> &'static str {
        self.record(text).map_or("none", |r| r.state.word())
    }

    pub(super) fn stands(&self, text: &str) -> bool {
        self.seen().stands(&version(text))
    }

    /// What `current` names: a link's last component, or `directory`.
    pub(super) fn live(&self) -> Option<String> {
        match self.disk.kind(CURRENT).unwrap()? {
            Kind::Link => {
                let text = self.disk.read_link(CURRENT).unwrap().unwrap();
                text.rsplit('/').next().map(str::to_owned)
            }
            _ => Some("directory".to_owned()),
        }
    }

    /// Everything that matters, in one line a record.
    pub(super) fn shown(&self) -> String {
        let seen = self.seen();
        let mut shown = format!("current {:?}, standing {:?}", self.live(), seen.standing);
        for r in &seen.records {
            let Record { state, number, from, left, leave, .. } = r;
            let (version, word) = (&r.version, state.word());
            shown += &format!(
                "\n  {version} {word} number {number:?} from {from:?} left {left:?} leave {leave:?}"
            );
        }
        shown
    }

    fn random(&self) -> u64 {
        self.disk.at_risk() as u64 + self.clock.get().unsigned_abs()
    }

    /// An event, as the deploy story goes from lock to prune.
    pub(super) fn land(&self, text: &str) -> Result<Came> {
        self.land_as(text, &Record::open(key(text), version(text), self.now()))
    }

    pub(super) fn land_as(&self, text: &str, candidate: &Record) -> Result<Came> {
        let mut site = self.site();
        let mut by = site.deploying(Duration::ZERO, &self.starts())?;
        let mut debt = settle::recover(&mut by, self, self.now())?.debt;
        let known = by.site().look()?.record(&candidate.key).cloned();
        let came = match known {
            Some(known) if known.state == State::Open => {
                self.activate_landed(&mut by, &mut debt, &known)
            }
            Some(known) if !matches!(known.state, State::Waiting(_)) => Ok(Came::Already),
            known => {
                let asked = known.is_some_and(|known| known.asked);
                let candidate = &Record { asked, ..candidate.clone() };
                match self.passed_over(&mut by, candidate) {
                    Ok(false) => self.unpack(&mut by, &mut debt, text, candidate),
                    over => over.map(|_| Came::Superseded),
                }
            }
        };
        settle::finish(&mut by, self, debt)?;
        let came = came?;
        if !matches!(came, Came::Already | Came::Superseded) {
            prune::prune(&mut by, &self.keep, self.now(), self.random())?;
        }
        Ok(came)
    }

    fn passed_over(&self, by: &mut Deploying<'_, Memory>, candidate: &Record) -> Result<bool> {
        let mut lock = switch::begin(by, self.now())?;
        let owner = lock.seen().owner(&candidate.version);
        if owner.is_some() || lock.seen().stands(&candidate.version) {
            return Err(Error::new(Exit::Payload, "land", &candidate.version, "it is taken"));
        }
        let keep = self.keep.releases;
        let outdated = choose::is_outdated(candidate, lock.seen(), self.rules.order, keep);
        if outdated {
            lock.write(candidate.clone().now(State::Superseded, self.now()))?;
        }
        Ok(outdated)
    }

    fn unpack(
        &self,
        by: &mut Deploying<'_, Memory>,
        debt: &mut Debt,
        text: &str,
        candidate: &Record,
    ) -> Result<Came> {
        let stage = Stage::create(by, candidate.key.info_hash().unwrap(), self.random())?;
        self.disk.write(&format!("{}/index", stage.path()), text.as_bytes())?;
        by.write_uncommitted(candidate)?;
        let stage = stage.settle(by)?;
        let mut lock = switch::begin(by, self.now())?;
        switch::commit(&mut lock, stage, candidate)?;
        let trial = self.decide(&mut lock, candidate)?;
        drop(lock);
        self.settled(by, debt, trial)
    }

    pub(super) fn activate_landed(
        &self,
        by: &mut Deploying<'_, Memory>,
        debt: &mut Debt,
        landed: &Record,
    ) -> Result<Came> {
        let mut lock = switch::begin(by, self.now())?;
        let trial = self.decide(&mut lock, landed)?;
        drop(lock);
        self.settled(by, debt, trial)
    }

    pub(super) fn decide(
        &self,
        lock: &mut Both<'_, Memory>,
        landed: &Record,
    ) -> Result<Result<Trial, Stay>> {
        match choose::choose(landed, lock.seen(), &self.rules, self.now()) {
            Decision::Activate { from, number } => {
                switch::go_live(lock, landed, from, number, self.now()).map(Ok)
            }
            Decision::Stay(stay) => Ok(Err(stay)),
        }
    }

    fn settled(
        &self,
        by: &mut Deploying<'_, Memory>,
        debt: &mut Debt,
        trial: Result<Trial, Stay>,
    ) -> Result<Came> {
        let trial = match trial {
            Ok(trial) => trial,
            Err(stay) => return Ok(Came::Stays(stay)),
        };
        Ok(match settle::try_out(by, self, debt, trial, self.now())?.verdict {
            Verdict::Good => Came::Live,
            Verdict::Returned(_) => Came::Returned,
            Verdict::Overruled => Came::Overruled,
        })
    }

    /// A process begins; whatever ran before is dead.
    pub(super) fn starts(&self) -> Who {
        self.process.set(self.process.get() + 1);
        self.who()
    }

    fn who(&self) -> Who {
        let pid = self.process.get();
        let (boot, command) = ("boot".to_owned(), "test".to_owned());
        Who { pid, start: u64::from(pid), group: None, boot, command, hash: None }
    }

    pub(super) fn recover(&self) {
        let mut site = self.site();
        let mut by = site.deploying(Duration::ZERO, &self.starts()).unwrap();
        let debt = settle::recover(&mut by, self, self.now()).unwrap().debt;
        settle::finish(&mut by, self, debt).unwrap();
    }

    /// Recovers, lets what landed go live, newest first, and prunes.
    pub(super) fn sweep(&self) -> Result<()> {
        let mut site = self.site();
        let mut by = site.deploying(Duration::ZERO, &self.starts())?;
        let mut debt = settle::recover(&mut by, self, self.now())?.debt;
        let mut records = by.site().look()?.records;
        records.sort_by(|a, b| self.rules.order.compare(b, a));
        for record in records.iter().filter(|r| r.state == State::Open) {
            self.activate_landed(&mut by, &mut debt, record)?;
        }
        settle::finish(&mut by, self, debt)?;
        prune::prune(&mut by, &self.keep, self.now(), self.random()).map(|_| ())
    }

    /// An operator's switch, with what is to be run after it.
    fn around<T>(&self, switch: impl FnOnce(&mut Site<Memory>) -> Result<T>) -> Result<T> {
        self.starts();
        settle::around(&mut self.site(), self, switch).map(|(done, _)| done)
    }

    pub(super) fn operator(&self) -> Operator {
        Operator { name: "alice".to_owned(), now: self.now(), random: self.random() }
    }

    pub(super) fn rollback(&self) -> Result<Switched> {
        let how = Rollback::default();
        self.around(|site| operate::rollback(site, APP, &how, &self.operator())).map(switched)
    }

    pub(super) fn rollback_to(&self, text: &str) -> Result<Switched> {
        let how = Rollback { to: Some(version(text)), keep_good: false };
        self.around(|site| operate::rollback(site, APP, &how, &self.operator())).map(switched)
    }

    pub(super) fn activate(&self, text: &str) -> Result<Done> {
        let version = version(text);
        self.around(|site| operate::activate(site, APP, &version, false, &self.operator()))
    }

    pub(super) fn adopt(&self, text: &str) -> Result<Done> {
        let version = version(text);
        self.around(|site| operate::activate(site, APP, &version, true, &self.operator()))
    }

    pub(super) fn hold(&self) -> Result<()> {
        operate::hold(&mut self.site(), None, None, &self.operator()).map(|_| ())
    }

    pub(super) fn unhold(&self) -> Result<()> {
        operate::unhold(&mut self.site(), &self.operator()).map(|_| ())
    }

    pub(super) fn prune(&self) -> Result<Vec<String>> {
        let who = self.operator();
        let pruned = operate::prune(&mut self.site(), &self.keep, &self.starts(), &who)?;
        Ok(pruned.iter().map(|r| r.version.to_string()).collect())
    }

    /// `current` leads to a complete release, or to what was there before Seedship, or there never
    /// was one.
    pub(super) fn assert_whole(&self, context: &str) {
        let read = |path: &str| self.disk.read(path).unwrap();
        match self.disk.kind(CURRENT).unwrap() {
            None => {}
            Some(Kind::Directory) => {
                assert_eq!(read("current/index").as_deref(), Some(&b"old"[..]), "{context}");
            }
            Some(_) => {
                let text = self.disk.read_link(CURRENT).unwrap().unwrap();
                if text == "/srv/elsewhere" {
                    return;
                }
                let name = text.rsplit('/').next().unwrap();
                let expected = if name.starts_with("adopted-") { "old" } else { name };
                let index = read(&format!("{text}/index"));
                assert_eq!(index.as_deref(), Some(expected.as_bytes()), "{context}: {text}");
            }
        }
    }

    /// After recovery nothing is unfinished, and what is live is known as such.
    pub(super) fn assert_settled(&self, context: &str) {
        self.assert_whole(context);
        let seen = self.seen();
        for directory in ["", RELEASES, PRIVATE, RECORDS] {
            for name in self.disk.list(directory).unwrap() {
                let left = [".stage-", ".trash-", ".new-", "run-", NEXT, TRIAL];
                assert!(!left.iter().any(|l| name.starts_with(l)), "{context}: {name} is left");
            }
        }
        for name in self.disk.list(RELEASES).unwrap() {
            let kind = self.disk.kind(&format!("{RELEASES}/{name}")).unwrap();
            assert_eq!(kind, Some(Kind::Directory), "{context}: {name} is left");
        }
        for record in &seen.records {
            assert_eq!(record.leave, None, "{context}: {record:?}");
            assert_ne!(record.state, State::Trying, "{context}: {record:?}");
            let stands = seen.stands(&record.version);
            assert!(record.state != State::Open || stands, "{context}: {record:?}");
        }
        for version in &seen.standing {
            let owners = seen.records.iter().filter(|r| r.version == *version);
            assert_eq!(owners.filter(|r| r.owns_version(true)).count(), 1, "{context}: {version}");
        }
        if let (true, Some(live), Some(last)) = (self.owes, seen.live(), self.ran.borrow().last()) {
            assert_eq!(live.version.as_str(), last, "{context}: `activated` ran last for another");
        }
        if let Some(live) = seen.live() {
            assert_eq!(live.state, State::Good, "{context}: {live:?}");
            let adopted = matches!(live.key, Key::Adopted(_));
            assert!(adopted || live.number.is_some(), "{context}: {live:?}");
            let now = self.now();
            let dispensable = prune::dispensable(&seen, &self.keep, now);
            assert!(!dispensable.contains(live), "{context}: what is live could be pruned");
        }
    }
}

impl World {
    /// As [`assert_settled`](Self::assert_settled), but what is live may be bad: an operator named
    /// it, and died before saying that it is good.
    pub(super) fn assert_settled_or_bad(&self, context: &str) {
        let copy = self.fork();
        let live = copy.seen().live().cloned();
        if let Some(live) = live.filter(|r| matches!(r.state, State::Bad { .. })) {
            operate::activate(&mut copy.site(), APP, &live.version, false, &copy.operator())
                .unwrap();
        }
        copy.assert_settled(context);
    }
}

/// What is live already is gone to without a step.
fn switched(done: Done) -> Switched {
    match done {
        Done::Switched(switched) => switched,
        Done::LiveAlready(live) | Done::ToBeLanded(live) => {
            let (from, to) = (
                crate::release::Target::Release(live.clone()),
                crate::release::Target::Release(live),
            );
            Switched { from, to }
        }
    }
}

/// `activated` notes what it ran for; a check fails for versions that are said to fail.
impl Crew for World {
    fn me(&self) -> Result<Who> {
        Ok(self.who())
    }

    fn is_alive(&self, owed: &Owed) -> bool {
        owed.process.0 == self.process.get()
    }

    fn end(&self, _: &Who) -> Result<()> {
        Ok(())
    }

    fn owes(&self) -> bool {
        self.owes
    }

    fn activated(&self, live: &Live, leash: Leash<'_>) -> Result<()> {
        if let Some(left) = self.stuck.get().checked_sub(1) {
            self.stuck.set(left);
            return Err(Error::new(Exit::Io, "start", "a command", "there are too many"));
        }
        leash(Some(Group { leader: 1, start: 1 }))?;
        self.ran.borrow_mut().push(live.version.to_string());
        leash(None)
    }

    fn check(&self, live: &Live, _: &dyn Fn() -> bool, leash: Leash<'_>) -> Result<()> {
        leash(Some(Group { leader: 1, start: 1 }))?;
        leash(None)?;
        match self.failing.borrow().contains(live.version.as_str()) {
            true => Err(Error::new(Exit::Unhealthy, "run", "the check", "it failed")),
            false => Ok(()),
        }
    }
}

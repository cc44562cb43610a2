//! An app on a disk in memory, driven as the stories drive it, and what must hold of it.

use crate::{
    choose::{self, Decision, Rules, Stay},
    disk::{
        Disk, Kind,
        memory::{Journal, Memory},
    },
    error::{Error, Exit, Result},
    operate::{self, Done, Operator, Rollback},
    prune::{self, Keep},
    release::{Key, Order, Record, State, Unix, Version},
    store::{Both, CURRENT, Deploying, NEXT, PRIVATE, RECORDS, RELEASES, Seen, Site, Stage, TRIAL},
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
    pub(super) keep: Keep,
    pub(super) rules: Rules,
}

impl World {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            disk: Memory::new(journal),
            clock: Cell::new(1_000_000),
            failing: RefCell::default(),
            keep: Keep { releases: 5, linger: LINGER, order: Order::Debian },
            rules: Rules { auto: true, order: Order::Debian, keys: None },
        }
    }

    pub(super) fn fork(&self) -> Self {
        Self {
            disk: self.disk.fork(),
            clock: self.clock.clone(),
            failing: self.failing.clone(),
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
        let mut by = site.deploying(Duration::ZERO, "somebody")?;
        self.recover_with(&mut by)?;
        let came = match by.site().look()?.record(&candidate.key).cloned() {
            Some(known) if known.state == State::Open => {
                self.activate_landed(&mut by, &known.clone())?
            }
            Some(known) if !matches!(known.state, State::Waiting(_)) => return Ok(Came::Already),
            known => {
                let asked = known.is_some_and(|known| known.asked);
                let candidate = &Record { asked, ..candidate.clone() };
                if self.passed_over(&mut by, candidate)? {
                    return Ok(Came::Superseded);
                }
                self.unpack(&mut by, text, candidate)?
            }
        };
        prune::prune(&mut by, &self.keep, self.now(), self.random())?;
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
        self.settled(by, trial)
    }

    pub(super) fn activate_landed(
        &self,
        by: &mut Deploying<'_, Memory>,
        landed: &Record,
    ) -> Result<Came> {
        let mut lock = switch::begin(by, self.now())?;
        let trial = self.decide(&mut lock, landed)?;
        drop(lock);
        self.settled(by, trial)
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

    fn settled(&self, by: &mut Deploying<'_, Memory>, trial: Result<Trial, Stay>) -> Result<Came> {
        let trial = match trial {
            Ok(trial) => trial,
            Err(stay) => return Ok(Came::Stays(stay)),
        };
        Ok(match self.verdict(by, &trial)? {
            Verdict::Good => Came::Live,
            Verdict::Returned(_) => Came::Returned,
            Verdict::Overruled => Came::Overruled,
        })
    }

    pub(super) fn verdict(&self, by: &mut Deploying<'_, Memory>, trial: &Trial) -> Result<Verdict> {
        let fails = self.failing.borrow().contains(trial.version.as_str());
        let failure = fails.then(|| "its check failed".to_owned());
        let mut lock = by.switching()?;
        switch::verdict(&mut lock, trial, failure, self.now())
    }

    /// What a deploy begins with.
    fn recover_with(&self, by: &mut Deploying<'_, Memory>) -> Result<()> {
        let trial = switch::recover(&mut by.switching()?, self.now())?;
        by.remove_leftovers()?;
        match trial {
            Some(trial) => self.verdict(by, &trial).map(|_| ()),
            None => Ok(()),
        }
    }

    pub(super) fn recover(&self) {
        let mut site = self.site();
        let mut by = site.deploying(Duration::ZERO, "somebody").unwrap();
        self.recover_with(&mut by).unwrap();
    }

    /// Recovers, lets what landed go live, newest first, and prunes.
    pub(super) fn sweep(&self) -> Result<()> {
        let mut site = self.site();
        let mut by = site.deploying(Duration::ZERO, "somebody")?;
        self.recover_with(&mut by)?;
        let mut records = by.site().look()?.records;
        records.sort_by(|a, b| self.rules.order.compare(b, a));
        for record in records.iter().filter(|r| r.state == State::Open) {
            self.activate_landed(&mut by, record)?;
        }
        prune::prune(&mut by, &self.keep, self.now(), self.random()).map(|_| ())
    }

    pub(super) fn operator(&self) -> Operator {
        Operator { name: "alice".to_owned(), now: self.now(), random: self.random() }
    }

    pub(super) fn rollback(&self) -> Result<Switched> {
        operate::rollback(&mut self.site(), APP, &Rollback::default(), &self.operator())
            .map(switched)
    }

    pub(super) fn rollback_to(&self, text: &str) -> Result<Switched> {
        let how = Rollback { to: Some(version(text)), keep_good: false };
        operate::rollback(&mut self.site(), APP, &how, &self.operator()).map(switched)
    }

    pub(super) fn activate(&self, text: &str) -> Result<Done> {
        operate::activate(&mut self.site(), APP, &version(text), false, &self.operator())
    }

    pub(super) fn adopt(&self, text: &str) -> Result<Done> {
        operate::activate(&mut self.site(), APP, &version(text), true, &self.operator())
    }

    pub(super) fn hold(&self) -> Result<()> {
        operate::hold(&mut self.site(), None, None, &self.operator()).map(|_| ())
    }

    pub(super) fn unhold(&self) -> Result<()> {
        operate::unhold(&mut self.site(), &self.operator()).map(|_| ())
    }

    pub(super) fn prune(&self) -> Result<Vec<String>> {
        let who = self.operator();
        let pruned = operate::prune(&mut self.site(), &self.keep, "somebody", &who)?;
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
                let left = [".stage-", ".trash-", ".new-", NEXT, TRIAL];
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

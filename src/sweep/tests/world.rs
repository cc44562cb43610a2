//! An app on a disk in memory, where events, sweeps and operators' commands run as they are; and
//! what must hold of it.

use super::process::Process;
use crate::{
    choose::Stay,
    config::{App, Config, Fragment},
    deploy::Outcome,
    disk::{
        Disk, Kind,
        memory::{Journal, Memory},
    },
    error::Result,
    operate::{self, Adoption, Done, Operator},
    prune::{self, Keep},
    release::{Key, Record, State, Unix, Version},
    store::{CURRENT, NEXT, PRIVATE, RECORDS, RELEASES, Seen, Site, TRIAL},
    switch::Switched,
};
use metainfo::InfoHash;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

pub(super) const APP: &str = "shop";
pub(super) const LINGER: Duration = Duration::from_secs(3600);

pub(super) fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// The torrent of a version; another one of the same name with other bytes.
pub(super) fn torrent(text: &str, bytes: u8) -> (InfoHash, Vec<u8>) {
    let name = format!("shop-{text}");
    let (length, piece) = (name.len(), "x".repeat(19));
    let info = format!("d6:lengthi1e4:name{length}:{name}12:piece lengthi16384e6:pieces20:{piece}");
    let info = [info.as_bytes(), &[b'a' + bytes], b"e"].concat();
    (InfoHash::of(&info), [b"d4:info", &info[..], b"e"].concat())
}

pub(super) fn hash(text: &str) -> InfoHash {
    torrent(text, 0).0
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

impl From<Outcome> for Came {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Live { .. } => Self::Live,
            Outcome::Landed { stay, .. } => Self::Stays(stay),
            Outcome::Superseded => Self::Superseded,
            Outcome::Already(_) => Self::Already,
            Outcome::Overruled => Self::Overruled,
            Outcome::Returned { .. } => Self::Returned,
        }
    }
}

/// Something else that happens while a command or an unpacking runs.
pub(super) type Meanwhile = Box<dyn FnOnce(&World) + Send>;

pub(super) struct World {
    pub(super) disk: Memory,
    pub(super) app: Arc<App>,
    pub(super) clock: AtomicI64,
    /// Versions whose check fails.
    pub(super) failing: Mutex<BTreeSet<String>>,
    /// Complete downloads that rtorrent has.
    pub(super) downloads: Mutex<BTreeSet<String>>,
    /// There is an `activated`, and what it ran for, in order.
    pub(super) owes: bool,
    pub(super) ran: Arc<Mutex<Vec<String>>>,
    /// `activated` that runs, by its process: a kill leaves it running.
    pub(super) running: Mutex<BTreeMap<u32, String>>,
    /// How often `activated` cannot even be started.
    pub(super) stuck: AtomicU32,
    /// Happens in the next check, and in the next unpacking.
    pub(super) in_check: Mutex<Option<Meanwhile>>,
    pub(super) in_stage: Mutex<Option<Meanwhile>>,
    /// The process that began last.
    process: AtomicU32,
}

pub(super) fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An app as its configuration is read, five releases kept and an hour of linger.
fn shop() -> Arc<App> {
    static SHOP: OnceLock<Arc<App>> = OnceLock::new();
    let read = || {
        let text = "[apps.shop]\nmatch = \"shop-{version}\"\nroot = \"/srv/shop\"\n\
                    unsigned = \"accept\"\nkeep = 5\nlinger = \"1h\"\n";
        let fragment = Fragment { path: "shop.toml".into(), text: text.into() };
        Arc::new(Config::merge(vec![fragment]).unwrap().app(APP).unwrap().clone())
    };
    Arc::clone(SHOP.get_or_init(read))
}

impl World {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            disk: Memory::new(journal),
            app: shop(),
            clock: AtomicI64::new(1_000_000),
            failing: Mutex::default(),
            downloads: Mutex::default(),
            owes: true,
            ran: Arc::default(),
            running: Mutex::default(),
            stuck: AtomicU32::new(0),
            in_check: Mutex::default(),
            in_stage: Mutex::default(),
            process: AtomicU32::new(100),
        }
    }

    pub(super) fn fork(&self) -> Self {
        self.on(self.disk.fork())
    }

    /// The same world with another disk.
    pub(super) fn on(&self, disk: Memory) -> Self {
        Self {
            disk,
            app: Arc::clone(&self.app),
            clock: AtomicI64::new(self.clock.load(Relaxed)),
            failing: Mutex::new(locked(&self.failing).clone()),
            downloads: Mutex::new(locked(&self.downloads).clone()),
            owes: self.owes,
            ran: Arc::new(Mutex::new(locked(&self.ran).clone())),
            running: Mutex::new(locked(&self.running).clone()),
            stuck: AtomicU32::new(self.stuck.load(Relaxed)),
            in_check: Mutex::default(),
            in_stage: Mutex::default(),
            process: AtomicU32::new(self.process.load(Relaxed)),
        }
    }

    pub(super) fn keeping(mut self, keep: u32, linger: Duration) -> Self {
        self.app = Arc::new(App { keep, linger, ..App::clone(&self.app) });
        self
    }

    pub(super) fn keep(&self) -> Keep {
        Keep::of(&self.app)
    }

    pub(super) fn fails(&self, text: &str) {
        locked(&self.failing).insert(text.to_owned());
    }

    pub(super) fn now(&self) -> Unix {
        Unix(self.clock.load(Relaxed))
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Relaxed);
    }

    /// What a test wants to happen now.
    pub(super) fn meanwhile(&self, what: &Mutex<Option<Meanwhile>>) {
        let what = locked(what).take();
        what.into_iter().for_each(|happens| happens(self));
    }

    /// The machine is up again; a power cut ends every command, a kill ends none.
    pub(super) fn reboot(&self, cut: Option<usize>) {
        self.disk.reboot(cut);
        if cut.is_some() {
            locked(&self.running).clear();
        }
    }

    /// A process begins.
    pub(super) fn process(&self) -> Process<'_> {
        Process::begin(self, self.process.fetch_add(1, Relaxed) + 1)
    }

    /// Its root as a person at a shell sees it.
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

    /// For which release `activated` ran last.
    pub(super) fn ran_last(&self) -> Option<String> {
        locked(&self.ran).last().cloned()
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

    /// An event.
    pub(super) fn land(&self, text: &str) -> Result<Came> {
        self.process().land(text, 0)
    }

    pub(super) fn sweep(&self) -> Result<()> {
        self.process().sweep().map(|_| ())
    }

    pub(super) fn recover(&self) {
        self.process().recover().unwrap();
    }

    pub(super) fn operator(&self) -> Operator {
        let random = u64::from(self.process.load(Relaxed));
        Operator { name: "alice".to_owned(), now: self.now(), random }
    }

    pub(super) fn rollback(&self) -> Result<Switched> {
        self.process().rollback(None).map(switched)
    }

    pub(super) fn rollback_to(&self, text: &str) -> Result<Switched> {
        self.process().rollback(Some(text)).map(switched)
    }

    pub(super) fn activate(&self, text: &str) -> Result<Done> {
        self.process().activate(text, false)
    }

    pub(super) fn adopt(&self, text: &str) -> Result<Done> {
        self.process().activate(text, true)
    }

    /// Takes over what another tool left.
    pub(super) fn adopt_tree(&self) -> Result<Adoption> {
        self.process().adopt_tree()
    }

    pub(super) fn hold(&self) -> Result<()> {
        self.process().hold()
    }

    pub(super) fn unhold(&self) -> Result<()> {
        self.process().unhold()
    }

    pub(super) fn prune(&self) -> Result<Vec<String>> {
        self.process().prune()
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
            let owners = owners.filter(|r| r.owns_version(true)).count();
            // What another tool made has none before it is taken over.
            let ours = self.disk.kind(&format!("{}/more", version.path())).unwrap().is_some();
            assert!(owners == 1 || owners == 0 && !ours, "{context}: {version} has {owners}");
        }
        if let (true, Some(live), Some(last)) = (self.owes, seen.live(), self.ran_last()) {
            assert_eq!(live.version.as_str(), last, "{context}: `activated` ran last for another");
        }
        assert!(locked(&self.running).is_empty(), "{context}: a killed command runs still");
        if let Some(live) = seen.live() {
            assert_eq!(live.state, State::Good, "{context}: {live:?}");
            let adopted = matches!(live.key, Key::Adopted(_));
            assert!(adopted || live.number.is_some(), "{context}: {live:?}");
            let dispensable = prune::dispensable(&seen, &self.keep(), self.now());
            assert!(!dispensable.contains(live), "{context}: what is live could be pruned");
        }
    }

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

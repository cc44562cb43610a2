//! A heal over a disk and an rtorrent in memory: killed at every step of either, and what people do
//! to a download meanwhile.

use super::*;
use crate::{
    disk::memory::{Journal, Memory},
    release::{Key, Version},
    rtorrent::{Belongings, Standing},
};
use std::cell::{Cell, RefCell};

const HASH: InfoHash = InfoHash::new([7; 20]);
const TORRENT: &[u8] = b"the .torrent";
const NOW: Unix = Unix(1_000_000);

/// What rtorrent has of the download.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Bed {
    belongings: Belongings,
    standing: Standing,
}

/// An rtorrent in memory. The process that asks it can die instead of any request.
struct Fake {
    bed: RefCell<Option<Bed>>,
    requests: Cell<usize>,
    dies_at: Cell<usize>,
    disk: Memory,
}

fn belongings() -> Belongings {
    Belongings {
        directory: b"/dl/shop-2.0".to_vec(),
        tied_to: b"/dev/null".to_vec(),
        throttle: b"deploy".to_vec(),
        priority: 3,
        labels: [b"shop".to_vec(), vec![], vec![], vec![], vec![]],
        customs: [(b"k".to_vec(), b"\xff,\"$".to_vec())].into(),
    }
}

/// As it was found damaged.
fn found() -> Bed {
    let standing = Standing {
        complete: true,
        hashing: false,
        started: true,
        stuck: false,
        pieces: 9,
        mark: None,
    };
    Bed { belongings: belongings(), standing }
}

impl Fake {
    fn new(disk: &Memory) -> Self {
        let never = Cell::new(usize::MAX);
        let bed = RefCell::new(Some(found()));
        Self { bed, requests: Cell::new(0), dies_at: never, disk: disk.clone() }
    }

    fn request<T>(&self, does: impl FnOnce(&mut Option<Bed>) -> Result<T>) -> Result<T> {
        let request = self.requests.replace(self.requests.get() + 1);
        if request >= self.dies_at.get() {
            self.disk.die_at(0);
            return Err(Error::new(Exit::Unreachable, "ask", "rtorrent", "we are dead"));
        }
        does(&mut self.bed.borrow_mut())
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.bed.borrow_mut().as_mut().unwrap().standing);
    }

    /// It is there with everything that it had, started, and loaded again.
    fn is_healing(&self) -> bool {
        let bed = self.bed.borrow();
        bed.as_ref().is_some_and(|bed| {
            bed.belongings == belongings() && bed.standing.started && bed.standing.mark.is_some()
        })
    }
}

impl Ward for Fake {
    fn standing(&self, _: InfoHash) -> Result<Option<Standing>> {
        self.request(|bed| Ok(bed.as_ref().map(|bed| bed.standing.clone())))
    }
    fn take_stock(&self, _: InfoHash) -> Result<Stock> {
        self.request(|bed| {
            let belongings = bed.as_ref().unwrap().belongings.clone();
            Ok(Stock { torrent: TORRENT.to_vec(), by_path: false, belongings })
        })
    }
    fn let_go(&self, _: InfoHash) -> Result<()> {
        self.request(|bed| {
            let gone = bed.take().unwrap();
            assert!(!gone.standing.hashing, "0.9.8 would lock up");
            Ok(())
        })
    }
    fn load(&self, _: InfoHash, torrent: Torrent<'_>, mark: &str) -> Result<()> {
        self.request(|bed| {
            assert!(bed.is_none() && matches!(torrent, Torrent::Bytes(TORRENT)), "{torrent:?}");
            let mark = Some(mark.to_owned());
            let standing = Standing {
                complete: false,
                hashing: false,
                started: false,
                stuck: false,
                pieces: 0,
                mark,
            };
            *bed = Some(Bed { belongings: Belongings::default(), standing });
            Ok(())
        })
    }
    fn give_back(&self, _: InfoHash, its: &Belongings) -> Result<()> {
        self.request(|bed| {
            let bed = bed.as_mut().unwrap();
            assert!(!bed.standing.started, "it could not be moved");
            bed.belongings = its.clone();
            Ok(())
        })
    }
    fn start(&self, _: InfoHash) -> Result<()> {
        self.request(|bed| {
            let bed = bed.as_mut().unwrap();
            assert_eq!(bed.belongings, belongings(), "started in the wrong place");
            // Its event may come at once.
            let kept = Kept::read(&self.disk, HASH).unwrap().unwrap();
            assert!(kept.step >= Step::Loaded, "its event would be sent away");
            bed.standing.started = true;
            Ok(())
        })
    }
}

fn me() -> Who {
    Who {
        pid: 7,
        start: 7,
        group: None,
        boot: "boot".to_owned(),
        command: "sweep".to_owned(),
        hash: None,
    }
}

fn at(now: Unix) -> Healer<'static> {
    Healer { app: "shop", me: me(), now, random: 0xab, wait: Duration::ZERO }
}

fn site(disk: &Memory) -> Site<Memory> {
    Site::new(disk.clone(), 0o755)
}

/// A disk whose record says that the download is to be healed.
fn prescribed() -> Memory {
    prescribed_on(Journal::Whole)
}

fn prescribed_on(journal: Journal) -> Memory {
    let disk = Memory::new(journal);
    let mut site = site(&disk);
    let record = Record::open(Key::Torrent(HASH), Version::parse("2.0").unwrap(), NOW);
    let reason = "piece 1 is wrong".to_owned();
    let wait = Wait { not_before: NOW, tries: 1, exit: 75, reason, healing: false };
    let record = prescribe(&record, &wait, NOW).unwrap();
    site.deploying(Duration::ZERO, &me()).unwrap().write_uncommitted(&record).unwrap();
    disk.by_hand(|_| ());
    disk
}

fn record(disk: &Memory) -> Record {
    site(disk).record(HASH).unwrap().unwrap()
}

fn tended(disk: &Memory, ward: &Fake) -> Result<Tended> {
    tend(&mut site(disk), HASH, ward, &at(NOW))
}

/// What is wrong with a heal after a kill and one more call; nothing is lost, and one call is enough.
fn goes_on(disk: &Memory, ward: &Fake, what: &str) {
    ward.requests.set(0);
    ward.dies_at.set(usize::MAX);
    assert_eq!(tended(disk, ward).unwrap(), Tended::Underway, "{what}");
    assert!(ward.is_healing(), "{what}: {:?}", ward.bed.borrow());
    assert_eq!(record(disk).heals, 1, "{what}");
    let before = ward.bed.borrow().clone();
    assert_eq!(tended(disk, ward).unwrap(), Tended::Underway, "{what}");
    assert_eq!(*ward.bed.borrow(), before, "{what}: a second call changes nothing");
}

#[test]
fn it_goes_on_wherever_it_was_killed() {
    let mut kills = 0;
    for request in 0.. {
        let disk = prescribed();
        let ward = Fake::new(&disk);
        ward.dies_at.set(request);
        if tended(&disk, &ward).is_ok() {
            break;
        }
        disk.reboot(None);
        goes_on(&disk, &ward, &format!("killed at request {request}"));
        kills += 1;
    }
    for step in 0.. {
        let disk = prescribed();
        let ward = Fake::new(&disk);
        disk.die_at(step);
        if tended(&disk, &ward).is_ok() {
            break;
        }
        disk.reboot(None);
        goes_on(&disk, &ward, &format!("killed at step {step} of the disk"));
        kills += 1;
    }
    assert!(kills > 20, "{kills}");
}

/// rtorrent's session is its own to keep: it comes back as it was, or as it was before the heal.
#[test]
fn it_goes_on_after_a_power_cut() {
    let mut cuts = 0;
    for journal in [Journal::Whole, Journal::Directory] {
        for step in 0.. {
            let disk = prescribed_on(journal);
            let ward = Fake::new(&disk);
            disk.die_at(step);
            if tended(&disk, &ward).is_ok() {
                break;
            }
            for kept in 0..=disk.at_risk() {
                for before in [false, true] {
                    let cut = disk.fork();
                    cut.reboot(Some(kept));
                    let came = Fake::new(&cut);
                    let bed = if before { Some(found()) } else { ward.bed.borrow().clone() };
                    *came.bed.borrow_mut() = bed;
                    if before && is_loaded(&cut, &record(&cut)).unwrap() {
                        // Complete, as far as anybody knows: a deploy reads it, and sees.
                        assert_eq!(tended(&cut, &came).unwrap(), Tended::Whole);
                        continue;
                    }
                    goes_on(&cut, &came, &format!("{journal:?}: {kept} kept at step {step}"));
                    cuts += 1;
                }
            }
        }
    }
    assert!(cuts > 40, "{cuts}");
}

#[test]
fn whoever_comes_while_another_heals_does_nothing() {
    let disk = prescribed();
    let ward = Fake::new(&disk);
    let held = disk.lock(LOCK, Duration::ZERO).unwrap().unwrap();
    assert_eq!(tended(&disk, &ward).unwrap(), Tended::Underway);
    assert_eq!(ward.requests.get(), 0);
    drop(held);
    assert_eq!(tended(&disk, &ward).unwrap(), Tended::Underway);
    assert!(ward.is_healing());
}

#[test]
fn a_check_is_waited_for() {
    let disk = prescribed();
    let ward = Fake::new(&disk);
    ward.change(|standing| standing.hashing = true);
    assert_eq!(tended(&disk, &ward).unwrap(), Tended::Underway);
    assert_eq!(ward.bed.borrow().as_ref().unwrap().standing.mark, None);
    ward.change(|standing| standing.hashing = false);
    goes_on(&disk, &ward, "after the check");

    // A restart of rtorrent in the middle, and the watch directory loads it: it is checked first.
    let disk = prescribed();
    let ward = Fake::new(&disk);
    ward.dies_at.set(4);
    tended(&disk, &ward).unwrap_err();
    disk.reboot(None);
    assert_eq!(*ward.bed.borrow(), None);
    let theirs = Belongings { directory: b"/elsewhere".to_vec(), ..Belongings::default() };
    *ward.bed.borrow_mut() = Some(Bed { belongings: theirs, ..found() });
    ward.change(|standing| standing.hashing = true);
    ward.dies_at.set(usize::MAX);
    assert_eq!(tended(&disk, &ward).unwrap(), Tended::Underway);
    ward.change(|standing| standing.hashing = false);
    goes_on(&disk, &ward, "loaded by the watch directory");
}

fn given_up(disk: &Memory, ward: &Fake, why: &str, heals: u32) {
    let error = tended(disk, ward).unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
    assert_eq!(error.exit, Exit::Again);
    let record = record(disk);
    assert_eq!((record.healing(), record.heals), (None, heals));
    assert!(matches!(&record.state, State::Waiting(wait) if wait.not_before > NOW));
    assert!(!kept::is_there(disk, HASH).unwrap());
    assert_eq!(tended(disk, ward).unwrap(), Tended::Well, "it is told once");
}

#[test]
fn what_people_did_to_it_counts() {
    let fresh = || {
        let disk = prescribed();
        let ward = Fake::new(&disk);
        (disk, ward)
    };
    let (disk, ward) = fresh();
    ward.change(|standing| standing.started = false);
    given_up(&disk, &ward, "it is stopped in rtorrent", 0);
    assert_eq!(ward.bed.borrow().as_ref().unwrap().standing.mark, None, "it was not touched");

    let (disk, ward) = fresh();
    *ward.bed.borrow_mut() = None;
    given_up(&disk, &ward, "does not have it any more", 0);

    let (disk, ward) = fresh();
    let gone = Belongings { tied_to: b"/nonesuch/x.torrent".to_vec(), ..belongings() };
    ward.bed.borrow_mut().as_mut().unwrap().belongings = gone;
    given_up(&disk, &ward, "its watch file was removed", 1);

    // rtorrent's own doing is nobody's word.
    let (disk, ward) = fresh();
    ward.change(|standing| (standing.started, standing.stuck) = (false, true));
    goes_on(&disk, &ward, "stuck since a restart");

    // After it was loaded again.
    let (disk, ward) = fresh();
    tended(&disk, &ward).unwrap();
    ward.change(|standing| standing.started = false);
    given_up(&disk, &ward, "it is stopped in rtorrent", 1);
    let (disk, ward) = fresh();
    tended(&disk, &ward).unwrap();
    *ward.bed.borrow_mut() = None;
    given_up(&disk, &ward, "does not have it any more", 1);
}

#[test]
fn it_is_tried_three_times_with_pauses() {
    let disk = prescribed();
    let ward = Fake::new(&disk);
    let mut marks = Vec::new();
    let (mut now, mut pauses) = (NOW, Vec::new());
    for heals in 1..=TRIES {
        let healer = Healer { random: u64::from(heals), ..at(now) };
        assert_eq!(tend(&mut site(&disk), HASH, &ward, &healer).unwrap(), Tended::Underway);
        assert!(ward.is_healing());
        assert_eq!(record(&disk).heals, heals);
        marks.push(ward.bed.borrow().as_ref().unwrap().standing.mark.clone());
        // Some pieces were right before, and no more come.
        ward.change(|standing| standing.pieces = 8);
        let before = tend(&mut site(&disk), HASH, &ward, &healer).unwrap();
        assert_eq!((before, record(&disk).heals), (Tended::Underway, heals), "not before its time");
        let due = record(&disk).healing().unwrap().not_before;
        pauses.push(due.since(now).as_secs());
        now = due;
    }
    assert_eq!(pauses, [600, 1200, 2400]);
    marks.dedup();
    assert_eq!(marks.len(), 3);
    let error = tend(&mut site(&disk), HASH, &ward, &at(now)).unwrap_err();
    assert!(error.to_string().contains("it was loaded again 3 times"), "{error}");
    assert!(ward.is_healing(), "rtorrent goes on");
    let record = record(&disk);
    assert_eq!((record.healing(), record.heals), (None, 3));
    let State::Waiting(wait) = &record.state else { panic!("{record:?}") };
    assert_eq!(prescribe(&record, wait, now), None, "never again");
}

#[test]
fn what_still_comes_in_is_given_time() {
    let disk = prescribed();
    let ward = Fake::new(&disk);
    tended(&disk, &ward).unwrap();
    let mut now = NOW;
    for pieces in 1..9 {
        ward.change(|standing| standing.pieces = pieces);
        tend(&mut site(&disk), HASH, &ward, &at(now)).unwrap();
        now = record(&disk).healing().unwrap().not_before;
        assert_eq!(record(&disk).heals, 1);
    }
    ward.change(|standing| (standing.pieces, standing.complete) = (9, true));
    assert_eq!(tend(&mut site(&disk), HASH, &ward, &at(now)).unwrap(), Tended::Whole);
}

#[test]
fn a_deploy_leaves_it_alone_until_it_is_whole() {
    let disk = prescribed();
    let ward = Fake::new(&disk);
    let may = |whole| leave_alone(&disk, &record(&disk), "shop", || Ok(whole)).is_ok();
    assert!(!may(true), "rtorrent may still have the damaged one");
    assert_eq!(look(&disk, &record(&disk)).unwrap(), Tended::Underway);
    tended(&disk, &ward).unwrap();
    assert!(!may(false) && may(true));
    assert_eq!(look(&disk, &record(&disk)).unwrap(), Tended::Whole);

    // It landed: what was kept for it goes.
    assert!(kept::is_there(&disk, HASH).unwrap());
    let landed = record(&disk).now(State::Superseded, NOW);
    site(&disk).switching().unwrap().write(landed).unwrap();
    let left = || all(&disk, &site(&disk).look().unwrap()).unwrap();
    assert_eq!(left(), [HASH]);
    assert_eq!(tended(&disk, &ward).unwrap(), Tended::Well);
    assert_eq!(left(), []);
}

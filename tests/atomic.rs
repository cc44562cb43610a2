//! What a switch promises to those who look: no lookup fails, no answer is of two releases.
//!
//! `make experiment` shows the same side by side with other ways to switch, under more load and
//! with other settings; its ways to switch are used here.

#[path = "../benches/experiment/way.rs"]
mod way;

use lab::{
    Lab, await_for, await_until,
    halves::{self, Answer},
    load::{Counts, Load},
    lookups::{Found, Lookups},
    nginx::{Builder, Root},
    php::{NO_OPCACHE, NO_REALPATH_CACHE, Php, Setting},
};
use std::{env, fs, path::Path, time::Duration};
use way::Way;

/// A hang ends some time. Nothing else depends on it.
const PATIENCE: Duration = Duration::from_secs(170);
/// Lookups over Seedship's own switch, on all file systems together.
const LOOKUPS: u64 = 10_000_000;
/// Seedship's own: the whole command, and its swap of the link alone, which switches far more often.
const OURS: [Way; 2] = [Way::Activate, Way::Exchange];
/// Switches that must have happened meanwhile, each made durable: a loop that stands still would
/// fail nobody.
const SWITCHES: u64 = 50;
/// Requests for each of three pages under each of two ways: more than 20,000.
const REQUESTS: u64 = 3_500;
const PAGES: [&str; 3] = [halves::STATIC, halves::BY_DIRECTORY, halves::BY_ROOT];

/// Looks up a file of `current` while it is switched, until `enough`.
fn looked_up(folder: &Path, way: Way, enough: impl Fn(Found, u64) -> bool) -> (Found, u64) {
    let lab = Lab::new_in(folder).unwrap();
    let root = lab.folder("shop").unwrap();
    way::prepare(&root, Duration::ZERO).unwrap();
    let switcher = way.start(&root).unwrap();
    let lookups = Lookups::start(&root.join("current/index.html"), 2).unwrap();
    let done = || {
        let (found, switches) = (lookups.found(), switcher.switches().count);
        Ok(enough(found, switches).then_some(()))
    };
    await_until(format!("{way}: enough lookups"), PATIENCE, done).unwrap();
    (lookups.stop(), switcher.stop().unwrap().count)
}

/// Ten million, as many on the disk as in memory, as many under either of our ways.
#[test]
fn no_lookup_fails() {
    let disk = env::temp_dir();
    let folders: Vec<&Path> =
        [&disk, Path::new("/dev/shm")].into_iter().filter(|folder| folder.is_dir()).collect();
    let each = LOOKUPS / (folders.len() * OURS.len()) as u64;
    let mut told = Vec::new();
    let mut all = 0;
    for folder in folders {
        for way in OURS {
            let (found, switches) = looked_up(folder, way, |found, switches| {
                found.lookups >= each && switches >= SWITCHES || found.missing + found.other > 0
            });
            let line = format!("{}, {way}: {switches} switches, {found:?}", folder.display());
            assert_eq!((found.missing, found.other), (0, 0), "{line}");
            told.push(line);
            all += found.lookups;
        }
    }
    println!("{}", told.join("\n"));
    assert!(all >= LOOKUPS, "{told:#?}");
}

/// The control: a way that leaves a gap is seen to, by the same counter.
#[test]
fn a_gap_is_seen() {
    for way in [Way::UnlinkSymlink, Way::BusyBox] {
        let (found, _) = looked_up(&env::temp_dir(), way, |found, _| found.missing > 0);
        assert_eq!(found.other, 0, "{way}");
    }
}

/// A PHP that serves a root.
struct Served {
    root: Root,
    settings: &'static [Setting],
}

/// What a site should have: Debian's settings, and the release resolved once for each request.
const RESOLVED: Served = Served { root: Root::Resolved, settings: &[] };

impl Served {
    /// Asks for each page while `current` is switched, until `enough`.
    fn answers<const N: usize>(
        &self,
        pages: [&str; N],
        way: Way,
        enough: impl Fn(&Counts, u64) -> bool,
    ) -> [Counts; N] {
        let lab = Lab::new().unwrap();
        let shop = lab.folder("shop").unwrap();
        way::prepare(&shop, Duration::from_millis(1)).unwrap();
        let current = shop.join("current");
        let php = Php::start(&lab, 4, self.settings).unwrap();
        let nginx = Builder::new(&lab, &current).php(&php, self.root).start().unwrap();
        let whole = |body: &[u8]| matches!(Answer::read(body), Answer::Of(_));
        pages.map(|page| {
            let switcher = way.start(&shop).unwrap();
            let load = Load::start(&nginx.url(page), 4, whole).unwrap();
            let done = || Ok(enough(&load.counts(), switcher.switches().count).then_some(()));
            await_until(format!("{way}: enough of {page}"), PATIENCE, done).unwrap();
            let counts = load.stop();
            switcher.stop().unwrap();
            counts
        })
    }
}

#[test]
fn no_answer_fails_or_is_of_two_releases() {
    for way in OURS {
        let counts = RESOLVED.answers(PAGES, way, |counts, switches| {
            let faults = counts.failed + counts.mixed;
            counts.requests >= REQUESTS && switches >= SWITCHES || faults > 0
        });
        for counts in counts {
            assert_eq!((counts.failed, counts.mixed), (0, 0), "{way}: {counts:?}");
        }
    }
}

/// The control: with a gap, requests for every page fail.
#[test]
fn a_failed_answer_is_seen() {
    let _ = RESOLVED.answers(PAGES, Way::UnlinkSymlink, |counts, _| counts.failed > 0);
}

/// The control: a page that looks `current` up again is of two releases now and then.
#[test]
fn a_mixed_answer_is_seen() {
    let twice = Served { root: Root::AsConfigured, settings: &[NO_REALPATH_CACHE, NO_OPCACHE] };
    let counts = twice.answers([halves::BY_ROOT], Way::Exchange, |counts, _| counts.mixed > 0);
    assert_eq!(counts[0].failed, 0, "{counts:?}");
}

/// A loop that switched nothing would fail nobody.
#[test]
fn every_way_switches() {
    for way in Way::ALL {
        let lab = Lab::new().unwrap();
        let root = lab.folder("shop").unwrap();
        way::prepare(&root, Duration::ZERO).unwrap();
        let page = || fs::read_to_string(root.join("current/index.html"));
        assert_eq!(page().unwrap(), "1.0\n1.0\n");
        let switcher = way.start(&root).unwrap();
        for version in ["2.0", "1.0", "2.0"] {
            let whole = format!("{version}\n{version}\n");
            await_for(format!("{way}: {version}"), || page().is_ok_and(|page| page == whole))
                .unwrap();
        }
        switcher.stop().unwrap();
        assert!(page().is_ok(), "{way} ends with a release");
    }
}

//! Many at once, and holders of a lock that die or hang.

use crate::{
    drill::{self, Drill},
    event::packed,
    host::{Host, SHOP},
};
use lab::{Kind, Lab, Torrent, site};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

fn started(host: &Host<'_>, (torrent, payload): &(Torrent, PathBuf)) -> Child {
    let mut event = host.event(torrent, payload);
    event.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Two hundred events at once for these apps, each of its versions ten times. Meanwhile every look
/// at what is served must find a whole page.
fn two_hundred(apps: usize) -> usize {
    let lab = drill::lab();
    let names: Vec<String> = (0..apps).map(|n| format!("a{n}")).collect();
    let configured = |name: &String| SHOP.replace("shop", name) + "keep = 2\n";
    let host = Host::new(&lab, &names.iter().map(configured).collect::<String>());
    let versions = 20 / apps;
    let mut releases = Vec::new();
    for name in &names {
        host.landed(name, "0.9");
        for version in 1..=versions {
            let named = format!("{name}-{version}.0");
            let tree = site::small(&format!("{version}.0"));
            let found = packed(&lab, &tree, Kind::Tar, &named);
            host.in_session(&found.0, found.1.parent().unwrap());
            releases.push(found);
        }
    }
    let (over, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let codes: Vec<Option<i32>> = thread::scope(|scope| {
        let pages: Vec<PathBuf> =
            names.iter().map(|name| host.root(name).join("current/index.html")).collect();
        let (over, looks) = (&over, &looks);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for page in &pages {
                    let served = fs::read(page).unwrap();
                    assert!(site::version_of(&served).is_some(), "{}: torn", page.display());
                    looks.fetch_add(1, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let events: Vec<Child> =
            (0..10).flat_map(|_| &releases).map(|release| started(&host, release)).collect();
        let codes = events.into_iter().map(|mut event| event.wait().unwrap().code()).collect();
        over.store(true, Ordering::Relaxed);
        codes
    });
    assert!(codes.iter().all(|code| *code == Some(0)), "{codes:?}");
    assert!(looks.load(Ordering::Relaxed) > 100);
    let newest = format!("{versions}.0");
    for name in &names {
        assert_eq!(host.page(name).as_deref(), Some(newest.as_str()), "{name}");
    }
    let swept = host.good(&["sweep"]);
    assert!(swept == "nothing to do\n" || versions > 1, "{swept}");
    assert_eq!(host.good(&["sweep"]), "nothing to do\n");
    for name in &names {
        assert_eq!(host.page(name).as_deref(), Some(newest.as_str()), "{name}");
        let left = host.listing(name).into_iter();
        let left: Vec<_> =
            left.filter(|at| at.contains("/.stage-") || at.contains("/run-")).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        // Each landed once.
        let lived = host.json(&["history", name]).to_string();
        for version in 1..=versions {
            let once = lived.matches(&format!("\"version\":\"{version}.0\"")).count();
            assert!(once <= 2, "{name} {version}: {once} lines of history");
        }
    }
    codes.len()
}

#[test]
fn two_hundred_events_for_one_app() {
    let cases = two_hundred(1);
    lab::withstood!(
        "Faults",
        "two hundred events at once for one app: twenty versions, each ten times",
        cases,
        "all exit 0; each version lands once at most, the newest is live",
        true,
    );
}

#[test]
fn two_hundred_events_for_twenty_apps() {
    let cases = two_hundred(20);
    lab::withstood!(
        "Faults",
        "two hundred events at once for twenty apps",
        cases,
        "all exit 0; each app has its release",
        true,
    );
}

/// Nobody collects it: it has a number and a start time still, and no lock.
#[test]
fn the_holder_dies_and_becomes_a_zombie() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY_WITH_COMMANDS);
    let points =
        ["unpack-entry", "commit-renamed", "link-exchanged", "trial-live", "verdict-written"];
    for point in points {
        drill.again();
        let zombie = drill.host.parked(drill.event("3.0"), point);
        kill(Pid::from_raw(zombie.pid), Signal::SIGKILL).unwrap();
        let state = || fs::read_to_string(format!("/proc/{}/stat", zombie.pid)).unwrap();
        lab::await_for("it to be a zombie", || state().contains(") Z ")).unwrap();
        drill.served();
        let status = drill.host.good(&["status", "shop"]);
        assert!(!status.contains("being landed"), "{point}: {status}");
        // Waits for nobody.
        assert!(drill.host.run(&["prune", "shop"]).code == 0, "{point}");
        drill.swept(&format!("a zombie at {point}"));
        assert!(state().contains(") Z "), "{point}");
    }
    lab::withstood!(
        "Faults",
        "the holder of a lock dies and nobody collects it",
        points.len(),
        "its locks are free, what it owed is done, nobody takes the zombie for alive",
        true,
    );
}

#[test]
fn the_holder_hangs() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    drill.host.configure(&format!("{SHOP}keep = 1\nlock_wait = \"1s\"\n"));
    drill.again();
    let holder = drill.host.parked(drill.event("3.0"), "unpacked");
    kill(Pid::from_raw(holder.pid), Signal::SIGSTOP).unwrap();
    let event = drill.event("3.0").output().unwrap();
    let said = String::from_utf8(event.stderr).unwrap();
    assert_eq!(event.status.code(), Some(75), "{said}");
    assert!(said.contains(&format!("process {} (`seedship finished`", holder.pid)), "{said}");
    assert_eq!(drill.host.json(&["sweep"])["busy"], serde_json::json!(["shop"]));
    // An operator waits for nothing of it.
    drill.host.good(&["rollback", "shop"]);
    assert_eq!(drill.served(), "1.0");
    drill.host.good(&["activate", "shop", "2.0"]);
    kill(Pid::from_raw(holder.pid), Signal::SIGCONT).unwrap();
    assert_eq!(holder.go(), 0);
    drill.swept("it goes on");
    lab::withstood!(
        "Faults",
        "the holder of the deploy lock hangs (SIGSTOP)",
        3,
        "an event waits for `lock_wait`, then 75 naming it; a sweep goes on; a rollback waits for nothing",
        true,
    );
}

/// A service that a command started outlives the deploy; the lock does not go with it.
#[test]
fn nobody_inherits_a_lock() {
    let lab: Lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY_WITH_COMMANDS);
    drill.write_script("#!/bin/sh\n[ $SEEDSHIP_STEP != activated ] || { sleep 1000 > /dev/null 2>&1 & echo $! >> \"$1/services\"; }\n");
    drill.again();
    assert_eq!(drill.event("3.0").output().unwrap().status.code(), Some(0));
    drill.host.good(&["prune", "shop"]);
    drill.host.good(&["rollback", "shop"]);
    assert_eq!(drill.host.good(&["sweep"]), "nothing to do\n");
    assert_eq!(drill.served(), "2.0");
    let services = fs::read_to_string(lab.path().join("services")).unwrap();
    let services: Vec<i32> = services.lines().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(services.len(), 2, "one of the deploy, one of the rollback");
    for service in &services {
        // It was running all the time.
        kill(Pid::from_raw(*service), Signal::SIGKILL).unwrap();
    }
    lab::withstood!(
        "Faults",
        "a service started by `activated` outlives the deploy and the rollback that held a lock",
        services.len(),
        "the locks are free; the services run on",
        true,
    );
}

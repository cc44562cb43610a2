//! A clock that is wrong: a year back, a year ahead, and right again.

use crate::{
    event::packed,
    host::{Host, Run, SHOP},
};
use lab::{Kind, Lab, Torrent, site, strace};
use std::{path::PathBuf, process::Command};

const BACK: &str = "-365d";
const AHEAD: &str = "+365d";

/// The command with another clock.
fn at(shift: &str, command: &Command) -> Run {
    Run::of(strace::under("faketime", ["-f", shift], command).output().unwrap())
}

/// Whether the clock can be shifted here.
fn shifts() -> bool {
    let year = |shift: Option<&str>| {
        let mut date = Command::new("date");
        date.arg("+%Y");
        let mut date = shift
            .map_or_else(|| date, |s| strace::under("faketime", ["-f", s], &Command::new("date")));
        if shift.is_some() {
            date.arg("+%Y");
        }
        date.output()
            .ok()
            .and_then(|o| String::from_utf8(o.stdout).ok()?.trim().parse::<i32>().ok())
    };
    let (now, then) = (year(None), year(Some(AHEAD)));
    let can = now.is_some_and(|now| then.is_some_and(|then| then > now));
    if !can {
        lab::skip("faketime cannot shift the clock of a program here");
    }
    can
}

fn release(lab: &Lab, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::Tar, &format!("shop-{version}"))
}

/// It is live and good, and whatever is left or broken would show.
fn is_live(host: &Host<'_>, version: &str, what: &str) {
    assert_eq!(host.page("shop").as_deref(), Some(version), "{what}");
    assert_eq!(host.run(&["audit", "shop"]).code, 0, "{what}");
    assert_eq!(host.good(&["sweep"]), "nothing to do\n", "{what}");
    assert_eq!(host.page("shop").as_deref(), Some(version), "{what}");
    for screen in ["status", "releases", "history"] {
        host.good(&[screen, "shop"]);
    }
}

#[test]
fn it_goes_wrong_between_two_deploys() {
    if !shifts() {
        return;
    }
    for (shift, next) in [(BACK, AHEAD), (AHEAD, BACK)] {
        let lab = crate::drill::lab();
        let host = Host::new(&lab, &format!("{SHOP}keep = 1\n"));
        host.landed("shop", "1.0");
        let deploy = |version: &str, shift: &str| {
            let (torrent, payload) = release(&lab, version);
            let run = at(shift, &host.event(&torrent, &payload));
            assert_eq!(run.code, 0, "{version} at {shift}: {run:?}");
            is_live(&host, version, shift);
        };
        deploy("2.0", shift);
        deploy("3.0", "+0d");
        deploy("4.0", next);
        deploy("5.0", "+0d");
        // The way back is by what was live before, not by any time.
        for (to, shift) in [("4.0", next), ("3.0", shift)] {
            let run = at(shift, &host.command(&["rollback", "shop"]));
            let gone = !host.releases("shop").contains(&to.to_owned());
            assert_eq!((run.code, gone), if gone { (66, true) } else { (0, false) }, "{run:?}");
            assert!(gone || host.page("shop").as_deref() == Some(to), "{to}");
        }
    }
    lab::withstood!(
        "Faults",
        "the clock a year back and a year ahead between deploys and rollbacks",
        2 * 6,
        "live by version, the way back as it was; nothing is pruned that is needed",
        true,
    );
}

#[test]
fn it_goes_wrong_inside_a_hold() {
    if !shifts() {
        return;
    }
    let lab = crate::drill::lab();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    host.good(&["hold", "shop", "--until", "2099-01-01T00:00:00Z"]);
    let (torrent, payload) = release(&lab, "2.0");
    for shift in [BACK, AHEAD] {
        let run = at(shift, &host.event(&torrent, &payload));
        assert_eq!(run.code, 0, "{shift} {run:?}");
        let run = at(shift, &host.command(&["sweep"]));
        assert_eq!((run.code, host.page("shop").as_deref()), (0, Some("1.0")), "{shift} {run:?}");
    }
    host.good(&["unhold", "shop"]);
    // One that ends tomorrow is over where the clock says next year; it is back with the clock.
    let tomorrow = Command::new("date").args(["-u", "-d", "+1 day", "+%FT%TZ"]).output().unwrap();
    let tomorrow = String::from_utf8(tomorrow.stdout).unwrap();
    host.good(&["hold", "shop", "--until", tomorrow.trim()]);
    assert_eq!(host.good(&["sweep"]), "nothing to do\n");
    let run = at(BACK, &host.command(&["sweep"]));
    assert_eq!((run.code, host.page("shop").as_deref()), (0, Some("1.0")), "{run:?}");
    let run = at(AHEAD, &host.command(&["sweep"]));
    assert_eq!((run.code, host.page("shop").as_deref()), (0, Some("2.0")), "{run:?}");
    assert_eq!(host.good(&["sweep"]), "nothing to do\n");
    lab::withstood!(
        "Faults",
        "the clock a year back and a year ahead inside a hold",
        5,
        "it binds until the clock says otherwise; without an end it always does",
        true,
    );
}

#[test]
fn what_failed_while_it_was_ahead_does_not_wait_for_a_year() {
    if !shifts() {
        return;
    }
    let lab = crate::drill::lab();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let (torrent, payload) = release(&lab, "2.0");
    let away = payload.with_extension("away");
    std::fs::copy(&payload, &away).unwrap();
    std::fs::write(&payload, "damaged").unwrap();
    host.in_session(&torrent, payload.parent().unwrap());
    assert_eq!(at(AHEAD, &host.event(&torrent, &payload)).code, 75);
    assert_eq!(host.state("shop", &torrent.hash).as_deref(), Some("waiting"));
    assert_eq!(host.page("shop").as_deref(), Some("1.0"));
    std::fs::copy(&away, &payload).unwrap();
    assert_eq!(host.good(&["sweep"]), "shop 2.0 is live\n");
    is_live(&host, "2.0", "the clock is right again");
    lab::withstood!(
        "Faults",
        "a release that failed while the clock was a year ahead",
        1,
        "75, waits; the first sweep with the right clock tries it again",
        true,
    );
}

#[test]
fn what_was_published_lies_ahead() {
    if !shifts() {
        return;
    }
    let lab = crate::drill::lab();
    let signer = lab.signer().unwrap();
    let keys = format!("public_keys = [\"{}\"]", signer.public_key());
    let host = Host::new(&lab, &SHOP.replace("unsigned = \"accept\"", &keys));
    let now = Command::new("date").args(["-u", "+%FT%TZ"]).output().unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    let signed = |version: &str, published: &str| {
        let (torrent, payload) = release(&lab, version);
        (signer.sign(&torrent, "shop", version, published, &[]).unwrap(), payload)
    };
    let (first, payload) = signed("1.0", "2026-01-01T00:00:00Z");
    assert_eq!(host.finished(&first, &payload).code, 0);
    // Of today, where the clock is a year back.
    let (second, payload) = signed("2.0", now.trim());
    host.in_session(&second, payload.parent().unwrap());
    let run = at(BACK, &host.event(&second, &payload));
    assert_eq!((run.code, host.page("shop").as_deref()), (75, Some("1.0")), "{run:?}");
    assert!(
        run.stderr.contains("the date of shop 2.0: it says that it was published at"),
        "{run:?}"
    );
    assert_eq!(host.state("shop", &second.hash).as_deref(), Some("waiting"));
    assert_eq!(host.releases("shop"), ["1.0"]);
    host.is_due("shop", &second.hash);
    assert_eq!(host.good(&["sweep"]), "shop 2.0 is live\n");
    is_live(&host, "2.0", "the clock is right again");
    // Of next year: not live today, and not by a clock that is wrong for a moment only.
    let (third, payload) = signed("3.0", "2099-01-01T00:00:00Z");
    let run = at(AHEAD, &host.event(&third, &payload));
    assert_eq!((run.code, host.page("shop").as_deref()), (75, Some("2.0")), "{run:?}");
    lab::withstood!(
        "Faults",
        "a signed release whose publication lies ahead of a wrong clock, or of any",
        2,
        "75, waits until the clock is right",
        true,
    );
}

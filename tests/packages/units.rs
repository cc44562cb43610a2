//! The units, started by a real systemd: what they bring live, what they close, and what a stop, a
//! reboot and a crash leave.

use crate::server::{GATE, Server, server};
use lab::{Lab, workspace};
use std::{fs, time::Duration};

/// How far each unit is open to what breaks into it, by `systemd-analyze security`: 0 to 10.
const SCORES: [(&str, &str); 2] =
    [("rtorrent@rtorrent.service", "1.5"), ("seedship-sweep.service", "2.5")];

#[test]
fn verify_says_nothing_and_the_scores_are_those_of_the_guide() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    // `verify` looks for the manual pages that a unit names.
    server.shell("seedship man --to /usr/local/share/man/man1 > /dev/null");
    server.shell("cp /usr/share/doc/seedship/examples/*.path /etc/systemd/system/");
    let verify = "systemd-analyze verify rtorrent@rtorrent.service seedship-sweep.service \
        seedship-sweep.timer seedship-sweep.path 2>&1";
    assert_eq!(server.shell(verify), "");

    let guide = fs::read_to_string(workspace().join("docs/guide/systemd.md")).unwrap();
    for (unit, bound) in SCORES {
        let said = server.shell(&format!("systemd-analyze --no-pager security {unit} | tail -n1"));
        let score = said.split(": ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        assert_eq!(score, bound, "{said}");
        assert!(guide.contains(&format!("| `{unit}` | {score} |")), "{unit}: {score}");
    }
}

/// The directories that a process of this user may write in the mounts of a unit, but for those below
/// another one.
fn writable(server: &Server, unit: &str, user: &str) -> Vec<String> {
    let found = server.shell(&format!(
        "nsenter -t $(systemctl show -P MainPID {unit}) -m \
             setpriv --reuid {user} --regid {user} --init-groups \
             find / \\( -path /proc -o -path /sys \\) -prune -o -type d -writable -print 2>/dev/null \
             | sort || true"
    ));
    let mut tops: Vec<String> = Vec::new();
    // Everybody's, and read-only on a machine: in a container systemd 252 leaves /run out as soon as a
    // unit has a /proc of its own.
    for path in found.lines().filter(|path| *path != "/run/lock") {
        if !tops.iter().any(|top| path.starts_with(&format!("{top}/"))) {
            tops.push(path.to_owned());
        }
    }
    tops
}

#[test]
fn a_torrent_of_the_watch_directory_goes_live_in_the_hardened_unit() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    server.shop("rtorrent", "");
    server.start_rtorrent();
    server.publish("1.0.0");
    server.deliver("1.0.0");
    server.await_live("1.0.0");
    assert_eq!(server.page(), "1.0.0");
    server.await_log("shop 1.0.0 is live");

    // It ran there: confined, and by the event.
    let status = server.shell(
        "grep -E '^(NoNewPrivs|Seccomp|CapBnd):' \
             /proc/$(systemctl show -P MainPID rtorrent@rtorrent)/status",
    );
    let status: Vec<_> = status.split_whitespace().collect();
    assert_eq!(status, ["CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]);
    let cgroup = "journalctl -t seedship -o export | grep -a _SYSTEMD_UNIT | sort -u";
    assert_eq!(server.shell(cgroup).trim(), "_SYSTEMD_UNIT=rtorrent@rtorrent.service");

    // Other places of this user's, and of everybody's: open outside, closed in it.
    server.shell("install -d -o rtorrent /srv/www/other; install -d -m 0777 /srv/everybodys");
    server.shell_as("rtorrent", "test -w /srv/www/other -a -w /srv/everybodys");
    let own = ["/run/rtorrent", "/srv/www/shop", "/tmp", "/var/lib/rtorrent", "/var/tmp"];
    let memory = ["/dev/mqueue", "/dev/shm"];
    let found = writable(&server, "rtorrent@rtorrent", "rtorrent");
    assert_eq!(found, [&memory[..], &own[..]].concat());
}

/// Renames a directory from one part of the root to another, in the mounts of rtorrent's unit; why not.
fn renamed_across(server: &Server) -> String {
    server.shell(
        "nsenter -t $(systemctl show -P MainPID rtorrent@rtorrent) -m sh -c '
             cd /srv/www/shop/shared; mkdir a
             perl -e \"rename qw(a ../releases/a) or print \\$!\"
             rm -rf a ../releases/a'",
    )
}

#[test]
fn parts_of_a_root_are_not_enough() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    server.shop("rtorrent", "");
    server.shell("install -d -o rtorrent -g rtorrent /srv/www/shop/{releases,shared,.seedship}");
    let parts = "[Service]\nReadWritePaths=/srv/www/shop/releases /srv/www/shop/shared \
        /srv/www/shop/.seedship\n";
    let units = ["rtorrent@rtorrent.service", "seedship-sweep.service"];
    units.into_iter().for_each(|unit| server.drop_in(unit, parts));
    server.start_rtorrent();
    assert_eq!(renamed_across(&server), "Invalid cross-device link");
    let hash = server.publish("1.0.0");
    server.deliver("1.0.0");
    server.await_complete(&hash);
    server.await_log("read-only file system.*exit=77.*version=1.0.0");
    // The sweep, tried as well, fares no better.
    assert_eq!(server.sweep(), "exit-code 77");
    assert_eq!(server.shell("ls -A /srv/www/shop"), ".seedship\nreleases\nshared\n");

    for unit in units {
        server.drop_in(unit, "[Service]\nReadWritePaths=-/srv/www/shop\n");
    }
    server.shell("systemctl restart rtorrent@rtorrent");
    server.await_socket("rtorrent");
    assert_eq!(renamed_across(&server), "");
    // A failure that was written down is tried again only minutes later.
    server.shell("rm -f /srv/www/shop/.seedship/records/*");
    assert_eq!(server.sweep(), "success 0", "{}", server.log());
    server.await_live("1.0.0");
}

#[test]
fn a_stop_in_a_deploy_leaves_the_old_release_and_the_next_sweep_goes_on() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    server.shop("rtorrent", GATE);
    server.start_rtorrent();
    server.publish("1.0.0");
    server.deliver("1.0.0");
    server.await_live("1.0.0");
    server.deliver_to_the_gate("2.0.0");
    server.shell("systemctl stop rtorrent@rtorrent");
    server.system.await_that("the end of all of it", "! pgrep -u rtorrent").unwrap();
    let served = server.page() == "1.0.0";
    // Nobody comes to it at the gate any more.
    server.shell("rm /srv/www/gate");
    assert_eq!(server.sweep(), "success 0");
    assert_eq!(server.page(), "2.0.0", "{}", server.log());
    assert_eq!(server.shell("ls -A /srv/www/shop/releases"), "1.0.0\n2.0.0\n");
    lab::withstood!(
        "On a booted Debian",
        "rtorrent's unit stopped in the middle of a deploy",
        1,
        "all of it ends; the sweep of the timer lands the release, rtorrent still stopped",
        served,
    );
}

#[test]
fn a_reboot_and_a_crash_leave_a_release_live_and_everything_starts_again() {
    let lab = Lab::new().unwrap();
    let mut server = server!(lab);
    server.shop("rtorrent", GATE);
    server.shell("systemctl enable --quiet seedship-sweep.timer");
    server.start_rtorrent();
    let first = server.publish("1.0.0");
    server.deliver("1.0.0");
    server.await_live("1.0.0");
    let up = |server: &Server| {
        server.await_socket("rtorrent");
        // Of two units in one question, one would be enough.
        server.shell("systemctl is-active seedship-sweep.timer");
        server.shell("systemctl is-active rtorrent@rtorrent");
        let has = format!("test -e /var/lib/rtorrent/session/{first}.torrent");
        server.shell(&has);
        server.page()
    };
    server.system.reboot().unwrap();
    assert_eq!(up(&server), "1.0.0");

    server.deliver_to_the_gate("2.0.0");
    // rtorrent's own lock is never stale while any process has the number that stands in it.
    server.shell("echo \"$(hostname):+1\" > /var/lib/rtorrent/session/rtorrent.lock");
    server.system.crash().unwrap();
    let served = up(&server) == "1.0.0";
    server.shell("rm -f /srv/www/gate");
    assert_eq!(server.sweep(), "success 0");
    assert_eq!(server.page(), "2.0.0", "{}", server.log());
    assert_eq!(server.shell("ls -A /srv/www/shop/releases"), "1.0.0\n2.0.0\n");
    lab::withstood!(
        "On a booted Debian",
        "every process killed at once in the middle of a deploy, and booted again",
        1,
        "the units start by themselves; the sweep of the timer lands the release",
        served,
    );
}

/// When the sweep's timer started it last, and will next, in microseconds since the start of the machine.
fn trigger(server: &Server, which: &str) -> u64 {
    let said = server.shell(&format!(
        "busctl get-property org.freedesktop.systemd1 \
             /org/freedesktop/systemd1/unit/seedship_2dsweep_2etimer \
             org.freedesktop.systemd1.Timer {which}USecMonotonic"
    ));
    said.trim().trim_start_matches("t ").parse().unwrap()
}

/// Waits until the timer has started the sweep after that time, and the sweep is over; when that was.
fn await_sweep(server: &Server, after: u64) -> u64 {
    lab::await_until("a sweep of the timer", Duration::from_secs(120), || {
        let state = server.system.shell("systemctl show -P ActiveState seedship-sweep.service")?;
        let is_over = trigger(server, "LastTrigger") > after && state.trim() == "inactive";
        Ok(is_over.then_some(()))
    })
    .unwrap();
    let ended = server.shell("systemctl show -P InactiveEnterTimestampMonotonic seedship-sweep");
    ended.trim().parse().unwrap()
}

#[test]
fn the_sweep_brings_what_no_event_did_and_its_timer_starts_it() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    server.shop("rtorrent", GATE);
    // No event comes to anything.
    server.shell("sed -i /zz_seedship/d /etc/rtorrent/rtorrent.rc; touch /srv/www/gate");
    server.start_rtorrent();
    let bring = |version: &str| {
        let hash = server.publish(version);
        server.deliver(version);
        server.await_complete(&hash);
    };
    bring("1.0.0");
    assert_eq!(server.shell("ls -A /srv/www/shop"), "");
    server.shell("systemctl start --no-block seedship-sweep.service");
    server.await_gate();
    // While it stands there: what it may write, as the owner of the root.
    let mut found = writable(&server, "seedship-sweep", "rtorrent");
    found.retain(|path| path != "/run/rtorrent");
    let own = ["/srv/www/shop", "/tmp", "/var/lib/rtorrent", "/var/tmp"];
    assert_eq!(found, [&["/dev/mqueue", "/dev/shm"], &own[..]].concat());
    server.shell("rm /srv/www/gate");
    server.await_live("1.0.0");

    // As shipped: at once, for the start of the machine is long ago, and then ten minutes after it ended,
    // and up to one more.
    server.shell("systemctl enable --quiet --now seedship-sweep.timer");
    let ended = await_sweep(&server, 0);
    // For a moment systemd knows no time.
    let next = lab::await_until("the timer's next time", Duration::from_secs(60), || {
        Ok(Some(trigger(&server, "NextElapse")).filter(|time| *time != u64::MAX))
    });
    let minutes = (next.unwrap() - ended) as f64 / 60e6;
    assert!((10.0..11.1).contains(&minutes), "{minutes}");

    bring("2.0.0");
    assert_eq!(server.page(), "1.0.0");
    let often = "OnBootSec=\nOnBootSec=1s\nOnUnitInactiveSec=1s\nRandomizedDelaySec=0\n";
    server.drop_in("seedship-sweep.timer", &format!("[Timer]\n{often}"));
    server.shell("systemctl restart seedship-sweep.timer");
    server.await_live("2.0.0");
    await_sweep(&server, trigger(&server, "LastTrigger"));
}

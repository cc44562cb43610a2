//! The booted Debian itself, which all the others stand on.

use std::fs;
use std::os::unix::fs::symlink;

use lab::{Booted, Lab};

#[test]
fn a_system_boots_keeps_what_was_written_and_has_no_network() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(mut system) = Booted::boot(&lab) else { return };
    assert_eq!(system.shell("ps -o comm= -p 1").unwrap().trim(), "systemd");
    assert_eq!(system.shell("ls /sys/class/net").unwrap().trim(), "lo");
    assert_eq!(system.shell_as("www-data", "id -un").unwrap().trim(), "www-data");
    system.shell("echo kept > /var/kept && test ! -e /run/lost && touch /run/lost").unwrap();
    system.reboot().unwrap();
    assert_eq!(system.shell("cat /var/kept; ls /run").unwrap().lines().next(), Some("kept"));
    system.shell("test ! -e /run/lost && touch /run/lost").unwrap();
    system.crash().unwrap();
    system.shell("grep kept /var/kept && test ! -e /run/lost").unwrap();
    assert!(system.shell("false").is_err());

    // What is written into it stays in it, wherever its links lead.
    let elsewhere = lab.folder("elsewhere").unwrap();
    for (link, target, inside) in
        [("/srv/out", "", "/srv/out/file"), ("/srv/file", "file", "/srv/file")]
    {
        symlink(elsewhere.join(target), system.path(link)).unwrap();
        assert!(system.write(inside, "").is_err(), "{inside}");
    }
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
}

#[test]
fn two_systems_do_not_see_each_other_s_units() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(one) = Booted::boot(&lab) else { return };
    let Some(other) = Booted::boot(&lab) else { return };
    for system in [&one, &other] {
        system.shell("systemd-run --quiet --unit same sleep infinity").unwrap();
    }
    // It reads whom it has to end from the unit's control group.
    one.shell("systemctl kill --signal KILL same 2>&1 | (! grep .)").unwrap();
    one.await_that("its end", "! pgrep -x sleep").unwrap();
    other.shell("pgrep -x sleep").unwrap();
}

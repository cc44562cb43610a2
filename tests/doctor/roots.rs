//! Roots, file systems, releases and the machine, each as wrong as it can be made; no rtorrent.

use super::Found;
use crate::{
    host::{Host, Run, SHOP},
    manual::is_missing,
    screens::{damage, release, two_days_pass},
};
use lab::{Lab, as_ordinary_user, as_root, site, skip};
use std::{fs, path::Path, process::Command};

const NOBODY: u32 = 65534;

/// Doctor in a mount namespace of its own, after these lines of shell; `None`, with the reason, where
/// none can be made.
fn after(host: &Host<'_>, lines: &str) -> Option<Found> {
    let flags = if as_root() { "-m" } else { "-Urm" };
    let doctor = host.command(&["doctor", "--json"]);
    let mut shell = Command::new("unshare");
    shell.args([flags, "sh", "-c", &format!("{lines} || exit 99; exec \"$@\""), "sh"]);
    shell.arg(doctor.get_program()).args(doctor.get_args());
    shell.env("SEEDSHIP_CONFIG", host.config());
    let run = shell.output().unwrap();
    match run.stdout.is_empty() {
        true => {
            skip(format!("not to be had here: {}", String::from_utf8_lossy(&run.stderr).trim()));
            None
        }
        false => Some(Found::from(Run::of(run))),
    }
}

fn left(root: &Path) -> Vec<String> {
    let below = [root.to_owned(), root.join("releases")];
    let entries = below.iter().flat_map(|at| fs::read_dir(at).into_iter().flatten());
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("trial")).collect()
}

#[test]
fn two_mounts_of_one_disk_are_found() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let releases = host.root("shop").join("releases");
    let bind = format!("mount --bind {0} {0}", releases.display());
    let Some(found) = after(&host, &bind) else { return };
    found.is("root", "fault", "a mount of its own");
    assert_eq!(left(&host.root("shop")), [""; 0]);
}

#[test]
fn a_root_that_is_mounted_read_only_is_found() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let root = host.root("shop").display().to_string();
    let mount = format!("mount --bind {root} {root} && mount -o remount,ro,bind {root}");
    let Some(found) = after(&host, &mount) else { return };
    found.is("root", "fault", "read-only file system");
}

#[test]
fn fuse_is_found() {
    if !as_root() || is_missing("bindfs") || !Path::new("/dev/fuse").exists() {
        return skip("bindfs needs root and /dev/fuse");
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let root = host.root("shop").display().to_string();
    let Some(found) = after(&host, &format!("bindfs {root} {root}")) else { return };
    found.is("root", "fault", "lies on FUSE");
    assert_eq!(found.faults().last(), Some(&"root"), "{:#}", found.all);
}

/// rtorrent stands still while its child looks: a disk that hangs must not hold both.
#[test]
fn a_root_that_hangs_is_told_of_in_time() {
    if !as_root() || is_missing("bindfs") || !Path::new("/dev/fuse").exists() {
        return skip("bindfs needs root and /dev/fuse");
    }
    let lab = Lab::new().unwrap();
    let blog = SHOP.replace("shop", "blog");
    let host = Host::new(&lab, &format!("{blog}{SHOP}"));
    let root = host.root("shop").display().to_string();
    let script = format!(
        "bindfs -f {root} {root} & fuse=$!; \
         until grep -q ' {root} fuse' /proc/self/mounts || ! kill -0 $fuse; do sleep 0.01; done; \
         kill -STOP $fuse || exit 99; \"$@\"; kill -KILL $fuse"
    );
    let doctor = host.command(&["doctor", "--inside"]);
    let mut shell = Command::new("unshare");
    shell.args(["-m", "sh", "-c", &script, "sh"]).arg(doctor.get_program());
    let run = shell.args(doctor.get_args()).env("SEEDSHIP_CONFIG", host.config()).output().unwrap();
    if run.stdout.is_empty() {
        return skip(format!("not to be had here: {}", String::from_utf8_lossy(&run.stderr)));
    }
    let inside: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let of = |app: &str| {
        let all = inside["roots"].as_array().unwrap().iter();
        all.filter(|root| root["app"] == app)
            .map(|root| root["error"].to_string())
            .collect::<String>()
    };
    assert_eq!(of("blog"), "null", "{inside:#}");
    assert!(of("shop").contains("no answer within 700 ms"), "{inside:#}");
}

/// An old kernel, or ZFS: the flags of renameat2(2) are not there.
#[test]
fn a_file_system_that_cannot_swap_is_told_and_is_no_fault() {
    if is_missing("strace") {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let doctor = host.command(&["doctor", "--json"]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=renameat2:error=EINVAL"]);
    strace.arg(doctor.get_program()).args(doctor.get_args());
    let run = strace.env("SEEDSHIP_CONFIG", host.config()).output().unwrap();
    if run.stdout.is_empty() {
        return skip("strace may not trace here");
    }
    let found = Found::from(Run::of(run));
    found.is("root", "note", "by a plain rename");
}

/// SIGKILL at each rename of the trial: what is left the next look removes, and so does a sweep.
#[test]
fn a_killed_trial_leaves_nothing_for_long() {
    if is_missing("strace") {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let before = host.picture("shop");
    let mut seen_left = 0;
    let steps = [
        ("mkdirat", 1),
        ("symlinkat", 1),
        ("symlinkat", 2),
        ("renameat2", 1),
        ("renameat2", 2),
        ("renameat", 1),
        ("unlinkat", 1),
    ];
    for (call, when) in steps {
        let doctor = host.command(&["doctor", "--inside"]);
        let mut strace = Command::new("strace");
        let inject = format!("inject={call}:signal=KILL:when={when}");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]);
        strace.arg(doctor.get_program()).args(doctor.get_args());
        strace.env("SEEDSHIP_CONFIG", host.config()).output().unwrap();
        seen_left += left(&host.root("shop")).len();
        assert_eq!(host.picture("shop").current, before.current, "{call} {when}");
        match when {
            1 => drop(host.good(&["doctor", "--inside"])),
            _ => drop(host.good(&["sweep"])),
        }
        assert_eq!(left(&host.root("shop")), [""; 0], "{call} {when}");
        assert_eq!(host.picture("shop"), before, "{call} {when}");
    }
    match seen_left {
        0 => skip("strace may not trace here"),
        _ => lab::withstood!(
            "Kills",
            "SIGKILL at each step of doctor's trial in a root",
            steps.len(),
            "nothing is switched; the next look, or a sweep, removes what was left",
            host.page("shop").as_deref() == Some("1.0"),
        ),
    }
}

#[test]
fn too_little_room_is_found() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    host.configure(&SHOP.replace("1MiB", "8000000GiB"));
    let found = Found::of(&host, &[]);
    found.is("room", "fault", "seedship prune shop");
    assert!(found.faults().contains(&"room"));
}

#[test]
fn too_few_inodes_are_found() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let root = host.root("shop").display().to_string();
    // The same site on a file system of its own, which has no inode more than it takes.
    let mount = format!(
        "cp -a {root} {root}.copy && n=$(find {root}.copy | wc -l) && \
         mount -t tmpfs -o size=64m,nr_inodes=$((n + 12)),mode=0755 none {root} && \
         cp -a {root}.copy/. {root}/"
    );
    let Some(found) = after(&host, &mount) else { return };
    found.is("room", "fault", "inodes are free");
}

#[test]
fn a_root_that_is_not_there_is_found() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    fs::remove_dir(host.root("shop")).unwrap();
    let found = Found::of(&host, &[]);
    found.is("root", "fault", "does not exist");
    assert_eq!(found.level("releases"), "", "said once");
}

#[test]
fn root_tries_as_the_owner_and_another_user_is_told_what_was_not_seen() {
    if !as_root() {
        return skip("only root can become other users");
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let owner = NOBODY.to_string();
    site::run(Command::new("chown").arg(&owner).arg(host.root("shop"))).unwrap();
    let watched = host.listing("shop");
    let found = Found::of(&host, &[]);
    found.is("root", "ok", "`nobody`'s and switches in one step");
    let names = |listing: Vec<String>| {
        let lines = listing.into_iter().map(|l| l.split(' ').next().unwrap().to_owned());
        lines.collect::<Vec<String>>()
    };
    assert_eq!(names(host.listing("shop")), names(watched), "nothing is left, nothing is root's");
    // A stranger.
    site::run(Command::new("chown").arg("45987").arg(host.root("shop"))).unwrap();
    let command = host.command(&["doctor", "--json"]);
    let mut stranger = as_ordinary_user(command.get_program());
    stranger.args(command.get_args()).env("SEEDSHIP_CONFIG", host.config());
    if !can_read(host.config()) {
        return skip("nobody may not read below this temporary directory");
    }
    let found = Found::from(Run::of(stranger.output().unwrap()));
    found.is("root", "note", "was not tried: it belongs to `#45987`");
}

fn can_read(file: &Path) -> bool {
    let mut cat = as_ordinary_user("cat");
    cat.arg(file).output().unwrap().status.success()
}

#[test]
fn what_the_releases_say_is_told() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    host.landed("shop", "1.0");
    let found = Found::of(&host, &[]);
    found.is("live", "ok", "1.0 is live");
    found.is("clock", "ok", "the clock says");
    assert_eq!((found.level("hold"), found.level("waiting")), ("", ""));
    host.good(&["hold", "shop", "--reason", "sale until Monday"]);
    Found::of(&host, &[]).is("hold", "note", "sale until Monday");
    // A damaged payload waits; after two days it should have been tried.
    let (torrent, payload) = release(&lab, "2.0");
    damage(&payload);
    assert_eq!(host.finished(&torrent, &payload).code, 75);
    let told = Found::of(&host, &[]).told("waiting");
    assert!(told.starts_with("2.0 waits | until "), "said once: {told}");
    two_days_pass(&host, "shop");
    let records = host.root("shop").join(".seedship/records");
    let file = records.join(format!("{}.toml", torrent.hash.to_uppercase()));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("not_before = 4102444800", "not_before = 1700000000")).unwrap();
    Found::of(&host, &[]).is("overdue", "warning", "no `seedship sweep` runs");
    // What another tool left at `current`.
    let current = host.root("shop").join("current");
    fs::remove_file(&current).unwrap();
    fs::create_dir(&current).unwrap();
    let found = Found::of(&host, &[]);
    found.is("live", "fault", "seedship activate shop VERSION --adopt");
    // A switch that was interrupted.
    fs::remove_dir(&current).unwrap();
    std::os::unix::fs::symlink("releases/1.0", &current).unwrap();
    std::os::unix::fs::symlink("releases/1.0", host.root("shop").join(".current-next")).unwrap();
    Found::of(&host, &[]).is("unfinished", "warning", "a switch was interrupted");
}

#[test]
fn a_clock_that_went_back_is_found() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, _) = host.landed("shop", "1.0");
    let records = host.root("shop").join(".seedship/records");
    let file = records.join(format!("{}.toml", torrent.hash.to_uppercase()));
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| match line.starts_with("at = ") {
        true => "at = 4102444800".to_owned(),
        false => line.to_owned(),
    });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let found = Found::of(&host, &[]);
    found.is("clock", "fault", "1.0 is so since 2100-01-01T00:00:00Z");
}

/// Nothing ever writes its record again: a fault by it would last until that time comes.
#[test]
fn a_clock_that_was_ahead_when_something_was_pruned_is_forgiven() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let (torrent, _) = host.landed("shop", "1.0");
    host.landed("shop", "2.0");
    let records = host.root("shop").join(".seedship/records");
    let file = records.join(format!("{}.toml", torrent.hash.to_uppercase()));
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| match line.split(" = ").next() {
        Some("at") => "at = 4102444800",
        Some("state") => "state = \"pruned\"",
        _ => line,
    });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    fs::write(&file, text).unwrap();
    fs::remove_dir_all(host.root("shop").join("releases/1.0")).unwrap();
    Found::of(&host, &[]).is("clock", "ok", "the clock says");
}

/// What a changed configuration lets be tried again needs no new version.
#[test]
fn a_refused_release_that_is_tried_again_is_said_so() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &format!("{SHOP}must_exist = [\"nonesuch\"]\n"));
    let (torrent, payload) = release(&lab, "1.0");
    assert_eq!(host.finished(&torrent, &payload).code, 65);
    Found::of(&host, &[]).is("refused", "warning", "publish it again as a new version");
    host.configure(SHOP);
    Found::of(&host, &[]).is("refused", "warning", "the next `seedship sweep` tries it");
}

#[test]
fn a_clock_that_was_lost_is_found() {
    if is_missing("faketime") {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let doctor = host.command(&["doctor", "--json"]);
    let mut faketime = Command::new("faketime");
    faketime.arg("1970-01-02 00:00:00").arg(doctor.get_program()).args(doctor.get_args());
    let run = faketime.env("SEEDSHIP_CONFIG", host.config()).output().unwrap();
    let found = Found::from(Run::of(run));
    found.is("clock", "fault", "the clock says 1970-01-0");
}

/// With the configuration that Debian's package installs.
#[test]
fn a_reload_of_debians_php_is_told_of() {
    let Some(version) = fs::read_dir("/etc/php").ok().and_then(|mut all| all.next()) else {
        return skip("no php-fpm is installed");
    };
    let version = version.unwrap().file_name().into_string().unwrap();
    let main = format!("/etc/php/{version}/fpm/php-fpm.conf");
    let text = fs::read_to_string(&main).unwrap_or_default();
    if text.is_empty() || text.lines().any(|line| line.starts_with("process_control_timeout")) {
        return skip("this machine's php-fpm is not as Debian ships it");
    }
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    let reload = format!("[[\"sudo\", \"-n\", \"systemctl\", \"reload\", \"php{version}-fpm\"]]");
    host.configure(&format!("{SHOP}[apps.shop.run]\nactivated = {reload}\n"));
    Found::of(&host, &[]).is(
        "reload",
        "warning",
        &format!("process_control_timeout is 0 in `{main}`"),
    );
}

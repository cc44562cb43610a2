//! A place that cannot be written, is full, or belongs to somebody else.

use super::{Failure, fails, fails_by, lands, noisy, open, release, serves, shop, unharmed};
use crate::host::Host;
use lab::{Kind, Lab, as_root, site, skip};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

/// What the machine can cure is tried again.
const PASSING: Failure<'_> =
    Failure { exit: 77, state: Some("waiting"), says: &["could not "], hint: "" };

/// Whose releases root could write whatever their modes, if it did not become that user.
fn give(root: &Path, owner: &str) {
    site::run(Command::new("chown").args(["-R", owner]).arg(root)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn releases_that_may_not_be_written_wait() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    if as_root() {
        give(&host.root("shop"), "nobody:nogroup");
    }
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    let releases = host.root("shop").join("releases");
    mode(&releases, 0o555);
    let says = ["could not create `", "releases/.stage-", "permission denied"];
    fails(&host, &torrent, &payload, &Failure { says: &says, ..PASSING });
    mode(&releases, 0o755);
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn a_root_that_may_not_be_written_waits() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let root = host.root("shop");
    if as_root() {
        give(&root, "nobody:nogroup");
    }
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    mode(&root, 0o555);
    // Told before anything is committed that could not be switched to.
    let says = ["could not make an unnamed file in the app's root: permission denied"];
    fails(&host, &torrent, &payload, &Failure { says: &says, ..PASSING });
    mode(&root, 0o755);
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn a_root_that_is_not_there_is_not_made() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    let (root, away) = (host.root("shop"), lab.path().join("away"));
    fs::rename(&root, &away).unwrap();
    let says = ["could not open `", "www/shop`: it does not exist"];
    let how = Failure { exit: 78, state: None, says: &says, hint: "make the directory" };
    fails_by(&host, &torrent.hash, &how, || host.finished(&torrent, &payload));
    assert!(!root.exists());
    fs::write(&root, "a file").unwrap();
    let says = ["could not open `", "www/shop`: it is not a directory"];
    fails_by(&host, &torrent.hash, &Failure { says: &says, ..how }, || {
        host.finished(&torrent, &payload)
    });
    fs::remove_file(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    lands(&host, &torrent, &payload, "2.0");
}

/// Clears the attribute whatever becomes of the test: else nobody could remove the lab.
struct Immutable<'p>(&'p Path);

impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(self.0).status();
    }
}

#[test]
fn an_immutable_directory_waits() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let releases = host.root("shop").join("releases");
    let chattr = Command::new("chattr").arg("+i").arg(&releases).output();
    if !chattr.is_ok_and(|output| output.status.success()) {
        return skip("chattr +i needs root and a file system that has it");
    }
    let immutable = Immutable(&releases);
    let (torrent, payload) = release(&lab, Kind::Zip, "2.0");
    let says = ["could not create `", "releases/.stage-", "operation not permitted"];
    fails(&host, &torrent, &payload, &Failure { says: &says, ..PASSING });
    drop(immutable);
    lands(&host, &torrent, &payload, "2.0");
}

/// Runs the script in namespaces of its own, where it may mount; skips the test where that is
/// closed. It has the binary in `$SEEDSHIP`, the root in `$ROOT`.
fn with_mounts(host: &Host<'_>, script: &str) -> Option<String> {
    let flags = if as_root() { "-m" } else { "-Urm" };
    if !Command::new("unshare").args([flags, "true"]).status().is_ok_and(|s| s.success()) {
        skip("`unshare` may make no mount namespace here");
        return None;
    }
    let mut shell = Command::new("unshare");
    shell.args([flags, "bash", "-ec", script]);
    let binary = host.command(&[]);
    binary.get_envs().for_each(|(key, value)| {
        value.map(|value| shell.env(key, value));
    });
    shell.env("SEEDSHIP", binary.get_program()).env("ROOT", host.root("shop"));
    Some(String::from_utf8(site::run(&mut shell).unwrap()).unwrap())
}

/// The lines that a script prints with `finished` below, in which `$1` is a torrent's hash and
/// `$2` its payload: the exit code, what is live, what stands, the record's state.
const FINISHED: &str = r#"
finished() {
    code=0
    "$SEEDSHIP" finished "$1" --torrent "$TORRENTS/$1.torrent" --payload "$2" > /dev/null || code=$?
    echo "$code $(readlink "$ROOT/current") $(ls -Ax "$ROOT/releases" | tr -s ' ' ' ') $(
        sed -n 's/^state = "\(.*\)"$/\1/p' "$ROOT/.seedship/records/$1.toml" 2> /dev/null)"
}
"#;

#[test]
fn a_read_only_root_fails_and_serves() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    torrent.write_to(&lab.path().join(format!("{}.torrent", torrent.hash))).unwrap();
    let script = format!(
        "{FINISHED} TORRENTS={}\n\
         mount --bind \"$ROOT\" \"$ROOT\"; mount -o remount,ro,bind \"$ROOT\"\n\
         finished {} {}\n",
        lab.path().display(),
        torrent.hash,
        payload.display()
    );
    let before = host.log().len();
    let Some(said) = with_mounts(&host, &script) else { return };
    assert_eq!(said.trim_end(), "77 releases/1.0 1.0");
    let told = host.log().split_off(before);
    assert!(told.iter().any(|l| l.contains("could not ") && l.contains("read-only")), "{told:#?}");
    unharmed(&host);
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn a_full_disk_fails_and_serves() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &shop("min_free = \"1KiB\"").replace("min_free = \"1MiB\"\n", ""));
    let large = |n: usize| noisy("2.0").file("large.txt", vec![b'x'; n]);
    let tree = |files: usize| {
        (0..files).fold(site::small("3.0"), |tree, n| tree.file(&format!("many/{n}"), "x"))
    };
    let mut payloads = Vec::new();
    for (name, tree) in
        [("shop-1.0", site::small("1.0")), ("shop-2.0", large(6 << 20)), ("shop-3.0", tree(2000))]
    {
        let (torrent, payload) = crate::event::packed(&lab, &tree, Kind::TarZst, name);
        torrent.write_to(&lab.path().join(format!("{}.torrent", torrent.hash))).unwrap();
        payloads.push(format!("{} {}", torrent.hash, payload.display()));
    }
    let script = format!(
        "{FINISHED} TORRENTS={}\n\
         mount -t tmpfs -o size=40m,nr_inodes=4000,mode=755 tmpfs \"$ROOT\"\n\
         head -c 36M /dev/zero > \"$ROOT/filler\"; mkdir \"$ROOT/fill\"\n\
         (cd \"$ROOT/fill\" && seq 3500 | xargs touch)\n\
         finished {}\nfinished {}\nfinished {}\ncat \"$ROOT/current/index.html\"\n\
         rm -r \"$ROOT/filler\" \"$ROOT/fill\"\nfinished {}\n",
        lab.path().display(),
        payloads[0],
        payloads[1],
        payloads[2],
        payloads[2],
    );
    let Some(said) = with_mounts(&host, &script) else { return };
    let told = host.log();
    let (first, rest) = said.split_once('\n').unwrap();
    assert_eq!(first, "0 releases/1.0 1.0 good", "{told:#?}");
    let (second, rest) = rest.split_once('\n').unwrap();
    assert_eq!(second, "74 releases/1.0 1.0 waiting", "of bytes: {told:#?}");
    let (third, rest) = rest.split_once('\n').unwrap();
    assert_eq!(third, "74 releases/1.0 1.0 waiting", "of inodes: {told:#?}");
    let (page, last) = rest.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(site::version_of(format!("{page}\n").as_bytes()), Some("1.0"));
    assert_eq!(last, "0 releases/3.0 1.0 3.0 good", "{told:#?}");
    let full =
        |line: &&String| line.contains("no space left on device") && line.contains("(hint: ");
    assert_eq!(told.iter().filter(full).count(), 2, "{told:#?}");
}

#[test]
fn a_real_directory_at_current_is_kept_and_the_release_waits_beside_it() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &shop(""));
    let current = host.root("shop").join("current");
    site::small("0.9").write_to(&current).unwrap();
    foreign(&host, "a real directory");
    assert!(current.symlink_metadata().unwrap().is_dir());
    serves(&host, "0.9");
}

#[test]
fn another_tools_link_is_kept_and_the_release_waits_beside_it() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &shop(""));
    let elsewhere = lab.folder("elsewhere").unwrap();
    site::small("0.9").write_to(&elsewhere).unwrap();
    symlink(&elsewhere, host.root("shop").join("current")).unwrap();
    foreign(&host, "a link to ");
    assert_eq!(host.current("shop").as_deref(), elsewhere.to_str());
    serves(&host, "0.9");
}

/// What is at `current` was not made by Seedship.
fn foreign(host: &Host<'_>, what: &str) {
    let (torrent, payload) = release(host.lab, Kind::TarZst, "2.0");
    let says = ["could not switch `", "/current`: it is ", what, "2.0 landed and waits"];
    let hint = "seedship activate shop 2.0 --adopt";
    let how = Failure { exit: 73, state: Some("open"), says: &says, hint };
    fails_by(host, &torrent.hash, &how, || host.finished(&torrent, &payload));
    assert_eq!(host.releases("shop"), ["2.0"]);
    // The next event and the next sweep find it landed, and read nothing again.
    fs::remove_file(payload).unwrap();
    fails_by(host, &torrent.hash, &how, || host.finished(&torrent, Path::new("/shop-2.0.tar.zst")));
    host.run(&["sweep"]);
    assert_eq!(host.releases("shop"), ["2.0"]);
}

#[test]
fn a_release_that_stands_without_a_record_is_nobodys_to_replace() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    let stranger = host.root("shop").join("releases/2.0");
    fs::create_dir(&stranger).unwrap();
    fs::write(stranger.join("theirs"), "theirs").unwrap();
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    let says = ["could not land into `", "releases/2.0`: "];
    let how = Failure { exit: 73, says: &says, hint: "move it away", ..PASSING };
    fails_by(&host, &torrent.hash, &how, || host.finished(&torrent, &payload));
    assert_eq!(host.releases("shop"), ["1.0", "2.0"]);
    assert_eq!(fs::read_to_string(stranger.join("theirs")).unwrap(), "theirs");
    fs::remove_dir_all(stranger).unwrap();
    unharmed(&host);
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn a_payload_that_may_not_be_read_waits() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "");
    if as_root() {
        give(&host.root("shop"), "nobody:nogroup");
    }
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    mode(&payload, 0);
    let says = ["could not open `", "shop-2.0.tar`: permission denied"];
    fails(&host, &torrent, &payload, &Failure { says: &says, ..PASSING });
    mode(&payload, 0o644);
    lands(&host, &torrent, &payload, "2.0");
}

#[test]
fn a_release_without_what_it_shares_waits() {
    let lab = Lab::new().unwrap();
    let host = open(&lab, "shared = [\"sites/settings.php\"]");
    let (torrent, payload) = release(&lab, Kind::Tar, "2.0");
    let says = ["could not land shop 2.0: ", "shared/sites/settings.php` is linked into every"];
    let how = Failure { exit: 78, says: &says, hint: "create it", ..PASSING };
    fails(&host, &torrent, &payload, &how);
    let shared = host.root("shop").join("shared/sites");
    fs::create_dir_all(&shared).unwrap();
    fs::write(shared.join("settings.php"), "secret").unwrap();
    // The hint is there to be pasted.
    host.configure(&shop("shared = [\"it's a $(place)\"]"));
    let hint = host.finished(&torrent, &payload).stderr;
    let hint = hint.split_once("a directory (").and_then(|(_, rest)| rest.split_once(") or put"));
    let run = Command::new("sh").arg("-c").arg(hint.unwrap().0).status().unwrap();
    assert!(run.success() && host.root("shop").join("shared/it's a $(place)").is_dir());
    host.configure(&shop("shared = [\"sites/settings.php\"]"));
    lands(&host, &torrent, &payload, "2.0");
    assert_eq!(host.served("shop", "sites/settings.php").as_deref(), Some("secret"));
}

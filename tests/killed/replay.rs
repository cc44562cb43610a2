//! A power cut as any user can make it: user-mode Linux runs a deploy on an ext4 whose every write is
//! remembered (dm-log-writes), and looks at the disk as it was at each commit of its journal.
//!
//! `replay.sh` is the first process of that kernel, `replay.py` puts the disk together.

use crate::{
    event::packed,
    host::{Host, SEEDSHIP, SHOP},
};
use lab::{Kind, Lab, Owned, site, skip};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

/// What was found at one moment.
#[derive(Debug)]
struct Moment {
    /// What was done by then.
    mark: String,
    /// `live`, `audit`, `torn`; and, where a sweep was run: `sweep`, `then`, and `audit` again.
    found: Vec<(String, String)>,
}

impl Moment {
    fn all(&self, key: &str) -> Vec<&str> {
        self.found.iter().filter(|(k, _)| k == key).map(|(_, value)| value.as_str()).collect()
    }

    /// From a line after `replay: `.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let mark = words.next()?.to_owned();
        let pair = |word: &str| word.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        let found: Vec<_> = words.filter_map(pair).collect();
        (!found.is_empty()).then_some(Self { mark, found })
    }
}

/// What such a machine needs, if it is not here.
fn missing() -> Option<String> {
    let programs = ["linux.uml", "dmsetup", "insmod", "blockdev", "mkfs.ext4", "python3"];
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let is_there = |name: &&str| path.split(':').any(|place| Path::new(place).join(name).is_file());
    if let Some(program) = programs.iter().find(|program| !is_there(program)) {
        return Some(format!("there is no `{program}`"));
    }
    let modules = Path::new("/usr/lib/uml/modules").is_dir();
    (!modules).then(|| "user-mode Linux has no modules here".to_owned())
}

/// Runs that machine to its end, and returns what it said.
fn replayed(lab: &Lab) -> String {
    let init = lab.path().join("init");
    let disk = |name: &str| lab.path().join(name).display().to_string();
    let mut uml = Command::new("linux.uml");
    uml.args(["mem=512M", "quiet", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"]);
    uml.arg(format!("init={}", init.display())).args(["con=null", "con0=fd:0,fd:1"]);
    uml.args([format!("ubd0={}", disk("disk.img")), format!("ubd1={}", disk("log.img"))]);
    uml.env("TMPDIR", if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" });
    let mut machine = Owned::spawn(lab, "uml", &mut uml).unwrap();
    machine.await_end(Duration::from_secs(300)).unwrap();
    String::from_utf8_lossy(&fs::read(machine.log()).unwrap()).into_owned()
}

#[test]
fn a_power_cut_at_commits_of_the_journal() {
    if let Some(why) = missing() {
        return skip(why);
    }
    // That machine has a /dev of its own, so a lab in /dev/shm could not be seen.
    let lab = Lab::new_in(Path::new("/tmp")).unwrap();
    let host = Host::new(&lab, SHOP);
    for version in ["1.0", "2.0"] {
        let (torrent, payload) =
            packed(&lab, &site::small(version), Kind::Tar, &format!("shop-{version}"));
        host.in_session(&torrent, payload.parent().unwrap());
        torrent.write_to(&lab.path().join(format!("{version}.torrent"))).unwrap();
        lab.write(&format!("{version}.hash"), &torrent.hash).unwrap();
        fs::copy(&payload, lab.path().join(format!("shop-{version}.tar"))).unwrap();
    }
    let config = fs::read_to_string(host.config()).unwrap();
    let root = host.root("shop").display().to_string();
    lab.write("uml.toml", config.replace(&root, "/mnt/shop")).unwrap();
    lab.write("replay.py", include_str!("replay.py")).unwrap();
    let script = include_str!("replay.sh").replace("@SEEDSHIP@", SEEDSHIP);
    let init = lab.write("init", script.replace("@LAB@", lab.path().to_str().unwrap())).unwrap();
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).unwrap();
    for (name, size) in [("base.img", 32 << 20), ("log.img", 200 << 20)] {
        fs::File::create(lab.path().join(name)).unwrap().set_len(size).unwrap();
    }
    let base = lab.path().join("base.img");
    let mut mkfs = Command::new("mkfs.ext4");
    site::run(mkfs.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg("-q").arg(&base)).unwrap();
    fs::copy(&base, lab.path().join("disk.img")).unwrap();

    let said = replayed(&lab);
    if !said.contains("replay: begins") {
        return skip(format!(
            "user-mode Linux does not start: {}",
            said.lines().last().unwrap_or("")
        ));
    }
    assert!(said.contains("replay: over 0"), "{said}");
    let lines = said.lines().filter_map(|line| line.trim_end().strip_prefix("replay: "));
    let moments: Vec<Moment> = lines.filter_map(Moment::parse).collect();
    check(&moments);
    lab::withstood!(
        "Power cuts",
        "every write of a deploy and of a rollback remembered (dm-log-writes, ext4 in user-mode Linux), replayed to commits of the journal",
        2,
        "the old release or the new one, every file whole; what was told holds; one sweep brings order (`tar` and `ln -sfn` alone serve torn files)",
        true,
    );
}

fn check(moments: &[Moment]) {
    let at = |mark: &'static str| moments.iter().filter(move |moment| moment.mark == mark);
    // First what may be live until the mark, then what must be from it on.
    for (mark, first, last) in
        [("deploying", "1.0", "2.0"), ("deployed", "2.0", "1.0"), ("back", "1.0", "1.0")]
    {
        assert!(at(mark).count() >= 1, "{mark}: {moments:#?}");
        let told = at(mark).next().unwrap();
        assert_eq!(told.all("live"), [first], "{mark}: what was told holds");
        let mut switched = false;
        for moment in at(mark) {
            let live = moment.all("live")[0];
            assert!(live == first || live == last, "{moment:?}");
            assert!(!(switched && live == first && first != last), "{moment:?}: it went back");
            switched |= live == last;
            assert!(moment.all("audit").iter().all(|code| *code == "0"), "{moment:?}");
            assert!(moment.all("sweep").iter().all(|code| *code == "0"), "{moment:?}");
            let then = moment.all("then");
            assert!(then.iter().all(|then| [first, last].contains(then)), "{moment:?}");
            assert!(mark != "deploying" || then.iter().all(|then| *then == "2.0"), "{moment:?}");
        }
    }
    assert!(at("deploying").count() > 5, "{moments:#?}");
    assert!(moments.iter().any(|moment| !moment.all("then").is_empty()), "{moments:#?}");
    // If nothing is lost by what everybody does, all of this shows nothing.
    let torn = |moment: &&Moment| moment.all("torn").iter().any(|count| *count != "0");
    assert!(at("plain").any(|moment| torn(&moment)), "{moments:#?}");
}

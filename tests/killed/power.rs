//! A power cut on real file systems: ext4 and xfs in a file, shut down without a flush in the middle
//! of a deploy. What no disk in memory can show is that the kernel's own promises hold.

use crate::{
    event::packed,
    host::{Host, SHOP},
};
use lab::{
    Kind, Lab, Torrent,
    mounts::{self, Mount},
    site, skip, strace,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where a deploy of 2.0 over 1.0 is cut, and what may be live then: what the disk had last.
const DEPLOY: [(&str, &[&str]); 10] = [
    ("unpacked", &["1.0"]),
    ("synced", &["1.0"]),
    ("commit-renamed", &["1.0"]),
    ("trial-recorded", &["1.0"]),
    ("link-made", &["1.0"]),
    ("link-exchanged", &["1.0", "2.0"]),
    ("link-switched", &["1.0", "2.0"]),
    ("trial-live", &["2.0"]),
    ("trial-checked", &["2.0"]),
    ("verdict-written", &["2.0"]),
];

/// The same for a rollback from 2.0 to 1.0.
const ROLLBACK: [(&str, &[&str]); 4] = [
    ("mark-written", &["2.0"]),
    ("link-exchanged", &["1.0", "2.0"]),
    ("mark-switched", &["1.0"]),
    ("mark-closed", &["1.0"]),
];

/// A host whose app lies on a file system of its own.
struct Machine<'l> {
    host: Host<'l>,
    root: PathBuf,
    /// The disk as each case finds it, and as it is now.
    disks: [PathBuf; 2],
    mount: Option<Mount>,
}

impl<'l> Machine<'l> {
    /// With these releases landed; `None` where this cannot be had.
    fn new(lab: &'l Lab, kind: &str, landed: &[&str]) -> Option<Self> {
        // A release is bad while this file is there.
        let bad = lab.path().join("bad").display().to_string();
        let check = format!("check = [[\"test\", \"!\", \"-e\", \"{bad}\"]]\ntimeout = \"1s\"");
        let host = Host::new(lab, &format!("{SHOP}[apps.shop.run]\n{check}\n"));
        let disks = ["before.img", "disk.img"].map(|name| lab.path().join(name));
        let root = host.root("shop");
        if let Err(why) = mounts::image(kind, &disks[0]) {
            skip(why);
            return None;
        }
        let mut machine = Self { host, root, disks, mount: None };
        let made = machine.boot(0);
        if let Err(why) = made {
            skip(why);
            return None;
        }
        landed.iter().for_each(|version| drop(machine.host.landed("shop", version)));
        machine.mount.take()?.unmount().unwrap();
        Some(machine)
    }

    fn boot(&mut self, disk: usize) -> lab::Result<()> {
        let options = ["-o", "loop", self.disks[disk].to_str().unwrap()];
        self.mount = Some(Mount::new(&options, &self.root)?);
        Ok(())
    }

    /// Everything as it was before the first case.
    fn again(&mut self) {
        let copy = ["--sparse=always", "-f"];
        site::run(Command::new("cp").args(copy).args(&self.disks)).unwrap();
        self.boot(1).unwrap();
    }

    /// The power goes, now, and comes back.
    fn cut(&mut self, killed: impl FnOnce()) {
        mounts::cut(&self.root).unwrap();
        killed();
        self.mount.take().unwrap().unmount().unwrap();
        self.boot(1).unwrap();
    }

    /// Somebody else's fsync takes the journal along, but not our files: the worst moment.
    fn others_sync(&self) {
        let other = self.root.join("other");
        fs::write(&other, "other").unwrap();
        fs::File::open(other).unwrap().sync_all().unwrap();
    }

    /// What is live: a release of which every file is as it was published.
    fn live(&self, case: &str) -> String {
        let page = self.host.page("shop").unwrap_or_else(|| panic!("{case}: no whole page"));
        let audit = self.host.run(&["audit", "shop", &page]);
        assert_eq!(audit.code, 0, "{case}: {audit:?}");
        page
    }

    fn off(&mut self) {
        self.mount.take().unwrap().unmount().unwrap();
    }
}

/// The lab for one file system, if this process may mount one.
fn each(kind: &str) -> usize {
    let lab = crate::drill::lab();
    let Some(mut machine) = Machine::new(&lab, kind, &["1.0"]) else { return 0 };
    let (torrent, payload) = packed(&lab, &site::small("2.0"), Kind::Tar, "shop-2.0");
    machine.host.in_session(&torrent, payload.parent().unwrap());
    let mut cases = 0;
    for (point, may) in DEPLOY {
        for disturbed in [false, true] {
            let case = format!("{kind}, cut at {point}, disturbed {disturbed}");
            machine.again();
            let deploy = machine.host.parked(machine.host.event(&torrent, &payload), point);
            if disturbed {
                machine.others_sync();
            }
            machine.cut(|| deploy.kill());
            let live = machine.live(&case);
            assert!(may.contains(&live.as_str()), "{case}: {live}");
            machine.host.good(&["sweep"]);
            assert_eq!(machine.live(&case), "2.0", "{case}");
            assert_eq!(
                machine.host.state("shop", &torrent.hash).as_deref(),
                Some("good"),
                "{case}"
            );
            machine.off();
            cases += 1;
        }
    }
    // What was told holds.
    machine.again();
    assert_eq!(machine.host.finished(&torrent, &payload).code, 0);
    machine.cut(|| {});
    assert_eq!(machine.live(kind), "2.0");
    assert_eq!(machine.host.state("shop", &torrent.hash).as_deref(), Some("good"));
    machine.off();
    // So does the verdict on a bad one.
    machine.again();
    lab.write("bad", "").unwrap();
    assert_eq!(machine.host.finished(&torrent, &payload).code, 79);
    machine.cut(|| {});
    assert_eq!(machine.live(kind), "1.0");
    assert_eq!(machine.host.state("shop", &torrent.hash).as_deref(), Some("bad"));
    assert_eq!(machine.host.good(&["sweep"]), "nothing to do\n");
    machine.off();
    cases + 2 + operator(kind)
}

/// What an operator was told holds.
fn operator(kind: &str) -> usize {
    let lab = crate::drill::lab();
    let Some(mut machine) = Machine::new(&lab, kind, &["1.0", "2.0"]) else { return 0 };
    for (point, may) in ROLLBACK {
        let case = format!("{kind}, cut at {point}");
        machine.again();
        let rollback = machine.host.parked(machine.host.command(&["rollback", "shop"]), point);
        machine.cut(|| rollback.kill());
        let live = machine.live(&case);
        assert!(may.contains(&live.as_str()), "{case}: {live}");
        machine.host.good(&["sweep"]);
        assert_eq!(machine.live(&case), "1.0", "{case}: its word was on the disk");
        machine.off();
    }
    for (typed, live, held) in [
        (&["rollback", "shop"][..], "1.0", false),
        (&["activate", "shop", "1.0"], "1.0", false),
        (&["hold", "shop"], "2.0", true),
    ] {
        machine.again();
        machine.host.good(typed);
        machine.cut(|| {});
        let is = (machine.live(kind), machine.root.join(".seedship/hold.toml").exists());
        assert_eq!(is, (live.to_owned(), held), "{kind} {typed:?}");
        machine.off();
    }
    ROLLBACK.len() + 3
}

/// What everybody does, and nothing of what we do: if nothing is lost by it here, the test above
/// shows nothing. Returns how many of the files that it serves are empty or short.
fn plain(kind: &str) -> Option<usize> {
    let lab = crate::drill::lab();
    let mut machine = Machine::new(&lab, kind, &["1.0"])?;
    let (_, payload): (Torrent, _) = packed(&lab, &site::small("2.0"), Kind::Tar, "shop-2.0");
    machine.again();
    let release = machine.root.join("releases/2.0");
    fs::create_dir(&release).unwrap();
    site::run(Command::new("tar").arg("-xf").arg(&payload).arg("-C").arg(&release)).unwrap();
    let mut ln = Command::new("ln");
    site::run(ln.args(["-sfn", "releases/2.0"]).arg(machine.root.join("current"))).unwrap();
    machine.others_sync();
    machine.cut(|| {});
    assert_eq!(machine.host.current("shop").as_deref(), Some("releases/2.0"), "{kind}");
    let pages = fs::read_dir(release.join("pages")).map(Iterator::collect::<Vec<_>>);
    let torn = |page: &Path| fs::read(page).map_or(true, |b| site::version_of(&b).is_none());
    let lost = pages.map_or(20, |pages| {
        pages.into_iter().filter(|page| torn(&page.as_ref().unwrap().path())).count()
    });
    machine.off();
    Some(lost)
}

/// A deploy of ours whose syncfs does nothing: that one call is what keeps the files. Returns whether
/// the audit finds what is lost.
fn without_syncfs(kind: &str) -> Option<bool> {
    let lab = crate::drill::lab();
    let mut machine = Machine::new(&lab, kind, &["1.0"])?;
    let (torrent, payload) = packed(&lab, &site::small("2.0"), Kind::Tar, "shop-2.0");
    machine.again();
    let event = machine.host.event(&torrent, &payload);
    let output = strace::injecting(&["syncfs:retval=0"], &event).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    machine.cut(|| {});
    assert_eq!(machine.host.current("shop").as_deref(), Some("releases/2.0"), "{kind}");
    let audit = machine.host.run(&["audit", "shop", "2.0"]);
    machine.off();
    Some(audit.code != 0)
}

fn cut(kind: &str) -> usize {
    if !lab::as_root() || std::env::var_os("SEEDSHIP_LAB_MOUNTS").is_none() {
        return 0;
    }
    let Some(lost) = plain(kind) else { return 0 };
    assert!(lost > 0, "{kind}: plain `tar` and `ln` lose nothing: this shows nothing");
    if strace::unavailable().is_none() {
        assert_eq!(without_syncfs(kind), Some(true), "{kind}: without its syncfs nothing is lost");
    }
    each(kind)
}

#[test]
fn a_power_cut_on_ext4() {
    if !lab::own_mounts!() {
        return;
    }
    let cases = cut("ext4");
    if cases > 0 {
        lab::withstood!(
            "Power cuts",
            "shutdown of an ext4 without a flush, at points of a deploy and of a rollback, and after each told success",
            cases,
            TORN,
            true
        );
    }
}

#[test]
fn a_power_cut_on_xfs() {
    if !lab::own_mounts!() {
        return;
    }
    let cases = cut("xfs");
    if cases > 0 {
        lab::withstood!(
            "Power cuts",
            "shutdown of an xfs without a flush, at points of a deploy and of a rollback, and after each told success",
            cases,
            TORN,
            true
        );
    }
}

const TORN: &str = "the old release or the new one, every file whole; what was told holds (`tar` and `ln -sfn` alone serve torn files)";

//! Drills: a shop in a known state, one command on it, and what may come of that command when
//! something happens to it half-way.
//!
//! The shop is put back before each try, so a drill can be repeated a hundred times, with the same
//! system calls in the same order, and hit each time at another one.

use crate::{
    event::packed,
    host::{Host, Run, SHOP},
};
use lab::{Kind, Lab, Torrent, Tree, site, strace};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// One command, and what is there before it.
pub(crate) struct Act {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    /// The releases that land first, the last one live.
    landed: &'static [&'static str],
    /// Settings of the app beside the usual, while the drill goes on.
    settings: &'static str,
    /// What else is done before it.
    first: fn(&Drill<'_>),
    /// The command's arguments; `finished` and a version is the event of its download.
    typed: &'static [&'static str],
    /// What the next sweep may come to, earliest first: before the command was decided, and after
    /// it. What the sweep finishes in any case has one end.
    pub(crate) ends: &'static [End],
}

/// What a shop has come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct End {
    /// The page that is served.
    pub(crate) page: &'static str,
    /// The states of the records, by version; `-` where there is none.
    states: &'static [(&'static str, &'static str)],
    /// The releases that stand.
    releases: &'static [&'static str],
    /// An operator holds it.
    held: bool,
}

const fn end(
    page: &'static str,
    states: &'static [(&'static str, &'static str)],
    releases: &'static [&'static str],
) -> End {
    End { page, states, releases, held: false }
}

const KEEP_ONE: &str = "keep = 1\n";
const TWO: &[&str] = &["1.0", "2.0"];
const TWO_GOOD: End = end("2.0", &[("1.0", "good"), ("2.0", "good")], TWO);
const LEFT_TWO: End = end("1.0", &[("1.0", "good"), ("2.0", "bad")], TWO);
const PRUNED_ONE: &[(&str, &str)] = &[("1.0", "pruned"), ("2.0", "good"), ("3.0", "good")];
const THREE_LIVE: End = end("3.0", PRUNED_ONE, &["2.0", "3.0"]);
const RUN: &str =
    "[apps.shop.run]\nprepare = [DO]\nactivated = [DO]\ncheck = [DO]\ntimeout = \"1s\"\n";
const NOTHING: fn(&Drill<'_>) = |_| {};

/// A release goes live in place of another, and a third one is pruned.
pub(crate) const DEPLOY: Act = Act {
    name: "deploy",
    landed: TWO,
    settings: KEEP_ONE,
    first: NOTHING,
    typed: &["finished", "3.0"],
    ends: &[THREE_LIVE],
};
/// The same with commands around it.
pub(crate) const DEPLOY_WITH_COMMANDS: Act =
    Act { name: "deploy with commands", settings: RUN, ends: &[THREE_KEPT], ..DEPLOY };
const THREE_KEPT: End =
    end("3.0", &[("1.0", "good"), ("2.0", "good"), ("3.0", "good")], &["1.0", "2.0", "3.0"]);
/// A release that fails its check is left again.
pub(crate) const RETURN: Act = Act {
    name: "deploy of a bad release",
    settings: RUN,
    first: |drill| drill.host.lab.write("bad", "").map(drop).unwrap(),
    ends: &[end(
        "2.0",
        &[("1.0", "good"), ("2.0", "good"), ("3.0", "bad")],
        &["1.0", "2.0", "3.0"],
    )],
    ..DEPLOY
};
/// An event that was lost is found by a sweep.
pub(crate) const SWEEP: Act = Act { name: "sweep", typed: &["sweep"], ..DEPLOY };
/// A sweep finds what a killed deploy left.
pub(crate) const RECOVERY: Act = Act {
    name: "recovery",
    first: |drill| {
        drill.host.parked(drill.event("3.0"), "link-made").kill();
        // When it left what is live is written down anew, once that was another second.
        let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let then = second();
        lab::await_for("another second", || second() > then).unwrap();
    },
    typed: &["sweep"],
    ..DEPLOY
};
/// A sweep finds a deploy that was killed while it unpacked.
pub(crate) const CLEANING: Act = Act {
    name: "cleaning",
    first: |drill| {
        drill.host.parked(drill.event("3.0"), "synced").kill();
        // What a kill while a record is written leaves as well.
        drill.host.lab.write("www/shop/.seedship/records/.new-1.toml", "for").unwrap();
    },
    typed: &["sweep"],
    ..DEPLOY
};
pub(crate) const ROLLBACK: Act = Act {
    name: "rollback",
    landed: TWO,
    settings: "",
    first: NOTHING,
    typed: &["rollback", "shop"],
    ends: &[TWO_GOOD, LEFT_TWO],
};
pub(crate) const ROLLBACK_WITH_COMMANDS: Act =
    Act { name: "rollback with commands", settings: RUN, ..ROLLBACK };
pub(crate) const ACTIVATE: Act = Act {
    name: "activate",
    typed: &["activate", "shop", "1.0"],
    ends: &[TWO_GOOD, end("1.0", &[("1.0", "good"), ("2.0", "good")], TWO)],
    ..ROLLBACK
};
pub(crate) const HOLD: Act = Act {
    name: "hold",
    typed: &["hold", "shop", "--reason", "a drill"],
    ends: &[TWO_GOOD, End { held: true, ..TWO_GOOD }],
    ..ROLLBACK
};
/// The hold ends that keeps a landed release from going live.
pub(crate) const UNHOLD: Act = Act {
    name: "unhold",
    landed: TWO,
    settings: "",
    first: |drill| {
        drill.host.good(&["hold", "shop"]);
        assert_eq!(Run::of(drill.event("3.0").output().unwrap()).code, 0);
    },
    typed: &["unhold", "shop"],
    ends: &[
        End {
            held: true,
            ..end(
                "2.0",
                &[("1.0", "good"), ("2.0", "good"), ("3.0", "open")],
                &["1.0", "2.0", "3.0"],
            )
        },
        THREE_KEPT,
    ],
};
pub(crate) const PRUNE: Act = Act {
    name: "prune",
    landed: &["1.0", "2.0", "3.0"],
    settings: KEEP_ONE,
    first: NOTHING,
    typed: &["prune", "shop"],
    ends: &[THREE_LIVE],
};
/// A real directory is taken over.
pub(crate) const ADOPT: Act = Act {
    name: "adopt",
    landed: &[],
    settings: "",
    first: |drill| {
        drill.host.lab.write("www/shop/current/index.html", site::page("theirs")).unwrap();
        assert_eq!(Run::of(drill.event("1.0").output().unwrap()).code, 73);
    },
    typed: &["activate", "shop", "1.0", "--adopt"],
    ends: &[
        end("theirs", &[("1.0", "open")], &["1.0"]),
        end("1.0", &[("1.0", "good")], &["1.0", "adopted"]),
    ],
};

/// Another tool's tree is taken over, while a release waits that goes live by the next sweep then.
pub(crate) const ADOPT_TREE: Act = Act {
    name: "adopt a tree",
    first: |drill| {
        for (name, page) in [("20240101000000", "older"), ("20240102000000", "theirs")] {
            let file = format!("www/shop/releases/{name}/index.html");
            drill.host.lab.write(&file, site::page(page)).unwrap();
        }
        let root = drill.host.root("shop");
        symlink(root.join("releases/20240102000000"), root.join("current")).unwrap();
        assert_eq!(Run::of(drill.event("1.0").output().unwrap()).code, 73);
    },
    typed: &["adopt", "shop"],
    ends: &[
        end("theirs", &[("1.0", "open")], THEIRS_AND_ONE),
        end("1.0", &[("1.0", "good")], THEIRS_AND_ONE),
    ],
    ..ADOPT
};
const THEIRS_AND_ONE: &[&str] = &["1.0", "20240101000000", "20240102000000"];

/// An act on a host of its own.
pub(crate) struct Drill<'l> {
    pub(crate) host: Host<'l>,
    pub(crate) act: &'static Act,
    torrents: BTreeMap<&'static str, (Torrent, PathBuf)>,
    template: PathBuf,
    /// How many lines the log had when everything was put back.
    logged: Cell<usize>,
}

/// A lab in memory, where there is room for it: nothing of a drill depends on the file system, and
/// a busy disk would make each of its hundreds of syncs wait.
pub(crate) fn lab() -> Lab {
    Lab::new_in(Path::new("/dev/shm")).or_else(|_| Lab::new()).unwrap()
}

/// A few entries of every kind: enough to be torn.
fn tree(version: &str) -> Tree {
    Tree::new()
        .file("index.html", site::page(version))
        .file("pages/one.html", site::page(version))
        .program("bin/task", format!("#!/bin/sh\necho {version}\n"))
        .link("pages/home.html", "../index.html")
}

impl<'l> Drill<'l> {
    /// The shop as the act finds it. All downloads stay in the session of an rtorrent that does not
    /// run, so that a sweep would bring back whatever may come back.
    pub(crate) fn new(lab: &'l Lab, act: &'static Act) -> Self {
        let host = Host::new(lab, &format!("{SHOP}keep = 9\n"));
        let torrents = ["1.0", "2.0", "3.0"].map(|version| {
            let name = format!("shop-{version}");
            (version, packed(lab, &tree(version), Kind::Tar, &name))
        });
        let template = lab.path().join("template");
        let logged = Cell::new(0);
        let drill = Self { host, act, torrents: torrents.into(), template, logged };
        for version in act.landed {
            let run = Run::of(drill.event(version).output().unwrap());
            assert_eq!(run.code, 0, "{}: {version} {run:?}", act.name);
        }
        drill.host.configure(&format!("{SHOP}{}", drill.settings()));
        (act.first)(&drill);
        let in_session = |version: &&str| act.landed.contains(version) || act.brings(version);
        for (torrent, payload) in
            drill.torrents.iter().filter(|(v, _)| in_session(v)).map(|(_, found)| found)
        {
            drill.host.in_session(torrent, payload.parent().unwrap());
        }
        copy(&drill.host.root("shop"), &drill.template);
        drill
    }

    /// The act's settings, with the script that its commands run.
    fn settings(&self) -> String {
        let lab = self.host.lab;
        let script = "#!/bin/sh\necho $SEEDSHIP_STEP $SEEDSHIP_VERSION >> \"$1/journal\"\n\
            [ $SEEDSHIP_STEP-$SEEDSHIP_VERSION != check-3.0 ] || [ ! -e \"$1/bad\" ]\n";
        self.write_script(script);
        let file = lab.path().join("do.sh");
        let run = format!("[\"{}\", \"{}\"]", file.display(), lab.path().display());
        self.act.settings.replace("DO", &run)
    }

    /// What the act's commands do from now on.
    pub(crate) fn write_script(&self, text: &str) {
        // Under another name first: it may be running.
        let file = self.host.lab.write("do.new", text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&file, file.with_file_name("do.sh")).unwrap();
    }

    /// Puts everything back. The root itself stays: something may be mounted there.
    pub(crate) fn again(&self) {
        let root = self.host.root("shop");
        for entry in fs::read_dir(&root).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => fs::remove_dir_all(entry.path()).unwrap(),
                false => fs::remove_file(entry.path()).unwrap(),
            }
        }
        copy(&self.template.join("."), &root);
        let _ = fs::remove_file(self.host.lab.path().join("journal"));
        self.logged.set(self.host.log().len());
    }

    /// What was told the log since everything was put back.
    pub(crate) fn logged(&self) -> String {
        self.host.log().split_off(self.logged.get()).join("\n")
    }

    /// The event of a version's download, not started.
    pub(crate) fn event(&self, version: &str) -> Command {
        let (torrent, payload) = &self.torrents[version];
        self.host.event(torrent, payload)
    }

    /// The act's command, not started.
    pub(crate) fn command(&self) -> Command {
        match self.act.typed {
            ["finished", version] => self.event(version),
            typed => self.host.command(typed),
        }
    }

    /// What the command does when nothing happens to it: its system calls from where it opens the
    /// app's root.
    pub(crate) fn rehearsed(&self) -> Vec<strace::Call> {
        self.again();
        let file = self.host.lab.path().join("calls");
        let (calls, output) = strace::calls(&self.command(), &file).unwrap();
        let code = output.status.code();
        let expected = if self.act.name == RETURN.name { 79 } else { 0 };
        assert_eq!(code, Some(expected), "{}: {output:?}", self.act.name);
        let root = format!("\"{}\"", self.host.root("shop").display());
        let opens = |call: &strace::Call| call.name == "openat" && call.text.contains(&root);
        let from = calls.iter().position(opens).unwrap();
        calls.into_iter().skip(from).collect()
    }

    /// The version that is served: a whole page of a release whose every file is as it was
    /// published.
    pub(crate) fn served(&self) -> String {
        let page = self.host.page("shop").expect("nothing is served");
        if page != "theirs" {
            let audit = self.host.run(&["audit", "shop", &page]);
            assert_eq!(audit.code, 0, "{}: {page} {audit:?}", self.act.name);
        }
        page
    }

    /// The state of a version's record.
    pub(crate) fn state(&self, version: &str) -> Option<String> {
        self.host.state("shop", &self.torrents[version].0.hash)
    }

    /// Nothing is left of what was not finished: no stage, no trash, no half-made link, no
    /// half-written file, no note of what is owed.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let root = self.host.root("shop");
        let mut found = Vec::new();
        for folder in ["", "releases", ".seedship", ".seedship/records", ".seedship/manifests"] {
            let names = fs::read_dir(root.join(folder)).into_iter().flatten();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let is_left = |name: &String| name.starts_with('.') || name.starts_with("run-");
            let left = names.filter(|name| name != ".seedship").filter(is_left);
            found.extend(left.map(|name| format!("{folder}/{name}")));
        }
        found
    }

    /// What is served before the act.
    pub(crate) fn before(&self) -> &'static str {
        self.act.landed.last().copied().unwrap_or("theirs")
    }

    /// The act found these leftovers, and may have ended before it came to them.
    pub(crate) fn began_with(&self, left: &[String]) -> bool {
        left.iter().all(|name| self.template.join(name.trim_start_matches('/')).exists())
    }

    /// The act's command has done what it was asked for.
    pub(crate) fn is_done(&self) -> bool {
        let Some(last) = self.act.ends.last() else { return false };
        if self.act.name == ADOPT_TREE.name {
            // What goes live by the sweep after it is not its word.
            let records = self.host.root("shop").join(".seedship/records");
            return records.join("adopted-20240102000000.toml").exists();
        }
        let held = self.host.root("shop").join(".seedship/hold.toml").exists();
        let page = self.host.page("shop");
        // What a sweep does after an unhold, and how much was pruned, is not its word.
        let live = self.act.name == UNHOLD.name || page.as_deref() == Some(last.page);
        let decided = last.states.iter().filter(|(_, state)| ["good", "bad"].contains(state));
        let decided: Vec<_> = decided.filter(|(version, _)| *version == last.page).collect();
        live && held == last.held
            && (self.act.name == UNHOLD.name
                || decided.iter().all(|(v, s)| self.state(v).as_deref() == Some(s)))
    }

    /// Lets a release be tried however little room there is for it.
    pub(crate) fn needs_no_room(&self) {
        let text = fs::read_to_string(self.host.config()).unwrap();
        fs::write(self.host.config(), text.replace("\"1MiB\"", "\"0B\"")).unwrap();
    }

    /// The root's file system.
    pub(crate) fn statfs(&self) -> nix::sys::statvfs::Statvfs {
        nix::sys::statvfs::statvfs(&self.host.root("shop")).unwrap()
    }

    /// Gives the app to a user without rights, as whom root's commands then work.
    pub(crate) fn is_nobodys(&self) {
        if lab::as_root() {
            let mut chown = Command::new("chown");
            chown.args(["-R", "nobody:nogroup"]).arg(self.host.root("shop")).arg(&self.template);
            chown.arg(self.host.checkpoints());
            site::run(&mut chown).unwrap();
        }
    }

    /// Lets everything that waits be tried now.
    pub(crate) fn everything_is_due(&self) {
        for (torrent, _) in self.torrents.values() {
            if self.host.state("shop", &torrent.hash).as_deref() == Some("waiting") {
                self.host.is_due("shop", &torrent.hash);
            }
        }
    }

    /// What the shop has come to, as one of the act's ends; `None` if it is none of them.
    pub(crate) fn end(&self) -> Option<usize> {
        let page = self.host.page("shop").unwrap_or_default();
        let releases = self.host.releases("shop");
        let releases: Vec<&str> = releases
            .iter()
            .map(|name| if name.starts_with("adopted-") { "adopted" } else { name })
            .collect();
        let held = self.host.root("shop").join(".seedship/hold.toml").exists();
        let is_so = |(version, state): &(&str, &str)| self.state(version).as_deref() == Some(state);
        // Killed just before `previous` says what was left, it names an older one, which is spared.
        let previous = fs::read_link(self.host.root("shop").join("previous")).unwrap_or_default();
        let spared = previous.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let differs = |version: &str, end: &End| {
            let pruned = end.states.contains(&(version, "pruned")) && version == spared;
            !pruned && end.releases.contains(&version) != releases.contains(&version)
        };
        self.act.ends.iter().position(|end| {
            let states = end.states.iter().filter(|(v, s)| *s != "pruned" || *v != spared);
            (end.page, end.held) == (&page, held)
                && !end.releases.iter().chain(&releases).any(|version| differs(version, end))
                && states.into_iter().all(is_so)
        })
    }

    /// One sweep brings order and a second one finds nothing to do. Returns which end it came to.
    /// `happened` is what a failure is told with.
    pub(crate) fn swept(&self, happened: &str) -> usize {
        let what = format!("{}, {happened}", self.act.name);
        self.everything_is_due();
        let first = self.host.run(&["sweep"]);
        // The verdict on a bad release is told by whoever comes to it; what is not ours stays so.
        assert!([0, 73, 79].contains(&first.code), "{what}: {first:?}");
        let end = self.end();
        let Some(end) = end else {
            let shop = self.host.picture("shop");
            panic!("{what}: {first:?}\n{shop:#?}\n{}", self.host.log().join("\n"));
        };
        assert_eq!(self.left_over(), [""; 0], "{what}");
        self.served();
        let before = self.host.picture("shop");
        let again = self.host.run(&["sweep"]);
        assert!([0, 73].contains(&again.code), "{what}: {again:?}");
        assert_eq!(self.host.picture("shop"), before, "{what}: a second sweep");
        // Whatever happened, `activated` ran last for what is live.
        let journal = fs::read_to_string(self.host.lab.path().join("journal")).unwrap_or_default();
        let ran = journal.lines().filter_map(|line| line.strip_prefix("activated ")).next_back();
        assert!(ran.is_none_or(|ran| ran == self.act.ends[end].page), "{what}: {journal}");
        end
    }
}

impl Act {
    /// Its command is about the download of this version.
    fn brings(&self, version: &str) -> bool {
        let named = self.ends.iter().any(|end| end.states.iter().any(|(v, _)| *v == version));
        named && !self.landed.contains(&version)
    }
}

/// A copy of a tree with links, modes and times.
fn copy(from: &Path, to: &Path) {
    site::run(Command::new("cp").arg("-a").arg(from).arg(to)).unwrap();
}

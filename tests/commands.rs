//! An operator's commands around a switch: real scripts, run by the real binary.

mod around;
mod bounds;
mod interrupted;
mod live;
mod prepared;

use crate::{
    event::packed,
    host::{Host, SHOP},
};
use lab::{Kind, Lab, Torrent, Tree, site};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A host whose apps run scripts, and what those wrote down.
struct Shop<'l> {
    host: Host<'l>,
    lab: &'l Lab,
}

impl<'l> Shop<'l> {
    /// A shop whose `[run]` is this, with `DO` for the lab's one script. It gets the lab's directory
    /// as `$1`, and writes down which step it is, for which release, and what is live meanwhile.
    fn new(lab: &'l Lab, run: &str, script: &str) -> Self {
        let shop = Self { host: Host::new(lab, ""), lab };
        shop.script(script);
        shop.configure(&format!("{SHOP}[apps.shop.run]\n{run}\n"));
        shop
    }

    fn configure(&self, apps: &str) {
        let (place, own) = (self.lab.path(), self.place("do.sh"));
        let run = format!("\"{}\", \"{}\"", own.display(), place.display());
        self.host.configure(&apps.replace("\"DO\"", &run));
    }

    /// What the script does from now on.
    fn script(&self, body: &str) {
        let note = "echo \"$SEEDSHIP_STEP $SEEDSHIP_VERSION $(cat \"$SEEDSHIP_ROOT/current/version\" \
                    2>/dev/null || echo -)\" >> \"$1/journal\"";
        let text = format!("#!/bin/sh\n{note}\n{body}\n");
        // Under another name first: it may be running.
        let file = self.lab.write("do.new", text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(file, self.place("do.sh")).unwrap();
    }

    fn place(&self, name: &str) -> PathBuf {
        self.lab.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.place(name)).unwrap_or_default()
    }

    /// Every run of the script: step, release, what was live.
    fn journal(&self) -> Vec<String> {
        self.read("journal").lines().map(str::to_owned).collect()
    }

    /// For which release `activated` ran last.
    fn activated_last(&self) -> Option<String> {
        let journal = self.journal();
        let last = journal.iter().rev().find_map(|line| line.strip_prefix("activated "))?;
        last.split(' ').next().map(str::to_owned)
    }

    fn live(&self) -> Option<String> {
        let text = self.host.current("shop")?;
        text.strip_prefix("releases/").map(str::to_owned)
    }

    fn release(&self, version: &str) -> (Torrent, PathBuf) {
        packed(self.lab, &tree(version), Kind::Tar, &format!("shop-{version}"))
    }

    fn state(&self, torrent: &Torrent) -> String {
        self.host.state("shop", &torrent.hash).unwrap_or_else(|| "none".to_owned())
    }

    /// A release whose event is over and went well.
    fn landed(&self, version: &str) -> Torrent {
        let (torrent, payload) = self.release(version);
        let run = self.host.finished(&torrent, &payload);
        assert_eq!(run.code, 0, "{version}: {run:?}\n{}", self.host.log().join("\n"));
        torrent
    }

    /// Waits until a script wrote this file.
    fn await_file(&self, name: &str) -> String {
        let is_there = || self.place(name).exists();
        lab::await_for(format!("{name} written"), is_there).unwrap_or_else(|e| {
            panic!("{e}\n{:?}\n{}", self.journal(), self.host.log().join("\n"))
        });
        self.read(name).trim().to_owned()
    }

    fn lay(&self, name: &str) {
        fs::write(self.place(name), "").unwrap();
    }

    /// No note of what is owed, no stage.
    fn is_tidy(&self) -> bool {
        let names = |folder: &str| {
            let entries = fs::read_dir(self.host.root("shop").join(folder)).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
        };
        !names(".seedship").any(|name| name.starts_with("run-"))
            && !names("releases").any(|name| name.starts_with('.'))
    }
}

/// The small site, its version in a file, and a program in it.
fn tree(version: &str) -> Tree {
    let program = "#!/bin/sh\necho \"inside $*\" >> \"$1/inside\"\n";
    site::small(version).file("version", version).program("bin/tool", program)
}

fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

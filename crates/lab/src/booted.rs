//! A whole Debian, booted: real systemd, its units confined as on a server.
//!
//! The system is a folder that `scripts/booted-root` made, below an overlay of the lab: what a test
//! installs or breaks there is its own, stays over a reboot, and goes with the lab. It has no network
//! but its own loopback. Root only: where it cannot be had, the test is skipped with the reason.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, MARK, as_root, await_until, skip, workspace};
use crate::mounts::Mount;
use crate::owned::Owned;
use crate::site::run;

/// Until all units have started, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where control groups are, old and new; whichever of them is there.
const GROUPS: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];

/// Starts a program in a control group of its own, in each tree that there is. Without it all booted
/// systems have the same: what one ends of a unit, it looks for among the other's processes.
const IN_OWN_GROUP: &str = "group=$1; trees=$2; shift 2
for tree in $trees; do
    [ ! -e $tree/cgroup.procs ] || { mkdir -p $tree/$group && echo $$ > $tree/$group/cgroup.procs; }
done 2> /dev/null
exec \"$@\"";

/// A running Debian. Dropping it is cutting its power.
#[derive(Debug)]
pub struct Booted {
    /// Present while `init` is its.
    machine: Option<Owned>,
    /// The system's first process, as this computer numbers it.
    init: u32,
    /// The control group of all its processes.
    group: String,
    root: PathBuf,
    _overlay: Mount,
    lab: Lab,
}

impl Booted {
    /// Boots a Debian of its own; where that cannot be, [`skip`]s the test and returns `None`.
    ///
    /// The calling test must have [`own_mounts!`](crate::own_mounts).
    pub fn boot(lab: &Lab) -> Option<Self> {
        let base = match base() {
            Ok(base) => base,
            Err(reason) => {
                skip(reason);
                return None;
            }
        };
        let booted = Self::boot_from(lab, &base);
        #[allow(clippy::panic, reason = "a system that is there and does not boot is a failure")]
        booted.map_err(|e| panic!("{e}")).ok()
    }

    fn boot_from(lab: &Lab, base: &Path) -> Result<Self> {
        let name = lab.fresh("debian");
        let part = |part: &str| lab.folder(&format!("{name}/{part}"));
        let (upper, work, root) = (part("upper")?, part("work")?, part("root")?);
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            base.display(),
            upper.display(),
            work.display()
        );
        let overlay = Mount::new(&["-t", "overlay", "overlay", "-o", &options], &root)?;
        let place = lab.path().file_name().unwrap_or_default().to_string_lossy();
        let group = format!("{place}-{name}");
        let (machine, lab) = (None, lab.clone());
        let mut booted = Self { machine, init: 0, group, root, _overlay: overlay, lab };
        booted.start()?;
        Ok(booted)
    }

    /// Ends it in good order, as `poweroff` does, and boots it again.
    pub fn reboot(&mut self) -> Result<()> {
        self.shell("systemctl --no-block poweroff")?;
        if let Some(mut machine) = self.machine.take() {
            machine.await_end(PATIENCE)?;
        }
        self.start()
    }

    /// Cuts its power: every process of it is gone at once. What was written to files stays, as the
    /// kernel is this computer's.
    pub fn crash(&mut self) -> Result<()> {
        self.cut();
        self.start()
    }

    /// With its first process, all the others are gone.
    fn cut(&mut self) {
        if let Some(mut machine) = self.machine.take() {
            let _ = kill(Pid::from_raw(self.init.cast_signed()), Signal::SIGKILL);
            let _ = machine.await_end(PATIENCE);
        }
    }

    fn start(&mut self) -> Result<()> {
        let mut nspawn = Command::new("sh");
        nspawn.args(["-c", IN_OWN_GROUP, "sh", &self.group, &GROUPS.join(" "), "systemd-nspawn"]);
        nspawn.args(["-q", "-b", "--register=no", "--keep-unit", "--private-network"]);
        nspawn.args(["--console=pipe", "--link-journal=no", "--resolv-conf=off"]);
        // Its first process outlives nspawn: the lab's reaper knows it by its mark.
        nspawn.arg(format!("--setenv={MARK}={}", self.lab.path().display()));
        nspawn.arg("-D").arg(&self.root);
        let mut machine = Owned::spawn(&self.lab, &self.lab.fresh("boot"), &mut nspawn)?;
        let parent = machine.pid();
        self.init = await_until("the system's first process", PATIENCE, || {
            if let Some(status) = machine.ended()? {
                return Err(Error::new(format!("it did not boot ({status}): {}", machine.tail())));
            }
            init_of(parent)
        })?;
        self.machine = Some(machine);
        await_until("a system that has booted", PATIENCE, || {
            let said = self.command("systemctl").arg("is-system-running").output();
            let said = said.during("ask systemd")?;
            let word = String::from_utf8_lossy(&said.stdout).trim().to_owned();
            Ok(["running", "degraded"].contains(&word.as_str()).then_some(()))
        })
    }

    /// Where its root directory is seen from here.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path of its own, as seen from here.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// A program in it, run by root with a clean environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args([
            "-t",
            &self.init.to_string(),
            "-m",
            "-u",
            "-i",
            "-n",
            "-p",
            "-C",
            "-r",
            "-w",
        ]);
        command.args(["env", "-i", "LANG=C.UTF-8", "HOME=/root"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.arg(program);
        command
    }

    /// A script of bash in it, by root, with `set -euo pipefail`; what it printed.
    ///
    /// # Errors
    /// It did not end with 0; what it said is told.
    pub fn shell(&self, script: &str) -> Result<String> {
        let mut command = self.command("bash");
        command.args(["-euo", "pipefail", "-c", script]);
        run(&mut command).map(|said| String::from_utf8_lossy(&said).into_owned())
    }

    /// The same by another user, with that user's groups.
    pub fn shell_as(&self, user: &str, script: &str) -> Result<String> {
        let mut command = self.command("setpriv");
        command.args(["--reuid", user, "--regid", user, "--init-groups", "--reset-env"]);
        command.args(["bash", "-euo", "pipefail", "-c", script]);
        run(&mut command).map(|said| String::from_utf8_lossy(&said).into_owned())
    }

    /// Where a path of its own is to be written from here: with the directories above it, and never by
    /// way of a link that leads out of it, for an absolute one would lead to this computer's own files.
    fn place(&self, inside: &str) -> Result<PathBuf> {
        let path = self.path(inside);
        let parent = path.parent().unwrap_or(&self.root);
        let mut there = parent.ancestors().filter_map(|above| above.canonicalize().ok());
        let leads_out = there.next().is_none_or(|above| !above.starts_with(&self.root));
        if leads_out || path.is_symlink() {
            return Err(Error::new(format!(
                "{inside} is a link, or below one: name what it leads to"
            )));
        }
        fs::create_dir_all(parent).during(format!("make {}", parent.display()))?;
        Ok(path)
    }

    /// Puts a file in it, 0644 of root, with the directories above.
    pub fn write(&self, inside: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.place(inside)?;
        fs::write(&path, bytes).during(format!("write {}", path.display()))
    }

    /// Copies a file or folder of this computer into it, owned by root.
    pub fn copy_in(&self, from: &Path, inside: &str) -> Result<()> {
        let to = self.place(inside)?;
        let mut copy = Command::new("cp");
        copy.args(["-rT", "--preserve=mode,timestamps,links"]).arg(from).arg(to);
        run(&mut copy).map(drop)
    }

    /// A cable to another one, until either is booted again: this end is 10.9.0.1, the other 10.9.0.2,
    /// and both know them by these names.
    pub fn connect(&self, own: &str, other: &Self, others: &str) -> Result<()> {
        let ends = [(self, "10.9.0.1"), (other, "10.9.0.2")];
        let mut cable = Command::new("ip");
        cable.args(["link", "add", "cable", "netns", &self.init.to_string(), "type", "veth"]);
        cable.args(["peer", "name", "cable", "netns", &other.init.to_string()]);
        run(&mut cable)?;
        for (end, address) in ends {
            end.shell(&format!(
                "ip address add {address}/24 dev cable; ip link set cable up
                 printf '10.9.0.1 {own}\\n10.9.0.2 {others}\\n' >> /etc/hosts"
            ))?;
        }
        Ok(())
    }

    /// Waits until a script in it ends with 0.
    pub fn await_that(&self, what: &str, script: &str) -> Result<()> {
        await_until(what, PATIENCE, || Ok(self.shell(script).is_ok().then_some(())))
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        self.cut();
        GROUPS.iter().for_each(|tree| remove_empty(&Path::new(tree).join(&self.group)));
    }
}

/// Removes a control group with those in it; one that is in use stays.
fn remove_empty(group: &Path) {
    for inner in fs::read_dir(group).into_iter().flatten().flatten() {
        if inner.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&inner.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// The system to boot, or why there is none.
fn base() -> std::result::Result<PathBuf, String> {
    let folder = workspace().join(".lab/booted");
    if let Ok(reason) = fs::read_to_string(folder.join("unavailable")) {
        return Err(reason.trim().to_owned());
    }
    if !as_root() {
        return Err("systemd-nspawn needs root".to_owned());
    }
    if !folder.join("recipe").exists() {
        return Err("there is no Debian to boot: scripts/booted-root makes it".to_owned());
    }
    Ok(folder.join("root"))
}

/// The child that is the first process of a system of its own, once it is there. Before it, nspawn
/// has a child that only makes it.
fn init_of(parent: u32) -> Result<Option<u32>> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.during("look for a child")?;
    Ok(children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let is = |key: &str, end: &str| {
            status.lines().any(|line| line.starts_with(key) && line.ends_with(end))
        };
        is("Name:", "\tsystemd") && is("NSpid:", "\t1")
    }))
}

//! What the kernel tells of another process: its children, how many it may have, how far it is
//! confined. Read from `/proc`, where it may be read; what cannot be read is not known.

use super::who::Stat;
use std::{fs, path::PathBuf};

/// The children of a process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Children {
    /// Those that have ended and were not waited for.
    pub zombies: u64,
    /// The others, with their command lines.
    pub running: Vec<(u32, Vec<String>)>,
}

/// Looks at the children of a process; `None` where `/proc` shows no such process.
pub fn children(pid: u32) -> Option<Children> {
    Stat::of(pid)?;
    let mut found = Children::default();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match Stat::of(child).filter(|stat| stat.parent == pid) {
            Some(stat) if stat.runs() => found.running.push((child, command_line(child))),
            Some(_) => found.zombies += 1,
            None => {}
        }
    }
    Some(found)
}

fn command_line(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words =
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    words.collect()
}

/// How many tasks the control group of a process may have (systemd's `TasksMax`); `None` without a
/// bound, or where it cannot be read.
pub fn task_limit(pid: u32) -> Option<u64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let files = groups.lines().filter_map(limit_file);
    files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

/// The file with the bound, for a line of `/proc/PID/cgroup` (cgroups(7)): `0::/system.slice/…` of
/// version 2, `8:pids:/…` of version 1.
fn limit_file(line: &str) -> Option<PathBuf> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let mounted = match controllers {
        "" => "/sys/fs/cgroup",
        "pids" => "/sys/fs/cgroup/pids",
        _ => return None,
    };
    Some(PathBuf::from(format!("{mounted}{path}/pids.max")))
}

/// How far this process is confined, as far as it can tell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Confinement {
    /// No program that it runs gets more rights than it has: sudo does not work.
    pub no_new_privs: bool,
    /// Its system calls are filtered.
    pub seccomp: bool,
    /// Its mount namespace: two processes of the same one see the same files.
    pub mounts: Option<String>,
}

/// Looks at this process.
pub fn confinement() -> Confinement {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Confinement {
        no_new_privs: field("NoNewPrivs:") == Some("1"),
        seccomp: field("Seccomp:").is_some_and(|mode| mode != "0"),
        mounts: fs::read_link("/proc/self/ns/mnt")
            .ok()
            .map(|link| link.to_string_lossy().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn children_run_until_they_end_and_are_zombies_until_they_are_waited_for() {
        let me = std::process::id();
        let before = children(me).unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let ours = |all: &Children| {
            all.running.iter().any(|(pid, line)| *pid == child.id() && line[0].contains("cat"))
        };
        // Between fork and exec it has our own command line.
        while !ours(&children(me).unwrap()) {
            std::thread::yield_now();
        }
        drop(child.stdin.take());
        while children(me).unwrap().zombies == before.zombies {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(children(me).unwrap().zombies, before.zombies);
        assert_eq!(children(u32::MAX), None);
    }

    #[test]
    fn the_bound_of_a_control_group_lies_where_it_is_mounted() {
        fn file(line: &str) -> Option<String> {
            limit_file(line).map(|path| path.display().to_string())
        }
        let unit = "/system.slice/rtorrent.service";
        let two = format!("/sys/fs/cgroup{unit}/pids.max");
        assert_eq!(file(&format!("0::{unit}")), Some(two));
        assert_eq!(file("8:pids:/a:b"), Some("/sys/fs/cgroup/pids/a:b/pids.max".into()));
        assert_eq!(file("4:memory:/a"), None);
        assert_eq!(file("nonsense"), None);
    }

    #[test]
    fn a_child_of_setpriv_says_how_it_is_confined() {
        let case = crate::process::child_case();
        if case.as_deref() == Some("confined") {
            println!("\n{:?}", confinement());
            return;
        }
        let this = "process::family::tests::a_child_of_setpriv_says_how_it_is_confined";
        let mut child = Command::new("setpriv");
        child.arg("--no-new-privs").arg(std::env::current_exe().unwrap());
        child.args([this, "--exact", "--nocapture"]).env("SEEDSHIP_TEST_CASE", "confined");
        let told = String::from_utf8(child.output().unwrap().stdout).unwrap();
        assert!(told.contains("no_new_privs: true"), "{told}");
        assert!(confinement().mounts.is_some_and(|mounts| told.contains(&mounts)));
    }
}

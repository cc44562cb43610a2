//! Unpacking within fences: whichever of them the kernel, a container or a test takes away, the rest
//! hold, a release lands, and no command that runs afterwards is confined.

use crate::{
    event::packed,
    host::{Host, Run, SEEDSHIP},
};
use lab::{Kind, Lab, Torrent, Tree, site, withstood};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const CHAPTER: &str = "Hostile payloads";

/// A host whose commands write down whether they could still become somebody else.
fn host<'l>(lab: &'l Lab, more: &str) -> Host<'l> {
    Host::new(
        lab,
        &format!(
            "[apps.shop]\nmatch = [\"shop-{{version}}.tar\", \"shop-{{version}}.tar.zst\", \
             \"shop-{{version}}.zip\", \"shop-{{version}}\"]\nroot = \"WWW/shop\"\nmin_free = \"1MiB\"\n\
             unsigned = \"accept\"\n{more}"
        ),
    )
}

/// The app's commands, which copy their own status to where a test finds it.
fn commands(lab: &Lab) -> String {
    let copy = |name: &str| {
        let to = lab.path().join(name);
        format!("[[\"sh\", \"-c\", \"cat /proc/self/status > {}\"]]", to.display())
    };
    format!("[apps.shop.run]\nprepare = {}\nactivated = {}\n", copy("prepare"), copy("activated"))
}

/// A tree with what unpacking does: directories, files, links of both kinds.
fn tree(version: &str) -> Tree {
    site::small(version).link("latest", "pages/page-7.html").folder("empty")
}

fn release(lab: &Lab, kind: Kind, version: &str) -> (Torrent, PathBuf) {
    let (torrent, payload) = packed(lab, &tree(version), kind, &format!("shop-{version}"));
    if !matches!(kind, Kind::Folder) {
        return (torrent, payload);
    }
    // mktorrent would follow them.
    for link in ["assets/latest.css", "latest"] {
        fs::remove_file(payload.join(link)).unwrap();
    }
    (lab.torrent(&payload).make().unwrap(), payload)
}

/// The event under strace with these options, what it saw in the file; `None` where strace cannot
/// trace.
fn traced(
    host: &Host<'_>,
    options: &[&str],
    torrent: &Torrent,
    payload: &Path,
) -> Option<(Run, String)> {
    let out = host.lab.path().join(host.lab.fresh("strace"));
    let event = host.event(torrent, payload);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&out).args(options).arg(SEEDSHIP).args(event.get_args());
    for (name, value) in event.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    let output = strace.output().ok()?;
    if String::from_utf8_lossy(&output.stderr).contains("ptrace") {
        return None;
    }
    Some((Run::of(output), fs::read_to_string(out).unwrap()))
}

/// A line of a `status` file in /proc.
fn line<'t>(status: &'t str, name: &str) -> &'t str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim()
}

fn no_new_privileges() -> String {
    line(&fs::read_to_string("/proc/self/status").unwrap(), "NoNewPrivs:").to_owned()
}

fn has_landlock() -> bool {
    let found = seedship::unpack::confinement();
    let has = matches!(found, seedship::unpack::Confinement::Landlock(_));
    if !has {
        lab::skip(found);
    }
    has
}

#[test]
fn the_thread_that_unpacks_is_confined_and_no_other() {
    if !has_landlock() {
        return;
    }
    let lab = Lab::new().unwrap();
    let host = host(&lab, "");
    host.landed("shop", "1.0");
    for (version, kind) in [("2.0", Kind::TarZst), ("3.0", Kind::Zip), ("4.0", Kind::Folder)] {
        let (torrent, payload) = release(&lab, kind, version);
        let asked = host.checkpoints().join("unpack-entry");
        fs::write(&asked, "").unwrap();
        let mut child = host.event(&torrent, &payload).stdout(Stdio::null()).spawn().unwrap();
        let reached = asked.with_extension("reached");
        lab::await_for("it unpacks", || reached.exists()).unwrap();
        let tasks = PathBuf::from(format!("/proc/{}/task", child.id()));
        let confined: Vec<(String, bool)> = fs::read_dir(tasks)
            .unwrap()
            .filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok())
            .map(|status| (line(&status, "Name:").to_owned(), line(&status, "NoNewPrivs:") == "1"))
            .collect();
        let helps = |name: &str| name.starts_with("unpack");
        // The one that reads, and those that help it: a thread that has only just begun has its name.
        let unpacking: Vec<_> = confined.iter().filter(|(name, _)| helps(name)).collect();
        assert!(unpacking.len() > 1, "{kind:?}: {confined:?}");
        assert!(unpacking.iter().all(|(_, is)| *is), "{kind:?}: {confined:?}");
        let inherited = no_new_privileges() == "1";
        let others = confined.iter().filter(|(name, _)| !helps(name));
        assert!(others.clone().count() > 0);
        assert!(others.clone().all(|(_, is)| *is == inherited), "{kind:?}: {confined:?}");
        fs::remove_file(&asked).unwrap();
        fs::remove_file(&reached).unwrap();
        fs::write(asked.with_extension("go"), "").unwrap();
        assert!(child.wait().unwrap().success(), "{}", host.log().join("\n"));
        fs::remove_file(asked.with_extension("go")).unwrap();
        assert_eq!(host.page("shop").as_deref(), Some(version));
    }
    assert_eq!(host.told("unpacking is confined by Landlock"), 4, "said once each time");
}

#[test]
fn commands_are_not_confined() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &commands(&lab));
    host.landed("shop", "1.0");
    let own = fs::read_to_string("/proc/self/status").unwrap();
    for (version, kind) in [("2.0", Kind::Tar), ("3.0", Kind::Zip), ("4.0", Kind::Folder)] {
        let (torrent, payload) = release(&lab, kind, version);
        let run = host.finished(&torrent, &payload);
        assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
        for command in ["prepare", "activated"] {
            // It could write here at all, which is far from any stage.
            let status = fs::read_to_string(lab.path().join(command)).unwrap();
            for field in ["NoNewPrivs:", "Seccomp:", "CapBnd:", "CapEff:"] {
                assert_eq!(line(&status, field), line(&own, field), "{command} {field}");
            }
            fs::remove_file(lab.path().join(command)).unwrap();
        }
    }
}

/// A setuid program still becomes somebody else, as `sudo` must.
#[test]
fn a_setuid_program_works_in_a_command() {
    if !lab::as_root() {
        lab::skip("only root can make a setuid program");
        return;
    }
    let lab = Lab::new().unwrap();
    let id = lab.path().join("id");
    fs::copy("/usr/bin/id", &id).unwrap();
    site::run(Command::new("chmod").arg("4755").arg(&id)).unwrap();
    site::run(Command::new("chmod").arg("0755").arg(lab.path())).unwrap();
    let mut other = lab::as_ordinary_user(&id);
    let shown = other.arg("-u").output().unwrap();
    if shown.stdout != b"0\n" {
        lab::skip(format!("setuid does not work here: {shown:?}"));
        return;
    }
    let who = lab.path().join("who");
    fs::write(&who, "").unwrap();
    site::run(Command::new("chmod").arg("0666").arg(&who)).unwrap();
    let script = format!("{} -u > {}", id.display(), who.display());
    let host =
        host(&lab, &format!("[apps.shop.run]\nactivated = [[\"sh\", \"-c\", \"{script}\"]]\n"));
    // Whose the root is, is who deploys: somebody without rights of their own.
    site::run(Command::new("chown").arg("nobody").arg(host.root("shop"))).unwrap();
    let (torrent, payload) = release(&lab, Kind::Tar, "1.0");
    site::run(Command::new("chmod").args(["-R", "a+rX"]).arg(lab.path())).unwrap();
    site::run(Command::new("chmod").arg("4755").arg(&id)).unwrap();
    let run = host.finished(&torrent, &payload);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    assert_eq!(fs::read_to_string(&who).unwrap(), "0\n");
}

/// Whatever a kernel or a container lacks, everything lands and every escape is refused.
#[test]
fn without_landlock_or_openat2_the_same_lands_and_the_same_is_refused() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, &commands(&lab));
    host.landed("shop", "1.0");
    let mut cases = 0;
    let mut number = 1;
    for (lacking, call) in [
        ("landlock_create_ruleset:error=ENOSYS", "landlock_create_ruleset"),
        ("landlock_create_ruleset:error=EOPNOTSUPP", "landlock_create_ruleset"),
        ("landlock_create_ruleset:error=EPERM", "landlock_create_ruleset"),
        ("landlock_restrict_self:error=EPERM", "landlock_restrict_self"),
        ("landlock_add_rule:error=EINVAL", "landlock_add_rule"),
        ("openat2:error=ENOSYS", "openat2"),
        ("openat2:error=EPERM", "openat2"),
    ] {
        let inject = format!("inject={lacking}");
        let options = ["-e", &format!("trace={call}"), "-e", &inject];
        for kind in [Kind::Tar, Kind::Zip, Kind::Folder] {
            number += 1;
            let version = format!("{number}.0");
            let (torrent, payload) = release(&lab, kind, &version);
            let Some((run, saw)) = traced(&host, &options, &torrent, &payload) else {
                lab::skip("strace may not trace here");
                return;
            };
            assert_eq!(run.code, 0, "{lacking} {kind:?}: {run:?}\n{}", host.log().join("\n"));
            assert_eq!(host.page("shop"), Some(version.clone()), "{lacking} {kind:?}");
            if !matches!(kind, Kind::Folder) {
                let page = host.served("shop", "pages/page-7.html");
                assert_eq!(host.served("shop", "latest"), page, "{lacking} {kind:?}");
            }
            let has = call == "openat2" || has_landlock();
            assert!(!has || saw.contains("INJECTED"), "{lacking} {kind:?}: {saw}");
            cases += 1;
        }
        // Written through a planted link.
        let live = format!("{number}.0");
        let folder = lab.folder(&lab.fresh("evil")).unwrap();
        let payload = folder.join("shop-999.0.tar");
        planted(&folder, &payload);
        let torrent = lab.torrent(&payload).make().unwrap();
        let (run, _) = traced(&host, &options, &torrent, &payload).unwrap();
        assert_eq!(run.code, 65, "{lacking}: {run:?}");
        assert_eq!(host.page("shop"), Some(live), "{lacking}");
        cases += 1;
    }
    let served = host.page("shop") == Some(format!("{number}.0"));
    let tried = "no Landlock (ENOSYS, EOPNOTSUPP, EPERM, half of it), no openat2 (ENOSYS, EPERM)";
    let happened = "tar, zip and directory land; writing through a planted link is refused (65)";
    withstood!(CHAPTER, tried, cases, happened, served);
}

/// A tar with a link, and a file below the link's name.
fn planted(folder: &Path, tar: &Path) {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("real")).unwrap();
    symlink("real", tree.join("dir")).unwrap();
    let add = |args: &[&str]| {
        let mut command = Command::new("tar");
        site::run(command.arg("-C").arg(&tree).arg("-f").arg(tar).args(args)).unwrap();
    };
    // Different bytes, hence a different info hash, each time.
    fs::write(tree.join("real/mark"), folder.to_str().unwrap()).unwrap();
    add(&["-c", "--no-recursion", "real", "dir", "real/mark"]);
    add(&["-r", "--transform=s,^real/mark$,dir/evil,", "real/mark"]);
}

/// Somebody mounts something where an entry is about to be made: neither is it written to, nor is
/// what lies in it removed with the stage.
#[test]
fn a_mount_point_in_the_stage_is_not_entered() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, "");
    host.landed("shop", "1.0");
    let spaces: &[&str] = if lab::as_root() {
        &["-m", "--propagation=private"]
    } else {
        &["-Urm", "--propagation=private"]
    };
    if !Command::new("unshare").args(spaces).arg("true").status().is_ok_and(|s| s.success()) {
        lab::skip("no mount namespace can be made here");
        return;
    }
    let treasure = lab.folder("treasure").unwrap();
    fs::write(treasure.join("kept"), "x").unwrap();
    for (number, flags) in [(2, &[][..]), (3, &["-e", "inject=openat2:error=ENOSYS"])] {
        let (torrent, payload) = release(&lab, Kind::Tar, &format!("{number}.0"));
        let event = host.event(&torrent, &payload);
        let stage = format!("{}/releases/.stage-*", host.root("shop").display());
        // Mounted by whoever waits at the checkpoint's other end, in the same namespace.
        let script = r#"
            "$@" & pid=$!
            while [ ! -e "$REACHED" ] && kill -0 $pid; do sleep 0.01; done
            set -- $STAGE
            mkdir "$1/pages" && mount --bind "$TREASURE" "$1/pages"
            touch "$GO"
            wait $pid
        "#;
        let asked = host.checkpoints().join("stage-made");
        fs::write(&asked, "").unwrap();
        let mut command = Command::new("unshare");
        command.args(spaces).args(["sh", "-c", script, "sh"]);
        if !flags.is_empty() {
            command
                .args(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2"])
                .args(flags);
        }
        command.arg(SEEDSHIP).args(event.get_args());
        for (name, value) in event.get_envs() {
            value.map(|value| command.env(name, value));
        }
        command
            .env("REACHED", asked.with_extension("reached"))
            .env("GO", asked.with_extension("go"));
        command.env("STAGE", &stage).env("TREASURE", &treasure);
        let run = Run::of(command.output().unwrap());
        for file in ["stage-made", "stage-made.reached", "stage-made.go"] {
            fs::remove_file(host.checkpoints().join(file)).unwrap();
        }
        let said = host.log().join("\n");
        assert_eq!(run.code, 74, "{run:?}\n{said}");
        assert!(said.contains("another file system is mounted there"), "{said}");
        assert!(said.contains("another file system is mounted at"), "the stage is left: {said}");
        let kept: Vec<_> =
            fs::read_dir(&treasure).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(kept, ["kept"], "{said}");
        assert_eq!(host.page("shop").as_deref(), Some("1.0"));
        host.is_due("shop", &torrent.hash);
    }
    let tried = "a mount point planted in the stage, with openat2 and without";
    let happened = "nothing is written to it or removed from it, tried again later (74)";
    withstood!(CHAPTER, tried, 2, happened, host.page("shop").as_deref() == Some("1.0"));
}

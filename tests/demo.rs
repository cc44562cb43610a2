//! `make demo`, end to end: it keeps its promises, ends by itself, and leaves nothing behind.

use crate::host::SEEDSHIP;
use lab::{Lab, as_root, await_for, site::run};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// An ordinary user that every Debian has.
const NOBODY: &str = "65534";

/// The demonstration as built, with a directory for its temporary files; as an ordinary user, a
/// copy of it that such a user can reach.
struct Demo {
    program: PathBuf,
    temporary: PathBuf,
    ordinary: bool,
}

impl Demo {
    fn new(lab: &Lab, ordinary: bool) -> Self {
        let built = Path::new(SEEDSHIP).with_file_name("demo");
        let how = "cargo build --workspace --features seedship/checkpoints";
        assert!(built.is_file(), "{} is not built: {how}", built.display());
        // Short: it will hold sockets.
        let temporary = lab.folder("t").unwrap();
        let programs = lab.folder("bin").unwrap();
        for program in [&built, Path::new(SEEDSHIP)] {
            fs::copy(program, programs.join(program.file_name().unwrap())).unwrap();
        }
        if ordinary {
            run(Command::new("chown").arg(format!("{NOBODY}:{NOBODY}")).arg(&temporary)).unwrap();
        }
        Self { program: programs.join("demo"), temporary, ordinary }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = match self.ordinary {
            false => Command::new(&self.program),
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
                command.arg(&self.program);
                command
            }
        };
        command.args(args).env("TMPDIR", &self.temporary).env("HOME", &self.temporary);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Nothing on disk, and no process that was started there or writes there.
    fn left_behind(&self) -> Vec<PathBuf> {
        let below = self.temporary.join("seedship-lab-").display().to_string();
        let files = fs::read_dir(&self.temporary).unwrap().map(|entry| entry.unwrap().path());
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let of_it = |process: &PathBuf| {
            let read = |name: &str| fs::read(process.join(name)).unwrap_or_default();
            let messages = fs::read_link(process.join("fd/2")).unwrap_or_default();
            let all =
                [&read("environ"), &read("cmdline"), messages.as_os_str().as_bytes()].concat();
            all.windows(below.len()).any(|bytes| bytes == below.as_bytes())
        };
        files.chain(processes.filter(of_it)).collect()
    }

    /// Runs it to its end, which must be a good one, and returns what it told.
    fn told(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}\n{said}", output.status);
        assert_eq!(said, "");
        assert_eq!(self.left_behind(), Vec::<PathBuf>::new());
        told
    }
}

/// The row of the block for ours: requests, failed, mixed, switched.
fn ours(told: &str) -> Vec<u64> {
    let row = told.lines().find(|line| line.trim_start().starts_with("seedship  ")).unwrap();
    let numbers = row.split_whitespace().skip(1);
    numbers.map(|number| number.replace(',', "").parse().unwrap()).collect()
}

fn keeps_its_promises(told: &str) {
    let ours = ours(told);
    assert!(ours[0] > 1000 && ours[3] > 1, "{ours:?}");
    assert_eq!(ours[1..3], [0, 0], "{told}");
    for wanted in [
        "signed     by key ",
        "delivered  ",
        "kill -9",
        "still serves 1.0",
        "../../evil",
        "exit=65",
        "piece ",
        "exit=75",
        "serves 3.1",
        "rolled back",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let longest = told.lines().max_by_key(|line| line.chars().count()).unwrap();
    assert!(longest.chars().count() <= 80, "{longest}");
    assert!(!told.contains('\x1b'), "no colours where nobody sees them");
}

#[test]
fn it_tells_the_whole_story() {
    let lab = Lab::new().unwrap();
    keeps_its_promises(&Demo::new(&lab, false).told(&[]));
}

#[test]
fn an_ordinary_user_sees_it_with_a_site_of_their_own() {
    let lab = Lab::new().unwrap();
    lab.write("a 'site'/index.html", "<h1>mine</h1>").unwrap();
    lab.write("a 'site'/about/us.html", "<p>we</p>").unwrap();
    lab.write("a 'site'/seedship-demo.txt", "mine too").unwrap();
    let site = lab.path().join("a 'site'");
    let demo = Demo::new(&lab, as_root());
    keeps_its_promises(&demo.told(&["--site", site.to_str().unwrap()]));
    assert_eq!(fs::read(site.join("seedship-demo.txt")).unwrap(), b"mine too");
}

#[test]
fn a_site_must_be_there_and_hold_a_file() {
    let lab = Lab::new().unwrap();
    let demo = Demo::new(&lab, false);
    let empty = lab.folder("empty/below").unwrap();
    let file = lab.write("file", "").unwrap();
    for (site, why) in [
        (lab.path().join("absent"), "No such file"),
        (empty.parent().unwrap().to_owned(), "no file in it"),
        (file, "not a directory"),
    ] {
        let output = demo.command(&["--site", site.to_str().unwrap()]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.contains(why) && said.contains(site.to_str().unwrap()), "{said}");
        assert_eq!(demo.left_behind(), Vec::<PathBuf>::new());
    }
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let lab = Lab::new().unwrap();
    let demo = Demo::new(&lab, false);
    let mut child: Child = demo.command(&[]).stdout(Stdio::null()).spawn().unwrap();
    let serves = |process: &PathBuf| {
        fs::read(process.join("cmdline")).is_ok_and(|title| title.starts_with(b"nginx: worker"))
    };
    await_for("a web server", || demo.left_behind().iter().any(serves)).unwrap();
    let pid = Pid::from_raw(child.id().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    lab::await_until("its end", Duration::from_secs(5), || Ok(child.try_wait().unwrap())).unwrap();
    await_for("nothing left", || demo.left_behind().is_empty()).unwrap();
}

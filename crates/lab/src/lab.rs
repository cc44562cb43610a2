//! The lab's directory, what waits in it, and what cleans it up.
//!
//! Whoever started a program kills it on drop. A test can die without running any destructor
//! (time-out, `kill -9`, Ctrl-C in the demonstration), and a hook may have left its process group
//! on purpose. So each lab has a **reaper**: a shell that blocks on a pipe from this process. When
//! the pipe closes, for whatever reason, it kills every process that carries the lab's mark in its
//! environment or its messages in the lab, by pid, and removes the directory.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::error::{During, Error, Result};
use crate::flavour::Flavour;
use crate::net::Machine;
use crate::nginx::{self, Nginx};
use crate::rtorrent::Builder;
use crate::signer::Signer;
use crate::torrent;
use crate::tracker::Tracker;

/// The environment variable that marks every process of a lab; its value is the lab's directory.
pub(crate) const MARK: &str = "SEEDSHIP_LAB";

/// One temporary directory with everything that runs in it. Clones are handles to the same lab;
/// the last one, or the last program's owner, takes the directory away.
#[derive(Clone, Debug)]
pub struct Lab(Arc<Ground>);

#[derive(Debug)]
struct Ground {
    path: PathBuf,
    reaper: Child,
    counter: AtomicU32,
}

/// `$1`: the lab's directory, `$2`: the variable that marks. A server that writes its title where
/// its environment was (nginx) has lost the mark, but its messages still go to a file of the lab.
/// Reads until the pipe closes; twice, for a process may be forking meanwhile.
const REAPER: &str = r#"
cat > /dev/null
for round in 1 2; do
    for entry in $(grep -lzsxF "$2=$1" /proc/[0-9]*/environ) \
                 $(find /proc/[0-9]*/fd/2 -maxdepth 0 -lname "$1/*" 2> /dev/null); do
        pid=${entry#/proc/}; kill -KILL "${pid%%/*}" 2> /dev/null
    done
done
rm -rf "$1" || { sleep 0.2; rm -rf "$1"; }
"#;

impl Lab {
    /// A new, empty lab.
    pub fn new() -> Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    /// A new, empty lab below this directory: on another file system, say.
    pub fn new_in(folder: &Path) -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("seedship-lab-")
            .tempdir_in(folder)
            .during("make the lab's directory")?
            .keep();
        let path = path.canonicalize().during("find the lab's directory")?;
        // A web server run by root serves as another user: it must get in.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).during("open the lab")?;
        let reaper = Command::new("bash")
            .args(["-c", REAPER, "reaper"])
            .args([path.as_os_str(), MARK.as_ref()])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .during("start the reaper")?;
        Ok(Self(Arc::new(Ground { path, reaper, counter: AtomicU32::new(0) })))
    }

    /// A new lab for a test that needs this rtorrent; where that cannot be had, [`skip`]s the test
    /// and returns `None`.
    pub fn with(flavour: Flavour) -> Option<Self> {
        let lab = flavour.program().and_then(|_| Self::new());
        lab.map_err(skip).ok()
    }

    /// The lab's directory: absolute, short, without a symlink in it, 0755.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// A directory in the lab, made (0755 whatever the umask) if it is not there.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).during(format!("make {}", path.display()))?;
        let mut step = path.as_path();
        while step != self.path() {
            fs::set_permissions(step, fs::Permissions::from_mode(0o755))
                .during(format!("open {}", step.display()))?;
            step = step.parent().unwrap_or(self.path());
        }
        Ok(path)
    }

    /// A file in the lab with these bytes, 0644; the directories above it are made.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path().join(name);
        if let Some(parent) = name.rsplit_once('/').map(|(parent, _)| parent) {
            self.folder(parent)?;
        }
        let what = || format!("write {}", path.display());
        fs::write(&path, bytes).during(what())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).during(what())?;
        Ok(path)
    }

    /// A name that nothing else in this lab has.
    pub fn fresh(&self, stem: &str) -> String {
        format!("{stem}{}", self.0.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// The processes of this lab that run `program` (its path is among their arguments), whoever
    /// started them: a hook in the middle of its work, say, to be killed.
    pub fn running(&self, program: impl AsRef<Path>) -> Result<Vec<Pid>> {
        let mark = [MARK.as_bytes(), b"=", self.path().as_os_str().as_bytes()].concat();
        let holds = |file: PathBuf, word: &[u8]| {
            let words = fs::read(file).unwrap_or_default();
            words.split(|byte| *byte == 0).any(|one| one == word)
        };
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").during("list processes")? {
            let process = entry.during("list processes")?.path();
            let pid = process.file_name().and_then(|name| name.to_str()?.parse().ok());
            if let Some(pid) = pid
                && holds(process.join("cmdline"), program.as_ref().as_os_str().as_bytes())
                && holds(process.join("environ"), &mark)
            {
                found.push(Pid::from_raw(pid));
            }
        }
        Ok(found)
    }

    /// A program to be run to its end by the caller, marked for the reaper.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env(MARK, self.path()).env("HOME", self.path());
        command
    }

    /// An rtorrent to be started from the shipped configuration.
    pub fn rtorrent(&self, flavour: Flavour) -> Builder {
        Builder::new(self.clone(), flavour)
    }

    /// A started tracker that serves the torrents it is told of.
    pub fn tracker(&self) -> Result<Tracker> {
        Tracker::start(self, None)
    }

    /// The same on a machine of a [`Net`](crate::Net).
    pub fn tracker_on(&self, machine: &Machine) -> Result<Tracker> {
        Tracker::start(self, Some(machine))
    }

    /// A started web server for a document root; often a `current` link that is not there yet.
    pub fn nginx(&self, docroot: impl AsRef<Path>) -> Result<Nginx> {
        nginx::Builder::new(self, docroot.as_ref()).start()
    }

    /// A torrent to be made of a file or directory.
    pub fn torrent(&self, payload: impl AsRef<Path>) -> torrent::Builder<'_> {
        torrent::Builder::new(self, payload.as_ref())
    }

    /// A new signing key.
    pub fn signer(&self) -> Result<Signer> {
        Signer::generate(self)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        let _ = self.reaper.wait();
    }
}

/// Says that this test is skipped and why: on standard error, which a runner hides when a test
/// passes, and in the file that `$SEEDSHIP_SKIPPED` names, which `make test` prints at its end.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn skip(reason: impl fmt::Display) {
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    eprintln!("skipped: {test}: {reason}");
    if let Some(file) = std::env::var_os("SEEDSHIP_SKIPPED") {
        let file = fs::File::options().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| writeln!(file, "skipped: {test}: {reason}"));
    }
}

/// Whether this process may do everything: root ignores modes, and some programs drop to another
/// user when root starts them.
pub fn as_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A command that runs `program` as an ordinary user: as nobody when this process is root, who
/// ignores every mode; otherwise as it is.
pub fn as_ordinary_user(program: impl AsRef<OsStr>) -> Command {
    if !as_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(program);
    command
}

/// A TCP port of this address that was free a moment ago. Another process may take it before it
/// is used: who gets one tries again with the next.
pub fn free_port(address: Ipv4Addr) -> Result<u16> {
    let listener = TcpListener::bind((address, 0)).during("find a free port")?;
    Ok(listener.local_addr().during("find a free port")?.port())
}

/// A loopback address that no other node has. rtorrent knows one peer an address, whatever its
/// port: nodes that shared 127.0.0.1 would, now and then, refuse each other for ten minutes.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let [.., node] = (NEXT.fetch_add(1, Ordering::Relaxed) % 254 + 1).to_be_bytes();
    // The upper half of 127/8: not where programs of the machine itself listen.
    Ipv4Addr::new(127, high | 128, low, node)
}

/// The root of the checkout, where the shipped files are.
pub fn workspace() -> &'static Path {
    const CRATE: &str = env!("CARGO_MANIFEST_DIR");
    Path::new(CRATE).ancestors().nth(2).unwrap_or(Path::new(CRATE))
}

/// Asks again every few milliseconds until `ask` has an answer; an error once `limit` is over.
pub fn await_until<T>(
    what: impl fmt::Display,
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if begin.elapsed() > limit {
            return Err(Error::new(format!("{what}: not within {limit:?}")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// [`await_until`] for a condition, with 20 s: generous, for two test runs may share the machine.
pub fn await_for(what: impl fmt::Display, mut condition: impl FnMut() -> bool) -> Result<()> {
    await_until(what, Duration::from_secs(20), || Ok(condition().then_some(())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owned::Owned;

    #[test]
    fn the_reaper_ends_what_escaped_and_takes_the_directory_away() {
        let lab = Lab::new().unwrap();
        let path = lab.path().to_owned();
        let mut shell = Command::new("sh");
        shell.args(["-c", "setsid sleep 1000 & wait"]);
        let owner = Owned::spawn(&lab, "escape", &mut shell).unwrap();
        // It begins as `setsid`: it has escaped once it is `sleep`.
        let is_sleep = |pid: &Pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"sleep"))
        };
        let pid = await_until("its pid", Duration::from_secs(5), || {
            Ok(lab.running("sleep")?.into_iter().find(is_sleep))
        })
        .unwrap();
        let process = PathBuf::from(format!("/proc/{pid}"));
        drop(owner);
        assert_eq!(lab.running("sleep").unwrap(), [pid], "its owner cannot reach it");
        drop(lab);
        assert!(!path.exists());
        await_for("its end", || {
            fs::read_to_string(process.join("stat")).map_or(true, |stat| stat.contains(") Z "))
        })
        .unwrap();
    }

    #[test]
    fn an_ordinary_user_is_not_root() {
        let id = as_ordinary_user("id").arg("-u").output().unwrap().stdout;
        assert_ne!(id, b"0\n");
        assert!(!id.is_empty());
    }
}

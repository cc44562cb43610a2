//! One web server: an rtorrent with the hook, a configuration, an app's root, nginx, a log.

use crate::release::{Release, Source};
use lab::{
    Error, Flavour, Lab, Node, Result, await_until,
    nginx::Nginx,
    syslog::{Listener, Message},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// What is worse than informational (RFC 5424).
const ERROR_OR_WARNING: u8 = 4;

/// A web server.
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) node: Node,
    pub(crate) nginx: Nginx,
    pub(crate) root: PathBuf,
    lab: Lab,
    seedship: PathBuf,
    config: PathBuf,
    checkpoints: PathBuf,
    log: Listener,
}

/// What a command came to.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// A hook that waits at a checkpoint.
pub(crate) struct Parking {
    asked: PathBuf,
    reached: PathBuf,
}

impl Host {
    /// Starts everything of it; `nginx` serves `current`, which is not there yet. It takes what this
    /// key has signed.
    pub(crate) fn start(lab: &Lab, name: &'static str, public_key: &str) -> Result<Self> {
        let root = lab.folder(&format!("{name}/www/site"))?;
        let checkpoints = lab.folder(&format!("{name}/checkpoints"))?;
        let seedship = beside_this_program("seedship")?;
        let base = lab.path().join(name);
        let log = base.join("log.sock");
        let config = format!(
            r#"[rtorrent]
scgi    = "{base}/run/rpc.sock"
session = "{base}/session"

[log]
socket = "{log}"

[apps.site]
match       = "site-{{version}}.tar.zst"
root        = "{root}"
public_keys = ["{public_key}"]
min_free    = "16MiB"
"#,
            base = base.display(),
            log = log.display(),
            root = root.display(),
        );
        let config = lab.write(&format!("{name}/seedship.toml"), config)?;
        let log = Listener::bind(&log)?;
        let node = lab
            .rtorrent(Flavour::Old)
            .name(name)
            .hook(&seedship)
            .env("SEEDSHIP_CONFIG", &config)
            .env("SEEDSHIP_CHECKPOINTS", &checkpoints)
            .set("min_free", "64M")
            // The sweep is for the one who watches to type.
            .schedule("seedship_sweep", 600, 600)
            .start()?;
        let nginx = lab.nginx(root.join("current"))?;
        let lab = lab.clone();
        Ok(Self { name, node, nginx, root, lab, seedship, config, checkpoints, log })
    }

    /// Runs a command of Seedship, as an operator of this host would.
    pub(crate) fn seedship(&self, args: &[&str]) -> Result<Answer> {
        let began = Instant::now();
        let mut command: Command = self.lab.command(&self.seedship);
        command.args(args).env("SEEDSHIP_CONFIG", &self.config);
        let output = command.output().map_err(|e| Error::new(format!("run seedship: {e}")))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok(Answer {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            took: began.elapsed(),
        })
    }

    /// Runs a command that must succeed.
    pub(crate) fn good(&self, args: &[&str]) -> Result<Answer> {
        let answer = self.seedship(args)?;
        match answer.code {
            Some(0) => Ok(answer),
            code => Err(Error::new(format!(
                "seedship {} on {}: exit code {code:?}: {}",
                args.join(" "),
                self.name,
                answer.stderr
            ))),
        }
    }

    /// Whether nginx answers a page of exactly this version.
    pub(crate) fn serves(&self, source: &Source, version: &str) -> bool {
        let answer = self.nginx.get(source.front());
        answer.is_ok_and(|(status, body)| status == 200 && body == source.body(version))
    }

    /// Waits until a release is live, and returns the line of log that says so. What is tried again
    /// by itself (75) has not failed yet.
    pub(crate) fn await_live(&self, source: &Source, release: &Release) -> Result<String> {
        let line = self.await_line(release, |message| {
            let ended = message.severity <= ERROR_OR_WARNING && !message.text.contains(" exit=75 ");
            match ended {
                true => Err(Error::new(format!("{}: {}", self.name, message.text))),
                false => Ok(message.text.contains(" is live")),
            }
        })?;
        match self.serves(source, release.version) {
            true => Ok(line),
            false => Err(Error::new(format!("{} does not serve {}", self.name, release.version))),
        }
    }

    /// Waits until a release is refused, and returns the line of log that says so.
    pub(crate) fn await_refused(&self, release: &Release) -> Result<String> {
        self.await_line(release, |message| match message.text.contains(" is live") {
            true => Err(Error::new(format!("{}: {}", self.name, message.text))),
            false => Ok(message.severity <= ERROR_OR_WARNING),
        })
    }

    /// Waits for a line about a release that `wanted` takes.
    fn await_line(
        &self,
        release: &Release,
        wanted: impl Fn(&Message) -> Result<bool>,
    ) -> Result<String> {
        let what = format!("{}: the hook tells of {}", self.name, release.version);
        let awaited = await_until(what, patience(release), || {
            // 0.9.8 sleeps to the next full second unless somebody calls.
            let _ = self.node.number("d.complete", &release.torrent.hash);
            for message in self.about(release)? {
                match wanted(&message) {
                    Ok(false) => {}
                    Ok(true) => return Ok(Some(Ok(message.text))),
                    Err(unwanted) => return Ok(Some(Err(unwanted))),
                }
            }
            Ok(None)
        });
        awaited.map_err(|late| self.where_it_stands(late, release))?
    }

    /// Adds to a time-out how far the download and the deploy came.
    fn where_it_stands(&self, late: Error, release: &Release) -> Error {
        let ask = |method| self.node.number(method, &release.torrent.hash).unwrap_or(-1);
        let (complete, peers) = (ask("d.complete"), ask("d.peers_connected"));
        let lines = self.log.messages().unwrap_or_default();
        let last = lines.last().map_or("nothing", |message| &message.text);
        Error::new(format!("{late}; complete {complete}, peers {peers}, last in the log: {last}"))
    }

    /// The line of log with this word in it, which must be there.
    pub(crate) fn said(&self, word: &str) -> Result<String> {
        let found = self.log.messages()?.into_iter().find(|message| message.text.contains(word));
        let missing = || Error::new(format!("{}: no line of log says `{word}`", self.name));
        found.map(|message| message.text).ok_or_else(missing)
    }

    /// What the log says about a release.
    fn about(&self, release: &Release) -> Result<Vec<Message>> {
        let mut messages = self.log.messages()?;
        messages.retain(|message| message.text.contains(&release.torrent.hash));
        Ok(messages)
    }

    /// Makes the next hook that comes to this checkpoint wait there.
    pub(crate) fn park_at(&self, checkpoint: &str) -> Result<Parking> {
        let asked = self.checkpoints.join(checkpoint);
        let reached = self.checkpoints.join(format!("{checkpoint}.reached"));
        fs::write(&asked, "").map_err(|e| Error::new(format!("{}: {e}", asked.display())))?;
        Ok(Parking { asked, reached })
    }

    /// Waits for the hook at the checkpoint and returns its process id.
    pub(crate) fn await_parked(&self, parking: &Parking, release: &Release) -> Result<i32> {
        let features = "is it built with --features seedship/checkpoints?";
        let what = format!("{}: the hook at a kill point ({features})", self.name);
        let awaited = await_until(what, patience(release), || {
            let _ = self.node.number("d.complete", &release.torrent.hash);
            Ok(fs::read_to_string(&parking.reached).ok().and_then(|pid| pid.parse().ok()))
        });
        awaited.map_err(|late| self.where_it_stands(late, release))
    }
}

impl Parking {
    /// SIGKILL: no destructor runs, nothing is put away, as after a power cut.
    pub(crate) fn kill(self, pid: i32) -> Result<()> {
        let failed = |e: &dyn std::fmt::Display| Error::new(format!("kill the hook {pid}: {e}"));
        kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|e| failed(&e))?;
        await_until(format!("the end of the hook {pid}"), Duration::from_secs(20), || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
            Ok(stat.map_or(true, |stat| stat.contains(") Z ")).then_some(()))
        })?;
        fs::remove_file(&self.asked)
            .and_then(|()| fs::remove_file(&self.reached))
            .map_err(|e| failed(&e))
    }
}

/// How long a download and its deploy may take: generous, for a busy machine.
fn patience(release: &Release) -> Duration {
    Duration::from_secs(60 + release.size / (4 << 20))
}

/// A program that was built together with this one.
pub(crate) fn beside_this_program(name: &str) -> Result<PathBuf> {
    let me = std::env::current_exe().map_err(|e| Error::new(format!("find this program: {e}")))?;
    let program = me.with_file_name(name);
    match program.is_file() {
        true => Ok(program),
        false => {
            Err(Error::new(format!("{} is not built: make demo builds it", program.display())))
        }
    }
}

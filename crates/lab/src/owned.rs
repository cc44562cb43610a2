//! A program of the lab that runs until its owner is dropped.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, MARK, await_until};

/// A child process in a process group of its own, marked for the lab's reaper, its output in a
/// file. Dropping it kills the group and waits.
#[derive(Debug)]
pub struct Owned {
    name: String,
    child: Child,
    log: PathBuf,
    /// Keeps the directory while the process may write into it.
    lab: Lab,
}

impl Owned {
    /// Starts `command`; what it prints goes to `NAME.log` in the lab (appended: a restart keeps
    /// what was said before).
    pub fn spawn(lab: &Lab, name: &str, command: &mut Command) -> Result<Self> {
        let log = lab.path().join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).during("open a log")?;
        let err = out.try_clone().during("open a log")?;
        let child = command
            .env(MARK, lab.path())
            .env("HOME", lab.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .during(format!("start {}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log, lab: lab.clone() })
    }

    /// Its process id, which is its process group too.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file with what it printed.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The lab it runs in.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Sends a signal to the process alone, not to its children.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(self.group(), signal).during(format!("send {signal} to {}", self.name))
    }

    /// Its exit status once it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().during(format!("wait for {}", self.name))
    }

    /// Waits until it has ended by itself or by a signal sent before.
    pub fn await_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        await_until(what, limit, || self.ended())
    }

    /// Waits for `ready`; an error with the last lines it printed if it ends before, or never is.
    pub fn await_ready(&mut self, mut ready: impl FnMut() -> bool) -> Result<()> {
        let what = format!("{} ready", self.name);
        let outcome = await_until(what, Duration::from_secs(20), || match self.ended()? {
            Some(status) => {
                let how = status.signal().map_or_else(
                    || format!("exit code {}", status.code().unwrap_or_default()),
                    |signal| format!("signal {signal}"),
                );
                Err(Error::new(format!("{} ended at its start ({how})", self.name)))
            }
            None => Ok(ready().then_some(())),
        });
        outcome.map_err(|e| Error::new(format!("{e}; it said:\n{}", self.tail())))
    }

    /// The end of what it printed.
    pub fn tail(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&said[said.len().saturating_sub(2000)..]).into_owned()
    }

    fn group(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // The child is not waited for yet, so its pid, and with it the group, is still its own.
        if let Ok(None) = self.child.try_wait() {
            let _ = killpg(self.group(), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

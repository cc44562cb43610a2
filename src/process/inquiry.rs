//! A copy of this program that looks at something which may hang, and is waited for only so long.
//!
//! A process in the middle of a system call on a dead file server may not even be killed. So whoever
//! must answer in time lets a child look, and goes on without it when the time is over.

use crate::error::{Context, Error, Exit, Result};
use std::{
    ffi::OsString,
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// What a child may tell, in bytes: an app with some thousand releases.
const MOST: u64 = 4 << 20;

/// A child that was started.
pub struct Inquiry {
    child: Child,
    told: Receiver<io::Result<Vec<u8>>>,
}

impl Inquiry {
    /// Starts a child of this program with these arguments, the program's name left out.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(args: &[OsString]) -> Result<Self> {
        // The same file even if a new version was installed meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("seedship").args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().on("start", "/proc/self/exe")?;
        let stdout = child.stdout.take();
        let (tell, told) = channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.map(|out| out.take(MOST).read_to_end(&mut bytes));
            // Whoever asked may have gone on.
            let _ = tell.send(read.unwrap_or(Ok(0)).map(|_| bytes));
        });
        Ok(Self { child, told })
    }

    /// What it told until then.
    ///
    /// # Errors
    /// 75 if it was not done: it is killed, and not waited for. 70 if it ended in another way than
    /// by telling something.
    pub fn answer(mut self, of: &str, until: Instant) -> Result<Vec<u8>> {
        let left = until.saturating_duration_since(Instant::now());
        match self.told.recv_timeout(left.max(Duration::from_millis(1))) {
            Ok(Ok(bytes)) if !bytes.is_empty() => {
                // Its output is closed: it is gone, or as good as that.
                let _ = self.child.wait();
                Ok(bytes)
            }
            Ok(_) => {
                let _ = self.child.kill();
                let cause = "the process that looked ended without an answer";
                Err(Error::new(Exit::Bug, "look at", of, cause).hint("`dmesg` may say why"))
            }
            Err(_) => {
                let _ = self.child.kill();
                let cause = "no answer in time";
                Err(Error::new(Exit::Again, "look at", of, cause)
                    .hint("does the disk of its root hang? `dmesg` and `df` say")
                    .unrecorded())
            }
        }
    }
}

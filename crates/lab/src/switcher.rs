//! Changes a link between two releases as fast as it goes, while somebody looks.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{During, Error, Result};
use crate::site::run;

/// The two releases that are switched between; the first is live when nothing was switched yet.
pub const VERSIONS: [&str; 2] = ["1.0", "2.0"];

/// A running loop. Dropping it stops it.
#[derive(Debug)]
pub struct Switcher {
    stop: Arc<AtomicBool>,
    switches: Arc<AtomicU64>,
    began: Instant,
    thread: Option<JoinHandle<Result<()>>>,
}

/// How often it switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// Switches done.
    pub count: u64,
    /// In this time.
    pub took: Duration,
}

impl Switches {
    /// Switches in each second.
    pub fn per_second(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

impl Switcher {
    /// Starts a thread that makes its switch and then calls it with each version in turn. The
    /// first error ends it, and is told by [`stop`](Self::stop).
    pub fn start<S>(make: impl FnOnce() -> Result<S> + Send + 'static) -> Result<Self>
    where
        S: FnMut(&str) -> Result<()>,
    {
        let (stop, switches) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (stop.clone(), switches.clone());
        let turns = move || {
            let mut switch = make()?;
            for version in VERSIONS.iter().rev().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                switch(version)?;
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let builder = std::thread::Builder::new().name("switcher".to_owned());
        let thread = Some(builder.spawn(turns).during("start a switcher")?);
        Ok(Self { stop, switches, began: Instant::now(), thread })
    }

    /// The switches so far; the loop goes on.
    pub fn switches(&self) -> Switches {
        Switches { count: self.switches.load(Ordering::Relaxed), took: self.began.elapsed() }
    }

    /// Ends it after the switch that is being made, and returns how often it switched.
    pub fn stop(mut self) -> Result<Switches> {
        let switches = self.switches();
        self.join()?;
        Ok(switches)
    }

    fn join(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        ended.unwrap_or(Ok(Ok(()))).unwrap_or_else(|_| Err(Error::new("the switcher panicked")))
    }
}

impl Drop for Switcher {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// Removes the link and makes it anew: what `rm` and `ln -s` do, and some deployment tools.
pub fn unlink_symlink(current: &Path) -> impl FnMut(&str) -> Result<()> + use<> {
    let current = current.to_owned();
    move |version| {
        fs::remove_file(&current).during("unlink")?;
        symlink(link_text(version), &current).during("symlink")
    }
}

/// `ln -sfn` of BusyBox, which removes the link and makes it anew too.
pub fn busybox_ln(current: &Path) -> impl FnMut(&str) -> Result<()> + use<> {
    forced(Path::new("busybox"), &["ln"], current)
}

/// `ln -sfn` of the system: GNU's on Debian, which since coreutils 8.27 makes a temporary link and
/// renames it.
pub fn gnu_ln(current: &Path) -> impl FnMut(&str) -> Result<()> + use<> {
    forced(Path::new("ln"), &[], current)
}

fn forced(
    program: &'static Path,
    args: &'static [&'static str],
    current: &Path,
) -> impl FnMut(&str) -> Result<()> + use<> {
    let current = current.to_owned();
    move |version| {
        let mut ln = Command::new(program);
        run(ln.args(args).arg("-sfn").arg(link_text(version)).arg(&current)).map(drop)
    }
}

/// What the link says for a version.
pub fn link_text(version: &str) -> String {
    format!("releases/{version}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Lab, await_for};

    fn alternates<S>(of: impl FnOnce(&Path) -> S)
    where
        S: FnMut(&str) -> Result<()> + Send + 'static,
    {
        let lab = Lab::new().unwrap();
        let current = lab.path().join("current");
        symlink(link_text(VERSIONS[0]), &current).unwrap();
        let switch = of(&current);
        let switcher = Switcher::start(|| Ok(switch)).unwrap();
        for version in [VERSIONS[1], VERSIONS[0], VERSIONS[1]] {
            let there =
                || fs::read_link(&current).is_ok_and(|is| is == Path::new(&link_text(version)));
            await_for(version, there).unwrap();
        }
        assert!(switcher.stop().unwrap().count >= 2);
    }

    #[test]
    fn each_way_switches_to_and_fro() {
        alternates(unlink_symlink);
        alternates(busybox_ln);
        alternates(gnu_ln);
    }

    #[test]
    fn what_stops_it_is_told() {
        let switcher = Switcher::start(|| Ok(|_: &str| Err(Error::new("no")))).unwrap();
        await_for("its end", || switcher.thread.as_ref().is_none_or(JoinHandle::is_finished))
            .unwrap();
        assert_eq!(switcher.stop().unwrap_err().to_string(), "no");
    }
}

//! What must go when publishing is given up: by an error, or by a signal.
//!
//! The process lists whatever has a passing name on the disk. A value of [`Leftover`] takes its own
//! away when it is dropped; Ctrl-C and SIGTERM drop nothing, so a thread waits for them, empties the
//! list, and lets the process end by that very signal. SIGKILL leaves what has a name.

use nix::sys::signal::{SigSet, Signal, raise};
use std::{
    fs, io, mem,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

static LIST: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How often a directory is tried that is being filled while it is removed.
const TRIES: u32 = 20;

fn list() -> MutexGuard<'static, Vec<PathBuf>> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something with a passing name; dropped, it is removed.
#[derive(Debug)]
pub(super) struct Leftover(PathBuf);

impl Leftover {
    /// Lists a path, before anything is made there.
    pub(super) fn at(path: PathBuf) -> Self {
        list().push(path.clone());
        Self(path)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// It has another name by now, and stays.
    pub(super) fn keep(self) {
        strike(&self.0);
        mem::forget(self);
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        remove(&self.0);
        strike(&self.0);
    }
}

fn strike(path: &Path) {
    list().retain(|listed| listed != path);
}

fn remove(path: &Path) {
    for _ in 0..TRIES {
        let removed = match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(_) => return,
        };
        if removed.is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// As long as this lives, a signal that ends the process takes the leftovers away first.
#[must_use]
pub(super) struct Tidy {
    waited_for: SigSet,
}

impl Tidy {
    /// To be called before any other thread is started: threads have the signal mask of who starts
    /// them.
    pub(super) fn begin() -> io::Result<Self> {
        let blocked = SigSet::thread_get_mask()?;
        let ignored = ignored(&fs::read_to_string("/proc/self/status")?);
        // Who was started with one of them blocked or ignored (nohup(1)) keeps it so.
        let ends = |signal: &Signal| !blocked.contains(*signal) && ignored & bit(*signal) == 0;
        let all = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
        let waited_for: SigSet = all.into_iter().filter(ends).collect();
        waited_for.thread_block()?;
        thread::Builder::new().name("signals".into()).spawn(move || end_by(&waited_for))?;
        Ok(Self { waited_for })
    }
}

impl Drop for Tidy {
    fn drop(&mut self) {
        let _ = self.waited_for.thread_unblock();
    }
}

/// The mask of ignored signals in what proc(5) says of a process.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn bit(signal: Signal) -> u64 {
    1 << (signal as u32 - 1)
}

fn end_by(waited_for: &SigSet) {
    let Ok(signal) = waited_for.wait() else { return };
    // Nobody may list another one from here on.
    let listed = list();
    listed.iter().for_each(|path| remove(path));
    let _ = waited_for.thread_unblock();
    let _ = raise(signal);
    drop(listed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_stands_in_the_status() {
        let ignored = ignored("Name:\tx\nSigIgn:\t0000000000000003\nSigCgt:\tff\n");
        assert_eq!(ignored & bit(Signal::SIGHUP), 1);
        assert_ne!(ignored & bit(Signal::SIGINT), 0);
        assert_eq!(ignored & bit(Signal::SIGTERM), 0);
    }

    #[test]
    fn what_is_dropped_goes_and_what_got_its_name_stays() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["gone", "kept"] {
            fs::write(at(name), "").unwrap();
        }
        drop(Leftover::at(at("gone")));
        Leftover::at(at("kept")).keep();
        assert!(!at("gone").exists() && at("kept").exists());
        assert!(!list().iter().any(|path| path.starts_with(dir.path())));
    }
}

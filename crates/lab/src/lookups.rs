//! Threads that look a file up in a tight loop, and count how often it was not there.
//!
//! Nothing but the system call lies between two lookups: a gap that a web server could fall into
//! is met here far more often.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::error::{During, Result};

/// Counts are handed over this often, so that counting costs nothing.
const BATCH: u64 = 1024;

/// What has been counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// All lookups.
    pub lookups: u64,
    /// Those that found nothing (`ENOENT`).
    pub missing: u64,
    /// Those that failed in any other way.
    pub other: u64,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    lookups: AtomicU64,
    missing: AtomicU64,
    other: AtomicU64,
}

/// Running threads. Dropping it stops them.
#[derive(Debug)]
pub struct Lookups {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Lookups {
    /// Starts threads on one path: each second one opens it, the others ask for its metadata.
    pub fn start(path: &Path, threads: usize) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads)
            .map(|n| {
                let (path, shared) = (path.to_owned(), shared.clone());
                let opens = n % 2 == 1;
                let name = format!("lookups-{n}");
                std::thread::Builder::new().name(name).spawn(move || shared.run(&path, opens))
            })
            .collect::<io::Result<Vec<_>>>()
            .during("start lookups")?;
        Ok(Self { shared, threads })
    }

    /// The counts of this moment; the threads go on.
    pub fn found(&self) -> Found {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Shared { lookups, missing, other, .. } = &*self.shared;
        Found { lookups: read(lookups), missing: read(missing), other: read(other) }
    }

    /// Ends them and returns the counts.
    pub fn stop(mut self) -> Found {
        self.join();
        self.found()
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Drop for Lookups {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn run(&self, path: &Path, opens: bool) {
        while !self.stop.load(Ordering::Relaxed) {
            let (mut missing, mut other) = (0, 0);
            for _ in 0..BATCH {
                let outcome = match opens {
                    true => File::open(path).map(drop),
                    false => fs::metadata(path).map(drop),
                };
                match outcome {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::NotFound => missing += 1,
                    Err(_) => other += 1,
                }
            }
            self.missing.fetch_add(missing, Ordering::Relaxed);
            self.other.fetch_add(other, Ordering::Relaxed);
            self.lookups.fetch_add(BATCH, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Lab, await_for};

    #[test]
    fn what_is_there_and_what_is_not() {
        let lab = Lab::new().unwrap();
        let file = lab.write("file", "").unwrap();
        let lookups = Lookups::start(&file, 2).unwrap();
        await_for("lookups", || lookups.found().lookups > 10 * BATCH).unwrap();
        assert_eq!((lookups.found().missing, lookups.found().other), (0, 0));
        fs::remove_file(&file).unwrap();
        await_for("missing ones", || lookups.found().missing > BATCH).unwrap();
        assert_eq!(lookups.stop().other, 0);

        let below_a_file = lab.write("file", "").unwrap().join("below");
        let lookups = Lookups::start(&below_a_file, 2).unwrap();
        await_for("other failures", || lookups.found().other > BATCH).unwrap();
        assert_eq!(lookups.stop().missing, 0);
    }
}

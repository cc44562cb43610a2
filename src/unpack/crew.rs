//! The threads beside the one that reads an archive: they decode whole frames and write files.
//!
//! They are started by the thread that is confined, so they are confined as it is, and have ended
//! before it goes on. What goes between them lies in buffers of a fixed number ([`Pool`]) and in
//! bounded queues: who reads waits for who writes. Nobody waits for one that waits for him: writers
//! and decoders let go of their buffers before they take the next work, and the reader waits for
//! them with nothing in his hands that they need.

use super::{
    queue::Queue,
    tree::Modes,
    writer::{Done, Job, Writer},
    zstd::Frame,
};
use crate::{
    error::{Error, Exit, Result},
    verify::Pool,
};
use std::{
    io,
    num::NonZero,
    panic,
    sync::atomic::{AtomicU64, Ordering},
    thread::{self, Scope, ScopedJoinHandle},
};

/// How many there are, and what they have in their hands together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hands {
    /// Threads that write files.
    pub(super) writers: usize,
    /// Threads that decode frames, for a payload that has some.
    pub(super) decoders: usize,
    /// Buffers for what is decoded as a stream and for small files; three at least.
    pub(super) chunks: usize,
    /// Bytes of each.
    pub(super) chunk: usize,
    /// Bytes of the largest frame that is decoded whole.
    pub(super) frame: usize,
}

/// What [`Hands::chunks`] of [`Hands::chunk`] bytes hold together. It does not depend on the machine.
pub(super) const CHUNKS: u64 = 4 << 20;

impl Hands {
    /// As many as this machine has use for. A file that waits to be written is an open descriptor of
    /// its directory, and rtorrent may have left few: hence a most.
    pub(super) fn of_machine() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            writers: processors.clamp(1, 4),
            decoders: processors.clamp(1, 8),
            chunks: 16,
            chunk: (CHUNKS / 16) as usize,
            frame: 2 << 20,
        }
    }
}

/// What the threads share.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) hands: Hands,
    pub(super) chunks: Pool,
    /// Files to be written, in the archive's order.
    pub(super) jobs: Queue<Job>,
    /// What became of them, in any order.
    pub(super) done: Queue<Vec<Done>>,
    /// Frames to be decoded.
    pub(super) frames: Queue<Frame>,
    pub(super) modes: Modes,
    /// The first entry that is known to be refused: nothing behind it matters.
    refused: AtomicU64,
}

impl Crew {
    pub(super) fn new(hands: Hands, modes: Modes) -> Self {
        Self {
            hands,
            chunks: Pool::new(hands.chunks, hands.chunk),
            jobs: Queue::new(hands.writers),
            done: Queue::new(usize::MAX),
            frames: Queue::new(usize::MAX),
            modes,
            refused: AtomicU64::new(u64::MAX),
        }
    }

    /// Says that an entry is refused.
    pub(super) fn refuse(&self, index: u64) {
        self.refused.fetch_min(index, Ordering::Relaxed);
    }

    /// Whether an entry still matters: none before it was refused.
    pub(super) fn wants(&self, index: u64) -> bool {
        index < self.refused.load(Ordering::Relaxed)
    }

    /// Works with all hands, once: they have ended when it returns. `frames`: decoders as well.
    ///
    /// # Errors
    /// The work's own, and 74 if no thread can be started.
    pub(super) fn staffed<T>(&self, frames: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
        thread::scope(|scope| {
            let end = End(self);
            let mut threads =
                self.start(scope, "unpack-write", self.hands.writers, || Writer::new(self).run())?;
            if frames {
                let decode = || super::zstd::decode(&self.frames);
                threads.extend(self.start(scope, "unpack-decode", self.hands.decoders, decode)?);
            }
            let result = work();
            drop(end);
            for thread in threads {
                thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked));
            }
            result
        })
    }

    /// Starts so many threads; fewer, if the system has no more to give.
    fn start<'s, 'e>(
        &'e self,
        scope: &'s Scope<'s, 'e>,
        name: &str,
        count: usize,
        work: impl Fn() + Send + Copy + 's,
    ) -> Result<Vec<ScopedJoinHandle<'s, ()>>> {
        let start = |_| {
            thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, move || {
                // Were it to panic, whoever waits for it must not wait for ever.
                let end = EndIfPanicking(self);
                work();
                drop(end);
            })
        };
        let (mut threads, mut refused) = (Vec::new(), None);
        for started in (0..count).map(start) {
            match started {
                Ok(thread) => threads.push(thread),
                Err(e) => refused = Some(e),
            }
        }
        match refused {
            Some(e) if threads.is_empty() => Err(Error::io("start", "a thread to unpack with", &e)),
            _ => Ok(threads),
        }
    }
}

/// Sends everybody home.
struct End<'c>(&'c Crew);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.jobs.close();
        self.0.frames.close();
        self.0.done.close();
    }
}

/// The same, if the thread that holds it panics.
struct EndIfPanicking<'c>(&'c Crew);

impl Drop for EndIfPanicking<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.jobs.abandon();
            self.0.frames.abandon();
            self.0.done.close();
        }
    }
}

/// Another thread ended without a word: it has panicked, which [`Crew::staffed`] tells.
pub(super) fn deserted() -> Error {
    Error::new(Exit::Bug, "unpack", "the payload", "a thread that helps has ended")
}

/// The same for a stream.
pub(super) fn deserted_io() -> io::Error {
    io::Error::other(deserted())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpack::{entry::Time, plan::Mode, writer::New};
    use std::{fs::File, panic::AssertUnwindSafe, sync::Arc};

    fn crew() -> Crew {
        let hands = Hands { writers: 2, decoders: 2, chunks: 3, chunk: 8, frame: 64 };
        Crew::new(hands, Modes::new(Mode::Public, 0))
    }

    /// Whoever waits for a thread that panics must learn of it, and the panic comes out.
    #[test]
    fn a_thread_that_panics_leaves_nobody_waiting() {
        let crew = crew();
        let dir = tempfile::tempdir().unwrap();
        let new = New {
            index: 0,
            directory: Arc::new(File::open(dir.path()).unwrap().into()),
            path: "a".into(),
            mode: 0o644,
            time: Time { seconds: 1, nanos: 0 },
            // More than there is in the buffer.
            size: 9,
        };
        let mut heard = None;
        let worked = panic::catch_unwind(AssertUnwindSafe(|| {
            crew.staffed(true, || {
                crew.jobs.add(Job::Small(vec![new], crew.chunks.take())).unwrap();
                heard = Some(crew.done.take().is_none());
                Ok(())
            })
        }));
        assert!(worked.is_err());
        assert_eq!(heard, Some(true));
    }

    /// Its own panic comes out as well, and the others go home.
    #[test]
    fn who_reads_may_panic() {
        let crew = crew();
        let work = AssertUnwindSafe(|| crew.staffed(true, || -> Result<()> { panic!("read") }));
        let panicked = panic::catch_unwind(work).unwrap_err();
        assert_eq!(panicked.downcast_ref(), Some(&"read"));
    }

    #[test]
    fn nothing_behind_a_refusal_is_wanted() {
        let crew = crew();
        crew.refuse(7);
        crew.refuse(9);
        assert!(crew.wants(6) && !crew.wants(7) && !crew.wants(8));
    }
}

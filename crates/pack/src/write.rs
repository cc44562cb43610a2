//! Writes the archive.
//!
//! One thread reads the tree and cuts its stream into parts, as many as were asked for compress
//! them, and the caller's thread writes the frames in their order. The order is that of the
//! receivers in a queue, one for each part, which also bounds how many parts are on their way: memory
//! does not grow with the tree. The bytes depend on none of this.

use crate::{
    Frame, PackError, Tree,
    frame::Encoder,
    seek,
    stream::{self, Part, Pool, Stop},
};
use std::{
    io::{self, Write},
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
};

/// How to pack.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The level of zstd, 1 to 19.
    pub level: i32,
    /// How many threads compress. The bytes do not depend on it. Each costs memory: up to some 5 MiB
    /// at level 3, 20 MiB at level 12.
    pub threads: NonZeroUsize,
}

impl Options {
    /// The level for whoever names none: what `zstd` itself does. From 6 on an archive is a tenth
    /// smaller and takes three times the processor's time, at 12 six times.
    pub const LEVEL: i32 = 3;
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// The frames in their order; their lengths add up to all but the seek table.
    pub frames: Vec<Frame>,
    /// Bytes of the archive, the seek table included.
    pub length: u64,
}

/// A part on its way to whoever compresses it.
struct Job {
    content: Vec<u8>,
    done: Sender<Done>,
}

/// What came of a part: its frame, the frame's bytes.
type Done = io::Result<(Frame, Vec<u8>)>;

/// A frame to come, and the bytes of files that are in with it.
type Awaited = (Receiver<Done>, u64);

/// Packs a tree into `out`; `progress` is told how many bytes of the files are in so far.
///
/// # Errors
/// A file that cannot be read or changed meanwhile, and what `out` says. What was written until
/// then is worth nothing.
pub fn pack<W: Write>(
    tree: &Tree,
    options: Options,
    mut out: W,
    progress: &mut dyn FnMut(u64),
) -> Result<Packed, PackError> {
    let pool = Pool::default();
    let (jobs, work) = mpsc::channel();
    let work = Mutex::new(work);
    // Four parts a thread: so many may be done before the one that is written next.
    let (awaited, frames) = mpsc::sync_channel(4 * options.threads.get());
    let packed = thread::scope(|scope| {
        for _ in 0..options.threads.get() {
            scope.spawn(|| compress(options.level, &work, &pool));
        }
        let reader = scope.spawn(|| read(tree, &pool, jobs, awaited));
        let written = write(frames, &pool, &mut out, progress);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.and(written)
    })?;
    let table = seek::table(&packed.frames);
    out.write_all(&table).and_then(|()| out.flush()).map_err(PackError::Write)?;
    Ok(Packed { length: packed.length + table.len() as u64, ..packed })
}

/// Gives the tree's parts to be compressed.
fn read(
    tree: &Tree,
    pool: &Pool,
    jobs: Sender<Job>,
    awaited: SyncSender<Awaited>,
) -> Result<(), PackError> {
    let take = |part: Part| {
        let (done, frame) = mpsc::channel();
        awaited.send((frame, part.files)).map_err(|_| Stop::Unwanted)?;
        jobs.send(Job { content: part.content, done }).map_err(|_| Stop::Unwanted)
    };
    match stream::run(tree, pool, take) {
        // Whoever did not want it says why.
        Ok(()) | Err(Stop::Unwanted) => Ok(()),
        Err(Stop::Failed(e)) => Err(e),
    }
}

/// Compresses parts until there are no more.
fn compress(level: i32, work: &Mutex<Receiver<Job>>, pool: &Pool) {
    let mut encoder = Encoder::new(level);
    loop {
        let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { content, done }) = job else { return };
        let frame = match &mut encoder {
            Ok(encoder) => encoder.frame(&content, pool),
            Err(e) => Err(io::Error::other(e.to_string())),
        };
        pool.give(content);
        // Nobody waits for it once a frame before it could not be written.
        let _ = done.send(frame);
    }
}

/// Writes the frames in their order.
fn write<W: Write>(
    frames: Receiver<Awaited>,
    pool: &Pool,
    out: &mut W,
    progress: &mut dyn FnMut(u64),
) -> Result<Packed, PackError> {
    let mut packed = Packed::default();
    for (frame, files) in frames {
        let lost = |_| Err(io::Error::other("a frame was lost"));
        let (frame, bytes) = frame.recv().unwrap_or_else(lost).map_err(PackError::Write)?;
        out.write_all(&bytes).map_err(PackError::Write)?;
        pool.give(bytes);
        packed.length += u64::from(frame.length);
        packed.frames.push(frame);
        progress(files);
    }
    Ok(packed)
}

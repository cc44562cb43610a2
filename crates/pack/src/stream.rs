//! The tar stream of a tree, in parts that end where [`crate::cut`] says.
//!
//! A file's header holds a time that is made of its content, so the content is read first. A small
//! file is read once, into its place behind the header. A larger one is read twice, and must be
//! the same both times. Every file must still look as it did when it was listed.

use crate::{
    Entry, Kind, PackError, Tree,
    cut::{AVERAGE, Cutter},
    header::{BLOCK, Head},
    tree::Stamp,
};
use rustix::{fs::OFlags, io::Errno};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Up to this size a file is read once.
const SMALL: u64 = 1 << 20;
/// What is read at once of a larger one.
const CHUNK: usize = 256 << 10;

/// Bytes of the stream that become one frame.
pub(crate) struct Part {
    pub(crate) content: Vec<u8>,
    /// Bytes of the files that are in the stream with the end of this part.
    pub(crate) files: u64,
}

/// Why a stream ended before its end.
pub(crate) enum Stop {
    /// Nobody takes further parts.
    Unwanted,
    /// It cannot go on.
    Failed(PackError),
}

impl From<PackError> for Stop {
    fn from(e: PackError) -> Self {
        Self::Failed(e)
    }
}

/// Gives all parts of a tree to `take`.
pub(crate) fn run(
    tree: &Tree,
    pool: &Pool,
    take: impl FnMut(Part) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let part = pool.take();
    let mut stream =
        Stream { root: &tree.root, part, cutter: Cutter::default(), files: 0, pool, take };
    for entry in &tree.entries {
        stream.entry(entry)?;
    }
    stream.part.resize(stream.part.len() + 2 * BLOCK, 0);
    stream.cut()?;
    if stream.part.is_empty() {
        return Ok(());
    }
    let last = Part { content: stream.part, files: stream.files };
    (stream.take)(last)
}

/// A stream being made.
struct Stream<'a, T> {
    root: &'a Path,
    /// What came since the last cut.
    part: Vec<u8>,
    cutter: Cutter,
    files: u64,
    pool: &'a Pool,
    take: T,
}

impl<T: FnMut(Part) -> Result<(), Stop>> Stream<'_, T> {
    fn entry(&mut self, entry: &Entry) -> Result<(), Stop> {
        let head = Head::of(entry);
        match entry.kind {
            Kind::File { size, .. } if size <= SMALL => self.small(entry, head, size as usize)?,
            Kind::File { size, .. } => self.large(entry, head, size)?,
            _ => self.put(&head),
        }
        self.cut()
    }

    /// A file that is read once.
    fn small(&mut self, entry: &Entry, mut head: Head, size: usize) -> Result<(), PackError> {
        let place = self.part.len() + head.len();
        self.part.resize(place + size, 0);
        let mut source = Source::open(self.root, entry)?;
        source.read(&mut self.part[place..])?;
        source.close()?;
        head.date(&blake3::hash(&self.part[place..]));
        let mut at = place - head.len();
        for blocks in head.blocks() {
            self.part[at..at + blocks.len()].copy_from_slice(blocks);
            at += blocks.len();
        }
        self.files += size as u64;
        self.pad(size as u64);
        Ok(())
    }

    /// A file that is read for its hash, and once more.
    fn large(&mut self, entry: &Entry, mut head: Head, size: u64) -> Result<(), Stop> {
        let hash = Source::open(self.root, entry)?.hash(size, self.pool)?;
        head.date(&hash);
        self.put(&head);
        let mut source = Source::open(self.root, entry)?;
        let mut again = blake3::Hasher::new();
        let mut left = size;
        while left > 0 {
            let place = self.part.len();
            let now = left.min(CHUNK as u64);
            self.part.resize(place + now as usize, 0);
            source.read(&mut self.part[place..])?;
            again.update(&self.part[place..]);
            left -= now;
            self.files += now;
            self.cut()?;
        }
        source.close()?;
        if again.finalize() != hash {
            return Err(PackError::changed(&entry.path).into());
        }
        self.pad(size);
        Ok(())
    }

    fn put(&mut self, head: &Head) {
        head.blocks().iter().for_each(|blocks| self.part.extend_from_slice(blocks));
    }

    /// Fills the last block of a file of this size.
    fn pad(&mut self, size: u64) {
        let over = (size % BLOCK as u64) as usize;
        let length = self.part.len() + (BLOCK - over) % BLOCK;
        self.part.resize(length, 0);
    }

    /// Gives away all parts that have ended.
    fn cut(&mut self) -> Result<(), Stop> {
        while let Some(end) = self.cutter.end(&self.part) {
            let mut rest = self.pool.take();
            rest.extend_from_slice(&self.part[end..]);
            self.part.truncate(end);
            let content = std::mem::replace(&mut self.part, rest);
            (self.take)(Part { content, files: self.files })?;
        }
        Ok(())
    }
}

/// A file of the tree, open.
struct Source<'a> {
    entry: &'a Entry,
    path: PathBuf,
    file: File,
}

impl<'a> Source<'a> {
    /// Opens it; what stands in its place now may be a link or a fifo.
    fn open(root: &Path, entry: &'a Entry) -> Result<Self, PackError> {
        let path = root.join(&*entry.path);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&path);
        match file {
            Ok(file) => Ok(Self { entry, path, file }),
            Err(e) if gone(&e) => Err(PackError::changed(&entry.path)),
            Err(e) => Err(PackError::io("open", &path, e)),
        }
    }

    /// Fills a buffer; a file that ends too early has changed.
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), PackError> {
        match self.file.read_exact(buffer) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Err(PackError::changed(&self.entry.path))
            }
            Err(e) => Err(PackError::io("read", &self.path, e)),
        }
    }

    /// Looks whether it is still what was listed: not replaced, not written, not longer.
    fn close(self) -> Result<(), PackError> {
        let found = self.file.metadata().map_err(|e| PackError::io("read", &self.path, e))?;
        match Stamp::of(&found) == self.entry.stamp {
            true => Ok(()),
            false => Err(PackError::changed(&self.entry.path)),
        }
    }

    /// The hash of its first `size` bytes, which must be all.
    fn hash(mut self, size: u64, pool: &Pool) -> Result<blake3::Hash, PackError> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = pool.take();
        buffer.resize(CHUNK, 0);
        let mut left = size;
        while left > 0 {
            let now = left.min(CHUNK as u64) as usize;
            self.read(&mut buffer[..now])?;
            hasher.update(&buffer[..now]);
            left -= now as u64;
        }
        pool.give(buffer);
        self.close()?;
        Ok(hasher.finalize())
    }
}

/// Whether a file that was listed is not there any more, or something else is.
fn gone(e: &io::Error) -> bool {
    let code = e.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO))
}

/// Buffers that are used again: fresh memory costs a fault for each of its pages.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    /// An empty buffer.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut buffer = self.buffers().pop().unwrap_or_else(|| Vec::with_capacity(2 * AVERAGE));
        buffer.clear();
        buffer
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, buffer: Vec<u8>) {
        self.buffers().push(buffer);
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

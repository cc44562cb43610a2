//! The entries of a release in the archive's order, while several threads make its files.
//!
//! Directories and links are made by who reads the archive and are there at once; a file is handed
//! out and its hash comes back some time later. A line of the manifest is written when all lines
//! before it are, so the manifests are the same whoever was faster. The same holds for refusals: the
//! first in the archive's order is the one that is told.

use super::{
    crew::{Crew, deserted},
    entry::Time,
    refuse,
    source::Source,
    told,
    writer::{Done, Job, New},
};
use crate::{
    checkpoint,
    error::{Error, Result},
    manifest::{self, Sum},
    verify::{Buffer, Slice},
};
use std::{
    collections::VecDeque,
    io::Write,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
};

/// A slice is at most this large: it is hashed and written while it is in the cache.
const SLICE: usize = 1 << 20;
/// Slices of one file that may wait for the thread that writes it.
const AHEAD: usize = 4;
/// Small files that are handed out together: each is a descriptor of a directory.
const TOGETHER: usize = 32;
/// Lines that may wait for one before them.
const LINES: usize = 4096;

/// The manifests, and what is still to be written of them.
#[derive(Debug)]
pub(super) struct Listing<'a, W: Write> {
    crew: &'a Crew,
    manifest: &'a mut manifest::Writer<W>,
    /// Lines not yet written; the first of them is a file's that is not yet made.
    lines: VecDeque<Line>,
    /// How many lines were written.
    written: u64,
    /// Files that were handed out and did not come back.
    away: usize,
    /// Small files that were not yet handed out.
    together: Option<Together>,
    /// The first entry that could not be made, and why.
    failed: Option<(u64, Error)>,
    /// Whether a test looks at each entry by itself: nothing is then begun before it is there.
    watched: bool,
}

/// A line of the manifest, or the mark that an entry is there.
#[derive(Debug)]
enum Line {
    File { path: Arc<str>, mode: u32, size: u64, sum: Option<Sum> },
    Directory { path: String, mode: u32 },
    Link { path: String, target: PathBuf },
    Entry,
}

/// Small files on their way.
#[derive(Debug)]
struct Together {
    files: Vec<New>,
    bytes: Buffer,
    length: usize,
}

/// A regular file as an archive tells it.
#[derive(Debug)]
pub(super) struct Regular<'p> {
    pub(super) directory: Arc<OwnedFd>,
    pub(super) path: &'p str,
    pub(super) mode: u32,
    pub(super) time: Time,
    pub(super) size: u64,
}

impl<'a, W: Write> Listing<'a, W> {
    pub(super) fn new(crew: &'a Crew, manifest: &'a mut manifest::Writer<W>) -> Self {
        let (lines, watched) = (VecDeque::new(), checkpoint::place().is_some());
        Self { crew, manifest, lines, written: 0, away: 0, together: None, failed: None, watched }
    }

    /// Has a file made out of the next bytes, which are taken.
    pub(super) fn make(&mut self, file: Regular<'_>, bytes: &mut dyn Source) -> Result<()> {
        let path: Arc<str> = Arc::from(file.path);
        let index = self.written + self.lines.len() as u64;
        let Regular { directory, mode, time, size, .. } = file;
        let new = New { index, directory, path: Arc::clone(&path), mode, time, size };
        self.lines.push_back(Line::File { path, mode, size, sum: None });
        match usize::try_from(size) {
            Ok(size) if size <= self.crew.hands.chunk / 4 => self.small(new, size, bytes),
            _ => self.large(new, bytes),
        }
    }

    /// Lists a file that is there under another name.
    pub(super) fn same(&mut self, path: &str, mode: u32, size: u64, sum: Sum) -> Result<()> {
        self.line(Line::File { path: path.into(), mode, size, sum: Some(sum) })
    }

    pub(super) fn directory(&mut self, path: &str, mode: u32) -> Result<()> {
        self.line(Line::Directory { path: path.into(), mode })
    }

    pub(super) fn link(&mut self, path: &str, target: &Path) -> Result<()> {
        self.line(Line::Link { path: path.into(), target: target.into() })
    }

    /// Says that an entry is told in full: it is there when every line before is written.
    pub(super) fn entry(&mut self) -> Result<()> {
        self.line(Line::Entry)?;
        self.hear()?;
        if self.watched || self.lines.len() > LINES { self.settle() } else { Ok(()) }
    }

    /// Whether a file that may not be there yet stands where this directory is looked for, or above
    /// it.
    pub(super) fn is_blocked(&self, directory: &str) -> bool {
        let above = |path: &str| {
            directory
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.lines.iter().any(|line| match line {
            Line::File { path, sum: None, .. } => above(path),
            _ => false,
        })
    }

    /// Waits until everything that was handed out is there.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.wait();
        self.check()?;
        self.write()
    }

    /// The end of the entries: what was told of reading them, unless one before could not be made.
    /// `true` beside it: that is so.
    pub(super) fn conclude(&mut self, told: Result<()>) -> (Result<()>, bool) {
        self.wait();
        match self.check() {
            Ok(()) => (told.and_then(|()| self.write()), false),
            earlier => (earlier, true),
        }
    }

    /// Adds a small file to those that are handed out together.
    fn small(&mut self, new: New, size: usize, bytes: &mut dyn Source) -> Result<()> {
        if self.together.as_ref().is_some_and(|some| !some.takes(&new)) {
            self.hand_out()?;
        }
        let some = self.together.get_or_insert_with(|| Together::new(self.crew.chunks.take()));
        let mut place = &mut some.bytes[some.length..some.length + size];
        each_chunk(bytes, size as u64, &new.path, |chunk| {
            place.write_all(chunk).map_err(|e| Error::io("keep", "a small file", &e))
        })?;
        some.length += size;
        some.files.push(new);
        Ok(())
    }

    fn hand_out(&mut self) -> Result<()> {
        let Some(Together { files, bytes, .. }) = self.together.take() else { return Ok(()) };
        self.away += files.len();
        self.give(Job::Small(files, bytes))
    }

    /// Hands out a file and then its bytes, slice by slice, to one thread.
    fn large(&mut self, new: New, bytes: &mut dyn Source) -> Result<()> {
        self.hand_out()?;
        let (path, size) = (Arc::clone(&new.path), new.size);
        let (to, from) = sync_channel(AHEAD);
        self.away += 1;
        self.give(Job::Large(new, from))?;
        self.pour(&to, size, &path, bytes)
    }

    fn pour(
        &mut self,
        to: &SyncSender<Slice>,
        size: u64,
        path: &str,
        bytes: &mut dyn Source,
    ) -> Result<()> {
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(SLICE);
            let slice = bytes.slice(most, &self.crew.chunks);
            let slice = slice.map_err(|e| told(e, path.as_bytes()))?;
            let slice = slice.ok_or_else(|| too_short(path, left))?;
            left -= slice.len() as u64;
            if to.send(slice).is_err() {
                // Whoever wrote it gave up, and says why.
                self.settle()?;
                return Err(deserted());
            }
        }
        Ok(())
    }

    fn give(&mut self, job: Job) -> Result<()> {
        self.crew.jobs.add(job).map_err(|_| deserted())
    }

    /// Hears what has come back, without waiting, and writes what can be written.
    fn hear(&mut self) -> Result<()> {
        while self.away > 0
            && let Some(done) = self.crew.done.try_take()
        {
            self.hear_of(done);
        }
        self.check()?;
        self.write()
    }

    fn hear_of(&mut self, done: Vec<Done>) {
        for Done { index, result } in done {
            self.away -= 1;
            match result {
                Ok(found) => {
                    let place =
                        index.checked_sub(self.written).and_then(|at| usize::try_from(at).ok());
                    let line = place.and_then(|at| self.lines.get_mut(at));
                    if let Some(Line::File { sum, .. }) = line {
                        *sum = found;
                    }
                }
                Err(e) if self.failed.as_ref().is_none_or(|(first, _)| index < *first) => {
                    self.failed = Some((index, e));
                }
                Err(_) => {}
            }
        }
    }

    /// Hands out what is left and waits for all of it.
    fn wait(&mut self) {
        if let Err(e) = self.hand_out() {
            self.failed.get_or_insert((u64::MAX, e));
            self.away = 0;
        }
        while self.away > 0 {
            match self.crew.done.take() {
                Some(done) => self.hear_of(done),
                None => {
                    self.failed.get_or_insert((u64::MAX, deserted()));
                    self.away = 0;
                }
            }
        }
    }

    fn check(&self) -> Result<()> {
        self.failed.as_ref().map_or(Ok(()), |(_, e)| Err(e.clone()))
    }

    fn line(&mut self, line: Line) -> Result<()> {
        self.lines.push_back(line);
        self.write()
    }

    /// Writes the lines of which nothing before is awaited.
    fn write(&mut self) -> Result<()> {
        while let Some(line) = self.lines.front() {
            match line {
                Line::File { sum: None, .. } => break,
                Line::File { path, mode, size, sum: Some(sum) } => {
                    self.manifest.file(path, *mode, *size, sum)
                }
                Line::Directory { path, mode } => self.manifest.directory(path, *mode),
                Line::Link { path, target } => self.manifest.link(path, target),
                Line::Entry => {
                    checkpoint::reach("unpack-entry");
                    Ok(())
                }
            }
            .map_err(|e| Error::io("write", "the manifest", &e))?;
            self.lines.pop_front();
            self.written += 1;
        }
        Ok(())
    }
}

impl Together {
    fn new(bytes: Buffer) -> Self {
        Self { files: Vec::with_capacity(TOGETHER), bytes, length: 0 }
    }

    /// Whether one more belongs to them: there is room, and it lies in the directory of the last, as
    /// long as they are not few. Two threads that make files in one directory wait for each other.
    fn takes(&self, new: &New) -> bool {
        let fits =
            self.files.len() < TOGETHER && self.length + new.size as usize <= self.bytes.len();
        let few = self.files.len() < TOGETHER / 2 && self.length < self.bytes.len() / 2;
        let beside =
            self.files.last().is_some_and(|last| Arc::ptr_eq(&last.directory, &new.directory));
        fits && (few || beside)
    }
}

/// Gives exactly `size` bytes to `take`.
pub(super) fn each_chunk(
    bytes: &mut dyn Source,
    size: u64,
    path: &str,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut left = size;
    while left > 0 {
        let buffer = bytes.fill_buf().map_err(|e| told(e, path.as_bytes()))?;
        if buffer.is_empty() {
            return Err(too_short(path, left));
        }
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        take(&buffer[..now])?;
        bytes.consume(now);
        left -= now as u64;
    }
    Ok(())
}

fn too_short(path: &str, left: u64) -> Error {
    refuse(path.as_bytes(), format!("its archive ends {left} bytes before the file does"))
}

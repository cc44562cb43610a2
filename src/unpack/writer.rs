//! Makes files: created, written, hashed and given their bits and time by one thread of several.
//!
//! A small file costs system calls more than anything else, so it gets its bits when it is created:
//! the thread has a umask of its own, which takes nothing away (unshare(2) of `CLONE_FS` needs no
//! rights). Where that is forbidden, or the file system gives other bits than asked for (a default
//! ACL), and for releases of a group, they are set by descriptor.

use super::{crew::Crew, entry::Time, refuse, tree::Tree};
use crate::{
    error::{Context, Error, Result},
    manifest::Sum,
    verify::{Buffer, Slice},
};
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::stat::{Mode, fstat, futimens, umask},
};
use std::{
    fs::File,
    io::Write,
    os::fd::OwnedFd,
    sync::{Arc, mpsc::Receiver},
};

/// What is hashed and written in one go. ext4 (since 6.16) and xfs keep what came in one write in a
/// block of memory as large, if there is one; on a virtual machine, whose memory is the host's to give,
/// such blocks are new ones, and writing 256 KiB or more at once cost three to five times as much.
const WRITE: usize = 64 << 10;

/// Work for a thread that writes.
#[derive(Debug)]
pub(super) enum Job {
    /// Some small files, their bytes one behind the other.
    Small(Vec<New>, Buffer),
    /// A file whose bytes are still to come; if they end too early nobody wants it any more.
    Large(New, Receiver<Slice>),
}

/// A file that is to be made.
#[derive(Debug)]
pub(super) struct New {
    /// Its place among all files.
    pub(super) index: u64,
    /// The directory that it is made in.
    pub(super) directory: Arc<OwnedFd>,
    /// Its path in the release.
    pub(super) path: Arc<str>,
    pub(super) mode: u32,
    pub(super) time: Time,
    pub(super) size: u64,
}

impl New {
    /// 1 if it is executable.
    fn kind(&self) -> usize {
        usize::from(self.mode & 0o100 != 0)
    }
}

/// What became of a file: the hash of its bytes, or nothing if it was not wanted any more.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) index: u64,
    pub(super) result: Result<Option<Sum>>,
}

/// One thread that writes.
#[derive(Debug)]
pub(super) struct Writer<'c> {
    crew: &'c Crew,
    /// Whether this thread's umask takes nothing away.
    unmasked: bool,
    /// Whether plain files, and executable ones, get their bits when they are created; not known
    /// before the first of each: a default ACL may leave the bits of one kind and not of the other.
    born_right: [Option<bool>; 2],
}

impl<'c> Writer<'c> {
    /// Begins in the thread that it is called by, and changes that thread's umask.
    pub(super) fn new(crew: &'c Crew) -> Self {
        let unmasked = unshare(CloneFlags::CLONE_FS).is_ok();
        if unmasked {
            umask(Mode::empty());
        }
        Self { crew, unmasked, born_right: [None; 2] }
    }

    /// Works until there is no more to do.
    pub(super) fn run(mut self) {
        while let Some(job) = self.crew.jobs.take() {
            let done = match job {
                Job::Small(files, bytes) => self.small(&files, &bytes),
                Job::Large(file, bytes) => {
                    let result = self.large(&file, &bytes);
                    vec![self.done(&file, result)]
                }
            };
            // Nobody wants to know when all are sent home.
            let _ = self.crew.done.add(done);
        }
    }

    fn done(&self, file: &New, result: Result<Option<Sum>>) -> Done {
        if result.is_err() {
            self.crew.refuse(file.index);
        }
        Done { index: file.index, result }
    }

    fn small(&mut self, files: &[New], mut bytes: &[u8]) -> Vec<Done> {
        let make = |file: &New| {
            let (own, rest) = bytes.split_at(file.size as usize);
            bytes = rest;
            let result = self.write(file, own);
            self.done(file, result)
        };
        files.iter().map(make).collect()
    }

    fn write(&mut self, new: &New, bytes: &[u8]) -> Result<Option<Sum>> {
        if !self.crew.wants(new.index) {
            return Ok(None);
        }
        let mut file = self.create(new)?;
        let sum = blake3::hash(bytes);
        file.write_all(bytes).on("write", &*new.path)?;
        self.finish(new, &file)?;
        Ok(Some(*sum.as_bytes()))
    }

    fn large(&mut self, new: &New, bytes: &Receiver<Slice>) -> Result<Option<Sum>> {
        if !self.crew.wants(new.index) {
            return Ok(None);
        }
        let mut file = self.create(new)?;
        let mut hash = blake3::Hasher::new();
        let mut left = new.size;
        while left > 0 {
            let Ok(slice) = bytes.recv() else { return Ok(None) };
            for some in slice.chunks(WRITE) {
                hash.update(some);
                file.write_all(some).on("write", &*new.path)?;
            }
            left -= slice.len() as u64;
        }
        self.finish(new, &file)?;
        Ok(Some(*hash.finalize().as_bytes()))
    }

    fn create(&mut self, new: &New) -> Result<File> {
        let name = new.path.rsplit('/').next().unwrap_or_default();
        let gives_bits = self.gives_bits(new);
        let mode = if gives_bits { new.mode } else { 0o600 };
        let file = Tree::file(&*new.directory, name, mode).map_err(|e| unmade(&new.path, e))?;
        let born_right = &mut self.born_right[new.kind()];
        if gives_bits && born_right.is_none() {
            let found = fstat(&file).on("look at", &*new.path)?;
            *born_right = Some(found.st_mode & 0o7777 == new.mode);
        }
        Ok(file)
    }

    /// Whether a file may be created with its last bits.
    fn gives_bits(&self, new: &New) -> bool {
        let born_right = self.born_right[new.kind()];
        self.unmasked && self.crew.modes.group.is_none() && born_right != Some(false)
    }

    fn finish(&self, new: &New, file: &File) -> Result<()> {
        if !(self.gives_bits(new) && self.born_right[new.kind()] == Some(true)) {
            self.crew.modes.finish(file, new.mode).on("set the mode of", &*new.path)?;
        }
        let [access, change] = new.time.spec();
        futimens(file, &access, &change).on("set the time of", &*new.path)
    }
}

/// Why something could not be made.
pub(super) fn unmade(path: &str, e: Errno) -> Error {
    match e {
        Errno::EEXIST => refuse(path.as_bytes(), "its name stands in the payload twice"),
        Errno::EMLINK => refuse(path.as_bytes(), "its file has too many hard links"),
        e => Error::io("make", path, &e.into()),
    }
}

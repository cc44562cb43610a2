//! The payload's files: found beneath its directory without following a link, opened once each,
//! read from the first byte to the last the torrent names.

use super::{
    damaged,
    fault::{Fault, Stopped},
    name,
};
use crate::error::{Error, Result, escaped, quoted};
use metainfo::{File as Listed, Metainfo};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, PosixFadviseAdvice, openat, posix_fadvise},
    sys::stat::{Mode, SFlag, fstat},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::FileExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the torrent's bytes are, and how far they have been read.
#[derive(Debug)]
pub(super) struct Files<'t> {
    torrent: &'t Metainfo,
    /// The payload's directory, as it was given: for messages.
    at: PathBuf,
    /// What the file of a single-file torrent is called there.
    only: OsString,
    root: Arc<OwnedFd>,
    /// Where each file's bytes end in the payload.
    ends: Arc<[u64]>,
    /// The directory of the file opened last: torrents list a directory's files in a row.
    parent: Option<(&'t [Vec<u8>], OwnedFd)>,
    /// The first file not yet begun.
    next: usize,
    current: Option<Current>,
    /// The file of a single-file torrent, opened at once.
    single: Option<File>,
}

/// The file being read, and how much of it is still to come.
#[derive(Debug)]
struct Current {
    index: usize,
    source: Source,
    length: u64,
    left: u64,
}

#[derive(Debug)]
enum Source {
    Zeros,
    File(File),
    /// Every byte of it fails for this reason.
    Gone(Fault),
}

impl Current {
    /// Lets the system read ahead. It is a hint: what comes of it is not looked at.
    fn expect(&self, soon: u64) {
        if let Source::File(file) = &self.source {
            let from = i64::try_from(self.length - self.left).unwrap_or(i64::MAX);
            let length = i64::try_from(self.left.min(soon)).unwrap_or(i64::MAX);
            let _ = posix_fadvise(file, from, length, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
        }
    }

    /// Reads the next bytes. Their place is said with every read, so that one that failed and one
    /// that was passed over leave nothing to set right.
    fn read(&self, buffer: &mut [u8]) -> Result<(), Fault> {
        match &self.source {
            Source::Zeros => buffer.fill(0),
            Source::File(file) => file
                .read_exact_at(buffer, self.length - self.left)
                .map_err(|e| Fault::of_read(&e))?,
            Source::Gone(fault) => return Err(*fault),
        }
        Ok(())
    }
}

impl<'t> Files<'t> {
    /// Opens the payload's directory; the file of a single-file torrent lies in it under the
    /// torrent's name.
    pub(super) fn open(torrent: &'t Metainfo, directory: &Path) -> Result<Self> {
        Self::open_as(torrent, directory, OsStr::from_bytes(torrent.name()))
    }

    /// The same with another name for that file.
    pub(super) fn open_as(torrent: &'t Metainfo, directory: &Path, only: &OsStr) -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = openat(AT_FDCWD, directory, flags, Mode::empty()).map_err(|e| match e {
            Errno::ENOENT | Errno::ENOTDIR => {
                damaged(name(torrent), format!("its directory {} is missing", quoted(directory)))
            }
            e => Error::io("open", directory, &e.into()),
        })?;
        let (at, only, root) = (directory.to_owned(), only.to_owned(), Arc::new(root));
        let ends = torrent.files().iter().scan(0, |end, file| {
            *end += file.length;
            Some(*end)
        });
        let ends = ends.collect();
        let (parent, current, single) = (None, None, None);
        Ok(Self { torrent, at, only, root, ends, parent, next: 0, current, single })
    }

    /// The same payload once more, to be read at another place at the same time.
    pub(super) fn another(&self) -> Self {
        Self {
            torrent: self.torrent,
            at: self.at.clone(),
            only: self.only.clone(),
            root: Arc::clone(&self.root),
            ends: Arc::clone(&self.ends),
            parent: None,
            next: 0,
            current: None,
            single: None,
        }
    }

    /// The next byte is the one at this place of the payload. The next `soon` bytes will be read: the
    /// system may fetch those of the first file at once.
    pub(super) fn seek(&mut self, at: u64, soon: u64) {
        let index = self.ends.partition_point(|end| *end <= at);
        if self.current.as_ref().is_none_or(|current| current.index != index) {
            self.current = None;
            self.next = index;
            // What cannot be opened is told when it is read.
            let _ = self.begin(0);
        }
        if let Some(current) = &mut self.current {
            current.left = self.ends[index] - at;
            current.expect(soon);
        }
    }

    /// Looks at every file before a byte is read, so that a short one is told at once and not an
    /// hour later; returns a note on files that are too long.
    pub(super) fn check(&mut self) -> Result<Vec<String>> {
        let (mut long, mut first) = (0_u64, None);
        for (index, file) in self.torrent.files().iter().enumerate() {
            if !has_bytes(file) {
                continue;
            }
            let opened = self.open_file(file, !self.torrent.is_multi_file());
            let (opened, length) = opened.map_err(|fault| self.told(index, fault))?;
            if length < file.length {
                return Err(self.told(index, Fault::Short(length)));
            }
            if length > file.length {
                long += 1;
                first.get_or_insert_with(|| {
                    let over = length - file.length;
                    format!("{} is {over} bytes longer than its torrent says", self.shown(file))
                });
            }
            self.single = opened;
        }
        Ok(first
            .map(|first| match long {
                1 => format!("{first}: they are not read"),
                n => format!("{first}, and so are {} others: they are not read", n - 1),
            })
            .into_iter()
            .collect())
    }

    /// How long a file is on disk, or why none of its bytes can be read.
    pub(super) fn look(&mut self, file: &'t Listed) -> Result<u64, Fault> {
        // First without opening it for anything: a device may act on that.
        let (_, length) = self.open_file(file, false)?;
        if file.length > 0 {
            self.open_file(file, true)?;
        }
        Ok(length)
    }

    /// Fills `buffer` with the payload's next bytes; there must be as many.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Stopped> {
        let mut filled = 0;
        while filled < buffer.len() {
            let Some(current) = &mut self.current else {
                self.begin(filled)?;
                continue;
            };
            let room = buffer.len() - filled;
            let now = usize::try_from(current.left).unwrap_or(usize::MAX).min(room);
            if let Err(fault) = current.read(&mut buffer[filled..filled + now]) {
                return Err(Stopped { file: current.index, filled, fault });
            }
            current.left -= now as u64;
            filled += now;
            if current.left == 0 {
                self.current = None;
            }
        }
        Ok(())
    }

    /// Opens the next file that has bytes.
    fn begin(&mut self, filled: usize) -> Result<(), Stopped> {
        let torrent = self.torrent;
        let rest = torrent.files().iter().enumerate().skip(self.next);
        let Some((index, file)) = rest.into_iter().find(|(_, file)| file.length > 0) else {
            return Err(Stopped { file: self.next, filled, fault: Fault::End });
        };
        let source = match self.single.take() {
            _ if file.attr.padding => Source::Zeros,
            Some(opened) => Source::File(opened),
            None => match self.open_file(file, true) {
                Ok((Some(opened), _)) => Source::File(opened),
                Ok((None, _)) => Source::Gone(Fault::Missing),
                Err(fault) => Source::Gone(fault),
            },
        };
        self.next = index + 1;
        self.current = Some(Current { index, source, length: file.length, left: file.length });
        Ok(())
    }

    /// Finds a file and its length, to read it or (a descriptor that can do nothing else) to look.
    fn open_file(&mut self, file: &'t Listed, read: bool) -> Result<(Option<File>, u64), Fault> {
        let access = if read { OFlag::O_RDONLY | OFlag::O_NONBLOCK } else { OFlag::O_PATH };
        let opened = self.descend(file, access).map_err(Fault::of_open)?;
        let stat = fstat(&opened).map_err(|e| Fault::Failed("open", e))?;
        if let Some(fault) = Fault::of_mode(SFlag::from_bits_truncate(stat.st_mode)) {
            return Err(fault);
        }
        let length = u64::try_from(stat.st_size).unwrap_or(0);
        Ok((read.then(|| File::from(opened)), length))
    }

    /// Opens a file one component at a time, following no link.
    fn descend(&mut self, file: &'t Listed, access: OFlag) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let open = |at: &OwnedFd, name: &OsStr, more: OFlag| {
            openat(at.as_fd(), name, flags | more, Mode::empty())
        };
        let Some((last, parents)) = file.path.split_last() else {
            return open(&self.root, &self.only, access);
        };
        if self.parent.as_ref().is_none_or(|(at, _)| *at != parents) {
            let mut at = self.root.try_clone().map_err(|_| Errno::EMFILE)?;
            for component in parents {
                let name = OsStr::from_bytes(component);
                at = open(&at, name, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
            }
            self.parent = Some((parents, at));
        }
        let at = self.parent.as_ref().map_or(&*self.root, |(_, at)| at);
        open(at, OsStr::from_bytes(last), access)
    }

    /// Tells what is wrong with a file.
    pub(super) fn told(&self, index: usize, fault: Fault) -> Error {
        let Some(file) = self.torrent.files().get(index) else {
            return damaged(name(self.torrent), "its files end before its pieces do");
        };
        let length = file.length;
        let cause = match fault {
            Fault::Missing => "it is missing".to_owned(),
            Fault::NotRegular(_) => "it is not a regular file".to_owned(),
            Fault::Blocked => "a link or a file stands in its place or above it".to_owned(),
            Fault::Short(found) => format!("it has {found} of {length} bytes"),
            Fault::Shrunk => format!("it became shorter than {length} bytes while it was read"),
            Fault::End => "its files end before its pieces do".to_owned(),
            Fault::Failed(verb, errno) => return Error::io(verb, self.path(file), &errno.into()),
        };
        let error = damaged(self.shown(file), cause);
        match fault {
            // rtorrent would write through it, or not at all.
            Fault::NotRegular(_) | Fault::Blocked => error
                .hint("let rtorrent check its hash (Ctrl-R) when what is there is moved away")
                .passing(),
            _ => error,
        }
    }

    /// Where it should lie.
    pub(super) fn path(&self, file: &Listed) -> PathBuf {
        let mut path = self.at.clone();
        match file.path.as_slice() {
            [] => path.push(&self.only),
            parts => path.extend(parts.iter().map(|p| OsStr::from_bytes(p))),
        }
        path
    }

    fn shown(&self, file: &Listed) -> String {
        quoted(self.path(file))
    }
}

/// Whether a file has bytes that are on disk: padding counts as zeros, and what is empty is known
/// without looking.
pub(super) fn has_bytes(file: &Listed) -> bool {
    file.length > 0 && !file.attr.padding
}

/// The files that a piece holds bytes of, for messages: three by name, then how many more.
pub(super) fn files_of(torrent: &Metainfo, piece: usize) -> String {
    let start = torrent.piece_length().saturating_mul(piece as u64);
    let end = start + torrent.piece_size(piece);
    let mut at = 0;
    let mut names = Vec::new();
    for file in torrent.files() {
        let (from, to) = (at, at + file.length);
        at = to;
        if has_bytes(file) && from < end && to > start {
            let path = match file.path.as_slice() {
                [] => torrent.name().to_vec(),
                parts => parts.join(&b'/'),
            };
            names.push(format!("`{}`", escaped(&path)));
        }
    }
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

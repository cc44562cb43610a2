//! The payload's files: found beneath its directory without following a link, opened once each,
//! read from the first byte to the last the torrent names.

use super::{damaged, name};
use crate::error::{Error, Result, escaped, quoted};
use metainfo::{File as Listed, Metainfo};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, openat},
    sys::stat::{Mode, SFlag, fstat},
};
use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    slice,
};

/// Where the torrent's bytes are, and how far they have been read.
#[derive(Debug)]
pub(super) struct Files<'t> {
    torrent: &'t Metainfo,
    /// `d.directory`, as it was given: for messages.
    at: PathBuf,
    root: OwnedFd,
    /// The directory of the file opened last: torrents list a directory's files in a row.
    parent: Option<(&'t [Vec<u8>], OwnedFd)>,
    /// The files not yet begun.
    rest: slice::Iter<'t, Listed>,
    /// The file being read, and how much of it is still to come.
    current: Option<(Source<'t>, u64)>,
    /// The file of a single-file torrent, opened at once.
    single: Option<File>,
}

#[derive(Debug)]
enum Source<'t> {
    Zeros,
    File(File, &'t Listed),
}

impl<'t> Files<'t> {
    /// Opens the payload's directory, and the file where there is but one.
    pub(super) fn open(torrent: &'t Metainfo, directory: &Path) -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = openat(AT_FDCWD, directory, flags, Mode::empty()).map_err(|e| match e {
            Errno::ENOENT | Errno::ENOTDIR => {
                damaged(name(torrent), format!("its directory {} is missing", quoted(directory)))
            }
            e => Error::io("open", directory, &e.into()),
        })?;
        let rest = torrent.files().iter();
        let at = directory.to_owned();
        Ok(Self { torrent, at, root, parent: None, rest, current: None, single: None })
    }

    /// Looks at every file before a byte is read, so that a short one is told at once and not an
    /// hour later; returns a note on files that are too long.
    pub(super) fn check(&mut self) -> Result<Vec<String>> {
        let (mut long, mut first) = (0_u64, None);
        for file in self.torrent.files().iter().filter(|f| has_bytes(f)) {
            let (opened, length) = self.open_file(file, !self.torrent.is_multi_file())?;
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

    /// Fills `buffer` with the payload's next bytes; there must be as many.
    pub(super) fn fill(&mut self, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            let Some((source, left)) = &mut self.current else {
                self.current = self.next_file()?;
                continue;
            };
            let now = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
            let (part, later) = buffer.split_at_mut(now);
            match source {
                Source::Zeros => part.fill(0),
                Source::File(file, listed) => {
                    if let Err(e) = file.read_exact(part) {
                        let listed = *listed;
                        return Err(match e.kind() {
                            io::ErrorKind::UnexpectedEof => self.short(listed, None),
                            _ => Error::io("read", self.path(listed), &e),
                        });
                    }
                }
            }
            *left -= now as u64;
            if *left == 0 {
                self.current = None;
            }
            buffer = later;
        }
        Ok(())
    }

    /// Opens the next file that has bytes.
    fn next_file(&mut self) -> Result<Option<(Source<'t>, u64)>> {
        let Some(file) = self.rest.find(|f| f.length > 0) else {
            return Err(damaged(name(self.torrent), "its files end before its pieces do"));
        };
        if file.attr.padding {
            return Ok(Some((Source::Zeros, file.length)));
        }
        let opened = match self.single.take() {
            Some(opened) => Some(opened),
            None => self.open_file(file, true)?.0,
        };
        Ok(opened.map(|opened| (Source::File(opened, file), file.length)))
    }

    /// Finds a file and its length, to read it or (a descriptor that can do nothing else) to look.
    fn open_file(&mut self, file: &'t Listed, read: bool) -> Result<(Option<File>, u64)> {
        let access = if read { OFlag::O_RDONLY | OFlag::O_NONBLOCK } else { OFlag::O_PATH };
        let opened = self.descend(file, access).map_err(|e| self.unopened(file, e))?;
        let stat = fstat(&opened).map_err(|e| self.unopened(file, e))?;
        if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return Err(damaged(self.shown(file), "it is not a regular file"));
        }
        let length = u64::try_from(stat.st_size).unwrap_or(0);
        if length < file.length {
            return Err(self.short(file, Some(length)));
        }
        Ok((read.then(|| File::from(opened)), length))
    }

    /// Opens a file one component at a time, following no link.
    fn descend(&mut self, file: &'t Listed, access: OFlag) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let open = |at: &OwnedFd, name: &[u8], more: OFlag| {
            openat(at.as_fd(), OsStr::from_bytes(name), flags | more, Mode::empty())
        };
        let Some((last, parents)) = file.path.split_last() else {
            return open(&self.root, self.torrent.name(), access);
        };
        if self.parent.as_ref().is_none_or(|(at, _)| *at != parents) {
            let mut at = self.root.try_clone().map_err(|_| Errno::EMFILE)?;
            for component in parents {
                at = open(&at, component, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
            }
            self.parent = Some((parents, at));
        }
        open(self.parent.as_ref().map_or(&self.root, |(_, at)| at), last, access)
    }

    fn unopened(&self, file: &Listed, e: Errno) -> Error {
        match e {
            Errno::ENOENT => damaged(self.shown(file), "it is missing"),
            Errno::ELOOP | Errno::ENOTDIR => {
                damaged(self.shown(file), "a link or a file stands in its place or above it")
            }
            e => Error::io("open", self.path(file), &e.into()),
        }
    }

    fn short(&self, file: &Listed, found: Option<u64>) -> Error {
        let cause = match found {
            Some(found) => format!("it has {found} of {} bytes", file.length),
            None => format!("it became shorter than {} bytes while it was read", file.length),
        };
        damaged(self.shown(file), cause)
    }

    fn path(&self, file: &Listed) -> PathBuf {
        let mut path = self.at.clone();
        match file.path.as_slice() {
            [] => path.push(OsStr::from_bytes(self.torrent.name())),
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
fn has_bytes(file: &Listed) -> bool {
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

//! Files that others name or fill, read whole: regular ones alone, and no more than a bound.
//!
//! Whoever may put a file where it is read decides what it is. A pipe that nobody writes to keeps
//! its reader for ever, a device never ends, and a file of any size fills the memory. So each is
//! opened without waiting, looked at, and read no further than its bound.

use nix::libc::{O_NOCTTY, O_NONBLOCK};
use std::{
    fs::{File, FileType, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// Why a file was not read.
#[derive(Debug)]
pub enum Unread {
    /// The system's word.
    Io(io::Error),
    /// It is no regular file but this: `a directory`.
    Not(&'static str),
    /// It has more bytes than this.
    Larger(u64),
}

impl From<io::Error> for Unread {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// The bytes of a regular file, links followed, of at most `limit` bytes.
///
/// # Errors
/// It cannot be opened or read, is no regular file, or is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Unread> {
    let flags = O_NONBLOCK | O_NOCTTY;
    read_open(OpenOptions::new().read(true).custom_flags(flags).open(path)?, limit)
}

/// The same of a file that was opened without waiting.
pub fn read_open(file: File, limit: u64) -> Result<Vec<u8>, Unread> {
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        return Err(Unread::Not(called(kind)));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(Unread::Larger(limit)) } else { Ok(bytes) }
}

fn called(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::{sys::stat::Mode, unistd::mkfifo};

    #[test]
    fn only_a_regular_file_is_read_and_no_further_than_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "0123456789").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        assert_eq!(read(&at("file"), 10).unwrap(), b"0123456789");
        assert_eq!(read(&at("link"), u64::MAX).unwrap().len(), 10);
        let not = |path: &Path| match read(path, 9).unwrap_err() {
            Unread::Not(what) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(not(&at("pipe")), "a pipe");
        assert_eq!(not(dir.path()), "a directory");
        assert_eq!(not(Path::new("/dev/zero")), "a device");
        assert!(matches!(read(&at("file"), 9), Err(Unread::Larger(9))));
        assert!(matches!(read(&at("gone"), 9), Err(Unread::Io(_))));
    }
}

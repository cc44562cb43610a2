//! What lies at a path, as a torrent will have it: every file, in an order that is the same on every
//! machine. No link is followed below the path itself.

use super::{Plan, link};
use crate::error::{Context, Error, Exit, Result, quoted};
use metainfo::{Attr, File};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

/// What tells that a file is not what it was: nobody can write it and leave all of this.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    path: Vec<Vec<u8>>,
    inode: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &[Vec<u8>], looked: &Metadata) -> Self {
        Self {
            path: path.to_vec(),
            inode: (looked.dev(), looked.ino()),
            length: looked.len(),
            changed: (looked.ctime(), looked.ctime_nsec()),
        }
    }
}

/// Lists a file, or a directory with all that is in it, under the name that the torrent gets: the
/// path's own if none is given. Every file is opened once, so that one that may not be read is told
/// before others are hashed.
///
/// # Errors
/// 66 if nothing is there; 64 for a name that is none; 65 for what no torrent or no deploy would take: a name that is not UTF-8 or
/// has a control character, a link that leads out, a pipe or a device, a tree without a file; 77 or
/// 74 if something cannot be read.
pub fn listed(path: &Path, name: Option<&str>) -> Result<Plan> {
    let looked = fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => {
            Error::new(Exit::NotFound, "read", quoted(path), "it is not there")
                .hint("name a file or a directory")
        }
        _ => Error::io("read", path, &e),
    })?;
    let name = match name {
        Some(name) => typed_name(name)?,
        None => must_be_called_well(path, &own_name(path)?)?,
    };
    // The link that was typed is followed, and none below it.
    let payload = match fs::symlink_metadata(path).on("read", path)?.is_symlink() {
        true => fs::canonicalize(path).on("read", path)?,
        false => path.to_owned(),
    };
    let mut scan =
        Scan { root: &payload, files: Vec::new(), stamps: Vec::new(), notes: Vec::new() };
    if looked.is_dir() {
        scan.directory(&mut Vec::new())?;
        if scan.files.is_empty() {
            return Err(refused(path, "there is no file in it")
                .hint("name a directory that holds files: a torrent has nothing else"));
        }
    } else {
        scan.only(&looked)?;
    }
    let Scan { mut files, mut stamps, notes, .. } = scan;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    stamps.sort_by(|a, b| a.path.cmp(&b.path));
    let length = files.iter().map(|file| file.length).sum();
    Ok(Plan { name, payload, is_directory: looked.is_dir(), files, length, notes, stamps })
}

/// A walk through a tree.
struct Scan<'p> {
    root: &'p Path,
    files: Vec<File>,
    stamps: Vec<Stamp>,
    notes: Vec<String>,
}

impl Scan<'_> {
    /// The payload is a file.
    fn only(&mut self, looked: &Metadata) -> Result<()> {
        must_be_regular(self.root, looked)?;
        readable(self.root)?;
        self.add(Vec::new(), looked, None);
        Ok(())
    }

    /// Everything in the directory that `at` leads to.
    fn directory(&mut self, at: &mut Vec<Vec<u8>>) -> Result<()> {
        let path = self.path(at);
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).on("read", &path)? {
            names.push(entry.on("read", &path)?.file_name());
        }
        if names.is_empty() && !at.is_empty() {
            self.notes.push(format!("{} is empty: a torrent cannot carry it", quoted(&path)));
        }
        names.sort_unstable();
        for name in names {
            must_be_called_well(&path.join(&name), &name)?;
            at.push(name.into_vec());
            self.entry(at)?;
            at.pop();
        }
        Ok(())
    }

    fn entry(&mut self, at: &mut Vec<Vec<u8>>) -> Result<()> {
        let path = self.path(at);
        let looked = fs::symlink_metadata(&path).on("read", &path)?;
        if looked.is_dir() {
            return self.directory(at);
        }
        if looked.is_symlink() {
            let text = fs::read_link(&path).on("read", &path)?;
            let above = &at[..at.len() - 1];
            let target = link::target(above, text.as_os_str().as_bytes()).map_err(|why| {
                refused(&path, why).hint("make it relative and within the payload, or leave it out")
            })?;
            self.add(at.clone(), &looked, Some(target));
            return Ok(());
        }
        must_be_regular(&path, &looked)?;
        readable(&path)?;
        self.add(at.clone(), &looked, None);
        Ok(())
    }

    fn add(&mut self, path: Vec<Vec<u8>>, looked: &Metadata, symlink: Option<Vec<Vec<u8>>>) {
        self.stamps.push(Stamp::of(&path, looked));
        let is_link = symlink.is_some();
        let executable = !is_link && looked.mode() & 0o100 != 0;
        let attr = Attr { executable, padding: false, symlink };
        self.files.push(File { path, length: if is_link { 0 } else { looked.len() }, attr });
    }

    fn path(&self, at: &[Vec<u8>]) -> PathBuf {
        at.iter().fold(self.root.to_owned(), |path, part| path.join(OsStr::from_bytes(part)))
    }
}

/// What a path is called: `.` and `..` are called as what they are.
fn own_name(path: &Path) -> Result<OsString> {
    if let Some(name) = path.file_name() {
        return Ok(name.to_owned());
    }
    let whole = fs::canonicalize(path).on("read", path)?;
    let name = whole.file_name().map(OsStr::to_owned);
    name.ok_or_else(|| refused(path, "it has no name").hint("give the torrent one: --name NAME"))
}

/// A name that every machine can show and make; else why it is none.
fn checked(name: &OsStr) -> Result<&str, &'static str> {
    match name.to_str() {
        None => Err("its name is not UTF-8"),
        Some(name) if name.chars().any(char::is_control) => Err("its name has a control character"),
        Some("" | "." | "..") => Err("it is no name"),
        Some(name) if name.contains('/') => Err("it has a slash"),
        Some(name) => Ok(name),
    }
}

/// What lies at a path can go by its name.
fn must_be_called_well(path: &Path, name: &OsStr) -> Result<String> {
    checked(name).map(str::to_owned).map_err(|why| {
        refused(path, why).hint("give it another name: a deploy would refuse this one")
    })
}

/// The name that somebody typed.
fn typed_name(name: &str) -> Result<String> {
    checked(name.as_ref()).map(str::to_owned).map_err(|why| {
        Error::new(Exit::Usage, "call a torrent", quoted(name), why)
            .hint("name it as a file is named, in printable characters")
    })
}

fn must_be_regular(path: &Path, looked: &Metadata) -> Result<()> {
    let kind = looked.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(refused(path, format!("it is {what}")).hint("take it away: a torrent has files and links"))
}

fn readable(path: &Path) -> Result<()> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let opened = fs::File::options().read(true).custom_flags(flags).open(path);
    opened.map(drop).on("read", path)
}

fn refused(path: &Path, cause: impl std::fmt::Display) -> Error {
    Error::new(Exit::Payload, "make a torrent of", quoted(path), cause)
}

//! Walks a directory.
//!
//! A directory is listed whole, sorted by the bytes of its names and then gone through, so that
//! the order in which the system gives its entries decides nothing. What is left out is left out
//! before it is judged: a socket or a name that no release can have may be excluded.

use crate::{Entry, Excludes, Kind, PackError, Tree, excludes::Matcher, name, tree::Stamp};
use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, FileType, Metadata},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

/// What version control leaves in a checkout.
const REPOSITORIES: [&str; 4] = [".git", ".hg", ".svn", ".bzr"];
/// What hosts take unless their configuration says otherwise: `limits.files`, `limits.bytes`.
const FILES_MAX: u64 = 1_000_000;
const BYTES_MAX: u64 = 16 << 30;

/// Lists the tree below `root`.
pub(crate) fn tree(root: &Path, excludes: &Excludes) -> Result<Tree, PackError> {
    let mut scan = Scan {
        root,
        matcher: excludes.matcher(root)?,
        entries: Vec::new(),
        bytes: 0,
        repositories: Vec::new(),
        linked: HashSet::new(),
        copies: 0,
        special: 0,
    };
    scan.directory(Path::new(""))?;
    if scan.entries.is_empty() {
        return Err(PackError::refused("", "there is nothing in it to be packed"));
    }
    let notes = scan.notes();
    let Scan { mut entries, bytes, matcher, .. } = scan;
    entries.shrink_to_fit();
    Ok(Tree { root: root.to_owned(), entries, bytes, notes, matcher })
}

/// What was found so far.
struct Scan<'a> {
    root: &'a Path,
    matcher: Matcher,
    entries: Vec<Entry>,
    bytes: u64,
    /// Directories of version control.
    repositories: Vec<String>,
    /// Device and inode of each file with several names.
    linked: HashSet<(u64, u64)>,
    /// Files that are further names of one that was found before.
    copies: u64,
    /// Files with setuid, setgid or sticky bits.
    special: u64,
}

/// An entry of a directory, before it is judged.
struct Found {
    name: OsString,
    kind: FileType,
    entry: fs::DirEntry,
}

impl Scan<'_> {
    /// Goes through a directory; `below` is its path from the root on.
    fn directory(&mut self, below: &Path) -> Result<(), PackError> {
        let found = self.list(below)?;
        let names = found.iter().filter_map(|found| found.name.to_str());
        if let Some((first, second)) = name::twins(names) {
            let cause =
                format!("it differs from `{first}` beside it only in case or Unicode normal form");
            return Err(PackError::refused(below.join(second), cause));
        }
        for found in found {
            self.entry(&below.join(&found.name), &found)?;
        }
        Ok(())
    }

    /// What is in a directory and not left out, sorted.
    fn list(&self, below: &Path) -> Result<Vec<Found>, PackError> {
        let directory = self.full(below);
        let fail = |e: io::Error| PackError::io("list", &directory, e);
        let mut all = Vec::new();
        for entry in fs::read_dir(&directory).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(fail)?);
            if !self.matcher.leaves_out(&below.join(&name), kind.is_dir()) {
                all.push(Found { name, kind, entry });
            }
        }
        all.sort_unstable_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        Ok(all)
    }

    fn entry(&mut self, path: &Path, found: &Found) -> Result<(), PackError> {
        let fail = |cause: String| PackError::refused(path, cause);
        let text = path.to_str().ok_or_else(|| fail("its name is not UTF-8".into()))?;
        name::check(text).map_err(fail)?;
        let add = |scan: &mut Self, kind, stamp| {
            scan.entries.push(Entry { path: text.into(), kind, stamp });
        };
        if found.kind.is_dir() {
            if REPOSITORIES.iter().any(|name| found.name == *name) {
                self.repositories.push(text.to_owned());
            }
            add(self, Kind::Directory, Stamp::default());
            return self.directory(path);
        }
        if found.kind.is_file() {
            let stat = found.entry.metadata();
            let stat = stat.map_err(|e| PackError::io("read", &self.full(path), e))?;
            let size = self.count(&stat);
            let kind = Kind::File { size, executable: stat.mode() & 0o100 != 0 };
            add(self, kind, Stamp::of(&stat));
            return Ok(());
        }
        if found.kind.is_symlink() {
            let target = self.target(path, text)?;
            add(self, Kind::Link { target }, Stamp::default());
            return Ok(());
        }
        Err(fail(format!("it is {}, which no release can have", strange(found.kind))))
    }

    /// Counts a file and gives its size.
    fn count(&mut self, stat: &Metadata) -> u64 {
        let several = stat.nlink() > 1;
        self.copies += u64::from(several && !self.linked.insert((stat.dev(), stat.ino())));
        self.special += u64::from(stat.mode() & 0o7000 != 0);
        self.bytes += stat.size();
        stat.size()
    }

    /// Where a link points to.
    fn target(&self, path: &Path, text: &str) -> Result<Box<str>, PackError> {
        let full = self.full(path);
        let target = fs::read_link(&full).map_err(|e| PackError::io("read", &full, e))?;
        let fail = |cause: String| PackError::refused(path, cause);
        let target = target.to_str();
        let target = target.ok_or_else(|| fail("it is a link whose target is not UTF-8".into()))?;
        name::check_target(target, text.matches('/').count()).map_err(fail)?;
        Ok(target.into())
    }

    fn full(&self, below: &Path) -> PathBuf {
        self.root.join(below)
    }

    /// What the publisher should be told.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = self.repositories.first() {
            let more = match self.repositories.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            notes.push(format!(
                "`{first}`{more} goes live with the release: --exclude leaves a repository out"
            ));
        }
        if self.copies > 0 {
            notes.push(format!(
                "{} files are hard links to others in the tree: they become copies",
                self.copies
            ));
        }
        if self.special > 0 {
            notes.push(format!(
                "{} files are setuid, setgid or sticky: no release has such bits",
                self.special
            ));
        }
        let entries = self.entries.len() as u64;
        if entries > FILES_MAX {
            notes.push(format!(
                "{entries} files, directories and links: hosts take {FILES_MAX} unless limits.files is raised"
            ));
        }
        if self.bytes > BYTES_MAX {
            notes.push(format!(
                "{} GiB: hosts take {} unless limits.bytes is raised",
                self.bytes >> 30,
                BYTES_MAX >> 30
            ));
        }
        notes
    }
}

/// The name of what is neither a file nor a directory nor a link.
fn strange(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_fifo() => "a fifo",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_block_device() || kind.is_char_device() => "a device",
        _ => "neither a file nor a directory nor a link",
    }
}

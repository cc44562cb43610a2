//! What is to be packed, listed before a byte is read.

use crate::{Excludes, PackError, excludes::Matcher, scan};
use std::{
    fs::Metadata,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The entries of a directory, in the order of the archive: a directory before what is in it, the
/// names of each directory by their bytes.
#[derive(Debug)]
pub struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) entries: Vec<Entry>,
    pub(crate) bytes: u64,
    pub(crate) notes: Vec<String>,
    pub(crate) matcher: Matcher,
}

/// A file, a directory or a link.
#[derive(Debug)]
pub struct Entry {
    /// From the tree's root on, components joined by `/`.
    pub(crate) path: Box<str>,
    pub(crate) kind: Kind,
    /// What a file looked like when it was listed; 0 for others.
    pub(crate) stamp: Stamp,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory; what is in it follows.
    Directory,
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// Where it points to, as it is written there.
        target: Box<str>,
    },
}

impl Tree {
    /// Lists `root`.
    ///
    /// # Errors
    /// What cannot be read, and whatever cannot be in a release: a name that is not UTF-8 or has a
    /// control character, one that differs from another only by case or Unicode normal form, a path
    /// that is too long or too deep, a device, a fifo, a socket, a link that leaves the tree; an
    /// empty tree.
    pub fn scan(root: &Path, excludes: &Excludes) -> Result<Self, PackError> {
        scan::tree(root, excludes)
    }

    /// The directory that was listed.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether something at this path, from the root on, is packed or would be: what is left out,
    /// and what lies in it, is not.
    pub fn takes(&self, path: &Path, is_directory: bool) -> bool {
        // All but the first and the last: the path itself, and the root.
        let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        !self.matcher.leaves_out(path, is_directory)
            && above.into_iter().all(|above| !self.matcher.leaves_out(above, true))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Files, directories and links.
    pub fn entries(&self) -> u64 {
        self.entries.len() as u64
    }

    /// All of them, in the order of the archive.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// What the publisher should be told once although it is packed: a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Entry {
    /// From the tree's root on, components joined by `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }
}

/// What a file looked like: its inode, size, mode and times, in 64 bits. A file that is written,
/// replaced or touched gets another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    pub(crate) fn of(found: &Metadata) -> Self {
        let mut hasher = DefaultHasher::new();
        let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
        (found.ino(), found.size(), found.mode(), times).hash(&mut hasher);
        Self(hasher.finish())
    }
}

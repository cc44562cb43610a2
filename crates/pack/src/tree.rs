//! What is to be packed, listed before a byte is read.

use crate::PackError;
use std::path::Path;

/// What is left out, by patterns like those of a `.gitignore`.
#[derive(Debug, Default)]
pub struct Excludes;

/// The entries of a directory, in the order of the archive.
#[derive(Debug)]
pub struct Tree;

impl Tree {
    /// Lists `root`.
    ///
    /// # Errors
    /// What cannot be read, and whatever cannot be in a release: a name that is not UTF-8 or has a
    /// control character, a device, a fifo, a socket, a link that leaves the tree; an empty tree.
    pub fn scan(_root: &Path, _excludes: &Excludes) -> Result<Self, PackError> {
        Ok(Self)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Files, directories and links.
    pub fn entries(&self) -> u64 {
        0
    }
}

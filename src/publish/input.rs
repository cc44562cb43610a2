//! What somebody wants to publish, looked at before anything is made of it.

use super::{Layout, Name, directory, unfinished::directory_of, unpackable};
use crate::{
    error::{Context, Error, Exit, Result, escaped, quoted},
    release::Version,
};
use pack::{Excludes, Kind, PackError, Tree};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// An input: what is there, and what a release of it is called.
pub enum Input {
    /// A directory, to be packed.
    Tree(Tree),
    /// A directory, to be a torrent of many files.
    Directory(Tree),
    /// A file, to be published as it is.
    File(Source),
}

/// An open file, and what it was when it was opened.
pub struct Source {
    /// Where it was.
    pub path: PathBuf,
    pub(super) file: File,
    pub(super) looked: Metadata,
}

impl Input {
    /// Looks at what lies at `path`.
    ///
    /// # Errors
    /// 66 if nothing is there, 65 if it cannot be a release, 77 or 74 if something of it cannot be
    /// read.
    pub fn find(path: &Path, layout: Layout, excludes: &[String]) -> Result<Self> {
        let looked = fs::metadata(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => {
                Error::new(Exit::NotFound, "publish", quoted(path), "there is no such file").hint(
                    "name a directory, or an archive or file that is to be published as it is",
                )
            }
            _ => Error::io("publish", path, &e),
        })?;
        if !looked.is_dir() {
            return Source::open(path).map(Self::File);
        }
        let excludes = Excludes::new(excludes).map_err(|e| unpacked(path, e))?;
        let tree = Tree::scan(path, &excludes).map_err(|e| unpacked(path, e))?;
        if tree.iter().all(|entry| *entry.kind() == Kind::Directory) {
            return Err(unpacked(
                path,
                PackError::Refused {
                    path: PathBuf::new(),
                    cause: "there is no file in it".to_owned(),
                },
            ));
        }
        Ok(match layout {
            Layout::Archive => Self::Tree(tree),
            Layout::Directory => Self::Directory(tree),
        })
    }

    /// What a release of it is called.
    ///
    /// # Errors
    /// 64 if the app cannot stand in a file's name.
    pub fn name(&self, app: &str, version: &Version) -> Result<Name> {
        match self {
            Self::Tree(_) => Name::of_archive(app, version),
            Self::Directory(_) => Name::of_directory(app, version),
            Self::File(source) => Name::of_file(app, version, &source.path),
        }
    }

    /// Bytes of all of its files.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Tree(tree) | Self::Directory(tree) => tree.bytes(),
            Self::File(source) => source.looked.len(),
        }
    }

    /// How many files there are, and links.
    pub fn files(&self) -> u64 {
        let files = |tree: &Tree| {
            tree.iter().filter(|entry| *entry.kind() != Kind::Directory).count() as u64
        };
        match self {
            Self::Tree(tree) | Self::Directory(tree) => files(tree),
            Self::File(_) => 1,
        }
    }

    /// Refuses to write a file where it is part of the input: the same again would publish it too.
    ///
    /// # Errors
    /// 73 if it would be.
    pub fn must_not_take(&self, written: &Path) -> Result<()> {
        match self.takes(written)? {
            false => Ok(()),
            true => Err(Error::new(
                Exit::NotOurs,
                "write",
                quoted(written),
                "it would be part of what is published",
            )
            .hint("name a place outside: --directory DIR; or leave it out: --exclude PATTERN")),
        }
    }

    /// Refuses to publish what signs it: whoever reaches a peer could sign.
    ///
    /// # Errors
    /// 65 if it is part of the input.
    pub fn must_not_reveal(&self, secret: &Path) -> Result<()> {
        match self.takes(secret)? {
            false => Ok(()),
            true => Err(unpackable(
                secret,
                "it is the secret of the signature, and every peer would have it",
            )
            .hint("keep it elsewhere, or leave it out: --exclude PATTERN")),
        }
    }

    /// Whether a file at this place is part of a tree. Its directory may be missing: then it is none.
    fn takes(&self, file: &Path) -> Result<bool> {
        let (Self::Tree(tree) | Self::Directory(tree)) = self else { return Ok(false) };
        let Ok(directory) = fs::canonicalize(directory_of(file)) else { return Ok(false) };
        let root = fs::canonicalize(tree.root()).on("read", tree.root())?;
        let at = directory.join(file.file_name().unwrap_or_default());
        Ok(at.strip_prefix(root).is_ok_and(|below| tree.takes(below, false)))
    }

    /// What is done to it, in a word.
    pub fn does(&self) -> &'static str {
        match self {
            Self::Tree(_) => "packing",
            Self::Directory(_) => "copying",
            Self::File(_) => "hashing",
        }
    }

    /// What is worth knowing, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        match self {
            Self::Tree(tree) => tree.notes().to_vec(),
            Self::Directory(tree) => {
                tree.notes().iter().cloned().chain(directory::empty_ones(tree)).collect()
            }
            Self::File(_) => Vec::new(),
        }
    }
}

impl Source {
    /// Opens a regular file, without waiting for whatever else lies there.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::opened(path, 0).on("read", path)?.ok_or_else(|| {
            unpackable(path, "it is neither a directory nor a regular file")
                .hint("name a directory, or an archive or file")
        })
    }

    /// Opens a file that was listed; what is there in its place by now is neither followed nor waited
    /// for.
    pub(super) fn listed(path: &Path) -> Result<Self> {
        let opened = match Self::opened(path, nix::libc::O_NOFOLLOW) {
            Err(e) if e.raw_os_error() == Some(nix::libc::ELOOP) => None,
            opened => opened.on("read", path)?,
        };
        opened.ok_or_else(|| directory::changed(path))
    }

    /// `None` if it is no regular file.
    fn opened(path: &Path, more: i32) -> io::Result<Option<Self>> {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY | more;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let looked = file.metadata()?;
        Ok(looked.is_file().then(|| Self { path: path.to_owned(), file, looked }))
    }

    /// Nobody wrote it since it was opened.
    pub(super) fn must_be_the_same(&self) -> Result<()> {
        let now = self.file.metadata().on("read", &self.path)?;
        let stamp = |of: &Metadata| (of.len(), of.mtime(), of.mtime_nsec());
        match stamp(&now) == stamp(&self.looked) {
            true => Ok(()),
            false => Err(directory::changed(&self.path)),
        }
    }
}

/// What the packer says of a tree.
pub(super) fn unpacked(root: &Path, cause: PackError) -> Error {
    match cause {
        PackError::Io { path, cause, .. } => Error::io("pack", root.join(path), &cause),
        PackError::Refused { path, cause } if path.as_os_str().is_empty() => {
            Error::new(Exit::Payload, "pack", quoted(root), cause)
                .hint("name the directory that holds the build, and leave out less of it")
        }
        PackError::Refused { path, cause } => {
            Error::new(Exit::Payload, "pack", quoted(within(root, &path)), cause)
                .hint("change it, or leave it out with --exclude: every server would refuse it")
        }
        PackError::Changed { path } => directory::changed(&within(root, &path)),
        PackError::Pattern { pattern, cause } => {
            let thing = format!("the pattern `{}`", escaped(pattern.as_bytes()));
            Error::new(Exit::Usage, "read", thing, cause)
        }
        PackError::Write(cause) => Error::io("pack", root, &cause),
    }
}

/// A path of the packer's, which begins at the root, and is empty for the root itself.
fn within(root: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) }
}

//! What a release should hold, from its two manifests, and which paths they know.
//!
//! The manifests tell entries in the order of the archive, so a sorted walk of the release cannot
//! be merged with them, and a million paths in memory would be a hundred MiB. Of every path a keyed
//! 64-bit hash is kept and nothing else: 8 bytes. An extra entry is overlooked if its hash is by
//! chance that of a listed one: for a million listed entries once in 18 million million, and
//! nobody can bring it about, since the key is new in every process.

use crate::{
    disk::{Disk, Kernel},
    error::{Context, Error, Exit, Result, quoted},
    manifest::{self, Entry, Kind, Sum},
    release::Version,
    store::MANIFESTS,
};
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::Mode,
};
use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, BufReader, Seek},
    path::{Path, PathBuf},
};

/// What the manifests hold, all of which was read once and is well formed.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) manifests: Manifests,
    pub(super) known: Known,
    pub(super) totals: Totals,
}

/// How much the manifests tell of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) directories: u64,
    pub(super) links: u64,
    /// Bytes of the files.
    pub(super) bytes: u64,
}

/// The two files, open: a prune meanwhile takes only their names.
#[derive(Debug)]
pub(super) struct Manifests {
    tree: Manifest,
    b3: Manifest,
}

#[derive(Debug)]
struct Manifest {
    place: PathBuf,
    file: File,
}

impl Listed {
    /// Reads the manifests of a release; `None` if it has none.
    ///
    /// # Errors
    /// 74 if they cannot be read, are damaged, or one of the two is not there; 77 if this user may
    /// not read them.
    pub(super) fn open(disk: &Kernel, version: &Version) -> Result<Option<Self>> {
        let (tree, b3) =
            (Manifest::open(disk, version, "tree")?, Manifest::open(disk, version, "b3")?);
        let mut manifests = match (tree, b3) {
            (None, None) => return Ok(None),
            (Some(tree), Some(b3)) => Manifests { tree, b3 },
            (Some(there), None) | (None, Some(there)) => {
                return Err(damaged(&there.place, "the other one of the pair is not there"));
            }
        };
        let mut known = Known::default();
        let mut totals = Totals::default();
        for entry in manifests.entries()? {
            let (entry, _) = entry?;
            known.add(&entry.path);
            totals.add(&entry.kind);
        }
        known.sort();
        Ok(Some(Self { manifests, known, totals }))
    }
}

impl Totals {
    fn add(&mut self, kind: &Kind) {
        match kind {
            Kind::File { size, .. } => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(*size);
            }
            Kind::Directory { .. } => self.directories += 1,
            Kind::Link { .. } => self.links += 1,
        }
    }
}

impl Manifests {
    /// Every entry, from the first, with the hash of each file. Both manifests are written
    /// together, so they tell the same files in the same order.
    pub(super) fn entries(&mut self) -> Result<impl Iterator<Item = Result<(Entry, Option<Sum>)>>> {
        let (tree, b3) = (&self.tree, &self.b3);
        let mut sums = manifest::read_b3(b3.rewound()?).fuse();
        let entries = manifest::read_tree(tree.rewound()?);
        let mut entries = entries.map_err(|e| tree.unreadable(&e))?.fuse();
        let mut next = move || -> Result<Option<(Entry, Option<Sum>)>> {
            let entry = entries.next().transpose().map_err(|e| tree.unreadable(&e))?;
            let is_file = entry.as_ref().is_none_or(|e| matches!(e.kind, Kind::File { .. }));
            let sum = if is_file { sums.next().transpose() } else { Ok(None) };
            let sum = sum.map_err(|e| b3.unreadable(&e))?;
            match (entry, sum) {
                (None, None) => Ok(None),
                (Some(entry), _) if !is_beneath(&entry.path) => {
                    Err(damaged(&tree.place, "a line's path is not one of a release"))
                }
                (Some(entry), None) if !is_file => Ok(Some((entry, None))),
                (Some(entry), Some((path, sum))) if path == entry.path => {
                    Ok(Some((entry, Some(sum))))
                }
                _ => Err(damaged(&b3.place, "it does not list the files of the `.tree` beside it")),
            }
        };
        Ok(std::iter::from_fn(move || next().transpose()))
    }
}

/// A path that cannot lead out of the release.
fn is_beneath(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    path.split('/').all(plain) && !path.contains(char::is_control)
}

impl Manifest {
    /// Opens one; `None` if it is not there.
    fn open(disk: &Kernel, version: &Version, suffix: &str) -> Result<Option<Self>> {
        let path = format!("{MANIFESTS}/{version}.{suffix}");
        let place = disk.place().join(&path);
        // Whatever was put there, it neither leads elsewhere nor keeps us waiting.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(disk.root(), path.as_str(), flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(e) => return Err(Error::io("read", place, &e.into())),
        };
        if !file.metadata().on("read", &place)?.is_file() {
            return Err(damaged(&place, "it is not a regular file"));
        }
        Ok(Some(Self { place, file }))
    }

    fn rewound(&self) -> Result<BufReader<&File>> {
        let mut file = &self.file;
        file.rewind().on("read", &self.place)?;
        Ok(BufReader::with_capacity(64 << 10, file))
    }

    fn unreadable(&self, e: &io::Error) -> Error {
        match e.kind() {
            io::ErrorKind::InvalidData => damaged(&self.place, &e.to_string()),
            _ => Error::io("read", &self.place, e),
        }
    }
}

/// What a damaged disk or a hand left: 74, so that it is not taken for a finding.
fn damaged(place: &Path, cause: &str) -> Error {
    Error::new(Exit::Io, "read", format!("the manifest {}", quoted(place)), cause).hint(
        "what the release should hold is not known: restore both manifests from a backup, or \
         publish the release again",
    )
}

/// The paths of the manifests.
#[derive(Debug, Default)]
pub(super) struct Known {
    key: RandomState,
    hashes: Vec<u64>,
}

impl Known {
    fn add(&mut self, path: &str) {
        if self.hashes.len() == self.hashes.capacity() {
            // A quarter more, not double: memory is the point.
            self.hashes.reserve_exact(1024 + self.hashes.len() / 4);
        }
        self.hashes.push(self.hash(path.as_bytes()));
    }

    fn sort(&mut self) {
        self.hashes.sort_unstable();
    }

    /// Whether the manifests list this path.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.hashes.binary_search(&self.hash(path)).is_ok()
    }

    /// The keyed hash of a path.
    pub(super) fn hash(&self, path: &[u8]) -> u64 {
        self.key.hash_one(path)
    }
}

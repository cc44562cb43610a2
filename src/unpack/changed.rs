//! What `prepare` changed in a stage: listed again, in the bits that a release has.
//!
//! Before the commands run, of every entry two keyed 64-bit hashes are kept and nothing else: of
//! its path, and of what the kernel changes whenever somebody changes the entry (inode, size, times,
//! bits). Afterwards an entry with the same two is as it was listed; every other file is hashed and
//! listed anew, and what is gone is left out. So it costs 17 bytes an entry, and the reading of what
//! changed.
//!
//! Nothing in the stage is trusted here: the commands of the release ran in it. It is walked beneath
//! its descriptor, one component at a time, without following a link.

use super::{beneath::DIRECTORY, plan::Plan, tree::Modes};
use crate::{
    error::{Context, Error, Exit, Result, escaped},
    manifest::{self, Entry, Kind},
};
use nix::{
    dir::{Dir, OwningIter},
    fcntl::{AtFlags, OFlag, openat, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fchmod, fstatat},
    unistd::{Gid, fchown},
};
use std::{
    ffi::{CStr, OsStr},
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, BufRead, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

/// Read in one go while hashing.
const BLOCK: usize = 256 << 10;

/// A stage as it was before commands ran in it.
#[derive(Debug)]
pub struct Before {
    key: RandomState,
    /// The hashes of path and facts, sorted.
    entries: Vec<(u64, u64)>,
}

/// What a release holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, directories and links.
    pub files: u64,
}

impl Before {
    /// Looks at a stage that was just unpacked, and closes it to everybody else.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(stage: BorrowedFd<'_>, plan: &Plan<'_>) -> Result<Self> {
        fchmod(stage, Mode::S_IRWXU).on("set the mode of", "the stage")?;
        let mut before = Self { key: RandomState::new(), entries: Vec::new() };
        walk(stage, plan, &mut |found| {
            if before.entries.len() == before.entries.capacity() {
                // A quarter more, not double: memory is the point.
                before.entries.reserve_exact(1024 + before.entries.len() / 4);
            }
            before.entries.push((before.hash(found.path), before.facts(&found.stat)));
            Ok(())
        })?;
        before.entries.sort_unstable();
        Ok(before)
    }

    fn hash(&self, path: &str) -> u64 {
        self.key.hash_one(path)
    }

    /// What a directory holds is told by its entries; it is itself whatever changes in it.
    fn facts(&self, is: &FileStat) -> u64 {
        if format(is) == SFlag::S_IFDIR {
            return self.key.hash_one(SFlag::S_IFDIR.bits());
        }
        let changed = (is.st_mtime, is.st_mtime_nsec, is.st_ctime, is.st_ctime_nsec);
        self.key.hash_one((is.st_ino, is.st_size, is.st_mode, changed))
    }

    /// Lists a stage after commands ran in it: `old` is what was listed, `.b3` and `.tree`, `new`
    /// what is. The stage gets its final mode.
    ///
    /// # Errors
    /// 79 if something is there that no release may hold; what the disk and the manifests say.
    pub fn list_again<W: Write>(
        self,
        stage: BorrowedFd<'_>,
        plan: &Plan<'_>,
        old: (impl BufRead, impl BufRead),
        new: &mut manifest::Writer<W>,
    ) -> Result<Totals> {
        let unchanged = self.unchanged(stage, plan)?;
        let mut listing = Listing {
            modes: Modes::new(plan.mode, plan.group),
            totals: Totals::default(),
            manifest: new,
        };
        listing.keep(old, |path| unchanged.has(path)).map_err(unlisted)?;
        walk(stage, plan, &mut |found| match unchanged.has(found.path) {
            true if format(&found.stat) == SFlag::S_IFDIR => listing.normalise_directory(found),
            true => Ok(()),
            false => listing.add(found),
        })?;
        let Listing { modes, totals, .. } = listing;
        normalise(stage, modes, modes.directory, None).on("set the mode of", "the stage")?;
        Ok(totals)
    }

    /// The entries that are as they were.
    fn unchanged(self, stage: BorrowedFd<'_>, plan: &Plan<'_>) -> Result<Unchanged> {
        let mut same = vec![false; self.entries.len()];
        walk(stage, plan, &mut |found| {
            let entry = (self.hash(found.path), self.facts(&found.stat));
            if let Ok(place) = self.entries.binary_search(&entry) {
                same[place] = true;
            }
            Ok(())
        })?;
        let mut paths = Vec::with_capacity(same.iter().filter(|same| **same).count());
        let marked = self.entries.iter().zip(same).filter(|(_, same)| *same);
        paths.extend(marked.map(|((path, _), _)| *path));
        Ok(Unchanged { key: self.key, paths })
    }
}

/// The hashes of the paths that are as they were, sorted.
struct Unchanged {
    key: RandomState,
    paths: Vec<u64>,
}

impl Unchanged {
    fn has(&self, path: &str) -> bool {
        self.paths.binary_search(&self.key.hash_one(path)).is_ok()
    }
}

/// The new list, as far as it is written.
struct Listing<'m, W: Write> {
    modes: Modes,
    totals: Totals,
    manifest: &'m mut manifest::Writer<W>,
}

impl<W: Write> Listing<'_, W> {
    /// Takes over the lines of what is as it was. Both lists tell the same files in the same order:
    /// they are our own, written moments ago.
    fn keep(
        &mut self,
        (b3, tree): (impl BufRead, impl BufRead),
        unchanged: impl Fn(&str) -> bool,
    ) -> io::Result<()> {
        let mut sums = manifest::read_b3(b3);
        for entry in manifest::read_tree(tree)? {
            let Entry { path, kind } = entry?;
            let sum = match kind {
                Kind::File { .. } => sums.next().transpose()?.filter(|(of, _)| *of == path),
                _ => None,
            };
            if !unchanged(&path) {
                continue;
            }
            match (kind, sum) {
                (Kind::File { mode, size }, Some((_, sum))) => {
                    self.file(&path, mode, size, &sum)?;
                }
                (Kind::File { .. }, None) => return Err(io::ErrorKind::InvalidData.into()),
                (Kind::Directory { mode }, _) => self.directory(&path, mode)?,
                (Kind::Link { target }, _) => self.link(&path, Path::new(&target))?,
            }
        }
        Ok(())
    }

    /// Lists what is new or was changed.
    fn add(&mut self, found: &Found<'_>) -> Result<()> {
        let path = found.path;
        match format(&found.stat) {
            SFlag::S_IFDIR => {
                self.normalise_directory(found)?;
                self.directory(path, self.modes.directory).map_err(unlisted)
            }
            SFlag::S_IFLNK => {
                let target = readlinkat(found.at, found.name).on("read the link", path)?;
                let text = target.to_str().filter(|text| !text.contains(char::is_control));
                let text = text.ok_or_else(|| {
                    unfit(path, "it is a link to what is not UTF-8 without control characters")
                })?;
                self.link(path, Path::new(text)).map_err(unlisted)
            }
            _ => {
                let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let file = openat(found.at, found.name, flags, Mode::empty()).on("open", path)?;
                let mode = self.modes.of_file(found.stat.st_mode);
                normalise(&file, self.modes, mode, Some(&found.stat))
                    .on("set the mode of", path)?;
                let (size, sum) = hashed(File::from(file)).on("read", path)?;
                self.file(path, mode, size, &sum).map_err(unlisted)
            }
        }
    }

    fn normalise_directory(&self, found: &Found<'_>) -> Result<()> {
        let directory = openat(found.at, found.name, DIRECTORY, Mode::empty());
        let directory = directory.on("open", found.path)?;
        normalise(directory, self.modes, self.modes.directory, Some(&found.stat))
            .on("set the mode of", found.path)
    }

    fn file(&mut self, path: &str, mode: u32, size: u64, sum: &manifest::Sum) -> io::Result<()> {
        self.totals.bytes = self.totals.bytes.saturating_add(size);
        self.totals.files += 1;
        self.manifest.file(path, mode, size, sum)
    }

    fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        self.totals.files += 1;
        self.manifest.directory(path, mode)
    }

    fn link(&mut self, path: &str, target: &Path) -> io::Result<()> {
        self.totals.files += 1;
        self.manifest.link(path, target)
    }
}

/// Gives an entry the group and the bits that it has in a release, unless it `is` so already.
fn normalise(entry: impl AsFd, modes: Modes, mode: u32, is: Option<&FileStat>) -> nix::Result<()> {
    if let Some(group) = modes.group.filter(|group| is.is_none_or(|is| differs(*group, is))) {
        fchown(&entry, None, Some(group))?;
    }
    // A change of group may have cleared bits.
    if is.is_none_or(|is| is.st_mode & 0o7777 != mode) || modes.group.is_some() {
        fchmod(&entry, Mode::from_bits_truncate(mode))?;
    }
    Ok(())
}

fn differs(group: Gid, is: &FileStat) -> bool {
    group.as_raw() != is.st_gid
}

fn hashed(mut file: File) -> io::Result<(u64, manifest::Sum)> {
    let (mut hash, mut size) = (blake3::Hasher::new(), 0);
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok((size, *hash.finalize().as_bytes())),
            n => {
                hash.update(&block[..n]);
                size += n as u64;
            }
        }
    }
}

/// One entry of the stage.
struct Found<'f> {
    path: &'f str,
    at: BorrowedFd<'f>,
    name: &'f CStr,
    stat: FileStat,
}

fn format(is: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(is.st_mode) & SFlag::S_IFMT
}

/// Goes through all entries, a directory before what is in it.
fn walk(
    stage: BorrowedFd<'_>,
    plan: &Plan<'_>,
    visit: &mut dyn FnMut(&Found<'_>) -> Result<()>,
) -> Result<()> {
    // The directories on the way, the last of them being listed.
    let root = openat(stage, ".", DIRECTORY, Mode::empty());
    let mut open = vec![Level::of(root, 0).on("list", "the stage")?];
    let mut path = String::new();
    while let Some(Level { entries, at, length }) = open.last_mut() {
        path.truncate(*length);
        let Some(entry) = entries.next() else {
            open.pop();
            continue;
        };
        let entry = entry.on("list", &path)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        add_name(&mut path, name, plan)?;
        let at = at.as_fd();
        let stat = fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW).on("look at", &path)?;
        let kind = format(&stat);
        if ![SFlag::S_IFREG, SFlag::S_IFDIR, SFlag::S_IFLNK].contains(&kind) {
            return Err(unfit(&path, "it is neither a file, nor a directory, nor a link"));
        }
        visit(&Found { path: &path, at, name, stat })?;
        if kind == SFlag::S_IFDIR {
            let below = openat(at, name, DIRECTORY, Mode::empty());
            if open.len() as u64 >= plan.limits.depth {
                return Err(unfit(&path, "it is a directory deeper than limits.depth allows"));
            }
            open.push(Level::of(below, path.len()).on("list", &path)?);
        }
    }
    Ok(())
}

/// A directory on the way, and how much of the path leads to it.
struct Level {
    entries: OwningIter,
    at: OwnedFd,
    length: usize,
}

impl Level {
    fn of(opened: nix::Result<OwnedFd>, length: usize) -> io::Result<Self> {
        let opened = opened?;
        let at = opened.try_clone()?;
        Ok(Self { entries: Dir::from_fd(opened)?.into_iter(), at, length })
    }
}

/// Adds a component to the path of a directory; it is one that a manifest can hold.
fn add_name(path: &mut String, name: &CStr, plan: &Plan<'_>) -> Result<()> {
    let plain = name.to_str().ok().filter(|name| !name.contains(char::is_control));
    if !path.is_empty() {
        path.push('/');
    }
    let Some(plain) = plain else {
        let shown = escaped(OsStr::from_bytes(name.to_bytes()).as_bytes());
        return Err(unfit(
            &format!("{path}{shown}"),
            "its name is not UTF-8 without control characters",
        ));
    };
    path.push_str(plain);
    match path.len() as u64 > plan.limits.path {
        true => Err(unfit(path, "its name is longer than limits.path allows")),
        false => Ok(()),
    }
}

/// What the commands made and no release may hold.
fn unfit(path: &str, cause: &str) -> Error {
    let thing = format!("`{}`, which prepare left", crate::error::one_line(path));
    Error::new(Exit::Unhealthy, "take", thing, cause).hint("let prepare remove it again")
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unlisted(e: io::Error) -> Error {
    Error::io("write", "the manifest", &e)
}

//! A release being built: entries come in as an archive tells them, and are refused or made.
//!
//! Every rule that does not depend on the payload's format is held here, once. The first refusal
//! ends it; whoever owns the stage removes it, so nothing is cleaned up here.

use super::{
    budget::Budget,
    crew::Crew,
    entry::{Entry, Time, What},
    listing::{Listing, Regular, each_chunk},
    name::{self, Name},
    plan::{Case, Plan, Shared},
    refuse, refuse_as_set,
    source::Source,
    times::Times,
    tree::Tree,
    twins::Twins,
    writer::unmade,
};
use crate::{
    error::{Context, Error, Exit, Result, quoted},
    manifest,
};
use nix::errno::Errno;
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What came of a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Bytes of all files; a hard link counts like a copy.
    pub bytes: u64,
    /// Entries: files, directories and links.
    pub files: u64,
    /// What should be said once although it does no harm.
    pub notes: Vec<String>,
}

/// The release, its limits and its manifest.
pub(super) struct Building<'a, W: Write> {
    plan: &'a Plan<'a>,
    pub(super) budget: Budget,
    tree: Tree<'a>,
    twins: Option<Twins>,
    times: Times,
    listing: Listing<'a, W>,
    /// The release's own time.
    time: Time,
    /// Entries that are the release's own directory.
    roots: u64,
    /// Entries at or below a shared path.
    skipped: u64,
    /// Entries with bits that were taken away.
    strange: u64,
    /// The file that was last given a second name, and what the manifest says of it: many names
    /// for one file cost one reading.
    linked: Option<(String, u32, u64, manifest::Sum)>,
}

impl<'a, W: Write> Building<'a, W> {
    /// Begins in the empty directory `stage`, for a payload of `input` bytes.
    pub(super) fn new(
        stage: BorrowedFd<'a>,
        private: BorrowedFd<'a>,
        plan: &'a Plan<'a>,
        input: u64,
        crew: &'a Crew,
        manifest: &'a mut manifest::Writer<W>,
    ) -> Result<Self> {
        Ok(Self {
            plan,
            budget: Budget::new(plan.limits, input),
            tree: Tree::new(stage, crew.modes)?,
            twins: (plan.case == Case::Refuse).then(Twins::new),
            times: Times::new(private)?,
            listing: Listing::new(crew, manifest),
            time: plan.time.into(),
            roots: 0,
            skipped: 0,
            strange: 0,
            linked: None,
        })
    }

    /// Adds what an archive tells; `bytes` begins with the file's and is left behind them.
    pub(super) fn add(&mut self, entry: &Entry<'_>, bytes: &mut dyn Source) -> Result<()> {
        let first = if let What::Same(target) = entry.what { target } else { &[] };
        if of_windows(entry.path) || of_windows(first) {
            let cause = "a path begins like one of Windows, which some programs take away";
            return Err(refuse(entry.path, cause));
        }
        self.add_stripped(entry, self.plan.strip, bytes)
    }

    /// Adds an entry whose path loses `strip` components.
    pub(super) fn add_stripped(
        &mut self,
        entry: &Entry<'_>,
        strip: u32,
        bytes: &mut dyn Source,
    ) -> Result<()> {
        let fail = |cause: String| refuse(entry.path, cause);
        let name = Name::parse(entry.path, strip, self.plan.limits).map_err(fail)?;
        let Some(name) = name else { return self.above(entry) };
        if self.is_shared(&name) {
            return self.pass(&name, entry.what, bytes);
        }
        if strange(entry.mode) && !matches!(entry.what, What::Link(_)) {
            self.strange += 1;
        }
        let time = entry.time.unwrap_or(self.plan.time.into());
        match entry.what {
            What::File(size) => self.file(&name, size, entry.mode, time, bytes)?,
            What::Directory => self.directory(&name, time)?,
            What::Link(target) => {
                let target =
                    name::link_target(target, name.depth(), self.plan.limits).map_err(fail)?;
                self.link(&name, Path::new(target), time)?;
            }
            What::Same(target) => {
                let target = Name::parse(target, strip, self.plan.limits)
                    .map_err(|cause| fail(format!("of what it is a hard link to: {cause}")))?
                    .ok_or_else(|| fail("it is a hard link to what `strip` takes away".into()))?;
                self.same(&name, &target)?;
            }
        }
        self.listing.entry()
    }

    /// The end of the entries: what was told of reading them, unless an earlier one could not be
    /// made, which `true` beside it says.
    pub(super) fn conclude(&mut self, told: Result<()>) -> (Result<()>, bool) {
        self.listing.conclude(told)
    }

    /// Whether a name is at or below a path that is a link to what all releases share.
    fn is_shared(&self, name: &Name) -> bool {
        self.plan.shared.iter().any(|shared| name.is_within(&shared.path))
    }

    /// Passes over an entry that is not unpacked. Reading it may cost what unpacking it may.
    fn pass(&mut self, name: &Name, what: What<'_>, bytes: &mut dyn Source) -> Result<()> {
        self.skipped += 1;
        self.budget.entry(name.as_str())?;
        let What::File(size) = what else { return Ok(()) };
        self.budget.passed(name.as_str(), size)?;
        each_chunk(bytes, size, name.as_str(), |_| Ok(()))
    }

    /// An entry that has no more components than `strip`.
    fn above(&mut self, entry: &Entry<'_>) -> Result<()> {
        let What::Directory = entry.what else {
            return Err(match self.plan.strip {
                0 => refuse(entry.path, "it is the release itself and not a directory"),
                strip => {
                    refuse_as_set(entry.path, format!("strip = {strip} leaves nothing of its path"))
                }
            });
        };
        self.budget.entry("")?;
        self.roots += 1;
        self.time = entry.time.unwrap_or(self.plan.time.into());
        Ok(())
    }

    fn directory(&mut self, name: &Name, time: Time) -> Result<()> {
        let before = self.budget.files;
        self.parent(name.as_str())?;
        if self.budget.files == before {
            // It was there: named twice, or behind its own entries.
            self.budget.entry(name.as_str())?;
        }
        self.times.note(name.as_str(), time)
    }

    /// Opens a directory, making what is missing.
    fn parent(&mut self, path: &str) -> Result<&Arc<OwnedFd>> {
        if !self.tree.is_at(path) && self.listing.is_blocked(path) {
            self.listing.settle()?;
        }
        let (budget, twins) = (&mut self.budget, &mut self.twins);
        let (times, listing) = (&mut self.times, &mut self.listing);
        let (mode, time) = (self.tree.modes().directory, self.plan.time.into());
        self.tree.directory(path, |made| {
            budget.entry(made)?;
            alone(twins, made)?;
            times.note(made, time)?;
            listing.directory(made, mode)
        })
    }

    fn file(
        &mut self,
        name: &Name,
        size: u64,
        mode: u32,
        time: Time,
        bytes: &mut dyn Source,
    ) -> Result<()> {
        let path = name.as_str();
        self.budget.entry(path)?;
        self.budget.file(path, size)?;
        let (directory, last) = name.split();
        let directory = Arc::clone(self.parent(directory)?);
        if let Err(twin) = alone(&mut self.twins, path) {
            // What has the very same name is told as that.
            self.listing.settle()?;
            let same = Tree::stands(&*directory, last).on("look for", path)?;
            return Err(if same { unmade(path, Errno::EEXIST) } else { twin });
        }
        let mode = self.tree.modes().of_file(mode);
        self.listing.make(Regular { directory, path, mode, time, size }, bytes)
    }

    fn link(&mut self, name: &Name, target: &Path, time: Time) -> Result<()> {
        let path = name.as_str();
        self.budget.entry(path)?;
        let (directory, last) = name.split();
        Tree::link(self.parent(directory)?, last, target, time).map_err(|e| unmade(path, e))?;
        alone(&mut self.twins, path)?;
        self.listing.link(path, target)
    }

    /// A second name for a file of this release. It shares the first one's inode, as tar means it;
    /// no inode is ever shared between two releases.
    fn same(&mut self, name: &Name, target: &Name) -> Result<()> {
        let path = name.as_str();
        self.budget.entry(path)?;
        let (from, first) = target.split();
        self.listing.settle()?;
        let found = self.tree.find(from, first).on("open", target.as_str())?;
        let Some((from, file)) = found else {
            let why = match self.is_shared(target) {
                true => "which is at or below a shared path and not unpacked",
                false => "and no file of that name stands before it",
            };
            let cause = format!("it is a hard link to {}, {why}", quoted(target.as_str()));
            return Err(refuse(path.as_bytes(), cause));
        };
        let (mode, size, sum) = self.known(target, file)?;
        let (directory, last) = name.split();
        let at = self.parent(directory)?;
        Tree::same(&from, first, at, last).map_err(|e| unmade(path, e))?;
        alone(&mut self.twins, path)?;
        self.listing.same(path, mode, size, sum)
    }

    /// What the manifest says of a file that was made before: read again, from the stage, which
    /// nobody else writes. It costs as much as another copy.
    fn known(&mut self, target: &Name, mut file: File) -> Result<(u32, u64, manifest::Sum)> {
        let path = target.as_str();
        let found = file.metadata().on("read", path)?;
        self.budget.file(path, found.len())?;
        match &self.linked {
            Some((last, mode, size, sum)) if last == path => return Ok((*mode, *size, *sum)),
            _ => {}
        }
        let mut hash = blake3::Hasher::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer).on("read", path)? {
                0 => break,
                amount => hash.update(&buffer[..amount]),
            };
        }
        use std::os::unix::fs::MetadataExt;
        let known = (found.mode() & 0o777, found.len(), *hash.finalize().as_bytes());
        self.linked = Some((path.to_owned(), known.0, known.1, known.2));
        Ok(known)
    }

    /// Makes the shared links, holds the release against `must_exist`, sets the directories' times
    /// and the stage's own mode.
    pub(super) fn finish(mut self) -> Result<Contents> {
        if self.budget.files == self.roots {
            // A build that packed nothing would take the site down.
            return Err(Error::new(Exit::Payload, "unpack", "the payload", "it holds nothing")
                .hint("look at what the build packed"));
        }
        for shared in self.plan.shared {
            self.share(shared)?;
        }
        for path in self.plan.must_exist {
            if !self.tree.has(path)? {
                let cause = "must_exist names it and it is not there";
                return Err(refuse_as_set(path.as_bytes(), cause));
            }
        }
        self.times.set(&mut self.tree)?;
        self.tree.close(self.time)?;
        let mut notes = Vec::new();
        if self.skipped > 0 {
            notes.push(format!(
                "{} entries at or below shared paths are not unpacked",
                self.skipped
            ));
        }
        if self.strange > 0 {
            notes.push(format!(
                "{} entries are setuid, setgid, sticky, writable by all or unreadable in the archive and not in the release",
                self.strange
            ));
        }
        Ok(Contents { bytes: self.budget.bytes, files: self.budget.files, notes })
    }

    fn share(&mut self, shared: &Shared) -> Result<()> {
        let name = Name::parse(shared.path.as_bytes(), 0, self.plan.limits);
        let Ok(Some(name)) = name else {
            return Err(refuse_as_set(shared.path.as_bytes(), "it cannot be a path of `shared`"));
        };
        // Up to the release, then over `releases/` to the root.
        let up = || "../".repeat(name.depth() + 2);
        let inside = || PathBuf::from(format!("{}shared/{}", up(), shared.path));
        let target = shared.target.clone().unwrap_or_else(inside);
        self.link(&name, &target, self.plan.time.into())
    }
}

/// Refuses a name that has a twin.
fn alone(twins: &mut Option<Twins>, path: &str) -> Result<()> {
    if twins.as_mut().is_none_or(|twins| twins.add(path)) {
        return Ok(());
    }
    let cause = "another name differs from it only in case or Unicode normal form";
    Err(refuse(path.as_bytes(), cause)
        .hint("case = \"accept\" takes both, where every host tells them apart"))
}

/// Whether a path begins with a drive or a backslash: bsdtar makes `x` of `C:x` and of `\x`, others do
/// not.
fn of_windows(path: &[u8]) -> bool {
    matches!(path, [b'\\', ..]) || matches!(path, [b'A'..=b'Z' | b'a'..=b'z', b':', ..])
}

/// Whether bits were archived that nothing in a release has, or none that let it be read.
fn strange(mode: u32) -> bool {
    mode & 0o7002 != 0 || mode & 0o400 == 0
}

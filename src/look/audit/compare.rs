//! Every entry of the manifests against what stands there, and every directory's listing against
//! the manifests.

use super::{
    Progress,
    beneath::Beneath,
    content::{self, Job, locked},
    finding::{Difference, Finding, Findings, Found, Kind},
    listed::{Known, Listed},
    stands::{self, Stands},
};
use crate::{
    error::{Error, Exit, Result},
    manifest::{self, Entry, Sum},
};
use nix::{
    dir::{Dir, Type},
    errno::Errno,
    fcntl::AtFlags,
    sys::stat::fstatat,
};
use std::{
    collections::HashSet,
    ffi::CStr,
    fs::File,
    os::fd::{AsFd, BorrowedFd},
    sync::{Mutex, PoisonError, mpsc::SyncSender},
    thread,
};

/// What every entry of a release should be, beside what the manifests say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// The number of the user who owns it.
    pub(super) owner: u32,
    /// The mode of the release's own directory.
    pub(super) mode: u32,
}

/// Compares a release with its manifests.
///
/// # Errors
/// Those of the manifests; what cannot be read in the release is a finding.
pub(super) fn compare(
    release: Beneath,
    listed: Listed,
    expected: Expected,
    progress: &Progress<'_>,
) -> Result<Findings> {
    let Listed { mut manifests, known, totals } = listed;
    let progress = |bytes| progress(bytes, totals.bytes);
    let findings = Mutex::new(Findings::default());
    thread::scope(|scope| {
        let jobs = content::start(scope, &findings, &progress);
        let jobs = jobs.map_err(|e| Error::io("start", "a thread", &e))?;
        let (known, findings) = (&known, &findings);
        let closed = HashSet::new();
        let Expected { owner, mode } = expected;
        let itself = stands::rights(&release.stat()?, Some(mode), owner);
        let mut walk = Walk { release, known, owner, findings, jobs, closed, progress: &progress };
        if !itself.is_empty() {
            walk.add(Finding::changed("", Kind::Directory, itself));
        }
        if let Err(finding) = walk.list("") {
            walk.add(finding);
        }
        manifests.entries()?.try_for_each(|entry| {
            let (entry, sum) = entry?;
            walk.entry(&entry, sum)
        })
    })?;
    Ok(findings.into_inner().unwrap_or_else(PoisonError::into_inner))
}

struct Walk<'a, P: Fn(u64)> {
    release: Beneath,
    known: &'a Known,
    owner: u32,
    findings: &'a Mutex<Findings>,
    jobs: SyncSender<Job>,
    /// Hashes of directories that are told and cannot be entered: what is listed below is told
    /// with them.
    closed: HashSet<u64>,
    progress: &'a P,
}

impl<P: Fn(u64)> Walk<'_, P> {
    /// Compares one entry; the bytes of a file are left to the threads.
    fn entry(&mut self, entry: &Entry, sum: Option<Sum>) -> Result<()> {
        let path = entry.path.as_str();
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let owner = self.owner;
        let directory = self.release.directory(above);
        let stands = match directory.map(|at| stands::look(at, name, owner, &entry.kind)) {
            Ok(stands) => stands,
            Err(stopped) if self.is_closed(stopped.at) => {
                self.pass(entry);
                return Ok(());
            }
            // It came to pass after its directory was compared.
            Err(stopped) => stands::absent(stopped.why),
        };
        match (stands, &entry.kind) {
            (Stands::Open(differs, file), manifest::Kind::File { size, .. }) => {
                return self.hand_over(path, *size, sum, differs, file);
            }
            (Stands::Here(differs), manifest::Kind::Directory { .. }) => {
                self.changed(entry, differs);
                if let Err(finding) = self.list(path) {
                    self.close(entry);
                    self.add(finding);
                }
            }
            (Stands::Here(differs) | Stands::Open(differs, _), _) => self.changed(entry, differs),
            (Stands::Other(found), expected) => {
                self.close(entry);
                self.changed(entry, vec![Difference::Kind(expected.into(), found)]);
            }
            (Stands::Nothing, kind) => {
                self.close(entry);
                self.add(Finding::new(Found::Missing, path.as_bytes(), kind.into()));
            }
            (Stands::Unread(differs, why), kind) => {
                self.close(entry);
                self.changed(entry, differs);
                self.add(Finding::unread(path, kind.into(), why));
            }
        }
        self.pass(entry);
        Ok(())
    }

    fn hand_over(
        &self,
        path: &str,
        size: u64,
        sum: Option<Sum>,
        differs: Vec<Difference>,
        file: File,
    ) -> Result<()> {
        let sum = sum.ok_or_else(|| stuck("a file has no hash"))?;
        let job = Job { path: path.to_owned(), file, size, sum, differs };
        self.jobs.send(job).map_err(|_| stuck("every thread is gone"))
    }

    /// Tells everything in a directory that the manifests do not know.
    fn list(&mut self, path: &str) -> Result<(), Finding> {
        let opened = self.release.directory(path).map_err(|stopped| stopped.why);
        let told = opened.and_then(|directory| extras(directory, path, self.known, self.findings));
        told.map_err(|why| match stands::absent(why) {
            Stands::Nothing => Finding::new(Found::Missing, path.as_bytes(), Kind::Directory),
            _ => Finding::unread(path, Kind::Directory, why),
        })
    }

    fn changed(&self, entry: &Entry, differs: Vec<Difference>) {
        if !differs.is_empty() {
            self.add(Finding::changed(&entry.path, Kind::from(&entry.kind), differs));
        }
    }

    fn add(&self, finding: Finding) {
        locked(self.findings).add(finding);
    }

    /// Counts the bytes of a file that need no comparing.
    fn pass(&self, entry: &Entry) {
        if let manifest::Kind::File { size, .. } = entry.kind {
            (self.progress)(size);
        }
    }

    /// Nothing below a directory is told any more.
    fn close(&mut self, entry: &Entry) {
        if matches!(entry.kind, manifest::Kind::Directory { .. }) {
            self.closed.insert(self.known.hash(entry.path.as_bytes()));
        }
    }

    fn is_closed(&self, path: &str) -> bool {
        self.closed.contains(&self.known.hash(path.as_bytes()))
    }
}

/// Tells every entry of a directory that the manifests do not know. An extra directory is not
/// entered.
fn extras(
    directory: BorrowedFd<'_>,
    path: &str,
    known: &Known,
    findings: &Mutex<Findings>,
) -> nix::Result<()> {
    let mut full = path.as_bytes().to_vec();
    if !full.is_empty() {
        full.push(b'/');
    }
    let above = full.len();
    for child in Dir::from_fd(Beneath::again(directory)?)? {
        let child = child?;
        let name = child.file_name();
        full.truncate(above);
        full.extend_from_slice(name.to_bytes());
        if matches!(name.to_bytes(), b"." | b"..") || known.has(&full) {
            continue;
        }
        match kind(directory, name, child.file_type()) {
            Ok(kind) => locked(findings).add(Finding::new(Found::Extra, &full, kind)),
            // Gone again.
            Err(Errno::ENOENT) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// What a directory's entry is; some file systems do not say it in the listing.
fn kind(directory: BorrowedFd<'_>, name: &CStr, listed: Option<Type>) -> nix::Result<Kind> {
    Ok(match listed {
        Some(Type::File) => Kind::File,
        Some(Type::Directory) => Kind::Directory,
        Some(Type::Symlink) => Kind::Link,
        Some(_) => Kind::Special,
        None => {
            let found = fstatat(directory.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            Kind::of(found.st_mode)
        }
    })
}

fn stuck(cause: &str) -> Error {
    Error::new(Exit::Bug, "audit", "the release", cause).hint("this is a bug in seedship")
}

//! The bytes of files, hashed by several threads, one file each at a time.

use super::finding::{Difference, Finding, Findings, Kind};
use crate::manifest::Sum;
use nix::errno::Errno;
use std::{
    fs::File,
    io::{self, Read},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, Scope},
};

/// What is read and hashed in one go: it stays in the cache, and BLAKE3 works on whole vectors.
const CHUNK: usize = 256 << 10;
/// Files that wait for a thread, all of them open.
const WAITING: usize = 32;
/// Threads at most: more would only make a disk seek.
const THREADS: usize = 4;

/// A regular file whose size is right.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) path: String,
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) sum: Sum,
    /// What else differs.
    pub(super) differs: Vec<Difference>,
}

/// Starts threads that take jobs until the sender is dropped.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    findings: &'scope Mutex<Findings>,
    progress: &'scope (impl Fn(u64) + Sync),
) -> io::Result<SyncSender<Job>> {
    let (sender, receiver) = sync_channel(WAITING);
    let receiver = Arc::new(Mutex::new(receiver));
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    for _ in 0..threads {
        let jobs = Arc::clone(&receiver);
        let work = move || work(&jobs, findings, progress);
        thread::Builder::new().spawn_scoped(scope, work)?;
    }
    Ok(sender)
}

fn work(jobs: &Mutex<Receiver<Job>>, findings: &Mutex<Findings>, progress: &(impl Fn(u64) + Sync)) {
    let mut buffer = vec![0; CHUNK];
    // The lock is held while waiting for a job, not while doing it.
    while let Some(job) = { locked(jobs).recv().ok() } {
        compare(job, &mut buffer, findings, progress);
    }
}

fn compare(mut job: Job, buffer: &mut [u8], findings: &Mutex<Findings>, progress: &impl Fn(u64)) {
    // Every file counts for its size, however it ends.
    let mut left = job.size;
    let read = hash(&mut job.file, job.size, buffer, |amount| {
        let counted = amount.min(left);
        left -= counted;
        progress(counted);
    });
    progress(left);
    match read {
        Ok((size, _)) if size != job.size => job.differs.push(Difference::Size(job.size, size)),
        Ok((_, sum)) if sum != job.sum => job.differs.push(Difference::Content(job.sum, sum)),
        Ok(_) => {}
        Err(e) => {
            let why = e.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            locked(findings).add(Finding::unread(&job.path, Kind::File, why));
        }
    }
    if !job.differs.is_empty() {
        locked(findings).add(Finding::changed(&job.path, Kind::File, job.differs));
    }
}

/// Reads a file, one byte further than it should go and no more: it may grow all the time.
fn hash(
    file: &mut File,
    size: u64,
    buffer: &mut [u8],
    mut each: impl FnMut(u64),
) -> io::Result<(u64, Sum)> {
    let mut hash = blake3::Hasher::new();
    let mut rest = file.take(size.saturating_add(1));
    let mut read = 0;
    loop {
        let amount = match rest.read(buffer) {
            Ok(0) => return Ok((read, *hash.finalize().as_bytes())),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            amount => amount?,
        };
        hash.update(&buffer[..amount]);
        read += amount as u64;
        each(amount as u64);
    }
}

/// No thread panics with a lock; if one did, what it guards is whole all the same.
pub(super) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size was right when the file was opened; it may have changed since.
    #[test]
    fn a_file_is_read_one_byte_too_far_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, [7; 1000]).unwrap();
        let told = |size: u64, expected: &[u8]| {
            let findings = Mutex::new(Findings::default());
            let counted = Mutex::new(0);
            let (file, sum) = (File::open(&path).unwrap(), *blake3::hash(expected).as_bytes());
            let job = Job { path: "log".into(), file, size, sum, differs: Vec::new() };
            compare(job, &mut [0; 64], &findings, &|bytes| *counted.lock().unwrap() += bytes);
            let (findings, _) = findings.into_inner().unwrap().sorted();
            let differs = findings.into_iter().flat_map(|finding| finding.differs);
            (differs.collect::<Vec<_>>(), counted.into_inner().unwrap())
        };
        assert_eq!(told(1000, &[7; 1000]), (vec![], 1000));
        assert_eq!(told(10, &[7; 10]), (vec![Difference::Size(10, 11)], 10));
        assert_eq!(told(2000, &[7; 1000]), (vec![Difference::Size(2000, 1000)], 2000));
        let [is, was] = [[7; 1000], [8; 1000]].map(|bytes| *blake3::hash(&bytes).as_bytes());
        assert_eq!(told(1000, &[8; 1000]), (vec![Difference::Content(was, is)], 1000));
    }
}

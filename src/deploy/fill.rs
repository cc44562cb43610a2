//! A payload on the way into its stage, as it is on a real file system: verified, unpacked, listed,
//! prepared.

use super::{Filled, Job, Lander, preflight, prepare};
use crate::{
    check, checkpoint,
    disk::{Disk, Kernel},
    error::{Error, Exit, Lasts, Result, escaped, quoted},
    manifest,
    release::{Record, Unix},
    settle::Commands,
    store::{Deploying, MANIFESTS, Seen, Stage},
    unpack::{self, Plan, Totals},
    verify::Payload,
};
use metainfo::InfoHash;
use std::{
    fs::File,
    io::{self, BufWriter},
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

/// 2000-01-01T00:00:00Z: where dates begin that are made of an info hash.
const EPOCH_2000: i64 = 946_684_800;

impl Lander<Kernel> for Commands<'_> {
    type Payload<'j> = Payload<'j>;

    fn open<'j>(
        &self,
        disk: &Kernel,
        seen: &Seen,
        job: &'j Job<'_>,
        payload: &Path,
    ) -> Result<Payload<'j>> {
        preflight::check(disk, seen, job)?;
        Payload::open(&job.torrent, directory(job, payload)?)
    }

    fn fill(
        &self,
        by: &mut Deploying<'_, Kernel>,
        stage: &Stage<Kernel>,
        job: &Job<'_>,
        payload: Payload<'_>,
        candidate: &Record,
    ) -> Result<Filled> {
        let mut notes = payload.notes().to_vec();
        let plan = plan(by, job, candidate)?;
        let contents = unpack(by, job, &plan, payload, stage)?;
        notes.extend(contents.notes);
        checkpoint::reach("unpacked");
        let totals = match job.app.run.prepare.is_empty() {
            true => Totals { bytes: contents.bytes, files: contents.files },
            false => prepare::prepare(by, job, &plan, stage)?,
        };
        check::programs_inside(job.app, &by.site().disk().full(stage.path()))?;
        Ok(Filled { totals, notes })
    }
}

/// The directory that the payload's files are found beneath.
fn directory<'p>(job: &Job<'_>, payload: &'p Path) -> Result<&'p Path> {
    if job.torrent.is_multi_file() {
        return Ok(payload);
    }
    match (payload.parent(), payload.file_name()) {
        (Some(parent), Some(name)) if name.as_bytes() == job.torrent.name() => Ok(parent),
        _ if payload.symlink_metadata().is_err_and(|e| is_missing(&e)) => {
            Err(Error::new(Exit::NotFound, "take", quoted(payload), "there is no such payload")
                .hint("name where it lies: the torrent's file, or the directory that holds it"))
        }
        _ => {
            let name = escaped(job.torrent.name());
            let cause = format!("the torrent's only file is called `{name}`");
            Err(Error::new(Exit::NotFound, "take", quoted(payload), cause)
                .hint("rename the file as it is called in the torrent"))
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn plan<'j>(by: &Deploying<'_, Kernel>, job: &Job<'j>, candidate: &Record) -> Result<Plan<'j>> {
    let app = job.app;
    Ok(Plan {
        limits: &app.limits,
        strip: app.strip,
        must_exist: &app.must_exist,
        shared: &app.shared,
        mode: app.mode,
        case: app.case,
        time: release_time(candidate, job.hash),
        group: by.site().disk().group("releases")?,
    })
}

fn unpack(
    by: &Deploying<'_, Kernel>,
    job: &Job<'_>,
    plan: &Plan<'_>,
    payload: Payload<'_>,
    stage: &Stage<Kernel>,
) -> Result<unpack::Contents> {
    let disk = by.site().disk();
    let directory = disk.directory(stage.path())?;
    let mut manifests = manifests(disk, job)?;
    let contents = unpack::unpack(payload, directory.as_fd(), disk.root(), plan, &mut manifests)
        .map_err(|error| placed(error, disk, job))?;
    manifests.finish().map_err(|e| Error::io("write", manifest_of(disk, job), &e))?;
    Ok(contents)
}

/// What failed in a release is named by its path there; whoever has to find the disk that is full,
/// or the directory that is closed, needs to know where it lies.
fn placed(error: Error, disk: &Kernel, job: &Job<'_>) -> Error {
    let machines = matches!(error.exit, Exit::Io | Exit::Permission);
    let within = error.thing.starts_with('`') && !error.thing.starts_with("`/");
    match machines && within && error.lasts == Lasts::Passing {
        true => {
            let place = quoted(disk.place());
            Error { thing: format!("{} of {job} in {place}", error.thing), ..error }
        }
        false => error,
    }
}

/// The release's manifests, begun.
pub(super) fn manifests(disk: &Kernel, job: &Job<'_>) -> Result<manifest::Writer<BufWriter<File>>> {
    let create = |kind| disk.create_file(&manifest_path(job, kind)).map(BufWriter::new);
    manifest::Writer::new(create("b3")?, create("tree")?)
        .map_err(|e| Error::io("write", manifest_of(disk, job), &e))
}

/// Where a manifest of the release lies, relative to the root.
pub(super) fn manifest_path(job: &Job<'_>, kind: &str) -> String {
    format!("{MANIFESTS}/{}.{kind}", job.version)
}

/// The manifest that is named where either of the two may have failed.
pub(super) fn manifest_of(disk: &Kernel, job: &Job<'_>) -> PathBuf {
    disk.full(&manifest_path(job, "tree"))
}

/// The time of files whose archive does not say one: the same on every host, and different
/// between releases. A web server makes its ETag of time and size; equal times would serve the
/// old file as not modified.
fn release_time(candidate: &Record, hash: InfoHash) -> Unix {
    let [a, b, c, d, ..] = *hash.as_bytes();
    let from_hash = || Unix(EPOCH_2000 + i64::from(u32::from_be_bytes([a, b, c, d]) >> 4));
    candidate.published.or(candidate.created).unwrap_or_else(from_hash)
}

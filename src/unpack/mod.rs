//! Turns proven bytes into the tree of a release.
//!
//! Crates parse headers and streams; every decision and every write is made here. What an archive
//! may not do is refused as a whole (65): nothing is skipped, repaired or renamed, because two
//! programs would repair it differently. Nothing is ever made outside the stage: every entry is
//! resolved beneath it ([`tree`], [`beneath`]), and where the kernel has Landlock the thread that
//! works could not reach anything else ([`confine`]).
//!
//! After a crash or a refusal the stage holds part of a release. It is worth nothing and its owner
//! removes it; whatever stands in the unnamed files of [`private`] is gone with the process. A
//! stage that was filled without an error is complete but not durable: syncing it is the caller's.

mod beneath;
mod budget;
mod building;
mod changed;
mod confine;
mod crew;
mod decode;
mod directory;
mod entry;
mod kind;
mod listing;
mod name;
mod plan;
mod private;
mod queue;
mod source;
mod tar;
mod times;
mod tree;
mod twins;
mod writer;
mod zip;
mod zstd;

pub use building::Contents;
pub use changed::{Before, Totals};
pub use confine::{Confinement, confinement};
pub use kind::{Compression, Kind};
pub use plan::Plan;
#[cfg(test)]
use plan::{Case, Limits, Mode, Shared};

use crate::{
    error::{Error, Exit, Result, escaped},
    manifest,
    verify::{Payload, Proven},
};
use building::Building;
use crew::{Crew, Hands};
use decode::{Memory, decode};
use metainfo::Metainfo;
use std::{
    ffi::OsStr,
    fmt::Display,
    io::{self, BufRead, Write},
    os::{fd::BorrowedFd, unix::ffi::OsStrExt},
};
use tree::Modes;

/// Unpacks a payload into `stage`, an empty directory of mode 0700 opened for reading, and lists
/// what it made in `manifest`. The stage gets its final mode last. `private` is a directory on the
/// stage's file system for files without a name.
///
/// # Errors
/// What the same bytes will always meet is 65, final: everything that an archive may not do, a
/// damaged stream that matches its hashes, a limit, something `must_exist` names and is not there.
/// A payload that is not what its torrent says is 75; the disk's own failures are 74 and 77. The
/// stage is then to be removed.
pub fn unpack<W: Write + Send>(
    payload: Payload<'_>,
    stage: BorrowedFd<'_>,
    private: BorrowedFd<'_>,
    plan: &Plan<'_>,
    manifest: &mut manifest::Writer<W>,
) -> Result<Contents> {
    unpack_by(Hands::of_machine(), payload, stage, private, plan, manifest)
}

/// The same with so many hands.
fn unpack_by<W: Write + Send>(
    hands: Hands,
    payload: Payload<'_>,
    stage: BorrowedFd<'_>,
    private: BorrowedFd<'_>,
    plan: &Plan<'_>,
    manifest: &mut manifest::Writer<W>,
) -> Result<Contents> {
    let torrent = payload.torrent();
    let kind = Kind::of(torrent)?;
    let crew = Crew::new(hands, Modes::new(plan.mode, plan.group));
    let input = torrent.total_length();
    let mut building = Building::new(stage, private, plan, input, &crew, manifest)?;
    let name = torrent.name();
    match kind {
        Kind::Zip => {
            let mut copy = private::unnamed(private)?;
            payload.stream(|bytes| {
                agree(kind, torrent, bytes)?;
                zip::copy(bytes, &mut copy, name)
            })?;
            let read =
                |building: &mut Building<'_, W>| zip::unpack(copy, name, plan.limits, building);
            build(kind, stage, &crew, &mut building, read)?.0?;
        }
        _ => payload.stream(|bytes| {
            agree(kind, torrent, bytes)?;
            let read = |building: &mut Building<'_, W>| match kind {
                Kind::Tar(compression) => {
                    let memory = Memory::new(name, plan.limits.memory);
                    let stream = decode(compression, &mut *bytes, memory, &crew);
                    let stream = stream.map_err(|e| told(e, name))?;
                    tar::unpack(&mut building.budget.meter(stream, name), name, building)
                }
                Kind::Directory => directory::unpack(torrent, bytes, building),
                _ => directory::plain(torrent, bytes, building),
            };
            let (told, earlier) = build(kind, stage, &crew, &mut building, read)?;
            if earlier {
                bytes.overrule();
            }
            told
        })?,
    }
    confine::within(stage, || building.finish())
}

/// Reads entries where nothing but the stage can be reached, with everybody's help. What was told of
/// them, and whether that is of an earlier one than the reader was at.
fn build<'b, W: Write + Send>(
    kind: Kind,
    stage: BorrowedFd<'_>,
    crew: &Crew,
    building: &mut Building<'b, W>,
    read: impl FnOnce(&mut Building<'b, W>) -> Result<()> + Send,
) -> Result<(Result<()>, bool)> {
    confine::within(stage, || {
        crew.staffed(kind == Kind::Tar(Compression::Zstd), || {
            let told = read(building);
            Ok(building.conclude(told))
        })
    })
}

/// Holds the first bytes against the name.
fn agree(kind: Kind, torrent: &Metainfo, bytes: &mut Proven) -> Result<()> {
    let head = bytes.fill_buf().map_err(|e| told(e, torrent.name()))?;
    kind.agree(torrent.name(), head)
}

/// The payload, or an entry of it, is refused for good.
fn refuse(thing: &[u8], cause: impl Display) -> Error {
    Error::new(Exit::Payload, "unpack", format!("`{}`", escaped(thing)), cause)
        .hint("publish a corrected one")
}

/// The same because of a setting of the app: its cause names the setting.
fn refuse_as_set(thing: &[u8], cause: impl Display) -> Error {
    refuse(thing, cause)
        .hint("publish a corrected one; or correct that setting of the app, and it is tried again")
}

/// An error that came out of a stream of `thing`: one of our own that went through it, the
/// system's, or else the bytes were not what they should be. Those bytes matched their hashes, so
/// that is final.
fn told(e: io::Error, thing: &[u8]) -> Error {
    match e.downcast::<Error>() {
        Ok(own) => own,
        Err(e) if e.raw_os_error().is_some() => Error::io("read", OsStr::from_bytes(thing), &e),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            refuse(thing, "its data ends too early")
        }
        Err(e) => refuse(thing, format!("its data is damaged: {e}")),
    }
}

#[cfg(test)]
mod tests;

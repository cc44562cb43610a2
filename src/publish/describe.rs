//! The .torrent: what it says beside the hashes, who signs it, and where it is written.

use super::{
    Order,
    unfinished::{Unfinished, directory_of},
};
use crate::{
    error::{Context, Error, Exit, Result, quoted},
    signature::{self, Signed},
    torrent,
};
use lanes::Hashes;
use metainfo::{
    Metainfo,
    bencode::Item,
    create::{CreateError, Draft},
    frames,
};
use pack::Frame;
use std::{io::Write, path::Path};

/// Who made it, for people.
const CREATED_BY: &str = concat!("seedship ", env!("CARGO_PKG_VERSION"));

/// The .torrent of a payload of one file.
pub(super) fn single(
    order: &Order<'_>,
    piece_length: u64,
    hashes: &Hashes,
    frames: &[Frame],
) -> Result<Vec<u8>> {
    let mut draft = Draft::single(order.name.as_str(), hashes.length);
    if !frames.is_empty() {
        let rows = frames.iter().map(|frame| (frame.length, frame.hash));
        draft = draft.extra(frames::KEY, frames::item(rows));
    }
    let draft = beside(order, draft.piece_length(piece_length));
    let made = match order.hybrid {
        true => draft.hybrid_of(&hashes.pieces, &hashes.leaves),
        false => draft.torrent(&hashes.pieces),
    };
    made.map_err(|e| unmade(order, &e))
}

/// Everything that stands beside the payload's description.
pub(super) fn beside(order: &Order<'_>, draft: Draft) -> Draft {
    let draft = draft.private(order.private).created(order.published.0);
    let draft = draft.extra("created by", Item::bytes(CREATED_BY));
    order.announce.iter().fold(draft, |draft, url| draft.announce(url.as_str()))
}

fn unmade(order: &Order<'_>, cause: &CreateError) -> Error {
    Error::new(Exit::Payload, "make", format!("the torrent of `{}`", order.name), cause)
        .hint("publish it under another name or with other pieces: --piece-length")
}

/// Signs it, if somebody signs.
pub(super) fn signed(order: &Order<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
    let Some(secret) = order.secret else { return Ok(bytes.to_vec()) };
    let comment = order.comment()?;
    let sealing = torrent::sign(&super::parsed(bytes)?, bytes, secret, &comment, false)?;
    Ok(sealing.bytes)
}

/// What its signature says, if it is one by the order's key for this release.
pub(super) fn said(order: &Order<'_>, torrent: &Metainfo) -> Option<Signed> {
    let keys = [order.secret?.key().clone()];
    let (app, version) = (order.name.app(), order.name.version());
    signature::verify(&keys, torrent.raw_info(), torrent.minisign()?, app, version).ok()
}

/// A .torrent that is written and does not have its name yet.
pub(super) struct Written<'a> {
    at: &'a Path,
    unfinished: Unfinished,
}

impl<'a> Written<'a> {
    /// Writes it beside its place: whatever keeps it from there is found before anything has a name.
    pub(super) fn beside(at: &'a Path, bytes: &[u8]) -> Result<Self> {
        let unfinished = Unfinished::within(directory_of(at)).on("write", at)?;
        unfinished.file().write_all(bytes).on("write", at)?;
        Ok(Self { at, unfinished })
    }

    /// Puts it into its place, in one step.
    pub(super) fn place(self) -> Result<()> {
        self.unfinished.replaces(self.at).on("write", self.at)?;
        crate::checkpoint::reach("publish-written");
        Ok(())
    }
}

/// Something else has the name.
pub(super) fn other_than(at: &Path, found: &Metainfo, ours: &Metainfo, order: &Order<'_>) -> Error {
    let cause = format!(
        "{} is of info hash {}, and this would be {}",
        quoted(at),
        found.info_hash(),
        ours.info_hash()
    );
    Error::new(
        Exit::NotOurs,
        "publish",
        format!("{} {}", order.name.app(), order.name.version()),
        cause,
    )
    .hint("publish a new version: one that is published never changes")
}

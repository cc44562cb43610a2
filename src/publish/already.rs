//! What is published under that name already: the same, or something else.

use super::{Order, content::Content, describe, directory, file, input::Source, parsed};
use crate::{
    error::{Error, Exit, Result},
    torrent,
};
use metainfo::Metainfo;
use std::fs;

/// What stands at the places of payload and .torrent.
pub(super) struct Stand {
    /// The payload is there, with the same content.
    pub(super) payload: bool,
    /// The .torrent is there and need not be written.
    pub(super) torrent: bool,
    /// The bytes of the .torrent that is there, if it will do.
    pub(super) kept: Option<Vec<u8>>,
}

impl Stand {
    /// Looks there.
    ///
    /// # Errors
    /// 73 if something else is published under that name.
    pub(super) fn look(order: &Order<'_>, made: &Content) -> Result<Self> {
        let ours = parsed(&made.torrent)?;
        let payload = made.is_in_place() || is_the_same(order, made, &ours)?;
        let kept = kept(order, &ours)?;
        Ok(Self { payload, torrent: kept.is_some(), kept })
    }
}

/// Whether the payload that lies there, if one does, is ours.
fn is_the_same(order: &Order<'_>, made: &Content, ours: &Metainfo) -> Result<bool> {
    let at = order.payload();
    let Ok(found) = fs::symlink_metadata(&at) else { return Ok(false) };
    let theirs = match (found.is_dir(), found.is_file()) {
        (true, _) if made.is_directory() => directory::torrent(order, made.piece_length, &at)?,
        (_, true) if !made.is_directory() => {
            let source = Source::open(&at)?;
            let hashes = file::hashed(order, &source, made.piece_length, &mut |_| {})?;
            describe::single(order, made.piece_length, &hashes, &[])?
        }
        _ => {
            let cause = "something else lies there, of another kind";
            return Err(Error::new(Exit::NotOurs, "publish", crate::error::quoted(&at), cause)
                .hint("move it away, or name another place: --directory DIR"));
        }
    };
    let theirs = parsed(&theirs)?;
    match theirs.info_hash() == ours.info_hash() {
        true => Ok(true),
        false => Err(describe::other_than(&at, &theirs, ours, order)),
    }
}

/// The .torrent that lies there, if it is of the same payload and trackers, and signed as asked for.
fn kept(order: &Order<'_>, ours: &Metainfo) -> Result<Option<Vec<u8>>> {
    let Some(at) = order.output.filter(|at| fs::symlink_metadata(at).is_ok()) else {
        return Ok(None);
    };
    let bytes = torrent::read(at)?;
    let found = torrent::parse(&crate::error::quoted(at), &bytes)?;
    if found.info_hash() != ours.info_hash() {
        return Err(describe::other_than(at, &found, ours, order));
    }
    let sealed = match order.secret {
        // Who asks for none is not to take away the one that hosts ask for.
        None => true,
        Some(_) => describe::said(order, &found)
            .is_some_and(|said| !order.exactly_then || said.published == order.published),
    };
    let same = sealed && found.tiers() == ours.tiers();
    Ok(same.then_some(bytes))
}

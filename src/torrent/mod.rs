//! A torrent by itself, outside of any deploy: how it is made ([`create`]), what it holds ([`show`]),
//! whether a payload is what it says ([`verify()`]), and who vouches for it ([`sign()`]).
//!
//! Nothing is written here and no lock is taken; neither a configuration nor an rtorrent is needed. All
//! text that comes from a torrent is escaped as soon as it leaves its bytes.

pub mod create;
mod magnet;
mod pieces;
mod place;
mod screen;
mod show;
mod sign;
mod verify;

pub use magnet::{hex, link as magnet};
pub use pieces::Pieces;
pub use place::Place;
pub use show::{Listed, Shown, Signature, show};
pub use sign::{Sealing, comment, must_be_unsigned, release_of, sign};
pub use verify::{Checked, Hashes, State, Verdict, Word, verify};

use crate::{
    bounded::{self, Unread},
    error::{Error, Exit, Result, quoted},
};
use metainfo::Metainfo;
use std::{fmt::Display, io, path::Path};

/// A larger file is no .torrent that anybody would make: with 20 bytes a piece this one describes
/// three million pieces.
const TORRENT_MAX: u64 = 64 << 20;

/// The bytes of a .torrent that somebody named.
///
/// # Errors
/// 66 if it is not there, 65 if it is no regular file or larger than any torrent, 77 or 74 if it cannot
/// be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let no_torrent = |cause: &dyn Display| Error::new(Exit::Payload, "read", quoted(path), cause);
    bounded::read(path, TORRENT_MAX).map_err(|why| match why {
        Unread::Io(e) if e.kind() == io::ErrorKind::NotFound => {
            Error::new(Exit::NotFound, "read", quoted(path), "there is no such file")
                .hint("name a .torrent file")
        }
        Unread::Io(e) => Error::io("read", path, &e),
        Unread::Not(what) => no_torrent(&format!("it is {what}, not a regular file"))
            .hint("name the .torrent file itself"),
        Unread::Larger(_) => no_torrent(&format!("it is larger than {} MiB", TORRENT_MAX >> 20))
            .hint("name the .torrent file, not its payload"),
    })
}

/// The torrent in these bytes, which came from `thing`: a path or a name for messages.
///
/// # Errors
/// 65 with what is wrong with it.
pub fn parse(thing: &str, bytes: &[u8]) -> Result<Metainfo> {
    Metainfo::parse(bytes).map_err(|cause| {
        let hint = match cause {
            metainfo::ParseError::V2Only => {
                "rtorrent cannot load it either: make it anew, as a v1 or hybrid torrent"
            }
            _ => "fetch or make the .torrent anew: it is damaged, or no torrent at all",
        };
        Error::new(Exit::Payload, "read", thing, cause).hint(hint)
    })
}

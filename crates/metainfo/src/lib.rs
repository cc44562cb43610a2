//! Bencode and .torrent files: parse, authenticate, create (BEP 3, 47, 52).
//!
//! Pure: bytes in, values out; nothing here opens a file or a socket, and nothing survives or is
//! lost in a crash. Every byte that comes in may be an attacker's: nothing panics, recursion and
//! memory are bounded by constants and by the input's size, sums are checked.
//!
//! The info hash is always taken over the raw bytes of the `info` dictionary as they came, never
//! over a re-encoding: what was signed and announced is what is hashed.
//!
//! - [`Metainfo`] is a .torrent that could be read; [`Authentic`] is one whose info hash is the
//!   expected one, and the only kind that the rest of the program should trust.
//! - [`create`] makes a .torrent, [`amend`] adds a key (a signature) to one without touching `info`.
//! - [`bencode`] is the notation itself, which rtorrent's other session files share.

pub mod amend;
mod authentic;
pub mod bencode;
pub mod create;
mod error;
mod file;
pub mod frames;
mod info_hash;
mod metainfo;
mod sources;
mod version_2;

pub use authentic::{AuthError, Authentic};
pub use error::{Flaw, ParseError};
pub use file::{Attr, File};
pub use info_hash::InfoHash;
pub use metainfo::{MAX_PADDING, MAX_PIECE_LENGTH, Metainfo};
pub use version_2::{BLOCK, Piece, Version2};

//! A directory as an archive: the same content gives the same bytes on every machine.
//!
//! [`Tree::scan`] lists what is to be packed and refuses what could not be in a release;
//! [`pack()`] writes it as a `.tar.zst`. Nothing of the machine, the user, the locale, the clock, the
//! order of the directory's entries or the number of threads gets into the bytes: names are sorted
//! by their bytes, owners are 0, modes are 0755 or 0644, and times come from the content
//! ([`header`]). What may change them is another version of this crate or of libzstd.
//!
//! The archive is a sequence of independent zstd frames, cut where the content says so ([`cut`]),
//! so that what two versions of a tree have in common gives the same frames in both; behind them
//! stands a seek table ([`seek`]), which ordinary decoders skip.

mod cut;
mod error;
mod excludes;
mod frame;
mod header;
pub mod name;
mod scan;
mod seek;
mod stream;
mod tree;
mod write;

pub use error::PackError;
pub use excludes::{Excludes, IGNORE_FILE};
pub use frame::Frame;

pub use tree::{Entry, Kind, Tree};
pub use write::{Options, Packed, pack};

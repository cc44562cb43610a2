//! A directory as an archive: the same content gives the same bytes on every machine.

mod error;
mod frame;
mod tree;
mod write;

pub use error::PackError;
pub use frame::Frame;
pub use tree::{Excludes, Tree};
pub use write::{Options, Packed, pack};

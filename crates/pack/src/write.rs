//! Writes the archive.

use crate::{Frame, PackError, Tree};
use std::{io::Write, num::NonZeroUsize};

/// How to pack.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The level of zstd, 1 to 19.
    pub level: i32,
    /// How many threads compress. The bytes do not depend on it.
    pub threads: NonZeroUsize,
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// The frames in their order; their lengths add up to all but the seek table.
    pub frames: Vec<Frame>,
    /// Bytes of the archive, the seek table included.
    pub length: u64,
}

/// Packs a tree into `out`; `progress` is told how many bytes of the files are in so far.
///
/// # Errors
/// A file that cannot be read or changed meanwhile, and what `out` says.
pub fn pack<W: Write>(
    _tree: &Tree,
    _options: Options,
    _out: W,
    _progress: &mut dyn FnMut(u64),
) -> Result<Packed, PackError> {
    Ok(Packed::default())
}

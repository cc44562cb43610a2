//! Why a directory cannot be packed.

use std::{io, path::PathBuf};

/// What failed, on which path.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The system refused to read or list a path.
    #[error("{verb} {path:?}: {cause}")]
    Io {
        /// What was tried: `read`, `list`, `open`.
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Something in the tree cannot be in a release.
    #[error("{path:?}: {cause}")]
    Refused {
        /// Where, from the packed directory on.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The archive could not be written.
    #[error("write the archive: {0}")]
    Write(#[source] io::Error),
}

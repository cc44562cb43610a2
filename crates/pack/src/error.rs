//! Why a directory cannot be packed.

use std::{
    io,
    path::{Path, PathBuf},
};

/// What failed, on which path.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The system refused to read or list a path.
    #[error("{verb} {}: {cause}", shown(path))]
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
    #[error("{}: {cause}", shown(path))]
    Refused {
        /// Where, from the packed directory on; empty for the directory itself.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A file is not what it was when the tree was listed, or was written while it was read.
    #[error("{}: it changed while it was packed", shown(path))]
    Changed {
        /// Where, from the packed directory on.
        path: PathBuf,
    },
    /// A pattern of what is left out cannot be read.
    #[error("the pattern `{}`: {cause}", pattern.escape_debug())]
    Pattern {
        /// The pattern as it was written.
        pattern: String,
        /// Why, and where it stands if that is a file.
        cause: String,
    },
    /// The archive could not be written: what the writer said.
    #[error("write the archive: {0}")]
    Write(#[source] io::Error),
}

impl PackError {
    pub(crate) fn io(verb: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { verb, path: path.to_owned(), cause }
    }

    pub(crate) fn refused(path: impl AsRef<Path>, cause: impl Into<String>) -> Self {
        Self::Refused { path: path.as_ref().to_owned(), cause: cause.into() }
    }

    pub(crate) fn changed(path: &str) -> Self {
        Self::Changed { path: path.into() }
    }
}

/// A path on one line, whatever it holds.
fn shown(path: &Path) -> String {
    match path.as_os_str().is_empty() {
        true => "the directory".to_owned(),
        false => format!("`{}`", path.to_string_lossy().escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_names_the_path() {
        let e = PackError::io("read", Path::new("/a\nb"), io::Error::other("no"));
        assert_eq!(e.to_string(), "read `/a\\nb`: no");
        assert_eq!(PackError::refused("", "it is empty").to_string(), "the directory: it is empty");
        assert_eq!(PackError::changed("a").to_string(), "`a`: it changed while it was packed");
    }
}

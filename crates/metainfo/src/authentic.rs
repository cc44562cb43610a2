//! A metainfo that is proven to be the one that was asked for.
//!
//! The info hash comes from the event, the command line or a signature; the bytes come from a file
//! that others may have written. Only here do the two meet: names, sizes and piece hashes are
//! believed after the hash agrees, and the type carries that proof to whatever uses them.

use std::ops::Deref;

use crate::{InfoHash, Metainfo, ParseError};

/// A [`Metainfo`] whose info hash is the expected one. What stands outside `info` (signature,
/// trackers, dates) is not covered by the hash and proves nothing.
#[derive(Clone, Debug)]
pub struct Authentic(Metainfo);

/// Why bytes are not the expected torrent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// They are no torrent that can be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// They are another torrent.
    #[error("it is another torrent: its info hash is {found}")]
    Mismatch {
        /// The info hash of the bytes.
        found: InfoHash,
    },
}

impl Authentic {
    /// Parses the bytes of a .torrent and compares its info hash with the expected one.
    pub fn check(bytes: &[u8], expected: InfoHash) -> Result<Self, AuthError> {
        let metainfo = Metainfo::parse(bytes)?;
        let found = metainfo.info_hash();
        if found != expected {
            return Err(AuthError::Mismatch { found });
        }
        Ok(Self(metainfo))
    }
}

impl Deref for Authentic {
    type Target = Metainfo;

    fn deref(&self) -> &Metainfo {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORRENT: &[u8] = b"d4:infod6:lengthi0e4:name1:a12:piece lengthi1e6:pieces0:ee";

    #[test]
    fn only_the_expected_torrent_is_authentic() {
        let right = InfoHash::of(&TORRENT[7..TORRENT.len() - 1]);
        assert_eq!(Authentic::check(TORRENT, right).unwrap().name(), b"a");
        let wrong = InfoHash::new([0; 20]);
        let error = Authentic::check(TORRENT, wrong).unwrap_err();
        assert_eq!(error, AuthError::Mismatch { found: right });
        assert_eq!(error.to_string(), format!("it is another torrent: its info hash is {right}"));
    }

    #[test]
    fn what_cannot_be_read_is_never_authentic() {
        let error = Authentic::check(b"de", InfoHash::of(b"de")).unwrap_err();
        assert!(matches!(error, AuthError::Parse(_)), "{error}");
    }
}

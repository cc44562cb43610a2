//! What Seedship knows of a release: its version, its record, its state.
//!
//! A record is keyed by the info hash (an adopted release by its version) and outlives the
//! release's directory: an info hash lands once, and a bad release stays known as bad.

mod order;
mod record;
mod time;

pub use order::{Order, debian_order};
pub use record::{By, Key, Mark, Record, State, Target, Unreadable, Wait};
pub use time::Unix;

use crate::error::{Error, Exit, Result, escaped};
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path};

/// The longest version, in bytes.
pub const VERSION_MAX: usize = 128;

/// A release's name: one path component that begins with a letter or a digit, never a path.
///
/// `[0-9A-Za-z][0-9A-Za-z.+~_-]*`, at most 128 bytes: it can be neither `.` nor `..`, nor one of
/// Seedship's own names, which begin with a dot.
#[derive(Clone, PartialEq, Eq, Debug, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

impl Version {
    /// Takes a version as typed or as found in a torrent's name.
    pub fn parse(text: &str) -> Result<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b".+~_-".contains(&b);
        let bytes = text.as_bytes();
        let begins = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
        if begins && bytes.len() <= VERSION_MAX && bytes.iter().all(|b| fits(*b)) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(
            Exit::Usage,
            "read",
            format!("version `{}`", escaped(bytes)),
            format!(
                "a version begins with a letter or digit, holds only letters, digits and .+~_-, and is at most {VERSION_MAX} bytes"
            ),
        ))
    }
    /// Where the release of this version lies, relative to the app's root: what `current` says.
    pub fn path(&self) -> String {
        format!("releases/{self}")
    }
    /// The version that the text of a link in an app's root names: `releases/<version>`, also with the
    /// root in front of it, as other tools write it.
    pub fn linked(root: &Path, text: &str) -> Option<Self> {
        let root = root.to_str().map(|root| format!("{}/", root.trim_end_matches('/')));
        let text = root.and_then(|root| text.strip_prefix(root.as_str())).unwrap_or(text);
        let text = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        Self::parse(text.strip_prefix("releases/")?).ok()
    }
    /// It is a moment of 14 digits, perhaps with a `Z` behind, or a number: so other tools name their
    /// releases.
    pub fn is_counted(&self) -> bool {
        let digits = self.0.strip_suffix('Z').filter(|digits| digits.len() == 14);
        digits.unwrap_or(&self.0).bytes().all(|b| b.is_ascii_digit())
    }
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Version {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|e| e.to_string())
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_names_are_moments_or_numbers() {
        let counted = |name: &str| Version::parse(name).unwrap().is_counted();
        assert!(["20241105093000", "20241105093000Z", "7", "12"].into_iter().all(counted));
        assert!(!["12Z", "1.4.2", "v7", "20241105093000ZZ", "Z"].into_iter().any(counted));
    }

    #[test]
    fn a_version_is_never_a_path() {
        for good in ["1", "1.4.2", "v1", "20240101T1200", "a+b~c_d-e", &"1".repeat(128)] {
            assert_eq!(Version::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "-1", ".stage", "a/b", "a b", "a\n", "é", &"1".repeat(129)] {
            assert!(Version::parse(bad).is_err(), "{bad:?}");
        }
    }
}

//! A site whose every answer has two halves, each of which names the release it came from.
//!
//! A static file has both in it. The pages of PHP print the first themselves, work for a while,
//! and then include a second file for the other, as a page of any larger site does late in its
//! request. Two names that differ in one answer are two releases in one request.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::error::{During, Result};
use crate::site::Tree;
use crate::switcher::{VERSIONS, link_text};

/// A file, served as it is.
pub const STATIC: &str = "/index.html";
/// A page that includes its second half from its own directory (`__DIR__`).
pub const BY_DIRECTORY: &str = "/directory.php";
/// A page that includes its second half from the document root that the server told it of.
pub const BY_ROOT: &str = "/root.php";

/// One release of the site; `work` is what a page of PHP does between its halves. A version is a
/// word without spaces.
pub fn release(version: &str, work: Duration) -> Tree {
    let work = work.as_micros();
    let page = |place: &str| {
        format!("<?php echo \"{version}\\n\"; usleep({work}); require {place} . '/late.php';\n")
    };
    Tree::new()
        .file("index.html", format!("{version}\n{version}\n"))
        .file("directory.php", page("__DIR__"))
        .file("root.php", page("$_SERVER['DOCUMENT_ROOT']"))
        .file("late.php", format!("<?php echo \"{version}\\n\";\n"))
}

/// Writes a root with both releases, `current` on the first. Their files are of different days, as
/// those of two builds are.
pub fn write(root: &Path, work: Duration) -> Result<()> {
    let mut built = SystemTime::now() - Duration::from_secs(30 * 86_400);
    for version in VERSIONS {
        let folder = root.join(link_text(version));
        release(version, work).write_to(&folder)?;
        for entry in fs::read_dir(&folder).during("list a release")? {
            let path = entry.during("list a release")?.path();
            let dated = File::open(&path).and_then(|file| file.set_modified(built));
            dated.during(format!("date {}", path.display()))?;
        }
        built += Duration::from_secs(86_400);
    }
    symlink(link_text(VERSIONS[0]), root.join("current")).during("make `current`")
}

/// What an answer with status 200 turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Both halves name this release.
    Of(&'a str),
    /// The halves name two releases.
    Mixed,
    /// Not two halves.
    Other,
}

impl<'a> Answer<'a> {
    /// Reads a body.
    pub fn read(body: &'a [u8]) -> Self {
        let halves = std::str::from_utf8(body).ok().and_then(|body| body.strip_suffix('\n'));
        match halves.and_then(|halves| halves.split_once('\n')) {
            Some((first, second)) if first.is_empty() || second.contains('\n') => Self::Other,
            Some((first, second)) if first == second => Self::Of(first),
            Some(_) => Self::Mixed,
            None => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_are_two_releases() {
        assert_eq!(Answer::read(b"1.0\n1.0\n"), Answer::Of("1.0"));
        assert_eq!(Answer::read(b"1.0\n2.0\n"), Answer::Mixed);
        for other in ["", "1.0\n", "1.0\n1.0", "1.0\n1.0\n1.0\n", "\n\n"] {
            assert_eq!(Answer::read(other.as_bytes()), Answer::Other, "{other:?}");
        }
    }
}

//! What is left out.
//!
//! The patterns are those of a `.gitignore`: the last one that matches wins, `!` takes back, a
//! slash at the end means directories, a slash elsewhere ties it to the root; what lies in a
//! directory that is left out is not looked at. They come from the caller and, before those, from
//! [`IGNORE_FILE`]. A `.gitignore` is not read: what git ignores (`vendor/`, built assets) is what
//! a build is made for.

use crate::PackError;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::{fs, io, path::Path};

/// The file at a tree's root that holds patterns, a line each. It is never packed itself.
pub const IGNORE_FILE: &str = ".seedshipignore";

/// What is left out, by patterns like those of a `.gitignore`.
#[derive(Clone, Debug, Default)]
pub struct Excludes(Vec<String>);

impl Excludes {
    /// Takes patterns, the last one of which is the strongest.
    ///
    /// # Errors
    /// [`PackError::Pattern`] for one that cannot be read, or says nothing because it is empty or a
    /// comment.
    pub fn new(patterns: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, PackError> {
        let patterns: Vec<String> = patterns.into_iter().map(Into::into).collect();
        for pattern in &patterns {
            if pattern.trim().is_empty() || pattern.starts_with('#') {
                return Err(unread(pattern, "it matches nothing".to_owned()));
            }
            add(&mut builder(), pattern).map_err(|why| unread(pattern, why))?;
        }
        Ok(Self(patterns))
    }

    /// These patterns behind those of the file in `root`.
    pub(crate) fn matcher(&self, root: &Path) -> Result<Matcher, PackError> {
        let mut builder = builder();
        let path = root.join(IGNORE_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(PackError::io("read", &path, e)),
        };
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            add(&mut builder, line).map_err(|why| {
                unread(line, format!("{why} (line {} of {IGNORE_FILE})", number + 1))
            })?;
        }
        for pattern in &self.0 {
            add(&mut builder, pattern).map_err(|why| unread(pattern, why))?;
        }
        builder.build().map(Matcher).map_err(|e| unread("", e.to_string()))
    }
}

/// Patterns, ready to be asked.
#[derive(Debug)]
pub(crate) struct Matcher(Gitignore);

impl Matcher {
    /// Whether a path, from the tree's root on, is left out.
    pub(crate) fn leaves_out(&self, path: &Path, is_directory: bool) -> bool {
        path == Path::new(IGNORE_FILE) || self.0.matched(path, is_directory).is_ignore()
    }
}

/// None yet. To git a class that is not closed matches nothing, which nobody means.
fn builder() -> GitignoreBuilder {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    builder
}

fn add(builder: &mut GitignoreBuilder, pattern: &str) -> Result<(), String> {
    match builder.add_line(None, pattern) {
        Ok(_) => Ok(()),
        Err(ignore::Error::Glob { err, .. }) => Err(err),
        Err(other) => Err(other.to_string()),
    }
}

fn unread(pattern: &str, cause: String) -> PackError {
    PackError::Pattern { pattern: pattern.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(patterns: &[&str], file: &str, paths: &[&str]) -> Vec<bool> {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(IGNORE_FILE), file).unwrap();
        let matcher =
            Excludes::new(patterns.iter().copied()).unwrap().matcher(root.path()).unwrap();
        let is = |path: &&str| {
            matcher.leaves_out(Path::new(path.trim_end_matches('/')), path.ends_with('/'))
        };
        paths.iter().map(is).collect()
    }

    #[test]
    fn the_last_pattern_wins_and_the_caller_comes_last() {
        let file = "\u{feff}*.log\n# a comment\n\n!keep.log\n/top\nonly/\n";
        let paths = ["a.log", "d/a.log", "keep.log", "top", "d/top", "only", "only/", IGNORE_FILE];
        assert_eq!(
            left_out(&[], file, &paths),
            [true, true, false, true, false, false, true, true]
        );
        assert_eq!(left_out(&["keep.log", "!a.log"], file, &paths[..3]), [false, false, true]);
    }

    #[test]
    fn a_bad_pattern_is_named() {
        for bad in ["a[", "{a", "", "  ", "# no"] {
            let e = Excludes::new([bad]).unwrap_err();
            assert!(matches!(&e, PackError::Pattern { pattern, .. } if pattern == bad), "{e}");
        }
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(IGNORE_FILE), "ok\na[b\n").unwrap();
        let e = Excludes::default().matcher(root.path()).unwrap_err().to_string();
        assert!(e.contains("`a[b`") && e.contains("line 2 of .seedshipignore"), "{e}");
    }
}

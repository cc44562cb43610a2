//! The `.tree` format: `seedship-tree 1`, then a line an entry, TAB between the fields: kind (`f`,
//! `d`, `l`), octal mode, size, path, and a link's target (empty for the others). Nothing is
//! escaped: payloads with control characters in names are refused.

use super::{TREE_HEAD, line, malformed, unfit};
use std::io::{self, BufRead, Write};

/// One entry of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the release.
    pub path: String,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: permission bits and size in bytes.
    File {
        /// Permission bits.
        mode: u32,
        /// Bytes.
        size: u64,
    },
    /// A directory.
    Directory {
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Its target, as it stands in the link.
        target: String,
    },
}

/// Adds a line.
pub(super) fn write(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let (kind, mode, size, target) = match &entry.kind {
        Kind::File { mode, size } => ('f', *mode, *size, ""),
        Kind::Directory { mode } => ('d', *mode, 0, ""),
        Kind::Link { target } => ('l', 0o777, 0, target.as_str()),
    };
    if entry.path.contains(char::is_control) || target.contains(char::is_control) {
        return Err(unfit("control characters"));
    }
    writeln!(out, "{kind}\t{mode:04o}\t{size}\t{}\t{target}", entry.path)
}

/// Reads a `.tree`, one entry after the other.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the first line is not that of this format.
pub fn read_tree(from: impl BufRead) -> io::Result<impl Iterator<Item = io::Result<Entry>>> {
    let mut lines = line::all(from);
    if lines.next().transpose()?.as_deref() != Some(TREE_HEAD) {
        return Err(malformed("it does not begin with `seedship-tree 1`"));
    }
    Ok(lines.map(|line| parse(&line?).ok_or_else(|| malformed("a line is not an entry"))))
}

fn parse(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[kind, mode, size, path, target] = fields.as_slice() else { return None };
    let mode = u32::from_str_radix(mode, 8).ok()?;
    let size = size.parse().ok()?;
    let kind = match kind {
        "f" => Kind::File { mode, size },
        "d" => Kind::Directory { mode },
        "l" => Kind::Link { target: target.to_owned() },
        _ => return None,
    };
    (!path.is_empty()).then(|| Entry { path: path.to_owned(), kind })
}

//! The `.b3` format: a line a file, `<64 hex digits>  <path>`, as `b3sum` prints and checks it.
//!
//! In a name that holds a backslash `b3sum` doubles it and puts a backslash before the hash; line
//! feeds never occur, because payloads with control characters in names are refused.

use super::{line, malformed, unfit};
use std::io::{self, BufRead, Write};

/// A BLAKE3 hash.
pub type Sum = [u8; 32];

/// Adds a line.
pub(super) fn write(out: &mut impl Write, path: &str, sum: &Sum) -> io::Result<()> {
    if path.contains(char::is_control) {
        return Err(unfit("a path with control characters"));
    }
    let hex = blake3::Hash::from_bytes(*sum).to_hex();
    if path.contains('\\') {
        return writeln!(out, "\\{hex}  {}", path.replace('\\', "\\\\"));
    }
    writeln!(out, "{hex}  {path}")
}

/// Reads a `.b3`, one file after the other.
pub fn read_b3(from: impl BufRead) -> impl Iterator<Item = io::Result<(String, Sum)>> {
    line::all(from)
        .map(|line| parse(&line?).ok_or_else(|| malformed("a line is not that of b3sum")))
}

fn parse(line: &str) -> Option<(String, Sum)> {
    let (escaped, line) = match line.strip_prefix('\\') {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (hex, path) = line.split_once("  ")?;
    let sum = *blake3::Hash::from_hex(hex).ok()?.as_bytes();
    let path = if escaped { path.replace("\\\\", "\\") } else { path.to_owned() };
    (!path.is_empty()).then_some((path, sum))
}

//! The lines of a manifest, none longer than memory should hold.
//!
//! A manifest is read back years later, from a disk that may have damaged it: zeros where lines
//! were must not be collected into one line of gigabytes, and an end that is cut off must not pass
//! for a shorter entry.

use super::malformed;
use std::io::{self, BufRead, Read};

/// The longest line: two paths of PATH_MAX, every byte of them escaped, and the rest.
const LONGEST: u64 = 20 << 10;

/// Every line, without its end.
pub(super) fn all(mut from: impl BufRead) -> impl Iterator<Item = io::Result<String>> {
    std::iter::from_fn(move || next(&mut from).transpose())
}

fn next(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    from.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => match String::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(malformed("a line is not UTF-8")),
        },
        Some(_) if line.len() as u64 + 1 == LONGEST => Err(malformed("a line does not end")),
        Some(_) => Err(malformed("its last line is cut off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_and_are_short() {
        let read = |bytes: &[u8]| all(bytes).collect::<io::Result<Vec<_>>>();
        assert_eq!(read(b"").unwrap(), [""; 0]);
        assert_eq!(read(b"a\n\nb\n").unwrap(), ["a", "", "b"]);
        let why = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert_eq!(why(b"a\nb"), "its last line is cut off");
        assert_eq!(why(&[0; 1 << 20]), "a line does not end");
        assert_eq!(why(b"\xff\n"), "a line is not UTF-8");
    }
}

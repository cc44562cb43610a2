//! Where in which file something is wrong, and how that is said.
//!
//! Everything a person can get wrong in a configuration file ends in [`Source::error`]: file,
//! line, column, what is wrong, and what to write instead. What the TOML parser and serde say is
//! turned into the same words, with a suggestion for a mistyped key.

use crate::error::{Error, Exit, escaped, quoted};
use std::{fmt::Display, ops::Range, path::Path};

/// Parts cause and hint in the message of an error that passes through serde.
const HINT: &str = "\nhint: ";

/// A cause and what to do about it, in one message that serde can carry.
pub(super) fn hinted(cause: impl Display, hint: impl Display) -> String {
    format!("{cause}{HINT}{hint}")
}

/// The text of one file, to tell places in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'f> {
    pub(super) path: &'f Path,
    pub(super) text: &'f str,
}

impl Source<'_> {
    /// "`/etc/seedship/config.toml`, line 3, column 9".
    pub(super) fn place(&self, at: usize) -> String {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let begin = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let column = String::from_utf8_lossy(&before[begin..]).chars().count() + 1;
        format!("{}, line {line}, column {column}", quoted(self.path))
    }

    /// Something is wrong at `span`; `message` may have been made by [`hinted`].
    pub(super) fn error(&self, span: &Range<usize>, message: impl Display) -> Error {
        let (cause, hint) = told(&message.to_string());
        let error = Error::new(Exit::Config, "read", self.place(span.start), cause).unrecorded();
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// What the parser or serde found; at `span` where they do not say.
    pub(super) fn refused(&self, error: &toml::de::Error, span: &Range<usize>) -> Error {
        self.error(&error.span().unwrap_or_else(|| span.clone()), error.message())
    }
}

/// Cause and hint of a message, in the words of an operator.
fn told(message: &str) -> (String, Option<String>) {
    if let Some((cause, hint)) = message.split_once(HINT) {
        return (escaped(cause.as_bytes()), Some(escaped(hint.as_bytes())));
    }
    for (begin, what) in [("unknown field `", "key"), ("unknown variant `", "value")] {
        let unknown = message.strip_prefix(begin).and_then(|m| m.rsplit_once("`, expected "));
        if let Some((found, expected)) = unknown {
            let cause = format!("unknown {what} `{}`", escaped(found.as_bytes()));
            return (cause, Some(suggestion(found, &names(expected))));
        }
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return (format!("missing key {key}"), Some("add it: it has no default".to_owned()));
    }
    // The TOML crate's words for anything but a string where an enumeration is expected.
    if message == "wanted string or table" {
        return ("expected a word in quotes".to_owned(), None);
    }
    match message.rsplit_once(", expected ") {
        Some((found, expected)) => {
            let cause = format!("{found}, expected {}", in_words(expected));
            (escaped(cause.as_bytes()), None)
        }
        None => (escaped(message.trim().as_bytes()), None),
    }
}

/// Rust's name of what was expected, in words.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u32" | "u64" => "a whole number without a sign or quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    }
}

/// The names in "one of `a`, `b`", as serde lists them.
pub(super) fn names(expected: &str) -> Vec<&str> {
    expected.split('`').skip(1).step_by(2).collect()
}

/// The known name that was probably meant; else all of them.
fn suggestion(found: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (distance(found, name), name)).min();
    match near {
        Some((changes, name)) if changes <= 1 + name.len() / 4 => {
            format!("did you mean `{name}`?")
        }
        _ => format!("known here: `{}`", known.join("`, `")),
    }
}

/// How many bytes must be inserted, removed or replaced to get from one word to the other
/// (Levenshtein's distance). Long words are no typing mistakes: they are not compared.
fn distance(from: &str, to: &str) -> usize {
    if from.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = Source { path: Path::new("f"), text: "a\né = 1\n" };
        assert_eq!(source.place(0), "`f`, line 1, column 1");
        assert_eq!(source.place(2), "`f`, line 2, column 1");
        assert_eq!(source.place(5), "`f`, line 2, column 3");
        assert_eq!(source.place(3), "`f`, line 2, column 2", "inside a character");
        assert_eq!(source.place(9999), "`f`, line 3, column 1", "behind the end");
    }

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["keep", "root", "match"];
        assert_eq!(suggestion("keeep", &known), "did you mean `keep`?");
        assert_eq!(suggestion("mach", &known), "did you mean `match`?");
        assert_eq!(suggestion("banana", &known), "known here: `keep`, `root`, `match`");
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_name_full_of_quotes_does_not_confuse_the_list() {
        let (cause, hint) = told("unknown field `a`, expected `b`, expected one of `keep`, `root`");
        assert_eq!(cause, "unknown key `a`, expected `b`");
        assert_eq!(hint.unwrap(), "known here: `keep`, `root`");
    }
}

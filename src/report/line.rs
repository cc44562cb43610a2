//! One outcome, one line: `shop 1.4.2 is live app=shop version=1.4.2 ms=12`.

use crate::error::{escaped, one_line};
use log::Level;
use std::fmt;

/// The target of lines that people are told in another way: they go to syslog alone.
pub(super) const UNSEEN: &str = "seedship::unseen";

/// A sentence and its fields, in the order they were given.
///
/// However foreign the text: it stays one line, ends no value early, and begins no field.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a line is told by `log` or `unseen`"]
pub struct Line {
    text: String,
}

impl Line {
    /// Begins with a sentence, in which foreign text is quoted already
    /// ([`quoted`](crate::error::quoted)).
    pub fn new(sentence: impl fmt::Display) -> Self {
        Self { text: without_fields(&one_line(&sentence.to_string())) }
    }

    /// Adds a field. The value is taken raw and escaped here, in double quotes where it would
    /// not be one word.
    pub fn field(self, key: &'static str, value: impl fmt::Display) -> Self {
        self.field_bytes(key, value.to_string().as_bytes())
    }

    /// Adds a field whose value may not be UTF-8, such as a torrent's name.
    pub fn field_bytes(mut self, key: &'static str, value: &[u8]) -> Self {
        let value = escaped(value);
        let is_word = !value.is_empty()
            && !value.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '='));
        self.text.push_str(&match is_word {
            true => format!(" {key}={value}"),
            // A backslash is doubled by now, so this one can only belong to the quote.
            false => format!(" {key}=\"{}\"", value.replace('"', "\\\"")),
        });
        self
    }

    /// Adds a field if there is a value.
    pub fn maybe(self, key: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.field(key, value),
            None => self,
        }
    }

    /// Tells it: to syslog, and to stderr where that is a terminal.
    pub fn log(&self, level: Level) {
        log::log!(target: "seedship", level, "{self}");
    }

    /// Tells it to syslog alone, because the terminal shows the outcome in another form.
    pub fn unseen(&self, level: Level) {
        log::log!(target: UNSEEN, level, "{self}");
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The sentence without anything that reads as `key=`: a `=` right after a letter, a digit or `_` is
/// `\x3D`. What stands before it on the line makes no difference, for many a reader of logs searches
/// for `app=` anywhere. Every other `=` is left as it was written: `keep = 5`, `==`, `>=`.
fn without_fields(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    for c in sentence.chars() {
        let after_key = text.ends_with(|before: char| before.is_alphanumeric() || before == '_');
        match c {
            '=' if after_key => text.push_str("\\x3D"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_a_sentence_and_its_fields() {
        let line = Line::new("shop 1.4.2 is live").field("app", "shop").field("ms", 12);
        assert_eq!(line.to_string(), "shop 1.4.2 is live app=shop ms=12");
        let line = line.maybe("from", Some("1.4.1")).maybe("signer", None::<&str>);
        assert_eq!(line.to_string(), "shop 1.4.2 is live app=shop ms=12 from=1.4.1");
    }

    #[test]
    fn values_cannot_end_early() {
        let line = Line::new("x")
            .field("empty", "")
            .field("spaces", "a b")
            .field("quote", "a\" app=\"b")
            .field("backslash", "a\\")
            .field("both", "a\\\" b=c")
            .field_bytes("bytes", b"\xff\n");
        assert_eq!(
            line.to_string(),
            "x empty=\"\" spaces=\"a b\" quote=\"a\\\" app=\\\"b\" backslash=a\\\\ \
             both=\"a\\\\\\\" b=c\" bytes=\\xFF\\x0A"
        );
    }

    #[test]
    fn a_sentence_has_no_fields() {
        let line = Line::new("refused `x app=shop --to=1 exit=0\nevil`, say `a` == \"b\"");
        assert_eq!(
            line.to_string(),
            "refused `x app\\x3Dshop --to\\x3D1 exit\\x3D0\\x0Aevil`, say `a` == \"b\""
        );
    }

    /// Reads fields as a log's reader does: letters, digits and `_`, then `=`, and a word or what is
    /// in quotes.
    fn fields(line: &str) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        let mut rest = line;
        while let Some((before, value)) = rest.split_once('=') {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            let key = before.rsplit(|c| !is_part(c)).next().unwrap();
            let in_quotes = value.starts_with('"');
            let mut after_backslash = false;
            let ends = |c: char| {
                let is_end = if in_quotes { c == '"' } else { c.is_whitespace() };
                let plain = !after_backslash;
                after_backslash = c == '\\' && plain;
                is_end && plain
            };
            let skipped = usize::from(in_quotes);
            let end = value[skipped..].find(ends).map_or(value.len(), |at| at + 2 * skipped);
            if key.is_empty() {
                rest = value;
                continue;
            }
            found.push((key, &value[..end]));
            rest = &value[end..];
        }
        found
    }

    proptest! {
        #[test]
        fn nothing_forges_a_field_or_a_line(
            name in "(.|\n|[=\" \\\\a]){0,20}",
            value in "(.|\n|[=\" \\\\a]){0,20}",
            bytes: Vec<u8>,
        ) {
            let line = Line::new(format!("refused {name}"))
                .field("app", &value)
                .field_bytes("name", &bytes)
                .field("exit", 65)
                .to_string();
            prop_assert!(!line.contains(char::is_control), "{line}");
            let found = fields(&line);
            let keys: Vec<&str> = found.iter().map(|(key, _)| *key).collect();
            prop_assert_eq!(keys, ["app", "name", "exit"], "{}", line);
            prop_assert_eq!(found[2].1, "65");
        }
    }
}

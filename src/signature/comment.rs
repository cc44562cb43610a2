//! What a signature says: the trusted comment, which is signed with it.

use crate::release::{Unix, Version};
use std::fmt;

/// The first word of a trusted comment: the form that is read here.
pub(super) const FORM: &str = "seedship1";

/// No longer comment is written: minisign reads lines of 8 KiB.
const COMMENT_MAX: usize = 4 << 10;

/// A trusted comment: `seedship1 app=<app> version=<version> published=<time>[ <key>=<value>…]`.
///
/// Strict: single spaces, this order, the time in RFC 3339 with seconds and `Z`; facts of
/// lower-case keys, none twice, and printable values. What is read is what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// The app that the release is for.
    pub app: String,
    /// The version that it is.
    pub version: Version,
    /// When it was published; in seconds.
    pub published: Unix,
    /// The free facts, separated by single spaces; or nothing.
    pub facts: String,
}

impl Comment {
    /// The comment of a signature to be made.
    ///
    /// # Errors
    /// What about it could not be read again.
    pub fn new(
        app: &str,
        version: &Version,
        published: Unix,
        facts: &[String],
    ) -> Result<Self, &'static str> {
        if !printable(app) {
            return Err("names an app by other than one word of printable ASCII");
        }
        let facts = facts.join(" ");
        let comment = Self { app: app.to_owned(), version: version.clone(), published, facts };
        let text = comment.to_string();
        if text.len() > COMMENT_MAX {
            return Err("is longer than 4 KiB");
        }
        match Self::parse(&text)? == comment {
            true => Ok(comment),
            false => Err("does not say what was meant"),
        }
    }

    /// Reads a trusted comment.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut words = text.split(' ');
        if words.next() != Some(FORM) {
            return Err("does not begin with `seedship1`");
        }
        let mut named = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        let app = named("app").filter(|app| printable(app)).ok_or("names no app")?;
        let version = named("version").and_then(|v| Version::parse(v).ok());
        let version = version.ok_or("names no version after the app")?;
        let time = named("published").ok_or("holds no `published` after the version")?;
        let published = Unix::parse(time)
            .filter(|parsed| parsed.to_string() == time)
            .ok_or("holds a `published` that is no time like 2024-05-01T12:00:00Z")?;
        let facts: Vec<_> = words.collect();
        check_facts(&facts)?;
        Ok(Self { app: app.to_owned(), version, published, facts: facts.join(" ") })
    }
}

fn check_facts(facts: &[&str]) -> Result<(), &'static str> {
    let mut known = vec!["app", "version", "published"];
    for fact in facts {
        let (key, value) = fact.split_once('=').ok_or("holds a fact that is not KEY=VALUE")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.bytes().all(plain) {
            return Err("holds a fact whose key is not of a-z, 0-9, _ and -");
        }
        if !printable(value) {
            return Err("holds a fact whose value is empty or not printable ASCII");
        }
        if known.contains(&key) {
            return Err("says the same key twice");
        }
        known.push(key);
    }
    Ok(())
}

fn printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, version, published, facts } = self;
        write!(f, "{FORM} app={app} version={version} published={published}")?;
        if facts.is_empty() { Ok(()) } else { write!(f, " {facts}") }
    }
}

//! Which torrents belong to an app: a name with one placeholder for the release's version.
//!
//! `{version}` is `v?[0-9][0-9A-Za-z.+~_-]*`, `{tag}` is `[0-9A-Za-z][0-9A-Za-z.+~_-]*`, both at
//! most 128 bytes. The torrent's whole name must match. Names are bytes: a torrent's name may be
//! anything, also not UTF-8, also with a newline in it.

use super::place::hinted;
use crate::release::Version;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a placeholder stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placeholder {
    /// A version with an order of its own (`deb-version(7)`).
    Version,
    /// Any name; its order comes from elsewhere.
    Tag,
}

impl Placeholder {
    const fn text(self) -> &'static str {
        match self {
            Self::Version => "{version}",
            Self::Tag => "{tag}",
        }
    }
}

/// A name with one placeholder, as `shop-{version}.tar.zst`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    before: String,
    placeholder: Placeholder,
    after: String,
}

impl Pattern {
    /// Reads a pattern; the message of the error may hold a hint for [`super::place`].
    fn parse(text: &str) -> Result<Self, String> {
        let found = [Placeholder::Version, Placeholder::Tag]
            .into_iter()
            .find_map(|p| text.split_once(p.text()).map(|(before, after)| (before, p, after)));
        let Some((before, placeholder, after)) = found else {
            let cause = format!("the pattern `{text}` has no placeholder");
            return Err(hinted(cause, "write {version} or {tag} where the version stands"));
        };
        if [before, after].iter().any(|part| part.contains(['{', '}'])) {
            let cause = format!("the pattern `{text}` has more than one placeholder");
            return Err(hinted(cause, "write {version} or {tag}, once, and no other braces"));
        }
        if text.contains('/') {
            return Err(format!("the pattern `{text}` can never match: a name holds no `/`"));
        }
        Ok(Self { before: before.to_owned(), placeholder, after: after.to_owned() })
    }

    /// What stands between the literal parts of `name`, if those match.
    fn between<'n>(&self, name: &'n [u8]) -> Option<&'n [u8]> {
        name.strip_prefix(self.before.as_bytes())?.strip_suffix(self.after.as_bytes())
    }

    /// The version in a torrent's name, if the whole name matches.
    pub fn version(&self, name: &[u8]) -> Option<Version> {
        let text = std::str::from_utf8(self.between(name)?).ok()?;
        let digits = text.strip_prefix('v').unwrap_or(text);
        if self.placeholder == Placeholder::Version
            && !digits.starts_with(|c: char| c.is_ascii_digit())
        {
            return None;
        }
        Version::parse(text).ok()
    }

    /// The literal part is there and matches, whatever stands in the version's place.
    pub fn literally(&self, name: &[u8]) -> bool {
        self.literals() > 0 && self.between(name).is_some()
    }

    /// How many bytes of it are literal: the more, the more particular.
    pub fn literals(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Its placeholder.
    pub fn placeholder(&self) -> Placeholder {
        self.placeholder
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.before, self.placeholder.text(), self.after)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(pattern: &str, name: impl AsRef<[u8]>) -> Option<String> {
        Pattern::parse(pattern).unwrap().version(name.as_ref()).map(String::from)
    }

    #[test]
    fn the_whole_name_matches() {
        let p = "shop-{version}.tar.zst";
        assert_eq!(version(p, "shop-1.4.2.tar.zst").unwrap(), "1.4.2");
        assert_eq!(version(p, "shop-v1~rc+1_2-3.tar.zst").unwrap(), "v1~rc+1_2-3");
        for other in ["shop-1.4.2.tar.zst.part", "xshop-1.tar.zst", "shop-.tar.zst", "shop-v"] {
            assert_eq!(version(p, other), None, "{other}");
        }
        for bad in ["x1", "vv1", "v", "-1", "1 2", "1/2", "1\n", "é", "{version}"] {
            assert_eq!(version(p, format!("shop-{bad}.tar.zst")), None, "{bad}");
        }
        assert_eq!(version(p, b"shop-1\xff.tar.zst"), None);
    }

    #[test]
    fn prefix_and_suffix_do_not_share_bytes() {
        assert_eq!(version("aa{tag}aa", "aaa"), None);
        assert!(!Pattern::parse("aa{tag}aa").unwrap().literally(b"aaa"));
    }

    #[test]
    fn a_version_is_at_most_128_bytes() {
        assert!(version("{version}", "1".repeat(128)).is_some());
        assert!(version("{version}", "1".repeat(129)).is_none());
    }

    #[test]
    fn a_tag_needs_no_digit() {
        assert_eq!(version("shop-{tag}", "shop-main-abc").unwrap(), "main-abc");
        assert_eq!(version("shop-{tag}", "shop-.x"), None);
    }

    #[test]
    fn the_literal_part_alone_is_told() {
        let p = Pattern::parse("shop-{version}.zip").unwrap();
        assert!(p.literally(b"shop-latest.zip") && p.literally(b"shop-\xff\n.zip"));
        assert!(!p.literally(b"shop-1.tar"));
        assert!(!Pattern::parse("{tag}").unwrap().literally(b"anything at all"));
    }

    #[test]
    fn exactly_one_placeholder() {
        for bad in ["", "shop", "{vers}", "{version}{tag}", "{tag}-{tag}", "{version}}", "a/{tag}"]
        {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_a_pattern_panic(text in ".*", name in any::<Vec<u8>>()) {
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert_eq!(pattern.to_string(), text);
                let whole = pattern.version(&name);
                prop_assert!(whole.is_none() || pattern.literals() == 0 || pattern.literally(&name));
            }
        }

        #[test]
        fn what_was_put_in_comes_out(before in "[^{}/]{0,9}", version in "v?[0-9][0-9A-Za-z.+~_-]{0,9}", after in "[^{}/]{0,9}") {
            let pattern = Pattern::parse(&format!("{before}{{version}}{after}")).unwrap();
            let name = format!("{before}{version}{after}");
            let found = pattern.version(name.as_bytes()).map(String::from);
            prop_assert_eq!(found, Some(version));
        }
    }
}

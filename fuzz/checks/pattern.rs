//! What must hold for any pattern and any torrent's name.

use seedship::{config::Pattern, release::VERSION_MAX};

/// The first line is the pattern, the rest the name. Tells whether a version stands in it.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (text, name) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let Ok(pattern) = Pattern::try_from(text.to_owned()) else { return false };
    assert_eq!(pattern.to_string(), text, "a pattern is what was written");
    assert!(pattern.literals() < text.len());
    let Some(version) = pattern.version(name) else { return false };
    let version = version.as_str();
    assert!(!version.is_empty() && version.len() <= VERSION_MAX);
    assert!(!version.contains(['/', '\0']) && !version.starts_with('.'), "it is a path: {version}");
    assert!(pattern.literals() == 0 || pattern.literally(name));
    let (before, after) = text.split_once('{').unwrap();
    let (_, after) = after.split_once('}').unwrap();
    assert_eq!(format!("{before}{version}{after}").as_bytes(), name, "the whole name matches");
    true
}

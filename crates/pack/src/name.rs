//! Which names and link targets a release can have.
//!
//! What a host refuses by default is refused before it is published: it would be found out there
//! only after every host has fetched it.

use caseless::default_case_fold_str;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// How many components a path may have: a host's `limits.depth` unless it says otherwise.
pub(crate) const DEPTH_MAX: usize = 64;
/// How many bytes a path or a link's target may have: a host's `limits.path`.
pub(crate) const PATH_MAX: usize = 1024;

/// Says what is wrong with a path from the root on, whose components were listed by the system.
///
/// # Errors
/// The cause, as the rest of a sentence.
pub fn check(path: &str) -> Result<(), String> {
    text(path)?;
    if path.contains(char::REPLACEMENT_CHARACTER) {
        return Err("its name holds U+FFFD, which stands for bytes that were lost".into());
    }
    if of_windows(path) {
        return Err("it begins like a path of Windows, which some programs take away".into());
    }
    let depth = path.split('/').count();
    if depth > DEPTH_MAX {
        return Err(format!("it is {depth} directories deep, and hosts take {DEPTH_MAX}"));
    }
    if path.len() > PATH_MAX {
        return Err(format!("its path is {} bytes, and hosts take {PATH_MAX}", path.len()));
    }
    Ok(())
}

/// Says what is wrong with the target of a link that lies `depth` directories deep.
///
/// `..` may stand only at the front and at most `depth` times: each such link ends inside of the
/// tree, and since no entry lies behind a link, a chain of them does too.
///
/// # Errors
/// The cause, as the rest of a sentence.
pub fn check_target(target: &str, depth: usize) -> Result<(), String> {
    text(target).map_err(|cause| format!("it is a link, and of its target: {cause}"))?;
    let fail = |cause: &str| Err(format!("it is a link to `{target}`, {cause}"));
    if target.is_empty() {
        return Err("it is a link to nothing".into());
    }
    if target.starts_with('/') {
        return fail("an absolute path");
    }
    if target.len() > PATH_MAX {
        return Err(format!("it is a link to {} bytes of path", target.len()));
    }
    let parts = || target.split('/').filter(|part| !matches!(*part, "" | "."));
    let up = parts().take_while(|part| *part == "..").count();
    if up > depth {
        return fail("which leaves the tree");
    }
    if parts().skip(up).any(|part| part == "..") {
        return fail("where `..` stands behind a name");
    }
    Ok(())
}

fn text(text: &str) -> Result<(), String> {
    match text.contains(char::is_control) {
        true => Err("its name holds control characters".into()),
        false => Ok(()),
    }
}

/// Whether a path begins with a drive or a backslash.
fn of_windows(path: &str) -> bool {
    matches!(path.as_bytes(), [b'\\', ..] | [b'A'..=b'Z' | b'a'..=b'z', b':', ..])
}

/// The form in which two names are equal for a file system that folds them: Unicode's canonical
/// caseless matching.
pub fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let decomposed: String = name.nfd().collect();
    default_case_fold_str(&decomposed).nfd().collect()
}

/// Two of the names of one directory that are equal when folded, if there are any.
pub(crate) fn twins<'a>(names: impl Iterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let mut seen = HashMap::new();
    for name in names {
        if let Some(first) = seen.insert(folded(name), name) {
            return Some((first, name));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_hosts_refuse_is_refused() {
        let deep = vec!["d"; DEPTH_MAX].join("/");
        let long = "é".repeat(PATH_MAX / 2);
        for good in ["a", "a b/ü", "d/C:x", "...", &deep, &long] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let (deep, long) = (format!("{deep}/d"), format!("{long}x"));
        for bad in ["a\nb", "a\u{85}", "\u{fffd}", "C:x", "\\x", &deep, &long] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_link_ends_inside_of_the_tree() {
        for (target, depth) in [("x", 0), ("../x", 1), ("./../../x/y", 2), ("a/./b/", 0), ("..", 1)]
        {
            assert_eq!(check_target(target, depth), Ok(()), "{target}");
        }
        for (target, depth) in [
            ("", 0),
            ("/x", 9),
            ("..", 0),
            ("../../x", 1),
            ("a/..", 5),
            ("../a/../b", 5),
            ("\t", 0),
        ] {
            assert!(check_target(target, depth).is_err(), "{target}");
        }
    }

    #[test]
    fn twins_are_found() {
        for (a, b) in [("README", "readme"), ("ä", "a\u{308}"), ("straße", "STRASSE")] {
            assert_eq!(twins([a, "x", b].into_iter()), Some((a, b)));
        }
        assert_eq!(twins(["a", "b", "ä", "ö"].into_iter()), None);
    }
}

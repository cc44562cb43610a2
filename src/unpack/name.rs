//! Names out of a payload: what may become a path in a release, and where a link may point.
//!
//! Nothing is repaired. A name that would need it is refused, because two programs would repair
//! it differently.

use super::plan::Limits;
use crate::error::escaped;

/// The longest component that Linux's file systems take.
const COMPONENT_MAX: usize = 255;
/// The longest link target that the kernel takes.
const TARGET_MAX: usize = 4095;
/// Every level of a path costs an open descriptor, whatever `limits.depth` says.
const DEPTH_MAX: usize = 256;

/// A path in a release: components joined by `/`, none of them empty, `.` or `..`, no control
/// characters, within the limits. Empty for the release itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// Reads an archived path and takes `strip` components off. `None`: there are not more
    /// components than that, which is right for a directory and wrong for everything else.
    ///
    /// `.` components go first: GNU tar counts a leading `./` as one, and `a/./b` is `a/b`.
    pub(super) fn parse(raw: &[u8], strip: u32, limits: &Limits) -> Result<Option<Self>, String> {
        let text = text(raw)?;
        if text.is_empty() {
            return Err("it has no name".into());
        }
        if text.starts_with('/') {
            return Err("its path is absolute".into());
        }
        if text.contains(char::REPLACEMENT_CHARACTER) {
            // A manifest with such a name could not be checked by `b3sum`, not even the rest of it.
            return Err("its name holds U+FFFD, which stands for bytes that were lost".into());
        }
        let parts = || text.split('/').filter(|part| !matches!(*part, "" | "."));
        if parts().any(|part| part == "..") {
            return Err("its path goes up by `..`".into());
        }
        let kept = parts().count().saturating_sub(strip as usize);
        let most = limits.depth.min(DEPTH_MAX as u64);
        if kept as u64 > most {
            return Err(format!("its path is {kept} components deep: limits.depth = {most}"));
        }
        if parts().any(|part| part.len() > COMPONENT_MAX) {
            return Err(format!("a component of its path is longer than {COMPONENT_MAX} bytes"));
        }
        let mut path = String::with_capacity(text.len());
        for part in parts().skip(strip as usize) {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
        }
        if path.len() as u64 > limits.path {
            return Err(format!("its path is {} bytes: limits.path = {}", path.len(), limits.path));
        }
        Ok((kept > 0).then_some(Self(path)))
    }

    /// The whole path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory (empty for the release itself) and the last component.
    pub(super) fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }

    /// How many directories of the release the path goes through.
    pub(super) fn depth(&self) -> usize {
        self.0.matches('/').count()
    }

    /// Whether this is `path` or below it.
    pub(super) fn is_within(&self, path: &str) -> bool {
        self.0.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Reads the target of a link `depth` directories deep in the release.
///
/// `..` may stand only at the front and at most `depth` times. No entry's parent is ever a link,
/// so a chain of such links cannot leave the release either: each one alone ends inside.
pub(super) fn link_target<'a>(
    raw: &'a [u8],
    depth: usize,
    limits: &Limits,
) -> Result<&'a str, String> {
    let of_link = |cause| format!("it is a link whose target is not fit: {cause}");
    let target = text(raw).map_err(of_link)?;
    let fail = |cause: &str| Err(format!("it is a link to `{}`, {cause}", escaped(raw)));
    if target.is_empty() {
        return Err("it is a link to nothing".into());
    }
    if target.len() as u64 > limits.path.min(TARGET_MAX as u64) {
        return Err(format!("it is a link to {} bytes of path", target.len()));
    }
    if target.starts_with('/') {
        return fail("an absolute path");
    }
    let mut parts = target.split('/').filter(|part| !matches!(*part, "" | ".")).peekable();
    let mut up = 0;
    while parts.next_if_eq(&"..").is_some() {
        up += 1;
    }
    if up > depth {
        return fail("which leaves the release");
    }
    if parts.any(|part| part == "..") {
        return fail("where `..` stands behind a name");
    }
    Ok(target)
}

/// UTF-8 without control characters.
fn text(raw: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(raw).map_err(|_| "its name is not UTF-8")?;
    if text.contains(char::is_control) {
        return Err("its name holds control characters".into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Names of what trips: dots, slashes, controls, Windows, more than one byte.
    fn odd() -> impl Strategy<Value = String> {
        let part = prop_oneof!["[a-z]{1,3}", "[.]{1,3}", "[A-Z:\\\\é\u{85}\u{fffd}\n ]{1,2}"];
        proptest::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
    }

    proptest! {
        /// Two crates know these rules, so that a publisher hears at once what all hosts would say.
        #[test]
        fn what_is_packed_would_be_taken(path in odd(), target in odd(), up in 0..4_usize) {
            // The system lists no other names.
            let listed = path.split('/').all(|part| !matches!(part, "." | ".."));
            if listed && pack::name::check(&path).is_ok() {
                prop_assert_eq!(parse(&path, 0), Ok(Some(path.clone())));
            }
            let depth = path.matches('/').count();
            let target = format!("{}{target}", "../".repeat(up));
            let taken = link_target(target.as_bytes(), depth, &Limits::default());
            prop_assert_eq!(pack::name::check_target(&target, depth).is_ok(), taken.is_ok());
        }
    }

    fn parse(raw: &str, strip: u32) -> Result<Option<String>, String> {
        Name::parse(raw.as_bytes(), strip, &Limits::default()).map(|name| name.map(|n| n.0))
    }

    #[test]
    fn paths_are_plain_after_stripping() {
        for (raw, strip, kept) in [
            ("a", 0, Some("a")),
            ("./a//b/./c/", 0, Some("a/b/c")),
            ("./top/a", 1, Some("a")),
            ("top/", 1, None),
            ("./", 0, None),
            ("...", 0, Some("...")),
            ("a/b", 5, None),
        ] {
            assert_eq!(parse(raw, strip), Ok(kept.map(str::to_owned)), "{raw}");
        }
        for bad in ["", "/a", "..", "a/..", "../a", "a/../b", "a\nb", "a\0", "a\u{85}b"] {
            assert!(parse(bad, 0).is_err(), "{bad:?}");
        }
        assert!(Name::parse(b"a\xff", 0, &Limits::default()).is_err());
    }

    #[test]
    fn limits_hold_at_their_edge() {
        assert!(parse(&vec!["a"; 64].join("/"), 0).is_ok());
        assert!(parse(&vec!["a"; 65].join("/"), 0).is_err());
        assert!(parse(&vec!["a"; 65].join("/"), 1).is_ok());
        assert!(parse(&"a".repeat(255), 0).is_ok());
        assert!(parse(&"a".repeat(256), 0).is_err());
        let long = vec!["a".repeat(204); 5].join("/");
        assert_eq!(long.len(), 1024);
        assert!(parse(&long, 0).is_ok());
        assert!(parse(&format!("{long}a"), 0).is_err());
        let deep = Limits { depth: 100_000, path: 100_000, ..Limits::default() };
        assert!(Name::parse(vec!["a"; 257].join("/").as_bytes(), 0, &deep).is_err());
    }

    #[test]
    fn a_link_goes_up_only_at_its_front_and_only_inside() {
        let limits = Limits::default();
        for (target, depth) in [("x", 0), ("../x", 1), ("./../../x/y", 2), ("a/./b/", 0), ("..", 1)]
        {
            assert!(link_target(target.as_bytes(), depth, &limits).is_ok(), "{target}");
        }
        for (target, depth) in [
            ("", 0),
            ("/x", 9),
            ("..", 0),
            ("../../x", 1),
            ("a/..", 5),
            ("../a/../b", 5),
            ("a\nb", 0),
        ] {
            assert!(link_target(target.as_bytes(), depth, &limits).is_err(), "{target}");
        }
    }
}

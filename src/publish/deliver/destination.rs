//! Where a .torrent is to go, as it is typed: a directory, or `user@host:DIR`.

use crate::{error::escaped, publish::shown};
use std::{fmt, path::PathBuf, str::FromStr};

/// A directory, here or on another host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// On this host.
    Here(PathBuf),
    /// On another one.
    There(There),
}

/// A directory of another host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct There {
    /// As ssh takes it: `host` or `user@host`. It does not begin with a dash.
    pub(super) host: String,
    /// Its path there: absolute, or from the user's home on.
    pub(super) directory: String,
}

impl FromStr for Destination {
    type Err = String;

    /// What has a colon before any slash is on another host, as scp(1) has it.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("name a directory, or one of another host: user@host:DIR".to_owned());
        }
        let Some(colon) = colon(text) else { return Ok(Self::Here(text.into())) };
        let host = text[..colon].replace(['[', ']'], "");
        let directory = text[colon + 1..].to_owned();
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"@.:_+=%,-".contains(&b);
        let named = host.rsplit('@').next().is_some_and(|host| !host.is_empty());
        if !named || host.starts_with(['-', '@']) || !host.bytes().all(fits) {
            return Err("what stands before the colon is no host: write user@host:DIR".to_owned());
        }
        match directory.is_empty() {
            true => Err("it names no directory of the host: write user@host:DIR".to_owned()),
            false => Ok(Self::There(There { host, directory })),
        }
    }
}

/// Where the directory's colon stands, if it is one of another host.
fn colon(text: &str) -> Option<usize> {
    let before_slash = text.split('/').next().unwrap_or_default();
    let user = before_slash.rfind('@').map_or(0, |at| at + 1);
    match before_slash[user..].starts_with('[') {
        // An IPv6 address has colons of its own.
        true => before_slash.find("]:").map(|end| end + 1),
        false => before_slash.find(':'),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(path) => f.write_str(&shown(path)),
            Self::There(there) => there.fmt(f),
        }
    }
}

impl fmt::Display for There {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, escaped(self.directory.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there(host: &str, directory: &str) -> Destination {
        Destination::There(There { host: host.into(), directory: directory.into() })
    }

    #[test]
    fn what_has_a_colon_before_any_slash_is_elsewhere() {
        for (text, is) in [
            ("watch", Destination::Here("watch".into())),
            ("./web1:x", Destination::Here("./web1:x".into())),
            ("/srv/a:b", Destination::Here("/srv/a:b".into())),
            ("web1:/srv/watch", there("web1", "/srv/watch")),
            ("deploy@web1.example.org:watch dir", there("deploy@web1.example.org", "watch dir")),
            ("deploy@[2001:db8::1]:/w:1", there("deploy@2001:db8::1", "/w:1")),
            ("a@b@web1:w", there("a@b@web1", "w")),
        ] {
            assert_eq!(text.parse(), Ok(is), "{text}");
        }
    }

    #[test]
    fn what_ssh_or_a_shell_would_take_otherwise_is_no_host() {
        for text in ["", ":/w", "@web1:/w", "deploy@:/w", "-oProxyCommand=x:/w", "a b:/w", "$(x):w"]
        {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
        assert!("web1:".parse::<Destination>().is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_an_option_of_a_host(text in "[-a:@\\[\\]/ é$]{0,12}") {
            if let Ok(Destination::There(there)) = text.parse() {
                prop_assert!(!there.host.starts_with('-') && !there.host.contains([' ', '$', '/']));
                prop_assert!(!there.directory.is_empty());
            }
        }
    }
}

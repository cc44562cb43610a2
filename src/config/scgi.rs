//! Where rtorrent listens, as it is written under `scgi`: the path of a socket, or HOST:PORT where
//! `allow_tcp` accepts what that means.

use super::{app::Scgi, place::hinted, value::AbsolutePath};
use crate::error::Result;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest path of a Unix socket: `sun_path` less its NUL (`unix(7)`).
const SOCKET_PATH_MAX: usize = 107;

/// The longest name of a host (RFC 1035).
const HOST_MAX: usize = 253;

/// A socket's path, or a host and a port where that is allowed.
pub(super) fn scgi(text: &str, allow_tcp: bool) -> Result<Scgi, String> {
    if text.starts_with('/') {
        return socket(text);
    }
    let Some(problem) = problem(text) else {
        return match allow_tcp {
            true => Ok(Scgi::Tcp(text.to_owned())),
            false => Err(dangerous(text)),
        };
    };
    let cause = format!("`{text}` is neither the path of a socket nor HOST:PORT: {problem}");
    let how = "write a path from `/`, as \"/run/rtorrent/rpc.sock\", or \"127.0.0.1:5000\", \
               \"[::1]:5000\"";
    Err(hinted(cause, how))
}

fn socket(text: &str) -> Result<Scgi, String> {
    let path = AbsolutePath::try_from(text.to_owned())?.0;
    match path.as_os_str().len() {
        ..=SOCKET_PATH_MAX => Ok(Scgi::Unix(path)),
        long => Err(format!(
            "the path of a socket has at most {SOCKET_PATH_MAX} bytes, this one has {long}"
        )),
    }
}

fn dangerous(text: &str) -> String {
    let cause = format!("`{text}` is a TCP address, and whoever can connect there is rtorrent");
    let hint = "use a Unix socket in a directory that only rtorrent's user may enter; \
                or accept the danger with `allow_tcp = true`";
    hinted(cause, hint)
}

/// Why this is no HOST:PORT, if it is none. An IPv6 address stands in brackets: without them
/// nobody can say where it ends.
fn problem(text: &str) -> Option<&'static str> {
    let Some((host, port)) = text.rsplit_once(':') else { return Some("it has no port") };
    if !port.bytes().all(|b| b.is_ascii_digit()) || !port.parse::<u16>().is_ok_and(|n| n > 0) {
        return Some("its port is no number from 1 to 65535");
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner
            .parse::<Ipv6Addr>()
            .err()
            .map(|_| "what stands in brackets is no IPv6 address");
    }
    if host.contains(':') {
        return Some("an IPv6 address needs brackets");
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if host.is_empty() || host.len() > HOST_MAX || !host.bytes().all(fits) {
        return Some("its host is no name or address");
    }
    // `10.0.0` or `1.2.3.400` would go to the resolver, which takes some of them for others.
    let number = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (number && host.parse::<Ipv4Addr>().is_err()).then_some("its host is no IPv4 address")
}

impl Scgi {
    /// As a person types it, who accepts what a TCP address means by naming one.
    ///
    /// # Errors
    /// Why it is neither the path of a socket nor HOST:PORT.
    pub fn typed(text: &str) -> Result<Self, String> {
        scgi(text, true)
    }

    /// Whether other machines may reach it, as far as the text tells: every TCP address but a
    /// loopback one. What a name stands for is not looked up.
    pub fn is_exposed(&self) -> bool {
        let Self::Tcp(text) = self else { return false };
        let host = text.rsplit_once(':').map_or(text.as_str(), |(host, _)| host);
        let inner = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = match inner.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        !loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_and_ports_are_taken_in_every_form() {
        for text in ["127.0.0.1:5000", "[::1]:5000", "localhost:1", "rt-1.example.org:65535"] {
            assert_eq!(scgi(text, true), Ok(Scgi::Tcp(text.into())));
            let refused = scgi(text, false).unwrap_err();
            assert!(refused.contains("is a TCP address") && refused.contains("allow_tcp = true"));
        }
    }

    #[test]
    fn what_is_no_host_and_port_is_told_why() {
        for (text, why) in [
            ("rpc.sock", "no port"),
            ("localhost:", "1 to 65535"),
            ("localhost:0", "1 to 65535"),
            ("localhost:+5", "1 to 65535"),
            ("localhost:65536", "1 to 65535"),
            ("localhost:scgi", "1 to 65535"),
            (":5000", "no name or address"),
            ("a b:5000", "no name or address"),
            ("a/b:5000", "no name or address"),
            ("http://a:5000", "needs brackets"),
            ("::1:5000", "needs brackets"),
            ("[::1:5000", "needs brackets"),
            ("[127.0.0.1]:5000", "in brackets"),
            ("127.0.0:5000", "no IPv4 address"),
            ("1.2.3.400:5000", "no IPv4 address"),
        ] {
            for allow_tcp in [false, true] {
                let said = scgi(text, allow_tcp).unwrap_err();
                assert!(said.contains("nor HOST:PORT") && said.contains(why), "{text}: {said}");
            }
        }
    }

    #[test]
    fn what_other_machines_reach_is_known() {
        let tcp = |text: &str| scgi(text, true).unwrap();
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "LocalHost:1", "[::ffff:127.0.0.1]:1"]
        {
            assert!(!tcp(text).is_exposed(), "{text}");
        }
        for text in ["10.0.0.5:1", "0.0.0.0:1", "[fd00::1]:1", "[::]:1", "rtorrent.example.org:1"] {
            assert!(tcp(text).is_exposed(), "{text}");
        }
        assert!(!tcp("/run/rtorrent/rpc.sock").is_exposed());
    }

    proptest! {
        #[test]
        fn no_text_does_harm_and_what_is_taken_stays_as_it_is(text in "[-\\[\\]:./a-c0-9 é]{0,24}") {
            if let Ok(Scgi::Tcp(taken)) = scgi(&text, true) {
                prop_assert!(taken == text && scgi(&text, false).is_err());
            }
        }
    }
}

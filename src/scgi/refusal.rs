//! Why rtorrent could not be reached, in plain words, and what to do about it.

use super::{Address, Timeouts};
use crate::error::{Error, Exit, quoted};
use nix::unistd::{Uid, User};
use std::{io, os::unix::fs::MetadataExt, path::Path};

/// An I/O error on the way to rtorrent and back, told to an operator: exit code 69.
pub(super) fn unreachable(address: &Address, timeouts: Timeouts, error: &io::Error) -> Error {
    use io::ErrorKind::*;
    let (cause, hint) = match (error.kind(), address) {
        (NotFound, Address::Unix(path)) if path.parent().is_some_and(Path::is_dir) => {
            ("there is no such socket".to_owned(), not_running("open_local", path))
        }
        (NotFound | NotADirectory, Address::Unix(path)) => {
            ("its directory is not there".to_owned(), not_running("open_local", path))
        }
        (ConnectionRefused, Address::Unix(path)) => (
            "nothing listens on it; rtorrent left the file behind when it ended".to_owned(),
            not_running("open_local", path),
        ),
        (ConnectionRefused, Address::Tcp(host)) => {
            ("nothing listens there".to_owned(), not_running("open_port", Path::new(host)))
        }
        (PermissionDenied, Address::Unix(path)) => {
            ("permission denied".to_owned(), not_allowed(path))
        }
        (TimedOut | WouldBlock, Address::Unix(_)) => (
            too_late(timeouts),
            "rtorrent is there but busy or stopped; look at its load and its log".to_owned(),
        ),
        (TimedOut | WouldBlock, Address::Tcp(_)) => (
            too_late(timeouts),
            "rtorrent is busy or stopped, or something on the way drops what is sent: a firewall, \
             or a name server that does not answer"
                .to_owned(),
        ),
        (NetworkUnreachable | HostUnreachable, Address::Tcp(_)) => (
            "no way leads there".to_owned(),
            "is the address right, is that machine up? `ip route get` tells the way".to_owned(),
        ),
        (BrokenPipe | ConnectionReset | WriteZero, _) => (
            "it closed the connection in the middle".to_owned(),
            "is it still running? A request over `network.xmlrpc.size_limit.set` is closed like this"
                .to_owned(),
        ),
        _ if error.raw_os_error() == Some(nix::libc::ENAMETOOLONG) => (
            "the path is longer than a Unix socket's 107 bytes".to_owned(),
            "give the socket a shorter path, in rtorrent's rc file and in `scgi`".to_owned(),
        ),
        (_, Address::Tcp(_)) => (
            unresolved(&Error::io("reach", "", error).cause),
            "does `scgi` name rtorrent's host and port? `getent hosts` tells what a name stands for"
                .to_owned(),
        ),
        (_, Address::Unix(_)) => (
            Error::io("reach", "", error).cause,
            "is rtorrent running, and does `scgi` name its socket?".to_owned(),
        ),
    };
    Error::new(Exit::Unreachable, "reach", format!("rtorrent at {address}"), cause).hint(hint)
}

fn too_late(timeouts: Timeouts) -> String {
    let [connect, idle, total] =
        [timeouts.connect, timeouts.idle, timeouts.total].map(|time| time.as_secs_f64());
    format!("no answer in time ({connect} s to connect, {idle} s without a byte, {total} s in all)")
}

/// Without the standard library's words before the resolver's own.
fn unresolved(cause: &str) -> String {
    match cause.split_once("failed to lookup address information: ") {
        Some((_, resolver)) => format!("its name has no address: {}", resolver.to_lowercase()),
        None => cause.to_owned(),
    }
}

fn not_running(command: &str, at: &Path) -> String {
    format!("is rtorrent running? Its rc file needs `network.scgi.{command} = {}`", plain(at))
}

/// The path as the rc file has it.
fn plain(at: &Path) -> String {
    quoted(at).trim_matches('`').to_owned()
}

/// Connecting needs the right to write to the socket and to pass its directories.
fn not_allowed(socket: &Path) -> String {
    let us = name(Uid::effective());
    // Where the socket cannot be looked at, the nearest directory that can be tells as much.
    let owner = socket.ancestors().find_map(|p| p.metadata().ok()).map(|m| m.uid());
    match owner.map(Uid::from_raw) {
        Some(owner) if owner != Uid::effective() => format!(
            "this is user {us}, the way to the socket belongs to {}: run seedship as the user that runs rtorrent",
            name(owner)
        ),
        _ => format!(
            "user {us} needs write permission on the socket and search permission on its directories"
        ),
    }
}

fn name(uid: Uid) -> String {
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    name.map_or_else(|| uid.to_string(), |name| format!("`{name}`"))
}

//! From HOST:PORT to addresses, within a time.
//!
//! The resolver of libc cannot be interrupted, and with name servers that do not answer it takes
//! most of a minute. So it works in a thread of its own; when that is too late it is left behind,
//! and ends with the process. An address that is written as one needs no resolver and no thread.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Every address of `host`, in the order in which they are to be tried; at least one.
///
/// # Errors
/// `TimedOut` after `within`; otherwise what the resolver says.
pub(super) fn addresses(host: &str, within: Duration) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let (tell, told) = mpsc::channel();
    let host = host.to_owned();
    thread::Builder::new().name("resolver".to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = tell.send(host.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    })?;
    let found = told.recv_timeout(within).map_err(|_| io::ErrorKind::TimedOut)??;
    match found.is_empty() {
        true => Err(io::Error::other("the name has no address")),
        false => Ok(found),
    }
}

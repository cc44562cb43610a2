//! One connection with a time for each step and a deadline for all of them.
//!
//! The kernel's time-outs are for a single `connect`, `read` or `write`; a peer that sends a byte
//! now and then would hold us for ever. So before each step what is left until the deadline is
//! set, where that is less. A Unix socket's `connect` blocks while the listener's queue is full and
//! the standard library cannot bound it: there SO_SNDTIMEO does (`unix(7)`, `socket(7)`).

use super::{Address, Timeouts, resolve};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// A connection to rtorrent, for one request.
pub(super) struct Connection {
    stream: Stream,
    idle: Duration,
    deadline: Deadline,
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// The moment at which the whole call has taken too long.
#[derive(Clone, Copy)]
struct Deadline(Instant);

impl Deadline {
    /// `step`, or what is left if that is less.
    fn within(self, step: Duration) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now()).min(step);
        // Zero would mean "no time-out" to the kernel.
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Connection {
    /// Connects; the deadline of the whole call runs from here.
    pub(super) fn open(address: &Address, timeouts: Timeouts) -> io::Result<Self> {
        let deadline = Deadline(Instant::now() + timeouts.total);
        let stream = match address {
            Address::Unix(path) => Stream::Unix(unix(path, deadline.within(timeouts.connect)?)?),
            Address::Tcp(host) => tcp(host, timeouts.connect, deadline)?,
        };
        Ok(Self { stream, idle: timeouts.idle, deadline })
    }

    /// Writes all of `bytes`.
    pub(super) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let left = Some(self.deadline.within(self.idle)?);
            let written = match &mut self.stream {
                Stream::Unix(s) => s.set_write_timeout(left).and_then(|()| s.write(bytes)),
                Stream::Tcp(s) => s.set_write_timeout(left).and_then(|()| s.write(bytes)),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Reads until the other side closes, or `most` bytes are there.
    pub(super) fn receive(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut reply = Vec::new();
        let mut chunk = vec![0; CHUNK];
        while reply.len() < most {
            let left = Some(self.deadline.within(self.idle)?);
            let space = CHUNK.min(most - reply.len());
            let into = &mut chunk[..space];
            let read = match &mut self.stream {
                Stream::Unix(s) => s.set_read_timeout(left).and_then(|()| s.read(into)),
                Stream::Tcp(s) => s.set_read_timeout(left).and_then(|()| s.read(into)),
            };
            match read {
                Ok(0) => break,
                Ok(count) => reply.extend(&chunk[..count]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(reply)
    }
}

pub(super) fn unix(path: &Path, within: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let socket: OwnedFd = net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(within))?;
    // On a Unix socket nothing remains of an interrupted connect: it can be repeated.
    rustix::io::retry_on_intr(|| net::connect(&socket, &address))?;
    Ok(socket.into())
}

fn tcp(host: &str, step: Duration, deadline: Deadline) -> io::Result<Stream> {
    let addresses = resolve::addresses(host, deadline.within(step)?)?;
    first_of(&addresses, step, deadline).map(Stream::Tcp)
}

/// A name may have several addresses (`localhost` often has two) and rtorrent listens on one: each
/// is tried, with the time of a step for itself, until one takes us or nothing is left in all.
fn first_of(addresses: &[SocketAddr], step: Duration, deadline: Deadline) -> io::Result<TcpStream> {
    let mut failed = io::ErrorKind::TimedOut.into();
    for address in addresses {
        let Ok(step) = deadline.within(step) else { break };
        match TcpStream::connect_timeout(address, step) {
            Ok(stream) => return Ok(stream),
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const STEP: Duration = Duration::from_millis(300);

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn the_next_address_is_tried_after_one_that_refuses_or_says_nothing() {
        let refusing = listener().1;
        // Full: the kernel drops what asks for one more connection.
        let (full, silent) = listener();
        net::listen(&full, 0).unwrap();
        let _taken: Vec<_> =
            std::iter::from_fn(|| TcpStream::connect_timeout(&silent, STEP).ok()).collect();
        let (_listener, there) = listener();
        let hour = Deadline(Instant::now() + Duration::from_secs(3600));
        let found = first_of(&[refusing, silent, there], STEP, hour).unwrap();
        assert_eq!(found.peer_addr().unwrap(), there);
        let kind = |addresses: &[SocketAddr], deadline| {
            first_of(addresses, STEP, deadline).unwrap_err().kind()
        };
        assert_eq!(kind(&[silent, refusing], hour), io::ErrorKind::ConnectionRefused);
        // Nothing is left for the one that would take us.
        let over = Deadline(Instant::now());
        assert_eq!(kind(&[there], over), io::ErrorKind::TimedOut);
    }
}

//! The door to rtorrent: XML-RPC over SCGI, one connection for each call.
//!
//! rtorrent listens on a Unix socket (`network.scgi.open_local`) or on TCP, reads one framed
//! request, answers, and closes. It is single-threaded and at times busy, a wrong frame makes it
//! wait for ever, and its answers are not always XML. So this door bounds what it waits for
//! ([`Timeouts`]) and what it takes in (32 MiB, 64 elements deep), and repairs an answer before
//! the `xmlrpc` crate parses it. Nothing is kept between two calls: a crash leaves nothing here.

mod answer;
mod connection;
mod frame;
mod listener;
mod refusal;
mod repair;
mod resolve;

pub use answer::{Answer, Failure, Fault};
pub use listener::Listener;
pub use xmlrpc::{Request, Value};

use crate::error::{Error, Exit, escaped, quoted};
use connection::Connection;
use std::{fmt, io, path::PathBuf, time::Duration};

/// The largest answer that is taken, headers included: 20,000 downloads need about 10 MiB.
const REPLY_MAX: usize = 32 << 20;

/// How much of an unreadable answer goes to the log.
const SHOWN: usize = 2048;

/// Where rtorrent listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// The path of a Unix socket, at most 107 bytes.
    Unix(PathBuf),
    /// `host:port`, an IPv6 address in brackets. All addresses of a name are tried.
    Tcp(String),
}

/// The address as an error names it: a path in back-quotes.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => f.write_str(&quoted(path)),
            Self::Tcp(host) => write!(f, "`{}`", escaped(host.as_bytes())),
        }
    }
}

/// How long one call may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Until rtorrent's socket takes the connection; for each address of a name, and for the name.
    pub connect: Duration,
    /// Without a byte moving, in either direction.
    pub idle: Duration,
    /// The whole call, however busily bytes move.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), idle: seconds(20), total: seconds(60) }
    }
}

/// rtorrent behind its socket.
#[derive(Clone, Debug)]
pub struct Scgi {
    address: Address,
    timeouts: Timeouts,
}

impl Scgi {
    /// Remembers where to call; connects only in [`call`](Self::call).
    pub fn new(address: Address, timeouts: Timeouts) -> Self {
        Self { address, timeouts }
    }

    /// Where it calls.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks one question.
    ///
    /// # Errors
    /// [`Failure::Fault`] if rtorrent refused it in its own words; [`Failure::Broken`] (exit code
    /// 69) if it could not be reached, did not answer in time, or not in XML-RPC.
    pub fn call(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let mut broken = None;
        let mut seen = Vec::new();
        let transport = Exchange { scgi: self, broken: &mut broken, seen: &mut seen };
        let error = match request.call(transport) {
            Ok(value) => return Ok(Answer::from(value)),
            Err(error) => error,
        };
        if let Some(broken) = broken {
            return Err(Failure::Broken(broken));
        }
        if let Some(fault) = error.fault() {
            return Err(Failure::Fault(Fault::from(fault)));
        }
        log::debug!("rtorrent at {} answered: {}", self.address, escaped(&seen));
        Err(Failure::Broken(self.unreadable("its answer is not XML-RPC")))
    }

    /// Sends the request, and gives the answer's body as the parser can take it.
    fn exchange(&self, request: &Request<'_>, seen: &mut Vec<u8>) -> Result<String, Error> {
        let mut body = Vec::new();
        request.write_as_xml(&mut body).map_err(|e| self.unreachable(&e))?;
        let reply = self.carry(&frame::request(&body)).map_err(|e| self.unreachable(&e))?;
        seen.extend(reply.iter().take(SHOWN));
        if reply.is_empty() {
            return Err(self.unreadable("it closed the connection without an answer").hint(
                "a request over `network.xmlrpc.size_limit.set` is closed like this; is it rtorrent that listens there?",
            ));
        }
        if reply.len() > REPLY_MAX {
            return Err(self.unreadable(&format!("its answer is over {} MiB", REPLY_MAX >> 20)));
        }
        let body = frame::body(&reply)
            .ok_or_else(|| self.unreadable("its answer ends before the headers do"))?;
        repair::repair(body).map_err(|unfit| self.unreadable(unfit.cause()))
    }

    /// One connection: connect, write, read to the end or just past the limit.
    fn carry(&self, frame: &[u8]) -> io::Result<Vec<u8>> {
        let mut connection = Connection::open(&self.address, self.timeouts)?;
        connection.send(frame)?;
        connection.receive(REPLY_MAX + 1)
    }

    fn unreachable(&self, cause: &io::Error) -> Error {
        refusal::unreachable(&self.address, self.timeouts, cause)
    }

    fn unreadable(&self, cause: &str) -> Error {
        Error::new(Exit::Unreachable, "ask", format!("rtorrent at {}", self.address), cause)
            .hint("does `scgi` name rtorrent's own socket? Its whole answer is logged at debug")
    }
}

/// One call on its way. The parser's own error type hides what a transport failed of, so that is
/// put aside here.
struct Exchange<'a> {
    scgi: &'a Scgi,
    broken: &'a mut Option<Error>,
    seen: &'a mut Vec<u8>,
}

impl xmlrpc::Transport for Exchange<'_> {
    type Stream = io::Cursor<String>;

    fn transmit(
        self,
        request: &Request<'_>,
    ) -> Result<Self::Stream, Box<dyn std::error::Error + Send + Sync>> {
        self.scgi.exchange(request, self.seen).map(io::Cursor::new).map_err(|error| {
            *self.broken = Some(error.clone());
            error.into()
        })
    }
}

#[cfg(test)]
mod tests;

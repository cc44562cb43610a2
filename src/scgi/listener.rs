//! Who listens on rtorrent's socket, by what the kernel remembers of it (`SO_PEERCRED`, `unix(7)`):
//! it tells also of a process that is stopped or busy and answers nothing.

use super::{Address, Scgi, connection};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// The process behind a Unix socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Its number; `None` if it cannot be seen from here (another PID namespace).
    pub pid: Option<u32>,
    /// The user that it ran as when it began to listen.
    pub uid: u32,
}

impl Scgi {
    /// Who listens; `None` over TCP, or if there is nobody to connect to. A connection is made, and
    /// nothing is asked.
    pub fn listener(&self) -> Option<Listener> {
        let Address::Unix(path) = &self.address else { return None };
        let stream = connection::unix(path, self.timeouts.connect).ok()?;
        let peer = getsockopt(&stream, PeerCredentials).ok()?;
        let pid = u32::try_from(peer.pid()).ok().filter(|pid| *pid != 0);
        Some(Listener { pid, uid: peer.uid() })
    }
}

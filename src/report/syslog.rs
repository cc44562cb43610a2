//! The way to the local syslog daemon: the `syslog` crate's format over a socket of our own.
//!
//! The crate's own sockets have no time-out, and a daemon that stopped reading would hold a
//! deploy for ever after some eleven messages. Here it holds the whole process for [`PATIENCE`]
//! once: after that, messages are sent only if they can be without waiting, and are lost
//! otherwise. There is no way to a remote daemon, so nothing falls back to UDP.

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::{
    io::{self, ErrorKind, Write},
    os::unix::net::{UnixDatagram, UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};
use syslog::{Facility, Formatter3164, LogFormat};

/// How long the log may hold up the process, in all.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// The longest message in bytes, its header included: what rsyslog takes by default
/// (`maxMessageSize` 8k, which it counts as 8096), and far below what a Unix datagram may hold. What
/// is longer it would cut itself, without a mark, and maybe in the middle of a character.
const LONGEST: usize = 8096;

/// A connection to the daemon behind a Unix socket such as `/dev/log`.
pub(super) struct Syslog {
    path: PathBuf,
    format: Formatter3164,
    socket: Socket,
    /// It was too slow once: never wait for it again.
    stuck: bool,
}

enum Socket {
    /// `/dev/log` of journald, rsyslog, busybox: one datagram is one message.
    Datagram(UnixDatagram),
    /// Some daemons listen on a stream: a message ends with NUL.
    Stream(UnixStream),
    /// The connection broke; the next message opens it again.
    Broken,
}

impl Syslog {
    /// Connects; an error if nobody listens there.
    pub(super) fn connect(path: &Path, facility: Facility) -> io::Result<Self> {
        let pid = std::process::id();
        // The daemon knows its own host's name.
        let format = Formatter3164 { facility, hostname: None, process: "seedship".into(), pid };
        let socket = Socket::connect(path, false)?;
        Ok(Self { path: path.to_owned(), format, socket, stuck: false })
    }

    /// Sends one message, over a new connection if the old one broke. What cannot be sent in
    /// time is lost; only the first that is waits for it.
    pub(super) fn send(&mut self, level: log::Level, text: &str) -> io::Result<()> {
        let message = self.message(level, text);
        let mut sent = self.socket.send(&message);
        if sent.as_ref().is_err_and(|e| !is_timeout(e)) {
            sent = Socket::connect(&self.path, self.stuck).and_then(|socket| {
                self.socket = socket;
                self.socket.send(&message)
            });
        }
        if sent.as_ref().is_err_and(is_timeout) && !self.stuck {
            self.stuck = true;
            self.socket.never_wait();
        }
        sent
    }

    fn message(&self, level: log::Level, text: &str) -> Vec<u8> {
        let mut message = Vec::with_capacity(text.len() + 64);
        let format = &self.format;
        let written = match level {
            log::Level::Error => format.format(&mut message, syslog::Severity::LOG_ERR, text),
            log::Level::Warn => format.format(&mut message, syslog::Severity::LOG_WARNING, text),
            log::Level::Info => format.format(&mut message, syslog::Severity::LOG_INFO, text),
            _ => format.format(&mut message, syslog::Severity::LOG_DEBUG, text),
        };
        // Memory takes every write.
        debug_assert!(written.is_ok());
        cut(&mut message, LONGEST);
        message
    }
}

impl Socket {
    /// Waits for a daemon that is slow to take a connection, unless it was `stuck` before.
    fn connect(path: &Path, stuck: bool) -> io::Result<Self> {
        let datagram = UnixDatagram::unbound()?;
        datagram.set_write_timeout(Some(PATIENCE))?;
        datagram.set_nonblocking(stuck)?;
        match datagram.connect(path) {
            Ok(()) => Ok(Self::Datagram(datagram)),
            Err(e) if e.raw_os_error() == Some(nix::libc::EPROTOTYPE) => {
                Ok(Self::Stream(connect_stream(path, stuck)?))
            }
            Err(e) => Err(e),
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let sent = match self {
            Self::Datagram(socket) => socket.send(message).map(drop),
            Self::Stream(socket) => socket.write_all(&[message, b"\0"].concat()),
            Self::Broken => Err(ErrorKind::NotConnected.into()),
        };
        // Half a message may be in a stream by now: the next one needs a new connection.
        if sent.is_err() && matches!(self, Self::Stream(_)) {
            *self = Self::Broken;
        }
        sent
    }

    fn never_wait(&mut self) {
        let done = match self {
            Self::Datagram(socket) => socket.set_nonblocking(true),
            Self::Stream(socket) => socket.set_nonblocking(true),
            Self::Broken => Ok(()),
        };
        if done.is_err() {
            *self = Self::Broken;
        }
    }
}

/// A stream socket whose connecting is bounded too: the time-out must be set before.
fn connect_stream(path: &Path, stuck: bool) -> io::Result<UnixStream> {
    let wait = if stuck { SocketFlags::NONBLOCK } else { SocketFlags::empty() };
    let flags = SocketFlags::CLOEXEC | wait;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Shortens to `longest` bytes at most, between two characters, marked by `…`.
fn cut(message: &mut Vec<u8>, longest: usize) {
    const MARK: &str = "…";
    if message.len() <= longest {
        return;
    }
    let mut end = longest - MARK.len();
    while end > 0 && message[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    message.truncate(end);
    message.extend_from_slice(MARK.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;
    use std::{
        io::{BufRead, BufReader},
        os::unix::net::UnixListener,
        time::Instant,
    };

    fn at(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("log")
    }

    fn receive(daemon: &UnixDatagram) -> String {
        daemon.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut buffer = [0; 16 * 1024];
        let length = daemon.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_message_is_rfc_3164() {
        let dir = tempfile::tempdir().unwrap();
        let daemon = UnixDatagram::bind(at(&dir)).unwrap();
        let mut syslog = Syslog::connect(&at(&dir), Facility::LOG_DAEMON).unwrap();
        for (level, priority) in
            [(Level::Error, 27), (Level::Warn, 28), (Level::Info, 30), (Level::Debug, 31)]
        {
            syslog.send(level, "shop 1.4.2 is live app=shop").unwrap();
            let got = receive(&daemon);
            // <PRI>Mmm dd hh:mm:ss TAG[PID]: MESSAGE
            assert!(got.starts_with(&format!("<{priority}>")), "{got}");
            let after_time = got.split_once('>').unwrap().1.split_at(16).1;
            let tag = format!("seedship[{}]: ", std::process::id());
            assert_eq!(after_time, format!("{tag}shop 1.4.2 is live app=shop"));
        }
    }

    #[test]
    fn a_daemon_that_was_restarted_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let daemon = UnixDatagram::bind(at(&dir)).unwrap();
        let mut syslog = Syslog::connect(&at(&dir), Facility::LOG_DAEMON).unwrap();
        drop(daemon);
        std::fs::remove_file(at(&dir)).unwrap();
        assert!(syslog.send(Level::Info, "nobody hears this").is_err());
        let daemon = UnixDatagram::bind(at(&dir)).unwrap();
        syslog.send(Level::Info, "back again").unwrap();
        assert!(receive(&daemon).ends_with("back again"));
    }

    /// Sends a thousand messages to a daemon that takes none; how many were lost.
    fn lost(syslog: &mut Syslog) -> usize {
        let text = "x".repeat(4000);
        let begun = Instant::now();
        let lost = (0..1000).filter(|_| syslog.send(Level::Info, &text).is_err()).count();
        let took = begun.elapsed();
        assert!(took >= PATIENCE && took < 4 * PATIENCE, "{took:?}");
        lost
    }

    #[test]
    fn a_stuck_daemon_costs_one_time_out() {
        let dir = tempfile::tempdir().unwrap();
        let daemon = UnixDatagram::bind(at(&dir)).unwrap();
        let mut syslog = Syslog::connect(&at(&dir), Facility::LOG_DAEMON).unwrap();
        assert!(lost(&mut syslog) > 100);
        // It reads again: so messages arrive again.
        while !receive(&daemon).contains("back again") {
            syslog.send(Level::Info, "back again").unwrap();
        }
    }

    #[test]
    fn a_stuck_stream_costs_one_time_out() {
        let dir = tempfile::tempdir().unwrap();
        let _daemon = never_accepts(&at(&dir));
        let mut syslog = Syslog::connect(&at(&dir), Facility::LOG_DAEMON).unwrap();
        assert!(lost(&mut syslog) > 100);
        // Nor does a program that starts now wait for it longer than once.
        assert!(Syslog::connect(&at(&dir), Facility::LOG_DAEMON).is_err_and(|e| is_timeout(&e)));
    }

    /// A listening socket whose queue holds two connections.
    fn never_accepts(path: &Path) -> std::os::fd::OwnedFd {
        let daemon = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&daemon, &SocketAddrUnix::new(path).unwrap()).unwrap();
        rustix::net::listen(&daemon, 1).unwrap();
        daemon
    }

    #[test]
    fn a_stream_gets_messages_that_end_with_nul() {
        let dir = tempfile::tempdir().unwrap();
        let daemon = UnixListener::bind(at(&dir)).unwrap();
        let mut syslog = Syslog::connect(&at(&dir), Facility::LOG_LOCAL0).unwrap();
        let mut reader = BufReader::new(daemon.accept().unwrap().0);
        for text in ["one", "two"] {
            syslog.send(Level::Info, text).unwrap();
            let mut message = Vec::new();
            reader.read_until(0, &mut message).unwrap();
            let message = String::from_utf8(message).unwrap();
            assert!(message.starts_with("<134>"), "{message}");
            assert!(message.ends_with(&format!("{text}\0")), "{message}");
        }
    }

    #[test]
    fn an_absent_daemon_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let error = Syslog::connect(&at(&dir), Facility::LOG_DAEMON).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut message = "aéé".as_bytes().to_vec();
        cut(&mut message, 5);
        assert_eq!(message, "aéé".as_bytes());
        let mut message = "aéééé".as_bytes().to_vec();
        cut(&mut message, 7);
        assert_eq!(message, "aé…".as_bytes());
        let dir = tempfile::tempdir().unwrap();
        let daemon = UnixDatagram::bind(at(&dir)).unwrap();
        let mut syslog = Syslog::connect(&at(&dir), Facility::LOG_DAEMON).unwrap();
        syslog.send(Level::Info, &"é".repeat(LONGEST)).unwrap();
        assert!(receive(&daemon).ends_with("é…"));
    }

    /// rsyslogd on a socket of its own, or `None` where it is not installed.
    fn rsyslogd(dir: &Path) -> Option<std::process::Child> {
        let line = "%syslogfacility-text%.%syslogseverity-text% %programname%:%msg%\\n";
        let config = format!(
            "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{0}/log\")\n\
             template(name=\"line\" type=\"string\" string=\"{line}\")\n\
             action(type=\"omfile\" file=\"{0}/out\" template=\"line\")\n",
            dir.display()
        );
        std::fs::write(dir.join("rsyslog.conf"), config).unwrap();
        let mut command = std::process::Command::new("rsyslogd");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg("-n");
        command.arg("-f").arg(dir.join("rsyslog.conf")).arg("-i").arg(dir.join("pid"));
        command.spawn().ok()
    }

    #[test]
    fn rsyslog_understands_it() {
        let dir = tempfile::tempdir().unwrap();
        let Some(mut daemon) = rsyslogd(dir.path()) else {
            println!("skipped: rsyslogd is not installed");
            return;
        };
        let until = Instant::now() + Duration::from_secs(20);
        let mut syslog = loop {
            match Syslog::connect(&at(&dir), Facility::LOG_LOCAL3) {
                Ok(syslog) => break syslog,
                Err(e) if Instant::now() > until => panic!("rsyslogd did not start: {e}"),
                Err(_) => std::thread::yield_now(),
            }
        };
        syslog.send(Level::Warn, "shop 1.4.2 is live app=shop").unwrap();
        let written = loop {
            let text = std::fs::read_to_string(dir.path().join("out")).unwrap_or_default();
            match text.lines().find(|line| line.contains("seedship")) {
                Some(line) => break line.to_owned(),
                None if Instant::now() > until => panic!("rsyslogd wrote {text:?}"),
                None => std::thread::yield_now(),
            }
        };
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        assert_eq!(written, "local3.warning seedship: shop 1.4.2 is live app=shop");
    }
}

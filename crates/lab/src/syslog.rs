//! A syslog socket of its own, and what programs say to it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use std::{fs, thread};

use crate::error::{During, Error, Result};

/// One message, without the header that syslog puts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The severity (RFC 5424 §6.2.1): 3 error, 4 warning, 6 informational, 7 debug.
    pub severity: u8,
    /// What was said.
    pub text: String,
}

/// A listening socket. It ends with the process.
#[derive(Debug)]
pub struct Listener {
    path: PathBuf,
    taken: Arc<Mutex<Vec<Message>>>,
    marks: mpsc::Receiver<()>,
}

/// Sent by the reader itself: everything before it has been taken in.
const MARK: &[u8] = b"lab: mark";

impl Listener {
    /// Listens at a path; whoever a program runs as may log there.
    pub fn bind(path: &Path) -> Result<Self> {
        let socket = UnixDatagram::bind(path).during(format!("listen at {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).during("open the log")?;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (marked, marks) = mpsc::channel();
        let messages = Arc::clone(&taken);
        let read = move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(size) = socket.recv(&mut buffer) {
                match &buffer[..size] {
                    MARK if marked.send(()).is_err() => return,
                    MARK => {}
                    line => {
                        let Ok(mut messages) = messages.lock() else { return };
                        messages.push(parse(&String::from_utf8_lossy(line)));
                    }
                }
            }
        };
        thread::Builder::new().name("syslog".into()).spawn(read).during("listen to the log")?;
        Ok(Self { path: path.to_owned(), taken, marks })
    }

    /// Every message that was sent before this call.
    pub fn messages(&self) -> Result<Vec<Message>> {
        let sender = UnixDatagram::unbound().during("mark the log")?;
        sender.send_to(MARK, &self.path).during("mark the log")?;
        let marked = self.marks.recv_timeout(Duration::from_secs(10));
        marked.map_err(|_| Error::new("the log's reader has ended"))?;
        let taken = self.taken.lock().map_err(|_| Error::new("the log's reader has ended"))?;
        Ok(taken.clone())
    }
}

/// `<PRI>Mmm dd hh:mm:ss TAG[PID]: TEXT` (RFC 3164).
fn parse(line: &str) -> Message {
    let (priority, rest) =
        line.strip_prefix('<').and_then(|l| l.split_once('>')).unwrap_or_default();
    let text = rest.split_once("]: ").map_or(line, |(_, text)| text);
    Message { severity: priority.parse::<u8>().unwrap_or(0) & 7, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let listener = Listener::bind(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"<27>Nov  1 12:00:00 tag[1]: could not: [x]: y exit=65", &path).unwrap();
        sender.send_to(b"<31>Nov  1 12:00:00 tag[1]: a trifle", &path).unwrap();
        let expected = [(3, "could not: [x]: y exit=65"), (7, "a trifle")];
        let expected = expected.map(|(severity, text)| Message { severity, text: text.to_owned() });
        assert_eq!(listener.messages().unwrap(), expected);
    }
}

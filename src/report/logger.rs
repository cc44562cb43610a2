//! What stands behind the `log` facade: syslog, and stderr where somebody reads it.

use super::{line::UNSEEN, syslog::Syslog};
use crate::error::{Error, one_line};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use syslog::Facility;

/// Starts logging for the rest of the process: to the daemon behind `socket`, and to stderr when
/// that is a terminal or when there is no daemon, which is said once. Never fails: a deploy goes
/// on without its log. A second call does nothing.
pub fn start(socket: &Path, facility: Facility, level: LevelFilter) {
    let terminal = io::stderr().is_terminal();
    let sinks = Sinks::open(socket, facility, terminal, Box::new(io::stderr()));
    if log::set_boxed_logger(Box::new(Logger { level, sinks: Mutex::new(sinks) })).is_ok() {
        log::set_max_level(level);
    }
}

struct Logger {
    level: LevelFilter,
    sinks: Mutex<Sinks>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // A thread that panicked while it held the lock left nothing half done in it.
            let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
            sinks.tell(record.level(), record.target(), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

struct Sinks {
    socket: PathBuf,
    syslog: Option<Syslog>,
    /// stderr is a terminal.
    terminal: bool,
    /// stderr.
    console: Box<dyn Write + Send>,
    /// It was said that syslog fails.
    complained: bool,
}

impl Sinks {
    fn open(
        socket: &Path,
        facility: Facility,
        terminal: bool,
        console: Box<dyn Write + Send>,
    ) -> Self {
        let socket = socket.to_owned();
        let mut sinks = Self { socket, syslog: None, terminal, console, complained: false };
        match Syslog::connect(&sinks.socket, facility) {
            Ok(syslog) => sinks.syslog = Some(syslog),
            Err(cause) => sinks.complain(&cause),
        }
        sinks
    }

    /// Whatever the text, it is one line by now.
    fn tell(&mut self, level: Level, target: &str, text: &str) {
        let text = one_line(text);
        let sent = match &mut self.syslog {
            Some(syslog) => syslog.send(level, &text),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        if let Err(cause) = &sent {
            self.complain(cause);
        }
        // What nobody could read in syslog is read here, unless it is told there anyway.
        if (self.terminal || sent.is_err()) && target != UNSEEN {
            self.print(level, &text);
        }
    }

    fn complain(&mut self, cause: &io::Error) {
        if !std::mem::replace(&mut self.complained, true) {
            let error = Error::io("log to", &self.socket, cause);
            self.print(Level::Warn, &format!("{error}; going on without"));
        }
    }

    /// If stderr cannot be written either, there is nobody left to tell.
    fn print(&mut self, level: Level, text: &str) {
        let label = match level {
            Level::Error | Level::Info => "",
            Level::Warn => "warning: ",
            Level::Debug | Level::Trace => "debug: ",
        };
        let _ = writeln!(self.console, "seedship: {label}{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        os::unix::net::UnixDatagram,
        sync::{Arc, mpsc},
    };

    /// A stderr that can be read.
    #[derive(Clone, Default)]
    struct Console(Arc<Mutex<Vec<u8>>>);

    impl Write for Console {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Console {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn logger(socket: &Path, terminal: bool) -> (Logger, Console) {
        let console = Console::default();
        let sinks = Sinks::open(socket, Facility::LOG_DAEMON, terminal, Box::new(console.clone()));
        (Logger { level: LevelFilter::Info, sinks: Mutex::new(sinks) }, console)
    }

    fn tell(logger: &Logger, level: Level, target: &str, text: &str) {
        let args = format_args!("{text}");
        logger.log(&Record::builder().level(level).target(target).args(args).build());
    }

    /// A daemon that passes on what it hears.
    fn daemon(socket: &Path) -> mpsc::Receiver<String> {
        let (told, heard) = mpsc::channel();
        let socket = UnixDatagram::bind(socket).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
                if told.send(text.split_once("]: ").unwrap().1.to_owned()).is_err() {
                    break;
                }
            }
        });
        heard
    }

    #[test]
    fn syslog_hears_all_and_stderr_nothing_but_on_a_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let heard = daemon(&dir.path().join("log"));
        let (hidden, console) = logger(&dir.path().join("log"), false);
        tell(&hidden, Level::Info, "seedship", "one");
        tell(&hidden, Level::Debug, "seedship", "below the level");
        tell(&hidden, Level::Warn, "seedship", "two\n<0>forged \\x0A \u{1b}[31m");
        assert_eq!(heard.recv().unwrap(), "one");
        assert_eq!(heard.recv().unwrap(), "two\\x0A<0>forged \\x0A \\x1B[31m");
        assert_eq!(console.text(), "");

        let (shown, console) = logger(&dir.path().join("log"), true);
        tell(&shown, Level::Info, "seedship", "three");
        tell(&shown, Level::Error, UNSEEN, "told in another way");
        tell(&shown, Level::Warn, "seedship", "four\nlines");
        assert_eq!(heard.iter().take(3).collect::<Vec<_>>().len(), 3);
        assert_eq!(console.text(), "seedship: three\nseedship: warning: four\\x0Alines\n");
    }

    #[test]
    fn without_syslog_it_goes_on_and_says_so_once() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("log");
        let (logger, console) = logger(&socket, false);
        tell(&logger, Level::Info, "seedship", "one");
        tell(&logger, Level::Error, UNSEEN, "told in another way");
        tell(&logger, Level::Info, "seedship", "two");
        let complaint = format!(
            "seedship: warning: could not log to `{}`: no such file or directory; going on without",
            socket.display()
        );
        assert_eq!(console.text(), format!("{complaint}\nseedship: one\nseedship: two\n"));
    }
}

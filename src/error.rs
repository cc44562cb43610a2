//! What went wrong: verb, thing, cause, hint; the exit code; and what becomes of the record.
//!
//! Every failure a user can meet is an [`Error`]. It prints as one sentence that says what could
//! not be done, to which thing, and why; `hint` is the one thing to do about it, on its own line
//! on a terminal and after the sentence in syslog.

use std::{borrow::Cow, fmt, io, path::Path};

/// Writes down the exit codes once: the type, all of its values, and what each means in help, manual
/// pages and documents.
macro_rules! exits {
    ($($name:ident = $code:literal, $meaning:literal;)+) => {
        /// The process's exit code, after `sysexits.h`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
        #[serde(into = "u8")]
        #[repr(u8)]
        pub enum Exit {
            $(#[doc = $meaning] $name = $code,)+
        }

        impl Exit {
            /// All of them, by their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What it says, whatever the command.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }
        }
    };
}

exits! {
    Done = 0, "done, or nothing to do";
    Usage = 64, "the command line is wrong";
    Payload = 65, "payload, archive or a limit: the same bytes will fail again";
    NotFound = 66, "not found: info hash, app, version, nothing to roll back to";
    Unreachable = 69, "rtorrent, or a host, cannot be reached";
    Bug = 70, "a bug in seedship";
    NotOurs = 73, "cannot create, or `current` was not made by seedship";
    Io = 74, "input or output failed, or the disk is full";
    Again = 75, "try again: locked, incomplete, damaged";
    Permission = 77, "a permission, or a signature that is missing or wrong";
    Config = 78, "the configuration is wrong";
    Unhealthy = 79, "a command of the app failed: prepare, activated or check";
}

impl Exit {
    /// The number the process exits with.
    pub const fn code(self) -> u8 {
        self as u8
    }
    /// The meaning of a number that a record holds; `None` if no version of ours wrote it.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|exit| exit.code() == code)
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}

/// What the record of the info hash becomes after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lasts {
    /// `refused`: the same bytes and configuration always fail.
    Final,
    /// `waiting`: the machine, an operator or a peer can cure it; tried again with back-off.
    Passing,
    /// The same, and the download itself is at fault: rtorrent is made to fetch again what is wrong.
    Damaged,
    /// The same, and it is written down that rtorrent is made to do so.
    Healing,
    /// No record: neither the app nor the hash is proven.
    Unrecorded,
    /// The record and the history have it from an earlier try.
    Known,
}

/// One failure, told to a person.
#[derive(Debug, Clone, thiserror::Error)]
#[error("could not {verb} {thing}: {cause}")]
pub struct Error {
    /// The exit code.
    pub exit: Exit,
    /// What was being done: "read", "switch", "unpack".
    pub verb: Cow<'static, str>,
    /// To what: a path in back-quotes, a name, an info hash. Already escaped for a log.
    pub thing: String,
    /// Why it failed.
    pub cause: String,
    /// What an operator can do, if anything.
    pub hint: Option<String>,
    /// What becomes of the record.
    pub lasts: Lasts,
}

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with the [`Lasts`] that its exit code usually means: payload errors and bad
    /// signatures are final, what is not found and usage are unrecorded, the rest passes.
    pub fn new(
        exit: Exit,
        verb: &'static str,
        thing: impl fmt::Display,
        cause: impl fmt::Display,
    ) -> Self {
        let lasts = match exit {
            Exit::Payload => Lasts::Final,
            Exit::NotFound | Exit::Usage | Exit::Bug | Exit::Done => Lasts::Unrecorded,
            _ => Lasts::Passing,
        };
        let (thing, cause) = (thing.to_string(), cause.to_string());
        Self { exit, verb: verb.into(), thing, cause, hint: None, lasts }
    }

    /// An I/O error on a path: no permission and read-only are 77, everything else 74.
    pub fn io(verb: &'static str, path: impl AsRef<Path>, cause: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let (exit, hint) = match cause.kind() {
            Kind::PermissionDenied => (
                Exit::Permission,
                Some("compare owners and modes on the way there (`namei -l`) with who runs this"),
            ),
            // Seen far more often from within a unit than after an error of a disk.
            Kind::ReadOnlyFilesystem => (
                Exit::Permission,
                Some(
                    "mount it writable again; in a systemd unit, ReadWritePaths= opens the app's \
                     root, as a whole",
                ),
            ),
            Kind::StorageFull | Kind::QuotaExceeded => {
                (Exit::Io, Some("free bytes or inodes there: `df -h` and `df -i` say which"))
            }
            _ => (Exit::Io, None),
        };
        let hint = hint.map(str::to_owned);
        Self { hint, ..Self::new(exit, verb, quoted(path), plain(cause)) }
    }

    /// Adds what an operator can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The same bytes and configuration will always fail.
    #[must_use]
    pub fn finally(mut self) -> Self {
        self.lasts = Lasts::Final;
        self
    }

    /// Neither the app nor the hash is proven: nothing is recorded.
    #[must_use]
    pub fn unrecorded(mut self) -> Self {
        self.lasts = Lasts::Unrecorded;
        self
    }

    /// It was written down before.
    #[must_use]
    pub fn known(mut self) -> Self {
        self.lasts = Lasts::Known;
        self
    }

    /// Bytes of the download are wrong or missing: a peer can cure it.
    #[must_use]
    pub fn damaged(mut self) -> Self {
        self.lasts = Lasts::Damaged;
        self
    }

    /// The download is being healed from now on.
    #[must_use]
    pub fn healing(mut self) -> Self {
        self.lasts = Lasts::Healing;
        self
    }

    /// Somebody else is at work there: nothing is wrong, and nothing is written down.
    pub fn is_busy(&self) -> bool {
        self.exit == Exit::Again && self.lasts == Lasts::Unrecorded
    }

    /// The machine or a peer can cure it.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.lasts = Lasts::Passing;
        self
    }
}

/// A path in back-quotes, safe to print: see [`escaped`].
pub fn quoted(path: impl AsRef<Path>) -> String {
    use std::os::unix::ffi::OsStrExt;
    format!("`{}`", escaped(path.as_ref().as_os_str().as_bytes()))
}

/// A path as it is typed in a shell, in quotes where it needs them: for hints that will be pasted.
pub fn typed(path: impl AsRef<Path>) -> String {
    let path = path.as_ref().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    match !path.is_empty() && path.chars().all(is_plain) {
        true => path.into_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

/// Bytes as one line of printable text: what is not UTF-8, a control character, or could turn
/// text around on a terminal becomes `\xNN`, a backslash is doubled, so that nothing can forge a
/// log line and the original can be recovered.
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let hex = |out: &mut String, bytes: &[u8]| {
        bytes.iter().for_each(|b| out.push_str(&format!("\\x{b:02X}")));
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if c.is_control() || turns_text(c) => {
                    hex(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                c => out.push(c),
            }
        }
        hex(&mut out, chunk.invalid());
    }
    out
}

/// Text that may have been escaped already, as one line: like [`escaped`], but a backslash stays as
/// it is. For the last step before a log or a table, where doubling it again would only blur.
pub fn one_line(text: &str) -> String {
    text.split('\\').map(|part| escaped(part.as_bytes())).collect::<Vec<_>>().join("\\")
}

/// Characters that print nothing but change how others print (bidirectional controls, separators).
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The operating system's own words, without Rust's "(os error N)".
fn plain(cause: &io::Error) -> String {
    let text = cause.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// Gives an I/O result its verb and path.
pub trait Context<T> {
    /// Turns an [`io::Error`] into an [`Error`] that names `path`.
    fn on(self, verb: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn on(self, verb: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| Error::io(verb, path, &e))
    }
}

impl<T> Context<T> for nix::Result<T> {
    fn on(self, verb: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| Error::io(verb, path, &e.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_is_one_printable_line() {
        assert_eq!(escaped(b"a\nb\\c\xff\x1b[31m"), "a\\x0Ab\\\\c\\xFF\\x1B[31m");
        assert_eq!(escaped("é \u{202e}".as_bytes()), "é \\xE2\\x80\\xAE");
    }

    #[test]
    fn a_path_is_typed_as_a_shell_reads_it() {
        assert_eq!(typed("/srv/www/shop-1.0_a"), "/srv/www/shop-1.0_a");
        for path in ["/a b", "", "/it's", "$(id)", "-n; `id`", "\"x\" \\ ~ é *"] {
            let script = format!("printf %s {}", typed(path));
            let read = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(read.stdout).unwrap(), path, "{script}");
        }
    }

    #[test]
    fn one_line_adds_nothing_to_what_is_escaped() {
        let text = escaped(b"a\nb\\c\xff\x1b[31m");
        assert_eq!(one_line(&text), text);
        assert_eq!(one_line("a\n\\\u{202e}"), "a\\x0A\\\\xE2\\x80\\xAE");
    }

    #[test]
    fn an_error_is_a_sentence_without_rust_in_it() {
        let e = Error::io("read", "/a/b", &io::Error::from_raw_os_error(13));
        assert_eq!(e.to_string(), "could not read `/a/b`: permission denied");
        assert_eq!(e.exit, Exit::Permission);
    }

    #[test]
    fn codes_come_back() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 64, 65, 66, 69, 70, 73, 74, 75, 77, 78, 79]);
        for code in codes {
            assert_eq!(Exit::from_code(code).map(Exit::code), Some(code));
        }
        assert_eq!(Exit::from_code(1), None);
    }
}

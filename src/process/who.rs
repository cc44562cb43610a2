//! Which process it was: enough to know it again after its number was given to another.
//!
//! The line is advisory. A lock is held by whoever holds it in the kernel; the line only says whom
//! to name in a message and whose children may still run after a kill. So a line that is torn or
//! was written by another version is nobody, never an error.

use super::group::Group;
use crate::error::{Context, Error, Exit, Result, escaped};
use metainfo::InfoHash;
use std::{fmt, fs};

/// A process, as the line of a lock tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since boot: field 22 of `/proc/PID/stat`, proc(5).
    pub start: u64,
    /// The process group of what it runs: its own, if it leads one, or that of a command; none if
    /// a script started it in the script's.
    pub group: Option<Group>,
    /// The boot it ran in (`/proc/sys/kernel/random/boot_id`): numbers and ticks begin again.
    pub boot: String,
    /// What it does: `finished`, `sweep`, `prune shop`.
    pub command: String,
    /// The download it is busy with, if it is one.
    pub hash: Option<InfoHash>,
}

impl Who {
    /// The calling process.
    pub fn me(command: &str, hash: Option<InfoHash>) -> Result<Self> {
        let pid = std::process::id();
        let stat = Stat::of(pid).ok_or_else(|| {
            Error::new(
                Exit::Io,
                "read",
                "`/proc/self/stat`",
                "it is missing or not as proc(5) says",
            )
            .hint("mount /proc")
        })?;
        let start = stat.start;
        let group = (stat.group == pid).then_some(Group { leader: pid, start });
        Ok(Self { pid, start, group, boot: boot()?, command: command.to_owned(), hash })
    }

    /// It still runs: its number is that of a process that started when it did, in this boot, and
    /// that is no zombie (rtorrent 0.16 never waits for its children).
    pub fn is_alive(&self) -> bool {
        self.is_of_this_boot() && is_running(self.pid, self.start)
    }

    pub(super) fn is_of_this_boot(&self) -> bool {
        boot().is_ok_and(|boot| boot == self.boot)
    }

    /// Reads what [`Display`](fmt::Display) wrote, with or without the newline after it; `None`
    /// for anything else.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_suffix('\n').unwrap_or(line).split(' ');
        let mut next = |key| fields.next()?.strip_prefix(key)?.strip_prefix('=');
        let who = Self {
            pid: next("pid")?.parse().ok()?,
            start: next("start")?.parse().ok()?,
            group: match next("group")? {
                "-" => None,
                group => Some(Group::parse(group)?),
            },
            boot: unescaped(next("boot")?)?,
            command: unescaped(next("command")?)?,
            hash: match next("hash")? {
                "-" => None,
                hex => Some(InfoHash::parse(hex)?),
            },
        };
        fields.next().is_none().then_some(who)
    }
}

/// One line without its newline: `pid=1 start=2 group=1/2 boot=… command=finished hash=…`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, start, group, boot, command, hash } = self;
        let (boot, command) = (spaceless(boot), spaceless(command));
        write!(f, "pid={pid} start={start} group=")?;
        match group {
            Some(group) => group.fmt(f)?,
            None => f.write_str("-")?,
        }
        write!(f, " boot={boot} command={command} hash=")?;
        match hash {
            Some(hash) => hash.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// A process with that number and start time (clock ticks since boot) runs and is no zombie.
pub fn is_running(pid: u32, start: u64) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.start == start && stat.runs())
}

/// Text in one word, to be read back by [`unescaped`].
fn spaceless(text: &str) -> String {
    escaped(text.as_bytes()).replace(' ', "\\x20")
}

/// The text that [`spaceless`] wrote; `None` for what it never writes.
fn unescaped(word: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digit = |d: &u8| char::from(*d).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
                after
            }
            (b'\\', _) => return None,
            (plain, after) => {
                bytes.push(*plain);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

fn boot() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(fs::read_to_string(path).on("read", path)?.trim_end().to_owned())
}

/// What `/proc/PID/stat` says of a process, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stat {
    /// Field 3.
    pub(super) state: u8,
    /// Field 4.
    pub(super) parent: u32,
    /// Field 5.
    pub(super) group: u32,
    /// Field 22, in clock ticks since boot.
    pub(super) start: u64,
}

impl Stat {
    /// `None` if there is no such process, or it cannot be read.
    pub(super) fn of(pid: u32) -> Option<Self> {
        // The name may hold any byte, so this is no UTF-8.
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Neither a zombie nor dead already.
    pub(super) fn runs(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Field 2 is the program's name in parentheses, and may hold spaces, parentheses and
    /// newlines of its own: counting begins after the last `)`.
    fn parse(stat: &[u8]) -> Option<Self> {
        let name_ends = stat.iter().rposition(|b| *b == b')')?;
        let rest = std::str::from_utf8(&stat[name_ends + 1..]).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            state: *fields.first()?.as_bytes().first()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::{Command, Stdio};

    fn of(child: &std::process::Child) -> Who {
        let stat = Stat::of(child.id()).unwrap();
        let mut who = Who::me("finished", None).unwrap();
        (who.pid, who.start) = (child.id(), stat.start);
        who
    }

    #[test]
    fn i_am_alive_and_another_start_or_boot_is_not_me() {
        let me = Who::me("finished", Some(InfoHash::new([7; 20]))).unwrap();
        assert!(me.is_alive());
        assert!(!Who { start: me.start + 1, ..me.clone() }.is_alive());
        assert!(!Who { boot: "another".into(), ..me }.is_alive());
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let who = of(&child);
        assert!(who.is_alive());
        child.kill().unwrap();
        // Not waited for, so that it stays a zombie with its number and its start time.
        while Stat::of(child.id()).is_some_and(|stat| stat.runs()) {
            std::thread::yield_now();
        }
        assert_eq!(Stat::of(child.id()).unwrap().start, who.start);
        assert!(!who.is_alive());
        child.wait().unwrap();
        assert!(!who.is_alive());
    }

    #[test]
    fn a_name_cannot_forge_the_fields_after_it() {
        let stat = b"42 (a) Z 1 2 (x\n) S 1 77 77 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 12345 9 9\n";
        let stat = Stat::parse(stat).unwrap();
        assert_eq!(stat, Stat { state: b'S', parent: 1, group: 77, start: 12345 });
        for short in
            ["", "42 (a)", "42 (a) S 1 77", "42 (a) S 1 x 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5"]
        {
            assert_eq!(Stat::parse(short.as_bytes()), None, "{short}");
        }
    }

    #[test]
    fn a_line_that_was_torn_is_nobody() {
        let line = Who::me("prune shop", None).unwrap().to_string();
        assert!(line.contains(" command=prune\\x20shop hash=-"), "{line}");
        assert!(Who::parse(&format!("{line}\n")).is_some());
        for end in 0..line.len() {
            assert_eq!(Who::parse(&line[..end]), None);
        }
        assert_eq!(Who::parse(&format!("{line} more=1")), None);
        assert_eq!(Who::parse(&format!("{line}\n{line}")), None);
    }

    proptest! {
        #[test]
        fn a_line_comes_back(
            pid: u32, start: u64, group in any::<Option<(u32, u64)>>(), boot in any::<String>(), command in any::<String>(),
            hash in any::<Option<[u8; 20]>>(),
        ) {
            let group = group.map(|(leader, start)| Group { leader, start });
            let who = Who { pid, start, group, boot, command, hash: hash.map(InfoHash::new) };
            let line = who.to_string();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(Who::parse(&line), Some(who));
        }

        #[test]
        fn foreign_bytes_do_no_harm(line in any::<String>(), stat in any::<Vec<u8>>()) {
            let _ = (Who::parse(&line), unescaped(&line), Stat::parse(&stat));
        }
    }
}

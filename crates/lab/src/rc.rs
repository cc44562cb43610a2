//! The shipped `rtorrent.rc.example` and the few changes that a lab makes to it.
//!
//! Every change must find exactly the line it means: when the example loses one, tests fail.

use crate::error::{Error, Result};

/// A change that a test asks for.
#[derive(Debug)]
pub(crate) enum Edit {
    /// The value of a name in the block at the top.
    Block(String, String),
    /// First run and interval of a schedule, in seconds.
    Schedule(String, u32, u32),
}

/// The text of an rtorrent.rc.
#[derive(Debug)]
pub(crate) struct Rc(String);

/// The shipped example, compiled in: who may not read the checkout can run its programs.
const EXAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rtorrent.rc.example"));

impl Rc {
    /// The one that is shipped, as it is.
    pub(crate) fn shipped() -> Self {
        Self(EXAMPLE.to_owned())
    }

    /// Carries out a change.
    pub(crate) fn apply(&mut self, edit: &Edit) -> Result<()> {
        match edit {
            Edit::Block(name, value) => self.set(name, value),
            Edit::Schedule(name, first, every) => self.reschedule(name, *first, *every),
        }
    }

    /// Sets `cfg.NAME` in the block at the top: to a quoted text or, where it holds one, a number.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.edit_line(&format!("method.insert = cfg.{name},"), |line| {
            let (head, kind) = line.split_at(line.find("|const|")? + "|const|".len());
            match kind.starts_with("value") {
                true => Some(format!("{head}value, {value}")),
                false => Some(format!("{head}string, \"{value}\"")),
            }
        })
    }

    /// Gives a schedule another first run and interval.
    fn reschedule(&mut self, name: &str, first: u32, every: u32) -> Result<()> {
        let begin = format!("schedule = {name},");
        self.edit_line(&begin, |line| {
            let command = line.splitn(4, ',').nth(3)?;
            Some(format!("{begin} {first}, {every},{command}"))
        })
    }

    /// Puts the control on this address instead of on the socket.
    pub(crate) fn listen(&mut self, address: &str) -> Result<()> {
        self.edit_line("network.scgi.open_local =", |_| {
            Some(format!("network.scgi.open_port = \"{address}\""))
        })
    }

    /// Adds a line at the end.
    pub(crate) fn add(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// The text as it is now.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// Replaces the one line that begins so.
    fn edit_line(&mut self, begin: &str, change: impl Fn(&str) -> Option<String>) -> Result<()> {
        let mut found = self.0.lines().filter(|line| line.starts_with(begin));
        let (Some(old), None) = (found.next(), found.next()) else {
            return Err(Error::new(format!("rtorrent.rc.example: not one line begins `{begin}`")));
        };
        let new = change(old).ok_or_else(|| Error::new(format!("not understood: {old}")))?;
        self.0 = self.0.replacen(&format!("\n{old}\n"), &format!("\n{new}\n"), 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_takes_its_line_and_no_other() {
        let shipped = Rc::shipped().into_text();
        let mut rc = Rc::shipped();
        rc.set("base", "/a b").unwrap();
        rc.set("down_kib", "7").unwrap();
        rc.apply(&Edit::Schedule("seedship_sweep".into(), 1, 2)).unwrap();
        let changed = rc.into_text();
        let differ = shipped.lines().zip(changed.lines()).filter(|(old, new)| old != new);
        let differ: Vec<_> = differ.map(|(_, new)| new).collect();
        assert_eq!(
            differ,
            [
                "method.insert = cfg.base,     private|const|string, \"/a b\"",
                "method.insert = cfg.down_kib, private|const|value, 7",
                "schedule = seedship_sweep, 1, 2, ((execute.nothrow.bg, (cfg.seedship), sweep))",
            ]
        );
    }

    #[test]
    fn a_line_that_is_gone_is_told() {
        let failure = Rc::shipped().set("nonesuch", "x").unwrap_err();
        assert!(failure.to_string().contains("cfg.nonesuch"), "{failure}");
    }
}

//! `activated` is owed: a note that a process will switch, or run the `activated` commands, and is
//! not done with it.
//!
//! It is on the disk before the switch, so whatever kills the process, the next recovery finds
//! the note of a dead process and runs the commands for what is live then. Only recovery removes
//! another's note.

use super::{PRIVATE, Site};
use crate::{
    checkpoint,
    disk::Disk,
    error::Result,
    process::{self, Group, Who},
};

const PREFIX: &str = "run-";

/// The note of one process.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "what is owed is paid, or left for recovery"]
pub struct Owed {
    name: String,
    /// Whose it is, with the process group of the command that it runs; as far as the note can be
    /// read.
    pub who: Option<Who>,
    /// The process's number and start time, which the note's name bears.
    pub process: (u32, u64),
}

impl Owed {
    /// Its process may still do what it owes.
    pub fn is_alive(&self) -> bool {
        match &self.who {
            Some(who) => who.is_alive(),
            None => process::is_running(self.process.0, self.process.1),
        }
    }

    fn path(&self) -> String {
        format!("{PRIVATE}/{}", self.name)
    }

    fn parse(name: &str, content: &[u8]) -> Option<Self> {
        let (pid, start) = name.strip_prefix(PREFIX)?.split_once('-')?;
        let process = (pid.parse().ok()?, start.parse().ok()?);
        let who = Who::parse(&String::from_utf8_lossy(content));
        // A note that was torn, or copied from elsewhere, says nothing but its name.
        let who = who.filter(|who| (who.pid, who.start) == process);
        Some(Self { name: name.to_owned(), who, process })
    }
}

impl<D: Disk> Site<D> {
    /// Notes, durably, that this process owes `activated`.
    pub fn owe(&self, who: &Who) -> Result<Owed> {
        self.furnish()?;
        let name = format!("{PREFIX}{}-{}", who.pid, who.start);
        let owed = Owed { name, who: Some(who.clone()), process: (who.pid, who.start) };
        self.note_group(&owed, None)?;
        checkpoint::reach("note-written");
        self.disk.fsync(PRIVATE)?;
        Ok(owed)
    }

    /// Tells, in the note, in which process group a command runs, so that recovery can end it; with
    /// `None`, that none does. Written in place: what is torn says nothing but whose it is.
    pub fn note_group(&self, owed: &Owed, group: Option<Group>) -> Result<()> {
        let Some(who) = owed.who.clone() else { return Ok(()) };
        let who = Who { group: group.or(who.group), ..who };
        self.disk.write(&owed.path(), format!("{who}\n").as_bytes())
    }

    /// It is paid: the commands ran for what is live.
    pub fn paid(&self, owed: Owed) -> Result<()> {
        self.disk.remove(&owed.path())?;
        checkpoint::reach("note-removed");
        Ok(())
    }

    /// Every note that is there.
    pub fn owed(&self) -> Result<Vec<Owed>> {
        let mut found = Vec::new();
        for name in self.disk.list(PRIVATE)?.iter().filter(|name| name.starts_with(PREFIX)) {
            let content = self.disk.read(&format!("{PRIVATE}/{name}"))?;
            // Gone since it was listed: its process is done.
            found.extend(content.and_then(|content| Owed::parse(name, &content)));
        }
        Ok(found)
    }
}

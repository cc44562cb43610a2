//! What happened in an app, from its log.

use super::{readable_by, rfc3339};
use crate::{
    config::App,
    disk::Kernel,
    error::{Result, one_line},
    process,
    release::Unix,
    store::{Entry, History},
    table::{self, Table},
};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// The last events of an app, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Events {
    /// The app.
    pub app: String,
    /// What happened.
    pub events: Vec<Event>,
    /// How many lines of the log are no event.
    pub unreadable: u64,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Event {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Unix,
    /// What: `live`, `landed`, `rollback` …
    pub event: String,
    /// The release it is about.
    pub version: Option<String>,
    /// What was current before.
    pub from: Option<String>,
    /// The info hash.
    pub hash: Option<String>,
    /// Who.
    pub by: String,
    /// Why.
    pub note: Option<String>,
}

impl From<Entry> for Event {
    fn from(entry: Entry) -> Self {
        let Entry { at, event, version, from, hash, by, note } = entry;
        Self { at, event, version, from, hash, by, note }
    }
}

/// The last `lines` events of an app. The log may begin anywhere: it is rotated, and nothing is
/// decided from it.
///
/// # Errors
/// 78 if the root is not there, 77 if this user may not read it.
pub fn history(app: &App, lines: usize) -> Result<Events> {
    let owner = process::owner_of(&app.root)?;
    let read = Kernel::open(&app.root).and_then(|disk| History::of(&disk).read());
    let log = read.map_err(|error| readable_by(&owner, error))?;
    let (mut entries, unreadable) = (log.entries, log.unreadable);
    entries.drain(..entries.len().saturating_sub(lines));
    let events = entries.into_iter().map(Event::from).collect();
    Ok(Events { app: app.name.clone(), events, unreadable })
}

/// Below a time, where the event begins.
const BELOW: &str = "                      ";

impl Events {
    /// For people: a table, or one line if nothing is known; how much of the log is no event.
    pub fn screen(&self) -> String {
        let events = self.events_told();
        let lines = match self.unreadable {
            0 => return events,
            1 => "1 line is no event and was".to_owned(),
            more => format!("{more} lines are no events and were"),
        };
        let events = events.trim_end_matches('\n');
        format!("{events}\n… {lines} passed over: look into .seedship/history.jsonl\n")
    }

    fn events_told(&self) -> String {
        if self.events.is_empty() {
            return format!("{}: nothing is written in its history", self.app);
        }
        // Eighty columns are few: what is longer than that stands below its event.
        let notes: Vec<String> =
            self.events.iter().map(|event| one_line(event.note.as_deref().unwrap_or(""))).collect();
        let beside = self.table(&notes).to_string();
        if beside.lines().all(|line| line.width() <= table::WIDTH) {
            return beside;
        }
        let alone = self.table(&vec![String::new(); notes.len()]).to_string();
        let mut lines = alone.lines();
        let mut text: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
        for (line, note) in lines.zip(&notes) {
            text.push(line.to_owned());
            let note = table::wrapped(note, table::WIDTH - BELOW.len()).into_iter();
            text.extend(note.filter(|line| !line.is_empty()).map(|line| format!("{BELOW}{line}")));
        }
        text.join("\n") + "\n"
    }

    fn table(&self, notes: &[String]) -> Table {
        let noted = notes.iter().any(|note| !note.is_empty());
        let mut table = Table::new().left("TIME").left("EVENT").left("VERSION").left("FROM");
        table = table.left("BY");
        if noted {
            table = table.left("NOTE");
        }
        for (event, note) in self.events.iter().zip(notes) {
            let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
            table.row([
                event.at.into(),
                event.event.as_str().into(),
                or_empty(&event.version).into(),
                or_empty(&event.from).into(),
                event.by.as_str().into(),
                note.as_str().into(),
            ]);
        }
        table
    }
}

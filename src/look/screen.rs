//! `status` for people: a heading for each app, a line for each case, counts for the rest.

use super::{AppStatus, Case, Held, Release, Status};
use crate::{
    error::{Error, one_line},
    release::Unix,
    table::{self, Cell, Table},
};
use anstyle::{AnsiColor, Style};
use std::{collections::BTreeMap, fmt};

impl Status {
    /// For people, each line ended by a newline.
    pub fn screen(&self, colour: bool) -> String {
        let mut text = String::new();
        for app in &self.apps {
            text.push_str(&app.screen(self.at, colour));
        }
        for error in &self.unreadable {
            text.push_str(&format!("{}\n", told(error, "  ")));
        }
        match text.is_empty() {
            true => "no app is configured\n".to_owned(),
            false => text,
        }
    }
}

impl AppStatus {
    fn screen(&self, now: Unix, colour: bool) -> String {
        let mut lines = vec![format!("{}: {}", one_line(&self.app), self.heading(now, colour))];
        lines.extend(self.signed());
        lines.extend(self.adopt_hint());
        lines.extend(self.hold.as_ref().map(held));
        lines.extend(self.cases(colour).lines().map(indented));
        lines.extend(self.rest());
        lines.extend(self.unreadable.iter().map(|error| indented(&told(error, "    "))));
        lines.join("\n") + "\n"
    }

    fn heading(&self, now: Unix, colour: bool) -> String {
        if let Some(error) = &self.error {
            return told(error, "  ");
        }
        match (self.live(), &self.foreign) {
            (Some(live), _) => live.heading(now, colour),
            (None, Some(what)) => {
                let red = painted("not ours", AnsiColor::Red.on_default(), colour);
                format!("{red}: `current` is {}", one_line(what))
            }
            (None, None) => "nothing is live".to_owned(),
        }
    }

    /// The signature and its facts.
    fn signed(&self) -> Option<String> {
        let live = self.live()?;
        let signer = one_line(live.signer.as_ref()?);
        Some(match &live.facts {
            Some(facts) => format!("  signed by {signer}: {}", one_line(facts)),
            None => format!("  signed by {signer}"),
        })
    }

    /// What to type where `current` is not ours.
    fn adopt_hint(&self) -> Option<String> {
        self.foreign.as_ref()?;
        let ours = self.live().and_then(|live| live.version.as_ref());
        let named = || self.releases.iter().find_map(Release::could_be_activated);
        let version = ours.or_else(named).map_or("VERSION".to_owned(), ToString::to_string);
        Some(format!("  hint: seedship activate {} {version} --adopt", one_line(&self.app)))
    }

    /// One line for each case.
    fn cases(&self, colour: bool) -> String {
        // The columns need no names here, and the line of names goes.
        let mut table = Table::new().left("").left("").left("").colour(colour);
        for left in &self.unfinished {
            let case = Cell::styled(Case::Unfinished, Case::Unfinished.style());
            let what = format!("{}; {RESUMED}", left.what);
            table.row([case, left.subject.as_str().into(), what.into()]);
        }
        for release in self.telling() {
            let why = match (&release.why, release.state) {
                (Some(why), Case::Unfinished) => format!("{why}; {RESUMED}"),
                (why, _) => why.clone().unwrap_or_default(),
            };
            let case = Cell::styled(release.state, release.state.style());
            table.row([case, release.name().into(), why.into()]);
        }
        let text = table.to_string();
        text.split_once('\n').map_or(String::new(), |(_, rows)| rows.to_owned())
    }

    /// How many there are of what is not worth a line.
    fn rest(&self) -> Option<String> {
        let mut counts: BTreeMap<Case, usize> = BTreeMap::new();
        self.counted().for_each(|release| *counts.entry(release.state).or_default() += 1);
        let said = |(case, count): (&Case, &usize)| match case {
            Case::Unrecorded => format!("{count} without a record"),
            case => format!("{count} {case}"),
        };
        let all: Vec<String> = counts.iter().map(said).collect();
        (!all.is_empty()).then(|| format!("  and {}", all.join(", ")))
    }
}

/// What becomes of everything unfinished.
const RESUMED: &str = "the next sweep resumes it";

impl Release {
    /// `1.4.2 is live since …`.
    fn heading(&self, now: Unix, colour: bool) -> String {
        let case = if self.state == Case::Unrecorded { Case::Live } else { self.state };
        let mut said = format!("{} is {}", self.name(), painted(case, case.style(), colour));
        if self.state == Case::Unrecorded {
            said.push_str(", without a record");
        }
        if let Some(since) = self.since {
            said.push_str(&format!(" since {since} ({})", table::age(since, now)));
        }
        let also = [
            self.number.map(|number| format!("#{number}")),
            self.size.map(table::size),
            self.adopted.then(|| "adopted".to_owned()),
            self.why.as_deref().map(one_line),
        ];
        also.iter().flatten().for_each(|more| said.push_str(&format!(", {more}")));
        said
    }
}

fn held(hold: &Held) -> String {
    let by = one_line(&hold.by);
    let reason = hold.reason.as_ref().map_or(String::new(), |r| format!(": {}", one_line(r)));
    match (hold.binds, hold.until) {
        (false, Some(until)) => format!("  was held by {by} until {until}{reason}"),
        (_, Some(until)) => format!("  held by {by} since {} until {until}{reason}", hold.since),
        (_, None) => format!("  held by {by} since {}{reason}", hold.since),
    }
}

/// A failure, its hint on a line of its own.
fn told(error: &Error, indent: &str) -> String {
    let sentence = one_line(&error.to_string());
    match &error.hint {
        Some(hint) => format!("{sentence}\n{indent}hint: {}", one_line(hint)),
        None => sentence,
    }
}

fn indented(text: &str) -> String {
    format!("  {text}")
}

fn painted(text: impl fmt::Display, style: Style, colour: bool) -> String {
    match colour {
        true => format!("{style}{text}{style:#}"),
        false => text.to_string(),
    }
}

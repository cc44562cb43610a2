//! `status` for people: a heading for each app, a line for each case, counts for the rest.

use super::{AppStatus, Case, Held, Release, Status};
use crate::{
    error::{Error, one_line},
    release::Unix,
    store::taken_over_by,
    table::{self, Cell, Table},
};
use anstyle::{AnsiColor, Style};
use std::{collections::BTreeMap, fmt};
use unicode_width::UnicodeWidthStr;

impl Status {
    /// For people, each line ended by a newline.
    pub fn screen(&self, colour: bool) -> String {
        let mut text = String::new();
        for app in &self.apps {
            text.push_str(&app.screen(self.at, colour));
        }
        for error in &self.unreadable {
            text.push_str(&format!("{}\n", told("", error)));
        }
        match text.is_empty() {
            true => "no app is configured\n".to_owned(),
            false => text,
        }
    }
}

impl AppStatus {
    fn screen(&self, now: Unix, colour: bool) -> String {
        let mut lines = vec![self.heading(now, colour)];
        lines.extend(self.signed());
        lines.extend(self.adopt_hint());
        lines.extend(self.gone_hint());
        lines.extend(self.was_live().map(|before| {
            format!("  hint: seedship activate {} {}", one_line(&self.app), before.name())
        }));
        lines.extend(self.hold.as_ref().map(held));
        lines.extend(self.cases(colour).lines().map(indented));
        lines.extend(self.rest());
        lines.extend(self.unreadable.iter().map(|error| told("  ", error)));
        lines.join("\n") + "\n"
    }

    fn heading(&self, now: Unix, colour: bool) -> String {
        let app = one_line(&self.app);
        match (&self.error, self.live(), &self.foreign) {
            (Some(error), _, _) => format!("{app}: {}", told("", error)),
            (None, Some(live), _) if self.gone => {
                let red = painted("gone", Case::Gone.style(), colour);
                format!("{app}: `current` leads to {}, which is {red}", live.name())
            }
            (None, Some(live), _) => live.heading(&app, now, colour),
            (None, None, Some(what)) => {
                let red = painted("not ours", AnsiColor::Red.on_default(), colour);
                let nowhere = if self.leads_nowhere { ", and leads nowhere" } else { "" };
                format!("{app}: {red}: `current` is {}{nowhere}", one_line(what))
            }
            (None, None, None) => format!("{app}: nothing is live"),
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
        if self.leads_nowhere {
            // Which of the others was finished, nobody knows here.
            let app = one_line(&self.app);
            return Some(format!(
                "  hint: seedship rollback {app} --to VERSION, which was live before"
            ));
        }
        let ours = self.live().and_then(|live| live.version.as_ref());
        let recorded = self.releases.iter().filter(|other| other.state != Case::Unrecorded);
        let named = || recorded.clone().find_map(Release::could_be_activated);
        let version = ours.or_else(named).map_or("VERSION".to_owned(), ToString::to_string);
        let typed = taken_over_by(&one_line(&self.app), &version, self.is_of_a_tool);
        Some(format!("  hint: {typed}"))
    }

    /// What to type where the live release is gone.
    fn gone_hint(&self) -> Option<String> {
        let app = one_line(&self.app);
        let target = self.releases.iter().find(|release| release.rollback_target);
        let named = || self.releases.iter().find_map(Release::could_be_activated);
        let hint = match (target, named()) {
            (Some(to), _) => format!("`seedship rollback {app}` goes to {}", to.name()),
            (None, Some(other)) => format!("seedship rollback {app} --to {other}"),
            (None, None) => "no other release stands: publish one as a new version".to_owned(),
        };
        self.gone.then(|| lines("  ", &format!("hint: {hint}")))
    }

    /// One line for each case, or more where there is much to say.
    fn cases(&self, colour: bool) -> String {
        let mut cases: Vec<(Case, String, String)> = Vec::new();
        for left in &self.unfinished {
            let what = format!("{}; {RESUMED}", left.what);
            cases.push((Case::Unfinished, left.subject.clone(), what));
        }
        for release in self.telling() {
            let why = match (&release.why, release.state) {
                (Some(why), Case::Unfinished) => format!("{why}; {RESUMED}"),
                (why, _) => why.clone().unwrap_or_default(),
            };
            cases.push((release.state, release.name(), why));
        }
        let widest = |width: &dyn Fn(&(Case, String, String)) -> usize| {
            cases.iter().map(width).max().unwrap_or(0)
        };
        let first = widest(&|(case, ..)| case.to_string().width());
        let second = widest(&|(_, name, _)| one_line(name).width());
        let room = table::WIDTH.saturating_sub(first + second + 6).max(NARROW);
        // The columns need no names here, and the line of names goes.
        let mut table = Table::new().left("").left("").left("").colour(colour);
        for (case, name, why) in cases {
            let mut lines = table::wrapped(&one_line(&why), room).into_iter();
            let begin = lines.next().unwrap_or_default();
            table.row([Cell::styled(case, case.style()), name.into(), begin.into()]);
            lines.for_each(|more| table.row(["".into(), "".into(), more.into()]));
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

/// Fewer columns make no text readable: long names rather go beyond the edge.
const NARROW: usize = 30;

/// What becomes of everything unfinished.
const RESUMED: &str = "the next sweep resumes it";

impl Release {
    /// `shop: 1.4.2 is live since …`; what does not fit goes to a second line.
    fn heading(&self, app: &str, now: Unix, colour: bool) -> String {
        let case = if self.state == Case::Unrecorded { Case::Live } else { self.state };
        let said = |case: String| {
            let mut said = format!("{app}: {} is {case}", self.name());
            if self.state == Case::Unrecorded {
                said.push_str(", without a record");
            }
            if let Some(since) = self.since {
                said.push_str(&format!(" since {since} ({})", table::age(since, now)));
            }
            said
        };
        let also = [
            self.number.map(|number| format!("#{number}")),
            self.size.map(table::size),
            self.adopted.then(|| "adopted".to_owned()),
            self.why.as_deref().map(one_line),
        ];
        let also: Vec<String> = also.into_iter().flatten().collect();
        let (first, also) = (said(painted(case, case.style(), colour)), also.join(", "));
        match (also.is_empty(), said(case.to_string()).width() + 2 + also.width()) {
            (true, _) => first,
            (_, ..=table::WIDTH) => format!("{first}, {also}"),
            _ => format!("{first},\n{}", lines("  ", &also)),
        }
    }
}

fn held(hold: &Held) -> String {
    let by = one_line(&hold.by);
    let reason = hold.reason.as_ref().filter(|reason| !reason.trim().is_empty());
    let reason = reason.map_or(String::new(), |r| format!(": {}", one_line(r)));
    let said = match (hold.binds, hold.until) {
        (false, Some(until)) => format!("was held by {by} until {until}{reason}"),
        (_, Some(until)) => format!("held by {by} since {} until {until}{reason}", hold.since),
        (_, None) => format!("held by {by} since {}{reason}", hold.since),
    };
    format!("  {}", lines("    ", &said).trim_start())
}

/// A failure, its further lines and its hint a little further from the edge than `lead`.
fn told(lead: &str, error: &Error) -> String {
    let indent = format!("{lead}  ");
    let sentence = lines(&indent, &one_line(&error.to_string()));
    let hint = error.hint.as_ref().map(|hint| lines(&indent, &format!("hint: {}", one_line(hint))));
    let hint = hint.map_or(String::new(), |hint| format!("\n{hint}"));
    format!("{lead}{}{hint}", sentence.trim_start())
}

/// Text as lines of the screen, all as far from its edge.
fn lines(indent: &str, text: &str) -> String {
    let all = table::wrapped(text, table::WIDTH - indent.len());
    all.iter().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
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

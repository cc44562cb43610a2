//! A report as a plugin of Nagios or Icinga tells it, by the Monitoring Plugins' guidelines: one line
//! that says it all, `|`, numbers for graphs; then lines for whoever clicks on it.

use super::{AppReport, Finding, Level, Report};
use crate::{
    error::one_line,
    table::{self, wrapped},
};
use std::fmt::Write;

/// So many characters are read off a list of services.
const GLANCE: usize = 240;

impl Report {
    /// The lines, the first never empty.
    pub fn plugin(&self) -> String {
        let mut text = format!("SEEDSHIP {} - {}", self.state, plain(&glance(&self.gist())));
        let numbers: Vec<String> = self.apps.iter().flat_map(|app| self.numbers(app)).collect();
        if !numbers.is_empty() {
            let _ = write!(text, " | {}", numbers.join(" "));
        }
        text.push('\n');
        for finding in &self.findings {
            text.push_str(&told("", finding));
        }
        if self.apps.len() > 1 || self.state != Level::Ok {
            self.apps.iter().for_each(|app| text.push_str(&self.lines(app)));
        }
        text
    }

    /// What there is to know, in one sentence.
    fn gist(&self) -> String {
        let general = self.findings.iter().map(|finding| finding.says.clone());
        let ill = self.apps.iter().filter(|app| app.state != Level::Ok);
        let mut ill: Vec<&AppReport> = ill.collect();
        ill.sort_by_key(|app| std::cmp::Reverse(app.state));
        let said = |app: &&AppReport| match self.apps.len() {
            1 => format!("{}: {}", app.heading(), what_is_wrong(app)),
            _ => format!("{}: {}", app.app, what_is_wrong(app)),
        };
        let all: Vec<String> = general.chain(ill.iter().map(said)).collect();
        match (&self.apps[..], all.is_empty()) {
            (_, false) => all.join("; "),
            ([], true) => "no app is configured".to_owned(),
            ([app], true) => app.heading(),
            (apps, true) => format!("{} apps are well", apps.len()),
        }
    }

    fn lines(&self, app: &AppReport) -> String {
        let since = app.sight.live.as_ref().and_then(|live| live.since);
        let ago = since.map_or(String::new(), |since| format!(" ({})", table::age(since, self.at)));
        let head = format!("{:8}  {}{ago}", app.state.to_string(), app.heading());
        let mut text = format!("{}\n", plain(&head));
        if let Some(hold) = &app.sight.hold {
            let until = hold.until.map_or(String::new(), |until| format!(" until {until}"));
            let reason = hold.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            let held = format!("held by {} since {}{until}{reason}", hold.by, hold.since);
            text.push_str(&indented("          ", &held));
        }
        app.findings.iter().for_each(|finding| text.push_str(&told("  ", finding)));
        text
    }

    /// `label=value[UOM];warn;crit;min`; a number that is not known is left out. The names of apps
    /// hold nothing that would need quotes.
    fn numbers(&self, app: &AppReport) -> Vec<String> {
        let seconds = |most: Option<u64>| most.map_or(String::new(), |most| most.to_string());
        let max_age = seconds(self.demands.max_age.map(|most| most.as_secs()));
        let silence = self.demands.silence.as_secs();
        let numbers = [
            ("age", app.age, format!("s;{max_age};;0")),
            ("silence", app.silence, format!("s;;{silence};0")),
            // Below this, not above it.
            ("free", app.free, format!("B;;{}:;0", app.sight.min_free)),
            ("inodes", app.inodes, ";;1:;0".to_owned()),
        ];
        let known = numbers.into_iter().filter_map(|(what, number, rest)| {
            number.map(|number| format!("{}_{what}={number}{rest}", app.app))
        });
        known.collect()
    }
}

impl AppReport {
    /// `shop 1.4.2 live since …`.
    fn heading(&self) -> String {
        let since = self.sight.live.as_ref().and_then(|live| live.since);
        match (&self.live, since) {
            (Some(version), Some(since)) => format!("{} {version} live since {since}", self.app),
            (Some(version), None) => format!("{} {version} live", self.app),
            (None, _) => self.app.clone(),
        }
    }
}

fn what_is_wrong(app: &AppReport) -> String {
    let all: Vec<&str> = app.findings.iter().map(|finding| finding.says.as_str()).collect();
    all.join("; ")
}

/// A finding and what to do about it.
fn told(lead: &str, finding: &Finding) -> String {
    let Finding { level, problem, says, hint } = finding;
    let says = format!("{level} ({}): {says}", problem.word());
    let mut text = indented(lead, &says);
    if let Some(hint) = hint {
        text.push_str(&indented(&format!("{lead}  "), &format!("hint: {hint}")));
    }
    text
}

/// Lines of a screen, the further ones a little further from its edge.
fn indented(lead: &str, text: &str) -> String {
    let all = wrapped(&plain(text), table::WIDTH - lead.len() - 2);
    let lines = all.iter().enumerate().map(|(n, line)| match n {
        0 => format!("{lead}{line}\n"),
        _ => format!("{lead}  {line}\n"),
    });
    lines.collect()
}

/// One line, in which nothing begins the numbers early.
fn plain(text: &str) -> String {
    one_line(text).replace('|', "\\x7C")
}

/// No longer than what is read at a glance, and than what a daemon takes.
fn glance(text: &str) -> String {
    match text.char_indices().nth(GLANCE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

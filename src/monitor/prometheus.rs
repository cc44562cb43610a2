//! A report as Prometheus reads it: the text format 0.0.4, which node_exporter takes from a file.
//!
//! Names and units are by Prometheus' conventions. Labels have few values: an app's name, a problem's
//! word, a state; and the one version that is live.

use super::{AppReport, Level, Problem, Report};
use crate::look::Case;
use std::fmt::{Display, Write};

/// The states of releases that are worth a graph, by their words in `--json`.
const STATES: [(Case, &str); 9] = [
    (Case::Landing, "landing"),
    (Case::Unfinished, "unfinished"),
    (Case::Staged, "staged"),
    (Case::Waiting, "waiting"),
    (Case::Refused, "refused"),
    (Case::Returned, "returned"),
    (Case::Bad, "bad"),
    (Case::Good, "good"),
    (Case::Superseded, "superseded"),
];

impl Report {
    /// The file's content.
    pub fn prometheus(&self) -> String {
        let mut text = Text::default();
        text.family(
            "seedship_build_info",
            "The version of seedship that looked.",
            [(labels([("version", env!("CARGO_PKG_VERSION"))]), 1)],
        );
        let wrong = |app: &AppReport| app.has(Problem::Configuration);
        let valid = self.findings.is_empty() && !self.apps.iter().any(wrong);
        text.family(
            "seedship_configuration_valid",
            "Whether the whole configuration could be read: 1, or 0 if some of it is wrong.",
            [(String::new(), u8::from(valid))],
        );
        text.family(
            "seedship_state",
            "The worst of all apps: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
            [(String::new(), self.state.code())],
        );
        text.family(
            "seedship_app_state",
            "How an app is: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
            self.each(|app| Some(app.state.code())),
        );
        self.problems(&mut text);
        self.live(&mut text);
        self.at_work(&mut text);
        self.room(&mut text);
        text.0
    }

    fn problems(&self, text: &mut Text) {
        let of = |app: &AppReport, problem: Problem| {
            let levels = app.findings.iter().filter(|f| f.problem == problem).map(|f| f.level);
            let labels = labels([("app", app.app.as_str()), ("problem", problem.word())]);
            (labels, levels.max().unwrap_or(Level::Ok).code())
        };
        let all = self.apps.iter().flat_map(|app| Problem::ALL.iter().map(move |p| of(app, *p)));
        text.family(
            "seedship_problem",
            "What is wrong with an app: 0 nothing, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
            all,
        );
    }

    fn live(&self, text: &mut Text) {
        let live = self.apps.iter().filter_map(|app| {
            let version = app.live.as_deref()?;
            Some((labels([("app", app.app.as_str()), ("version", version)]), 1))
        });
        text.family("seedship_live_info", "The version that is live.", live);
        text.family(
            "seedship_live_since_timestamp_seconds",
            "When what is live became it.",
            self.each(|app| app.sight.live.as_ref()?.since.map(|since| since.0)),
        );
        let counted = self.apps.iter().filter(|app| app.sight.error.is_none()).flat_map(|app| {
            STATES.iter().map(|(state, word)| {
                let number = app.sight.counts.get(state).copied().unwrap_or(0);
                (labels([("app", app.app.as_str()), ("state", *word)]), number)
            })
        });
        text.family("seedship_releases", "Releases that are known and not live.", counted);
        text.family(
            "seedship_held",
            "Whether an operator holds the app: no release goes live by itself.",
            self.each(|app| app.seen().map(|seen| u8::from(seen.hold.is_some()))),
        );
        text.family(
            "seedship_unreadable_records",
            "Records that cannot be read.",
            self.each(|app| app.seen().map(|seen| seen.unreadable.len())),
        );
    }

    fn at_work(&self, text: &mut Text) {
        text.family(
            "seedship_last_work_timestamp_seconds",
            "When an event or a sweep was last at work on the app.",
            self.each(|app| app.sight.worked.map(|worked| worked.0)),
        );
        text.family(
            "seedship_unfinished",
            "Things that an interrupted command left, and the next sweep resumes.",
            self.each(|app| app.seen().map(|seen| seen.unfinished.len())),
        );
    }

    fn room(&self, text: &mut Text) {
        text.family(
            "seedship_free_bytes",
            "Free bytes on the file system of the app's root, for its owner.",
            self.each(|app| app.free),
        );
        text.family(
            "seedship_min_free_bytes",
            "The configuration's min_free: with less than this, nothing lands.",
            self.each(|app| app.seen().map(|seen| seen.min_free)),
        );
        text.family(
            "seedship_free_inodes",
            "Free inodes on that file system, where it counts them.",
            self.each(|app| app.inodes),
        );
    }

    /// One number of each app of which it is known.
    fn each<'r, N>(
        &'r self,
        number: impl Fn(&AppReport) -> Option<N> + 'r,
    ) -> impl Iterator<Item = (String, N)> + 'r {
        self.apps.iter().filter_map(move |app| {
            number(app).map(|number| (labels([("app", app.app.as_str())]), number))
        })
    }
}

impl AppReport {
    fn has(&self, problem: Problem) -> bool {
        self.findings.iter().any(|finding| finding.problem == problem)
    }

    /// What was seen, if it could be looked at.
    fn seen(&self) -> Option<&super::Sight> {
        Some(&self.sight).filter(|sight| sight.error.is_none())
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    /// One family of numbers; nothing where there is none. All of them may go up and down.
    fn family<N: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, N)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        }
        for (labels, number) in samples {
            let _ = writeln!(self.0, "{name}{labels} {number}");
        }
    }
}

/// `{app="shop",version="1.4.2"}`.
fn labels<'v>(all: impl IntoIterator<Item = (&'static str, &'v str)>) -> String {
    let quoted = |(name, value): (&str, &str)| format!("{name}=\"{}\"", escaped(value));
    let all: Vec<String> = all.into_iter().map(quoted).collect();
    format!("{{{}}}", all.join(","))
}

/// The format's three escapes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_no_label() {
        assert_eq!(labels([("app", "a\"b\\c\nd")]), "{app=\"a\\\"b\\\\c\\nd\"}");
        assert_eq!(labels([("a", "1"), ("b", "2")]), "{a=\"1\",b=\"2\"}");
    }
}

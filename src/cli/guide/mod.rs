//! What the command line tells of itself: for every command what it does, what it never does and
//! waits for, how it may end, and examples. Written once; `--help` here and the manual pages
//! ([`manual`](super::manual)) are made from it and from the arguments that clap reads.

mod act;
mod host;
mod look;
mod publish;
mod tools;
mod unattended;

pub(super) use host::{ENVIRONMENT, FILES, Named};

use super::args::Args;
use crate::{
    error::Exit,
    monitor::Level,
    table::{WIDTH, wrapped},
};
use clap::{Command, CommandFactory};
use std::fmt::Write;

/// What is told of one command.
#[derive(Debug)]
pub(super) struct Guide {
    /// What is typed after `seedship`; empty for the program itself.
    pub(super) command: &'static str,
    /// Paragraphs, an empty line between two; lines that begin with a space keep their shape.
    pub(super) tells: &'static str,
    /// How it may end, beside [`ALWAYS`]; empty where the commands below it say so.
    pub(super) exits: &'static [(Exit, &'static str)],
    /// What to type, and what for.
    pub(super) examples: &'static [(&'static str, &'static str)],
    /// Pages to read next: the words of other commands, or `config.toml`.
    pub(super) see: &'static [&'static str],
}

/// Every command, in the order in which an operator thinks of them.
pub(super) const GROUPS: &[(&str, &[Guide])] = &[
    ("Look", look::GUIDES),
    ("Act", act::GUIDES),
    ("Unattended", unattended::GUIDES),
    ("Publish", publish::GUIDES),
    ("Tools", tools::GUIDES),
];

/// The one command whose exit codes are of another world: those of a plugin of Nagios.
const PLUGIN: &str = "monitor";

/// How every command may end: an answer that cannot be written is a failure too.
const ALWAYS: [Exit; 3] = [Exit::Usage, Exit::Bug, Exit::Io];

/// The guide of a command, by the words after `seedship`.
pub(super) fn of(words: &str) -> Option<&'static Guide> {
    std::iter::once(&host::SEEDSHIP).chain(all()).find(|guide| guide.command == words)
}

fn all() -> impl Iterator<Item = &'static Guide> {
    GROUPS.iter().flat_map(|(_, guides)| guides.iter())
}

impl Guide {
    /// How it may end, by number.
    pub(super) fn endings(&self) -> Vec<(u8, &'static str)> {
        if self.command == PLUGIN {
            return Level::ALL.iter().map(|level| (level.code(), level.meaning())).collect();
        }
        self.exits().into_iter().map(|(exit, meaning)| (exit.code(), meaning)).collect()
    }

    fn exits(&self) -> Vec<(Exit, &'static str)> {
        let general = |exit: &Exit| (*exit, exit.meaning());
        if self.exits.is_empty() {
            let below = |exit: &&Exit| self.below().any(|guide| guide.names(**exit));
            return Exit::ALL.iter().filter(below).map(general).collect();
        }
        let own = |exit: &&Exit| !self.exits.iter().any(|(other, _)| other == *exit);
        let mut all: Vec<_> = ALWAYS.iter().filter(own).map(general).collect();
        all.extend(self.exits);
        all.sort_by_key(|(exit, _)| *exit);
        all
    }

    fn names(&self, exit: Exit) -> bool {
        ALWAYS.contains(&exit) || self.exits.iter().any(|(other, _)| *other == exit)
    }

    /// The commands below this one, all of them below the program itself.
    fn below(&self) -> impl Iterator<Item = &'static Guide> {
        let is_below = |guide: &&Guide| match guide.command.strip_prefix(self.command) {
            Some(rest) => self.command.is_empty() || rest.starts_with(' '),
            None => false,
        };
        all().filter(is_below)
    }

    /// The part of a long help after its options.
    fn end(&self) -> String {
        let mut text = String::from("Exit codes:\n");
        for (exit, meaning) in self.endings() {
            text.push_str(&hanging(&format!("  {exit:<2}  "), meaning));
        }
        text.push_str("\nExamples:\n");
        for (line, why) in self.examples {
            let _ = write!(text, "  {}\n{}", continued(line), hanging("      ", why));
        }
        text.trim_end().to_owned()
    }
}

/// The command line with all of its help.
pub(super) fn command() -> Command {
    let command = Args::command().help_template(template()).after_long_help(concepts());
    let command = command.mut_subcommands(|sub| explained(sub, ""));
    command.after_help("`seedship --help` tells more, `seedship help COMMAND` of one command.")
}

/// A command with its guide as its long help; those below it too.
fn explained(command: Command, above: &str) -> Command {
    let words = format!("{above}{}", command.get_name());
    let Some(guide) = of(&words) else { return command };
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let command = command.long_about(format!("{about}\n\n{}", guide.tells));
    let command = command.after_long_help(guide.end());
    command.mut_subcommands(|sub| explained(sub, &format!("{words} ")))
}

/// The program's own help: its commands by groups, where clap knows one list alone.
fn template() -> String {
    let command = Args::command();
    let about = |words: &str| {
        let found = command.find_subcommand(words).and_then(Command::get_about);
        found.map(ToString::to_string).unwrap_or_default()
    };
    let mut text = String::from("{about}\n\n{usage-heading} {usage}\n");
    for (group, guides) in GROUPS {
        let _ = write!(text, "\n{group}:\n");
        for guide in guides.iter().filter(|guide| !guide.command.contains(' ')) {
            let _ = writeln!(text, "  {:<11}  {}", guide.command, about(guide.command));
        }
    }
    text + "\nOptions:\n{options}{after-help}\n"
}

/// What the program's long help tells beside its commands.
fn concepts() -> String {
    let guide = &host::SEEDSHIP;
    let named = |title: &str, all: &[Named]| {
        let mut text = format!("{title}:\n");
        for Named { name, is } in all {
            let _ = write!(text, "  {name}\n{}", hanging("      ", is));
        }
        text
    };
    let (files, environment) = (named("Files", FILES), named("Environment", ENVIRONMENT));
    format!("{}\n\n{files}\n{environment}\n{}", guide.tells, guide.end())
}

/// A line as it is typed, over several where it is wider than a screen: no option is parted from its
/// value.
fn continued(line: &str) -> String {
    // Two before it, and ` \` behind it.
    const FITS: usize = WIDTH - 4;
    const INDENT: &str = "        ";
    let mut parts: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let is_value = |part: &&mut String| {
            part.starts_with("--") && !part.contains(' ') && !word.starts_with("--")
        };
        match parts.last_mut().filter(is_value) {
            Some(option) => option.extend([" ", word]),
            None => parts.push(word.to_owned()),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        match lines.last_mut().filter(|line| line.len() + part.len() < FITS) {
            Some(line) => line.extend([" ", &part]),
            None => lines.push(format!("{}{part}", if at == 0 { "" } else { INDENT })),
        }
    }
    lines.join(" \\\n")
}

/// A text after `first`, its further lines indented as far.
fn hanging(first: &str, text: &str) -> String {
    let indent = format!("\n{}", " ".repeat(first.len()));
    format!("{first}{}\n", wrapped(text, WIDTH - first.len()).join(&indent))
}

#[cfg(test)]
mod tests;

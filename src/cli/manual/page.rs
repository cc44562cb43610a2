//! The page of a command: its arguments from clap, the rest from the guide.

use super::{
    Page,
    text::{inlines, item, tell},
};
use crate::cli::guide::{self, Guide, Named};
use clap::{Arg, ArgAction, Command};
use roff::{Inline, Roff, bold, italic, roman};

/// Begins a page. It has no date, so that the same version writes the same bytes; lines are left
/// ragged and words whole, for much of the text is to be typed as it stands.
pub(super) fn begin(roff: &mut Roff, title: &str, section: &str) {
    const NO_DATE: &str = "\"\"";
    const SOURCE: &str = concat!("seedship ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", [title, section, NO_DATE, SOURCE, "Seedship"]);
    roff.control("nh", []).control("ad", ["l"]);
}

/// The page of a command that clap has built.
pub(super) fn of(command: &Command, guide: &Guide) -> Page {
    let name = page_name(guide.command);
    let title = name.to_uppercase();
    let mut roff = Roff::new();
    begin(&mut roff, &title, "1");
    section(&mut roff, "NAME");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    roff.text([roman(format!("{name} - {}", uncapitalised(&about).replace('`', "")))]);
    section(&mut roff, "SYNOPSIS");
    roff.text(synopsis(command, guide));
    section(&mut roff, "DESCRIPTION");
    tell(&mut roff, guide.tells);
    if command.has_subcommands() {
        section(&mut roff, "COMMANDS");
        commands(&mut roff, command, guide);
    }
    section(&mut roff, "OPTIONS");
    options(&mut roff, command);
    section(&mut roff, "EXIT STATUS");
    for (exit, meaning) in guide.endings() {
        item(&mut roff, [bold(exit.to_string())], meaning);
    }
    named(&mut roff, "FILES", guide::FILES);
    named(&mut roff, "ENVIRONMENT", guide::ENVIRONMENT);
    section(&mut roff, "EXAMPLES");
    for (line, why) in guide.examples {
        item(&mut roff, [bold(*line)], why);
    }
    section(&mut roff, "SEE ALSO");
    roff.text(see_also(guide.see));
    Page { words: guide.command.to_owned(), file: format!("{name}.1"), text: roff.render() }
}

/// `seedship-torrent-verify`.
fn page_name(words: &str) -> String {
    format!("seedship {words}").trim_end().replace(' ', "-")
}

pub(super) fn section(roff: &mut Roff, title: &str) {
    roff.control("SH", [title]);
}

fn named(roff: &mut Roff, title: &str, all: &[Named]) {
    section(roff, title);
    all.iter().for_each(|Named { name, is }| item(roff, [bold(*name)], is));
}

/// The line of whatis(1) goes on after a dash.
fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| format!("{}{}", first.to_lowercase(), letters.as_str()))
}

/// What can be typed: what must stand, and in brackets what may.
fn synopsis(command: &Command, guide: &Guide) -> Vec<Inline> {
    let mut line = vec![bold(format!("seedship {}", guide.command).trim_end())];
    for arg in shown(command).filter(|arg| arg.is_positional()) {
        let (open, close) = if arg.is_required_set() { ("", "") } else { ("[", "]") };
        let more = if arg.get_num_args().is_some_and(|n| n.max_values() > 1) { "..." } else { "" };
        line.extend([
            roman(format!(" {open}")),
            italic(value(arg)),
            roman(format!("{more}{close}")),
        ]);
    }
    if command.has_subcommands() {
        line.extend([roman(" "), italic("COMMAND")]);
    }
    for arg in shown(command).filter(|arg| !arg.is_positional() && !is_question(arg)) {
        let (open, close) = if arg.is_required_set() { ("", "") } else { ("[", "]") };
        let more = if matches!(arg.get_action(), ArgAction::Append) { "..." } else { "" };
        line.push(roman(format!(" {open}")));
        line.extend(flag(arg));
        line.push(roman(format!("{close}{more}")));
    }
    line
}

/// `--help` and `--version`, which every page would repeat in its first line.
fn is_question(arg: &Arg) -> bool {
    !matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue | ArgAction::Append)
}

fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

/// An option as it is typed: `-n, --lines N`.
fn flag(arg: &Arg) -> Vec<Inline> {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let mut flag = vec![bold(names.join(", "))];
    if arg.get_action().takes_values() {
        // No line ends between the two.
        flag.extend([roman("\u{a0}"), italic(value(arg))]);
    }
    flag
}

fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn options(roff: &mut Roff, command: &Command) {
    for arg in shown(command) {
        let name = if arg.is_positional() { vec![italic(value(arg))] } else { flag(arg) };
        let help = arg.get_long_help().or_else(|| arg.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let mut paragraphs = help.split("\n\n");
        item(roff, name, paragraphs.next().unwrap_or_default());
        for more in paragraphs {
            roff.control("IP", []);
            roff.text(inlines(&more.replace('\n', " ")));
        }
        if arg.get_action().takes_values() {
            let defaults = arg.get_default_values().iter().filter_map(|value| value.to_str());
            said(roff, "The default is", defaults);
            let values = arg.get_possible_values();
            said(roff, "One of", values.iter().map(|value| value.get_name()));
        }
    }
}

/// A sentence that lists something, if there is anything to list.
fn said<'a>(roff: &mut Roff, begin: &str, all: impl Iterator<Item = &'a str>) {
    let all: Vec<String> = all.map(|one| format!("`{one}`")).collect();
    if !all.is_empty() {
        roff.control("IP", []);
        roff.text(inlines(&format!("{begin} {}.", all.join(", "))));
    }
}

/// The commands below this one: the program's by its groups.
fn commands(roff: &mut Roff, command: &Command, guide: &Guide) {
    let below = |words: &str| {
        let name = words.rsplit(' ').next().unwrap_or_default();
        command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string)
    };
    let depth = guide.command.split_whitespace().count() + 1;
    for (group, guides) in guide::GROUPS {
        let is_below = |other: &&Guide| {
            other.command.starts_with(guide.command)
                && other.command.split_whitespace().count() == depth
        };
        let guides: Vec<&Guide> = guides.iter().filter(is_below).collect();
        if guide.command.is_empty() {
            roff.control("SS", [*group]);
        }
        for other in guides {
            let page = [bold(page_name(other.command)), roman("(1)")];
            item(roff, page, &below(other.command).unwrap_or_default());
        }
    }
}

/// Pages to read next, `seedship` itself first.
pub(super) fn see_also(words: &[&str]) -> Vec<Inline> {
    let mut line = vec![bold("seedship"), roman("(1)")];
    for words in words {
        let (name, number) = match *words {
            super::settings::WORDS => (super::settings::NAME.to_owned(), "(5)"),
            words => (page_name(words), "(1)"),
        };
        line.extend([roman(", "), bold(name), roman(number)]);
    }
    line
}

//! What is printed: short lines that fit 80 columns, colours on a terminal alone (`NO_COLOR`).

use anstyle::{AnsiColor, Style};
use std::{fmt::Display, io::Write};

/// The width of a terminal that nobody made wider.
const WIDTH: usize = 80;
/// Where the text of a line begins: after who speaks.
const INDENT: usize = 12;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Tells the story. A reader who went away is no reason to stop.
pub(crate) struct Teller {
    acts: u32,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self { acts: 0 }
    }

    /// The title.
    pub(crate) fn title(&self, text: &str) {
        put(format_args!("{BOLD}{text}{BOLD:#}"));
    }

    /// The next act, and why it matters.
    pub(crate) fn act(&mut self, heading: &str, why: &str) {
        self.acts += 1;
        put(format_args!("\n{BOLD}{}. {heading}{BOLD:#}", self.acts));
        wrapped(why, WIDTH - 3).for_each(|line| put(format_args!("   {DIM}{line}{DIM:#}")));
    }

    /// What happens.
    pub(crate) fn say(&self, who: &str, what: impl Display) {
        said(who, &what.to_string(), Style::new());
    }

    /// What was promised and is so.
    pub(crate) fn good(&self, who: &str, what: impl Display) {
        said(who, &what.to_string(), GOOD);
    }

    /// What went wrong, as it should for those who are shown here.
    pub(crate) fn bad(&self, who: &str, what: impl Display) {
        said(who, &what.to_string(), BAD);
    }

    /// What a command printed, as it is.
    pub(crate) fn printed(&self, command: &str, output: &str) {
        put(format_args!("   {BOLD}$ {command}{BOLD:#}"));
        output.lines().for_each(|line| put(format_args!("   {}", clipped(line, WIDTH - 3))));
    }

    /// One line, as it is.
    pub(crate) fn line(&self, text: impl Display) {
        put(format_args!("{text}"));
    }
}

/// A line of a table, cut where the terminal would break it.
fn clipped(line: &str, width: usize) -> String {
    match line.char_indices().nth(width) {
        None => line.to_owned(),
        Some(_) => line.chars().take(width - 1).chain(['…']).collect(),
    }
}

fn said(who: &str, what: &str, style: Style) {
    for (n, line) in wrapped(what, WIDTH - INDENT).enumerate() {
        let who = if n == 0 { who } else { "" };
        put(format_args!("   {who:<8} {style}{line}{style:#}"));
    }
}

fn put(line: impl Display) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Breaks a text between words, and a word that is longer than a line anywhere.
fn wrapped(text: &str, width: usize) -> impl Iterator<Item = String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        let parts = letters.chunks(width).map(|part| part.iter().collect::<String>());
        for (n, part) in parts.enumerate() {
            let line = lines.last().map_or(0, |line| line.chars().count());
            let fits = n == 0 && line + 1 + part.chars().count() <= width;
            match lines.last_mut() {
                Some(last) if line == 0 => last.push_str(&part),
                Some(last) if fits => last.push_str(&format!(" {part}")),
                _ => lines.push(part),
            }
        }
    }
    lines.into_iter()
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let lines = |text| wrapped(text, 10).collect::<Vec<_>>();
        assert_eq!(lines("one two three"), ["one two", "three"]);
        assert_eq!(lines("a 0123456789ABC b"), ["a", "0123456789", "ABC b"]);
        assert_eq!(lines(""), [""]);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}

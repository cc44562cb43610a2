//! Verdicts and torrents for people: what fits on a screen, with a word on what does not.

use super::{Checked, Hashes, Shown, State, Verdict, Word};
use crate::table::{self, Cell, Table, count, counted, size};
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// Rows of a table of files that a person is shown.
const FILES: usize = 40;
/// Trackers, and web seeds, that a person is shown.
const URLS: usize = 10;
/// Columns of a table's list of pieces.
const PIECES: usize = 24;
/// Where the values of a list stand.
const INDENT: usize = 14;
/// Columns of a screen.
const WIDTH: usize = 80;

impl Verdict {
    /// For people, each line ended by a newline.
    pub fn screen(&self, colour: bool) -> String {
        let mut text = format!("{}: {}\n", self.name, self.summary(colour));
        let bad: Vec<_> = self.files.iter().filter(|file| file.state != State::Good).collect();
        if !bad.is_empty() {
            let mut table = Table::new().left("STATE").left("PIECES").left("FILE").colour(colour);
            bad.iter().take(FILES).for_each(|file| table.row(file.row()));
            text.push_str(&format!("\n{table}"));
            text.push_str(&rest(bad.len(), "file"));
            text.push('\n');
        }
        text.push_str(&self.over());
        if let Some(hint) = self.hint() {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        text
    }

    fn summary(&self, colour: bool) -> String {
        let all = counted(self.pieces as u64, "piece");
        let by = match self.hashes {
            Hashes::Sha1 => "",
            Hashes::Both => " by SHA-1 and SHA-256",
        };
        match self.verdict {
            Word::Good => {
                let good = painted("good", AnsiColor::Green, colour);
                format!("{good}, {all}{by}, {}", size(self.length))
            }
            Word::Damaged => {
                let damaged = painted("damaged", AnsiColor::Red, colour);
                let unread = match self.unread.count() {
                    0 => String::new(),
                    unread => format!("; {} not read", count(unread)),
                };
                let wrong = self.wrong.count();
                let are = if wrong == 1 { "is" } else { "are" };
                match wrong {
                    0 => format!("{damaged}, though not in its pieces{unread}"),
                    _ => format!(
                        "{damaged}, {} of {all} {are} wrong{unread}\n  wrong: {}{}",
                        count(wrong),
                        self.wrong.within_columns(WIDTH - 30),
                        self.contradicted()
                    ),
                }
            }
            Word::Unreadable => {
                let word = painted("not verified", AnsiColor::Yellow, colour);
                format!("{word}, {} of {all} could not be read", count(self.unread.count()))
            }
        }
    }

    /// Pieces that only one of two hashes finds wrong.
    fn contradicted(&self) -> String {
        match self.contrary.is_empty() {
            true => String::new(),
            false => {
                let pieces = self.contrary.within_columns(WIDTH - 40);
                format!("\n  right by SHA-1, wrong by SHA-256: {pieces}")
            }
        }
    }

    /// Files that are longer than they should be.
    fn over(&self) -> String {
        let over = |file: &&Checked| file.found.is_some_and(|found| found > file.length);
        let mut long = self.files.iter().filter(over);
        let Some(first) = long.next() else { return String::new() };
        let more = match long.count() {
            0 => String::new(),
            more => format!(" and {}", counted(more as u64, "other file")),
        };
        let bytes = size(first.found.unwrap_or(0) - first.length);
        format!("  note: too long, but that does no harm: {} by {bytes}{more}\n", first.path)
    }
}

impl Checked {
    fn row(&self) -> [Cell; 3] {
        let (colour, state) = match self.state {
            State::Missing => (AnsiColor::Red, "missing".to_owned()),
            State::Short => (AnsiColor::Red, self.short()),
            State::NotAFile => (AnsiColor::Red, self.why.clone().unwrap_or_default()),
            State::Wrong => (AnsiColor::Red, "wrong".to_owned()),
            State::Unreadable => (AnsiColor::Yellow, self.why.clone().unwrap_or_default()),
            State::Unverified => (AnsiColor::Yellow, "not verified".to_owned()),
            State::Good => (AnsiColor::Green, "good".to_owned()),
        };
        let pieces = self.pieces.within_columns(PIECES);
        [Cell::styled(state, colour.on_default()), pieces.into(), self.path.as_str().into()]
    }

    fn short(&self) -> String {
        match self.found {
            Some(found) => format!("short by {}", size(self.length - found)),
            None => "became shorter".to_owned(),
        }
    }
}

impl Shown {
    /// For people, each line ended by a newline.
    pub fn screen(&self) -> String {
        let mut text = format!("{}\n", self.name);
        let mut line = |label: &str, values: Vec<String>| {
            for (at, value) in values.iter().enumerate() {
                let label = if at == 0 { label } else { "" };
                text.push_str(format!("{label:INDENT$}{value}\n").as_str());
            }
        };
        line("info hash", vec![self.hash.clone()]);
        line("info hash v2", self.hash_v2.iter().cloned().collect());
        line("v2 is wrong", self.contradiction.iter().flat_map(|why| wrapped(why)).collect());
        line("payload", vec![self.payload()]);
        line("size", vec![format!("{} ({} bytes)", size(self.length), count(self.length))]);
        line("pieces", vec![self.of_pieces()]);
        line("trackers", self.of_trackers());
        line("web seeds", some(&self.web_seeds));
        line("created", self.of_creation());
        line("comment", self.comment.iter().flat_map(|text| wrapped(text)).collect());
        line("signature", self.of_signature());
        line("app", self.of_app());
        let mut table = Table::new().right("SIZE").left("FILE");
        self.files.iter().take(FILES).for_each(|file| table.row(row(file)));
        text.push_str(&format!("\n{table}{}", rest(self.files.len(), "file")));
        text.push_str(&format!("\n{}\n", self.magnet));
        text
    }

    fn payload(&self) -> String {
        let kind = match self.kind {
            Some("tar") => "a tar archive".to_owned(),
            Some("zip") => "a zip archive".to_owned(),
            Some("directory") => "a directory".to_owned(),
            Some("plain") => "a plain file".to_owned(),
            Some(tar) => format!("a {tar} archive"),
            None => "a plain file, whose name would be refused".to_owned(),
        };
        let padding = match self.padding_files {
            0 => String::new(),
            files => {
                let files = counted(files as u64, "padding file");
                format!(" and {files} of {}", size(self.padding_length))
            }
        };
        let files = counted(self.files.len() as u64, "file");
        format!("{kind}, {files}{padding}")
    }

    fn of_pieces(&self) -> String {
        let private = if self.private { ", private" } else { "" };
        let by = match self.hashes {
            Hashes::Sha1 => "",
            Hashes::Both => ", by SHA-1 and SHA-256",
        };
        format!("{} of {}{by}{private}", count(self.pieces as u64), size(self.piece_length))
    }

    fn of_trackers(&self) -> Vec<String> {
        let tiers = self.trackers.iter().enumerate();
        let said = tiers.flat_map(|(tier, urls)| {
            urls.iter().map(move |url| match self.trackers.len() {
                1 => url.clone(),
                _ => format!("{}: {url}", tier + 1),
            })
        });
        let all: Vec<String> = said.collect();
        if all.is_empty() { vec!["none".to_owned()] } else { some(&all) }
    }

    fn of_creation(&self) -> Vec<String> {
        let by = self.created_by.as_ref().map(|by| format!("by {by}"));
        let all: Vec<_> = self.created.map(|at| at.to_string()).into_iter().chain(by).collect();
        if all.is_empty() { Vec::new() } else { wrapped(&all.join(" ")) }
    }

    fn of_signature(&self) -> Vec<String> {
        let Some(signature) = &self.signature else { return vec!["none".to_owned()] };
        let (Some(key), Some(comment)) = (&signature.key, &signature.comment) else {
            return vec!["not in minisign's form".to_owned()];
        };
        let verified = match signature.verified_by.as_slice() {
            [] => "no configured key verifies it".to_owned(),
            apps => format!("verified by a key of {}", apps.join(", ")),
        };
        let mut lines = vec![format!("by key {key}")];
        lines.extend(wrapped(&verified));
        lines.extend(wrapped(&format!("\"{comment}\"")));
        lines
    }

    fn of_app(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let (Some(app), Some(version)) = (&self.app, &self.version) {
            lines.push(format!("{app} {version}"));
        }
        lines.extend(self.why.iter().flat_map(|why| wrapped(why)));
        let refused = self.refused.iter().map(|why| format!("would be refused: {why}"));
        lines.extend(refused.flat_map(|why| wrapped(&why)));
        lines
    }
}

fn row(file: &super::Listed) -> [Cell; 2] {
    let path = match (&file.link, file.executable) {
        (Some(target), _) => format!("{} -> {target}", file.path),
        (None, true) => format!("{} (executable)", file.path),
        (None, false) => file.path.clone(),
    };
    [size(file.length).into(), path.into()]
}

/// The first of them, and how many more there are.
fn some(all: &[String]) -> Vec<String> {
    let mut lines: Vec<_> = all.iter().take(URLS).cloned().collect();
    if all.len() > URLS {
        lines.push(format!("and {} more: --json has all", count((all.len() - URLS) as u64)));
    }
    lines
}

/// A line for the rows that a table left out, if it did.
fn rest(all: usize, what: &str) -> String {
    match all.saturating_sub(FILES) {
        0 => String::new(),
        more => format!("and {}: --json has all\n", counted(more as u64, &format!("more {what}"))),
    }
}

/// Text in lines that fit beside their label, broken between words; a longer word is cut.
fn wrapped(text: &str) -> Vec<String> {
    const COLUMNS: usize = WIDTH - INDENT;
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let Some(last) = lines.last_mut() else { continue };
        if last.is_empty() {
            last.push_str(&table::cut(word, COLUMNS));
        } else if last.width() + 1 + word.width() <= COLUMNS {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(table::cut(word, COLUMNS));
        }
    }
    if lines.len() > URLS {
        lines.truncate(URLS);
        lines.push("…: --json has all".to_owned());
    }
    lines
}

fn painted(text: &str, colour: AnsiColor, show: bool) -> String {
    let style: Style = colour.on_default();
    if show { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

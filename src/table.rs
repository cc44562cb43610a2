//! Aligned tables for people, and the words for sizes and ages in them.
//!
//! Machines get JSON; nothing reads these back. Columns are as wide as their widest cell on a
//! terminal, so that names in any script line up.

use crate::{error::one_line, release::Unix};
use anstyle::Style;
use std::fmt;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two columns.
const GAP: &str = "  ";

/// Where a column's cells stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Left,
    Right,
}

/// A text in a table, of one line whatever it holds.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in a colour, which shows only in a table that [is asked for](Table::colour).
    pub fn styled(text: impl fmt::Display, style: Style) -> Self {
        Self { text: one_line(&text.to_string()), style }
    }
    fn width(&self) -> usize {
        self.text.width()
    }
}

impl<T: fmt::Display> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, Style::new())
    }
}

/// A header and rows; [`Display`](fmt::Display) prints it, each line ended by a newline.
#[derive(Clone, Debug, Default)]
#[must_use = "a table is shown by printing it"]
pub struct Table {
    header: Vec<Cell>,
    sides: Vec<Side>,
    rows: Vec<Vec<Cell>>,
    colour: bool,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a column of text.
    pub fn left(self, title: &str) -> Self {
        self.column(title, Side::Left)
    }
    /// Adds a column of numbers.
    pub fn right(self, title: &str) -> Self {
        self.column(title, Side::Right)
    }
    fn column(mut self, title: &str, side: Side) -> Self {
        self.header.push(title.into());
        self.sides.push(side);
        self
    }
    /// Adds a row; cells beyond the last column are not shown, missing ones are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// Whether colours are shown. The caller knows: a terminal, and no `NO_COLOR`
    /// (`anstream::AutoStream::choice`).
    pub fn colour(mut self, show: bool) -> Self {
        self.colour = show;
        self
    }

    fn widths(&self) -> Vec<usize> {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let width = |column| lines().filter_map(|line| line.get(column)).map(Cell::width).max();
        (0..self.header.len()).map(|column| width(column).unwrap_or(0)).collect()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, cells: &[Cell], widths: &[usize]) -> fmt::Result {
        // Spaces are owed until something is printed after them: no line ends with one.
        let mut owed = 0;
        for (column, (width, side)) in widths.iter().zip(&self.sides).enumerate() {
            owed += if column > 0 { GAP.len() } else { 0 };
            let Some(cell) = cells.get(column).filter(|cell| !cell.text.is_empty()) else {
                owed += width;
                continue;
            };
            let rest = width - cell.width();
            let (before, after) = if *side == Side::Right { (rest, 0) } else { (0, rest) };
            write!(f, "{:1$}", "", owed + before)?;
            match self.colour {
                true => write!(f, "{}{}{:#}", cell.style, cell.text, cell.style)?,
                false => f.write_str(&cell.text)?,
            }
            owed = after;
        }
        writeln!(f)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        self.write(f, &self.header, &widths)?;
        self.rows.iter().try_for_each(|row| self.write(f, row, &widths))
    }
}

/// The columns of a terminal: nothing that people read needs more.
pub const WIDTH: usize = 80;

/// Text in lines of at most `room` columns, parted at spaces; a longer word has a line of its own.
pub fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Bytes as people say them: `512 B`, `1.2 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths, so that what rounds up to 1024.0 goes to the next unit: 1024 KiB are 1.0 MiB.
    let tenths = |shift: u32| {
        let unit = 1u128 << shift;
        (u128::from(bytes) * 10 + unit / 2) / unit
    };
    let mut shift = 10;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while tenths(shift) >= 10_240 && units.len() > 0 {
        shift += 10;
        unit = units.next();
    }
    format!("{}.{} {}", tenths(shift) / 10, tenths(shift) % 10, unit.unwrap_or(&"B"))
}

/// A number as people read it: `1,024`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How many there are of something: `1 piece`, `1,024 pieces`.
pub fn counted(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{} {one}s", count(number)),
    }
}

/// Text cut to so many columns, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if out.width() + c.width().unwrap_or(0) >= columns {
            break;
        }
        out.push(c);
    }
    out + "…"
}

/// How long ago, or how soon, in one unit rounded down: `3 min ago`, `in 2 h`, `now`.
pub fn age(then: Unix, now: Unix) -> String {
    let (ago, soon) = (now.since(then).as_secs(), then.since(now).as_secs());
    match (ago, soon) {
        (0, 0) => "now".into(),
        (0, soon) => format!("in {}", span(soon)),
        (ago, _) => format!("{} ago", span(ago)),
    }
}

fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(365 * 86_400, "y"), (86_400, "d"), (3600, "h"), (60, "min")];
    // Two of a unit at least: "90 min" says more than "1 h", and "400 d" than "1 y".
    match UNITS.iter().find(|(unit, _)| seconds >= 2 * unit || (*unit == 60 && seconds >= 60)) {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstyle::AnsiColor;

    #[test]
    fn numbers_are_counted_in_thousands() {
        let said = [0, 999, 1000, 12_345, 1_234_567, u64::MAX].map(count);
        let expected = ["0", "999", "1,000", "12,345", "1,234,567", "18,446,744,073,709,551,615"];
        assert_eq!(said, expected);
        assert_eq!([0, 1, 2000].map(|n| counted(n, "file")), ["0 files", "1 file", "2,000 files"]);
    }

    #[test]
    fn what_is_too_wide_is_cut_and_says_so() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("商店商店", 5), "商店…");
        assert_eq!(cut("商店商店", 4), "商…");
    }

    fn table() -> Table {
        let mut table = Table::new().left("APP").right("SIZE").left("STATE");
        let green = AnsiColor::Green.on_default();
        table.row(["shop".into(), "1.2 GiB".into(), Cell::styled("live", green)]);
        table.row(["商店".into(), "12 B".into(), "".into()]);
        table.row(["a\nb".into(), "".into(), "x".into()]);
        table.row(["é".into()]);
        table
    }

    #[test]
    fn columns_line_up_and_no_line_ends_with_a_space() {
        let expected = "\
APP        SIZE  STATE
shop    1.2 GiB  live
商店       12 B
a\\x0Ab           x
é
";
        assert_eq!(table().to_string(), expected);
    }

    #[test]
    fn colours_show_only_when_asked_and_move_nothing() {
        let coloured = table().colour(true).to_string();
        assert!(coloured.contains("  \u{1b}[32mlive\u{1b}[0m\n"), "{coloured:?}");
        let plain = coloured.replace("\u{1b}[32m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, table().to_string());
    }

    #[test]
    fn text_is_parted_at_spaces() {
        assert_eq!(wrapped("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrapped("a /a/path/that/is/long b", 6), ["a", "/a/path/that/is/long", "b"]);
        assert_eq!(wrapped("商店 商店", 8), ["商店", "商店"]);
        assert_eq!(wrapped("", 6), [""]);
    }

    #[test]
    fn sizes_go_to_the_next_unit_in_time() {
        for (bytes, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_288_490_189, "1.2 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }

    #[test]
    fn ages_are_one_unit() {
        let now = Unix(1_000_000_000);
        for (seconds, said) in [
            (0, "now"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (185, "3 min ago"),
            (7199, "119 min ago"),
            (7200, "2 h ago"),
            (2 * 86_400, "2 d ago"),
            (900 * 86_400, "2 y ago"),
            (-90, "in 1 min"),
        ] {
            assert_eq!(age(Unix(now.0 - seconds), now), said);
        }
    }
}

//! What was measured, for the terminal as it comes and as Markdown in a file.

use crate::{Result, failed};
use lab::Error;
use seedship::table::Table;
use std::{
    fmt::{self, Write},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A terminal's width.
const WIDTH: usize = 80;

/// Where a column's cells stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    header: Vec<(String, Side)>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a column.
    #[must_use]
    pub(crate) fn column(mut self, title: &str, side: Side) -> Self {
        self.header.push((title.into(), side));
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let titles = self.header.iter().map(|(title, _)| title.clone()).collect();
        let rule = |(_, side): &(String, Side)| if *side == Side::Left { "---" } else { "--:" };
        let rules = self.header.iter().map(|column| rule(column).to_owned()).collect();
        // A program's name is set as code.
        let rows = self.rows.iter().map(|row| {
            let mut row = row.clone();
            if let Some(first) = row.first_mut() {
                *first = format!("`{first}`");
            }
            line(row)
        });
        [line(titles), line(rules)].into_iter().chain(rows).collect()
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        for (title, side) in &self.header {
            table = if *side == Side::Left { table.left(title) } else { table.right(title) };
        }
        for row in &self.rows {
            table.row(row.iter().map(|cell| cell.as_str().into()));
        }
        table.fmt(f)
    }
}

/// What was found about one subject.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    title: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Grid(Grid),
    Lines(Vec<String>),
}

impl Section {
    pub(crate) fn new(title: &str) -> Self {
        Self { title: title.into(), parts: Vec::new() }
    }

    /// A subject that could not be measured.
    pub(crate) fn failed(name: &str, why: &Error) -> Self {
        Self::new(name).line(&format!("not measured: {why}"))
    }

    #[must_use]
    pub(crate) fn grid(mut self, grid: Grid) -> Self {
        self.parts.push(Part::Grid(grid));
        self
    }

    #[must_use]
    pub(crate) fn line(self, line: &str) -> Self {
        self.lines([line.to_owned()])
    }

    /// Adds lines that stand together.
    #[must_use]
    pub(crate) fn lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        let lines: Vec<String> = lines.into_iter().collect();
        if !lines.is_empty() {
            self.parts.push(Part::Lines(lines));
        }
        self
    }

    fn markdown(&self) -> String {
        let mut text = format!("### {}\n", self.title);
        for part in &self.parts {
            text.push('\n');
            match part {
                Part::Grid(grid) => text += &grid.markdown(),
                Part::Lines(lines) => lines.iter().for_each(|line| {
                    let _ = writeln!(text, "- {line}");
                }),
            }
        }
        text
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {}", self.title)?;
        for part in &self.parts {
            match part {
                Part::Grid(grid) => grid.fmt(f)?,
                Part::Lines(lines) => {
                    lines.iter().try_for_each(|line| f.write_str(&folded(line)))?
                }
            }
        }
        Ok(())
    }
}

/// A text in lines of a terminal's width, all but the first indented.
fn folded(text: &str) -> String {
    let (mut folded, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let wide = word.chars().count();
        if width > 0 && width + 1 + wide > WIDTH {
            folded += "\n ";
            width = 1;
        }
        if width > 0 {
            folded.push(' ');
            width += 1;
        }
        folded += word;
        width += wide;
    }
    folded + "\n"
}

/// The terminal and the file.
pub(crate) struct Sheet {
    place: PathBuf,
    text: String,
}

impl Sheet {
    /// Begins with a section; the file is `$BENCH_OUT`, otherwise `target/bench.md`.
    pub(crate) fn begin(first: &Section) -> Result<Self> {
        let place = match std::env::var_os("BENCH_OUT") {
            Some(place) => place.into(),
            None => lab::workspace().join("target/bench.md"),
        };
        let mut sheet = Self { place, text: String::new() };
        sheet.add(first)?;
        Ok(sheet)
    }

    /// Shows a section. The file has it at once: what was measured is not lost.
    pub(crate) fn add(&mut self, section: &Section) -> Result {
        println!("{section}");
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text += &section.markdown();
        let what = || format!("write {} (BENCH_OUT names another file)", self.place.display());
        fs::write(&self.place, &self.text).map_err(failed(what()))
    }

    /// The file.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }
}

/// The unit in which such a time is told, and what seconds are multiplied with.
pub(crate) fn in_unit(time: Duration) -> (&'static str, f64) {
    if time < Duration::from_secs(1) { ("ms", 1e3) } else { ("s", 1.0) }
}

/// A time in its unit.
pub(crate) fn time(time: Duration) -> String {
    let (unit, by) = in_unit(time);
    format!("{} {unit}", short(time.as_secs_f64() * by))
}

/// A number with about three digits that mean something.
pub(crate) fn short(number: f64) -> String {
    let digits = match number.abs() {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

/// Bytes in MiB.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{} MiB", short(bytes as f64 / f64::from(1 << 20)))
}

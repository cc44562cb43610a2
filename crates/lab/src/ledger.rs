//! What was tried against a deploy, and what happened: `docs/attacks.md`, written by the tests.
//!
//! A test that has seen an attack or a fault fail calls [`withstood!`](crate::withstood), which
//! demands that the line stands in the document, word for word. With `UPDATE_DOCS=1` it writes the
//! line instead. So nothing stands there that no test has seen, and a test that sees something else
//! fails until the document says so.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

const FILE: &str = "docs/attacks.md";
const HEAD: &str = "# Attacks and faults

Written by the tests (`UPDATE_DOCS=1 make test`), each of which demands its line: what was tried, in
how many cases, what happened. In every one of them the release that was live before answered all the
time, or was live again when the test says so.
";
const COLUMNS: &str =
    "\n| tried | cases | what happened | shown by | the site |\n|---|--:|---|---|---|\n";
const LAST: &str = "old release served";

/// One line of the document.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The table it stands in: `Hostile archives`, `Kills`.
    pub chapter: &'a str,
    /// What was tried.
    pub tried: &'a str,
    /// In how many cases.
    pub cases: usize,
    /// What happened, with the exit code if a user sees one.
    pub happened: &'a str,
    /// Whether the release that was live before is served: what this test has looked at.
    pub served: bool,
}

/// Demands that a line stands in the document; call it through [`withstood!`](crate::withstood).
///
/// # Panics
/// If it does not stand there, or the old release is not served.
#[track_caller]
pub fn demand(row: &Row<'_>, test: &str) {
    let Row { chapter, tried, cases, happened, served } = *row;
    assert!(served, "{tried}: the old release is not served");
    assert!(cases > 0, "{tried}: nothing was tried");
    let plain = |text: &str| text.replace('|', "\\|");
    let line = format!("| {} | {cases} | {} | `{test}` | {LAST} |", plain(tried), plain(happened));
    let file = crate::workspace().join(FILE);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let updated = update(&file, chapter, tried, &line);
        assert!(updated.is_ok(), "{FILE}: {updated:?}");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    let stands = rows(&written).any(|(of, row)| of == chapter && row == line);
    assert!(stands, "{FILE} does not say so under `{chapter}` (UPDATE_DOCS=1 make test):\n{line}");
}

/// The chapters and lines of the document.
pub fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut chapter = "";
    text.lines().filter_map(move |line| {
        chapter = line.strip_prefix("## ").unwrap_or(chapter);
        line.ends_with(&format!("| {LAST} |")).then_some((chapter, line))
    })
}

/// Puts the line in the place of one about the same, in order. Tests run side by side.
fn update(file: &Path, chapter: &str, tried: &str, line: &str) -> io::Result<()> {
    let lock = File::create(std::env::temp_dir().join("seedship-attacks.lock"))?;
    lock.lock()?;
    let written = fs::read_to_string(file).unwrap_or_default();
    let same = format!("| {} |", tried.replace('|', "\\|"));
    let mut all: Vec<_> = rows(&written)
        .filter(|(of, row)| *of != chapter || !row.starts_with(&same))
        .chain([(chapter, line)])
        .collect();
    all.sort_unstable();
    let mut text = HEAD.to_owned();
    let mut last = "";
    for (chapter, row) in all {
        if chapter != last {
            text += &format!("\n## {chapter}\n{COLUMNS}");
            last = chapter;
        }
        text += row;
        text.push('\n');
    }
    // In one step: others read it without the lock.
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, file)
}

/// Claims one line of `docs/attacks.md` for the test that calls it.
///
/// ```ignore
/// lab::withstood!("Hostile archives", "a path that goes up", cases, "refused, 65", served);
/// ```
#[macro_export]
macro_rules! withstood {
    ($chapter:expr, $tried:expr, $cases:expr, $happened:expr, $served:expr $(,)?) => {{
        fn here() {}
        let name = ::std::any::type_name_of_val(&here);
        let test = name.split_once("::").map_or(name, |(_, rest)| rest);
        let test = test.strip_suffix("::here").unwrap_or(test);
        let row = $crate::ledger::Row {
            chapter: $chapter,
            tried: &$tried,
            cases: $cases,
            happened: &$happened,
            served: $served,
        };
        $crate::ledger::demand(&row, test);
    }};
}

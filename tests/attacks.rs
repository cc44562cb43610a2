//! `docs/attacks.md` holds what tests have seen, and only that: each line names the test that demands
//! it, and that test is there.

use lab::{ledger, workspace};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_line_is_demanded_by_a_test() {
    let text = fs::read_to_string(workspace().join("docs/attacks.md")).unwrap();
    let tests = tests();
    let rows: Vec<_> = ledger::rows(&text).collect();
    assert!(!rows.is_empty());
    for (chapter, row) in rows {
        let by = row.rsplit('|').nth(2).unwrap().trim().trim_matches('`');
        let name = by.rsplit("::").next().unwrap();
        assert!(tests.contains(name), "{chapter}: no test `{name}` demands this line:\n{row}");
    }
}

/// The names of the functions that claim a line.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["src", "tests", "crates"].iter().flat_map(|dir| sources(&workspace().join(dir))) {
        let mut last = "";
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            let line = line.trim_start();
            if let Some((name, _)) = line.strip_prefix("fn ").and_then(|rest| rest.split_once('('))
            {
                last = name;
            }
            if line.contains("withstood!(") {
                names.insert(last.to_owned());
            }
        }
    }
    names
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false if path.extension().is_some_and(|e| e == "rs") => vec![path],
            false => Vec::new(),
        })
        .collect()
}

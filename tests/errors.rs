//! Every error that a user can meet, listed from the sources: how it reads, its exit code, what
//! the user is told to do. `docs/errors.md` is this list: a sentence that changes, changes it.
//!
//! There is one type of error ([`seedship::error::Error`]) and few ways to make one, so a list of
//! the calls of its constructors is a list of all errors. What no call says (a path, the words of
//! the operating system or of a parser) is a `…` in it.

mod list;
mod logged;
mod made;
mod source;
mod text;

use list::{CHAPTERS, list};
use made::{Made, all};
use source::functions;
use std::{fs, path::Path};
use text::OPAQUE;

#[test]
fn the_list_in_the_documentation_is_that_of_the_sources() {
    let functions = functions();
    let list = list(&functions);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &list).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == list, "docs/errors.md is not as the sources say: UPDATE_DOCS=1 make test");
}

#[test]
fn every_error_reads_as_a_sentence_and_says_what_to_do() {
    let functions = functions();
    let all = all(&functions);
    assert!(all.len() > 150, "only {} errors were found", all.len());
    let mut faults = Vec::new();
    for made in &all {
        let Made { exit, verb, thing, cause, hint } = made;
        let mut fault = |what: &str| faults.push(format!("{what}: {made:?}"));
        if verb == OPAQUE || !verb.starts_with(char::is_lowercase) {
            fault("the verb");
        }
        if thing.is_empty() || cause.is_empty() {
            fault("nothing is said");
        }
        if cause.ends_with('.') || starts_a_sentence(cause) {
            fault("the cause ends the sentence that it is part of");
        }
        if hint.as_ref().is_some_and(|hint| hint.ends_with('.') || starts_a_sentence(hint)) {
            fault("the hint stands after a colon");
        }
        // A mistake in the arguments says itself what is right, and a bug is not the user's.
        if hint.is_none() && exit != "Bug" && exit != "Usage" {
            fault("no hint");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// `{:?}` shows Rust's own names of things. It stands nowhere in what is not only for tests.
#[test]
fn no_text_is_in_rusts_debug_form() {
    let mut found = Vec::new();
    for file in source::files() {
        let text = fs::read_to_string(&file).unwrap();
        let (code, _) = text.split_once("\n#[cfg(test)]\n").unwrap_or((&text, ""));
        for (n, line) in code.lines().enumerate() {
            let comment = line.trim_start().starts_with("//");
            if !comment && (line.contains(":?}") || line.contains(":#?}")) {
                found.push(format!("{}:{}: {}", file.display(), n + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A capital that is not a name's.
fn starts_a_sentence(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    let capital = first.chars().next().is_some_and(char::is_uppercase);
    capital && first.chars().skip(1).all(char::is_lowercase)
}

/// Whatever exit code an error has, it has a chapter.
#[test]
fn every_error_stands_in_a_chapter() {
    let known: Vec<&str> = CHAPTERS.iter().map(|(_, name, _)| *name).collect();
    let all = all(&functions());
    let lost: Vec<_> = all.iter().filter(|made| !known.contains(&made.exit.as_str())).collect();
    // A refusal that was told before has the code that it had then.
    let again = |made: &&Made| made.exit == OPAQUE && made.cause.starts_with("refused before");
    assert!(lost.iter().all(again) && lost.len() == 1, "{lost:?}");
}

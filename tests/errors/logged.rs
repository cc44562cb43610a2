//! Every line that can be logged stands in the operator's guide, `docs/guide/logs.md`, with what it
//! means; and no line stands there that nothing logs.
//!
//! What the guide shows is an example (`shop 1.4.2 is live`), what the source says a pattern
//! (`… is live…`): each pattern must fit an example, and each example a pattern. Lines that are an
//! error and nothing else stand in `docs/errors.md`, which is made from the sources.

use super::{
    source::{Function, functions},
    text::{OPAQUE, Place, blind},
};
use std::{collections::BTreeSet, fs, path::Path};

/// Lines that a value prints of itself, and how the source has them.
const SHOWN: [(&str, &str); 1] = [(
    "… was passed over: it is …'s to sweep",
    "write!(f, \"{app} was passed over: it is {owner}'s to sweep\")",
)];

/// The patterns of all lines, errors left out.
fn logged(functions: &[Function]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for function in functions {
        for call in &function.calls {
            let names: Vec<&str> = call.path.iter().map(String::as_str).collect();
            let ([.., "Line", "new"] | ["log", _], [text]) = (&names[..], &call.arguments[..])
            else {
                continue;
            };
            let place = Place { function, lets: &call.lets, all: functions };
            found.extend(place.texts(text).iter().map(|text| blind(text, function)));
        }
    }
    let is_error = |pattern: &str| pattern.contains("(hint: ");
    found.retain(|pattern| says_something(pattern) && !is_error(pattern));
    found.extend(SHOWN.map(|(pattern, _)| pattern.to_owned()));
    found
}

/// It holds words of its own, or at least tells which of its parts is which.
fn says_something(pattern: &str) -> bool {
    pattern.replace(OPAQUE, "").chars().any(|c| c.is_alphabetic() || c == '`')
}

/// Whether a text is one of those that the pattern stands for.
fn fits(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split(OPAQUE).collect();
    let [first, middle @ .., last] = &parts[..] else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The code in the first cells of the guide's tables of lines.
fn examples(guide: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut in_table = false;
    for line in guide.lines() {
        in_table =
            line == "| line | means, and what to do |" || (in_table && line.starts_with('|'));
        let cell = line.strip_prefix("| ").filter(|_| in_table);
        let cell = cell.and_then(|cell| cell.split(" | ").next());
        all.extend(cell.into_iter().flat_map(code));
    }
    all
}

/// What stands in back-quotes: as many end it as began it.
fn code(cell: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = cell;
    while let Some(begin) = rest.find('`') {
        let quotes = rest[begin..].chars().take_while(|c| *c == '`').count();
        let fence = "`".repeat(quotes);
        let inside = &rest[begin + quotes..];
        let Some(end) = inside.find(&fence) else { break };
        all.push(inside[..end].trim().to_owned());
        rest = &inside[end + quotes..];
    }
    all
}

#[test]
fn every_line_of_log_stands_in_the_guide_and_no_other() {
    let patterns = logged(&functions());
    assert!(patterns.len() > 25, "only {} lines were found: {patterns:#?}", patterns.len());
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/logs.md");
    let examples = examples(&fs::read_to_string(guide).unwrap());
    let lost: Vec<_> =
        patterns.iter().filter(|p| !examples.iter().any(|example| fits(p, example))).collect();
    assert!(lost.is_empty(), "docs/guide/logs.md does not explain {lost:#?}");
    let is_logged = |example: &&String| patterns.iter().any(|pattern| fits(pattern, example));
    let stale: Vec<_> = examples.iter().filter(|example| !is_logged(example)).collect();
    assert!(stale.is_empty(), "nothing logs {stale:#?}");
}

#[test]
fn what_values_print_of_themselves_is_what_the_source_says() {
    let sources = super::source::files();
    let text: String = sources.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    SHOWN.iter().for_each(|(pattern, source)| assert!(text.contains(source), "{pattern}"));
}

#[test]
fn a_pattern_fits_what_it_stands_for() {
    for (pattern, text, expected) in [
        ("… is live…", "shop 1.4.2 is live", true),
        ("… is live…", "shop 1.4.2 was live", false),
        ("… was pruned", "shop 1 was pruned", true),
        ("… was pruned", "shop 1 was pruned by anna", false),
        ("same", "same", true),
        ("same", "other", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern}: {text}");
    }
    assert_eq!(code("`a b`, ``c `d` e`` and f"), ["a b", "c `d` e"]);
}

//! Holds every path in `src/` against the layers of the house.
//!
//! A module that reaches upwards makes a knot that no test can pull apart again, so the table
//! below is checked with the code. It is read as text, token by token, not by the compiler: every
//! `crate::` and `super::` path counts, also outside of `use`, in macros and across files; what
//! is compiled for tests only does not.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Import one another.
const NOUNS: &[&str] =
    &["bounded", "config", "error", "event", "manifest", "release", "signature", "table"];
/// Import nouns; no door opens another.
const DOORS: &[&str] = &["disk", "scgi", "process", "checkpoint"];
/// Import doors, nouns, and the types of stages to their left.
const STAGES: &[&str] =
    &["rtorrent", "store", "verify", "unpack", "choose", "switch", "check", "prune", "report"];
/// Import everything below, and stories to their left.
const STORIES: &[&str] = &[
    "settle", "tidy", "heal", "deploy", "operate", "sweep", "look", "monitor", "torrent", "doctor",
    "publish",
];
/// Imports anything.
const ENTRANCE: &[&str] = &["cli"];

/// Functions of a stage that stages to its right may call, as `store::name`. Only what could as
/// well be a method of a type belongs here.
const SHARED_FUNCTIONS: &[&str] = &[];

#[test]
fn every_path_keeps_to_the_layers() {
    let mut broken = Vec::new();
    let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let tests = test_modules(&files);
    for file in files.iter().filter(|file| !tests.iter().any(|test| file.module.starts_with(test)))
    {
        let source = file.text();
        for path in paths(&source, file.module.len()) {
            if let Err(why) = judge(&file.module[0], &path) {
                broken.push(format!("{}: `crate::{}`: {why}", file.path, path.join("::")));
            }
        }
    }
    assert!(files.len() > 10, "src/ was not found");
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_module_has_its_place_in_the_table() {
    let all = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let rooms: BTreeSet<&str> = all.iter().map(|file| file.module[0].as_str()).collect();
    let unlisted: Vec<&&str> = rooms.iter().filter(|room| place(room).is_none()).collect();
    assert!(unlisted.is_empty(), "give these a layer in tests/layers.rs: {unlisted:?}");
    let twice: Vec<&str> = layers().concat();
    assert_eq!(twice.iter().collect::<BTreeSet<_>>().len(), twice.len(), "one room, one place");
}

/// Bottom to top.
fn layers() -> [&'static [&'static str]; 5] {
    [NOUNS, DOORS, STAGES, STORIES, ENTRANCE]
}

/// The layer and the place in it.
fn place(room: &str) -> Option<(usize, usize)> {
    layers().iter().enumerate().find_map(|(layer, rooms)| {
        rooms.iter().position(|one| *one == room).map(|within| (layer, within))
    })
}

/// Whether the room `from` may name the path, given without its `crate::`.
fn judge(from: &str, path: &[String]) -> Result<(), String> {
    let Some(to) = path.first() else { return Err("name a room, not the whole crate".into()) };
    if from == to {
        return Ok(());
    }
    // A room that is not listed has a test of its own.
    let Some((from_layer, from_place)) = place(from) else { return Ok(()) };
    let Some((layer, place)) = place(to) else {
        return Err(format!("`{to}` is in no layer"));
    };
    let layer_of = ["a noun", "a door", "a stage", "a story", "the entrance"];
    if layer > from_layer {
        return Err(format!("{} may not import {}", layer_of[from_layer], layer_of[layer]));
    }
    if layer < from_layer {
        return Ok(());
    }
    let rooms = layers()[layer];
    match (rooms, place < from_place) {
        (NOUNS | ENTRANCE, _) => Ok(()),
        (DOORS, _) => Err("a door opens no other".into()),
        (_, false) => Err(format!("`{to}` stands to the right of `{from}`")),
        (STAGES, true) if !names_a_type(path) => {
            Err(format!("only types of `{to}`, with their methods"))
        }
        (_, true) => Ok(()),
    }
}

/// A type, its method, or a constant: some part after the room begins with a capital.
fn names_a_type(path: &[String]) -> bool {
    let capital = |part: &String| part.starts_with(|c: char| c.is_uppercase());
    path[1..].iter().any(capital) || SHARED_FUNCTIONS.contains(&path.join("::").as_str())
}

// --- the files -------------------------------------------------------------------------------

struct Source {
    /// Below `src/`.
    path: String,
    root: PathBuf,
    /// Where its module stands: `["store", "locks"]`.
    module: Vec<String>,
}

impl Source {
    fn text(&self) -> String {
        fs::read_to_string(self.root.join(&self.path)).unwrap()
    }
}

/// Every file below `src/` but `lib.rs` and `main.rs`, which belong to no room.
fn rust_files(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found.retain(|path| path != "lib.rs" && path != "main.rs");
    let source = |path: String| Source { module: module_of(&path), root: root.to_owned(), path };
    found.into_iter().map(source).collect()
}

fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

/// The modules with a file of their own that are declared under `#[cfg(test)]`.
fn test_modules(files: &[Source]) -> Vec<Vec<String>> {
    let below = |file: &Source| {
        let parent = file.module.clone();
        let names = declared_for_tests(&tokens(&file.text()));
        names.into_iter().map(move |name| [parent.clone(), vec![name]].concat()).collect::<Vec<_>>()
    };
    files.iter().flat_map(below).collect()
}

fn declared_for_tests(tokens: &[String]) -> Vec<String> {
    let items = (0..tokens.len()).filter_map(|at| under_cfg_test(&tokens[at..]));
    let name = |item: &[String]| match item {
        [.., module, name, end] if module == "mod" && end == ";" => Some(name.clone()),
        _ => None,
    };
    items.filter_map(|rest| name(&rest[..item(rest)])).collect()
}

// --- the paths -------------------------------------------------------------------------------

/// Every path from the crate's root that a source names, braces expanded: `crate::a::{self, B}`
/// is `a` and `a::B`. `depth` is how deep the file's module stands below the root, so that
/// `super::` is known to reach it.
fn paths(source: &str, depth: usize) -> Vec<Vec<String>> {
    let tokens = without_tests(tokens(source));
    let mut found = Vec::new();
    // For each open brace, whether it is that of a module.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let here = &tokens[at..];
        let depth = depth + braces.iter().filter(|is_module| **is_module).count();
        if let Some(rest) = from_root(here, depth, at.checked_sub(1).map(|i| tokens[i].as_str())) {
            tree(rest, Vec::new(), &mut found);
        }
        match here[0].as_str() {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => drop(braces.pop()),
            _ => {}
        }
        at += 1;
    }
    found
}

/// What follows `crate::`, or as many `super::` as lead to the root, if the tokens begin so.
fn from_root<'a>(tokens: &'a [String], depth: usize, before: Option<&str>) -> Option<&'a [String]> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token == text);
    if is(0, "crate") {
        // `pub(crate)` names nothing; `use crate as c` would hide everything, so it counts.
        let alone = !is(1, "::");
        return match (alone, is(1, "as")) {
            (true, false) => None,
            (true, true) => Some(&[]),
            (false, _) => Some(&tokens[2..]),
        };
    }
    if !is(0, "super") || before == Some("::") {
        return None;
    }
    let supers = (0..).take_while(|i| is(2 * i, "super") && is(2 * i + 1, "::")).count();
    (supers == depth).then(|| &tokens[2 * supers..])
}

/// Reads one use tree (or a path in an expression, which is one without branches) into `found`;
/// what is left after it.
fn tree<'a>(
    mut tokens: &'a [String],
    mut path: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> &'a [String] {
    loop {
        match tokens {
            [open, rest @ ..] if open == "{" => {
                tokens = rest;
                loop {
                    match tokens {
                        [] => return tokens,
                        [close, rest @ ..] if close == "}" => return rest,
                        [comma, rest @ ..] if comma == "," => tokens = rest,
                        _ => {
                            let left = tree(tokens, path.clone(), found);
                            // A branch that is none ends the tree rather than the test.
                            tokens = if left.len() < tokens.len() { left } else { &left[1..] };
                        }
                    }
                }
            }
            [name, rest @ ..] if is_name(name) || name == "*" => {
                if name != "self" {
                    path.push(name.clone());
                }
                tokens = after_renaming(rest);
                match tokens {
                    [colons, next, ..]
                        if colons == "::" && (is_name(next) || next == "{" || next == "*") =>
                    {
                        tokens = &tokens[1..];
                    }
                    _ => break,
                }
            }
            _ => break,
        }
    }
    found.push(path);
    tokens
}

fn after_renaming(tokens: &[String]) -> &[String] {
    match tokens {
        [r#as, name, rest @ ..] if r#as == "as" && is_name(name) => rest,
        _ => tokens,
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Leaves out every item under `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut rest = &tokens[..];
    while let [first, after @ ..] = rest {
        if let Some(body) = under_cfg_test(rest) {
            rest = &body[item(body)..];
        } else {
            kept.push(first.clone());
            rest = after;
        }
    }
    kept
}

/// What follows `#[cfg(test)]`, if the tokens begin with it.
fn under_cfg_test(tokens: &[String]) -> Option<&[String]> {
    let is_test = ["#", "[", "cfg", "(", "test", ")", "]"];
    let begins = tokens.iter().take(is_test.len()).eq(is_test.iter());
    begins.then(|| &tokens[is_test.len()..])
}

/// How many tokens an item has: to its `;`, or to the brace that closes its body.
fn item(tokens: &[String]) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token == "}" {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

// --- the tokens ------------------------------------------------------------------------------

/// Names, `::`, and single signs; no comments, and of strings and characters nothing.
fn tokens(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let length = if let Some(length) = silent(rest) {
            length
        } else {
            let length = match c {
                c if c.is_alphanumeric() || c == '_' => {
                    let end = |c: char| !(c.is_alphanumeric() || c == '_');
                    rest.find(end).unwrap_or(rest.len())
                }
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            found.push(rest[..length].to_owned());
            length
        };
        rest = &rest[length..];
    }
    found
}

/// The length of a space, comment, string, character or lifetime at the beginning, if one is.
fn silent(rest: &str) -> Option<usize> {
    let c = rest.chars().next()?;
    match c {
        c if c.is_whitespace() => Some(c.len_utf8()),
        '/' if rest.starts_with("//") => Some(rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => Some(block_comment(rest)),
        '"' => Some(string(rest)),
        '\'' => Some(character_or_lifetime(rest)),
        'r' | 'b' | 'c' => prefixed_string(rest),
        _ => None,
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// `'x'`, `'\''`, `'\u{1F600}'`; else the `'` of a lifetime, whose name follows as a token.
fn character_or_lifetime(rest: &str) -> usize {
    let mut chars = rest[1..].char_indices();
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escape))) => {
            let from = 1 + at + escape.len_utf8();
            rest[from..].find('\'').map_or(rest.len(), |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 2,
        _ => 1,
    }
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br#"…"#`, `b'…'`, `c"…"`, and the `r#` of a raw name.
fn prefixed_string(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !matches!(c, 'r' | 'b' | 'c')).unwrap_or(rest.len());
    let (kind, body) = rest.split_at(prefix);
    let hashes = body.len() - body.trim_start_matches('#').len();
    match kind {
        "b" | "c" if body.starts_with('"') => Some(prefix + string(body)),
        "b" if body.starts_with('\'') => Some(prefix + character_or_lifetime(body)),
        "r" | "br" | "cr" if body[hashes..].starts_with('"') => {
            let close = format!("\"{}", "#".repeat(hashes));
            let from = prefix + hashes + 1;
            let end = rest[from..].find(&close).map(|end| from + end + close.len());
            Some(end.unwrap_or(rest.len()))
        }
        "r" if hashes == 1 => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<String> {
        paths(source, 1).iter().map(|path| path.join("::")).collect()
    }

    fn allowed(from: &str, path: &str) -> bool {
        judge(from, &path.split("::").map(str::to_owned).collect::<Vec<_>>()).is_ok()
    }

    #[test]
    fn braces_are_expanded() {
        assert_eq!(
            found("use crate::{error::{Error, Result as R}, store::{self, lock::*}, disk};"),
            ["error::Error", "error::Result", "store", "store::lock::*", "disk"]
        );
        assert_eq!(found("pub(crate) use crate::a::B; pub(in crate::x) fn f() {}"), ["a::B", "x"]);
        assert_eq!(found("use crate as c;"), [""]);
    }

    #[test]
    fn paths_outside_of_use_count() {
        assert_eq!(
            found("fn f(x: &crate::a::B<crate::c::D>) { crate::e::f(x)?; $crate::g::h!(); }"),
            ["a::B", "c::D", "e::f", "g::h"]
        );
        assert_eq!(found("format!(\"{}\", crate::a::b())"), ["a::b"]);
        assert_eq!(found("match x { crate::a::B { y } => crate::c::D {} }"), ["a::B", "c::D"]);
    }

    #[test]
    fn super_counts_where_it_reaches_the_root() {
        assert_eq!(
            found("use super::a::B; mod x { use super::Y; use super::super::c::D; }"),
            ["a::B", "c::D"]
        );
        assert_eq!(paths("use super::Y; fn f() { super::super::a::b() }", 2), [["a", "b"]]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let source = r####"
            //! [`crate::a`] and /* crate::a
            /* crate::a /* crate::a */ crate::a */
            const A: (&str, &str, &[u8]) = ("crate::a \" crate::a", r#"crate::a " "#, b"crate::a\\");
            fn f<'a>(c: &'a char) -> bool { matches!(c, '"' | '\'' | '{' | b'"') }
            #[cfg(test)]
            use crate::a;
            #[cfg(test)]
            pub(crate) fn g(x: [u8; 3]) -> crate::a::B { crate::a::c() }
            #[cfg(test)]
            mod tests { use crate::a; fn h() { } }
            const B: crate::b::C = crate::r#type::D;
        "####;
        assert_eq!(found(source), ["b::C", "type::D"]);
    }

    #[test]
    fn a_file_of_tests_is_known_by_its_declaration() {
        let source = "#[cfg(test)] pub(crate) mod memory; mod kernel; #[cfg(test)] mod t { }";
        assert_eq!(declared_for_tests(&tokens(source)), ["memory"]);
    }

    #[test]
    fn files_stand_where_their_path_says() {
        assert_eq!(module_of("store/mod.rs"), ["store"]);
        assert_eq!(module_of("store/locks.rs"), ["store", "locks"]);
        assert_eq!(module_of("disk.rs"), ["disk"]);
    }

    #[test]
    fn each_layer_sees_what_is_below() {
        for (from, path) in [
            ("config", "release::Version"),
            ("disk", "error::Error"),
            ("store", "disk::open"),
            ("unpack", "verify::Proven"),
            ("unpack", "verify::Proven::read"),
            ("unpack", "unpack::tar::read"),
            ("deploy", "settle::run"),
            ("deploy", "unpack::unpack"),
            ("cli", "publish::run"),
        ] {
            assert!(allowed(from, path), "{from} → {path}");
        }
        for (from, path) in [
            ("error", "disk::Disk"),
            ("error", "deploy"),
            ("disk", "process::Who"),
            ("disk", "store::Site"),
            ("store", "deploy::run"),
            ("verify", "unpack::Tree"),
            ("unpack", "verify::verify"),
            ("unpack", "verify"),
            ("unpack", "verify::*"),
            ("settle", "deploy::run"),
            ("publish", "cli::Args"),
            ("deploy", "nowhere::x"),
            ("deploy", "Alias"),
        ] {
            assert!(!allowed(from, path), "{from} → {path}");
        }
    }
}

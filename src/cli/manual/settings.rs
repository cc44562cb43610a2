//! The page of the configuration: the documented example that is installed beside it, so that both
//! say the same.

use super::{
    Page,
    page::{begin, section, see_also},
    text::{inlines, item, shaped, tell},
};
use roff::{Roff, bold, roman};

/// By what `seedship man` finds it.
pub(super) const WORDS: &str = "config.toml";
/// The page's name: the file's own would say nothing in a list of all pages.
pub(super) const NAME: &str = "seedship-config";

/// The example that tells of every key.
const EXAMPLE: &str = include_str!("../../../packaging/config.toml");

/// The smallest configuration of use.
const SMALL: &str = "  [apps.shop]
  match    = \"shop-{version}.tar.zst\"
  root     = \"/srv/www/shop\"
  unsigned = \"accept\"";

/// `seedship-config(5)`.
pub(super) fn page() -> Page {
    let mut roff = Roff::new();
    begin(&mut roff, &NAME.to_uppercase(), "5");
    section(&mut roff, "NAME");
    roff.text([roman(format!("{NAME} - the configuration of seedship"))]);
    section(&mut roff, "SYNOPSIS");
    roff.text([
        bold("/etc/seedship/config.toml"),
        roman(", "),
        bold("/etc/seedship/config.d/*.toml"),
    ]);
    section(&mut roff, "DESCRIPTION");
    let (first, rest) = EXAMPLE.split_once("\n\n").unwrap_or((EXAMPLE, ""));
    introduction(&mut roff, first);
    section(&mut roff, "TABLES AND KEYS");
    rest.split("\n\n").for_each(|block| tell_block(&mut roff, block));
    section(&mut roff, "EXAMPLES");
    roff.text([roman("All that an app needs, if its releases are not signed:")]);
    roff.control("PP", []);
    shaped(&mut roff, SMALL);
    roff.control("PP", []);
    roff.text(inlines(
        "`seedship config check` says what is wrong, `seedship config show` what is in force.",
    ));
    section(&mut roff, "SEE ALSO");
    roff.text(see_also(&["config check", "config show"]));
    Page { words: WORDS.to_owned(), file: format!("{NAME}.5"), text: roff.render() }
}

/// What is true of the whole file, without what is true of the example alone.
fn introduction(roff: &mut Roff, block: &str) {
    for (n, paragraph) in block.split("\n#\n").enumerate() {
        let text = comment(paragraph).replace(OF_THE_EXAMPLE, OF_THE_PAGE);
        match n {
            0 => {}
            1 => tell(roff, &text),
            _ => tell(roff.control("PP", []), &text),
        }
    }
}

/// The sentence by which the example explains itself, and what is true of the page instead.
const OF_THE_EXAMPLE: &str = "A line that begins with \"# KEY =\" shows a key's default.";
const OF_THE_PAGE: &str = "Every key is shown with its default, or with an example if it has none.";

/// One block of the example: comments, and the table or the key that follows them.
fn tell_block(roff: &mut Roff, block: &str) {
    let mut said = Vec::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('[') {
            roff.control("SS", [line]);
            tell(roff, &comment(&said.join("\n")));
            said.clear();
        } else if let Some((key, value)) = key(line) {
            item(roff, [bold(key)], &comment(&said.join("\n")).replace('\n', " "));
            let more: Vec<&str> = lines.by_ref().collect();
            written(roff, key, value, &more);
        } else {
            said.push(line);
        }
    }
}

/// A key as it may be written, less indented than its text: eighty columns are few.
fn written(roff: &mut Roff, key: &str, value: &str, more: &[&str]) {
    roff.control("IP", ["\"\"", "4"]);
    let list = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let first = match list.filter(|list| list.len() > WIDE) {
        Some(list) => format!("{key} = [\n    {list}\n]"),
        None => format!("{key} = {value}"),
    };
    shaped(roff, &[&[first.as_str()], more].concat().join("\n"));
}

/// A list this long has a line of its own.
const WIDE: usize = 50;

/// A key and its value, whether it is commented out or not.
fn key(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim_start_matches("# ").split_once(" = ")?;
    let is_name = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((key, value))
}

/// The text of comment lines.
fn comment(block: &str) -> String {
    let lines = block.lines().map(|line| line.trim_start_matches('#').trim());
    lines.collect::<Vec<_>>().join("\n").replace("\n", " ").trim().to_owned()
}

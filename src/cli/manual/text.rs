//! Running text for man(7): paragraphs, preformatted lines, and names between back-quotes.

use roff::{Inline, Roff, bold, roman};

/// Writes paragraphs, an empty line between two. Lines that begin with a space keep their shape.
pub(super) fn tell(roff: &mut Roff, text: &str) {
    for (n, paragraph) in text.split("\n\n").enumerate() {
        if n > 0 {
            roff.control("PP", []);
        }
        match paragraph.starts_with(' ') {
            true => shaped(roff, paragraph),
            false => {
                roff.text(inlines(&paragraph.replace('\n', " ")));
            }
        }
    }
}

/// Lines as they stand.
pub(super) fn shaped(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

/// A name, and what it is, indented below.
pub(super) fn item(roff: &mut Roff, name: impl Into<Vec<Inline>>, is: &str) {
    roff.control("TP", []);
    roff.text(name);
    roff.text(inlines(is));
}

/// What stands between back-quotes is bold, as manual pages show what is typed.
pub(super) fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(n, part)| if n % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

//! rtorrent's own command language, as far as a handler of an event is written in it.
//!
//! A handler is either text, which rtorrent parses each time the event fires, or a list that it
//! parsed when the rc file was read. What it cannot parse it says to nobody, so it is parsed here by
//! the same rules (measured on 0.9.8 and 0.16): `name=argument,argument`, several parted by `;`,
//! arguments bare, in double quotes or in braces, and `$name=argument` for the answer of another
//! command. Pure.

use std::fmt;

/// One command with its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// `execute.nothrow.bg`.
    pub command: String,
    /// What it is given.
    pub arguments: Vec<Word>,
}

impl Statement {
    /// What an `execute…` runs.
    pub fn program(&self) -> Option<&str> {
        self.arguments.first()?.text()
    }
}

/// A part of a handler, or an argument of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// The answer of another command, `$d.hash=` or `((d.hash))`; or a list, which looks the same in
    /// what rtorrent tells.
    Call(Vec<Word>),
}

impl Word {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The name of the command whose answer it is.
    pub fn calls(&self) -> Option<&str> {
        if let Self::Call(words) = self { words.first()?.text() } else { None }
    }
}

/// As it would stand in a rc file, near enough to be found there.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            // Of a command without arguments rtorrent tells a 0 behind its name.
            Self::Call(words) => match words.as_slice() {
                [name, Self::Number(0)] => write!(f, "(({name}))"),
                words => write!(f, "(({}))", joined(words)),
            },
        }
    }
}

/// Words as a list of arguments.
pub fn joined(words: &[Word]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a parsed list does: one command, or several texts, each of which is parsed when it runs.
///
/// # Errors
/// Why rtorrent cannot run it. Braces around `name=a,b` make a list that is parted at every comma:
/// the first part runs without arguments, the second is no command.
pub fn of_list(words: &[Word]) -> Result<Vec<Statement>, &'static str> {
    let Some(first) = words.first() else { return Ok(Vec::new()) };
    match first {
        Word::Text(name) if !name.contains('=') => {
            let arguments = words[1..].to_vec();
            Ok(vec![Statement { command: name.clone(), arguments }])
        }
        _ => {
            let each = words.iter().map(|word| match word {
                Word::Text(text) => of_text(text).map_err(|_| PARTED),
                Word::Call(words) => of_list(words),
                Word::Number(_) => Err(PARTED),
            });
            Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
        }
    }
}

const PARTED: &str = "braces part it at each comma: it runs without arguments, then fails";

/// What a text does: its commands, in order.
///
/// # Errors
/// Why rtorrent cannot read it.
pub fn of_text(text: &str) -> Result<Vec<Statement>, &'static str> {
    let mut rest = Text { rest: text, room: DEEPEST };
    let mut all = Vec::new();
    loop {
        rest.skip(|c| c.is_whitespace() || c == ';');
        if rest.rest.is_empty() {
            return Ok(all);
        }
        if rest.rest.starts_with('#') {
            return Ok(all);
        }
        all.push(rest.statement("")?);
        rest.skip(is_blank);
        match rest.next() {
            None | Some(';' | '\n') => {}
            Some(_) => return Err("something stands after its last argument"),
        }
    }
}

/// A path as an argument of a text: in quotes, whatever it holds.
pub fn quoted(path: &str) -> String {
    let inner: String = path
        .chars()
        .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c]))
        .collect();
    format!("\"{inner}\"")
}

/// How many braces and answers of commands may stand in one another. Nobody writes three; each takes
/// its place on the stack.
const DEEPEST: usize = 32;
const NESTED: &str = "it is nested too deeply";

/// What is left of a text.
struct Text<'t> {
    rest: &'t str,
    /// How many more braces and calls may open in one another.
    room: usize,
}

/// What ends a bare argument, beside a blank.
const ENDS: [char; 5] = [',', ';', '}', ')', '\n'];

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

impl Text<'_> {
    /// A text within this one.
    fn within<'u>(&self, rest: &'u str) -> Result<Text<'u>, &'static str> {
        Ok(Text { rest, room: self.room.checked_sub(1).ok_or(NESTED)? })
    }

    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(what);
    }

    fn next(&mut self) -> Option<char> {
        let mut all = self.rest.chars();
        let first = all.next();
        self.rest = all.as_str();
        first
    }

    /// Takes a character if it is the next.
    fn takes(&mut self, c: char) -> bool {
        let found = self.rest.strip_prefix(c);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// `name=argument,argument`, up to what ends it.
    fn statement(&mut self, more_ends: &str) -> Result<Statement, &'static str> {
        if !self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err("it does not begin with the name of a command");
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let end = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let command = name.to_owned();
        self.rest = rest;
        self.skip(is_blank);
        if !self.takes('=') {
            return Err("no `=` follows the name of a command");
        }
        Ok(Statement { command, arguments: self.arguments(more_ends)? })
    }

    fn arguments(&mut self, more_ends: &str) -> Result<Vec<Word>, &'static str> {
        let mut all = Vec::new();
        loop {
            self.skip(is_blank);
            if self.rest.is_empty() || self.rest.starts_with([';', '\n']) {
                return Ok(all);
            }
            if self.rest.starts_with(|c| more_ends.contains(c)) {
                return Ok(all);
            }
            all.extend(self.argument()?);
            self.skip(is_blank);
            if !self.takes(',') {
                return Ok(all);
            }
        }
    }

    /// One argument, or all of those in braces.
    fn argument(&mut self) -> Result<Vec<Word>, &'static str> {
        if self.takes('{') {
            let mut braces = self.within(self.rest)?;
            let inner = braces.arguments("}")?;
            self.rest = braces.rest;
            return if self.takes('}') { Ok(inner) } else { Err("a brace is not closed") };
        }
        if self.rest.starts_with('(') {
            return Err("parentheses have no meaning in a text");
        }
        let text = if self.takes('"') { self.in_quotes()? } else { self.bare()? };
        Ok(vec![self.called(text)?])
    }

    /// A text that begins with `$` stands for the answer of the command behind it.
    fn called(&self, text: String) -> Result<Word, &'static str> {
        let Some(inner) = text.strip_prefix('$') else { return Ok(Word::Text(text)) };
        let Statement { command, mut arguments } = self.within(inner)?.statement("")?;
        arguments.insert(0, Word::Text(command));
        Ok(Word::Call(arguments))
    }

    fn in_quotes(&mut self) -> Result<String, &'static str> {
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err("a quote is not closed"),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.next().ok_or("it ends after a backslash")?),
                Some(c) => text.push(c),
            }
        }
    }

    fn bare(&mut self) -> Result<String, &'static str> {
        let mut text = String::new();
        while let Some(c) = self.rest.chars().next() {
            if is_blank(c) || ENDS.contains(&c) {
                break;
            }
            self.next();
            match c {
                '\\' => text.push(self.next().ok_or("it ends after a backslash")?),
                c => text.push(c),
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Word {
        Word::Text(text.into())
    }

    fn hash() -> Word {
        Word::Call(vec![text("d.hash")])
    }

    fn one(written: &str) -> Statement {
        let mut all = of_text(written).unwrap_or_else(|why| panic!("{written}: {why}"));
        assert_eq!(all.len(), 1, "{written}: {all:?}");
        all.remove(0)
    }

    /// Each was given to both rtorrents, and the hook was called with these arguments.
    #[test]
    fn what_rtorrent_runs_is_read() {
        let expected = |program: &str| Statement {
            command: "execute.nothrow.bg".into(),
            arguments: vec![text(program), text("finished"), hash()],
        };
        for (written, program) in [
            ("execute.nothrow.bg=/a/seedship,finished,$d.hash=", "/a/seedship"),
            ("execute.nothrow.bg={/a/seedship,finished,$d.hash=}", "/a/seedship"),
            ("execute.nothrow.bg=\"/a b/seedship\",finished,\"$d.hash=\"", "/a b/seedship"),
            (r#"execute.nothrow.bg="/a/r,e\"c)}",finished,$d.hash="#, "/a/r,e\"c)}"),
            (r#"execute.nothrow.bg="/a/b\\s$x",finished,$d.hash="#, "/a/b\\s$x"),
        ] {
            assert_eq!(one(written), expected(program), "{written}");
        }
        let two = of_text("execute.nothrow.bg=/a,finished,$d.hash= ; execute.nothrow.bg=/b,x");
        assert_eq!(two.unwrap().len(), 2);
        assert_eq!(of_text("").unwrap(), []);
    }

    /// Each of these both rtorrents refused.
    #[test]
    fn what_rtorrent_refuses_is_refused() {
        for written in [
            "((execute.nothrow.bg, \"/a\", finished, ((d.hash))))",
            "(execute.nothrow.bg,/a,finished,(d.hash))",
            "{execute.nothrow.bg=/a,finished,$d.hash=}",
            "execute.nothrow.bg=/a b/seedship,finished,$d.hash=",
            "execute.nothrow.bg=/a finished $d.hash=",
            "/a/seedship finished",
            "sh -c foo",
        ] {
            assert!(of_text(written).is_err(), "{written}");
        }
        let braces = ["execute.nothrow.bg=/a", "finished", "$d.hash="].map(text);
        assert_eq!(of_list(&braces), Err(PARTED));
    }

    /// Whoever reaches rtorrent can bind what a reader that recurses would die of.
    #[test]
    fn what_is_nested_without_end_is_refused() {
        for inner in ["{", "$a=", "{$a="] {
            let written = format!("execute={}", inner.repeat(200_000));
            assert_eq!(of_text(&written), Err(NESTED), "{inner}");
        }
        let deep = format!("execute={}x{}", "{".repeat(DEEPEST - 1), "}".repeat(DEEPEST - 1));
        assert_eq!(one(&deep).program(), Some("x"));
    }

    #[test]
    fn a_list_is_one_command_or_several_texts() {
        let call = Word::Call(vec![text("d.hash"), Word::Number(0)]);
        let words = [text("execute.nothrow.bg"), text("/a"), text("finished"), call.clone()];
        let read = of_list(&words).unwrap();
        assert_eq!(read[0].arguments[2].calls(), Some("d.hash"));
        assert_eq!(joined(&words[1..]), "/a, finished, ((d.hash))");
        assert_eq!(of_list(&[text("print=a"), text("print=b")]).unwrap().len(), 2);
        assert_eq!(of_list(&[]).unwrap(), []);
    }

    proptest! {
        #[test]
        fn no_text_panics(written in ".{0,60}") {
            let _ = of_text(&written);
        }

        #[test]
        fn no_text_of_its_own_letters_panics(written in "[a.=,;{}()\"\\\\$ \n]{0,40}") {
            let _ = of_text(&written);
        }

        #[test]
        fn a_quoted_path_is_read_back(path in "/.{0,40}") {
            let read = one(&format!("execute.nothrow.bg={},finished,$d.hash=", quoted(&path)));
            prop_assert_eq!(&read.arguments[0], &Word::Text(path));
        }
    }
}

//! How a command answers: text for people, or one JSON object.
//!
//! An answer that could not be written is a failure of its own: a script that reads an empty file
//! must not go on as if nothing was to be said. Only a reader that went away is nobody's error.

use crate::{
    error::{Error, Exit},
    report, table,
};
use metainfo::InfoHash;
use serde::Serialize;
use std::{
    cell::RefCell,
    io::{self, BufWriter, IsTerminal, Write},
};

/// Where the answer goes, and in which form.
pub(super) struct Output {
    json: bool,
    /// Another process passes on what this one says: it logs the failure too.
    passed_on: bool,
    /// Why an answer was lost.
    lost: RefCell<Option<io::Error>>,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json, passed_on: false, lost: RefCell::new(None) }
    }

    /// The same in a child whose parent tells the log what failed.
    pub(super) fn passed_on(self, passed_on: bool) -> Self {
        Self { passed_on, ..self }
    }

    /// A machine reads the answer.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Answers a person with `text`, or a machine with `object`.
    pub(super) fn answer(&self, text: impl std::fmt::Display, object: &impl Serialize) {
        match self.json {
            true => self.object(object),
            false => {
                let text = text.to_string();
                self.write(|out| writeln!(out, "{}", text.trim_end_matches('\n')));
            }
        }
    }

    /// Tells a person something now; a machine finds it in the object at the end.
    pub(super) fn tell(&self, text: &str) {
        if !self.json {
            self.write(|out| writeln!(out, "{}", text.trim_end_matches('\n')));
        }
    }

    /// The same, where there may be nothing to say to a person.
    pub(super) fn answer_if_any(&self, text: String, object: &impl Serialize) {
        match text.is_empty() {
            true => self.object(object),
            false => self.answer(text, object),
        }
    }

    /// Answers a machine; a person was told in another way.
    pub(super) fn object(&self, object: &impl Serialize) {
        if self.json {
            // As a stream: an audit may have a hundred thousand findings.
            self.write(|out| {
                serde_json::to_writer_pretty(&mut *out, object)?;
                writeln!(out)
            });
        }
    }

    /// Writes what has one form alone: a manual page, a script, help.
    pub(super) fn raw(&self, text: &[u8]) {
        self.write(|out| out.write_all(text));
    }

    /// Writes bytes that are no text, and every one of them: a torrent.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        self.keep(out.write_all(bytes).and_then(|()| out.flush()));
    }

    fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut out = BufWriter::new(anstream::stdout().lock());
        let written = write(&mut out).and_then(|()| out.flush());
        self.keep(written);
        // Dropping it would try once more.
        let _ = out.into_parts();
    }

    /// Remembers that an answer was lost. A reader that went away is no error of ours.
    pub(super) fn keep(&self, written: io::Result<()>) {
        if let Err(cause) = written
            && cause.kind() != io::ErrorKind::BrokenPipe
        {
            self.lost.borrow_mut().get_or_insert(cause);
        }
    }

    /// The exit code of a command that ended with `code`: an answer that was lost is told, and is a
    /// failure where there was none.
    pub(super) fn ends(&self, code: u8) -> u8 {
        let Some(cause) = self.lost.take() else { return code };
        let told = Error::io("write", "standard output", &cause);
        let lost = Error { exit: Exit::Io, thing: "the answer to standard output".into(), ..told };
        report::line_of(&lost).unseen(report::level_of(&lost));
        complain(&lost);
        if code == Exit::Done.code() { lost.exit.code() } else { code }
    }

    /// Colours are shown: on a terminal, and where nobody asked for none.
    pub(super) fn colour(&self) -> bool {
        let out = io::stdout();
        !self.json
            && out.is_terminal()
            && anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never
    }

    /// Tells a failure and returns its exit code.
    pub(super) fn fail(&self, error: &Error) -> u8 {
        self.fail_of(None, error)
    }

    /// The same of a torrent.
    pub(super) fn fail_of(&self, hash: Option<InfoHash>, error: &Error) -> u8 {
        if !self.passed_on {
            report::line_of(error).maybe("hash", hash).unseen(report::level_of(error));
        }
        self.failed(error, &report::in_json(error))
    }

    /// Answers with a failure that the log knows already, and returns its exit code.
    pub(super) fn failed(&self, error: &Error, object: &impl Serialize) -> u8 {
        self.object(object);
        self.complain(error);
        error.exit.code()
    }

    /// Tells a person of a failure; a machine finds it in the object.
    pub(super) fn complain(&self, error: &Error) {
        if !self.json {
            complain(error);
        }
    }
}

/// Tells a person a failure. Lines are broken on a terminal alone: whoever searches a log finds the
/// sentence whole. If stderr cannot be written, there is nobody left to tell.
fn complain(error: &Error) {
    let text = report::for_people(error);
    let text = match io::stderr().is_terminal() {
        true => text.lines().map(folded).collect::<Vec<_>>().join("\n"),
        false => text,
    };
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// One line as lines of a screen, the further ones indented below the first.
fn folded(line: &str) -> String {
    let indent = if line.starts_with(' ') { "    " } else { "  " };
    let lead = &line[..line.len() - line.trim_start().len()];
    let lines = table::wrapped(line.trim_start(), table::WIDTH - indent.len());
    format!("{lead}{}", lines.join(&format!("\n{indent}")))
}

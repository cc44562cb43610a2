//! How a command answers: text for people, or one JSON object.

use crate::{error::Error, report};
use metainfo::InfoHash;
use serde::Serialize;
use std::io::{BufWriter, IsTerminal, Write};

/// Where the answer goes, and in which form.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A machine reads the answer.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Answers a person with `text`, or a machine with `object`. A reader that went away is no
    /// error of ours.
    pub(super) fn answer(&self, text: impl std::fmt::Display, object: &impl Serialize) {
        match self.json {
            true => self.object(object),
            false => {
                let text = text.to_string();
                let _ = writeln!(anstream::stdout(), "{}", text.trim_end_matches('\n'));
            }
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
            let mut out = BufWriter::new(anstream::stdout().lock());
            let written = serde_json::to_writer_pretty(&mut out, object);
            let written = written.map_err(std::io::Error::from).and_then(|()| writeln!(out));
            let _ = written.and_then(|()| out.flush());
        }
    }

    /// Colours are shown: on a terminal, and where nobody asked for none.
    pub(super) fn colour(&self) -> bool {
        let out = std::io::stdout();
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
        report::line_of(error).maybe("hash", hash).unseen(report::level_of(error));
        match self.json {
            true => self.object(&report::in_json(error)),
            false => {
                let _ = writeln!(anstream::stderr(), "{}", report::for_people(error));
            }
        }
        error.exit.code()
    }
}

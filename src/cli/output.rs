//! How a command answers: text for people, or one JSON object.

use crate::{error::Error, report};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Where the answer goes, and in which form.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Answers a person with `text`, or a machine with `object`. A reader that went away is no
    /// error of ours.
    pub(super) fn answer(&self, text: impl std::fmt::Display, object: &impl Serialize) {
        let mut out = anstream::stdout();
        let _ = match self.json {
            true => serde_json::to_string_pretty(object)
                .map_err(std::io::Error::from)
                .and_then(|object| writeln!(out, "{object}")),
            false => writeln!(out, "{}", text.to_string().trim_end_matches('\n')),
        };
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
        report::line_of(error).unseen(report::level_of(error));
        if self.json {
            self.answer("", &report::in_json(error));
        } else {
            let _ = writeln!(anstream::stderr(), "{}", report::for_people(error));
        }
        error.exit.code()
    }
}

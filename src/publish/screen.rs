//! What a person sees of a publication.

use super::{Delivery, Outcome, Published};
use crate::{
    error::one_line,
    rtorrent::Seeding,
    table::{WIDTH, counted, size, wrapped},
};
use std::fmt::Write;

impl Published {
    /// What was made, a thing a line.
    pub fn screen(&self) -> String {
        let Self { app, version, payload, .. } = self;
        let is = if self.already { "was published already" } else { "is published" };
        let mut text = format!("{app} {version} {is}\n");
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<9}  {value}");
        };
        line("payload", payload);
        line("content", &format!("{} in {}", size(self.content), counted(self.files, "file")));
        line("size", &self.sizes());
        if let Some(torrent) = &self.torrent {
            line("torrent", torrent);
        }
        line("info hash", &self.info_hash);
        line("signed", &self.signed());
        if !self.facts.is_empty() {
            line("facts", &self.facts);
        }
        if let Some(seeds) = &self.seeding {
            let since = if seeds.state == Seeding::Already { ", as before" } else { "" };
            line("seeding", &format!("rtorrent at {}{since}", seeds.rtorrent));
        }
        for note in &self.notes {
            line("note", &one_line(note));
        }
        text
    }

    fn sizes(&self) -> String {
        let pieces = counted(self.pieces as u64, "piece");
        let frames = match self.frames {
            0 => String::new(),
            frames => format!(", {}", counted(frames as u64, "frame")),
        };
        format!("{}, {pieces} of {}{frames}", size(self.length), size(self.piece_length))
    }

    fn signed(&self) -> String {
        match &self.key {
            Some(key) => format!("by key {key}, published {}", self.published),
            None => format!("no; published {}", self.published),
        }
    }
}

impl Delivery {
    /// The line of a result as it comes.
    pub fn line(&self) -> String {
        let word = match self.outcome {
            Outcome::Delivered => "delivered",
            Outcome::Already => "has it",
            Outcome::Failed => "FAILED",
        };
        let seconds = self.took().as_secs_f64();
        match self.failure() {
            None => format!("{word:<9}  {}  {seconds:.1} s", self.to),
            Some(error) => {
                let hint = error.hint.iter().map(|hint| format!("hint: {hint}"));
                let why = [error.cause.clone()].into_iter().chain(hint);
                let why: Vec<String> = why.flat_map(|text| wrapped(&text, WIDTH - 2)).collect();
                format!("{word:<9}  {}  {seconds:.1} s\n  {}", self.to, why.join("\n  "))
            }
        }
    }
}

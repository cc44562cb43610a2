//! A torrent that was made, for people and for machines.

use crate::{
    error::escaped,
    table::{count, counted, size, wrapped},
    torrent::magnet,
};
use metainfo::Metainfo;
use serde::Serialize;

/// Columns of a screen.
const WIDTH: usize = 80;

/// What became of a payload. Names are escaped.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// Where the .torrent is.
    pub torrent: String,
    /// Its name.
    pub name: String,
    /// Its info hash.
    pub hash: String,
    /// That of BitTorrent v2, in lower case, if it is a hybrid one.
    pub hash_v2: Option<String>,
    /// Files of the payload, links and empty ones among them.
    pub files: usize,
    /// Their bytes.
    pub length: u64,
    /// Bytes in a piece.
    pub piece_length: u64,
    /// How many pieces there are.
    pub pieces: usize,
    /// Its trackers, in their order.
    pub trackers: Vec<String>,
    /// Whether peers come from the trackers alone.
    pub private: bool,
    /// What finds it again.
    pub magnet: String,
    /// What it cannot carry, a sentence each.
    pub notes: Vec<String>,
}

impl Made {
    /// Of a torrent that is at this place.
    pub fn of(torrent: &Metainfo, at: String, notes: Vec<String>) -> Self {
        let own = || torrent.files().iter().filter(|file| !file.attr.padding);
        Self {
            torrent: at,
            name: escaped(torrent.name()),
            hash: torrent.info_hash().to_string(),
            hash_v2: torrent.info_hash_v2().map(|hash| magnet::hex(&hash)),
            files: own().count(),
            length: own().map(|file| file.length).sum(),
            piece_length: torrent.piece_length(),
            pieces: torrent.pieces().len(),
            trackers: torrent.announce().into_iter().map(escaped).collect(),
            private: torrent.is_private(),
            magnet: magnet::link(torrent),
            notes,
        }
    }

    /// For people, each line ended by a newline.
    pub fn screen(&self) -> String {
        let mut text = format!("{} is made\n", self.torrent);
        let mut line = |label: &str, value: &str| text.push_str(&format!("  {label:<14}{value}\n"));
        line("name", &self.name);
        line("info hash", &self.hash);
        if let Some(hash) = &self.hash_v2 {
            line("info hash v2", hash);
        }
        line("payload", &format!("{}, {}", counted(self.files as u64, "file"), size(self.length)));
        let pieces = count(self.pieces as u64);
        line("pieces", &format!("{pieces} of {}", size(self.piece_length)));
        for (n, tracker) in self.trackers.iter().enumerate() {
            line(if n == 0 { "trackers" } else { "" }, tracker);
        }
        if self.private {
            line("private", "peers come from the trackers alone");
        }
        for note in &self.notes {
            let note = wrapped(&format!("note: {note}"), WIDTH - 4).join("\n    ");
            text.push_str(&format!("  {note}\n"));
        }
        text
    }
}

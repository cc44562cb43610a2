//! The arguments of whoever makes a plain torrent.

use crate::verify::PIECE_MAX;
use clap::{Args as Arguments, ValueHint};
use std::path::PathBuf;

#[derive(Arguments, Debug)]
pub(in crate::cli) struct Create {
    /// The payload: a file, or a directory with all that is in it
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) path: PathBuf,
    /// Where to write the torrent, - for standard output [default: beside the payload]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: Option<PathBuf>,
    /// What the payload is called [default: as PATH is]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// A tracker; given again, each is asked where those before do not answer
    #[arg(long, short, value_name = "URL", value_parser = tracker)]
    pub(in crate::cli) announce: Vec<String>,
    /// Bytes in a piece: 16KiB to 16MiB, a power of two [default: by the payload's size]
    #[arg(long, value_name = "SIZE", value_parser = piece_length)]
    pub(in crate::cli) piece_length: Option<u64>,
    /// Peers come from the trackers alone
    #[arg(long)]
    pub(in crate::cli) private: bool,
    /// A comment, outside of what the info hash covers
    #[arg(long, value_name = "TEXT", value_parser = line)]
    pub(in crate::cli) comment: Option<String>,
    /// Of BitTorrent v1 and v2: the default for a file
    #[arg(long, conflicts_with = "no_hybrid")]
    pub(in crate::cli) hybrid: bool,
    /// Of BitTorrent v1 alone: the default for a directory
    #[arg(long)]
    pub(in crate::cli) no_hybrid: bool,
    /// Replace a torrent that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

/// A URL of a scheme that torrent clients ask.
fn tracker(text: &str) -> Result<String, String> {
    let rest =
        ["http://", "https://", "udp://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(host) if !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        _ => Err("write a URL that begins with http://, https:// or udp://".to_owned()),
    }
}

/// One line of text.
fn line(text: &str) -> Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err("write one line without control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// A size that a piece may have, in BitTorrent v2 and for a deploy.
fn piece_length(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("B", 1), ("", 1)];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, 1));
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| bytes.is_power_of_two() && (16 << 10..=PIECE_MAX).contains(bytes))
        .ok_or_else(|| "write a power of two from 16KiB to 16MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_a_power_of_two() {
        for (text, bytes) in
            [("16KiB", 16 << 10), ("1MiB", 1 << 20), ("16MiB", PIECE_MAX), ("65536", 65_536)]
        {
            assert_eq!(piece_length(text), Ok(bytes));
        }
        for bad in
            ["", "KiB", "8KiB", "32MiB", "100KiB", "-1", "1GiB", "1 MiB", "99999999999999999MiB"]
        {
            assert!(piece_length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tracker_is_a_url() {
        assert!(tracker("http://tracker.example:6969/announce").is_ok());
        for bad in ["", "http://", "tracker.example", "file:///x", "http://a b", "http://a\u{7}"] {
            assert!(tracker(bad).is_err(), "{bad}");
        }
    }
}

//! A .torrent file (BEP 3) that could be read, and everything that is asked of it.
//!
//! Keys inside `info` are what the hash covers and what rtorrent acts on: each that is read must be
//! of its kind. Outside `info`, `creation date` and `minisign` are decided upon, so they are strict
//! too; the rest is only shown, and is passed over where it makes no sense.

use crate::bencode::{Dictionary, Value};
use crate::file::{self, File};
use crate::{Flaw, InfoHash, ParseError};

/// The largest piece length that is believed: 1 GiB. rtorrent stops at 128 MiB.
pub const MAX_PIECE_LENGTH: u64 = 1 << 30;

/// A .torrent file. Its info hash was taken, but not compared with anything: see
/// [`Authentic`](crate::Authentic).
#[derive(Clone, Debug)]
pub struct Metainfo {
    raw_info: Vec<u8>,
    info_hash: InfoHash,
    name: Vec<u8>,
    multi_file: bool,
    files: Vec<File>,
    total_length: u64,
    piece_length: u64,
    pieces: Vec<[u8; 20]>,
    private: bool,
    hybrid: bool,
    created: Option<i64>,
    minisign: Option<Vec<u8>>,
    announce: Vec<Vec<u8>>,
    comment: Option<Vec<u8>>,
    created_by: Option<Vec<u8>>,
}

impl Metainfo {
    /// Reads a .torrent file. Bytes behind its end are passed over, as rtorrent does.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (outer, _) = Dictionary::parse(bytes)?;
        let info = match outer.get(b"info") {
            Some(Value::Dictionary(info)) => info,
            Some(_) => return Err(ParseError::key("info", Flaw::NotA("a dictionary"))),
            None => return Err(ParseError::key("info", Flaw::Missing)),
        };
        let version_2 = info.get(b"meta version") == Some(Value::Integer(2))
            && matches!(info.get(b"file tree"), Some(Value::Dictionary(_)));
        if version_2 && info.get(b"pieces").is_none() {
            return Err(ParseError::V2Only);
        }
        let name = name(info)?;
        let (multi_file, files) = files(info)?;
        let total_length = total_length(&files)?;
        let piece_length = piece_length(info)?;
        Ok(Self {
            raw_info: info.raw().to_vec(),
            info_hash: InfoHash::of(info.raw()),
            name: name.to_vec(),
            multi_file,
            files,
            total_length,
            piece_length,
            pieces: pieces(info, total_length.div_ceil(piece_length))?,
            private: info.get(b"private") == Some(Value::Integer(1)),
            hybrid: version_2,
            created: integer(outer, "", "creation date")?,
            minisign: string(outer, "", "minisign")?.map(Vec::from),
            announce: announce(outer),
            comment: shown(outer, b"comment"),
            created_by: shown(outer, b"created by"),
        })
    }

    /// The SHA-1 of [`raw_info`](Self::raw_info).
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The `info` dictionary, byte for byte as it came: what is hashed and signed.
    pub fn raw_info(&self) -> &[u8] {
        &self.raw_info
    }

    /// The name of the single file, or of the directory of many: one path component, not empty, not
    /// `.` or `..`, without `/` and NUL. It may hold control characters and need not be UTF-8.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether the payload is a directory, be it of one file.
    pub fn is_multi_file(&self) -> bool {
        self.multi_file
    }

    /// The files in the order of their bytes; never empty. No two want the same place, save for
    /// padding. A single file is one entry with an empty path.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The sum of all lengths in bytes, padding included; fits an `i64`.
    pub fn total_length(&self) -> u64 {
        self.total_length
    }

    /// Bytes in every piece but the last: 1 to [`MAX_PIECE_LENGTH`].
    pub fn piece_length(&self) -> u64 {
        self.piece_length
    }

    /// The SHA-1 of each piece: exactly as many as the total length has pieces.
    pub fn pieces(&self) -> &[[u8; 20]] {
        &self.pieces
    }

    /// Bytes in one piece: the last may be shorter; 0 for a piece that is not there.
    pub fn piece_size(&self, index: usize) -> u64 {
        let start =
            u64::try_from(index).ok().and_then(|index| index.checked_mul(self.piece_length));
        let left = start.and_then(|start| self.total_length.checked_sub(start));
        left.unwrap_or(0).min(self.piece_length)
    }

    /// `creation date`, in seconds since 1970. Not covered by the info hash.
    pub fn created(&self) -> Option<i64> {
        self.created
    }

    /// The text of a whole minisign signature file over [`raw_info`](Self::raw_info), unverified.
    pub fn minisign(&self) -> Option<&[u8]> {
        self.minisign.as_deref()
    }

    /// Trackers: those of `announce-list` (BEP 12) tier by tier, or else `announce`.
    pub fn announce(&self) -> Vec<&[u8]> {
        self.announce.iter().map(Vec::as_slice).collect()
    }

    /// `private` (BEP 27): peers come from the trackers alone.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// `comment`, whatever its bytes. Not covered by the info hash.
    pub fn comment(&self) -> Option<&[u8]> {
        self.comment.as_deref()
    }

    /// `created by`, whatever its bytes. Not covered by the info hash.
    pub fn created_by(&self) -> Option<&[u8]> {
        self.created_by.as_deref()
    }

    /// Whether the torrent describes the same payload for BitTorrent v2 too (BEP 52).
    pub fn is_hybrid(&self) -> bool {
        self.hybrid
    }
}

fn name(info: Dictionary<'_>) -> Result<&[u8], ParseError> {
    let name = string(info, "info.", "name")?;
    let name = name.ok_or_else(|| ParseError::key("info.name", Flaw::Missing))?;
    match file::component(name) {
        Ok(()) => Ok(name),
        Err(Flaw::EmptyName) => Err(ParseError::key("info.name", Flaw::Empty)),
        Err(flaw) => Err(ParseError::key("info.name", flaw)),
    }
}

/// Whether there are many files, and the files.
fn files(info: Dictionary<'_>) -> Result<(bool, Vec<File>), ParseError> {
    match (info.get(b"length"), info.get(b"files")) {
        (Some(_), Some(_)) => Err(ParseError::key("info.files", Flaw::BothLayouts)),
        (None, Some(Value::List(list))) => Ok((true, file::several(list)?)),
        (None, Some(_)) => Err(ParseError::key("info.files", Flaw::NotA("a list"))),
        (_, None) => Ok((false, vec![file::single(info)?])),
    }
}

fn total_length(files: &[File]) -> Result<u64, ParseError> {
    let total = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.length));
    match total {
        Some(total) if i64::try_from(total).is_ok() => Ok(total),
        _ => Err(ParseError::key("info.files", Flaw::TotalOverflow)),
    }
}

fn piece_length(info: Dictionary<'_>) -> Result<u64, ParseError> {
    let flaw = match integer(info, "info.", "piece length")?.map(u64::try_from) {
        None => Flaw::Missing,
        Some(Err(_)) => Flaw::Negative,
        Some(Ok(0)) => Flaw::Zero,
        Some(Ok(length @ 1..=MAX_PIECE_LENGTH)) => return Ok(length),
        Some(Ok(_)) => Flaw::Above(MAX_PIECE_LENGTH),
    };
    Err(ParseError::key("info.piece length", flaw))
}

fn pieces(info: Dictionary<'_>, needed: u64) -> Result<Vec<[u8; 20]>, ParseError> {
    let fail = |flaw| ParseError::key("info.pieces", flaw);
    let bytes = string(info, "info.", "pieces")?.ok_or_else(|| fail(Flaw::Missing))?;
    let (hashes, rest) = bytes.as_chunks::<20>();
    if !rest.is_empty() {
        return Err(fail(Flaw::RaggedHashes(bytes.len())));
    }
    let found = hashes.len() as u64;
    if found != needed {
        return Err(fail(Flaw::HashCount { found, needed }));
    }
    Ok(hashes.to_vec())
}

/// The trackers without repetition; what is not a string is passed over.
fn announce(outer: Dictionary<'_>) -> Vec<Vec<u8>> {
    let mut urls: Vec<Vec<u8>> = Vec::new();
    if let Some(Value::List(tiers)) = outer.get(b"announce-list") {
        for tier in tiers.items() {
            let Value::List(tier) = tier else { continue };
            for url in tier.items() {
                match url {
                    Value::Bytes(url) if !urls.iter().any(|u| u == url) => urls.push(url.to_vec()),
                    _ => {}
                }
            }
        }
    }
    if urls.is_empty() {
        urls.extend(shown(outer, b"announce"));
    }
    urls
}

/// A string that is only shown.
fn shown(outer: Dictionary<'_>, key: &[u8]) -> Option<Vec<u8>> {
    match outer.get(key) {
        Some(Value::Bytes(text)) => Some(text.to_vec()),
        _ => None,
    }
}

/// The string of a key that may be missing but not be anything else. `place` leads to the key.
fn string<'a>(
    dictionary: Dictionary<'a>,
    place: &str,
    key: &str,
) -> Result<Option<&'a [u8]>, ParseError> {
    match dictionary.get(key.as_bytes()) {
        None => Ok(None),
        Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
        Some(_) => Err(ParseError::key(format!("{place}{key}"), Flaw::NotA("a string"))),
    }
}

/// The integer of a key that may be missing but not be anything else. `place` leads to the key.
fn integer(dictionary: Dictionary<'_>, place: &str, key: &str) -> Result<Option<i64>, ParseError> {
    match dictionary.get(key.as_bytes()) {
        None => Ok(None),
        Some(Value::Integer(number)) => Ok(Some(number)),
        Some(_) => Err(ParseError::key(format!("{place}{key}"), Flaw::NotA("an integer"))),
    }
}

//! .torrent files, made by `mktorrent`.
//!
//! The little that must be read or changed in them here (where `info` is, a key added) is done on
//! the raw bytes: what a test holds against Seedship must not come from Seedship's own parser.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha1::{Digest, Sha1};

use crate::error::{During, Error, Result};
use crate::lab::Lab;
use crate::site::run;
use crate::tracker::Tracker;

/// A .torrent.
#[derive(Clone, Debug)]
pub struct Torrent {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its info hash as rtorrent writes it: 40 upper-case hex digits.
    pub hash: String,
    /// `info.name` as a file name.
    pub name: OsString,
    /// The raw bytes of `info`.
    pub info: Vec<u8>,
}

impl Torrent {
    /// Reads a .torrent; any bytes that are a bencoded dictionary with an `info` will do.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = bytes.into();
        let info = entry(&bytes, b"info").ok_or_else(|| Error::new("no `info`"))?.to_vec();
        let name = entry(&info, b"name").and_then(|raw| {
            let colon = raw.iter().position(|b| *b == b':')?;
            Some(OsString::from_vec(raw[colon + 1..].to_vec()))
        });
        let hash = Sha1::digest(&info).iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self { bytes, hash, name: name.unwrap_or_default(), info })
    }

    /// The same torrent with another top-level key; the info hash stays.
    pub fn with_key(&self, key: &str, value: &[u8]) -> Result<Self> {
        let (mut entries, mut rest) = (Vec::new(), self.bytes[1..].as_ref());
        while rest.first() != Some(&b'e') {
            let pair = split(rest).and_then(|(k, after)| split(after).map(|(v, end)| (k, v, end)));
            let (key, value, end) = pair.ok_or_else(|| Error::new("broken bencode"))?;
            entries.push((text(key).to_vec(), [key, value].concat()));
            rest = end;
        }
        let encoded = |bytes: &[u8]| [format!("{}:", bytes.len()).as_bytes(), bytes].concat();
        entries.retain(|(existing, _)| existing != key.as_bytes());
        entries.push((key.into(), [encoded(key.as_bytes()), encoded(value)].concat()));
        entries.sort();
        let mut bytes = b"d".to_vec();
        entries.iter().for_each(|(_, raw)| bytes.extend_from_slice(raw));
        bytes.push(b'e');
        Self::from_bytes(bytes)
    }

    /// Writes it to a file.
    pub fn write_to(&self, path: &Path) -> Result<()> {
        fs::write(path, &self.bytes).during(format!("write {}", path.display()))
    }
}

/// A torrent to be made.
#[derive(Debug)]
pub struct Builder<'a> {
    lab: &'a Lab,
    payload: PathBuf,
    name: Option<OsString>,
    tracker: Option<&'a Tracker>,
    piece_power: u32,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(lab: &'a Lab, payload: &Path) -> Self {
        Self { lab, payload: payload.to_owned(), name: None, tracker: None, piece_power: 15 }
    }

    /// `info.name`, in place of the payload's own.
    #[must_use]
    pub fn name(mut self, name: impl Into<OsString>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Announced to this tracker, which is told to serve it.
    #[must_use]
    pub fn tracker(mut self, tracker: &'a Tracker) -> Self {
        self.tracker = Some(tracker);
        self
    }

    /// Pieces of 2^`power` bytes, 15 to 28; otherwise 32 KiB.
    #[must_use]
    pub fn piece_power(mut self, power: u32) -> Self {
        self.piece_power = power;
        self
    }

    /// Makes it: version 1, and private if it has a tracker. Without one it must not be: rtorrent
    /// takes the peers of a private torrent from its tracker alone and refuses `add_peer`.
    pub fn make(self) -> Result<Torrent> {
        let out = self.lab.path().join(self.lab.fresh("made.torrent-"));
        let nowhere = || "http://127.0.0.1:9/announce".to_owned();
        let announce = self.tracker.map_or_else(nowhere, Tracker::announce);
        let mut command = Command::new("mktorrent");
        command.args(["-l", &self.piece_power.to_string(), "-a", &announce, "-o"]).arg(&out);
        if self.tracker.is_some() {
            command.arg("-p");
        }
        if let Some(name) = &self.name {
            command.arg("-n").arg(name);
        }
        run(command.arg(&self.payload))?;
        let torrent = Torrent::from_bytes(fs::read(&out).during("read a .torrent")?)?;
        fs::remove_file(&out).during("remove a .torrent")?;
        if let Some(tracker) = self.tracker {
            tracker.allow(&torrent.hash)?;
        }
        Ok(torrent)
    }
}

/// The raw value of a key of a bencoded dictionary.
fn entry<'a>(dictionary: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut rest = dictionary.strip_prefix(b"d")?;
    while rest.first()? != &b'e' {
        let (key, after) = split(rest)?;
        let (value, end) = split(after)?;
        if text(key) == wanted {
            return Some(value);
        }
        rest = end;
    }
    None
}

/// Cuts off the first bencoded value.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match bytes.first()? {
        b'i' => bytes.iter().position(|b| *b == b'e')? + 1,
        b'l' | b'd' => {
            let mut rest = &bytes[1..];
            while rest.first()? != &b'e' {
                rest = split(rest)?.1;
            }
            bytes.len() - rest.len() + 1
        }
        _ => {
            let colon = bytes.iter().position(|b| *b == b':')?;
            colon + 1 + std::str::from_utf8(&bytes[..colon]).ok()?.parse::<usize>().ok()?
        }
    };
    bytes.split_at_checked(length)
}

/// The bytes of a bencoded string.
fn text(raw: &[u8]) -> &[u8] {
    let colon = raw.iter().position(|b| *b == b':').map_or(0, |colon| colon + 1);
    &raw[colon..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_where_it_belongs_and_the_info_hash_stays() {
        let torrent =
            Torrent::from_bytes(*b"d8:announce1:x4:infod4:name1:n6:piecesl1:a1:beee").unwrap();
        assert_eq!(torrent.name, "n");
        assert_eq!(torrent.info, b"d4:name1:n6:piecesl1:a1:bee");
        let added = torrent.with_key("minisign", b"sig").unwrap();
        let expected = b"d8:announce1:x4:infod4:name1:n6:piecesl1:a1:bee8:minisign3:sige";
        assert_eq!(added.bytes, expected);
        assert_eq!(added.hash, torrent.hash);
        assert_eq!(added.with_key("minisign", b"sig").unwrap().bytes, expected);
    }

    #[test]
    fn the_hash_is_the_one_that_others_compute() {
        let lab = Lab::new().unwrap();
        let payload = lab.write("some file", "hello").unwrap();
        let torrent = lab.torrent(&payload).make().unwrap();
        assert_eq!(torrent.name, "some file");
        let file = lab.write("t.torrent", &torrent.bytes).unwrap();
        let shown = run(Command::new("transmission-show").arg(file)).unwrap();
        assert!(String::from_utf8_lossy(&shown).contains(&torrent.hash.to_lowercase()));
    }
}

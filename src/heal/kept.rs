//! What a heal must put back, on the disk before anything is taken: `.seedship/heal/<info hash>/`
//! holds the .torrent, and in `kept`, bencoded, what rtorrent would forget of the download, for
//! which try that is, and how far it came.

use crate::{
    disk::{Disk, LARGEST},
    error::{Error, Exit, Result, quoted},
    rtorrent::Belongings,
    store::{PRIVATE, write_durably},
};
use metainfo::{
    InfoHash,
    bencode::{Dictionary, Item, Value},
};
use std::path::PathBuf;

const HEALS: &str = ".seedship/heal";
const FILE: &str = "kept";
const FORMAT: i64 = 1;

/// How far a heal came. Whoever goes on begins where this says, and asks rtorrent for the rest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Step {
    /// Everything is kept; rtorrent may have let go of the download.
    Kept,
    /// rtorrent has it again, with everything that it had, and may have started it.
    Loaded,
    /// It is started.
    Started,
}

/// What is kept of a download.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub(super) hash: InfoHash,
    /// The try that it is kept for.
    pub(super) attempt: u32,
    /// What rtorrent is told to mark the download with, so that it is known from the one before.
    pub(super) mark: String,
    pub(super) step: Step,
    /// The .torrent does not fit into a request.
    pub(super) by_path: bool,
    /// How many pieces were there when it was looked at last.
    pub(super) pieces: Option<u64>,
    pub(super) belongings: Belongings,
}

impl Kept {
    /// For a try that begins.
    pub(super) fn new(hash: InfoHash, attempt: u32, random: u64, its: Belongings) -> Self {
        let mark = format!("{attempt}-{random:016x}");
        let (step, by_path, pieces) = (Step::Kept, false, None);
        Self { hash, attempt, mark, step, by_path, pieces, belongings: its }
    }

    /// What is kept of a download; `None` if nothing is, or another program's.
    pub(super) fn read<D: Disk>(disk: &D, hash: InfoHash) -> Result<Option<Self>> {
        let content = disk.read(&format!("{}/{FILE}", directory(hash)))?;
        Ok(content.and_then(|content| Self::parse(hash, &content)))
    }

    /// Writes the first of it, with the .torrent, durably. What was kept for an earlier try goes.
    pub(super) fn begin<D: Disk>(&self, disk: &D, torrent: &[u8]) -> Result<()> {
        let own = directory(self.hash);
        disk.remove_tree(&own)?;
        // Each directory before what is in it.
        for (path, above) in [(HEALS, PRIVATE), (own.as_str(), HEALS)] {
            disk.make_dir(path, 0o750)?;
            disk.fsync(above)?;
        }
        disk.write(&self.torrent_path(), torrent)?;
        self.write(disk)
    }

    /// Writes how far it came, durably.
    pub(super) fn write<D: Disk>(&self, disk: &D) -> Result<()> {
        write_durably(disk, &directory(self.hash), FILE, &self.to_item().encode())
    }

    /// The .torrent's bytes; for one that fits into a request.
    pub(super) fn torrent<D: Disk>(&self, disk: &D) -> Result<Vec<u8>> {
        disk.read(&self.torrent_path())?.ok_or_else(|| {
            let place = quoted(self.torrent_file(disk));
            Error::new(Exit::Io, "read", place, "it was removed while its download was healed")
                .hint("load the .torrent in rtorrent again, into the directory it had")
        })
    }

    /// The .torrent's file, for rtorrent. Its path is new with every try.
    pub(super) fn torrent_file<D: Disk>(&self, disk: &D) -> PathBuf {
        disk.place().join(self.torrent_path())
    }

    fn torrent_path(&self) -> String {
        format!("{}/{}.torrent", directory(self.hash), self.mark)
    }

    fn to_item(&self) -> Item {
        let mut entries = vec![
            ("format", Item::from(FORMAT)),
            ("attempt", Item::from(i64::from(self.attempt))),
            ("mark", Item::bytes(self.mark.as_str())),
            ("step", Item::from(self.step as i64)),
            ("by path", Item::from(i64::from(self.by_path))),
            ("belongings", self.belongings.to_item()),
        ];
        let pieces = self.pieces.and_then(|pieces| i64::try_from(pieces).ok());
        entries.extend(pieces.map(|pieces| ("pieces", Item::from(pieces))));
        Item::dictionary(entries)
    }

    fn parse(hash: InfoHash, content: &[u8]) -> Option<Self> {
        let (found, _) = Dictionary::parse(content).ok()?;
        let number = |key: &str| match found.get(key.as_bytes()) {
            Some(Value::Integer(number)) => Some(number),
            _ => None,
        };
        let Some(Value::Bytes(mark)) = found.get(b"mark") else { return None };
        let Some(Value::Dictionary(its)) = found.get(b"belongings") else { return None };
        (number("format")? == FORMAT).then_some(())?;
        Some(Self {
            hash,
            attempt: number("attempt")?.try_into().ok()?,
            mark: String::from_utf8(mark.to_vec()).ok()?,
            step: [Step::Kept, Step::Loaded, Step::Started]
                .into_iter()
                .find(|step| Some(*step as i64) == number("step"))?,
            by_path: number("by path")? != 0,
            pieces: number("pieces").and_then(|pieces| pieces.try_into().ok()),
            belongings: Belongings::read(&its),
        })
    }
}

/// Something is kept of this download, whole or not.
pub(super) fn is_there<D: Disk>(disk: &D, hash: InfoHash) -> Result<bool> {
    Ok(disk.kind(&directory(hash))?.is_some())
}

/// Of which downloads something is kept.
pub(super) fn all<D: Disk>(disk: &D) -> Result<Vec<InfoHash>> {
    Ok(disk.list(HEALS)?.iter().filter_map(|name| InfoHash::parse(name)).collect())
}

/// Nothing of it is wanted any more. What a power cut brings back goes the next time.
pub(super) fn remove<D: Disk>(disk: &D, hash: InfoHash) -> Result<()> {
    disk.remove_tree(&directory(hash))
}

/// Whether a .torrent of so many bytes can be read back to be put into a request.
pub(super) fn is_readable(bytes: u64) -> bool {
    bytes <= LARGEST
}

fn directory(hash: InfoHash) -> String {
    format!("{HEALS}/{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_kept_comes_back() {
        let hash = InfoHash::new([7; 20]);
        let its = Belongings { directory: b"/dl/\xff".to_vec(), ..Belongings::default() };
        let mut kept = Kept::new(hash, 2, 0xab, its);
        for step in [Step::Kept, Step::Loaded, Step::Started] {
            kept.step = step;
            assert_eq!(Kept::parse(hash, &kept.to_item().encode()), Some(kept.clone()));
        }
        (kept.pieces, kept.by_path) = (Some(3), true);
        let content = kept.to_item().encode();
        assert_eq!(Kept::parse(hash, &content), Some(kept));
        for end in 0..content.len() {
            assert_eq!(Kept::parse(hash, &content[..end]), None);
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = Kept::parse(InfoHash::new([7; 20]), &bytes);
        }
    }
}

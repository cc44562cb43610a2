//! Making a .torrent: the same description and payload always give the same bytes.
//!
//! A [`Draft`] says what the torrent holds; [`Draft::hash`] takes the payload's bytes in torrent
//! order from readers that the caller opens; [`Draft::torrent`] writes keys in BEP 3's order and
//! gives nothing out that [`Metainfo::parse`] would refuse. [`Draft::hybrid`] does both for a torrent of
//! BitTorrent v1 and v2.

mod hybrid;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::num::NonZeroU64;

use sha1::{Digest, Sha1};

use crate::bencode::Item;
use crate::{Attr, File, Flaw, Metainfo, ParseError};

/// The piece length of a draft that names none: 256 KiB.
pub const PIECE_LENGTH: u64 = 256 * 1024;

/// No torrent that we make has more pieces: with 20 bytes for each it would be larger than what
/// anybody loads.
const MOST_PIECES: u64 = 3 << 20;

/// What a torrent is to hold.
#[derive(Clone, Debug)]
pub struct Draft {
    name: Vec<u8>,
    multi_file: bool,
    files: Vec<File>,
    piece_length: u64,
    announce: Vec<Vec<u8>>,
    created: Option<i64>,
    private: bool,
    extra: BTreeMap<Vec<u8>, Item>,
}

/// Why no torrent came of a draft.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The draft describes a torrent that could not be read again.
    #[error("the torrent would be refused: {0}")]
    Invalid(#[from] ParseError),
    /// The file with this index, counted from 0, could not be read.
    #[error("file {index} cannot be read: {cause}")]
    Read {
        /// Which file of the draft.
        index: usize,
        /// What the reader said.
        #[source]
        cause: io::Error,
    },
    /// A reader gave fewer or more bytes than the draft says.
    #[error("file {index} does not have the {length} bytes it should have")]
    Length {
        /// Which file of the draft, counted from 0.
        index: usize,
        /// The length in the draft.
        length: u64,
    },
}

impl Draft {
    /// A torrent of one file.
    pub fn single(name: impl Into<Vec<u8>>, length: u64) -> Self {
        let file = File { path: Vec::new(), length, attr: Attr::default() };
        Self::new(name.into(), false, vec![file])
    }

    /// Its files may be executed by their owner (BEP 47). For a torrent of one file: those of a
    /// directory say it for themselves.
    #[must_use]
    pub fn executable(mut self, executable: bool) -> Self {
        self.files.iter_mut().for_each(|file| file.attr.executable = executable);
        self
    }

    /// A torrent of a directory with these files in this order.
    pub fn directory(name: impl Into<Vec<u8>>, files: Vec<File>) -> Self {
        Self::new(name.into(), true, files)
    }

    fn new(name: Vec<u8>, multi_file: bool, files: Vec<File>) -> Self {
        Self {
            name,
            multi_file,
            files,
            piece_length: PIECE_LENGTH,
            announce: Vec::new(),
            created: None,
            private: false,
            extra: BTreeMap::new(),
        }
    }

    /// Bytes in a piece.
    #[must_use]
    pub fn piece_length(mut self, bytes: u64) -> Self {
        self.piece_length = bytes;
        self
    }

    /// Adds a tracker, as a tier of its own (BEP 12).
    #[must_use]
    pub fn announce(mut self, url: impl Into<Vec<u8>>) -> Self {
        self.announce.push(url.into());
        self
    }

    /// The creation date, in seconds since 1970.
    #[must_use]
    pub fn created(mut self, seconds: i64) -> Self {
        self.created = Some(seconds);
        self
    }

    /// Peers come from the trackers alone (BEP 27).
    #[must_use]
    pub fn private(mut self, private: bool) -> Self {
        self.private = private;
        self
    }

    /// Adds any other outermost key: `comment`, `minisign`. It gives way to the keys that the draft
    /// itself has a word for.
    #[must_use]
    pub fn extra(mut self, key: impl Into<Vec<u8>>, value: Item) -> Self {
        self.extra.insert(key.into(), value);
        self
    }

    /// Hashes the payload. `open` is asked for each file with bytes of its own, in order; padding is
    /// zeros, links and empty files have none.
    pub fn hash<R: Read>(
        &self,
        mut open: impl FnMut(&File) -> io::Result<R>,
    ) -> Result<Vec<[u8; 20]>, CreateError> {
        let piece_length = NonZeroU64::new(self.piece_length)
            .ok_or_else(|| ParseError::key("info.piece length", Flaw::Zero))?;
        let mut hasher = PieceHasher::new(piece_length);
        for (index, file) in self.files.iter().enumerate() {
            let length = file.length;
            if length == 0 {
                continue;
            }
            if file.attr.padding {
                hasher.zeros(length);
                continue;
            }
            // one byte more than there should be, to see that there is none
            let read = open(file).and_then(|r| hasher.read(r.take(length.saturating_add(1))));
            if read.map_err(|cause| CreateError::Read { index, cause })? != length {
                return Err(CreateError::Length { index, length });
            }
        }
        Ok(hasher.finish())
    }

    /// The same torrent of v1 with zeros for hashes: what it will hold is found to be sound, and can be
    /// read in its order, before a byte is hashed.
    pub fn blank(&self) -> Result<Metainfo, CreateError> {
        let length = self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.length));
        let above = || ParseError::key("info.length", Flaw::Above(i64::MAX.unsigned_abs()));
        let zero = || ParseError::key("info.piece length", Flaw::Zero);
        let piece_length = NonZeroU64::new(self.piece_length).ok_or_else(zero)?;
        let count = length.ok_or_else(above)?.div_ceil(piece_length.get());
        if count > MOST_PIECES {
            let flaw = Flaw::HashCount { found: MOST_PIECES, needed: count };
            return Err(ParseError::key("info.pieces", flaw).into());
        }
        let bytes = self.torrent(&vec![[0; 20]; count as usize])?;
        Ok(Metainfo::parse(&bytes)?)
    }

    /// The bytes of the .torrent with these piece hashes.
    pub fn torrent(&self, pieces: &[[u8; 20]]) -> Result<Vec<u8>, CreateError> {
        let torrent = Item::Dictionary(self.outer(self.info(pieces)?)).encode();
        Metainfo::parse(&torrent)?;
        Ok(torrent)
    }

    /// Everything around this `info`.
    fn outer(&self, info: Item) -> BTreeMap<Vec<u8>, Item> {
        let mut outer = self.extra.clone();
        let mut put = |key: &str, item| outer.insert(key.into(), item);
        put("info", info);
        if let Some(first) = self.announce.first() {
            put("announce", Item::bytes(first.as_slice()));
        }
        if self.announce.len() > 1 {
            let tier = |url: &Vec<u8>| Item::List(vec![Item::bytes(url.as_slice())]);
            put("announce-list", Item::List(self.announce.iter().map(tier).collect()));
        }
        if let Some(seconds) = self.created {
            put("creation date", Item::Integer(seconds));
        }
        outer
    }

    fn info(&self, pieces: &[[u8; 20]]) -> Result<Item, ParseError> {
        let mut info = match self.files.as_slice() {
            [only] if !self.multi_file => attributes(only, "info")?,
            files => {
                let file = |(index, file)| listed(file, &format!("info.files[{index}]"));
                let list = files.iter().enumerate().map(file).collect::<Result<_, _>>()?;
                BTreeMap::from([("files".into(), Item::List(list))])
            }
        };
        info.insert("name".into(), Item::bytes(self.name.as_slice()));
        info.insert("piece length".into(), number(self.piece_length, "info.piece length")?);
        info.insert("pieces".into(), Item::bytes(pieces.as_flattened()));
        if self.private {
            info.insert("private".into(), Item::Integer(1));
        }
        Ok(Item::Dictionary(info))
    }
}

/// One entry of `info.files`.
fn listed(file: &File, place: &str) -> Result<Item, ParseError> {
    let mut entry = attributes(file, place)?;
    entry.insert("path".into(), strings(&file.path));
    Ok(Item::Dictionary(entry))
}

/// Length and BEP 47 attributes of a file.
fn attributes(file: &File, place: &str) -> Result<BTreeMap<Vec<u8>, Item>, ParseError> {
    let Attr { executable, padding, symlink } = &file.attr;
    let letters = [(symlink.is_some(), b'l'), (*padding, b'p'), (*executable, b'x')];
    let letters: Vec<u8> =
        letters.iter().filter(|(is, _)| *is).map(|(_, letter)| *letter).collect();
    let mut entry = BTreeMap::new();
    entry.insert("length".into(), number(file.length, &format!("{place}.length"))?);
    if !letters.is_empty() {
        entry.insert("attr".into(), Item::Bytes(letters));
    }
    if let Some(target) = symlink {
        entry.insert("symlink path".into(), strings(target));
    }
    Ok(entry)
}

fn strings(path: &[Vec<u8>]) -> Item {
    Item::List(path.iter().map(|name| Item::bytes(name.as_slice())).collect())
}

fn number(number: u64, key: &str) -> Result<Item, ParseError> {
    let most = i64::MAX.unsigned_abs();
    let number = i64::try_from(number).map_err(|_| ParseError::key(key, Flaw::Above(most)))?;
    Ok(Item::Integer(number))
}

/// Cuts a stream of bytes into pieces and hashes each (BEP 3): files follow one another without a
/// gap, so a piece may reach over several.
#[derive(Clone)]
pub struct PieceHasher {
    piece_length: u64,
    /// Bytes still missing from the piece at hand.
    missing: u64,
    piece: Sha1,
    done: Vec<[u8; 20]>,
}

impl PieceHasher {
    /// Begins with the first piece.
    pub fn new(piece_length: NonZeroU64) -> Self {
        let piece_length = piece_length.get();
        Self { piece_length, missing: piece_length, piece: Sha1::new(), done: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.missing).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.piece.update(now);
            self.missing -= now.len() as u64;
            if self.missing == 0 {
                self.close();
            }
            bytes = later;
        }
    }

    /// Takes all that a reader gives; tells how many bytes that was.
    pub fn read(&mut self, mut reader: impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; 64 * 1024];
        let mut total = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(read) => {
                    self.update(&buffer[..read]);
                    total += read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Takes this many zeros: padding (BEP 47).
    pub fn zeros(&mut self, mut count: u64) {
        const ZEROS: [u8; 4096] = [0; 4096];
        while count > 0 {
            let now = count.min(ZEROS.len() as u64);
            self.update(&ZEROS[..now as usize]);
            count -= now;
        }
    }

    /// The hash of each piece; the last piece may be short.
    pub fn finish(mut self) -> Vec<[u8; 20]> {
        if self.missing < self.piece_length {
            self.close();
        }
        self.done
    }

    fn close(&mut self) {
        self.done.push(self.piece.finalize_reset().into());
        self.missing = self.piece_length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha1(bytes: &[u8]) -> [u8; 20] {
        Sha1::digest(bytes).into()
    }

    fn file(path: &str, length: u64, attr: Attr) -> File {
        File { path: vec![path.into()], length, attr }
    }

    #[test]
    fn pieces_reach_over_files_and_padding_is_zeros() {
        let padding = Attr { padding: true, ..Attr::default() };
        let link = Attr { symlink: Some(vec![b"a".to_vec()]), ..Attr::default() };
        let draft = Draft::directory(
            "d",
            vec![
                file("a", 3, Attr::default()),
                file("p", 2, padding),
                file("l", 0, link),
                file("b", 4, Attr::default()),
            ],
        );
        let open = |file: &File| Ok(if file.path[0] == b"a" { &b"aaa"[..] } else { b"bbbb" });
        let pieces = draft.piece_length(4).hash(open).unwrap();
        assert_eq!(pieces, [sha1(b"aaa\0"), sha1(b"\0bbb"), sha1(b"b")]);
    }

    #[test]
    fn a_last_whole_piece_is_not_followed_by_an_empty_one() {
        let mut hasher = PieceHasher::new(NonZeroU64::new(2).unwrap());
        hasher.update(b"a");
        hasher.update(b"bcd");
        assert_eq!(hasher.finish(), [sha1(b"ab"), sha1(b"cd")]);
        assert!(PieceHasher::new(NonZeroU64::new(2).unwrap()).finish().is_empty());
    }

    #[test]
    fn a_reader_must_give_what_the_draft_says() {
        for content in ["ab", "abcd"] {
            let error = Draft::single("a", 3).hash(|_| Ok(content.as_bytes())).unwrap_err();
            assert_eq!(error.to_string(), "file 0 does not have the 3 bytes it should have");
        }
        let none = |_: &File| Err::<&[u8], _>(io::Error::other("gone"));
        let error = Draft::single("a", 3).hash(none).unwrap_err();
        assert_eq!(error.to_string(), "file 0 cannot be read: gone");
    }

    #[test]
    fn what_could_not_be_read_again_is_not_made() {
        let text = |draft: Draft| match draft.hash(|_| Ok(io::repeat(0).take(3))) {
            Ok(pieces) => draft.torrent(&pieces).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        let refused = "the torrent would be refused: its key";
        assert_eq!(
            text(Draft::single("..", 3)),
            format!("{refused} `info.name` has a `.` or `..` in it")
        );
        let zero = Draft::single("a", 3).piece_length(0);
        assert_eq!(text(zero), format!("{refused} `info.piece length` is zero"));
        let above = format!("is larger than {}", i64::MAX);
        let huge = Draft::single("a", 3).piece_length(u64::MAX);
        assert_eq!(text(huge), format!("{refused} `info.piece length` {above}"));
        let hashes = Draft::single("a", 3).torrent(&[]).unwrap_err().to_string();
        let count = "has 0 hashes where the length needs 1";
        assert_eq!(hashes, format!("{refused} `info.pieces` {count}"));
    }

    #[test]
    fn the_bytes_are_those_of_bep_3() {
        let draft = Draft::single("a", 0)
            .extra("minisign", Item::bytes("s"))
            .extra("info", Item::from(1))
            .private(true)
            .created(7)
            .announce("u")
            .announce("v");
        let torrent = String::from_utf8(draft.torrent(&[]).unwrap()).unwrap();
        let info = "d6:lengthi0e4:name1:a12:piece lengthi262144e6:pieces0:7:privatei1ee";
        let before = "d8:announce1:u13:announce-listll1:uel1:vee13:creation datei7e4:info";
        assert_eq!(torrent, format!("{before}{info}8:minisign1:se"));
    }
}

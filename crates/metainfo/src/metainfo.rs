//! A .torrent file (BEP 3) that could be read, and everything that is asked of it.
//!
//! Keys inside `info` are what the hash covers and what rtorrent acts on: each that is read must be
//! of its kind. Outside `info`, `creation date` and `minisign` are decided upon, so they are strict
//! too; the rest is only shown, and is passed over where it makes no sense.

use crate::bencode::{Dictionary, Value};
use crate::file::{self, File};
use crate::version_2::{Version1, Version2};
use crate::{Flaw, InfoHash, ParseError, frames, sources};
use sha2::{Digest, Sha256};

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
    version_2: Result<Option<Version2>, ParseError>,
    created: Option<i64>,
    minisign: Option<Vec<u8>>,
    tiers: Vec<Vec<Vec<u8>>>,
    web_seeds: Vec<Vec<u8>>,
    comment: Option<Vec<u8>>,
    created_by: Option<Vec<u8>>,
    frames: Result<Vec<frames::Frame>, ParseError>,
}

/// The most padding that is believed, in all files: 256 GiB. Its zeros are hashed though they lie
/// nowhere, which takes minutes for as many; and a few bytes of a .torrent can ask for gigabytes.
pub const MAX_PADDING: u64 = 256 << 30;

impl Metainfo {
    /// Reads a .torrent file. Bytes behind its end are passed over, as rtorrent does.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (outer, _) = Dictionary::parse(bytes)?;
        let info = match outer.get(b"info") {
            Some(Value::Dictionary(info)) => info,
            Some(_) => return Err(ParseError::key("info", Flaw::NotA("a dictionary"))),
            None => return Err(ParseError::key("info", Flaw::Missing)),
        };
        let claimed = info.get(b"meta version") == Some(Value::Integer(2));
        if claimed && info.get(b"pieces").is_none() {
            return Err(ParseError::V2Only);
        }
        let name = name(info)?;
        let (multi_file, files) = files(info)?;
        let total_length = total_length(&files)?;
        let piece_length = piece_length(info)?;
        padding(&files, piece_length)?;
        let pieces = pieces(info, total_length.div_ceil(piece_length))?;
        let version_1 = Version1 { name, files: &files, piece_length, pieces: pieces.len() };
        let version_2 = Version2::read(outer, info, &version_1);
        Ok(Self {
            raw_info: info.raw().to_vec(),
            info_hash: InfoHash::of(info.raw()),
            name: name.to_vec(),
            multi_file,
            files,
            total_length,
            piece_length,
            pieces,
            private: info.get(b"private") == Some(Value::Integer(1)),
            version_2,
            created: integer(outer, "", "creation date")?,
            minisign: string(outer, "", "minisign")?.map(Vec::from),
            tiers: sources::tiers(outer),
            web_seeds: sources::web_seeds(outer),
            comment: shown(outer, b"comment"),
            created_by: shown(outer, b"created by"),
            frames: outer.get(frames::KEY.as_bytes()).map_or(Ok(Vec::new()), frames::read),
        })
    }

    /// The SHA-1 of [`raw_info`](Self::raw_info).
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The info hash of BitTorrent v2 (BEP 52), the SHA-256 of [`raw_info`](Self::raw_info); `None`
    /// for a torrent of v1 alone.
    pub fn info_hash_v2(&self) -> Option<[u8; 32]> {
        self.is_hybrid().then(|| Sha256::digest(&self.raw_info).into())
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
        self.tiers.iter().flatten().map(Vec::as_slice).collect()
    }

    /// The trackers in their tiers (BEP 12): those of one are tried before the next. None is
    /// empty, and no tracker comes twice. One tier of one tracker where there is only `announce`.
    pub fn tiers(&self) -> &[Vec<Vec<u8>>] {
        &self.tiers
    }

    /// Web seeds: `url-list` (BEP 19), then `httpseeds` (BEP 17). Not covered by the info hash.
    pub fn web_seeds(&self) -> &[Vec<u8>] {
        &self.web_seeds
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

    /// The frames of its archive ([`frames`]), none if it tells of none. They are nobody's promise.
    ///
    /// # Errors
    /// What stands there is no table. Nothing else is to be doubted for that.
    pub fn frames(&self) -> Result<&[frames::Frame], &ParseError> {
        self.frames.as_deref()
    }

    /// Whether the torrent says that it is one of BitTorrent v2 too (BEP 52).
    pub fn is_hybrid(&self) -> bool {
        !matches!(self.version_2, Ok(None))
    }

    /// What BitTorrent v2 says of the pieces; `None` for a torrent of v1 alone. Who believes bytes
    /// because of this torrent asks here first.
    ///
    /// # Errors
    /// The two halves of the torrent contradict each other, or the second cannot be verified with
    /// what the file holds. Names, sizes and the info hash are not to be doubted for that.
    pub fn version_2(&self) -> Result<Option<&Version2>, &ParseError> {
        self.version_2.as_ref().map(Option::as_ref)
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

/// Padding lets the next file begin at a piece's boundary (BEP 47), so it is shorter than a piece.
fn padding(files: &[File], piece_length: u64) -> Result<(), ParseError> {
    let mut all = 0_u64;
    for (index, file) in files.iter().enumerate().filter(|(_, file)| file.attr.padding) {
        if file.length >= piece_length {
            let key = format!("info.files[{index}].length");
            return Err(ParseError::key(key, Flaw::LongPadding(piece_length)));
        }
        // No sum of them is larger than that of all lengths, which fits.
        all = all.saturating_add(file.length);
    }
    if all > MAX_PADDING {
        return Err(ParseError::key("info.files", Flaw::MuchPadding(MAX_PADDING)));
    }
    Ok(())
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

/// A string that is only shown.
pub(crate) fn shown(outer: Dictionary<'_>, key: &[u8]) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bencode::Item;

    /// A good `info` of one file, with keys replaced or, where the value is `None`, left out.
    fn info(changes: &[(&str, Option<Item>)]) -> Item {
        let mut info = std::collections::BTreeMap::from([
            (b"length".to_vec(), Item::from(10)),
            (b"name".to_vec(), Item::bytes("shop.tar")),
            (b"piece length".to_vec(), Item::from(4)),
            (b"pieces".to_vec(), Item::bytes([7; 60])),
        ]);
        for (key, value) in changes {
            info.remove(key.as_bytes());
            info.extend(value.clone().map(|value| (key.as_bytes().to_vec(), value)));
        }
        Item::Dictionary(info)
    }

    fn parse(info: Item) -> Result<Metainfo, String> {
        let torrent = Item::dictionary([("info", info)]).encode();
        Metainfo::parse(&torrent).map_err(|e| e.to_string())
    }

    fn refused(changes: &[(&str, Option<Item>)], message: &str) {
        assert_eq!(parse(info(changes)).unwrap_err(), message);
    }

    fn entry(length: i64, name: &str) -> Item {
        let path = Item::List(vec![Item::bytes(name)]);
        Item::dictionary([("length", length.into()), ("path", path)])
    }

    #[test]
    fn a_single_file_is_one_entry_without_a_path() {
        let torrent = parse(info(&[("attr", Some(Item::bytes("x")))])).unwrap();
        assert_eq!(torrent.name(), b"shop.tar");
        assert!(!torrent.is_multi_file() && !torrent.is_private() && !torrent.is_hybrid());
        let attr = crate::Attr { executable: true, ..Default::default() };
        assert_eq!(torrent.files(), [File { path: vec![], length: 10, attr }]);
        assert_eq!((torrent.total_length(), torrent.piece_length()), (10, 4));
        assert_eq!(torrent.pieces(), [[7; 20]; 3]);
        let sizes: Vec<_> = (0..4).map(|index| torrent.piece_size(index)).collect();
        assert_eq!(sizes, [4, 4, 2, 0]);
        assert_eq!((torrent.created(), torrent.minisign()), (None, None));
        assert!(torrent.announce().is_empty());
    }

    #[test]
    fn the_hash_is_over_the_bytes_as_they_came_wherever_they_stand() {
        // keys that we do not know, in and outside of info; the outermost unsorted; bytes behind
        let info = b"d6:lengthi0e4:name1:a12:piece lengthi1e6:pieces0:7:unknownd1:ali1eeee";
        let torrent = [b"d1:zi1e4:info", &info[..], b"8:announce1:ue and more"].concat();
        let torrent = Metainfo::parse(&torrent).unwrap();
        assert_eq!(torrent.raw_info(), info);
        assert_eq!(torrent.info_hash(), InfoHash::of(info));
        assert_eq!(torrent.announce(), [b"u"]);
    }

    #[test]
    fn what_stands_outside_info_is_told() {
        let list = |items: &[&str]| Item::List(items.iter().map(|i| Item::bytes(*i)).collect());
        let tiers = vec![list(&["http://a", "http://b"]), Item::from(1), list(&["http://a"])];
        let torrent = Item::dictionary([
            ("info", info(&[("private", Some(1.into()))])),
            ("announce", Item::bytes("http://a")),
            ("announce-list", Item::List(tiers)),
            ("comment", Item::bytes("hello")),
            ("created by", Item::from(1)),
            ("creation date", Item::from(-1)),
            ("minisign", Item::bytes("untrusted comment: x\n")),
        ]);
        let torrent = Metainfo::parse(&torrent.encode()).unwrap();
        assert!(torrent.is_private());
        assert_eq!(torrent.announce(), [b"http://a", b"http://b"]);
        assert_eq!(torrent.tiers(), [[b"http://a", b"http://b"]]);
        assert_eq!((torrent.comment(), torrent.created_by()), (Some(&b"hello"[..]), None));
        assert_eq!(torrent.created(), Some(-1));
        assert_eq!(torrent.minisign(), Some(&b"untrusted comment: x\n"[..]));
    }

    #[test]
    fn what_is_decided_upon_must_make_sense_outside_info_too() {
        let message = |key: &str, value: Item| {
            let torrent = Item::dictionary([("info", info(&[])), (key, value)]).encode();
            Metainfo::parse(&torrent).unwrap_err().to_string()
        };
        let date = message("creation date", Item::bytes("now"));
        assert_eq!(date, "its key `creation date` is not an integer");
        assert_eq!(message("minisign", 1.into()), "its key `minisign` is not a string");
    }

    #[test]
    fn info_must_be_a_dictionary_with_one_spelling() {
        let message = |bytes: &[u8]| Metainfo::parse(bytes).unwrap_err().to_string();
        assert_eq!(message(b"de"), "its key `info` is missing");
        assert_eq!(message(b"d4:infolee"), "its key `info` is not a dictionary");
        let twice = message(b"d4:infod6:lengthi0e6:lengthi1eee");
        assert_eq!(twice, "it is not proper bencode: at byte 19: a dictionary has a key twice");
        let unsorted = message(b"d4:infod4:name1:a6:lengthi0eee");
        let text = "it is not proper bencode: at byte 17: a dictionary's keys are out of order";
        assert_eq!(unsorted, text);
        let infos = message(b"d4:infode4:infodee");
        let text = "it is not proper bencode: at byte 9: a dictionary has a key twice";
        assert_eq!(infos, text);
    }

    #[test]
    fn the_name_is_one_path_component() {
        for (name, flaw) in [
            ("", "is empty"),
            (".", "has a `.` or `..` in it"),
            ("..", "has a `.` or `..` in it"),
            ("a/b", "has a slash or a NUL byte in a name"),
            ("/", "has a slash or a NUL byte in a name"),
            ("a\0", "has a slash or a NUL byte in a name"),
        ] {
            refused(&[("name", Some(Item::bytes(name)))], &format!("its key `info.name` {flaw}"));
        }
        refused(&[("name", None)], "its key `info.name` is missing");
        refused(&[("name", Some(1.into()))], "its key `info.name` is not a string");
        let odd = b"a\n\xFF $(x);\"".to_vec();
        let torrent = parse(info(&[("name", Some(Item::bytes(odd.clone())))])).unwrap();
        assert_eq!(torrent.name(), odd);
    }

    #[test]
    fn pieces_fit_the_length_exactly() {
        let pieces = |bytes: usize| [("pieces", Some(Item::bytes(vec![0; bytes])))];
        let text = "its key `info.pieces` is 59 bytes long, which is not a multiple of 20";
        refused(&pieces(59), text);
        let text = |n| format!("its key `info.pieces` has {n} hashes where the length needs 3");
        refused(&pieces(40), &text(2));
        refused(&pieces(80), &text(4));
        refused(&pieces(0), &text(0));
        refused(&[("pieces", None)], "its key `info.pieces` is missing");
        let key = "its key `info.piece length`";
        let piece_length = |n: i64| [("piece length", Some(n.into()))];
        refused(&piece_length(0), &format!("{key} is zero"));
        refused(&piece_length(-4), &format!("{key} is negative"));
        refused(&piece_length((1 << 30) + 1), &format!("{key} is larger than 1073741824"));
        refused(&[("piece length", None)], &format!("{key} is missing"));
        let most = [("piece length", Some((1 << 30).into())), pieces(20)[0].clone()];
        assert_eq!(parse(info(&most)).unwrap().piece_size(0), 10);
    }

    #[test]
    fn one_file_or_many_but_not_both_nor_neither() {
        let files = |files| ("files", Some(Item::List(files)));
        let text = "its key `info.files` stands beside `info.length`, \
                    but a torrent has one file or many";
        refused(&[files(vec![entry(10, "a")])], text);
        refused(&[("length", None)], "its key `info.length` is missing");
        let not_a_list = [("length", None), ("files", Some(1.into()))];
        refused(&not_a_list, "its key `info.files` is not a list");
        let many = [("length", None), files(vec![entry(4, "a"), entry(6, "b")])];
        let torrent = parse(info(&many)).unwrap();
        assert!(torrent.is_multi_file());
        assert_eq!((torrent.files().len(), torrent.total_length()), (2, 10));
        let padding = ("attr", Some(Item::bytes("p")));
        let text = "its key `info.attr` makes padding or a link of the torrent's only file";
        refused(&[padding], text);
    }

    #[test]
    fn padding_is_shorter_than_a_piece_and_has_a_bound() {
        let pad = |length: i64| {
            let Item::Dictionary(mut pad) = entry(length, "pad") else { panic!("no file") };
            pad.insert(b"attr".to_vec(), Item::bytes("p"));
            Item::Dictionary(pad)
        };
        let files = |files: Vec<Item>| ("files", Some(Item::List(files)));
        let three =
            |length| [("length", None), files(vec![entry(5, "a"), pad(length), entry(2, "b")])];
        assert!(parse(info(&three(3))).is_ok());
        let text = "its key `info.files[1].length` is that of padding, \
                    which is shorter than a piece of 4 bytes";
        refused(&three(4), text);
        refused(&three(3 << 40), text);
        // Each is shorter than a piece of 1 GiB, and 257 of them are too many.
        let many = |count: usize| {
            let length = MAX_PIECE_LENGTH as i64 - 1;
            let pieces = vec![0; 20 * count];
            let changes = [
                ("length", None),
                ("piece length", Some(Item::from(MAX_PIECE_LENGTH as i64))),
                ("pieces", Some(Item::bytes(pieces))),
                files((0..count).map(|_| pad(length)).collect()),
            ];
            parse(info(&changes)).map(|_| ())
        };
        assert_eq!(many(256), Ok(()));
        let text = "its key `info.files` has more than 274877906944 bytes of padding";
        assert_eq!(many(257), Err(text.to_owned()));
    }

    #[test]
    fn lengths_do_not_wrap() {
        // the sum is 10 modulo 2^64
        let files = vec![entry(i64::MAX, "a"), entry(i64::MAX, "b"), entry(12, "c")];
        let text = "its key `info.files` has lengths whose sum is too large";
        refused(&[("length", None), ("files", Some(Item::List(files)))], text);
        let files = vec![entry(i64::MAX, "a"), entry(1, "b")];
        refused(&[("length", None), ("files", Some(Item::List(files)))], text);
    }

    #[test]
    fn version_2_is_recognised() {
        let claimed = [("meta version", Some(Item::from(2)))];
        assert!(parse(info(&claimed)).unwrap().is_hybrid());
        let mut alone = claimed.to_vec();
        alone.extend([("pieces", None), ("length", None)]);
        let text = "it is a torrent of BitTorrent v2 only, \
                    and only v1 and hybrid torrents are supported";
        refused(&alone, text);
        assert_eq!(parse(info(&[])).unwrap().version_2(), Ok(None));
    }
}

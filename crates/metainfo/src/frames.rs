//! The frames of an archive, told beside `info`: parts that stand by themselves and were cut by
//! content, so that what two versions have in common is found in both.
//!
//! They are a hint and prove nothing: whoever puts together a payload from frames of an earlier one
//! holds it against its pieces, as any other.

use crate::bencode::{Item, Value};
use crate::{Flaw, ParseError};

/// The outermost key: a dictionary of `hash`, which names the hash function, and `table`.
pub const KEY: &str = "seedship frames";

/// Bytes of a frame in the table: its length as a big-endian number, and its hash.
const ROW: usize = 4 + 32;

/// One frame of the payload's only file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins in the file. A table has no place for it: frames follow one another from the
    /// first byte on without a gap.
    pub offset: u64,
    /// Its bytes in the file, at least one.
    pub length: u32,
    /// Their BLAKE3.
    pub hash: [u8; 32],
}

/// The value of [`KEY`] for frames of these lengths and hashes.
pub fn item(frames: impl IntoIterator<Item = (u32, [u8; 32])>) -> Item {
    let rows = frames.into_iter().map(|(length, hash)| (length.to_be_bytes(), hash));
    let table: Vec<u8> = rows.flat_map(|(length, hash)| length.into_iter().chain(hash)).collect();
    Item::dictionary([("hash", Item::bytes("blake3")), ("table", Item::Bytes(table))])
}

/// Reads the value of [`KEY`]. A table of another hash function is none.
pub(crate) fn read(value: Value<'_>) -> Result<Vec<Frame>, ParseError> {
    let fail = |flaw| Err(ParseError::key(KEY, flaw));
    let Value::Dictionary(frames) = value else { return fail(Flaw::NotA("a dictionary")) };
    if !matches!(frames.get(b"hash"), Some(Value::Bytes(b"blake3"))) {
        return Ok(Vec::new());
    }
    let Some(Value::Bytes(table)) = frames.get(b"table") else {
        return fail(Flaw::NotA("a dictionary with a table"));
    };
    let (rows, rest) = table.as_chunks::<ROW>();
    let mut offset = 0;
    let frames = rows.iter().map(|row| {
        let (length, hash) = row.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length);
        let frame = Frame { offset, length, hash: hash.try_into().ok()? };
        offset += u64::from(length);
        (length > 0).then_some(frame)
    });
    match frames.collect() {
        Some(frames) if rest.is_empty() => Ok(frames),
        _ => fail(Flaw::NotA("a table of frames")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metainfo, create::Draft};

    fn told(item: Item) -> Result<Vec<Frame>, String> {
        let draft = Draft::single("a", 0).extra(KEY, item);
        let torrent = Metainfo::parse(&draft.torrent(&[]).unwrap()).unwrap();
        torrent.frames().map(<[Frame]>::to_vec).map_err(ToString::to_string)
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        let frames = told(item([(7, [1; 32]), (u32::MAX, [2; 32]), (1, [3; 32])])).unwrap();
        let expected = [(0, 7, [1; 32]), (7, u32::MAX, [2; 32]), (4_294_967_302, 1, [3; 32])]
            .map(|(offset, length, hash)| Frame { offset, length, hash });
        assert_eq!(frames, expected);
        assert_eq!(told(item([])).unwrap(), []);
    }

    #[test]
    fn what_is_no_table_is_told() {
        let of = |hash: &str, table: Item| {
            told(Item::dictionary([("hash", Item::bytes(hash)), ("table", table)]))
        };
        assert_eq!(of("sha3", Item::from(1)).unwrap(), [], "another hash");
        for table in [Item::from(1), Item::bytes([0; ROW]), Item::bytes([1; ROW + 1])] {
            assert!(
                of("blake3", table.clone()).unwrap_err().contains("seedship frames"),
                "{table:?}"
            );
        }
        assert!(told(Item::from(1)).is_err());
        let none = Draft::single("a", 0).torrent(&[]).unwrap();
        assert_eq!(Metainfo::parse(&none).unwrap().frames().unwrap(), []);
    }
}

//! One header block.

use crate::unpack::entry::Time;
use tar::Header;

/// tar's unit.
pub(super) const BLOCK: usize = 512;

/// What a header stands before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    File,
    Directory,
    /// A symbolic link.
    Link,
    /// A hard link.
    Same,
    /// pax records for the next entry.
    Pax,
    /// pax records for all that follow.
    Global,
    /// GNU's name of the next entry.
    LongName,
    /// GNU's link target of the next entry.
    LongLink,
}

/// What a header says.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) kind: Kind,
    pub(super) path: Vec<u8>,
    /// A link's target; empty for others.
    pub(super) link: Vec<u8>,
    /// Bytes of data behind the header.
    pub(super) size: u64,
    pub(super) mode: u32,
    /// It is a directory by the slash at the end of its name alone, as old tar wrote it.
    pub(super) by_slash: bool,
    pub(super) time: Time,
}

impl Member {
    /// Reads a header whose checksum must be right.
    pub(super) fn read(header: &Header) -> Result<Self, String> {
        let block = header.as_bytes();
        checksum(block)?;
        let magic: &[u8; 8] = &block[257..265].try_into().unwrap_or_default();
        match magic {
            b"ustar\x0000" | b"ustar  \0" => {}
            // Before POSIX there was nothing behind the link's target; GNU tar puts a device's
            // numbers there all the same. Anything else is read in one way by one program and
            // otherwise by another.
            _ if [257..329, 345..BLOCK]
                .iter()
                .all(|at| block[at.clone()].iter().all(|b| *b == 0)) => {}
            _ => return Err("an entry is neither POSIX, GNU nor old tar".into()),
        }
        let path = header.path_bytes().into_owned();
        let kind = kind(block[156], &path)?;
        let by_slash = block[156] == 0 && kind == Kind::Directory;
        let link = header.link_name_bytes().unwrap_or_default().into_owned();
        let number = |field: &[u8], what| {
            number(field).ok_or_else(|| format!("an entry's {what} is not a number"))
        };
        let size = number(&block[124..136], "size")?;
        let size = u64::try_from(size).map_err(|_| "an entry's size is negative")?;
        let mode = number(&block[100..108], "mode")?;
        let seconds = number(&block[136..148], "time")?;
        let time = Time { seconds, nanos: 0 };
        // Believed of none, but Python takes an owner that is no number for the archive's end.
        for (field, what) in [(108..116, "owner"), (116..124, "group")] {
            number(&block[field], what)?;
        }
        for field in [329..337, 337..345] {
            number(&block[field], "device")?;
        }
        Ok(Self { kind, path, link, size, mode: (mode & 0o7777) as u32, by_slash, time })
    }
}

/// The kind that a type flag says.
fn kind(flag: u8, path: &[u8]) -> Result<Kind, String> {
    let what = match flag {
        // Old tar marked a directory by the slash alone.
        0 if path.ends_with(b"/") => return Ok(Kind::Directory),
        0 | b'0' => return Ok(Kind::File),
        b'1' => return Ok(Kind::Same),
        b'2' => return Ok(Kind::Link),
        b'5' => return Ok(Kind::Directory),
        b'x' => return Ok(Kind::Pax),
        b'g' => return Ok(Kind::Global),
        b'L' => return Ok(Kind::LongName),
        b'K' => return Ok(Kind::LongLink),
        b'3' | b'4' => "is a device".to_owned(),
        b'6' => "is a fifo".to_owned(),
        b'S' => "is sparse".to_owned(),
        b'M' => "continues from another volume".to_owned(),
        flag => format!("is of the unknown type `{}`", crate::error::escaped(&[flag])),
    };
    Err(format!("its entry `{}` {what}", crate::error::escaped(path)))
}

/// The sum of the block's bytes, its own field counted as spaces.
fn checksum(block: &[u8; BLOCK]) -> Result<(), String> {
    let field = 148..156;
    let others = block.iter().enumerate().filter(|(n, _)| !field.contains(n));
    let sum = others.map(|(_, b)| i64::from(*b)).sum::<i64>() + 8 * i64::from(b' ');
    match number(&block[field]) {
        Some(stored) if stored == sum => Ok(()),
        _ => Err("a header's checksum is wrong".into()),
    }
}

/// A number as tar writes it: octal digits between spaces or NULs, or GNU's base 256, whose first
/// byte is 0x80, or 0xff for what is negative.
fn number(field: &[u8]) -> Option<i64> {
    if let Some((first @ (0x80 | 0xff), rest)) = field.split_first() {
        let negative = *first == 0xff;
        let fill = if negative { 0xff } else { 0 };
        let (high, low) = rest.split_at(rest.len().saturating_sub(8));
        if high.iter().any(|b| *b != fill) {
            return None;
        }
        let mut bytes = [fill; 8];
        bytes[8 - low.len()..].copy_from_slice(low);
        let value = i64::from_be_bytes(bytes);
        return (negative == (value < 0)).then_some(value);
    }
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_start_matches(' ').trim_end_matches([' ', '\0']);
    if text.is_empty() {
        return Some(0);
    }
    if !text.bytes().all(|b| matches!(b, b'0'..=b'7')) {
        return None;
    }
    i64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"    ", Some(0)),
            (b"77777777777 ", Some(0o77_777_777_777)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(2 << 32)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
            (b"\x80\0\0\0\xff\0\0\0\0\0\0\0", None),
            (b"\x80\0\0\x01", Some(1)),
            (b"0000648\0", None),
            (b"-1", None),
            (b"+1", None),
            (b"6 4", None),
            (b"6\x004", None),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }
}

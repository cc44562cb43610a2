//! A small writer of zips, as wrong as a test needs them.

use std::io::Write;

/// One entry, every field as wrong as a test needs it.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) name: Vec<u8>,
    /// The name in the local header, if it is another.
    pub(super) local: Option<Vec<u8>>,
    pub(super) data: Vec<u8>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) crc: u32,
    pub(super) size: u32,
    pub(super) packed: u32,
    /// Unix mode with its type.
    pub(super) mode: u32,
    pub(super) system: u8,
    pub(super) time: u32,
    pub(super) extra: Vec<u8>,
    /// What stands behind the data.
    pub(super) behind: Vec<u8>,
    /// Where the directory says that it is, if not where it is.
    pub(super) at: Option<u32>,
}

impl Item {
    pub(super) fn stored(name: &str, data: &[u8]) -> Self {
        let size = data.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(data);
        Self {
            name: name.into(),
            local: None,
            data: data.into(),
            method: 0,
            flags: 0,
            crc: crc.sum(),
            size,
            packed: size,
            mode: 0o100_644,
            system: 3,
            time: 0x5821_0000,
            extra: Vec::new(),
            behind: Vec::new(),
            at: None,
        }
    }

    pub(super) fn deflated(name: &str, data: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        encoder.write_all(data).unwrap();
        let packed = encoder.finish().unwrap();
        Self { method: 8, packed: packed.len() as u32, data: packed, ..Self::stored(name, data) }
    }

    fn fields(&self, sizes: bool, name: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(20_u16.to_le_bytes());
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend(self.time.to_le_bytes());
        for value in [self.crc, self.packed, self.size] {
            out.extend(if sizes { value } else { 0 }.to_le_bytes());
        }
        out.extend((name.len() as u16).to_le_bytes());
        out.extend((self.extra.len() as u16).to_le_bytes());
        out
    }
}

/// Writes an archive with `count` instead of the number of entries.
pub(super) fn write(items: &[Item], count: Option<u16>, comment: &[u8]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for item in items {
        let at = item.at.unwrap_or(out.len() as u32);
        let local = item.local.as_ref().unwrap_or(&item.name);
        out.extend(b"PK\x03\x04");
        out.extend(item.fields(item.flags & 8 == 0, local));
        out.extend(local);
        out.extend(&item.extra);
        out.extend(&item.data);
        out.extend(&item.behind);
        directory.extend(b"PK\x01\x02");
        directory.extend([20, item.system]);
        directory.extend(item.fields(true, &item.name));
        directory.extend([0; 6]);
        directory.extend((item.mode << 16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(&item.name);
        directory.extend(&item.extra);
    }
    let at = out.len() as u32;
    out.extend(&directory);
    let count = count.unwrap_or(items.len() as u16);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend((comment.len() as u16).to_le_bytes());
    out.extend(comment);
    out
}

pub(super) fn zip(items: &[Item]) -> Vec<u8> {
    write(items, None, b"")
}

pub(super) fn dir(name: &str) -> Item {
    Item { mode: 0o040_755, ..Item::stored(name, b"") }
}

pub(super) fn good() -> Item {
    Item::deflated("a", b"some text some text")
}

/// The same archive with a zip64 end record of these numbers before its end record.
pub(super) fn zip64(archive: &[u8], change: impl Fn(&mut [u64; 3])) -> Vec<u8> {
    let (front, end) = archive.split_at(archive.len() - 22);
    let number =
        |at: usize, n: usize| end[at..at + n].iter().rev().fold(0, |v, b| v << 8 | u64::from(*b));
    let mut numbers = [number(10, 2), number(12, 4), number(16, 4)];
    change(&mut numbers);
    let [count, size, directory] = numbers;
    let mut out = front.to_vec();
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [count, count, size, directory] {
        out.extend(value.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend((front.len() as u64).to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(end);
    out
}

//! A small writer of tar archives, as wrong as a test needs them.

use std::io::Write;

/// What the name of a tar archive may end with.
pub(super) const ENDINGS: [&str; 5] = [".tar", ".tar.gz", ".tar.zst", ".tar.xz", ".tar.bz2"];

/// A tar archive under every name that an archive of it may have.
pub(super) fn packed(tar: &[u8]) -> [(String, Vec<u8>); 5] {
    ENDINGS.map(|ending| (format!("a{ending}"), pack(ending, tar)))
}

/// A tar archive as a file of this ending holds it.
pub(super) fn pack(ending: &str, tar: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match ending {
        ".tar" => out.extend(tar),
        // Of many frames where that is not too many, as the publisher makes them.
        ".tar.zst" => out = frames(tar, (tar.len() / 64).max(700)),
        ".tar.gz" => {
            let usual = flate2::Compression::default();
            flate2::write::GzEncoder::new(&mut out, usual).write_all(tar).unwrap();
        }
        ".tar.xz" => liblzma::write::XzEncoder::new(&mut out, 0).write_all(tar).unwrap(),
        ".tar.bz2" => {
            let fast = bzip2::Compression::fast();
            bzip2::write::BzEncoder::new(&mut out, fast).write_all(tar).unwrap();
        }
        other => panic!("{other} is no tar"),
    }
    out
}

/// Independent frames of so many bytes each, and a skippable one behind them.
pub(super) fn frames(bytes: &[u8], each: usize) -> Vec<u8> {
    let frames = bytes.chunks(each).map(|content| zstd::bulk::compress(content, 1).unwrap());
    frames
        .chain([[&[0x5e, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"table"].concat()])
        .flatten()
        .collect()
}

/// How tar tells names that are longer than its header, or that shall not be seen in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Ustar,
    Pax,
    Gnu,
}

impl Form {
    pub(super) const ALL: [Self; 3] = [Self::Ustar, Self::Pax, Self::Gnu];
}

/// An archive being written.
#[derive(Clone, Default)]
pub(super) struct Tar(pub(super) Vec<u8>);

/// A header whose every field can be set.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) name: Vec<u8>,
    pub(super) flag: u8,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) time: u64,
    pub(super) magic: [u8; 8],
}

impl Head {
    pub(super) fn new(flag: u8, name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref().to_vec();
        let magic = *b"ustar\x0000";
        Self { name, flag, link: Vec::new(), size: 0, mode: 0o644, time: 1_000_000_000, magic }
    }

    pub(super) fn block(&self) -> [u8; 512] {
        let mut block = [0; 512];
        block[..self.name.len()].copy_from_slice(&self.name);
        let mut octal = |at: usize, width: usize, value: u64| {
            let text = format!("{value:0w$o}\0", w = width - 1);
            block[at..at + width].copy_from_slice(text.as_bytes());
        };
        octal(100, 8, u64::from(self.mode));
        octal(108, 8, 1000);
        octal(116, 8, 1000);
        octal(124, 12, self.size);
        octal(136, 12, self.time);
        block[156] = self.flag;
        block[157..157 + self.link.len()].copy_from_slice(&self.link);
        block[257..265].copy_from_slice(&self.magic);
        sum(&mut block);
        block
    }
}

/// Puts the right checksum in.
pub(super) fn sum(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

impl Tar {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A header and its data, filled up to whole blocks.
    pub(super) fn put(mut self, head: &Head, data: &[u8]) -> Self {
        self.0.extend(head.block());
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// An entry whose name, and target if it has one, are told in this form; its header then says
    /// harmless ones.
    pub(super) fn told(self, form: Form, flag: u8, name: &str, target: &str) -> Self {
        let harmless = |flag| Head { link: b"f".to_vec(), ..Head::new(flag, "harmless") };
        let long = |text: &str| [text.as_bytes(), b"\0"].concat();
        let ahead = match form {
            Form::Ustar => {
                return self.put(&Head { link: target.into(), ..Head::new(flag, name) }, &[]);
            }
            Form::Pax if target.is_empty() => self.pax(b'x', &[("path", name)]),
            Form::Pax => self.pax(b'x', &[("path", name), ("linkpath", target)]),
            Form::Gnu if target.is_empty() => self.data(b'L', "././@LongLink", &long(name)),
            Form::Gnu => self.data(b'L', "././@LongLink", &long(name)).data(
                b'K',
                "././@LongLink",
                &long(target),
            ),
        };
        let head = if target.is_empty() { Head::new(flag, "harmless") } else { harmless(flag) };
        ahead.put(&head, &[])
    }

    pub(super) fn data(self, flag: u8, name: impl AsRef<[u8]>, data: &[u8]) -> Self {
        self.put(&Head { size: data.len() as u64, ..Head::new(flag, name) }, data)
    }

    pub(super) fn file(self, name: impl AsRef<[u8]>, data: &str) -> Self {
        self.data(b'0', name, data.as_bytes())
    }

    pub(super) fn dir(self, name: impl AsRef<[u8]>) -> Self {
        self.put(&Head::new(b'5', name), &[])
    }

    pub(super) fn link(self, name: &str, target: &str) -> Self {
        self.put(&Head { link: target.into(), ..Head::new(b'2', name) }, &[])
    }

    pub(super) fn same(self, name: &str, target: &str) -> Self {
        self.put(&Head { link: target.into(), ..Head::new(b'1', name) }, &[])
    }

    /// A pax header with these records, their lengths counted.
    pub(super) fn pax(self, flag: u8, records: &[(&str, &str)]) -> Self {
        let data: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.data(flag, "PaxHeaders/x", &data)
    }

    /// The two zero blocks.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (1..).find(|digits| (rest + digits).to_string().len() == *digits).unwrap() + rest;
    format!("{length} {key}={value}\n").into_bytes()
}

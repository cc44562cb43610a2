//! A small writer of tar archives, as wrong as a test needs them.

use std::io::Write;

/// A tar archive under every name that an archive of it may have.
pub(super) fn packed(tar: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    let fast = flate2::Compression::fast();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), fast);
    gz.write_all(tar).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(tar).unwrap();
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(tar).unwrap();
    [
        ("a.tar", tar.to_vec()),
        ("a.tar.gz", gz.finish().unwrap()),
        ("a.tar.zst", zstd::encode_all(tar, 1).unwrap()),
        ("a.tar.xz", xz.finish().unwrap()),
        ("a.tar.bz2", bz2.finish().unwrap()),
    ]
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

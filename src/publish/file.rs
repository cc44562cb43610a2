//! A payload of one file: hashed while it is written, or where it lies.

use super::{
    Order,
    input::{Source, unpacked},
    unfinished::Unfinished,
};
use crate::error::{Context, Result};
use lanes::{Hasher, Hashes};
use pack::{Frame, Options, PackError, Tree};
use std::{
    fs::File,
    io::{self, Read, Write},
    num::NonZeroU64,
};

/// As much is read at once.
const BLOCK: usize = 1 << 20;

/// Writes a file, and hashes what goes by.
struct Hashing<'f> {
    file: &'f File,
    hasher: Hasher,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Packs a tree into a new file in the order's directory.
pub(super) fn packed(
    order: &Order<'_>,
    tree: &Tree,
    watch: &mut dyn FnMut(u64),
) -> Result<(Unfinished, Hashes, Vec<Frame>)> {
    let out = Unfinished::within(order.directory).on("write into", order.directory)?;
    let mut hashing = Hashing { file: out.file(), hasher: hasher(order, tree.bytes()) };
    let options = Options { level: order.level, threads: order.threads };
    let packed = pack::pack(tree, options, &mut hashing, watch).map_err(|e| match e {
        PackError::Write(cause) => crate::error::Error::io("write", order.payload(), &cause),
        other => unpacked(tree.root(), other),
    })?;
    let hashes = hashing.hasher.finish();
    Ok((out, hashes, packed.frames))
}

/// Copies a file into a new one in the order's directory: its blocks are shared where the file system
/// can do that, and never its inode, because an rtorrent may write to what it seeds.
pub(super) fn copied(
    order: &Order<'_>,
    source: &Source,
    watch: &mut dyn FnMut(u64),
) -> Result<(Unfinished, Hashes)> {
    let out = Unfinished::within(order.directory).on("write into", order.directory)?;
    let hasher = hasher(order, source.looked.len());
    if rustix::fs::ioctl_ficlone(out.file(), &source.file).is_ok() {
        let hashes = read(out.file(), hasher, watch, |_| Ok(())).on("read", order.payload())?;
        return Ok((out, hashes));
    }
    let mut failed = None;
    let mut write = |bytes: &[u8]| out.file().write_all(bytes).map_err(|e| failed = Some(e));
    let hashes = read(&source.file, hasher, watch, |bytes| {
        write(bytes).map_err(|()| io::ErrorKind::Other.into())
    });
    if let Some(cause) = failed {
        return Err(crate::error::Error::io("write", order.payload(), &cause));
    }
    let hashes = hashes.on("read", &source.path)?;
    source.must_be_the_same()?;
    Ok((out, hashes))
}

/// Hashes a file where it lies.
pub(super) fn hashed(
    order: &Order<'_>,
    source: &Source,
    piece_length: u64,
    watch: &mut dyn FnMut(u64),
) -> Result<Hashes> {
    let hasher = hasher_of(order, piece_length);
    let hashes = read(&source.file, hasher, watch, |_| Ok(())).on("read", &source.path)?;
    source.must_be_the_same()?;
    Ok(hashes)
}

fn hasher(order: &Order<'_>, bytes: u64) -> Hasher {
    hasher_of(order, order.piece_length(bytes))
}

fn hasher_of(order: &Order<'_>, piece_length: u64) -> Hasher {
    let piece_length = NonZeroU64::new(piece_length).unwrap_or(NonZeroU64::MIN);
    Hasher::new(piece_length, order.hybrid, order.threads)
}

fn read(
    mut file: &File,
    mut hasher: Hasher,
    watch: &mut dyn FnMut(u64),
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Hashes> {
    io::Seek::rewind(&mut file)?;
    let mut buffer = vec![0; BLOCK];
    let mut done = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(n) => {
                take(&buffer[..n])?;
                hasher.update(&buffer[..n]);
                done += n as u64;
                watch(done);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

//! zip, out of a private copy.
//!
//! A zip's directory stands at its end and its entries are read by seeking, so the payload cannot
//! be unpacked as it passes by. Its proven bytes are first copied into a file without a name,
//! which nobody else can write, and everything is read from there.
//!
//! The crate reads headers. What it would let pass is held against the bytes here: how many
//! entries there are, before it makes room for them ([`end`]); that the archive's bytes are its
//! entries, one behind the other, and nothing else ([`layout`]); and each entry ([`member`]).

mod end;
mod layout;
mod member;

use super::{building::Building, decode::Memory, plan::Limits, refuse, told};
use crate::{
    error::{Context, Error, Result, escaped},
    verify::Proven,
};
use ::zip::{ZipArchive, result::ZipError};
use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
};

/// Copies a payload.
pub(super) fn copy(bytes: &mut Proven, copy: &mut File, name: &[u8]) -> Result<()> {
    loop {
        let buffer = bytes.fill_buf().map_err(|e| told(e, name))?;
        let all = buffer.len();
        if all == 0 {
            return Ok(());
        }
        copy.write_all(buffer).on("write", "a private copy of the payload")?;
        bytes.consume(all);
    }
}

/// Builds the release out of the private copy.
pub(super) fn unpack<W: Write>(
    copy: File,
    name: &[u8],
    limits: &Limits,
    building: &mut Building<'_, W>,
) -> Result<()> {
    let zip = Zip { name, bytes: &copy };
    let end = end::read(&zip, limits.zip_entries, Memory::new(name, limits.memory))?;
    let reader = copy.try_clone().on("read", "the private copy")?;
    let mut archive = ZipArchive::new(BufReader::new(reader)).map_err(|e| zip.failed(e))?;
    if archive.len() as u64 != end.entries {
        return Err(zip.refuse("a name stands twice in its directory"));
    }
    if archive.offset() != 0 || archive.central_directory_start() != end.directory {
        return Err(zip.refuse("its directory can be read in two ways"));
    }
    archive.validate_header_consistency().map_err(|e| zip.failed(e))?;
    layout::check(&zip, &mut archive, end.directory)?;
    (0..archive.len()).try_for_each(|index| member::unpack(&zip, &mut archive, index, building))
}

/// An archive's bytes, and the name that messages give it.
struct Zip<'a> {
    name: &'a [u8],
    bytes: &'a File,
}

impl Zip<'_> {
    /// Reads at a place, without moving whoever else reads.
    fn read_at<const N: usize>(&self, at: u64) -> Result<[u8; N]> {
        use std::os::unix::fs::FileExt;
        let mut bytes = [0; N];
        self.bytes.read_exact_at(&mut bytes, at).map_err(|e| told(e, self.name))?;
        Ok(bytes)
    }

    /// Reads so many bytes, which a field of 16 bits has counted.
    fn read_long(&self, at: u64, length: u64) -> Result<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let mut bytes = vec![0; length as usize];
        self.bytes.read_exact_at(&mut bytes, at).map_err(|e| told(e, self.name))?;
        Ok(bytes)
    }

    fn refuse(&self, cause: &str) -> Error {
        refuse(self.name, cause)
    }

    fn failed(&self, e: ZipError) -> Error {
        match e {
            ZipError::Io(e) => told(e, self.name),
            e => refuse(self.name, escaped(e.to_string().as_bytes())),
        }
    }
}

/// A little-endian number at a place of a record.
fn le<const N: usize>(record: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..N].copy_from_slice(&record[at..at + N]);
    u64::from_le_bytes(bytes)
}

//! tar: ustar, pax and GNU's long names, block by block.
//!
//! `tar::Header` reads the fields of a block. The loop is ours, because the crate's stops at the
//! first zero block, cannot tell a missing end from the end of the file, reads extended headers of
//! any size into memory and splits pax records at line feeds. Where two programs would read an
//! archive differently it is refused.

mod ahead;
mod header;
mod pax;

use super::{building::Building, entry::Entry, entry::What, refuse, source::Source, told};
use crate::error::Result;
use ::tar::Header;
use ahead::Ahead;
use header::{BLOCK, Kind, Member};
use std::io::Write;

/// The most that an extended header or a long name may hold.
const EXTENDED_MAX: u64 = 64 << 10;

/// Reads an archive to the last byte of its stream and builds the release out of it.
pub(super) fn unpack<W: Write>(
    bytes: &mut dyn Source,
    archive: &[u8],
    building: &mut Building<'_, W>,
) -> Result<()> {
    let mut archive = Archive { bytes, name: archive };
    let mut ahead = Ahead::default();
    while let Some(block) = archive.header()? {
        let header = Header::from_byte_slice(&block);
        let member = Member::read(header).map_err(|cause| archive.refuse(&cause))?;
        let fail = |cause: String| refuse(&member.path, cause);
        match member.kind {
            Kind::Pax | Kind::Global | Kind::LongName | Kind::LongLink => {
                if member.size > EXTENDED_MAX {
                    let cause = format!("its extended header holds {} bytes", member.size);
                    return Err(archive.refuse(&cause));
                }
                let data = archive.extended(member.size)?;
                ahead.add(member.kind, data).map_err(fail)?;
            }
            kind => {
                let member = std::mem::take(&mut ahead).apply(member)?;
                archive.entry(kind, &member, building)?;
            }
        }
    }
    if !ahead.is_empty() {
        return Err(archive.refuse("its last extended header stands before nothing"));
    }
    archive.end()
}

/// The stream, and the name that messages give it.
struct Archive<'a> {
    bytes: &'a mut dyn Source,
    name: &'a [u8],
}

impl Archive<'_> {
    /// The next header; `None` at the two zero blocks that end an archive.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let block = self.block("it has no end: two zero blocks are missing")?;
        if block != [0; BLOCK] {
            return Ok(Some(block));
        }
        match self.block("one of the two zero blocks at its end is missing")? {
            second if second == [0; BLOCK] => Ok(None),
            _ => Err(self.refuse("a single zero block stands between its entries")),
        }
    }

    fn entry<W: Write>(
        &mut self,
        kind: Kind,
        member: &Member,
        building: &mut Building<'_, W>,
    ) -> Result<()> {
        let what = match kind {
            Kind::Directory => What::Directory,
            Kind::Link => What::Link(&member.link),
            Kind::Same => What::Same(&member.link),
            _ => What::File(member.size),
        };
        let time = member.time.unless_zero();
        let entry = Entry { path: &member.path, what, mode: member.mode, time };
        building.add(&entry, self.bytes)?;
        self.padding(member.size)
    }

    /// The data of an extended header.
    fn extended(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut data = vec![0; size as usize];
        self.bytes.read_exact(&mut data).map_err(|e| told(e, self.name))?;
        self.padding(size)?;
        Ok(data)
    }

    /// Passes over what fills the last block of so many bytes.
    fn padding(&mut self, size: u64) -> Result<()> {
        let rest = (BLOCK - (size % BLOCK as u64) as usize) % BLOCK;
        let mut padding = [0; BLOCK];
        self.bytes.read_exact(&mut padding[..rest]).map_err(|e| told(e, self.name))
    }

    /// A whole block; at the end of the stream `missing` is why that is wrong.
    fn block(&mut self, missing: &str) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        if self.bytes.fill_buf().map_err(|e| told(e, self.name))?.is_empty() {
            return Err(self.refuse(missing));
        }
        self.bytes.read_exact(&mut block).map_err(|e| told(e, self.name))?;
        Ok(block)
    }

    /// Behind the end only zeros may follow, which fill a record. Reading them to the end of the
    /// stream is also what makes a decoder look at its checksums.
    fn end(&mut self) -> Result<()> {
        loop {
            let buffer = self.bytes.fill_buf().map_err(|e| told(e, self.name))?;
            if buffer.is_empty() {
                return Ok(());
            }
            if buffer.iter().any(|b| *b != 0) {
                return Err(self.refuse("bytes follow its end"));
            }
            let all = buffer.len();
            self.bytes.consume(all);
        }
    }

    fn refuse(&self, cause: &str) -> crate::error::Error {
        refuse(self.name, cause)
    }
}

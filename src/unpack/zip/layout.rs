//! The bytes before a zip's directory are its entries, one directly behind the other.
//!
//! So no two share a byte (a few KB that unpack to as many GB), and no byte belongs to none (an
//! entry that only a program sees that reads from the front).

use super::{Zip, le};
use crate::error::Result;
use ::zip::ZipArchive;
use std::io::{Read, Seek};

/// A place that an entry takes.
struct Span {
    start: u64,
    /// Behind its data, before its descriptor.
    end: u64,
    /// Checksum, compressed size, size, if they stand behind the data as well.
    described: Option<[u64; 3]>,
}

/// Looks at all entries; the directory begins at `directory`.
pub(super) fn check<R: Read + Seek>(
    zip: &Zip<'_>,
    archive: &mut ZipArchive<R>,
    directory: u64,
) -> Result<()> {
    let mut spans = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| zip.failed(e))?;
        let data = entry.data_start().unwrap_or(u64::MAX);
        let described = entry.flags().is_using_data_descriptor();
        let sums = [u64::from(entry.crc32()), entry.compressed_size(), entry.size()];
        spans.push(Span {
            start: entry.header_start(),
            end: data.saturating_add(entry.compressed_size()),
            described: described.then_some(sums),
        });
    }
    spans.sort_unstable_by_key(|span| span.start);
    let starts = spans.iter().skip(1).map(|span| span.start).chain([directory]);
    let first = spans.first().map_or(directory, |span| span.start);
    if first != 0 {
        return Err(zip.refuse("bytes stand before its first entry"));
    }
    for (span, next) in spans.iter().zip(starts) {
        let Some(gap) = next.checked_sub(span.end) else {
            return Err(zip.refuse("its entries overlap"));
        };
        let fits = match span.described {
            Some(sums) => descriptor(zip, span.end, gap, sums)?,
            None => gap == 0,
        };
        if !fits {
            return Err(zip.refuse("bytes stand between its entries"));
        }
    }
    Ok(())
}

/// Whether the bytes behind an entry's data are its descriptor: perhaps a signature, the checksum,
/// two sizes of 4 or 8 bytes.
fn descriptor(zip: &Zip<'_>, at: u64, length: u64, sums: [u64; 3]) -> Result<bool> {
    if !matches!(length, 12 | 16 | 20 | 24) {
        return Ok(false);
    }
    let signature = if length.is_multiple_of(8) { 4 } else { 0 };
    if signature > 0 && zip.read_at::<4>(at)? != *b"PK\x07\x08" {
        return Ok(false);
    }
    let at = at + signature;
    Ok(if length - signature == 12 {
        let bytes: [u8; 12] = zip.read_at(at)?;
        [le::<4>(&bytes, 0), le::<4>(&bytes, 4), le::<4>(&bytes, 8)] == sums
    } else {
        let bytes: [u8; 20] = zip.read_at(at)?;
        [le::<4>(&bytes, 0), le::<8>(&bytes, 4), le::<8>(&bytes, 12)] == sums
    })
}

//! The record at a zip's end, read before anything makes room for the entries it counts.
//!
//! It must be the archive's very last bytes, and the directory must end where it begins: then
//! there is nothing before the archive, nothing behind it, and no second directory.

use super::{Zip, le};
use crate::{
    error::{Context, Result},
    unpack::decode::Memory,
};

/// The record without its comment.
const END: usize = 22;
/// zip64's record and what points to it.
const END64: usize = 56;
const LOCATOR: usize = 20;
/// An entry of the directory, without its name.
const CENTRAL: u64 = 46;

/// What the end record says.
pub(super) struct End {
    pub(super) entries: u64,
    /// Where the directory begins.
    pub(super) directory: u64,
}

/// Reads it; `most` is how many entries there may be, `memory` what their names and fields may take.
pub(super) fn read(zip: &Zip<'_>, most: u64, memory: Memory<'_>) -> Result<End> {
    let length = zip.bytes.metadata().on("read", "the private copy")?.len();
    let at = find(zip, length)?;
    let record: [u8; END] = zip.read_at(at)?;
    // This disk and the directory's; entries on this disk and in all.
    if le::<2>(&record, 4) != 0 || le::<2>(&record, 6) != 0 || record[8..10] != record[10..12] {
        return Err(zip.refuse("it continues from another disk"));
    }
    let short = [le::<2>(&record, 10), le::<4>(&record, 12), le::<4>(&record, 16)];
    let (found, end) = match end64(zip, at)? {
        Some((long, at)) => {
            // A field that is not all ones must say the same in both records.
            let full = [0xffff, 0xffff_ffff, 0xffff_ffff];
            let same = |n: usize| short[n] == full[n] || short[n] == long[n];
            if !(0..3).all(same) {
                return Err(zip.refuse("its two end records disagree"));
            }
            (long, at)
        }
        None => (short, at),
    };
    let [entries, size, directory] = found;
    if entries > most {
        let cause = format!("it has {entries} entries: limits.zip_entries = {most}");
        return Err(zip.refuse(&cause));
    }
    if directory.checked_add(size) != Some(end) || entries.saturating_mul(CENTRAL) > size {
        return Err(zip.refuse("its directory is not where its end record says"));
    }
    // The crate keeps the directory in memory: names, comments and extra fields of 64 KiB each.
    if size > memory.left {
        return Err(memory.small_for("directory", size));
    }
    Ok(End { entries, directory })
}

/// Where the end record begins: 22 bytes and a comment that reaches to the last byte. If a comment
/// holds another such record, two programs would find two directories.
fn find(zip: &Zip<'_>, length: u64) -> Result<u64> {
    use std::os::unix::fs::FileExt;
    let tail = length.min((END + usize::from(u16::MAX)) as u64);
    let mut bytes = vec![0; tail as usize];
    let start = length - tail;
    zip.bytes.read_exact_at(&mut bytes, start).on("read", "the private copy")?;
    let mut found = bytes
        .windows(END)
        .enumerate()
        .filter(|(at, w)| {
            w.starts_with(b"PK\x05\x06") && at + END + le::<2>(w, 20) as usize == bytes.len()
        })
        .map(|(at, _)| start + at as u64);
    match (found.next(), found.next()) {
        (Some(at), None) if signed_again(&bytes, (at - start) as usize) => {
            Err(zip.refuse("its comment holds the signature of another end record"))
        }
        (Some(at), None) => Ok(at),
        (None, _) => Err(zip.refuse("its last bytes are not the end of a zip")),
        _ => Err(zip.refuse("it ends in two ways")),
    }
}

/// Whether the signature stands once more behind the record: several programs take the last one
/// they find, whether or not a record fits there.
fn signed_again(tail: &[u8], at: usize) -> bool {
    tail[at + 4..].windows(4).any(|w| w == b"PK\x05\x06")
}

/// zip64's end record, if one stands before the end record: entries, size and place of the
/// directory, and where the record itself begins.
fn end64(zip: &Zip<'_>, end: u64) -> Result<Option<([u64; 3], u64)>> {
    let Some(locator) = end.checked_sub(LOCATOR as u64) else { return Ok(None) };
    let pointer: [u8; LOCATOR] = zip.read_at(locator)?;
    if !pointer.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let at = le::<8>(&pointer, 8);
    // Version 1 of the record, without the extensible data that nobody writes.
    if at.checked_add(END64 as u64) != Some(locator) {
        return Err(zip.refuse("its zip64 end record is not where it should be"));
    }
    let record: [u8; END64] = zip.read_at(at)?;
    let disks = le::<4>(&pointer, 4) == 0
        && le::<4>(&pointer, 16) <= 1
        && le::<4>(&record, 16) == 0
        && le::<4>(&record, 20) == 0
        && record[24..32] == record[32..40];
    if !record.starts_with(b"PK\x06\x06") || le::<8>(&record, 4) != 44 || !disks {
        return Err(zip.refuse("its zip64 end record is malformed"));
    }
    Ok(Some(([le::<8>(&record, 32), le::<8>(&record, 40), le::<8>(&record, 48)], at)))
}

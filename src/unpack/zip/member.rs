//! One entry of a zip: stored or deflated, its bytes exactly as many as its header says.

use super::{Zip, le};
use crate::{
    error::Result,
    unpack::{
        building::Building,
        entry::{Entry, Time, What},
        refuse, told,
    },
};
use ::zip::{CompressionMethod, DateTime, ExtraField, System, ZipArchive, read::ZipFile};
use flate2::{CrcReader, bufread::DeflateDecoder};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};

/// Flags that change what the bytes mean: encrypted, patched, strongly encrypted, masked.
const UNREADABLE: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;
/// The version, times ten, that brought zip64: neither stored nor deflated data needs a later one,
/// and programs pass over entries that say so.
const VERSION: u64 = 45;
/// The longest link target that the kernel takes.
const TARGET_MAX: u64 = 4095;

/// The type bits of a Unix mode.
const TYPE: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// Adds the entry of this index to the release.
pub(super) fn unpack<R: Read + Seek, W: Write>(
    zip: &Zip<'_>,
    archive: &mut ZipArchive<R>,
    index: usize,
    building: &mut Building<'_, W>,
) -> Result<()> {
    let entry = archive.by_index_raw(index).map_err(|e| zip.failed(e))?;
    let path = entry.name_raw().to_vec();
    let fail = |cause: &str| refuse(&path, cause);
    let (in_directory, version) = directory_says(zip, &entry)?;
    if path != in_directory {
        return Err(fail("it has a second name in its extra fields"));
    }
    if version > VERSION {
        return Err(fail(&format!("it needs version {version} of the format")));
    }
    if path.contains(&b'\\') {
        return Err(fail("its path holds a backslash, which some programs take for a slash"));
    }
    if entry.flags().as_u16() & UNREADABLE != 0 || entry.encrypted() {
        return Err(fail("it is encrypted or patched"));
    }
    let deflated = match entry.compression() {
        CompressionMethod::Stored if entry.size() == entry.compressed_size() => false,
        CompressionMethod::Stored => return Err(fail("it is stored in another size than its own")),
        CompressionMethod::Deflated => true,
        other => return Err(fail(&format!("it is compressed by {other}: only deflate is read"))),
    };
    let mode = entry.external_attributes() >> 16;
    let unix = matches!(entry.system(), System::Unix | System::OsDarwin);
    let slash = path.ends_with(b"/");
    let size = entry.size();
    let time = time(&entry);
    let sum = entry.crc32();
    let kind = match (mode & TYPE, slash) {
        (0 | DIRECTORY, true) if size == 0 => DIRECTORY,
        (0 | FILE, false) => FILE,
        (LINK, false) if unix => LINK,
        (_, true) => return Err(fail("its name is a directory's and it is none")),
        _ => return Err(fail("it is neither a file nor a directory nor a link")),
    };
    // What no Unix made has no bits worth believing.
    let mode = if unix && mode != 0 { mode & 0o7777 } else { 0o644 };

    let raw = BufReader::new(entry);
    let mut bytes = Bytes {
        stream: BufReader::with_capacity(
            64 << 10,
            CrcReader::new(if deflated {
                Stream::Deflated(DeflateDecoder::new(raw))
            } else {
                Stream::Stored(raw)
            }),
        ),
        path: &path,
        sum,
    };
    let mut entry = Entry { path: &path, what: What::Directory, mode, time };
    match kind {
        DIRECTORY => building.add(&entry, &mut bytes.stream)?,
        FILE => {
            entry.what = What::File(size);
            building.add(&entry, &mut bytes.stream)?;
        }
        _ => {
            let target = bytes.target(size)?;
            entry.what = What::Link(&target);
            building.add(&entry, &mut io::empty())?;
        }
    }
    bytes.end()
}

/// What the directory says of an entry itself: its name (the crate gives the one of a Unicode extra
/// field instead, and other programs do not) and the version it needs. The extra fields there and
/// before the data must fill their places: programs disagree on what is left of broken ones.
fn directory_says<R: Read>(zip: &Zip<'_>, entry: &ZipFile<'_, R>) -> Result<(Vec<u8>, u64)> {
    let at = entry.central_header_start();
    let central: [u8; 46] = zip.read_at(at)?;
    let name = zip.read_long(at.saturating_add(46), le::<2>(&central, 28))?;
    let behind = at.saturating_add(46 + name.len() as u64);
    let local: [u8; 30] = zip.read_at(entry.header_start())?;
    let extra = entry.header_start().saturating_add(30 + le::<2>(&local, 26));
    for (at, length) in [(behind, le::<2>(&central, 30)), (extra, le::<2>(&local, 28))] {
        if !fields_fill(&zip.read_long(at, length)?) {
            return Err(refuse(&name, "its extra fields are malformed"));
        }
    }
    Ok((name, le::<2>(&central, 6) & 0xff))
}

/// Whether extra fields, each a kind, a length and so many bytes, end where their place does.
fn fields_fill(mut fields: &[u8]) -> bool {
    while let Some((head, rest)) = fields.split_first_chunk::<4>() {
        let Some(behind) = rest.get(le::<2>(head, 2) as usize..) else { return false };
        fields = behind;
    }
    fields.is_empty()
}

/// The time of the extended timestamp, which is UTC, else MS-DOS's, which has no zone and counts as
/// UTC here. 1980-01-01, the zero of MS-DOS, is what archivers write who want no times.
fn time<R: Read>(entry: &ZipFile<'_, R>) -> Option<Time> {
    let extended = entry.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    let seconds = match extended {
        // Signed, in the format's own words.
        Some(seconds) => i64::from(seconds.cast_signed()),
        None => dos(entry.last_modified()?)?,
    };
    Time { seconds, nanos: 0 }.unless_zero()
}

fn dos(time: DateTime) -> Option<i64> {
    let small = |n: u8| i8::try_from(n).ok();
    let date = jiff::civil::DateTime::new(
        i16::try_from(time.year()).ok()?,
        small(time.month())?,
        small(time.day())?,
        small(time.hour())?,
        small(time.minute())?,
        small(time.second())?,
        0,
    );
    let seconds = date.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    const ZERO: i64 = 315_532_800;
    (seconds != ZERO).then_some(seconds)
}

/// An entry's decoded bytes, and what they must come to.
struct Bytes<'a, R: BufRead> {
    stream: BufReader<CrcReader<Stream<R>>>,
    path: &'a [u8],
    /// The checksum that the header says.
    sum: u32,
}

enum Stream<R> {
    Stored(R),
    Deflated(DeflateDecoder<R>),
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(raw) => raw.read(buffer),
            Self::Deflated(decoder) => decoder.read(buffer),
        }
    }
}

impl<R: BufRead> Bytes<'_, R> {
    /// All bytes, which are a link's target.
    fn target(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > TARGET_MAX {
            return Err(refuse(self.path, format!("it is a link to {size} bytes of path")));
        }
        let mut target = Vec::new();
        self.stream.by_ref().take(size).read_to_end(&mut target).map_err(|e| told(e, self.path))?;
        if target.len() as u64 != size {
            return Err(refuse(self.path, "it is shorter than its header says"));
        }
        Ok(target)
    }

    /// Nothing may be left, decoded or not, and the checksum must be right.
    fn end(mut self) -> Result<()> {
        if !self.stream.fill_buf().map_err(|e| told(e, self.path))?.is_empty() {
            return Err(refuse(self.path, "it is longer than its header says"));
        }
        let stream = self.stream.into_inner();
        if stream.crc().sum() != self.sum {
            return Err(refuse(self.path, "its checksum is wrong"));
        }
        let mut raw = match stream.into_inner() {
            Stream::Stored(raw) => raw,
            Stream::Deflated(decoder) => decoder.into_inner(),
        };
        match raw.fill_buf().map_err(|e| told(e, self.path))?.is_empty() {
            true => Ok(()),
            false => Err(refuse(self.path, "bytes follow its deflated data")),
        }
    }
}

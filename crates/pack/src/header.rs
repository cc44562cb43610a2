//! The tar header of an entry: ustar, and pax records for what does not fit into it.
//!
//! **Times come from content.** Web servers make a file's ETag of its time and size, so files of
//! one constant time would be answered with 304 after a change that keeps their size; and the times
//! of a build differ from machine to machine. So a file's time is a number made of its BLAKE3: what
//! did not change keeps its time in every release, what did gets another. A directory's and a
//! link's is constant.

use crate::{Entry, Kind};
use tar::{EntryType, Header};

/// tar's unit.
pub(crate) const BLOCK: usize = 512;
/// 2023-11-14: the time of directories and links, and the earliest of a file.
const TIME: u64 = 1_700_000_000;
/// So many bits of a file's hash are added to it: 776 days, all of them past. Old times make
/// caches that guess keep files long, so they are no older than they must be.
const TIME_BITS: u32 = 26;
/// From this size on a header's octal digits do not do.
const OCTAL_MAX: u64 = 8 << 30;

/// The blocks that stand before an entry's data.
pub(crate) struct Head {
    /// A pax header and its records, if the entry needs them.
    before: Vec<u8>,
    header: Header,
}

impl Head {
    /// That of an entry, dated [`TIME`].
    pub(crate) fn of(entry: &Entry) -> Self {
        let (kind, mode, size) = match &entry.kind {
            Kind::Directory => (EntryType::Directory, 0o755, 0),
            Kind::File { size, executable: true } => (EntryType::Regular, 0o755, *size),
            Kind::File { size, executable: false } => (EntryType::Regular, 0o644, *size),
            Kind::Link { .. } => (EntryType::Symlink, 0o777, 0),
        };
        let slash = if entry.kind == Kind::Directory { "/" } else { "" };
        let path = format!("{}{slash}", entry.path);
        let mut header = plain(kind, mode);
        let mut records = Vec::new();
        match split(&path) {
            Some((prefix, name)) => put_path(&mut header, prefix, name),
            None => {
                put_path(&mut header, "", clipped(&path));
                record(&mut records, "path", &path);
            }
        }
        if let Kind::Link { target } = &entry.kind {
            let field = &mut header.as_old_mut().linkname;
            let written = clipped(target);
            field[..written.len()].copy_from_slice(written.as_bytes());
            if written.len() < target.len() {
                record(&mut records, "linkpath", target);
            }
        }
        if size < OCTAL_MAX {
            header.set_size(size);
        } else {
            header.set_size(0);
            record(&mut records, "size", &size.to_string());
        }
        header.set_cksum();
        Self { before: extended(&path, records), header }
    }

    /// Gives a file the time of its content.
    pub(crate) fn date(&mut self, content: &blake3::Hash) {
        self.header.set_mtime(time(content));
        self.header.set_cksum();
    }

    /// Its blocks.
    pub(crate) fn blocks(&self) -> [&[u8]; 2] {
        [&self.before, self.header.as_bytes()]
    }

    /// Bytes of its blocks, which do not depend on the time.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + BLOCK
    }
}

/// The time of a file with this content, in seconds since 1970.
fn time(content: &blake3::Hash) -> u64 {
    let [a, b, c, d, ..] = *content.as_bytes();
    TIME + u64::from(u32::from_be_bytes([a, b, c, d]) >> (32 - TIME_BITS))
}

/// A header without name and size.
fn plain(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(TIME);
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.set_device_major(0);
        ustar.set_device_minor(0);
    }
    header
}

fn put_path(header: &mut Header, prefix: &str, name: &str) {
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
        ustar.name[..name.len()].copy_from_slice(name.as_bytes());
    }
}

/// A path as ustar's prefix (155 bytes) and name (100 bytes), which readers join by a slash.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let first = path.len() - 101;
    let slash = first + path.as_bytes()[first..].iter().position(|b| *b == b'/')?;
    let (prefix, name) = (&path[..slash], &path[slash + 1..]);
    (slash <= 155 && !name.is_empty()).then_some((prefix, name))
}

/// As much of a text as a field of 100 bytes takes, in whole characters.
fn clipped(text: &str) -> &str {
    let end = (0..=text.len().min(100)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// A pax header with these records; nothing if there are none.
fn extended(path: &str, records: Vec<u8>) -> Vec<u8> {
    if records.is_empty() {
        return records;
    }
    let mut header = plain(EntryType::XHeader, 0o644);
    put_path(&mut header, "", clipped(&format!("PaxHeaders/{path}")));
    header.set_size(records.len() as u64);
    header.set_cksum();
    let mut blocks = header.as_bytes().to_vec();
    blocks.extend_from_slice(&records);
    blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
    blocks
}

/// Adds `<length> <key>=<value>` and a line feed, the length counting its own digits too.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for (value, length) in [("", 5), ("v", 6), ("12345", 11), ("123456", 12)] {
            let mut records = Vec::new();
            record(&mut records, "k", value);
            assert_eq!(records, format!("{length} k={value}\n").into_bytes());
            assert_eq!(records.len(), length);
        }
        let mut records = Vec::new();
        record(&mut records, "path", &"x".repeat(1000));
        assert_eq!(records.len(), 1011);
        assert!(records.starts_with(b"1011 path=x"));
    }

    #[test]
    fn a_path_is_split_where_both_halves_fit() {
        let (p155, n100) = ("p".repeat(155), "n".repeat(100));
        assert_eq!(split(&n100), Some(("", n100.as_str())));
        let both = format!("{p155}/{n100}");
        assert_eq!(split(&both), Some((p155.as_str(), n100.as_str())));
        for bad in [format!("{n100}n"), format!("p{both}"), format!("{both}n"), format!("{n100}/")]
        {
            assert_eq!(split(&bad), None, "{bad}");
        }
        let directory = format!("a/{}/", "d".repeat(99));
        assert_eq!(split(&directory), Some(("a", &directory[2..])));
        assert_eq!(clipped(&"é".repeat(51)).len(), 100);
        assert_eq!(clipped(&format!("x{}", "é".repeat(51))).len(), 99);
    }

    /// Nobody waits for 8 GiB to be packed: the data is a hole in the file.
    #[test]
    fn files_that_octal_digits_cannot_tell_are_read_by_others() {
        use std::{fs::File, io::Write, process::Command};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.tar");
        let mut file = File::create(&path).unwrap();
        let mut end = 0;
        for (name, size) in
            [("below", OCTAL_MAX - 1), ("from", OCTAL_MAX), ("above", 3 * OCTAL_MAX + 7)]
        {
            let kind = Kind::File { size, executable: false };
            let head = Head::of(&Entry { path: name.into(), kind, stamp: Default::default() });
            assert_eq!(head.len(), if size < OCTAL_MAX { BLOCK } else { 3 * BLOCK });
            head.blocks().iter().for_each(|blocks| file.write_all(blocks).unwrap());
            end += head.len() as u64 + size.next_multiple_of(BLOCK as u64);
            file.set_len(end).unwrap();
            std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(end)).unwrap();
        }
        file.set_len(end + 2 * BLOCK as u64).unwrap();
        let script =
            "import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.size, m.name)";
        for (program, args) in
            [("tar", &["-tvf"][..]), ("bsdtar", &["-tvf"]), ("python3", &["-c", script])]
        {
            let listed = Command::new(program).args(args).arg(&path).output().unwrap();
            let text = String::from_utf8_lossy(&listed.stdout).into_owned();
            assert!(listed.status.success() && text.lines().count() == 3, "{program}: {listed:?}");
            for (line, size) in text.lines().zip(["8589934591", "8589934592", "25769803783"]) {
                assert!(line.split_whitespace().any(|word| word == size), "{program}: {text}");
            }
        }
    }

    #[test]
    fn times_are_the_contents_and_past() {
        let of = |bytes: &[u8]| time(&blake3::hash(bytes));
        assert_eq!(of(b"a"), of(b"a"));
        assert_ne!(of(b"a"), of(b"b"));
        assert_eq!(time(&blake3::Hash::from_bytes([0; 32])), 1_700_000_000);
        // The last second but one of 2025-12-30: before anybody has run this.
        assert_eq!(time(&blake3::Hash::from_bytes([0xff; 32])), 1_767_108_863);
    }
}

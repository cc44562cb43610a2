//! What a payload is: its name decides, and its first bytes must agree.

use super::refuse;
use crate::error::{Result, escaped};
use metainfo::Metainfo;

/// What a payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A tar archive.
    Tar(Compression),
    /// A zip archive.
    Zip,
    /// A torrent of many files: its paths lie directly in the release.
    Directory,
    /// One file that is no archive: it is the release's only file.
    Plain,
}

/// How a tar archive is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz format.
    Xz,
    /// bzip2.
    Bzip2,
}

/// The endings of archive names.
const ENDINGS: [(&str, Kind); 11] = [
    (".tar", Kind::Tar(Compression::None)),
    (".tar.gz", Kind::Tar(Compression::Gzip)),
    (".tgz", Kind::Tar(Compression::Gzip)),
    (".tar.zst", Kind::Tar(Compression::Zstd)),
    (".tzst", Kind::Tar(Compression::Zstd)),
    (".tar.xz", Kind::Tar(Compression::Xz)),
    (".txz", Kind::Tar(Compression::Xz)),
    (".tar.bz2", Kind::Tar(Compression::Bzip2)),
    (".tbz2", Kind::Tar(Compression::Bzip2)),
    (".tbz", Kind::Tar(Compression::Bzip2)),
    (".zip", Kind::Zip),
];

impl Kind {
    /// What the payload of this torrent is, by its name.
    ///
    /// # Errors
    /// A plain file whose name cannot be one in a release: not UTF-8, or with control characters.
    pub fn of(torrent: &Metainfo) -> Result<Self> {
        if torrent.is_multi_file() {
            return Ok(Self::Directory);
        }
        Self::of_name(torrent.name())
    }

    /// What a payload of one file is, by this name.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn of_name(name: &[u8]) -> Result<Self> {
        if let Some((_, kind)) = named(name) {
            return Ok(kind);
        }
        match std::str::from_utf8(name) {
            Ok(name) if !name.contains(char::is_control) => Ok(Self::Plain),
            Ok(_) => Err(refuse(name, "its name holds control characters")),
            Err(_) => Err(refuse(name, "its name is not UTF-8")),
        }
    }

    /// The ending by which a name is that of an archive.
    pub fn ending(name: &[u8]) -> Option<&'static str> {
        named(name).map(|(ending, _)| ending)
    }

    /// Holds the payload's first bytes (512 or all) against what its name says.
    ///
    /// # Errors
    /// 65 if they are those of something else.
    pub fn agree(self, name: &[u8], head: &[u8]) -> Result<()> {
        let found = magic(head);
        let right = match self {
            // A tar without compression has no magic at its beginning; its checksums are looked
            // at anyway, so this is only for a better word.
            Self::Tar(Compression::None) => {
                // Its first bytes are a name, which may begin like anything.
                found.is_none() || head.get(257..).is_some_and(|at| at.starts_with(b"ustar"))
            }
            Self::Tar(_) | Self::Zip => found == Some(self),
            Self::Directory | Self::Plain => true,
        };
        if right {
            return Ok(());
        }
        let cause = match found {
            Some(found) => format!(
                "its name says {} and its first bytes say {}",
                self.called(),
                found.called()
            ),
            None if head.is_empty() => "it is empty".to_owned(),
            None => format!(
                "its name says {} and its first bytes are `{}`",
                self.called(),
                escaped(&head[..head.len().min(4)])
            ),
        };
        Err(refuse(name, cause))
    }

    fn called(self) -> &'static str {
        match self {
            Self::Tar(Compression::None) => "tar",
            Self::Tar(Compression::Gzip) => "gzip",
            Self::Tar(Compression::Zstd) => "zstd",
            Self::Tar(Compression::Xz) => "xz",
            Self::Tar(Compression::Bzip2) => "bzip2",
            Self::Zip => "zip",
            Self::Directory => "a directory",
            Self::Plain => "a file",
        }
    }
}

fn named(name: &[u8]) -> Option<(&'static str, Kind)> {
    ENDINGS.into_iter().find(|(end, _)| name.ends_with(end.as_bytes()))
}

/// What bytes that begin so are.
fn magic(head: &[u8]) -> Option<Kind> {
    let tar = Kind::Tar;
    Some(match *head {
        [0x1f, 0x8b, ..] => tar(Compression::Gzip),
        // A frame, or one of the skippable ones.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            tar(Compression::Zstd)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => tar(Compression::Xz),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => tar(Compression::Bzip2),
        // A first entry, or the end record of an empty archive.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
        _ => return None,
    })
}

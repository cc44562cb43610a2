//! One download as rtorrent or its session describes it.

use crate::release::Unix;
use metainfo::{InfoHash, Metainfo};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// What is known of a download without its .torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Download {
    /// Its info hash.
    pub hash: InfoHash,
    /// All pieces are there, as far as rtorrent knows.
    pub complete: bool,
    /// rtorrent is checking the data.
    pub hashing: bool,
    /// It was complete, was found damaged at a restart, and was stopped by rtorrent itself, which
    /// neither fetches what is wrong nor can be told to: only loaded again it goes on.
    pub stuck: bool,
    /// `d.directory`: the payload's own directory for a torrent of many files, the directory that
    /// holds the file for one. Prefer [`payload`](Self::payload).
    pub directory: PathBuf,
    /// The watch file it belongs to: gone when that is, and that gone when it is erased.
    pub tied_to: Option<PathBuf>,
    /// When it was complete first.
    pub finished: Option<Unix>,
}

impl Download {
    /// All of it is there, and not being checked.
    pub fn is_whole(&self) -> bool {
        self.complete && !self.hashing
    }

    /// Where the payload lies: the file of a single-file torrent, the directory of any other.
    ///
    /// `d.directory` ends with the torrent's name if there are many files. Where that name is not
    /// plain UTF-8, rtorrent answers with `?` (0.9.8) or `%FF` (0.16) in place of its bytes, so it
    /// is taken from the .torrent instead.
    pub fn payload(&self, torrent: &Metainfo) -> PathBuf {
        let name = Path::new(OsStr::from_bytes(torrent.name()));
        if !torrent.is_multi_file() {
            return self.directory.join(name);
        }
        match (self.directory.parent(), self.directory.file_name()) {
            (Some(parent), Some(told)) if is_image(told.as_bytes(), torrent.name()) => {
                parent.join(name)
            }
            _ => self.directory.clone(),
        }
    }
}

/// `told` is what rtorrent makes of `name` in an answer: bytes outside of printable ASCII stand as
/// they are, or as `?`, or as `%` and two digits; a carriage return may have become a line feed.
pub(super) fn is_image(told: &[u8], name: &[u8]) -> bool {
    let mut rest = told;
    for byte in name {
        let percent = format!("%{byte:02X}");
        let plain = byte.is_ascii_graphic() || *byte == b' ';
        rest = match rest {
            [first, rest @ ..] if first == byte => rest,
            [b'?', rest @ ..] if !plain => rest,
            [b'\n', rest @ ..] if *byte == b'\r' => rest,
            _ => match rest.strip_prefix(percent.as_bytes()) {
                Some(rest) if !plain => rest,
                _ => return false,
            },
        };
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::create::Draft;

    fn torrent(draft: Draft) -> Metainfo {
        Metainfo::parse(&draft.torrent(&[[0; 20]]).unwrap()).unwrap()
    }

    fn in_directory(directory: &str) -> Download {
        Download {
            hash: InfoHash::new([1; 20]),
            complete: true,
            hashing: false,
            stuck: false,
            directory: directory.into(),
            tied_to: None,
            finished: None,
        }
    }

    fn many(name: &[u8]) -> Metainfo {
        let file =
            metainfo::File { path: vec![b"a".to_vec()], length: 1, attr: Default::default() };
        torrent(Draft::directory(name, vec![file]))
    }

    #[test]
    fn a_single_file_lies_in_the_directory() {
        let one = torrent(Draft::single("shop-1.tar", 1));
        assert_eq!(in_directory("/dl").payload(&one), Path::new("/dl/shop-1.tar"));
    }

    #[test]
    fn many_files_have_the_directory_whatever_it_is_called() {
        let many = many(b"shop-1");
        assert_eq!(in_directory("/dl/shop-1").payload(&many), Path::new("/dl/shop-1"));
        assert_eq!(in_directory("/dl/renamed").payload(&many), Path::new("/dl/renamed"));
    }

    #[test]
    fn a_name_that_the_answer_could_not_carry_is_the_torrents() {
        let name = b"x%41?\xff%\x02\r";
        let whole = [b"/dl/", &name[..]].concat();
        for told in ["/dl/x%41??%?\n", "/dl/x%41?%FF%%02\n"] {
            let payload = in_directory(told).payload(&many(name));
            assert_eq!(payload.as_os_str().as_bytes(), whole);
        }
        let other = in_directory("/dl/x%41?y%?\n");
        assert_eq!(other.payload(&many(name)), other.directory);
    }

    #[test]
    fn plain_characters_stand_for_themselves_only() {
        assert!(is_image(b"shop-1", b"shop-1"));
        assert!(!is_image(b"shop-?", b"shop-1"));
        assert!(!is_image(b"shop-%31", b"shop-1"));
        assert!(!is_image(b"shop-1", b"shop-10"));
        assert!(!is_image(b"shop-10", b"shop-1"));
    }
}

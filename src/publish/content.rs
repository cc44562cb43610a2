//! A payload that is whole and hashed, and does not have its name yet.

use super::{
    Input, Order, describe, directory, file,
    input::Source,
    unfinished::{Unfinished, UnfinishedDirectory},
    unpackable,
};
use crate::{
    error::{Error, Exit, Result, quoted},
    unpack::Kind,
};
use std::{
    fs, io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

/// A payload and the unsigned .torrent of it.
pub(super) struct Content {
    held: Held,
    /// The bytes of the .torrent.
    pub(super) torrent: Vec<u8>,
    /// Bytes in a piece.
    pub(super) piece_length: u64,
    /// Where it is to lie.
    at: PathBuf,
}

enum Held {
    File(Unfinished),
    Directory(UnfinishedDirectory),
    /// It lies there already, for it is what somebody named.
    InPlace,
}

impl Content {
    /// Packs, copies or reads an input, and hashes it in the same pass.
    pub(super) fn make(
        order: &Order<'_>,
        input: Input,
        watch: &mut dyn FnMut(u64),
    ) -> Result<Self> {
        let piece_length = order.piece_length(input.bytes());
        let (held, torrent) = match input {
            Input::Tree(tree) => {
                let (file, hashes, frames) = file::packed(order, &tree, watch)?;
                let torrent = describe::single(order, piece_length, &hashes, &frames)?;
                (Held::File(file), torrent)
            }
            Input::File(source) => {
                must_agree(order, &source)?;
                let (held, hashes) = match is_at(&source, &order.payload()) {
                    true => (Held::InPlace, file::hashed(order, &source, piece_length, watch)?),
                    false => {
                        let (file, hashes) = file::copied(order, &source, watch)?;
                        (Held::File(file), hashes)
                    }
                };
                (held, describe::single(order, piece_length, &hashes, &[])?)
            }
            Input::Directory(tree) => {
                let placed = directory::copied(order, &tree, watch)?;
                let torrent = directory::torrent(order, piece_length, placed.path())?;
                (Held::Directory(placed), torrent)
            }
        };
        Ok(Self { held, torrent, piece_length, at: order.payload() })
    }

    /// It is what lies at its place, which nothing can contradict.
    pub(super) fn is_in_place(&self) -> bool {
        matches!(self.held, Held::InPlace)
    }

    /// It is a directory of files.
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.held, Held::Directory(_))
    }

    /// Gives it its name; where it lies then.
    pub(super) fn place(self, order: &Order<'_>) -> Result<PathBuf> {
        crate::checkpoint::reach("publish-made");
        let placed = match self.held {
            Held::File(file) => file.becomes(&self.at),
            Held::Directory(directory) => directory.becomes(&self.at),
            Held::InPlace => Ok(()),
        };
        placed.map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => {
                let cause = format!("somebody else made {} meanwhile", quoted(&self.at));
                Error::new(Exit::Again, "publish", order.name, cause).hint("publish it again")
            }
            _ => Error::io("write", &self.at, &e),
        })?;
        crate::checkpoint::reach("publish-placed");
        Ok(self.at)
    }

    /// What lies there is the same.
    pub(super) fn drop_it(self) -> PathBuf {
        self.at
    }
}

/// Removes what was placed just now: nobody can have it yet without its .torrent.
pub(super) fn take_back(placed: &Path) {
    let _ = match placed.is_dir() {
        true => fs::remove_dir_all(placed),
        false => fs::remove_file(placed),
    };
}

/// The file that was named is what lies there.
fn is_at(source: &Source, path: &Path) -> bool {
    let same = |found: fs::Metadata| {
        found.is_file() && (found.dev(), found.ino()) == (source.looked.dev(), source.looked.ino())
    };
    fs::symlink_metadata(path).is_ok_and(same)
}

/// Every host would refuse an archive whose first bytes are not what its name says.
fn must_agree(order: &Order<'_>, source: &Source) -> Result<()> {
    let mut head = [0; 512];
    let read =
        source.file.read_at(&mut head, 0).map_err(|e| Error::io("read", &source.path, &e))?;
    let name = order.name.as_str().as_bytes();
    let agreed = Kind::of_name(name).and_then(|kind| kind.agree(name, &head[..read]));
    agreed.map_err(|e| {
        unpackable(&source.path, e.cause).hint("let it end as what it is, or pack it again")
    })
}

//! A hybrid torrent's other half (BEP 52): the same files once more, with SHA-256 in place of SHA-1.
//!
//! Both halves stand in one `info`, so one info hash covers them, and nothing but their maker's care
//! makes them agree. Here they are held against each other before a byte of a payload is believed:
//! the file tree must name the files of `info.files` (or the one of `info.length`), of the same
//! lengths and attributes, in the same order; each must begin with a piece of its own, with just the
//! padding between that this takes; and the hashes of its pieces must make up its `pieces root`.
//!
//! What comes out is one hash for each of the torrent's pieces: whoever has a piece in memory for its
//! SHA-1 can hold the same bytes against its SHA-256.

mod layers;
pub(crate) mod merkle;

use crate::bencode::{Dictionary, Step, Value};
use crate::file::{self, File, MAX_COMPONENTS};
use crate::{Flaw, ParseError};
use layers::Layers;
pub use merkle::BLOCK;
use merkle::{Hash, Tree, height};

/// The pieces of a torrent as BitTorrent v2 has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version2 {
    pieces: Vec<Piece>,
}

/// One piece: bytes of one file, and the hash over its blocks of 16 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    root: Hash,
    /// At most [`MAX_PIECE_LENGTH`](crate::MAX_PIECE_LENGTH), as every piece.
    length: u32,
    height: u32,
}

/// What the rest of `info` says of the payload.
pub(crate) struct Version1<'t> {
    pub(crate) name: &'t [u8],
    pub(crate) files: &'t [File],
    pub(crate) piece_length: u64,
    /// How many pieces there are.
    pub(crate) pieces: usize,
}

impl Version2 {
    /// For each piece of the torrent, in their order, what BitTorrent v2 says of it.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Reads it and holds it against the other half; `None` for a torrent of v1 alone.
    pub(crate) fn read(
        outer: Dictionary<'_>,
        info: Dictionary<'_>,
        other: &Version1<'_>,
    ) -> Result<Option<Self>, ParseError> {
        let Some(tree) = tree(info)? else { return Ok(None) };
        let length = other.piece_length;
        if length < BLOCK || !length.is_power_of_two() {
            return Err(ParseError::key("info.piece length", Flaw::NoTreeOf(BLOCK)));
        }
        let layers = Layers::read(outer, length)?;
        let pieces = Vec::with_capacity(other.pieces);
        let mut both = Both { other, layers, next: 0, at: 0, pieces };
        walk(tree, &mut both)?;
        both.end().map(Some)
    }
}

impl Piece {
    /// How many bytes of it are its file's. Padding may follow them, which v2 does not know.
    pub fn length(&self) -> u64 {
        self.length.into()
    }

    /// Its bytes have these hashes, block by block.
    pub fn has(&self, leaves: &[[u8; 32]]) -> bool {
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        leaves.len() as u64 == self.length().div_ceil(BLOCK)
            && tree.root(self.height, Hash::default()) == self.root
    }

    /// These are the bytes of the piece; padding may follow them.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        let Some((own, _)) = bytes.split_at_checked(self.length as usize) else { return false };
        let blocks: Vec<&[u8]> = own.chunks(BLOCK as usize).collect();
        let mut leaves = vec![Hash::default(); blocks.len()];
        lanes::sha256(&blocks, &mut leaves);
        self.has(&leaves)
    }
}

/// The file tree of a torrent that says it is of version 2, and of no later one.
fn tree(info: Dictionary<'_>) -> Result<Option<Dictionary<'_>>, ParseError> {
    let fail = |key: &str, flaw| Err(ParseError::key(format!("info.{key}"), flaw));
    match (info.get(b"meta version"), info.get(b"file tree")) {
        (None, None) => Ok(None),
        (None, Some(_)) => fail("meta version", Flaw::Missing),
        (Some(Value::Integer(2)), Some(Value::Dictionary(tree))) => Ok(Some(tree)),
        (Some(Value::Integer(2)), Some(_)) => fail("file tree", Flaw::NotA("a dictionary")),
        (Some(Value::Integer(2)), None) => fail("file tree", Flaw::Missing),
        (Some(_), _) => fail("meta version", Flaw::OtherVersion),
    }
}

/// Shows each file of the tree to `both`, in the order of the tree.
fn walk<'a>(tree: Dictionary<'a>, both: &mut Both<'a, '_>) -> Result<(), ParseError> {
    let fail = |flaw| Err(ParseError::key(TREE, flaw));
    let mut path: Vec<&[u8]> = Vec::new();
    // What came last: a directory that is empty so far, or a file, which nothing may stand beside.
    let (mut empty, mut file) = (true, false);
    for step in tree.walk() {
        match step {
            Step::Out => {
                if empty {
                    return fail(Flaw::Empty);
                }
                path.pop();
                file = false;
            }
            _ if file => return fail(Flaw::FileWithFiles),
            Step::Into(name) => {
                file::component(name).map_err(|flaw| ParseError::key(TREE, flaw))?;
                if path.len() == MAX_COMPONENTS {
                    return fail(Flaw::TooDeep(MAX_COMPONENTS));
                }
                path.push(name);
                empty = true;
            }
            Step::Value(b"", Value::Dictionary(of)) if !path.is_empty() => {
                // A directory that had entries before has none of these: the empty key is the first.
                both.file(&path, of)?;
                (empty, file) = (false, true);
            }
            Step::Value(..) => return fail(Flaw::NotA("a tree of dictionaries")),
        }
    }
    Ok(())
}

const TREE: &str = "info.file tree";

/// Both halves side by side, as far as they were found to agree.
struct Both<'a, 't> {
    other: &'t Version1<'t>,
    layers: Layers<'a>,
    /// The first file of v1 that was not met.
    next: usize,
    /// Where its bytes begin.
    at: u64,
    pieces: Vec<Piece>,
}

impl Both<'_, '_> {
    /// The next file of the tree must be the next one of v1.
    fn file(&mut self, path: &[&[u8]], of: Dictionary<'_>) -> Result<(), ParseError> {
        self.pass_padding();
        let index = self.next;
        let Some(expected) = self.other.files.get(index) else {
            return Err(ParseError::key(TREE, Flaw::MoreFiles));
        };
        let attr = file::attr(of, TREE)?;
        // A link has no bytes, and its length may be left out.
        let length = match attr.symlink {
            Some(_) if of.get(b"length").is_none() => 0,
            _ => file::length(of, TREE)?,
        };
        let place = match expected.path.is_empty() {
            true => path == [self.other.name],
            false => path == expected.path,
        };
        if !place || length != expected.length || attr != expected.attr {
            return Err(ParseError::key(TREE, Flaw::OtherFile(index)));
        }
        if length > 0 {
            self.begins_a_piece(index)?;
            self.add(index, length, root(of)?)?;
        }
        self.next += 1;
        self.at += length;
        Ok(())
    }

    /// Padding is in no tree.
    fn pass_padding(&mut self) {
        let rest = &self.other.files[self.next..];
        for padding in rest.iter().take_while(|file| file.attr.padding) {
            self.at += padding.length;
            self.next += 1;
        }
    }

    /// The file begins where the pieces of those before it end.
    fn begins_a_piece(&self, index: usize) -> Result<(), ParseError> {
        match self.pieces.len() as u64 * self.other.piece_length == self.at {
            true => Ok(()),
            false => Err(ParseError::key(format!("info.files[{index}]"), Flaw::WithinPiece)),
        }
    }

    /// Adds the pieces of a file that has bytes.
    fn add(&mut self, index: usize, length: u64, root: Hash) -> Result<(), ParseError> {
        let whole = self.other.piece_length;
        // Neither is longer than a piece, which fits.
        let piece = |root, length: u64, height| Piece { root, length: length as u32, height };
        if length <= whole {
            self.pieces.push(piece(root, length, height(length.div_ceil(BLOCK))));
            return Ok(());
        }
        let hashes = self.layers.of(index, &root, length.div_ceil(whole))?;
        let mut left = length;
        for hash in hashes {
            self.pieces.push(piece(*hash, left.min(whole), self.layers.height()));
            left = left.saturating_sub(whole);
        }
        Ok(())
    }

    /// Nothing of v1 is left, and nothing but padding follows the last file.
    fn end(mut self) -> Result<Version2, ParseError> {
        self.pass_padding();
        if self.next < self.other.files.len() {
            return Err(ParseError::key(TREE, Flaw::NoFile(self.next)));
        }
        if self.pieces.len() != self.other.pieces {
            return Err(ParseError::key("info.files", Flaw::PiecesOfPadding));
        }
        Ok(Version2 { pieces: self.pieces })
    }
}

fn root(of: Dictionary<'_>) -> Result<Hash, ParseError> {
    let flaw = match of.get(b"pieces root") {
        Some(Value::Bytes(root)) => match root.try_into() {
            Ok(root) => return Ok(root),
            Err(_) => Flaw::RootLength(root.len()),
        },
        Some(_) => Flaw::NotA("a tree with strings of 32 bytes for `pieces root`"),
        None => Flaw::NoRoot,
    };
    Err(ParseError::key(TREE, flaw))
}

#[cfg(test)]
mod tests;

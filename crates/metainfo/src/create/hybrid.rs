//! Hybrid torrents (BEP 52): one `info` that says everything twice, for BitTorrent v1 and v2.

use super::{CreateError, Draft, PieceHasher, attributes, number};
use crate::bencode::Item;
use crate::version_2::merkle::{BLOCK, Leaves, Tree, height, zeros};
use crate::{Attr, File, Flaw, Metainfo, ParseError};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::num::NonZeroU64;

type Entries = BTreeMap<Vec<u8>, Item>;

impl Draft {
    /// The bytes of a hybrid .torrent. Files come in the order of the file tree, whatever order the
    /// draft has, and padding goes between them, so that each begins with a piece. `open` is asked
    /// for each file with bytes, once.
    ///
    /// # Errors
    /// The draft has padding of its own, its pieces are no power of two from 16 KiB on, a file cannot
    /// be read or has another length, or nobody could read the torrent.
    pub fn hybrid<R: Read>(
        mut self,
        mut open: impl FnMut(&File) -> io::Result<R>,
    ) -> Result<Vec<u8>, CreateError> {
        let whole = self.tree_pieces()?;
        self.align();
        let (mut tree, mut layers) = (Entries::new(), Entries::new());
        let mut pieces = PieceHasher::new(NonZeroU64::MIN.saturating_add(whole - 1));
        for (index, file) in self.files.iter().enumerate() {
            if file.attr.padding {
                pieces.zeros(file.length);
                continue;
            }
            let mut entry = attributes(file, "info.file tree")?;
            if file.length > 0 {
                let mut sums = Sums {
                    whole,
                    v1: &mut pieces,
                    layer: Vec::new(),
                    leaves: Leaves::new(),
                    room: whole,
                };
                let read = open(file).and_then(|reader| sums.read(reader.take(file.length + 1)));
                if read.map_err(|cause| CreateError::Read { index, cause })? != file.length {
                    return Err(CreateError::Length { index, length: file.length });
                }
                let (root, layer) = sums.finish(file.length);
                entry.insert("pieces root".into(), Item::bytes(root));
                layers.extend(layer.map(|layer| (root.to_vec(), Item::Bytes(layer))));
            }
            let name = std::slice::from_ref(&self.name);
            let path = if file.path.is_empty() { name } else { &file.path };
            plant(&mut tree, path, Item::Dictionary(entry));
        }
        self.twofold(&pieces.finish(), tree, layers)
    }

    /// The bytes of the hybrid .torrent of a payload whose hashes are known: the SHA-1 of each piece,
    /// and the SHA-256 of each block of 16 KiB of each file, file by file. A draft of several files must
    /// be [aligned](Self::aligned).
    ///
    /// # Errors
    /// As [`hybrid`](Self::hybrid); and hashes that are not as many as the lengths need.
    pub fn hybrid_of(
        self,
        pieces: &[[u8; 20]],
        leaves: &[[u8; 32]],
    ) -> Result<Vec<u8>, CreateError> {
        let whole = self.tree_pieces()?;
        let blocks = |file: &File| match file.attr.padding {
            true => 0,
            false => file.length.div_ceil(BLOCK),
        };
        let (found, needed) = (leaves.len() as u64, self.files.iter().map(blocks).sum());
        if found != needed {
            return Err(ParseError::key("info.file tree", Flaw::HashCount { found, needed }).into());
        }
        let (mut tree, mut layers) = (Entries::new(), Entries::new());
        let mut rest = leaves;
        for file in self.files.iter().filter(|file| !file.attr.padding) {
            // As many as were counted, so they are there.
            let (own, later) = rest.split_at(usize::try_from(blocks(file)).unwrap_or(rest.len()));
            rest = later;
            let mut entry = attributes(file, "info.file tree")?;
            if file.length > 0 {
                let (root, layer) = planted(own, whole, file.length);
                entry.insert("pieces root".into(), Item::bytes(root));
                layers.extend(layer.map(|layer| (root.to_vec(), Item::Bytes(layer))));
            }
            let name = std::slice::from_ref(&self.name);
            let path = if file.path.is_empty() { name } else { &file.path };
            plant(&mut tree, path, Item::Dictionary(entry));
        }
        self.twofold(pieces, tree, layers)
    }

    /// The same draft as a hybrid torrent has it: files in the order of the file tree, and padding
    /// between them, so that each begins with a piece.
    ///
    /// # Errors
    /// Its pieces are no power of two from 16 KiB on.
    pub fn aligned(mut self) -> Result<Self, CreateError> {
        self.tree_pieces()?;
        self.align();
        Ok(self)
    }

    /// Bytes in a piece, which must fit a tree of blocks.
    fn tree_pieces(&self) -> Result<u64, CreateError> {
        let whole = self.piece_length;
        if whole < BLOCK || !whole.is_power_of_two() {
            return Err(ParseError::key("info.piece length", Flaw::NoTreeOf(BLOCK)).into());
        }
        Ok(whole)
    }

    /// Both halves in one torrent, which is read again before it is given out.
    fn twofold(
        &self,
        pieces: &[[u8; 20]],
        tree: Entries,
        layers: Entries,
    ) -> Result<Vec<u8>, CreateError> {
        let Item::Dictionary(mut info) = self.info(pieces)? else {
            return Ok(Vec::new());
        };
        info.insert("file tree".into(), Item::Dictionary(tree));
        info.insert("meta version".into(), number(2, "info.meta version")?);
        let mut outer = self.outer(Item::Dictionary(info));
        outer.insert("piece layers".into(), Item::Dictionary(layers));
        let torrent = Item::Dictionary(outer).encode();
        match Metainfo::parse(&torrent)?.version_2() {
            Ok(_) => Ok(torrent),
            Err(contrary) => Err(contrary.clone().into()),
        }
    }

    /// Puts the files in order, and padding behind each that does not end with a piece; the last one
    /// needs none.
    fn align(&mut self) {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        let last = self.files.iter().rposition(|file| file.length > 0);
        let mut aligned = Vec::new();
        for (index, file) in std::mem::take(&mut self.files).into_iter().enumerate() {
            let over = file.length % self.piece_length;
            aligned.push(file);
            if over > 0 && Some(index) != last {
                let length = self.piece_length - over;
                let path = vec![b".pad".to_vec(), length.to_string().into_bytes()];
                aligned.push(File {
                    path,
                    length,
                    attr: Attr { padding: true, ..Attr::default() },
                });
            }
        }
        self.files = aligned;
    }
}

/// Both kinds of hashes of one file.
struct Sums<'h> {
    whole: u64,
    v1: &'h mut PieceHasher,
    /// The hashes of whole pieces so far.
    layer: Vec<[u8; 32]>,
    leaves: Leaves,
    /// Bytes that the piece at hand still takes.
    room: u64,
}

impl Sums<'_> {
    fn read(&mut self, mut reader: impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; 64 * 1024];
        let mut total = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(read) => {
                    self.v1.update(&buffer[..read]);
                    self.update(&buffer[..read]);
                    total += read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.room == 0 {
                self.close();
            }
            let now = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, later) = bytes.split_at(now);
            self.leaves.update(piece);
            self.room -= piece.len() as u64;
            bytes = later;
        }
    }

    fn close(&mut self) {
        let piece = std::mem::replace(&mut self.leaves, Leaves::new());
        self.layer.push(piece.root(height(self.whole / BLOCK)));
        self.room = self.whole;
    }

    /// The root, and the layer of a file that has more than one piece.
    fn finish(mut self, length: u64) -> ([u8; 32], Option<Vec<u8>>) {
        if length <= self.whole {
            return (self.leaves.root(height(length.div_ceil(BLOCK))), None);
        }
        self.close();
        let mut tree = Tree::default();
        self.layer.iter().for_each(|piece| tree.push(*piece));
        let root = tree.root(height(self.layer.len() as u64), zeros(height(self.whole / BLOCK)));
        (root, Some(self.layer.as_flattened().to_vec()))
    }
}

/// The root over a file's blocks, and the layer of its pieces if it has more than one.
fn planted(leaves: &[[u8; 32]], whole: u64, length: u64) -> ([u8; 32], Option<Vec<u8>>) {
    let root_of = |leaves: &[[u8; 32]], height, nothing| {
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        tree.root(height, nothing)
    };
    if length <= whole {
        return (root_of(leaves, height(leaves.len() as u64), [0; 32]), None);
    }
    let of_piece = height(whole / BLOCK);
    let blocks = usize::try_from(whole / BLOCK).unwrap_or(usize::MAX);
    let pieces = leaves.chunks(blocks).map(|leaves| root_of(leaves, of_piece, [0; 32]));
    let layer: Vec<[u8; 32]> = pieces.collect();
    let root = root_of(&layer, height(layer.len() as u64), zeros(of_piece));
    (root, Some(layer.as_flattened().to_vec()))
}

/// Puts what is said of a file under its path.
fn plant(tree: &mut Entries, path: &[Vec<u8>], of: Item) {
    let Some((name, rest)) = path.split_first() else {
        tree.insert(Vec::new(), of);
        return;
    };
    let below = tree.entry(name.clone()).or_insert_with(|| Item::Dictionary(Entries::new()));
    if let Item::Dictionary(below) = below {
        plant(below, rest, of);
    }
}

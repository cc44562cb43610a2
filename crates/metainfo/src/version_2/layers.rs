//! `piece layers` (BEP 52): the hashes of the pieces of each file that is longer than one. They stand
//! outside `info`, and prove themselves: together they must hash to the file's `pieces root`.

use super::merkle::{BLOCK, Hash, Tree, height, zeros};
use crate::bencode::{Dictionary, Value};
use crate::{Flaw, ParseError};

const KEY: &str = "piece layers";

/// The layers of a torrent, none of them proven yet.
pub(super) struct Layers<'a> {
    /// By their roots, which ascend as the keys of every inner dictionary do.
    by_root: Vec<(&'a [u8], Value<'a>)>,
    /// How high the tree of one piece is, and its root if it were all zeros.
    height: u32,
    nothing: Hash,
}

impl<'a> Layers<'a> {
    /// Those beside this torrent's `info`; none where there is no such key.
    pub(super) fn read(outer: Dictionary<'a>, piece_length: u64) -> Result<Self, ParseError> {
        let by_root = match outer.get(KEY.as_bytes()) {
            None => Vec::new(),
            // What has no root for a key is no layer, and there may be a million of them.
            Some(Value::Dictionary(layers)) => {
                layers.entries().filter(|(root, _)| root.len() == size_of::<Hash>()).collect()
            }
            Some(_) => return Err(ParseError::key(KEY, Flaw::NotA("a dictionary"))),
        };
        let height = height(piece_length / BLOCK);
        Ok(Self { by_root, height, nothing: zeros(height) })
    }

    /// The hashes of the `count` pieces of the file with this index, proven by its root.
    pub(super) fn of(
        &self,
        file: usize,
        root: &Hash,
        count: u64,
    ) -> Result<&'a [Hash], ParseError> {
        let fail = |flaw| ParseError::key(KEY, flaw);
        let at = self.by_root.binary_search_by_key(&&root[..], |(root, _)| *root);
        let layer = match at.map(|at| self.by_root[at].1) {
            Ok(Value::Bytes(layer)) => layer,
            Ok(_) => return Err(fail(Flaw::NotA("a dictionary of strings"))),
            Err(_) => return Err(fail(Flaw::NoLayer(file))),
        };
        let (hashes, rest) = layer.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() as u64 != count {
            return Err(fail(Flaw::LayerLength(file)));
        }
        let mut tree = Tree::default();
        hashes.iter().for_each(|hash| tree.push(*hash));
        if tree.root(height(count), self.nothing) != *root {
            return Err(fail(Flaw::LayerRoot(file)));
        }
        Ok(hashes)
    }

    /// How high the tree of a whole piece is.
    pub(super) fn height(&self) -> u32 {
        self.height
    }
}

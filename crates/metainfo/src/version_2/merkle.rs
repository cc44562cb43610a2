//! The hash trees of BitTorrent v2 (BEP 52): SHA-256 over blocks of 16 KiB, then over pairs of
//! hashes, up to one root. A tree is as wide as a power of two; what a file is too short for counts
//! as hashes of nothing but zeros.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// Bytes in a leaf of the hash trees of BitTorrent v2 (BEP 52).
pub const BLOCK: u64 = 16 * 1024;

/// A tree that gets its leaves from left to right. It keeps one hash for each of its heights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Whole subtrees, each with its height; heights fall from left to right.
    subtrees: Vec<(u32, Hash)>,
}

impl Tree {
    /// Adds the next leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let (mut height, mut node) = (0, leaf);
        while let Some((_, left)) = self.subtrees.pop_if(|(other, _)| *other == height) {
            node = pair(&left, &node);
            height += 1;
        }
        self.subtrees.push((height, node));
    }

    /// The root of a tree with 2^`height` leaves, at least as many as were pushed; the others are
    /// `nothing`.
    pub(crate) fn root(mut self, height: u32, nothing: Hash) -> Hash {
        // What stands to the right of all whole subtrees, filled up to the height reached.
        let mut rest = None;
        let mut nothing = nothing;
        for level in 0..height {
            let left = self.subtrees.pop_if(|(other, _)| *other == level).map(|(_, node)| node);
            rest = match (left, rest) {
                (Some(left), Some(rest)) => Some(pair(&left, &rest)),
                (Some(only), None) | (None, Some(only)) => Some(pair(&only, &nothing)),
                (None, None) => None,
            };
            nothing = pair(&nothing, &nothing);
        }
        rest.or(self.subtrees.pop().map(|(_, node)| node)).unwrap_or(nothing)
    }
}

/// The root over 2^`height` leaves that are all zeros.
pub(crate) fn zeros(height: u32) -> Hash {
    Tree::default().root(height, Hash::default())
}

/// How high a tree over so many leaves is.
pub(crate) fn height(leaves: u64) -> u32 {
    leaves.next_power_of_two().trailing_zeros()
}

fn pair(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(left).chain_update(right).finalize().into()
}

/// Cuts bytes into blocks and makes leaves of them.
#[derive(Clone, Debug)]
pub(crate) struct Leaves {
    tree: Tree,
    block: Sha256,
    /// Bytes that the block at hand still takes.
    room: u64,
}

impl Leaves {
    /// Begins with the first block.
    pub(crate) fn new() -> Self {
        Self { tree: Tree::default(), block: Sha256::new(), room: BLOCK }
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let now = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
            let (block, later) = bytes.split_at(now);
            self.block.update(block);
            self.room -= block.len() as u64;
            if self.room == 0 {
                self.close();
            }
            bytes = later;
        }
    }

    /// The root of a tree with 2^`height` leaves.
    pub(crate) fn root(mut self, height: u32) -> Hash {
        if self.room < BLOCK {
            self.close();
        }
        self.tree.root(height, Hash::default())
    }

    fn close(&mut self) {
        self.tree.push(self.block.finalize_reset().into());
        self.room = BLOCK;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the BEP has it: all leaves in a row, pair by pair.
    fn by_the_book(mut row: Vec<Hash>, height: u32, nothing: Hash) -> Hash {
        row.resize(1 << height, nothing);
        while row.len() > 1 {
            row = row.chunks(2).map(|two| pair(&two[0], &two[1])).collect();
        }
        row[0]
    }

    #[test]
    fn a_tree_is_as_high_as_its_leaves_need() {
        let heights = [1, 2, 3, 4, 5, 8, 9].map(height);
        assert_eq!(heights, [0, 1, 2, 2, 3, 3, 4]);
        assert_eq!(zeros(0), [0; 32]);
        assert_eq!(zeros(2), by_the_book(Vec::new(), 2, [0; 32]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_root_is_that_of_the_whole_row(leaves in 0..40_u8, more in 0..3_u32, nothing in any::<Hash>()) {
            let row: Vec<Hash> = (0..leaves).map(|n| [n; 32]).collect();
            let height = height(leaves.into()) + more;
            let mut tree = Tree::default();
            row.iter().for_each(|leaf| tree.push(*leaf));
            prop_assert_eq!(tree.root(height, nothing), by_the_book(row, height, nothing));
        }

        #[test]
        fn leaves_are_blocks_wherever_the_bytes_were_cut(length in 0..70_000_usize, cuts in prop::collection::vec(1..20_000_usize, 1..5)) {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let row: Vec<Hash> = bytes.chunks(16_384).map(|block| Sha256::digest(block).into()).collect();
            let mut leaves = Leaves::new();
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                leaves.update(now);
                rest = later;
                if rest.is_empty() { break }
            }
            prop_assert_eq!(leaves.root(3), by_the_book(row, 3, [0; 32]));
        }
    }
}

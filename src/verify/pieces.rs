//! The hashes of many pieces at once: SHA-1, and SHA-256 where the torrent is a hybrid one.
//!
//! The interface is what several lanes of a vector unit need: whole pieces in memory, many in one
//! call. Behind it is the crate `lanes`, on every processor. Both hashes are taken of the same bytes, in
//! the same moment.

use metainfo::{Metainfo, Version2};
use std::{num::NonZero, thread};

/// What bytes are worth as a certain piece of a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Judged {
    /// Every hash that the torrent has of it is right.
    Right,
    /// The SHA-1 is another.
    #[default]
    Wrong,
    /// The SHA-1 is right, and the SHA-256 is another: no peer can cure that.
    Contrary,
}

/// What the pieces of a torrent are held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashes<'t> {
    sha1: &'t [[u8; 20]],
    sha256: Option<&'t Version2>,
}

impl<'t> Hashes<'t> {
    /// Those of this torrent; what BitTorrent v2 says of it was found to be sound.
    pub(super) fn of(torrent: &'t Metainfo, sha256: Option<&'t Version2>) -> Self {
        Self { sha1: torrent.pieces(), sha256 }
    }

    /// What v2 says of a piece.
    pub(super) fn version_2(&self, index: usize) -> Option<&'t metainfo::Piece> {
        self.sha256?.pieces().get(index)
    }

    /// Judges a piece by its SHA-1, and by `sha256` only if that is right.
    pub(super) fn judge(
        &self,
        index: usize,
        sha1: [u8; 20],
        sha256: impl FnOnce(&metainfo::Piece) -> bool,
    ) -> Judged {
        match (self.sha1.get(index) == Some(&sha1), self.version_2(index)) {
            (false, _) => Judged::Wrong,
            (true, Some(piece)) if !sha256(piece) => Judged::Contrary,
            (true, _) => Judged::Right,
        }
    }

    /// Judges pieces in a row, from this one on, on every processor this process may use.
    pub(super) fn judge_all(&self, first: usize, pieces: &[&[u8]]) -> Vec<Judged> {
        let workers =
            thread::available_parallelism().map_or(1, NonZero::get).min(pieces.len().max(1));
        let mut judged = vec![Judged::default(); pieces.len()];
        let share = pieces.len().div_ceil(workers).max(1);
        let mut undone = Vec::new();
        thread::scope(|scope| {
            let mut shares = pieces.chunks(share).zip(judged.chunks_mut(share)).enumerate();
            // This thread takes the first share itself.
            let own = shares.next();
            for (n, (pieces, judged)) in shares {
                let work = move || self.judge_some(first + n * share, pieces, judged);
                if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                    undone.push(n);
                }
            }
            if let Some((_, (pieces, judged))) = own {
                self.judge_some(first, pieces, judged);
            }
        });
        // Where the system has no thread to give, this one has time.
        for range in undone.into_iter().map(|n| n * share..pieces.len().min((n + 1) * share)) {
            let at = first + range.start;
            self.judge_some(at, &pieces[range.clone()], &mut judged[range]);
        }
        judged
    }

    fn judge_some(&self, first: usize, pieces: &[&[u8]], judged: &mut [Judged]) {
        let mut sums = vec![[0; 20]; pieces.len()];
        lanes::sha1(pieces, &mut sums);
        for (n, ((bytes, sha1), judged)) in pieces.iter().zip(sums).zip(judged).enumerate() {
            *judged = self.judge(first + n, sha1, |piece| piece.is_of(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};

    #[test]
    fn each_piece_is_judged_as_the_one_it_is() {
        let bytes: Vec<u8> = (0..=255).collect();
        for count in [0, 1, 2, 3, 7, 64, 255] {
            let pieces: Vec<&[u8]> = (0..count).map(|n| &bytes[..n]).collect();
            // One more in front, which nobody asks about; and one of them is another's.
            let mut sha1 = vec![[0; 20]];
            sha1.extend(pieces.iter().map(|p| <[u8; 20]>::from(Sha1::digest(p))));
            if count > 1 {
                sha1[count] = [9; 20];
            }
            let mut expected = vec![Judged::Right; count];
            if count > 1 {
                expected[count - 1] = Judged::Wrong;
            }
            let hashes = Hashes { sha1: &sha1, sha256: None };
            assert_eq!(hashes.judge_all(1, &pieces), expected);
        }
    }
}

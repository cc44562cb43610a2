//! SHA-1 of many pieces at once.
//!
//! The interface is what several lanes of a vector unit need: whole pieces in memory, many in one
//! call. What is behind it may change; today it is the `sha1` crate on every processor.

use sha1::{Digest, Sha1};
use std::{num::NonZero, thread};

/// What BEP 3 calls a piece's hash.
pub(super) type Sum = [u8; 20];

/// The SHA-1 of each piece, in their order, hashed on every processor this process may use.
pub(super) fn hash_pieces(pieces: &[&[u8]]) -> Vec<Sum> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(pieces.len().max(1));
    let mut sums = vec![Sum::default(); pieces.len()];
    let share = pieces.len().div_ceil(workers).max(1);
    let mut undone = Vec::new();
    thread::scope(|scope| {
        let mut shares = pieces.chunks(share).zip(sums.chunks_mut(share)).enumerate();
        // This thread takes the first share itself.
        let own = shares.next();
        for (n, (pieces, sums)) in shares {
            let work = move || hash(pieces, sums);
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                undone.push(n);
            }
        }
        if let Some((_, (pieces, sums))) = own {
            hash(pieces, sums);
        }
    });
    // Where the system has no thread to give, this one has time.
    for range in undone.into_iter().map(|n| n * share..pieces.len().min((n + 1) * share)) {
        hash(&pieces[range.clone()], &mut sums[range]);
    }
    sums
}

fn hash(pieces: &[&[u8]], sums: &mut [Sum]) {
    for (piece, sum) in pieces.iter().zip(sums) {
        *sum = Sha1::digest(piece).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stand_in_the_order_of_their_pieces() {
        let bytes: Vec<u8> = (0..=255).collect();
        for count in [0, 1, 2, 3, 7, 64, 255] {
            let pieces: Vec<&[u8]> = (0..count).map(|n| &bytes[..n]).collect();
            let expected: Vec<Sum> = pieces.iter().map(|p| Sha1::digest(p).into()).collect();
            assert_eq!(hash_pieces(&pieces), expected);
        }
    }
}

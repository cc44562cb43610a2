//! SHA-1 and SHA-256 of many messages at once.
//!
//! A torrent's pieces are independent of each other, so as many of them are hashed at once as the
//! processor has lanes. Which way is used is chosen when the program runs.

mod stream;

pub use stream::{Hasher, Hashes};

use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Hashes each message by itself. Messages may have any lengths; equal ones are fastest.
///
/// # Panics
/// If there are not as many sums as messages.
pub fn sha1(messages: &[&[u8]], sums: &mut [[u8; 20]]) {
    assert_eq!(messages.len(), sums.len(), "a sum for each message");
    for (message, sum) in messages.iter().zip(sums) {
        *sum = Sha1::digest(message).into();
    }
}

/// The same with SHA-256.
///
/// # Panics
/// If there are not as many sums as messages.
pub fn sha256(messages: &[&[u8]], sums: &mut [[u8; 32]]) {
    assert_eq!(messages.len(), sums.len(), "a sum for each message");
    for (message, sum) in messages.iter().zip(sums) {
        *sum = Sha256::digest(message).into();
    }
}

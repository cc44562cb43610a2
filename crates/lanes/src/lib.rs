//! SHA-1 and SHA-256 of many messages at once.
//!
//! A torrent's pieces are independent of each other, so as many of them are hashed at once as the
//! processor has lanes. Which way is used is chosen when the program runs ([`Engine`]); every way gives
//! the same sums, and the tests hold each of those that the processor has against the `sha1` and `sha2`
//! crates, which are also the fallback.
//!
//! - [`sha1`] and [`sha256`] hash messages that are whole in memory.
//! - [`Sha1s`] hashes several messages part by part: pieces that are read side by side.
//! - [`Hasher`] cuts one stream into pieces and hashes them in threads of its own.
//!
//! Nothing here reads a file, and no input makes it panic.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
mod engine;
mod many;
#[cfg(target_arch = "x86_64")]
mod rounds;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
mod stream;

pub use engine::Engine;
pub use stream::{Hasher, Hashes};

use choice::Kind;
use many::{Hash, Many};

/// What both hashes take in one step.
pub(crate) type Block = [u8; 64];

/// How many SHA-1 messages should be given at once, so that no lane is empty.
pub fn width() -> usize {
    choice::width(Kind::Sha1)
}

/// Hashes each message by itself. Messages may have any lengths; equal ones are fastest.
///
/// # Panics
/// If there are not as many sums as messages.
pub fn sha1(messages: &[&[u8]], sums: &mut [[u8; 20]]) {
    all::<many::Sha1>(None, messages, sums);
}

/// The same with SHA-256.
///
/// # Panics
/// If there are not as many sums as messages.
pub fn sha256(messages: &[&[u8]], sums: &mut [[u8; 32]]) {
    all::<many::Sha256>(None, messages, sums);
}

impl Engine {
    /// [`sha1`] by this engine alone, to compare and to measure; by the reference where the processor
    /// does not have it.
    ///
    /// # Panics
    /// If there are not as many sums as messages.
    pub fn sha1_of(self, messages: &[&[u8]], sums: &mut [[u8; 20]]) {
        all::<many::Sha1>(Some(self), messages, sums);
    }

    /// [`sha256`] by this engine alone.
    ///
    /// # Panics
    /// If there are not as many sums as messages.
    pub fn sha256_of(self, messages: &[&[u8]], sums: &mut [[u8; 32]]) {
        all::<many::Sha256>(Some(self), messages, sums);
    }
}

fn all<H: Hash>(engine: Option<Engine>, messages: &[&[u8]], sums: &mut [H::Sum]) {
    assert_eq!(messages.len(), sums.len(), "a sum for each message");
    let mut many = Many::<H>::new(messages.len(), engine);
    many.update(messages);
    sums.copy_from_slice(&many.finish());
}

/// Several messages side by side, each taken part by part.
#[derive(Clone, Debug)]
pub struct Sha1s(Many<many::Sha1>);

impl Sha1s {
    /// Begins so many messages.
    pub fn new(count: usize) -> Self {
        Self(Many::new(count, None))
    }

    /// Takes the next part of each message, in their order. Parts may have any lengths; whole blocks
    /// of 64 bytes, and as many for each message, are fastest.
    ///
    /// # Panics
    /// If there is another number of parts than of messages.
    pub fn update(&mut self, parts: &[&[u8]]) {
        self.0.update(parts);
    }

    /// The sum of each message.
    pub fn finish(self) -> Vec<[u8; 20]> {
        self.0.finish()
    }
}

/// How many blocks all of these messages have.
pub(crate) fn shortest(messages: &[&[Block]]) -> usize {
    messages.iter().map(|message| message.len()).min().unwrap_or(0)
}

#[cfg(test)]
mod tests;

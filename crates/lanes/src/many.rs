//! Messages of any lengths, hashed side by side: how they are put into lanes, and what ends each.

use crate::{
    Block, Engine,
    choice::{self, Kind},
};

/// One of the two hashes: how it begins, goes on and ends.
pub(crate) trait Hash {
    /// What is kept between two blocks.
    type State: Copy + std::fmt::Debug;
    /// What comes out.
    type Sum: Copy;
    const KIND: Kind;
    /// The state before the first block (FIPS 180-4, 5.3).
    const START: Self::State;
    /// Takes blocks in: see [`Engine`].
    fn take(engine: Engine, states: &mut [Self::State], messages: &[&[Block]]);
    fn sum(state: &Self::State) -> Self::Sum;
}

/// SHA-1.
#[derive(Clone, Debug)]
pub(crate) struct Sha1;

impl Hash for Sha1 {
    type State = [u32; 5];
    type Sum = [u8; 20];
    const KIND: Kind = Kind::Sha1;
    const START: [u32; 5] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

    fn take(engine: Engine, states: &mut [[u32; 5]], messages: &[&[Block]]) {
        engine.sha1(states, messages);
    }

    fn sum(state: &[u32; 5]) -> [u8; 20] {
        let mut sum = [0; 20];
        sum.as_chunks_mut().0.iter_mut().zip(state).for_each(|(at, word)| *at = word.to_be_bytes());
        sum
    }
}

/// SHA-256.
#[derive(Clone, Debug)]
pub(crate) struct Sha256;

impl Hash for Sha256 {
    type State = [u32; 8];
    type Sum = [u8; 32];
    const KIND: Kind = Kind::Sha256;
    const START: [u32; 8] = [
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
        0x5be0cd19,
    ];

    fn take(engine: Engine, states: &mut [[u32; 8]], messages: &[&[Block]]) {
        engine.sha256(states, messages);
    }

    fn sum(state: &[u32; 8]) -> [u8; 32] {
        let mut sum = [0; 32];
        sum.as_chunks_mut().0.iter_mut().zip(state).for_each(|(at, word)| *at = word.to_be_bytes());
        sum
    }
}

/// Several messages at once, each taken part by part.
#[derive(Clone, Debug)]
pub(crate) struct Many<H: Hash> {
    /// The engine to use whatever the number of messages; for tests and measurements.
    engine: Option<Engine>,
    messages: Vec<Message<H>>,
}

/// One message as far as it was taken.
#[derive(Clone, Debug)]
struct Message<H: Hash> {
    state: H::State,
    /// Bytes taken.
    length: u64,
    /// The last of them, less than a block.
    rest: Block,
}

/// The end of a message: what is left of it, a one, zeros, and its length in bits.
type End = [Block; 2];

impl<H: Hash> Many<H> {
    /// Begins so many messages.
    pub(crate) fn new(count: usize, engine: Option<Engine>) -> Self {
        let message = || Message { state: H::START, length: 0, rest: [0; 64] };
        Self { engine, messages: std::iter::repeat_with(message).take(count).collect() }
    }

    /// Takes the next part of each message.
    ///
    /// # Panics
    /// If there is another number of parts than of messages.
    pub(crate) fn update(&mut self, parts: &[&[u8]]) {
        assert_eq!(parts.len(), self.messages.len(), "a part for each message");
        let mut bodies = Vec::with_capacity(parts.len());
        for (message, part) in self.messages.iter_mut().zip(parts) {
            bodies.push(message.begin(part));
        }
        let mut states: Vec<H::State> = self.messages.iter().map(|message| message.state).collect();
        run::<H>(self.engine, &mut states, &mut bodies);
        self.messages.iter_mut().zip(states).for_each(|(message, state)| message.state = state);
    }

    /// What each message comes to.
    pub(crate) fn finish(self) -> Vec<H::Sum> {
        let mut states: Vec<H::State> = self.messages.iter().map(|message| message.state).collect();
        let ends: Vec<(End, usize)> = self.messages.iter().map(Message::end).collect();
        let mut bodies: Vec<&[Block]> = ends.iter().map(|(end, blocks)| &end[..*blocks]).collect();
        run::<H>(self.engine, &mut states, &mut bodies);
        states.iter().map(H::sum).collect()
    }
}

impl<H: Hash> Message<H> {
    /// Fills up the block at hand, and gives the whole ones that follow; keeps what is less than one.
    fn begin<'p>(&mut self, part: &'p [u8]) -> &'p [Block] {
        let held = (self.length % 64) as usize;
        self.length += part.len() as u64;
        let mut part = part;
        if held > 0 {
            let (now, later) = part.split_at(part.len().min(64 - held));
            self.rest[held..held + now.len()].copy_from_slice(now);
            if held + now.len() < 64 {
                return &[];
            }
            H::take(Engine::Reference, std::slice::from_mut(&mut self.state), &[&[self.rest]]);
            part = later;
        }
        let (blocks, rest) = part.as_chunks();
        self.rest[..rest.len()].copy_from_slice(rest);
        blocks
    }

    /// The last one or two blocks (FIPS 180-4, 5.1.1).
    fn end(&self) -> (End, usize) {
        let held = (self.length % 64) as usize;
        let mut end = [[0; 64]; 2];
        end[0][..held].copy_from_slice(&self.rest[..held]);
        end[0][held] = 0x80;
        let blocks = if held < 56 { 1 } else { 2 };
        end[blocks - 1][56..].copy_from_slice(&self.length.wrapping_mul(8).to_be_bytes());
        (end, blocks)
    }
}

/// Takes all blocks of all messages in. Each step fills the lanes with messages that have blocks left,
/// and goes as far as the shortest of them.
fn run<H: Hash>(engine: Option<Engine>, states: &mut [H::State], messages: &mut [&[Block]]) {
    let mut left: Vec<usize> = (0..messages.len()).filter(|n| !messages[*n].is_empty()).collect();
    // Neighbours in a group end together, as far as they can.
    left.sort_by_key(|n| std::cmp::Reverse(messages[*n].len()));
    while !left.is_empty() {
        let engine = engine.unwrap_or_else(|| choice::best(H::KIND, left.len()));
        let group = &left[..left.len().min(engine.lanes())];
        let mut of_group: Vec<H::State> = group.iter().map(|n| states[*n]).collect();
        let blocks: Vec<&[Block]> = group.iter().map(|n| messages[*n]).collect();
        let taken = crate::shortest(&blocks);
        H::take(engine, &mut of_group, &blocks);
        for (n, state) in group.iter().zip(of_group) {
            states[*n] = state;
            messages[*n] = &messages[*n][taken..];
        }
        left.retain(|n| !messages[*n].is_empty());
    }
}

//! Which engine hashes how many messages: a fixed order by what the processor has, from what was
//! measured. A calibration at the start was thought of and left out: the order was the same on every
//! processor of a kind, and two runs of one program should not differ.

use crate::Engine;

/// What can be hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Sha1,
    Sha256,
}

/// The engine that is done first with so many messages of the same length.
pub(crate) fn best(kind: Kind, messages: usize) -> Engine {
    let order = preferred(kind, Engine::ShaNi.is_there());
    let fits = |(engine, least): &&(Engine, usize)| messages >= *least && engine.is_there();
    order.iter().find(fits).map_or(Engine::Reference, |(engine, _)| *engine)
}

/// Engines and the number of messages from which on each is worth its lanes.
fn preferred(kind: Kind, sha_ni: bool) -> &'static [(Engine, usize)] {
    use Engine::{Avx2, Avx512, ShaNi};
    match (kind, sha_ni) {
        // Beside the SHA instructions only vectors that are nearly full are worth it; a message that
        // is alone is best with the reference, which has those instructions too.
        (Kind::Sha1, true) => &[(Avx512, 11), (ShaNi, 2)],
        (Kind::Sha256, true) => &[(Avx512, 16), (ShaNi, 2)],
        // A lane of eight is a third as fast as the reference, one of sixteen a quarter.
        (_, false) => &[(Avx512, 9), (Avx2, 3)],
    }
}

/// How many messages should be given at once, so that every lane has one.
pub(crate) fn width(kind: Kind) -> usize {
    best(kind, usize::MAX).lanes()
}

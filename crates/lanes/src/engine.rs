//! The ways to hash, and which of them this processor has.

use crate::Block;
use std::fmt;

/// A way to hash messages. All of them give the same sums; which is fastest depends on the processor
/// and on how many messages there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// The `sha1` and `sha2` crates, one message after the other, on any processor.
    Reference,
    /// The SHA instructions, two messages in turn.
    ShaNi,
    /// Eight messages in vectors of 256 bits.
    Avx2,
    /// Sixteen messages in vectors of 512 bits.
    Avx512,
}

impl Engine {
    /// Those of this processor; the reference is among them everywhere.
    pub fn available() -> Vec<Self> {
        let all = [Self::Reference, Self::ShaNi, Self::Avx2, Self::Avx512];
        all.into_iter().filter(|engine| engine.is_there()).collect()
    }

    /// How many messages it takes at once.
    pub fn lanes(self) -> usize {
        match self {
            Self::Reference => 1,
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi => crate::sha_ni::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => crate::avx2::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => crate::avx512::LANES,
            #[cfg(not(target_arch = "x86_64"))]
            _ => 1,
        }
    }

    /// Whether the processor and the system have what it needs.
    pub(crate) fn is_there(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Self::Reference => true,
            Self::ShaNi => is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1"),
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
            }
        };
        #[cfg(not(target_arch = "x86_64"))]
        return self == Self::Reference;
    }

    /// Takes blocks of several messages, as many as the shortest has, into their SHA-1 states. There
    /// are at most as many messages as lanes.
    pub(crate) fn sha1(self, states: &mut [[u32; 5]], messages: &[&[Block]]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi if self.is_there() => filled(states, messages, |states, messages| {
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { crate::sha_ni::sha1::<{ crate::sha_ni::LANES }>(states, messages) }
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_there() => filled(states, messages, |states, messages| {
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { crate::avx2::sha1(states, messages) }
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_there() => filled(states, messages, |states, messages| {
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { crate::avx512::sha1(states, messages) }
            }),
            _ => {
                let blocks = crate::shortest(messages);
                for (state, message) in states.iter_mut().zip(messages) {
                    sha1::block_api::compress(state, &message[..blocks]);
                }
            }
        }
    }

    /// The same for SHA-256.
    pub(crate) fn sha256(self, states: &mut [[u32; 8]], messages: &[&[Block]]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi if self.is_there() => filled(states, messages, |states, messages| {
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { crate::sha_ni::sha256::<{ crate::sha_ni::LANES }>(states, messages) }
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_there() => filled(states, messages, |states, messages| {
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { crate::avx2::sha256(states, messages) }
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_there() => filled(states, messages, |states, messages| {
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { crate::avx512::sha256(states, messages) }
            }),
            _ => {
                let blocks = crate::shortest(messages);
                for (state, message) in states.iter_mut().zip(messages) {
                    sha2::block_api::compress256(state, &message[..blocks]);
                }
            }
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "one at a time",
            Self::ShaNi => "SHA-NI, two in turn",
            Self::Avx2 => "AVX2, eight lanes",
            Self::Avx512 => "AVX-512, sixteen lanes",
        })
    }
}

/// Runs an engine of exactly `N` lanes over at most as many messages; lanes that are left hash the
/// first message once more, into a state that nobody reads.
#[cfg(target_arch = "x86_64")]
fn filled<const W: usize, const N: usize>(
    states: &mut [[u32; W]],
    messages: &[&[Block]],
    run: impl FnOnce(&mut [[u32; W]; N], &[&[Block]; N]),
) {
    let blocks = crate::shortest(messages);
    let mut lanes = [[0; W]; N];
    let mut taken: [&[Block]; N] = [messages.first().map_or(&[][..], |first| &first[..blocks]); N];
    for (lane, state) in lanes.iter_mut().zip(&*states) {
        *lane = *state;
    }
    for (lane, message) in taken.iter_mut().zip(messages) {
        *lane = &message[..blocks];
    }
    run(&mut lanes, &taken);
    for (state, lane) in states.iter_mut().zip(&lanes) {
        *state = *lane;
    }
}

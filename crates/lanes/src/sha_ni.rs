//! The processor's own instructions for SHA-1 and SHA-256 (SHA-NI), with several messages in one
//! thread: a single one waits for each instruction's result, and the others fill that time.

use crate::{Block, rounds::K};
use std::arch::x86_64::*;

/// Messages at once: what was measured to be best of one to four, with the sixteen registers there
/// are.
pub(crate) const LANES: usize = 2;

/// Takes blocks of `N` messages, as many as the shortest has, into their SHA-1 states.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn sha1<const N: usize>(states: &mut [[u32; 5]; N], messages: &[&[Block]; N]) {
    let (mut abcd, mut e) = ([_mm_setzero_si128(); N], [_mm_setzero_si128(); N]);
    for (n, [a, b, c, d, last]) in
        states.iter().map(|state| state.map(u32::cast_signed)).enumerate()
    {
        abcd[n] = _mm_set_epi32(a, b, c, d);
        e[n] = _mm_set_epi32(last, 0, 0, 0);
    }
    for block in 0..crate::shortest(messages) {
        let blocks = messages.map(|message| &message[block]);
        let (abcd_before, e_before) = (abcd, e);
        let mut words = [[_mm_setzero_si128(); 4]; N];
        // What `abcd` was four rounds ago: its `a` becomes the `e` of the next four.
        let mut before = e;
        macro_rules! four {
            ($t:expr, $kind:expr) => {
                for n in 0..N {
                    let w = &mut words[n];
                    let of_four = ($t) & 3;
                    if $t < 4 {
                        w[of_four] = reversed(blocks[n], of_four);
                    } else {
                        let old = _mm_sha1msg1_epu32(w[of_four], w[($t + 1) & 3]);
                        let old = _mm_xor_si128(old, w[($t + 2) & 3]);
                        w[of_four] = _mm_sha1msg2_epu32(old, w[($t + 3) & 3]);
                    }
                    let more = match $t {
                        0 => _mm_add_epi32(e[n], w[0]),
                        _ => _mm_sha1nexte_epu32(before[n], w[of_four]),
                    };
                    before[n] = abcd[n];
                    abcd[n] = _mm_sha1rnds4_epu32::<$kind>(abcd[n], more);
                }
            };
        }
        macro_rules! twenty {
            ($kind:expr, $($t:expr),+) => { $( four!($t as usize, $kind); )+ };
        }
        twenty!(0, 0, 1, 2, 3, 4);
        twenty!(1, 5, 6, 7, 8, 9);
        twenty!(2, 10, 11, 12, 13, 14);
        twenty!(3, 15, 16, 17, 18, 19);
        for n in 0..N {
            e[n] = _mm_sha1nexte_epu32(before[n], e_before[n]);
            abcd[n] = _mm_add_epi32(abcd[n], abcd_before[n]);
        }
    }
    for (n, state) in states.iter_mut().enumerate() {
        let [d, c, b, a] = spread(abcd[n]);
        *state = [a, b, c, d, spread(e[n])[3]];
    }
}

/// The same for SHA-256.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn sha256<const N: usize>(states: &mut [[u32; 8]; N], messages: &[&[Block]; N]) {
    let (mut abef, mut cdgh) = ([_mm_setzero_si128(); N], [_mm_setzero_si128(); N]);
    for (n, state) in states.iter().map(|state| state.map(u32::cast_signed)).enumerate() {
        let [a, b, c, d, e, f, g, h] = state;
        abef[n] = _mm_set_epi32(a, b, e, f);
        cdgh[n] = _mm_set_epi32(c, d, g, h);
    }
    for block in 0..crate::shortest(messages) {
        let blocks = messages.map(|message| &message[block]);
        let (abef_before, cdgh_before) = (abef, cdgh);
        let mut words = [[_mm_setzero_si128(); 4]; N];
        macro_rules! four {
            ($t:expr) => {
                let constants = constants($t);
                for n in 0..N {
                    let w = &mut words[n];
                    let of_four = $t & 3;
                    if $t < 4 {
                        w[of_four] = swapped(blocks[n], of_four);
                    } else {
                        let (last, last_but_one) = (w[($t + 3) & 3], w[($t + 2) & 3]);
                        let old = _mm_sha256msg1_epu32(w[of_four], w[($t + 1) & 3]);
                        let old = _mm_add_epi32(old, _mm_alignr_epi8::<4>(last, last_but_one));
                        w[of_four] = _mm_sha256msg2_epu32(old, last);
                    }
                    let more = _mm_add_epi32(w[of_four], constants);
                    cdgh[n] = _mm_sha256rnds2_epu32(cdgh[n], abef[n], more);
                    let more = _mm_shuffle_epi32::<0x0e>(more);
                    abef[n] = _mm_sha256rnds2_epu32(abef[n], cdgh[n], more);
                }
            };
        }
        macro_rules! rounds {
            ($($t:expr),+) => { $( four!($t as usize); )+ };
        }
        rounds!(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for n in 0..N {
            abef[n] = _mm_add_epi32(abef[n], abef_before[n]);
            cdgh[n] = _mm_add_epi32(cdgh[n], cdgh_before[n]);
        }
    }
    for (n, state) in states.iter_mut().enumerate() {
        let ([f, e, b, a], [h, g, d, c]) = (spread(abef[n]), spread(cdgh[n]));
        *state = [a, b, c, d, e, f, g, h];
    }
}

/// Four words of a block, the first of them highest.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn reversed(block: &Block, quarter: usize) -> __m128i {
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    _mm_shuffle_epi8(loaded(block, quarter), order)
}

/// Four words of a block, the first of them lowest.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn swapped(block: &Block, quarter: usize) -> __m128i {
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm_shuffle_epi8(loaded(block, quarter), order)
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn loaded(block: &Block, quarter: usize) -> __m128i {
    let bytes = &block.as_chunks::<16>().0[quarter];
    // SAFETY: 16 bytes are there to be read, and no alignment is asked for.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// The constants of four rounds of SHA-256.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn constants(four: usize) -> __m128i {
    let words = &K.as_chunks::<4>().0[four];
    // SAFETY: 16 bytes are there to be read, and no alignment is asked for.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

/// The words of a vector, the lowest first.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn spread(vector: __m128i) -> [u32; 4] {
    let mut values = [0; 4];
    // SAFETY: 16 bytes are there to be written, and no alignment is asked for.
    unsafe { _mm_storeu_si128(values.as_mut_ptr().cast(), vector) };
    values
}

//! Sixteen messages at once, a word of each in a vector of 512 bits (AVX-512 F and BW).

use crate::{
    Block,
    rounds::{K, sha1_block, sha1_round, sha1_rounds, sha256_block, sha256_round, sha256_rounds},
};
use std::arch::x86_64::*;

/// Messages at once.
pub(crate) const LANES: usize = 16;

/// Takes blocks of sixteen messages, as many as the shortest has, into their SHA-1 states.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn sha1(states: &mut [[u32; 5]; LANES], messages: &[&[Block]; LANES]) {
    let mut state = [splat(0); 5];
    for (word, vector) in state.iter_mut().enumerate() {
        *vector = gathered(&states.map(|state| state[word]));
    }
    for block in 0..crate::shortest(messages) {
        let mut words = words(messages, block);
        sha1_block!(state, words);
    }
    for (word, vector) in state.into_iter().enumerate() {
        let spread = spread(vector);
        states.iter_mut().zip(spread).for_each(|(state, value)| state[word] = value);
    }
}

/// The same for SHA-256.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn sha256(states: &mut [[u32; 8]; LANES], messages: &[&[Block]; LANES]) {
    let mut state = [splat(0); 8];
    for (word, vector) in state.iter_mut().enumerate() {
        *vector = gathered(&states.map(|state| state[word]));
    }
    for block in 0..crate::shortest(messages) {
        let mut words = words(messages, block);
        sha256_block!(state, words);
    }
    for (word, vector) in state.into_iter().enumerate() {
        let spread = spread(vector);
        states.iter_mut().zip(spread).for_each(|(state, value)| state[word] = value);
    }
}

/// The sixteen words of one block of every message, a message to a lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words(messages: &[&[Block]; LANES], block: usize) -> [__m512i; 16] {
    let mut rows = [splat(0); LANES];
    for (row, message) in rows.iter_mut().zip(messages) {
        *row = swapped(loaded(&message[block]));
    }
    // Blocks of four by four words are transposed in each quarter of a vector …
    let mut fours = [[splat(0); 4]; 4];
    for (four, rows) in fours.iter_mut().zip(rows.as_chunks::<4>().0) {
        let low = _mm512_unpacklo_epi32(rows[0], rows[1]);
        let high = _mm512_unpackhi_epi32(rows[0], rows[1]);
        let low_2 = _mm512_unpacklo_epi32(rows[2], rows[3]);
        let high_2 = _mm512_unpackhi_epi32(rows[2], rows[3]);
        *four = [
            _mm512_unpacklo_epi64(low, low_2),
            _mm512_unpackhi_epi64(low, low_2),
            _mm512_unpacklo_epi64(high, high_2),
            _mm512_unpackhi_epi64(high, high_2),
        ];
    }
    // … and then the quarters themselves.
    let mut words = [splat(0); 16];
    for word in 0..4 {
        let [a, b, c, d] = [fours[0][word], fours[1][word], fours[2][word], fours[3][word]];
        let even = _mm512_shuffle_i32x4::<0x88>(a, b);
        let even_2 = _mm512_shuffle_i32x4::<0x88>(c, d);
        let odd = _mm512_shuffle_i32x4::<0xdd>(a, b);
        let odd_2 = _mm512_shuffle_i32x4::<0xdd>(c, d);
        words[word] = _mm512_shuffle_i32x4::<0x88>(even, even_2);
        words[4 + word] = _mm512_shuffle_i32x4::<0x88>(odd, odd_2);
        words[8 + word] = _mm512_shuffle_i32x4::<0xdd>(even, even_2);
        words[12 + word] = _mm512_shuffle_i32x4::<0xdd>(odd, odd_2);
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn loaded(block: &Block) -> __m512i {
    // SAFETY: 64 bytes are there to be read, and no alignment is asked for.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn gathered(values: &[u32; LANES]) -> __m512i {
    // SAFETY: 64 bytes are there to be read, and no alignment is asked for.
    unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn spread(vector: __m512i) -> [u32; LANES] {
    let mut values = [0; LANES];
    // SAFETY: 64 bytes are there to be written, and no alignment is asked for.
    unsafe { _mm512_storeu_si512(values.as_mut_ptr().cast(), vector) };
    values
}

/// The standard's words have their first byte highest.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swapped(vector: __m512i) -> __m512i {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm512_shuffle_epi8(vector, _mm512_set_epi64(high, low, high, low, high, low, high, low))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(value: u32) -> __m512i {
    _mm512_set1_epi32(value.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: __m512i, b: __m512i) -> __m512i {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

/// Bits of `b` where `a` has ones, of `c` where it has zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn choose(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xca>(a, b, c)
}

/// The bits that two of three have.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn majority(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0xe8>(a, b, c)
}

/// Rotates left by `BY`; the other number is for machines that must do it in two steps.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn left<const BY: i32, const BACK: i32>(a: __m512i) -> __m512i {
    _mm512_rol_epi32::<BY>(a)
}

/// Rotates right by `BY`; the other number is for machines that must do it in two steps.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn right<const BY: i32, const BACK: i32>(a: __m512i) -> __m512i {
    _mm512_ror_epi32::<BY>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn shift<const BY: u32>(a: __m512i) -> __m512i {
    _mm512_srli_epi32::<BY>(a)
}

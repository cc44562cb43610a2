//! Eight messages at once, a word of each in a vector of 256 bits (AVX2).

use crate::{
    Block,
    rounds::{K, sha1_block, sha1_round, sha1_rounds, sha256_block, sha256_round, sha256_rounds},
};
use std::arch::x86_64::*;

/// Messages at once.
pub(crate) const LANES: usize = 8;

/// Takes blocks of eight messages, as many as the shortest has, into their SHA-1 states.
#[target_feature(enable = "avx2")]
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
#[target_feature(enable = "avx2")]
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
#[target_feature(enable = "avx2")]
fn words(messages: &[&[Block]; LANES], block: usize) -> [__m256i; 16] {
    let mut words = [splat(0); 16];
    for half in 0..2 {
        let mut rows = [splat(0); LANES];
        for (row, message) in rows.iter_mut().zip(messages) {
            *row = half_of(&message[block], half);
        }
        let columns = transposed(&rows);
        for (word, column) in words[8 * half..].iter_mut().zip(columns) {
            *word = swapped(column);
        }
    }
    words
}

/// Rows of eight words become columns: the words of one place, from all rows.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(rows: &[__m256i; 8]) -> [__m256i; 8] {
    let mut fours = [[splat(0); 4]; 2];
    for (four, rows) in fours.iter_mut().zip(rows.as_chunks::<4>().0) {
        let low = _mm256_unpacklo_epi32(rows[0], rows[1]);
        let high = _mm256_unpackhi_epi32(rows[0], rows[1]);
        let low_2 = _mm256_unpacklo_epi32(rows[2], rows[3]);
        let high_2 = _mm256_unpackhi_epi32(rows[2], rows[3]);
        *four = [
            _mm256_unpacklo_epi64(low, low_2),
            _mm256_unpackhi_epi64(low, low_2),
            _mm256_unpacklo_epi64(high, high_2),
            _mm256_unpackhi_epi64(high, high_2),
        ];
    }
    let [a, b] = fours;
    [
        _mm256_permute2x128_si256::<0x20>(a[0], b[0]),
        _mm256_permute2x128_si256::<0x20>(a[1], b[1]),
        _mm256_permute2x128_si256::<0x20>(a[2], b[2]),
        _mm256_permute2x128_si256::<0x20>(a[3], b[3]),
        _mm256_permute2x128_si256::<0x31>(a[0], b[0]),
        _mm256_permute2x128_si256::<0x31>(a[1], b[1]),
        _mm256_permute2x128_si256::<0x31>(a[2], b[2]),
        _mm256_permute2x128_si256::<0x31>(a[3], b[3]),
    ]
}

/// One of the two halves of a block.
#[inline]
#[target_feature(enable = "avx2")]
fn half_of(block: &Block, half: usize) -> __m256i {
    let bytes = &block.as_chunks::<32>().0[half];
    // SAFETY: 32 bytes are there to be read, and no alignment is asked for.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn gathered(values: &[u32; LANES]) -> __m256i {
    // SAFETY: 32 bytes are there to be read, and no alignment is asked for.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn spread(vector: __m256i) -> [u32; LANES] {
    let mut values = [0; LANES];
    // SAFETY: 32 bytes are there to be written, and no alignment is asked for.
    unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), vector) };
    values
}

/// The standard's words have their first byte highest.
#[inline]
#[target_feature(enable = "avx2")]
fn swapped(vector: __m256i) -> __m256i {
    let order = _mm256_set_epi64x(
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
    );
    _mm256_shuffle_epi8(vector, order)
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(value: u32) -> __m256i {
    _mm256_set1_epi32(value.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: __m256i, b: __m256i) -> __m256i {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(xor(a, b), c)
}

/// Bits of `b` where `a` has ones, of `c` where it has zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(c, _mm256_and_si256(a, xor(b, c)))
}

/// The bits that two of three have.
#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)))
}

/// Rotates left by `BY`; `BACK` is what is left of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn left<const BY: i32, const BACK: i32>(a: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<BY>(a), _mm256_srli_epi32::<BACK>(a))
}

/// Rotates right by `BY`; `BACK` is what is left of 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn right<const BY: i32, const BACK: i32>(a: __m256i) -> __m256i {
    left::<BACK, BY>(a)
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift<const BY: i32>(a: __m256i) -> __m256i {
    _mm256_srli_epi32::<BY>(a)
}

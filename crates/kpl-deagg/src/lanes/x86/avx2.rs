//! The vector operations with AVX2: a vector holds one word of each of 8 lanes, and two vectors go side by side.
//!
//! Two, because each step of MD5 waits for the one before it: while the first vector's step waits, the second's runs.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::{AVX2_LANES, Block, K, State, block};

/// One word of each of 16 lanes.
type Pair = [__m256i; 2];

compress!("avx2", AVX2_LANES);

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u32; 16]) -> Pair {
    let (low, high) = words.split_at(8);
    // SAFETY: each half has the 32 bytes that are read; the instruction asks for no alignment.
    unsafe { [_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())] }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(words: &mut [u32; 16], [x, y]: Pair) {
    let (low, high) = words.split_at_mut(8);
    // SAFETY: each half has the 32 bytes that are written; the instruction asks for no alignment.
    unsafe {
        _mm256_storeu_si256(low.as_mut_ptr().cast(), x);
        _mm256_storeu_si256(high.as_mut_ptr().cast(), y);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> Pair {
    [_mm256_set1_epi32(word.cast_signed()); 2]
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(x: Pair, y: Pair) -> Pair {
    [_mm256_add_epi32(x[0], y[0]), _mm256_add_epi32(x[1], y[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(x: Pair, y: Pair) -> Pair {
    [_mm256_xor_si256(x[0], y[0]), _mm256_xor_si256(x[1], y[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn and(x: Pair, y: Pair) -> Pair {
    [_mm256_and_si256(x[0], y[0]), _mm256_and_si256(x[1], y[1])]
}

/// `y` without the bits of `x`.
#[inline]
#[target_feature(enable = "avx2")]
fn and_not(x: Pair, y: Pair) -> Pair {
    [_mm256_andnot_si256(x[0], y[0]), _mm256_andnot_si256(x[1], y[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn or(x: Pair, y: Pair) -> Pair {
    [_mm256_or_si256(x[0], y[0]), _mm256_or_si256(x[1], y[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const LEFT: i32, const RIGHT: i32>(x: Pair) -> Pair {
    let left = [_mm256_slli_epi32::<LEFT>(x[0]), _mm256_slli_epi32::<LEFT>(x[1])];
    or(left, [_mm256_srli_epi32::<RIGHT>(x[0]), _mm256_srli_epi32::<RIGHT>(x[1])])
}

// In each function `b` is the word that the step before has just computed: the fewer operations wait for it, the better.

/// `sum` + (`b` chooses between `c` and `d`).
#[inline]
#[target_feature(enable = "avx2")]
fn add_f(sum: Pair, b: Pair, c: Pair, d: Pair) -> Pair {
    add(sum, xor(d, and(b, xor(c, d))))
}

/// `sum` + (`d` chooses between `b` and `c`): the two halves share no bit, so that they can be added one by one.
#[inline]
#[target_feature(enable = "avx2")]
fn add_g(sum: Pair, b: Pair, c: Pair, d: Pair) -> Pair {
    add(add(sum, and_not(d, c)), and(d, b))
}

/// `sum` + (the parity of the three).
#[inline]
#[target_feature(enable = "avx2")]
fn add_h(sum: Pair, b: Pair, c: Pair, d: Pair) -> Pair {
    add(sum, xor(b, xor(c, d)))
}

/// `sum` + (`c` against `b` or not `d`).
#[inline]
#[target_feature(enable = "avx2")]
fn add_i(sum: Pair, b: Pair, c: Pair, d: Pair) -> Pair {
    add(sum, xor(c, or(b, xor(d, splat(u32::MAX)))))
}

/// The 16 words of the block at `at` of every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn words(lanes: &[&[Block]; 16], at: usize) -> [Pair; 16] {
    let (first, second) = lanes.split_at(8);
    let mut words = [splat(0); 16];
    for ((word, x), y) in words.iter_mut().zip(words_of_eight(first, at)).zip(words_of_eight(second, at)) {
        *word = [x, y];
    }
    words
}

/// The same of eight lanes: what lies side by side in memory comes to lie in different vectors.
#[inline]
#[target_feature(enable = "avx2")]
fn words_of_eight(lanes: &[&[Block]], at: usize) -> [__m256i; 16] {
    // Loops, because a closure's caller in std would not be compiled for these instructions.
    let zero = _mm256_set1_epi32(0);
    let mut rows = [[zero; 8]; 2];
    let [low, high] = &mut rows;
    for ((low, high), lane) in low.iter_mut().zip(high).zip(lanes) {
        [*low, *high] = halves(block(lane, at));
    }
    let mut words = [zero; 16];
    for (rows, out) in rows.into_iter().zip(words.as_chunks_mut::<8>().0) {
        let [a, b, c, d, e, f, g, h] = rows;
        let (first, second) = out.split_at_mut(4);
        for (((x, y), first), second) in
            quarters([a, b, c, d]).into_iter().zip(quarters([e, f, g, h])).zip(first).zip(second)
        {
            *first = _mm256_permute2x128_si256::<0x20>(x, y);
            *second = _mm256_permute2x128_si256::<0x31>(x, y);
        }
    }
    words
}

#[inline]
#[target_feature(enable = "avx2")]
fn halves(block: &Block) -> Pair {
    let (low, high) = block.split_at(32);
    // SAFETY: each half has the 32 bytes that are read; the instruction asks for no alignment.
    unsafe { [_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())] }
}

/// Within each quarter of 128 bits, rows become columns.
#[inline]
#[target_feature(enable = "avx2")]
fn quarters([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab_low, cd_low),
        _mm256_unpackhi_epi64(ab_low, cd_low),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ]
}

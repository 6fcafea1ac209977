//! The vector operations with AVX-512F: a vector holds one word of each of 16 lanes.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_shuffle_i32x4,
    _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{AVX512_LANES, Block, K, State, block};

compress!("avx512f", AVX512_LANES);

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u32; 16]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are read; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(words: &mut [u32; 16], vector: __m512i) {
    // SAFETY: the array has the 64 bytes that are written; the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(x: __m512i, y: __m512i) -> __m512i {
    _mm512_add_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotate<const LEFT: i32, const RIGHT: i32>(x: __m512i) -> __m512i {
    _mm512_rol_epi32::<LEFT>(x)
}

// Any function of three bits is one instruction; the constant is its truth table, from (1, 1, 1) down.

/// `sum` + (`b` chooses between `c` and `d`).
#[inline]
#[target_feature(enable = "avx512f")]
fn add_f(sum: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    add(sum, _mm512_ternarylogic_epi32::<0b1100_1010>(b, c, d))
}

/// `sum` + (`d` chooses between `b` and `c`).
#[inline]
#[target_feature(enable = "avx512f")]
fn add_g(sum: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    add(sum, _mm512_ternarylogic_epi32::<0b1110_0100>(b, c, d))
}

/// `sum` + (the parity of the three).
#[inline]
#[target_feature(enable = "avx512f")]
fn add_h(sum: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    add(sum, _mm512_ternarylogic_epi32::<0b1001_0110>(b, c, d))
}

/// `sum` + (`c` against `b` or not `d`).
#[inline]
#[target_feature(enable = "avx512f")]
fn add_i(sum: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    add(sum, _mm512_ternarylogic_epi32::<0b0011_1001>(b, c, d))
}

/// The 16 words of the block at `at` of every lane: what lies side by side in memory comes to lie in different vectors.
#[inline]
#[target_feature(enable = "avx512f")]
fn words(lanes: &[&[Block]; 16], at: usize) -> [__m512i; 16] {
    // Loops, because a closure's caller in std would not be compiled for these instructions.
    let mut rows = [splat(0); 16];
    for (words, lane) in rows.iter_mut().zip(lanes) {
        *words = row(block(lane, at));
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = rows;
    let parts = [quarters([a, b, c, d]), quarters([e, f, g, h]), quarters([i, j, k, l]), quarters([m, n, o, p])];
    let [abcd, efgh, ijkl, mnop] = parts;
    let mut words = [splat(0); 16];
    let (columns, _) = words.as_chunks_mut::<4>();
    let [first, second, third, fourth] = columns else { return words };
    for ((((w, x), y), z), out) in
        abcd.into_iter().zip(efgh).zip(ijkl).zip(mnop).zip(first.iter_mut().zip(second).zip(third).zip(fourth))
    {
        // Each of the four holds this column's words of four lanes, a quarter for each four words of the block.
        let (wx_low, wx_high) = (_mm512_shuffle_i32x4::<0x44>(w, x), _mm512_shuffle_i32x4::<0xEE>(w, x));
        let (yz_low, yz_high) = (_mm512_shuffle_i32x4::<0x44>(y, z), _mm512_shuffle_i32x4::<0xEE>(y, z));
        let (((first, second), third), fourth) = out;
        *first = _mm512_shuffle_i32x4::<0x88>(wx_low, yz_low);
        *second = _mm512_shuffle_i32x4::<0xDD>(wx_low, yz_low);
        *third = _mm512_shuffle_i32x4::<0x88>(wx_high, yz_high);
        *fourth = _mm512_shuffle_i32x4::<0xDD>(wx_high, yz_high);
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f")]
fn row(block: &Block) -> __m512i {
    // SAFETY: the array has the 64 bytes that are read; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// Within each quarter of 128 bits, rows become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

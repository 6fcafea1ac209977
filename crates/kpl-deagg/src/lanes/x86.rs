//! MD5's steps in AVX2 and AVX-512 instructions, 16 messages side by side with either.
//!
//! The only unsafe code of the crate, in two forms: unaligned loads and stores of whole arrays, and the call of a function
//! that needs instructions which the value [`Avx2`] or [`Avx512`] proves to be there. Everything is written from RFC 1321.

#![expect(unsafe_code, reason = "vector loads, stores and run-time detected instructions have no safe form in std")]

use std::arch::is_x86_feature_detected;

use super::schedule::{Block, Kernel, State};

/// Messages side by side with AVX2: two vectors of eight.
pub(super) const AVX2_LANES: usize = 16;
/// Messages side by side with AVX-512: one vector of sixteen.
pub(super) const AVX512_LANES: usize = 16;

/// Proof that the processor has AVX2: only [`Avx2::detect`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx2(());

/// Proof that the processor has AVX-512F: only [`Avx512::detect`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Avx512(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

impl Kernel<AVX2_LANES> for Avx2 {
    fn compress(self, state: &mut State<AVX2_LANES>, lanes: &[&[Block]; AVX2_LANES], blocks: usize) {
        // SAFETY: `self` exists, so the processor has AVX2.
        unsafe { avx2::compress(state, lanes, blocks) }
    }
}

impl Kernel<AVX512_LANES> for Avx512 {
    fn compress(self, state: &mut State<AVX512_LANES>, lanes: &[&[Block]; AVX512_LANES], blocks: usize) {
        // SAFETY: `self` exists, so the processor has AVX-512F.
        unsafe { avx512::compress(state, lanes, blocks) }
    }
}

/// Writes the function that runs all 64 steps on each block, from the vector operations in scope where it is used.
macro_rules! compress {
    ($feature:literal, $lanes:expr) => {
        /// Digests the first `blocks` blocks of each lane into `state`; a lane that lacks one gets zeros instead.
        #[target_feature(enable = $feature)]
        pub(super) fn compress(state: &mut State<{ $lanes }>, lanes: &[&[Block]; $lanes], blocks: usize) {
            let [mut a, mut b, mut c, mut d] = [load(&state[0]), load(&state[1]), load(&state[2]), load(&state[3])];
            for at in 0..blocks {
                let before = [a, b, c, d];
                let w = words(lanes, at);
                // One step: a = b + ((a + mix(b, c, d) + word + constant) rotated left).
                macro_rules! step {
                    ($mix:ident, $a:ident, $b:ident, $c:ident, $d:ident, $word:expr, $left:literal, $k:expr) => {
                        let known = add(add($a, w[$word]), splat(K[$k]));
                        $a = add($b, rotate::<$left, { 32 - $left }>($mix(known, $b, $c, $d)));
                    };
                }
                // Four steps: the words change places, and after four are where they were.
                macro_rules! steps {
                    ($mix:ident $k:literal; $w0:literal $w1:literal $w2:literal $w3:literal;
                     $s0:literal $s1:literal $s2:literal $s3:literal) => {
                        step!($mix, a, b, c, d, $w0, $s0, $k);
                        step!($mix, d, a, b, c, $w1, $s1, $k + 1);
                        step!($mix, c, d, a, b, $w2, $s2, $k + 2);
                        step!($mix, b, c, d, a, $w3, $s3, $k + 3);
                    };
                }
                steps!(add_f 0; 0 1 2 3; 7 12 17 22);
                steps!(add_f 4; 4 5 6 7; 7 12 17 22);
                steps!(add_f 8; 8 9 10 11; 7 12 17 22);
                steps!(add_f 12; 12 13 14 15; 7 12 17 22);
                steps!(add_g 16; 1 6 11 0; 5 9 14 20);
                steps!(add_g 20; 5 10 15 4; 5 9 14 20);
                steps!(add_g 24; 9 14 3 8; 5 9 14 20);
                steps!(add_g 28; 13 2 7 12; 5 9 14 20);
                steps!(add_h 32; 5 8 11 14; 4 11 16 23);
                steps!(add_h 36; 1 4 7 10; 4 11 16 23);
                steps!(add_h 40; 13 0 3 6; 4 11 16 23);
                steps!(add_h 44; 9 12 15 2; 4 11 16 23);
                steps!(add_i 48; 0 7 14 5; 6 10 15 21);
                steps!(add_i 52; 12 3 10 1; 6 10 15 21);
                steps!(add_i 56; 8 15 6 13; 6 10 15 21);
                steps!(add_i 60; 4 11 2 9; 6 10 15 21);
                [a, b, c, d] = [add(a, before[0]), add(b, before[1]), add(c, before[2]), add(d, before[3])];
            }
            for (words, vector) in state.iter_mut().zip([a, b, c, d]) {
                store(words, vector);
            }
        }
    };
}

mod avx2;
mod avx512;

/// What a lane digests that has fewer blocks than it should.
const NO_BLOCK: Block = [0; 64];

/// The block at `at` of a lane.
fn block(lane: &[Block], at: usize) -> &Block {
    lane.get(at).unwrap_or(&NO_BLOCK)
}

/// The constants of the steps: the whole part of 2^32 times |sin(step)|, step from 1, in radians.
const K: [u32; 64] = [
    0xD76A_A478,
    0xE8C7_B756,
    0x2420_70DB,
    0xC1BD_CEEE,
    0xF57C_0FAF,
    0x4787_C62A,
    0xA830_4613,
    0xFD46_9501,
    0x6980_98D8,
    0x8B44_F7AF,
    0xFFFF_5BB1,
    0x895C_D7BE,
    0x6B90_1122,
    0xFD98_7193,
    0xA679_438E,
    0x49B4_0821,
    0xF61E_2562,
    0xC040_B340,
    0x265E_5A51,
    0xE9B6_C7AA,
    0xD62F_105D,
    0x0244_1453,
    0xD8A1_E681,
    0xE7D3_FBC8,
    0x21E1_CDE6,
    0xC337_07D6,
    0xF4D5_0D87,
    0x455A_14ED,
    0xA9E3_E905,
    0xFCEF_A3F8,
    0x676F_02D9,
    0x8D2A_4C8A,
    0xFFFA_3942,
    0x8771_F681,
    0x6D9D_6122,
    0xFDE5_380C,
    0xA4BE_EA44,
    0x4BDE_CFA9,
    0xF6BB_4B60,
    0xBEBF_BC70,
    0x289B_7EC6,
    0xEAA1_27FA,
    0xD4EF_3085,
    0x0488_1D05,
    0xD9D4_D039,
    0xE6DB_99E5,
    0x1FA2_7CF8,
    0xC4AC_5665,
    0xF429_2244,
    0x432A_FF97,
    0xAB94_23A7,
    0xFC93_A039,
    0x655B_59C3,
    0x8F0C_CC92,
    0xFFEF_F47D,
    0x8584_5DD1,
    0x6FA8_7E4F,
    0xFE2C_E6E0,
    0xA301_4314,
    0x4E08_11A1,
    0xF753_7E82,
    0xBD3A_F235,
    0x2AD7_D2BB,
    0xEB86_D391,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_sines_of_rfc_1321() {
        for (step, k) in (1_u32..).zip(K) {
            let sine = (f64::from(step).sin().abs() * 4_294_967_296.0).floor();
            assert!((sine - f64::from(k)).abs() < 0.5, "step {step}");
        }
    }
}

//! MD5 of many messages side by side, as many at a time as the processor's vectors hold.
//!
//! One MD5 is a chain of dependent steps that no processor can shorten; independent messages can share each step. What
//! the processor has is found out at run time; where it has nothing, messages are hashed one by one with `md-5`. All ways
//! give the same sums.

#[cfg(target_arch = "x86_64")]
mod schedule;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::fmt;

use crate::digest::{Digest, md5};
use crate::hash_key::HashKey;

/// How messages are hashed: one after the other, or side by side with instructions that this processor has. Displayed as
/// the number of messages and the name of the instructions.
///
/// The default is the fastest. Another one is for comparing and testing: the results are the same.
///
/// ```
/// use kpl_deagg::{HashKey, Lanes};
///
/// for lanes in Lanes::available() {
///     let hash_keys = lanes.hash_keys(&["a", "b"]);
///     assert_eq!(hash_keys, [HashKey::of_partition_key("a"), HashKey::of_partition_key("b")], "{lanes}");
/// }
/// assert_eq!(Lanes::available().next(), Some(Lanes::ONE));
/// assert_eq!(Lanes::available().last(), Some(Lanes::fastest()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes(Width);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    One,
    /// The value inside proves that the processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    /// The value inside proves that the processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
}

impl Lanes {
    /// One message after the other: every processor has that.
    pub const ONE: Self = Self(Width::One);

    /// What this processor has, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        let [avx2, avx512] = Self::wide();
        [Some(Self::ONE), avx2, avx512].into_iter().flatten()
    }

    /// The fastest this processor has.
    #[must_use]
    pub fn fastest() -> Self {
        let [avx2, avx512] = Self::wide();
        avx512.or(avx2).unwrap_or(Self::ONE)
    }

    /// How many messages are hashed at a time.
    #[must_use]
    pub fn count(self) -> usize {
        match self.0 {
            Width::One => 1,
            #[cfg(target_arch = "x86_64")]
            Width::Avx2(_) => x86::AVX2_LANES,
            #[cfg(target_arch = "x86_64")]
            Width::Avx512(_) => x86::AVX512_LANES,
        }
    }

    /// The hash key of each partition key, in order: [`HashKey::of_partition_key`] for many.
    #[must_use]
    pub fn hash_keys(self, partition_keys: &[&str]) -> Vec<HashKey> {
        let messages: Vec<&[u8]> = partition_keys.iter().map(|key| key.as_bytes()).collect();
        self.md5_all(&messages).into_iter().map(HashKey::of_digest).collect()
    }

    /// The MD5 of each message, in order.
    pub(crate) fn md5_all(self, messages: &[&[u8]]) -> Vec<Digest> {
        match self.0 {
            // Filling the lanes does not pay for a message that goes alone.
            _ if messages.len() < 2 => one_by_one(messages),
            Width::One => one_by_one(messages),
            #[cfg(target_arch = "x86_64")]
            Width::Avx2(kernel) => schedule::md5_all(kernel, messages),
            #[cfg(target_arch = "x86_64")]
            Width::Avx512(kernel) => schedule::md5_all(kernel, messages),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn wide() -> [Option<Self>; 2] {
        [x86::Avx2::detect().map(Width::Avx2).map(Self), x86::Avx512::detect().map(Width::Avx512).map(Self)]
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn wide() -> [Option<Self>; 2] {
        [None, None]
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self::fastest()
    }
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            Width::One => "portable",
            #[cfg(target_arch = "x86_64")]
            Width::Avx2(_) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Width::Avx512(_) => "AVX-512",
        };
        write!(f, "{} ({name})", self.count())
    }
}

fn one_by_one(messages: &[&[u8]]) -> Vec<Digest> {
    messages.iter().map(|message| md5(message)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Lengths around the borders of blocks and of the padding, and some long ones.
    fn length() -> impl Strategy<Value = usize> {
        prop_oneof![
            0..200_usize,
            (1..8_usize, 0..24_usize).prop_map(|(blocks, over)| blocks * 64 + over - 12),
            0..5000_usize
        ]
    }

    fn check(messages: &[Vec<u8>]) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        for lanes in Lanes::available() {
            assert_eq!(lanes.md5_all(&messages), one_by_one(&messages), "{lanes}");
        }
    }

    proptest! {
        #[test]
        fn every_width_gives_the_sums_of_md_5(lengths in vec(length(), 0..80), seed in any::<u8>()) {
            let byte = |i: usize, at: usize| seed.wrapping_add(u8::try_from((i * 31 + at * 7 + at / 64) % 251).unwrap());
            let messages: Vec<Vec<u8>> =
                lengths.iter().enumerate().map(|(i, &length)| (0..length).map(|at| byte(i, at)).collect()).collect();
            check(&messages);
        }

        #[test]
        fn every_width_gives_the_sums_of_md_5_for_random_bytes(messages in vec(vec(any::<u8>(), 0..150), 0..40)) {
            check(&messages);
        }
    }

    #[test]
    fn every_length_around_a_block_is_padded_right_in_every_lane() {
        for length in 0..200 {
            check(&vec![vec![0xA5; length]; 17]);
        }
        check(&(0..200).map(|length| vec![0x5A; length]).collect::<Vec<_>>());
    }

    #[test]
    fn one_message_far_longer_than_the_others_is_not_cut_off() {
        let mut messages = vec![vec![1; 40]; 40];
        messages.insert(7, vec![2; 70_000]);
        check(&messages);
    }

    #[test]
    fn the_sums_of_rfc_1321_come_out() {
        let texts = ["", "a", "abc", "message digest", "abcdefghijklmnopqrstuvwxyz"];
        let sums = [
            0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e,
            0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661,
            0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72,
            0xf96b_697d_7cb7_938d_525a_2f31_aaf1_61d0,
            0xc3fc_d3d7_6192_e400_7dfb_496c_ca67_e13b,
        ];
        for lanes in Lanes::available() {
            assert_eq!(lanes.hash_keys(&texts), sums.map(HashKey::new), "{lanes}");
        }
    }

    #[test]
    fn a_processor_with_avx2_gets_lanes() {
        #[cfg(target_arch = "x86_64")]
        assert_eq!(Lanes::available().any(|lanes| lanes.count() > 1), std::arch::is_x86_feature_detected!("avx2"));
        assert!(Lanes::fastest().count() >= Lanes::ONE.count());
    }
}

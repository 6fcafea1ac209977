//! The hash that decides where a key goes: fixed and seedless, equal in every process, on every platform, in every run.
//!
//! Promises: the values never change (a golden test holds them), so that processes of different builds agree on who owns
//! a key. It does not resist keys chosen to collide; whoever can choose keys can also send one key only.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A map whose order of iteration depends on nothing but what was put in.
pub(crate) type KeyMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<KeyHasher>>;

/// Which of `buckets` the key belongs to; 0 when there are none.
#[inline]
pub(crate) fn bucket_of<K: Hash + ?Sized>(key: &K, buckets: usize) -> usize {
    if buckets <= 1 {
        return 0;
    }
    bucket_of_hash(hash_of(key), buckets)
}

#[inline]
pub(crate) fn hash_of<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = KeyHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Which of `buckets` a key with this hash belongs to; 0 when there are none.
#[inline]
pub(crate) fn bucket_of_hash(hash: u64, buckets: usize) -> usize {
    // The bits in the middle decide here; a table uses the ends, so one bucket's keys still spread in its table.
    let spread = u128::from(hash.rotate_left(32));
    let buckets = u128::try_from(buckets).unwrap_or(0);
    usize::try_from((spread * buckets) >> 64).unwrap_or(0)
}

// Everything here is inlined: it runs for each record, in code that is generic and so compiled in the program's crate.

/// Folds 8 bytes at a time by a multiplication, and mixes at the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher {
    state: u64,
}

impl KeyHasher {
    #[inline]
    const fn fold(&mut self, word: u64) {
        self.state = (self.state.rotate_left(23) ^ word).wrapping_mul(ODD);
    }
}

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let tail = rest.iter().rev().fold(0, |tail: u64, byte| (tail << 8) | u64::from(*byte));
            self.fold(tail);
        }
    }

    // Integers by value, since the default goes through the bytes of this machine's order.
    #[inline]
    fn write_u8(&mut self, i: u8) {
        self.fold(u64::from(i));
    }

    #[inline]
    fn write_u16(&mut self, i: u16) {
        self.fold(u64::from(i));
    }

    #[inline]
    fn write_u32(&mut self, i: u32) {
        self.fold(u64::from(i));
    }

    #[inline]
    fn write_u64(&mut self, i: u64) {
        self.fold(i);
    }

    #[inline]
    fn write_u128(&mut self, i: u128) {
        self.write(&i.to_le_bytes());
    }

    #[inline]
    fn write_usize(&mut self, i: usize) {
        self.fold(u64::try_from(i).unwrap_or(u64::MAX));
    }

    #[inline]
    fn write_i8(&mut self, i: i8) {
        self.fold(i64::from(i).cast_unsigned());
    }

    #[inline]
    fn write_i16(&mut self, i: i16) {
        self.fold(i64::from(i).cast_unsigned());
    }

    #[inline]
    fn write_i32(&mut self, i: i32) {
        self.fold(i64::from(i).cast_unsigned());
    }

    #[inline]
    fn write_i64(&mut self, i: i64) {
        self.fold(i.cast_unsigned());
    }

    #[inline]
    fn write_i128(&mut self, i: i128) {
        self.write(&i.to_le_bytes());
    }

    #[inline]
    fn write_isize(&mut self, i: isize) {
        self.fold(i64::try_from(i).unwrap_or(i64::MAX).cast_unsigned());
    }

    #[inline]
    fn finish(&self) -> u64 {
        // A product carries upwards only; folding its high half back lets every bit of the key reach every bit.
        let mixed = (self.state ^ (self.state >> 32)).wrapping_mul(ODD);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(ODD);
        mixed ^ (mixed >> 32)
    }
}

/// 2^64 divided by the golden ratio, made odd: its multiples spread evenly.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn hash<K: Hash + ?Sized>(key: &K) -> u64 {
        let mut hasher = KeyHasher::default();
        key.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn the_hash_of_a_key_never_changes() {
        assert_eq!(
            GOLDEN,
            [hash("hello"), hash("a key of more than eight bytes"), hash(&42_u32), hash(&(-1_i64, "x"))]
        );
    }

    #[test]
    fn a_string_and_its_slice_go_to_the_same_bucket() {
        assert_eq!(bucket_of("word", 7), bucket_of(&"word".to_owned(), 7));
    }

    #[test]
    fn keys_spread_over_all_buckets() {
        for buckets in [1, 2, 3, 8, 16] {
            let mut filled = vec![0_usize; buckets];
            (0..1_600_u32).for_each(|n| filled[bucket_of(&format!("word-{n}"), buckets)] += 1);
            let fair = 1_600 / buckets;
            assert!(filled.iter().all(|n| n.abs_diff(fair) < fair / 2), "{buckets}: {filled:?}");
        }
    }

    const GOLDEN: [u64; 4] =
        [1_373_540_992_961_629_910, 17_897_174_389_252_647_638, 10_000_421_607_185_036_614, 11_769_122_341_490_315_648];
}

//! Hash keys: where on the ring of 2^128 points a record lands.
//!
//! Promises: a partition key's point is its MD5 read as a big-endian number, as on AWS; ranges are inclusive on both
//! sides; dividing the ring leaves no gap and no overlap.

use std::fmt;
use std::str::FromStr;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// A point on the ring, 0 to 2^128 - 1.
///
/// ```
/// use kinesis_local::model::HashKey;
///
/// assert_eq!(HashKey::of_partition_key("").to_string(), "281949768489412648962353822266799178366");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HashKey(u128);

impl HashKey {
    /// The point with that number.
    #[must_use]
    pub const fn new(point: u128) -> Self {
        Self(point)
    }

    /// The point's number.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }

    /// The point of a partition key: the MD5 of its UTF-8 text.
    #[must_use]
    pub fn of_partition_key(key: &str) -> Self {
        let digest: [u8; 16] = Md5::digest(key.as_bytes()).into();
        Self(u128::from_be_bytes(digest))
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a whole number from 0 to 2^128 - 1 without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash key: write a whole number from 0 to 340282366920938463463374607431768211455")]
pub struct NotAHashKey;

impl FromStr for HashKey {
    type Err = NotAHashKey;

    fn from_str(text: &str) -> Result<Self, NotAHashKey> {
        let canonical = text == "0" || !text.starts_with('0');
        if !canonical || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAHashKey);
        }
        text.parse().map(Self).map_err(|_| NotAHashKey)
    }
}

/// A stretch of the ring, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HashKeyRange {
    /// The first point.
    pub start: HashKey,
    /// The last point.
    pub end: HashKey,
}

impl HashKeyRange {
    /// Whether the point lies in this stretch.
    #[must_use]
    pub fn contains(&self, point: HashKey) -> bool {
        self.start <= point && point <= self.end
    }

    /// The ring in `parts` stretches of equal size; the last takes what does not divide. None for zero parts.
    #[must_use]
    pub fn divide_ring(parts: u32) -> Vec<Self> {
        let count = u128::from(parts);
        let Some(whole) = u128::MAX.checked_div(count) else { return Vec::new() };
        // 2^128 itself does not fit: the quotient of 2^128 is one more than that of 2^128 - 1 where it divides evenly.
        let divides = u128::MAX % count == count - 1;
        let step = if divides { whole.saturating_add(1) } else { whole };
        (0..count)
            .map(|part| {
                let start = part.saturating_mul(step);
                let end = if part + 1 == count { u128::MAX } else { (part + 1).saturating_mul(step) - 1 };
                Self { start: HashKey(start), end: HashKey(end) }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divided_ring_has_no_gap_and_no_overlap() {
        for parts in [1, 2, 3, 4, 7, 16, 1_000] {
            let ranges = HashKeyRange::divide_ring(parts);
            assert_eq!(u32::try_from(ranges.len()).unwrap(), parts);
            assert_eq!(ranges[0].start, HashKey(0));
            assert_eq!(ranges.last().unwrap().end, HashKey(u128::MAX));
            for pair in ranges.windows(2) {
                assert_eq!(pair[0].end.get() + 1, pair[1].start.get());
            }
        }
    }

    #[test]
    fn two_halves_meet_at_two_to_the_127() {
        assert_eq!(HashKeyRange::divide_ring(2)[1].start.get(), 1 << 127);
    }

    #[test]
    fn hash_keys_with_signs_leading_zeros_or_too_many_digits_are_refused() {
        for text in ["", "00", "01", "+1", "-1", "1.0", "340282366920938463463374607431768211456"] {
            assert_eq!(text.parse::<HashKey>(), Err(NotAHashKey), "{text}");
        }
        assert_eq!("340282366920938463463374607431768211455".parse(), Ok(HashKey(u128::MAX)));
    }
}

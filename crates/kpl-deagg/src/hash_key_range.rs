//! A shard's part of the hash key space.

use crate::hash_key::{HashKey, HashKeyError};

/// The hash keys from a first to a last one, both included.
///
/// ```
/// use kpl_deagg::{HashKey, HashKeyRange};
///
/// let lower_half = HashKeyRange::parse("0", "170141183460469231731687303715884105727")?;
/// assert!(lower_half.contains(HashKey::of_partition_key("a")));
/// assert!(!lower_half.contains(HashKey::of_partition_key("b")));
/// # Ok::<(), kpl_deagg::HashKeyRangeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashKeyRange {
    start: HashKey,
    end: HashKey,
}

/// Why two texts are no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashKeyRangeError {
    /// The starting hash key cannot be used.
    #[error("{text:?} cannot start a hash key range")]
    Start {
        /// The text given.
        text: String,
        /// What is wrong with it.
        source: HashKeyError,
    },
    /// The ending hash key cannot be used.
    #[error("{text:?} cannot end a hash key range")]
    End {
        /// The text given.
        text: String,
        /// What is wrong with it.
        source: HashKeyError,
    },
    /// The range would hold nothing.
    #[error("the hash key range starts at {start}, after its end {end}; exchange the two")]
    Inverted {
        /// The starting hash key given.
        start: HashKey,
        /// The ending hash key given.
        end: HashKey,
    },
}

impl HashKeyRange {
    /// The whole hash key space.
    pub const FULL: Self = Self { start: HashKey::MIN, end: HashKey::MAX };

    /// The hash keys from `start` to `end`, both included. A range whose start lies after its end holds nothing.
    #[must_use]
    pub const fn new(start: HashKey, end: HashKey) -> Self {
        Self { start, end }
    }

    /// Reads the decimal texts that Kinesis gives as a shard's `StartingHashKey` and `EndingHashKey`.
    ///
    /// # Errors
    ///
    /// Which of the two cannot be read and why, or that the start lies after the end.
    pub fn parse(start: &str, end: &str) -> Result<Self, HashKeyRangeError> {
        let start = HashKey::parse_explicit(start)
            .map_err(|source| HashKeyRangeError::Start { text: start.to_owned(), source })?;
        let end =
            HashKey::parse_explicit(end).map_err(|source| HashKeyRangeError::End { text: end.to_owned(), source })?;
        if start > end { Err(HashKeyRangeError::Inverted { start, end }) } else { Ok(Self { start, end }) }
    }

    /// The first hash key of the range.
    #[must_use]
    pub const fn start(&self) -> HashKey {
        self.start
    }

    /// The last hash key of the range.
    #[must_use]
    pub const fn end(&self) -> HashKey {
        self.end
    }

    /// Whether the range holds `hash_key`.
    #[must_use]
    pub fn contains(&self, hash_key: HashKey) -> bool {
        self.start <= hash_key && hash_key <= self.end
    }

    /// Whether a record with these keys belongs to the shard with this range.
    #[must_use]
    pub fn holds_record(&self, partition_key: &str, explicit_hash_key: Option<HashKey>) -> bool {
        self.is_full() || self.contains(explicit_hash_key.unwrap_or_else(|| HashKey::of_partition_key(partition_key)))
    }

    /// Whether the range is the whole hash key space, so that no key needs to be hashed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        *self == Self::FULL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_the_range() {
        let range = HashKeyRange::new(HashKey::new(1000), HashKey::new(2000));
        let held: Vec<u128> =
            [999, 1000, 2000, 2001].into_iter().filter(|&key| range.contains(HashKey::new(key))).collect();
        assert_eq!(held, [1000, 2000]);
    }

    #[test]
    fn an_explicit_hash_key_overrides_the_partition_key_s_ag_3() {
        let lower_half = HashKeyRange::new(HashKey::MIN, HashKey::new(u128::MAX / 2));
        assert!(lower_half.holds_record("a", None));
        assert!(!lower_half.holds_record("a", Some(HashKey::MAX)));
        assert!(!lower_half.holds_record("b", None));
        assert!(HashKeyRange::FULL.holds_record("b", None));
    }

    #[test]
    fn a_range_that_cannot_be_read_names_the_end_that_is_wrong() {
        assert!(matches!(HashKeyRange::parse("x", "1"), Err(HashKeyRangeError::Start { .. })));
        assert!(matches!(HashKeyRange::parse("1", "-1"), Err(HashKeyRangeError::End { .. })));
        let inverted = HashKeyRange::parse("2", "1").unwrap_err();
        assert_eq!(inverted.to_string(), "the hash key range starts at 2, after its end 1; exchange the two");
    }
}

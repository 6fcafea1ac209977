//! Hash keys: where a record lies in the 128-bit space that shards divide among themselves.

use std::fmt;

use crate::decimal::{self, Decimal};
use crate::digest::{Digest, md5};

/// A place in the hash key space, 0 to 2^128 - 1. Displayed in decimal, as Kinesis writes it.
///
/// ```
/// use kpl_deagg::HashKey;
///
/// assert_eq!(HashKey::of_partition_key("a").to_string(), "16955237001963240173058271559858726497");
/// assert_eq!(HashKey::parse_explicit("42")?, HashKey::new(42));
/// # Ok::<(), kpl_deagg::HashKeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKey(u128);

/// Why a text is no hash key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashKeyError {
    /// Not an optional sign followed by decimal digits.
    #[error("the explicit hash key is no decimal number; give a whole number from 0 to 2^128 - 1")]
    NotANumber,
    /// Below 0 or above 2^128 - 1.
    #[error("the explicit hash key lies outside the hash key space; give a whole number from 0 to 2^128 - 1")]
    OutOfRange,
}

impl HashKey {
    /// The lowest hash key.
    pub const MIN: Self = Self(0);
    /// The highest hash key, 2^128 - 1.
    pub const MAX: Self = Self(u128::MAX);

    /// The hash key of this number.
    #[must_use]
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// The hash key of a record without an explicit one: the MD5 of its partition key's UTF-8 bytes, big-endian. For
    /// many keys at a time [`Lanes::hash_keys`](crate::Lanes::hash_keys) is several times faster.
    #[must_use]
    pub fn of_partition_key(partition_key: &str) -> Self {
        Self::of_digest(md5(partition_key.as_bytes()))
    }

    /// The hash key that is this MD5.
    pub(crate) const fn of_digest(digest: Digest) -> Self {
        Self(u128::from_be_bytes(digest))
    }

    /// Reads an explicit hash key: decimal digits after at most one sign. Leading zeros, `+5` and `-0` are taken.
    ///
    /// # Errors
    ///
    /// [`HashKeyError::NotANumber`] for any other text, [`HashKeyError::OutOfRange`] for a number outside 0 to 2^128 - 1.
    pub fn parse_explicit(text: &str) -> Result<Self, HashKeyError> {
        match decimal::parse(text) {
            Decimal::Number(value) => Ok(Self(value)),
            Decimal::OutOfRange => Err(HashKeyError::OutOfRange),
            Decimal::NotANumber => Err(HashKeyError::NotANumber),
        }
    }

    /// The number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

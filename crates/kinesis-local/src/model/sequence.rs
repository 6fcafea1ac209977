//! Sequence numbers in the form that Kinesis gives them: 186 bits, written as 56 decimal digits.
//!
//! Layout, from the top: version 2 (4 bits), the second the shard was created (36), low digit of the shard's number
//! (4), index of the record in the shard (64), zero (8), the second of the write (36), the shard's number (32),
//! version 2 (4). It makes numbers strictly increasing in a shard (the index) and a child's numbers larger than its
//! parents' (a child is created in a later second; the model sees to that).
//!
//! Promises: order is numeric, and for the numbers made here also the order of the texts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A sequence number. Compares as the number it is.
///
/// ```
/// use kinesis_local::model::SequenceNumber;
///
/// let small: SequenceNumber = "9".parse()?;
/// let large: SequenceNumber = "49590338271490256608559692538361571095921575989136588898".parse()?;
/// assert!(small < large);
/// # Ok::<(), kinesis_local::model::NotASequenceNumber>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SequenceNumber {
    // The order of these fields is the order of the derived comparison.
    high: u64,
    low: u128,
}

/// What a sequence number is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) created_second: u64,
    pub(crate) shard: u32,
    pub(crate) index: u64,
    pub(crate) written_second: u64,
}

impl SequenceNumber {
    pub(crate) fn from_parts(parts: Parts) -> Self {
        let low = VERSION
            | u128::from(parts.shard) << 4
            | u128::from(parts.written_second & SECOND_MASK) << 36
            // The upper 16 bits of the index fall off here and are put into `high`.
            | u128::from(parts.index) << 80;
        let high = parts.index >> 48
            | u64::from(parts.shard & 0xf) << 16
            | (parts.created_second & SECOND_MASK) << 20
            | 2 << 56;
        Self { high, low }
    }

    /// The parts, if the number has the form of the numbers made here.
    pub(crate) fn parts(self) -> Option<Parts> {
        let parts = Parts {
            created_second: (self.high >> 20) & SECOND_MASK,
            shard: u32::try_from((self.low >> 4) & 0xffff_ffff).ok()?,
            index: (self.high & 0xffff) << 48 | u64::try_from(self.low >> 80).ok()?,
            written_second: u64::try_from((self.low >> 36) & u128::from(SECOND_MASK)).ok()?,
        };
        (Self::from_parts(parts) == self).then_some(parts)
    }

    /// Quotient and remainder by [`CHUNK`], for printing.
    fn divide(self) -> (Self, u64) {
        let chunk = u128::from(CHUNK);
        let top = u128::from(self.high);
        let middle = ((top % chunk) << 64) | (self.low >> 64);
        let bottom = ((middle % chunk) << 64) | (self.low & u128::from(u64::MAX));
        // Each remainder is below the divisor, so each of these quotients fits 64 bits.
        let low = ((middle / chunk) << 64) | (bottom / chunk);
        (Self { high: self.high / CHUNK, low }, u64::try_from(bottom % chunk).unwrap_or(0))
    }

    /// `self * 10 + digit`, unless that needs more than 192 bits.
    fn push_digit(self, digit: u8) -> Option<Self> {
        let bottom = (self.low & u128::from(u64::MAX)) * 10 + u128::from(digit);
        let middle = (self.low >> 64) * 10 + (bottom >> 64);
        let carry = u64::try_from(middle >> 64).ok()?;
        let high = self.high.checked_mul(10)?.checked_add(carry)?;
        Some(Self { high, low: (middle << 64) | (bottom & u128::from(u64::MAX)) })
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rest, last) = self.divide();
        let (rest, third) = rest.divide();
        let (rest, second) = rest.divide();
        let (_, first) = rest.divide();
        match (first, second, third) {
            (0, 0, 0) => write!(f, "{last}"),
            (0, 0, _) => write!(f, "{third}{last:018}"),
            (0, _, _) => write!(f, "{second}{third:018}{last:018}"),
            _ => write!(f, "{first}{second:018}{third:018}{last:018}"),
        }
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a whole number of at most 192 bits without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sequence number: give the digits that Kinesis returned, unchanged")]
pub struct NotASequenceNumber;

impl FromStr for SequenceNumber {
    type Err = NotASequenceNumber;

    fn from_str(text: &str) -> Result<Self, NotASequenceNumber> {
        if text.is_empty() || (text.starts_with('0') && text != "0") {
            return Err(NotASequenceNumber);
        }
        text.bytes()
            .try_fold(Self { high: 0, low: 0 }, |number, byte| {
                let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
                number.push_digit(digit)
            })
            .ok_or(NotASequenceNumber)
    }
}

const VERSION: u128 = 2;
/// 36 bits of seconds last until the year 4147.
const SECOND_MASK: u64 = (1 << 36) - 1;
/// The largest power of ten whose multiples are printed at once.
const CHUNK: u64 = 1_000_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts() -> impl Strategy<Value = Parts> {
        (1_000_000_000_u64..4_000_000_000, any::<u32>(), any::<u64>(), 1_000_000_000_u64..4_000_000_000).prop_map(
            |(created_second, shard, index, written_second)| Parts { created_second, shard, index, written_second },
        )
    }

    proptest! {
        #[test]
        fn text_and_parts_survive_a_round_trip(parts in parts()) {
            let number = SequenceNumber::from_parts(parts);
            prop_assert_eq!(number.to_string().len(), 56);
            prop_assert_eq!(number.to_string().parse(), Ok(number));
            prop_assert_eq!(number.parts(), Some(parts));
        }

        #[test]
        fn numeric_order_is_the_order_of_the_texts(a in parts(), b in parts()) {
            let (a, b) = (SequenceNumber::from_parts(a), SequenceNumber::from_parts(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn a_later_index_is_a_larger_number_whatever_the_clock_says(
            parts in parts(), written_second in 0_u64..4_000_000_000,
        ) {
            prop_assume!(parts.index < u64::MAX);
            let next = Parts { index: parts.index + 1, written_second, ..parts };
            prop_assert!(SequenceNumber::from_parts(parts) < SequenceNumber::from_parts(next));
        }
    }

    #[test]
    fn texts_that_are_no_plain_number_are_refused() {
        for text in ["", "007", "-1", "+1", "1e3", "TRIM_HORIZON", &"9".repeat(60)] {
            assert_eq!(text.parse::<SequenceNumber>(), Err(NotASequenceNumber), "{text}");
        }
    }

    #[test]
    fn small_numbers_print_without_padding() {
        for text in ["0", "7", "1000000000000000000", "1000000000000000000000000000000000007"] {
            assert_eq!(text.parse::<SequenceNumber>().unwrap().to_string(), text);
        }
    }
}

//! Sequence numbers and positions, the only place that compares them. Both are plain values, ordered as numbers.
//!
//! A sequence number is a decimal text of up to 57 digits on the wire and needs 186 bits; here it is 192 bits of
//! integer, so that a record's position costs no allocation and one cannot compare two of them as texts by mistake.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Decimal digits that fit one step of the conversion: 10^18 < 2^64.
const STEP_DIGITS: usize = 18;
const STEP: u64 = 1_000_000_000_000_000_000;

/// The sequence number of a Kinesis record, ordered as a number.
///
/// ```
/// use kinesis_asl::SequenceNumber;
/// let nine: SequenceNumber = "9".parse()?;
/// let ten: SequenceNumber = "10".parse()?;
/// assert!(nine < ten, "as texts it would be the other way round");
/// # Ok::<(), kinesis_asl::SequenceNumberError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber {
    /// Most significant limb first, so that the derived order is the numeric one.
    limbs: [u64; 3],
}

/// A text that is no sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a sequence number: expected decimal digits of at most 192 bits")]
pub struct SequenceNumberError(pub String);

impl SequenceNumber {
    /// The smallest of all.
    pub const ZERO: Self = Self { limbs: [0; 3] };

    /// Most significant first.
    pub(crate) const fn limbs(self) -> [u64; 3] {
        self.limbs
    }

    pub(crate) const fn from_limbs(limbs: [u64; 3]) -> Self {
        Self { limbs }
    }

    /// `self * factor + add`, `None` when it needs more than 192 bits.
    fn mul_add(self, factor: u64, add: u64) -> Option<Self> {
        let mut carry = u128::from(add);
        let mut limbs = self.limbs;
        for limb in limbs.iter_mut().rev() {
            let wide = u128::from(*limb) * u128::from(factor) + carry;
            *limb = low_half(wide);
            carry = wide >> 64;
        }
        (carry == 0).then_some(Self { limbs })
    }

    /// Quotient and remainder of a division by a positive number.
    fn div_rem(self, divisor: u64) -> (Self, u64) {
        let mut remainder = 0_u64;
        let mut limbs = self.limbs;
        for limb in &mut limbs {
            let wide = (u128::from(remainder) << 64) | u128::from(*limb);
            *limb = low_half(wide / u128::from(divisor));
            remainder = low_half(wide % u128::from(divisor));
        }
        (Self { limbs }, remainder)
    }
}

/// The low 64 bits of a value.
#[expect(clippy::as_conversions, reason = "cutting off the high half is the purpose")]
const fn low_half(wide: u128) -> u64 {
    wide as u64
}

impl FromStr for SequenceNumber {
    type Err = SequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || SequenceNumberError(text.to_owned());
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refused());
        }
        text.as_bytes().chunks(STEP_DIGITS).try_fold(Self::ZERO, |so_far, digits| {
            let (factor, add) = step(digits);
            so_far.mul_add(factor, add).ok_or_else(refused)
        })
    }
}

/// The number that at most [`STEP_DIGITS`] digits stand for, and 10 to the power of how many they are. Eight digits at a time, since each
/// record has 56 of them.
fn step(digits: &[u8]) -> (u64, u64) {
    let (eights, rest) = digits.as_chunks();
    let whole = eights
        .iter()
        .fold((1, 0), |(factor, add), eight| (factor * 100_000_000, add * 100_000_000 + eight_digits(*eight)));
    rest.iter().fold(whole, |(factor, add), b| (factor * 10, add * 10 + u64::from(b - b'0')))
}

/// The number that eight digits stand for: neighbours are joined to pairs, pairs to fours, fours to the whole.
const fn eight_digits(digits: [u8; 8]) -> u64 {
    let ones = u64::from_le_bytes(digits) & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (ones.wrapping_mul(2_561) >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(6_553_601) >> 16) & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(42_949_672_960_001) >> 32
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = self.div_rem(STEP);
        let (top, middle) = high.div_rem(STEP);
        let (over, top) = top.div_rem(STEP);
        match (over.limbs[2], top, middle) {
            (0, 0, 0) => write!(f, "{low}"),
            (0, 0, middle) => write!(f, "{middle}{low:018}"),
            (0, top, middle) => write!(f, "{top}{middle:018}{low:018}"),
            (over, top, middle) => write!(f, "{over}{top:018}{middle:018}{low:018}"),
        }
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The position of a user record in its shard: sequence number of the Kinesis record, number inside its aggregate.
/// Called *extended sequence number* by the KCL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Of the Kinesis record.
    pub sequence: SequenceNumber,
    /// From 0 within an aggregate; 0 for a record that is no aggregate.
    pub sub_sequence: u64,
}

impl Position {
    /// A position.
    #[must_use]
    pub const fn new(sequence: SequenceNumber, sub_sequence: u64) -> Self {
        Self { sequence, sub_sequence }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sequence, self.sub_sequence)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> SequenceNumber {
        text.parse().expect(text)
    }

    #[test]
    fn regression_r6_numbers_of_different_length_compare_as_numbers() {
        assert!(number("9") < number("10"));
        assert!(number("99999999999999999999") < number("100000000000000000000"));
        assert_eq!(number("007"), number("7"));
    }

    #[test]
    fn what_is_not_a_number_or_too_large_is_refused_with_the_text() {
        let too_large = (BigUint::from(1_u8) << 192_u32).to_string();
        for text in ["", " 1", "-1", "+1", "1.0", "LATEST", "٣", &too_large] {
            assert_eq!(text.parse::<SequenceNumber>(), Err(SequenceNumberError(text.to_owned())));
        }
    }

    #[test]
    fn a_position_orders_by_sequence_number_first() {
        assert!(Position::new(number("5"), 900) < Position::new(number("6"), 0));
        assert!(Position::new(number("6"), 0) < Position::new(number("6"), 1));
    }

    proptest! {
        #[test]
        fn text_and_order_agree_with_a_big_integer(a in prop::collection::vec(any::<u8>(), 0..24), b in prop::collection::vec(any::<u8>(), 0..24)) {
            let (big_a, big_b) = (BigUint::from_bytes_be(&a), BigUint::from_bytes_be(&b));
            let (ours_a, ours_b) = (number(&big_a.to_string()), number(&big_b.to_string()));
            prop_assert_eq!(ours_a.to_string(), big_a.to_string());
            prop_assert_eq!(ours_a.cmp(&ours_b), big_a.cmp(&big_b));
        }
    }
}

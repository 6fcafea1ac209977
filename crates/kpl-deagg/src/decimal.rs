//! Decimal text of any length to a number of 128 bits, read as Java's `BigInteger` reads it.
//!
//! One sign, then one or more decimal digits of any script of Unicode's basic plane. Nothing else: no spaces, no
//! underscores, no hexadecimal.

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decimal {
    /// A number from 0 to 2^128 - 1.
    Number(u128),
    /// A number below 0 or above 2^128 - 1.
    OutOfRange,
    /// No decimal number.
    NotANumber,
}

/// Reads `text`.
pub(crate) fn parse(text: &str) -> Decimal {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() {
        return Decimal::NotANumber;
    }
    let mut value = Some(0_u128);
    for character in digits.chars() {
        let Some(digit) = digit(character) else { return Decimal::NotANumber };
        // Once too large, only the remaining characters' being digits matters.
        value = value.and_then(|value| value.checked_mul(10)?.checked_add(digit));
    }
    match value {
        Some(value) if value == 0 || !negative => Decimal::Number(value),
        _ => Decimal::OutOfRange,
    }
}

fn digit(character: char) -> Option<u128> {
    let code = u32::from(character);
    if character.is_ascii() {
        return character.to_digit(10).map(u128::from);
    }
    let zero = ZEROS.iter().copied().rfind(|&zero| zero <= code)?;
    (code - zero < 10).then(|| u128::from(code - zero))
}

/// The digits zero outside ASCII in Unicode's basic plane, ascending; nine more digits follow each.
const ZEROS: [u32; 36] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_count_and_their_neighbours_do_not() {
        assert_eq!(parse("٤٢"), Decimal::Number(42));
        assert_eq!(parse("０１９"), Decimal::Number(19));
        assert_eq!(parse("\u{FF1A}"), Decimal::NotANumber);
        assert_eq!(parse("½"), Decimal::NotANumber);
    }

    #[test]
    fn signs_are_taken_once_and_alone_are_no_number() {
        assert_eq!(parse("+5"), Decimal::Number(5));
        assert_eq!(parse("-0"), Decimal::Number(0));
        assert_eq!(parse("-1"), Decimal::OutOfRange);
        for text in ["", "+", "-", "--5", "+-5", " 5", "5 ", "1_000", "0x10"] {
            assert_eq!(parse(text), Decimal::NotANumber, "{text:?}");
        }
    }

    #[test]
    fn the_largest_number_is_in_range_and_the_next_is_not() {
        assert_eq!(parse("340282366920938463463374607431768211455"), Decimal::Number(u128::MAX));
        assert_eq!(parse("340282366920938463463374607431768211456"), Decimal::OutOfRange);
        assert_eq!(parse(&"9".repeat(400)), Decimal::OutOfRange);
        assert_eq!(parse(&("9".repeat(400) + "x")), Decimal::NotANumber);
    }
}

//! Single members of requests: there or not, in range or not, in which form.
//!
//! Promises: each failure is the error that AWS answers with for such a member.

use crate::model::{ErrorKind, HashKey, KinesisError, Millis, ShardId};

pub(super) fn required<T>(value: Option<T>, member: &str) -> Result<T, KinesisError> {
    value.ok_or_else(|| KinesisError::missing(member))
}

pub(super) fn not_in_set(value: &str, member: &str, allowed: &str) -> KinesisError {
    KinesisError::validation(value, member, &format!("satisfy enum value set: [{allowed}]"))
}

/// A count; what is negative or too large for the model becomes what the model refuses.
pub(super) fn count(value: Option<i64>) -> Option<u32> {
    value.map(|value| u32::try_from(value.max(0)).unwrap_or(u32::MAX))
}

pub(super) fn shard_id(text: &str) -> Result<ShardId, KinesisError> {
    super::named_shard::parse(text, "shardId")?.ok_or_else(|| {
        KinesisError::new(ErrorKind::ResourceNotFound, format!("Could not find shard {text}: there is no such id."))
    })
}

pub(super) fn hash_key(text: &str, member: &str) -> Result<HashKey, KinesisError> {
    let canonical = text == "0" || !text.starts_with('0');
    if !canonical
        || !(1..=MOST_HASH_KEY_DIGITS).contains(&text.len())
        || !text.bytes().all(|byte| byte.is_ascii_digit())
    {
        let (first, rest) = member.split_at(1);
        let constraint = "satisfy regular expression pattern: 0|([1-9]\\d{0,38})";
        return Err(KinesisError::validation(text, &format!("{}{rest}", first.to_lowercase()), constraint));
    }
    text.parse().map_err(|_| {
        KinesisError::invalid_argument(format!(
            "Invalid {member}. {member} must be in the range: [0, 2^128-1]. Specified value was {text}"
        ))
    })
}

/// A timestamp of the JSON protocol: seconds since the epoch with a fraction.
#[expect(clippy::as_conversions, reason = "float to integer has no other form; it saturates, and NaN becomes 0")]
pub(super) fn moment(seconds: f64) -> Millis {
    // Parts of a millisecond are dropped, so that a client's present is not in our future. The thousandth makes good what
    // a number of milliseconds loses on its way through binary seconds.
    Millis::new((seconds * 1_000.0 + 0.001).floor() as u64)
}

/// The digits of 2^128.
const MOST_HASH_KEY_DIGITS: usize = 39;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_in_whole_milliseconds_survives_the_way_through_seconds(millis in 0_u32..4_000_000_000, part in 0_u32..1_000) {
            let written = Millis::new(u64::from(millis) * 1_000 + u64::from(part)).to_string();
            prop_assert_eq!(moment(written.parse().unwrap()).to_string(), written);
        }
    }

    #[test]
    fn parts_of_a_millisecond_are_dropped_and_strange_times_do_no_harm() {
        assert_eq!(moment(1_795_410_536.736_9).get(), 1_795_410_536_736);
        assert_eq!(moment(-5.0).get(), 0);
        assert_eq!(moment(f64::NAN).get(), 0);
    }

    #[test]
    fn counts_outside_of_what_the_model_takes_become_what_it_refuses() {
        assert_eq!(count(Some(-1)), Some(0));
        assert_eq!(count(Some(i64::MAX)), Some(u32::MAX));
    }

    #[test]
    fn hash_keys_that_are_no_numbers_and_those_beyond_the_ring_are_told_apart() {
        for text in ["", "x", "-1", "007", &"1".repeat(40)] {
            let refused = hash_key(text, "ExplicitHashKey").unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Validation, "{text}");
            assert!(refused.message.contains("at 'explicitHashKey' failed"), "{}", refused.message);
        }
        let beyond = hash_key("340282366920938463463374607431768211456", "ExplicitHashKey").unwrap_err();
        assert_eq!(beyond.kind, ErrorKind::InvalidArgument);
        assert!(hash_key("340282366920938463463374607431768211455", "ExplicitHashKey").is_ok());
    }
}

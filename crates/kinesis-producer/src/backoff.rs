//! Pure: how long to wait before a record is sent again.

use std::time::Duration;

use rand::Rng;

/// Delays that double from a base up to a cap, each drawn from its upper half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) base: Duration,
    pub(crate) cap: Duration,
}

impl Backoff {
    /// The delay after the `attempt`-th attempt, counted from 1.
    pub(crate) fn delay(self, attempt: u32, rng: &mut impl Rng) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let full = self.base.saturating_mul(factor).min(self.cap);
        let permille: u32 = rng.random_range(500..=1000);
        // Divided first: a product of a year and 1000 would still fit, but nobody should have to check.
        (full / 1000).saturating_mul(permille)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    proptest! {
        #[test]
        fn a_delay_lies_in_the_upper_half_of_the_doubled_base_and_never_above_the_cap(
            seed: u64, attempt in 1..100_u32, base in 1..1000_u64, cap in 1..100_000_u64,
        ) {
            let backoff = Backoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap) };
            let delay = backoff.delay(attempt, &mut StdRng::seed_from_u64(seed));
            let full = Duration::from_millis(base.saturating_mul(2_u64.saturating_pow(attempt - 1)).min(cap));
            prop_assert!(full / 1000 * 500 <= delay && delay <= full);
        }
    }
}

//! Faults as values: how often what goes wrong, and what becomes of one call. Pure; the generator comes from outside.

use std::time::Duration;

use rand::Rng;

/// How often calls go wrong, each in calls of a thousand, and how long they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Refused because of too many calls: did not happen, and is reported so.
    pub throttled: u16,
    /// Never arrived: did not happen; reported as a timeout, so nobody knows.
    pub not_done: u16,
    /// The reply is lost: happened; reported as a timeout.
    pub unreported: u16,
    /// A write that is reported as a timeout and lands up to two seconds later. Reads are not affected.
    pub late: u16,
    /// A page without records although more follow.
    pub empty_page: u16,
    /// Takes up to [`SLOWEST`] each way.
    pub slow: u16,
    /// A batch, not a call: its outputs fail.
    pub failed_batch: u16,
}

/// The longest time that a slow call takes each way.
pub const SLOWEST: Duration = Duration::from_secs(3);
/// The longest time that any other call takes each way.
const USUAL: Duration = Duration::from_millis(20);
/// The longest time after which a late write lands.
const LATEST: Duration = Duration::from_secs(2);

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self =
        Self { throttled: 0, not_done: 0, unreported: 0, late: 0, empty_page: 0, slow: 0, failed_batch: 0 };

    /// A few calls in a hundred go wrong.
    pub const ROUGH: Self =
        Self { throttled: 15, not_done: 10, unreported: 10, late: 10, empty_page: 50, slow: 10, failed_batch: 10 };

    /// One call in three goes wrong.
    pub const HARSH: Self =
        Self { throttled: 100, not_done: 70, unreported: 80, late: 60, empty_page: 150, slow: 40, failed_batch: 20 };

    /// More calls than the service can bear: most are refused, and pages come empty.
    pub const STORM: Self =
        Self { throttled: 600, not_done: 50, unreported: 50, late: 0, empty_page: 400, slow: 200, failed_batch: 0 };
}

/// What becomes of a call: happened or not × reported or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It happens and is reported.
    Done,
    /// It does not happen and is reported.
    Throttled,
    /// It does not happen, and nobody knows.
    NotDone,
    /// It happens, and nobody knows.
    Unreported,
    /// It happens after this time, and nobody knows.
    Late(Duration),
}

impl Faults {
    /// What becomes of the next call.
    pub(crate) fn fate(&self, rng: &mut impl Rng) -> Fate {
        let mut roll = rng.random_range(0..1_000_u16);
        let mut falls_to = |share: u16| {
            let hit = roll < share;
            roll = roll.saturating_sub(share);
            hit
        };
        if falls_to(self.throttled) {
            Fate::Throttled
        } else if falls_to(self.not_done) {
            Fate::NotDone
        } else if falls_to(self.unreported) {
            Fate::Unreported
        } else if falls_to(self.late) {
            Fate::Late(between_millis(50, LATEST, rng))
        } else {
            Fate::Done
        }
    }

    /// How long the next call takes one way.
    pub(crate) fn latency(&self, rng: &mut impl Rng) -> Duration {
        let longest = if rng.random_range(0..1_000) < self.slow { SLOWEST } else { USUAL };
        between_millis(1, longest, rng)
    }

    /// Whether the next batch fails.
    pub(crate) fn fails_batch(&self, rng: &mut impl Rng) -> bool {
        self.failed_batch > 0 && rng.random_range(0..1_000) < self.failed_batch
    }

    /// Whether the next page comes without its records.
    pub(crate) fn empties_page(&self, rng: &mut impl Rng) -> bool {
        rng.random_range(0..1_000) < self.empty_page
    }
}

/// Whole milliseconds: the resolution of the paused clock.
pub(crate) fn between_millis(least: u64, most: Duration, rng: &mut impl Rng) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(least);
    Duration::from_millis(rng.random_range(least..=most))
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_harsh_network_brings_about_every_fate_and_a_good_one_only_success() {
        let mut rng = StdRng::seed_from_u64(1);
        let fates: Vec<Fate> = (0..1_000).map(|_| Faults::HARSH.fate(&mut rng)).collect();
        for fate in [Fate::Done, Fate::Throttled, Fate::NotDone, Fate::Unreported] {
            assert!(fates.contains(&fate), "{fate:?}");
        }
        assert!(fates.iter().any(|fate| matches!(fate, Fate::Late(_))));
        assert!((0..1_000).all(|_| Faults::NONE.fate(&mut rng) == Fate::Done));
    }
}

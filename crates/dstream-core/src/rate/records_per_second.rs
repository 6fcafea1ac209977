//! A rate of records. Promises to be positive and finite, so that whoever divides by it need not ask.

use std::fmt;
use std::time::Duration;

/// Records per second and receiver; more than 0, and finite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct RecordsPerSecond(f64);

impl RecordsPerSecond {
    /// The rate, if it is one: more than 0, and finite.
    pub(crate) fn new(rate: f64) -> Option<Self> {
        (rate > 0.0 && rate.is_finite()).then_some(Self(rate))
    }

    /// The speed of `records` in `took`; `None` when one of them is zero, for then there is no speed to speak of.
    pub(crate) fn of(records: u64, took: Duration) -> Option<Self> {
        Self::new(count(records) / took.as_secs_f64())
    }

    pub(crate) const fn get(self) -> f64 {
        self.0
    }

    /// The smaller of the two.
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Whole records of one second, rounded down, at least 1.
    #[expect(clippy::as_conversions, reason = "the one conversion of a float; it saturates, and the float is positive")]
    pub(crate) const fn whole(self) -> u64 {
        let whole = self.0 as u64;
        if whole == 0 { 1 } else { whole }
    }

    /// How many records come in `time`.
    pub(crate) fn records_in(self, time: Duration) -> f64 {
        self.0 * time.as_secs_f64()
    }

    /// How long `records` take.
    pub(crate) fn time_of(self, records: f64) -> Duration {
        Duration::try_from_secs_f64(records.max(0.0) / self.0).unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for RecordsPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records/s", self.0)
    }
}

/// A number of records as a float; beyond 2^53 it is the nearest that there is.
#[expect(clippy::as_conversions, reason = "there is no other conversion, and the loss is one part in 2^53")]
pub(crate) const fn count(records: u64) -> f64 {
    records as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_positive_and_finite_is_no_rate() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(RecordsPerSecond::new(rate), None);
        }
        assert_eq!(RecordsPerSecond::of(0, Duration::from_secs(1)), None);
        assert_eq!(RecordsPerSecond::of(1, Duration::ZERO), None);
    }

    #[test]
    fn a_rate_converts_records_into_time_and_back() {
        let rate = RecordsPerSecond::of(10, Duration::from_millis(10)).unwrap();
        assert_eq!(rate.to_string(), "1000 records/s");
        assert_eq!(rate.time_of(50.0), Duration::from_millis(50));
        assert!((rate.records_in(Duration::from_millis(50)) - 50.0).abs() < 1e-9);
        assert_eq!(RecordsPerSecond::new(0.25).unwrap().whole(), 1);
        assert_eq!(RecordsPerSecond::new(7.9).unwrap().whole(), 7);
    }
}

//! The PID rate estimator: from the speed of completed batches, the rate at which records may come.
//!
//! Three terms correct the last rate: how far it is above the speed of the last batch (proportional), how many records wait
//! because batches were late (integral), and how quickly the first one changes (derivative). Spark's formula, with Spark's
//! defaults.

use std::time::Duration;

use thiserror::Error;

use crate::rate::estimator::BatchSpeed;
use crate::rate::records_per_second::RecordsPerSecond;
use crate::time::Time;

/// The weights of the estimator's terms, and its floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PidSettings {
    /// Weight of the difference between the last rate and the speed of the last batch. Default: 1, which follows the speed
    /// at once. Smaller follows more slowly; 0 does not follow.
    pub(crate) proportional: f64,
    /// Weight of the records that wait because batches were late. Default: 0.2. Larger works off a backlog sooner, and
    /// swings more; with 0 a backlog stays as it is.
    pub(crate) integral: f64,
    /// Weight of the change of the difference. Default: 0. Larger reacts to trends, and to noise.
    pub(crate) derived: f64,
    /// The lowest rate, in records per second and receiver. Default: 100. Too low, and a stream that once stood still hardly
    /// starts again; too high, and it cannot be slowed down enough.
    pub(crate) min_rate: f64,
}

impl Default for PidSettings {
    fn default() -> Self {
        Self { proportional: 1.0, integral: 0.2, derived: 0.0, min_rate: 100.0 }
    }
}

impl PidSettings {
    fn check(&self, batch_interval: Duration) -> Result<(), PidSettingError> {
        if batch_interval.is_zero() {
            let (field, value, fix) = ("batch interval", "0 ms".to_owned(), "give at least 1 ms");
            return Err(PidSettingError { field, value, fix });
        }
        let weights = [("proportional", self.proportional), ("integral", self.integral), ("derived", self.derived)];
        let weight = weights.into_iter().find(|(_, value)| !(*value >= 0.0 && value.is_finite()));
        let refused = weight.map(|(field, value)| (field, value, "give a finite number, at least 0"));
        let low = !(self.min_rate > 0.0 && self.min_rate.is_finite());
        let floor = low.then_some(("min rate", self.min_rate, "give a finite number of records per second above 0"));
        match refused.or(floor) {
            Some((field, value, fix)) => Err(PidSettingError { field, value: value.to_string(), fix }),
            None => Ok(()),
        }
    }
}

/// A setting of the PID rate estimator that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the {field} of the PID rate estimator is {value}: {fix}")]
pub(crate) struct PidSettingError {
    field: &'static str,
    value: String,
    fix: &'static str,
}

/// Estimates the rate of one stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PidRateEstimator {
    batch_interval: Duration,
    settings: PidSettings,
    /// What the last batch left; `None` before the first one.
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Last {
    ended: Time,
    rate: f64,
    error: f64,
}

impl PidRateEstimator {
    /// An estimator for batches of `batch_interval`.
    ///
    /// # Errors
    /// When the interval is zero, a weight is negative, the floor is not above zero, or one of them is not finite.
    pub(crate) fn new(batch_interval: Duration, settings: PidSettings) -> Result<Self, PidSettingError> {
        settings.check(batch_interval)?;
        Ok(Self { batch_interval, settings, last: None })
    }

    /// The rate after this batch. `None` after the first batch, which only tells where to begin, and after one from which
    /// nothing can be learned: it ended no later than the one before, had no records, or took no time.
    pub(crate) fn compute(&mut self, batch: BatchSpeed) -> Option<RecordsPerSecond> {
        let speed = RecordsPerSecond::of(batch.records, batch.processing_delay)?.get();
        let Some(last) = self.last else {
            self.last = Some(Last { ended: batch.ended, rate: speed, error: 0.0 });
            return None;
        };
        if batch.ended <= last.ended {
            return None;
        }
        let error = last.rate - speed;
        // What came while the batch waited: that many records are behind, to be made up for within a batch interval.
        let waiting = batch.scheduling_delay.div_duration_f64(self.batch_interval) * speed;
        let change = (error - last.error) / batch.ended.since(last.ended).as_secs_f64();
        let PidSettings { proportional, integral, derived, min_rate } = self.settings;
        let rate = last.rate - proportional * error - integral * waiting - derived * change;
        let rate = RecordsPerSecond::new(rate.max(min_rate))?;
        self.last = Some(Last { ended: batch.ended, rate: rate.get(), error });
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn estimator(proportional: f64, integral: f64, derived: f64) -> PidRateEstimator {
        PidRateEstimator::new(ms(20), PidSettings { proportional, integral, derived, min_rate: 10.0 }).unwrap()
    }

    fn batch(ended: i64, records: u64, processing: u64, scheduling: u64) -> BatchSpeed {
        BatchSpeed {
            ended: Time::from_millis(ended),
            records,
            processing_delay: ms(processing),
            scheduling_delay: ms(scheduling),
        }
    }

    fn rate(estimator: &mut PidRateEstimator, batch: BatchSpeed) -> Option<f64> {
        estimator.compute(batch).map(RecordsPerSecond::get)
    }

    fn assert_close(rate: Option<f64>, expected: f64) {
        let rate = rate.expect("a rate");
        assert!((rate - expected).abs() <= expected * 1e-9, "{rate} is not {expected}");
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name_and_value_t107() {
        let good = PidSettings::default();
        let refused = |batch, settings| PidRateEstimator::new(batch, settings).unwrap_err().to_string();
        let text = refused(Duration::ZERO, good);
        assert_eq!(text, "the batch interval of the PID rate estimator is 0 ms: give at least 1 ms");
        assert!(refused(ms(1), PidSettings { proportional: -1.0, ..good }).contains("the proportional of"));
        assert!(refused(ms(1), PidSettings { integral: -0.5, ..good }).contains("is -0.5: give"));
        assert!(refused(ms(1), PidSettings { derived: f64::NAN, ..good }).contains("the derived of"));
        assert!(refused(ms(1), PidSettings { min_rate: 0.0, ..good }).contains("the min rate of"));
        assert!(refused(ms(1), PidSettings { min_rate: -10.0, ..good }).contains("above 0"));
        assert!(refused(ms(1), PidSettings { min_rate: f64::INFINITY, ..good }).contains("is inf"));
        assert!(PidRateEstimator::new(ms(1), good).is_ok());
    }

    #[test]
    fn the_first_batch_only_tells_where_to_begin_t108() {
        assert_eq!(rate(&mut estimator(1.0, 0.0, 0.0), batch(0, 10, 10, 0)), None);
    }

    #[test]
    fn the_second_batch_gives_its_speed_t109() {
        let mut estimator = estimator(1.0, 0.0, 0.0);
        assert_eq!(rate(&mut estimator, batch(0, 10, 10, 0)), None);
        assert_close(rate(&mut estimator, batch(10, 10, 10, 0)), 1_000.0);
    }

    #[test]
    fn a_batch_that_ended_no_later_than_the_last_one_teaches_nothing_t110() {
        let mut estimator = estimator(1.0, 0.0, 0.0);
        rate(&mut estimator, batch(10, 10, 10, 0));
        assert_eq!(rate(&mut estimator, batch(10, 10, 10, 0)), None);
        assert_eq!(rate(&mut estimator, batch(9, 10, 10, 0)), None);
    }

    /// Negative numbers, which Spark tests as well, cannot be said here.
    #[test]
    fn a_batch_without_records_teaches_nothing_t111() {
        let mut estimator = estimator(1.0, 0.0, 0.0);
        rate(&mut estimator, batch(0, 10, 10, 0));
        let before = estimator.clone();
        assert_eq!(rate(&mut estimator, batch(10, 0, 10, 0)), None);
        assert_eq!(estimator, before);
    }

    #[test]
    fn a_batch_that_took_no_time_teaches_nothing_t112() {
        let mut estimator = estimator(1.0, 0.0, 0.0);
        rate(&mut estimator, batch(0, 10, 10, 0));
        assert_eq!(rate(&mut estimator, batch(10, 10, 0, 0)), None);
        assert_eq!(rate(&mut estimator, batch(10, 10, 10, 0)), Some(1_000.0));
    }

    #[test]
    fn without_backlog_the_rate_follows_a_growing_speed_t114() {
        let mut estimator = estimator(1.0, 1.0, 0.0);
        for x in 0..50_u64 {
            let found = rate(&mut estimator, batch(i64::try_from(x).unwrap(), (x + 1) * 20, 20, 0));
            if x > 0 {
                assert_close(found, f64::from(u32::try_from(x + 1).unwrap()) * 1_000.0);
            }
        }
    }

    #[test]
    fn without_backlog_the_rate_follows_a_falling_speed_t115() {
        let mut estimator = estimator(1.0, 1.0, 0.0);
        for x in 0..50_u64 {
            let found = rate(&mut estimator, batch(i64::try_from(x).unwrap(), (50 - x) * 20, 20, 0));
            if x > 0 {
                assert_close(found, f64::from(u32::try_from(50 - x).unwrap()) * 1_000.0);
            }
        }
    }

    #[test]
    fn the_derivative_answers_to_how_quickly_the_difference_changes() {
        let mut estimator = estimator(0.0, 0.0, 1.0);
        rate(&mut estimator, batch(0, 1_000, 1_000, 0));
        // The speed falls by 100 records/s within a second: the difference grows by as much.
        assert_close(rate(&mut estimator, batch(1_000, 900, 1_000, 0)), 900.0);
    }

    proptest! {
        #[test]
        fn with_a_backlog_the_rate_stays_below_the_speed_and_not_below_the_floor_t116(
            batches in proptest::collection::vec((1_u64..2_000, 1_u64..20), 2..60),
        ) {
            let mut estimator = estimator(1.0, 0.01, 0.0);
            for (at, (records, scheduling)) in (0_i64..).zip(batches) {
                let found = rate(&mut estimator, batch(at, records, 20, scheduling));
                let speed = f64::from(u32::try_from(records).unwrap()) * 50.0;
                if let Some(found) = found {
                    prop_assert!(found < speed.max(10.1) && found >= 10.0, "{} of {}", found, speed);
                }
            }
        }

        #[test]
        fn the_rate_is_never_below_the_floor_and_always_finite(
            weights in (0.0_f64..5.0, 0.0_f64..5.0, 0.0_f64..5.0),
            batches in proptest::collection::vec((0_i64..10_000, 0_u64..u64::MAX, 0_u64..100_000, 0_u64..100_000), 0..40),
        ) {
            let mut estimator = estimator(weights.0, weights.1, weights.2);
            for (ended, records, processing, scheduling) in batches {
                if let Some(found) = rate(&mut estimator, batch(ended, records, processing, scheduling)) {
                    prop_assert!(found >= 10.0 && found.is_finite());
                }
            }
        }
    }
}

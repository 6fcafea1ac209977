//! What a run of the word producer came to, and how it is printed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The totals of one run. Words are counted once Kinesis has acknowledged their record.
///
/// Displayed as Spark's word producer prints them: a heading, then `(word,count)` lines in the order of the words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Records the settings asked for.
    pub planned: u64,
    /// Records handed to the producer. Fewer than planned: the run was stopped, or something failed for good.
    pub sent: u64,
    /// Records that Kinesis acknowledged.
    pub acknowledged: u64,
    /// Records given up.
    pub failed: u64,
    /// Times a record was sent again.
    pub retried: u64,
    /// How often each word is in the acknowledged records.
    pub words: BTreeMap<&'static str, u64>,
    /// From the start until the last record was handed over: `acknowledged` in this time is the rate that was reached.
    pub sending: Duration,
    /// From the start until the last record was answered.
    pub elapsed: Duration,
}

impl Totals {
    /// Acknowledged records per second of sending, rounded to the nearest; 0 before the first nanosecond.
    ///
    /// ```
    /// assert_eq!(kinesis_producer::Totals::default().records_per_sec(), 0);
    /// ```
    #[must_use]
    pub fn records_per_sec(&self) -> u64 {
        let nanos = self.sending.as_nanos();
        let rate =
            u128::from(self.acknowledged).saturating_mul(1_000_000_000).saturating_add(nanos / 2).checked_div(nanos);
        u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Totals for the words sent")?;
        for (word, count) in &self.words {
            write!(f, "\n({word},{count})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_printed_as_spark_prints_them_sorted_by_word() {
        let totals = Totals { words: [("you", 3), ("are", 12)].into(), ..Totals::default() };
        assert_eq!(totals.to_string(), "Totals for the words sent\n(are,12)\n(you,3)");
    }

    #[test]
    fn the_rate_is_what_was_acknowledged_in_the_time_that_sending_took_to_the_nearest() {
        let totals = |acknowledged, millis| Totals {
            sent: 10_000,
            acknowledged,
            sending: Duration::from_millis(millis),
            elapsed: Duration::from_secs(12),
            ..Totals::default()
        };
        assert_eq!(totals(10_000, 10_000).records_per_sec(), 1000);
        assert_eq!(totals(10_000, 10_003).records_per_sec(), 1000);
        assert_eq!(totals(10_000, 10_006).records_per_sec(), 999);
        assert_eq!(totals(0, 10_000).records_per_sec(), 0);
        assert_eq!(totals(10_000, 0).records_per_sec(), 0);
    }
}

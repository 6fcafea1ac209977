//! The producer's settings. A value of [`ProducerConfig`] is valid by construction.

use std::time::Duration;

use crate::limits::{DEFAULT_RECORD_BYTES, MAX_RECORD_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, MIB};

/// Settings of a [`Producer`](crate::Producer), checked.
///
/// ```
/// use std::time::Duration;
/// use kinesis_producer::ProducerConfig;
///
/// let config = ProducerConfig::builder().linger(Duration::from_millis(20)).build()?;
/// assert!(ProducerConfig::builder().max_request_records(501).build().is_err());
/// # Ok::<(), kinesis_producer::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerConfig {
    pub(crate) max_request_records: usize,
    pub(crate) max_request_bytes: usize,
    pub(crate) max_record_bytes: usize,
    pub(crate) linger: Duration,
    pub(crate) max_buffered_records: usize,
    pub(crate) max_buffered_bytes: usize,
    pub(crate) retry_base: Duration,
    pub(crate) retry_cap: Duration,
    pub(crate) record_ttl: Option<Duration>,
    pub(crate) seed: Option<u64>,
}

/// Collects settings; [`build`](Self::build) checks them.
#[derive(Clone, Debug)]
#[must_use = "settings take effect in `build`"]
pub struct ProducerConfigBuilder(ProducerConfig);

/// A setting out of its bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}; give {allowed}")]
pub struct ConfigError {
    /// The setting's name.
    pub setting: &'static str,
    /// The value given.
    pub value: String,
    /// What is allowed instead.
    pub allowed: String,
}

impl Default for ProducerConfig {
    /// The defaults that each setting of [`ProducerConfigBuilder`] names.
    fn default() -> Self {
        Self {
            max_request_records: MAX_REQUEST_RECORDS,
            max_request_bytes: 5 * MIB,
            max_record_bytes: DEFAULT_RECORD_BYTES,
            linger: Duration::from_millis(100),
            max_buffered_records: 10_000,
            max_buffered_bytes: 32 * MIB,
            retry_base: Duration::from_millis(50),
            retry_cap: Duration::from_secs(5),
            record_ttl: Some(Duration::from_secs(30)),
            seed: None,
        }
    }
}

impl ProducerConfig {
    /// A builder that starts from the defaults.
    pub fn builder() -> ProducerConfigBuilder {
        ProducerConfigBuilder(Self::default())
    }
}

impl ProducerConfigBuilder {
    /// Records in one request, 1 to 500. Default 500, the most Kinesis takes; fewer cost more requests.
    pub fn max_request_records(mut self, records: usize) -> Self {
        self.0.max_request_records = records;
        self
    }

    /// Bytes of data and keys in one request, up to 10 MiB. Default 5 MiB, the KPL's; a larger request takes longer to
    /// repeat, a smaller one costs more requests. At least `max_record_bytes`.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.0.max_request_bytes = bytes;
        self
    }

    /// Bytes of data and key of one record, up to 10 MiB. Default 1 MiB, which every stream takes. A larger value than the
    /// stream is set to lets records through that Kinesis refuses.
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.0.max_record_bytes = bytes;
        self
    }

    /// How long a record may wait for others to share its request, up to one minute. Default 100 ms, the KPL's. Longer
    /// fills requests better at a low rate; 0 sends at once whatever is there.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.0.linger = linger;
        self
    }

    /// Records that may be unanswered at a time, 1 to 1 000 000; `send` waits beyond. Default 10 000: at 1000 records/s a
    /// shard, ten shards' second. Too few and `send` waits for round trips, more cost memory.
    pub fn max_buffered_records(mut self, records: usize) -> Self {
        self.0.max_buffered_records = records;
        self
    }

    /// Bytes that may be unanswered at a time, up to 1 GiB; `send` waits beyond. Default 32 MiB, six full requests. At least
    /// `max_record_bytes`.
    pub fn max_buffered_bytes(mut self, bytes: usize) -> Self {
        self.0.max_buffered_bytes = bytes;
        self
    }

    /// The first delay before a record is sent again and the longest, each at least 1 ms. Default 50 ms and 5 s; the delay
    /// doubles in between and is drawn from its upper half, so that producers do not return together.
    pub fn retry_delays(mut self, base: Duration, cap: Duration) -> Self {
        self.0.retry_base = base;
        self.0.retry_cap = cap;
        self
    }

    /// How long after `send` a record may still be sent again; then it is given back. Default 30 s, the KPL's. `None` tries
    /// for ever. `close` shortens what is left of it.
    pub fn record_ttl(mut self, ttl: Option<Duration>) -> Self {
        self.0.record_ttl = ttl;
        self
    }

    /// The seed of the jitter, for repeatable runs. Default: one of its own for each producer.
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = Some(seed);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the first setting out of its bounds, its value and what is allowed.
    pub fn build(self) -> Result<ProducerConfig, ConfigError> {
        let config = self.0;
        let record = config.max_record_bytes;
        within("max_request_records", config.max_request_records, 1, MAX_REQUEST_RECORDS)?;
        within("max_record_bytes", record, 1, MAX_RECORD_BYTES)?;
        within("max_request_bytes", config.max_request_bytes, record, MAX_REQUEST_BYTES)?;
        within("max_buffered_records", config.max_buffered_records, 1, 1_000_000)?;
        within("max_buffered_bytes", config.max_buffered_bytes, record, 1024 * MIB)?;
        lasts("linger", config.linger, Duration::ZERO, Duration::from_secs(60))?;
        lasts("retry_delays base", config.retry_base, MIN_DELAY, config.retry_cap)?;
        lasts("retry_delays cap", config.retry_cap, MIN_DELAY, MAX_DURATION)?;
        if let Some(ttl) = config.record_ttl {
            lasts("record_ttl", ttl, config.linger.max(MIN_DELAY), MAX_DURATION)?;
        }
        Ok(config)
    }
}

fn within(setting: &'static str, value: usize, min: usize, max: usize) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ConfigError { setting, value: value.to_string(), allowed: format!("{min} to {max}") })
}

fn lasts(setting: &'static str, value: Duration, min: Duration, max: Duration) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ConfigError { setting, value: format!("{value:?}"), allowed: format!("{min:?} to {max:?}") })
}

const MIN_DELAY: Duration = Duration::from_millis(1);

/// Longer waits are meant as "for ever"; the bound keeps sums of instants and durations far from overflow.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_own_bounds() {
        assert_eq!(ProducerConfig::builder().build(), Ok(ProducerConfig::default()));
    }

    #[test]
    fn a_setting_out_of_bounds_is_named_with_its_value_and_what_is_allowed() {
        let builder = ProducerConfig::builder;
        for (settings, message) in [
            (builder().max_request_records(501), "max_request_records is 501; give 1 to 500"),
            (builder().max_buffered_records(0), "max_buffered_records is 0; give 1 to 1000000"),
            (builder().max_record_bytes(11 * MIB), "max_record_bytes is 11534336; give 1 to 10485760"),
            (builder().max_buffered_bytes(7), "max_buffered_bytes is 7; give 1048576 to 1073741824"),
            (builder().max_request_bytes(7), "max_request_bytes is 7; give 1048576 to 10485760"),
            (builder().linger(Duration::from_secs(61)), "linger is 61s; give 0ns to 60s"),
            (
                builder().retry_delays(Duration::from_secs(2), Duration::from_secs(1)),
                "retry_delays base is 2s; give 1ms to 1s",
            ),
            (builder().record_ttl(Some(Duration::ZERO)), "record_ttl is 0ns; give 100ms to 31536000s"),
        ] {
            assert_eq!(settings.build().unwrap_err().to_string(), message);
        }
    }
}

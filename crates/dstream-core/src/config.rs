//! The builder of a context: settings are plain values, parts are injected, `build` checks them all.

use std::fmt;
use std::io::Write;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::block_store::BlockStore;
use crate::checkpoint::{CheckpointChoices, CheckpointSettings};
use crate::clock::{Clock, SystemClock};
use crate::config_error::ConfigError;
use crate::context::StreamingContext;
use crate::disk_block_store::DiskBlockStore;
use crate::exchange::{Exchange, Solo};
use crate::history::DEFAULT_RETAINED_BATCHES;
use crate::master::{Master, ParseMasterError};
use crate::rate::{RateChoices, RateSettings};
use crate::retry::RetryPolicy;
use crate::scheduling::{Scheduling, SchedulingChoices};
use crate::stop_deadline;

/// Where `print` writes to.
pub(crate) type Printer = Arc<Mutex<dyn Write + Send>>;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) app_name: Arc<str>,
    pub(crate) master: Master,
    pub(crate) batch_interval: Duration,
    pub(crate) block_interval: Duration,
    pub(crate) memory_budget: usize,
    pub(crate) retry: RetryPolicy,
    pub(crate) scheduling: Scheduling,
    pub(crate) rates: RateSettings,
    pub(crate) checkpoint: CheckpointSettings,
    pub(crate) retained_batches: usize,
    pub(crate) stop_deadline: Option<Duration>,
}

/// The parts that tests and embedders replace.
pub(crate) struct Components {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) blocks: Arc<dyn BlockStore>,
    pub(crate) printer: Printer,
    pub(crate) exchange: Arc<dyn Exchange>,
}

/// Makes a [`StreamingContext`].
///
/// ```
/// use dstream_core::StreamingContext;
/// use std::time::Duration;
///
/// let ctx = StreamingContext::builder("word count").master("local[2]").batch_interval(Duration::from_secs(2)).build()?;
/// assert_eq!(ctx.batch_interval(), Duration::from_secs(2));
/// # Ok::<(), dstream_core::ConfigError>(())
/// ```
#[must_use]
pub struct StreamingContextBuilder {
    app_name: String,
    master: Result<Master, ParseMasterError>,
    batch_interval: Option<Duration>,
    block_interval: Duration,
    memory_budget: usize,
    batch_attempts: u32,
    batch_retry_backoff: Duration,
    retained_batches: usize,
    pub(crate) scheduling: SchedulingChoices,
    pub(crate) rates: RateChoices,
    pub(crate) checkpoint: CheckpointChoices,
    pub(crate) stop_deadline: Option<Duration>,
    components: Components,
}

impl StreamingContextBuilder {
    pub(crate) fn new(app_name: &str) -> Self {
        Self {
            app_name: app_name.to_owned(),
            master: Ok(Master::all_cores()),
            batch_interval: None,
            block_interval: DEFAULT_BLOCK_INTERVAL,
            memory_budget: DEFAULT_MEMORY_BUDGET,
            batch_attempts: DEFAULT_BATCH_ATTEMPTS,
            batch_retry_backoff: DEFAULT_BATCH_RETRY_BACKOFF,
            retained_batches: DEFAULT_RETAINED_BATCHES,
            scheduling: SchedulingChoices::default(),
            rates: RateChoices::default(),
            checkpoint: CheckpointChoices::default(),
            stop_deadline: None,
            components: Components {
                clock: Arc::new(SystemClock),
                blocks: Arc::new(DiskBlockStore::default()),
                printer: Arc::new(Mutex::new(std::io::stdout())),
                exchange: Arc::new(Solo),
            },
        }
    }

    /// The size of the task pool: a [`Master`] or its text, as in `"local[2]"`. Default: `local[*]`, one thread for each
    /// core. Fewer threads than busy cores leave cores idle; more only make them take turns.
    pub fn master<M>(mut self, master: M) -> Self
    where
        M: TryInto<Master>,
        M::Error: Into<ParseMasterError>,
    {
        self.master = master.try_into().map_err(Into::into);
        self
    }

    /// The time between two batches, in whole milliseconds, at least 1. Required. Shorter intervals show results sooner and
    /// cost more per record; a batch must on average take less than one interval, or batches queue up. At most 1 000 of
    /// them wait; further ones are not made, with a warning, and the next batch has what they would have held.
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.batch_interval = Some(interval);
        self
    }

    /// The time between two cuts of a stream's blocks, in whole milliseconds, at least 1. Default: 200 ms, as in Spark. A
    /// batch has about `batch_interval / block_interval` partitions for each stream: too long an interval leaves threads
    /// idle, too short a one makes many tiny tasks.
    pub fn block_interval(mut self, interval: Duration) -> Self {
        self.block_interval = interval;
        self
    }

    /// Bytes of records that may be in memory, stored and not yet processed, over all receivers. Default: 256 MiB. Must hold a few batches, or fetching stands still between batches. Counted by
    /// [`BlockRecord::size_bytes`](crate::BlockRecord::size_bytes).
    pub const fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// How often an output operation of a batch is tried before the batch has failed for good, at least 1. Default: 4, as
    /// many as Spark gives a task. What follows then is a matter of [`on_batch_failure`](Self::on_batch_failure).
    pub const fn batch_attempts(mut self, attempts: u32) -> Self {
        self.batch_attempts = attempts;
        self
    }

    /// The wait before the second attempt of a failed batch. Default: 1 s. It doubles from one attempt to the next, up to
    /// 30 s. Zero is allowed, and good for tests only.
    pub const fn batch_retry_backoff(mut self, backoff: Duration) -> Self {
        self.batch_retry_backoff = backoff;
        self
    }

    /// How many of the batches that have ended [`statistics`](StreamingContext::statistics) shows, at most. Default: 1 000, as
    /// in Spark. Each takes some hundred bytes, and more for each output operation. 0 is allowed.
    pub const fn retained_batches(mut self, batches: usize) -> Self {
        self.retained_batches = batches;
        self
    }

    /// The clock of batch times. Default: [`SystemClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.components.clock = clock;
        self
    }

    /// Where blocks go that leave the memory, if a [`StorageLevel`](crate::StorageLevel) knows the disk. Default: a
    /// [`DiskBlockStore`] among temporary files.
    pub fn block_store(mut self, blocks: Arc<dyn BlockStore>) -> Self {
        self.components.blocks = blocks;
        self
    }

    /// Where [`DStream::print`](crate::DStream::print) writes to. Default: standard output.
    pub fn print_to(mut self, writer: impl Write + Send + 'static) -> Self {
        self.components.printer = Arc::new(Mutex::new(writer));
        self
    }

    /// How blocks of wide operators reach the processes that own them. Default: [`Solo`].
    #[cfg(test)]
    pub(crate) fn exchange(mut self, exchange: Arc<dyn Exchange>) -> Self {
        self.components.exchange = exchange;
        self
    }

    /// Checks the settings and makes the context. Nothing runs yet but the idle threads of the task pool.
    ///
    /// # Errors
    /// [`ConfigError`], naming the setting, its value and what to give instead.
    pub fn build(self) -> Result<StreamingContext, ConfigError> {
        if self.app_name.trim().is_empty() {
            return Err(ConfigError::EmptyAppName);
        }
        let batch_interval = interval("batch interval", self.batch_interval.ok_or(ConfigError::NoBatchInterval)?)?;
        let settings = Settings {
            app_name: self.app_name.into(),
            master: self.master?,
            batch_interval,
            block_interval: interval("block interval", self.block_interval)?,
            memory_budget: if self.memory_budget == 0 { Err(ConfigError::NoMemory)? } else { self.memory_budget },
            retry: RetryPolicy {
                attempts: NonZeroU32::new(self.batch_attempts).ok_or(ConfigError::NoAttempts)?,
                backoff: self.batch_retry_backoff,
            },
            scheduling: self.scheduling.check()?,
            rates: self.rates.check(batch_interval)?,
            checkpoint: self.checkpoint.check(batch_interval)?,
            retained_batches: self.retained_batches,
            stop_deadline: stop_deadline::check(self.stop_deadline)?,
        };
        Ok(StreamingContext::new(settings, self.components)?)
    }
}

impl fmt::Debug for StreamingContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamingContextBuilder")
            .field("app_name", &self.app_name)
            .field("master", &self.master)
            .field("batch_interval", &self.batch_interval)
            .finish_non_exhaustive()
    }
}

fn interval(setting: &'static str, value: Duration) -> Result<Duration, ConfigError> {
    let whole = value.subsec_nanos().is_multiple_of(NANOS_PER_MILLI);
    if value.is_zero() || !whole { Err(ConfigError::Interval { setting, value }) } else { Ok(value) }
}

const NANOS_PER_MILLI: u32 = 1_000_000;

/// As in Spark.
const DEFAULT_BLOCK_INTERVAL: Duration = Duration::from_millis(200);

/// Room for some batches of a fast stream on a small machine.
const DEFAULT_MEMORY_BUDGET: usize = 256 << 20;

/// As many as Spark gives a task.
const DEFAULT_BATCH_ATTEMPTS: u32 = 4;

const DEFAULT_BATCH_RETRY_BACKOFF: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> StreamingContextBuilder {
        StreamingContext::builder("test").master("local[1]").batch_interval(Duration::from_secs(1))
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named_with_its_value() {
        let refused = |builder: StreamingContextBuilder| builder.build().unwrap_err().to_string();
        assert!(refused(builder().master("local[0]")).contains("\"local[0]\""));
        assert!(refused(builder().batch_interval(Duration::ZERO)).contains("batch interval is 0ns"));
        assert!(refused(builder().batch_interval(Duration::from_micros(1_500))).contains("1.5ms"));
        assert!(refused(builder().block_interval(Duration::ZERO)).contains("block interval is 0ns"));
        assert!(refused(builder().memory_budget(0)).contains("memory budget"));
        assert!(refused(builder().batch_attempts(0)).contains("attempts"));
        assert!(refused(builder().concurrent_jobs(0)).contains("concurrent jobs"));
        assert!(refused(builder().stop_deadline(Duration::ZERO)).contains("stop deadline is 0"));
        assert!(refused(StreamingContext::builder(" ")).contains("application name"));
    }

    #[test]
    fn the_batch_interval_has_no_default() {
        let error = StreamingContext::builder("test").build().unwrap_err();
        assert!(matches!(error, ConfigError::NoBatchInterval));
    }
}

//! What a program says about its checkpoints, and the check of it.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::config::StreamingContextBuilder;
use crate::context::StreamingContext;

/// What a start does with the checkpoints that are in the checkpoint directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// It goes on from the newest one that is sound; if there are none, it begins anew. If there are some and none can be used,
    /// the start fails. The default.
    #[default]
    IfAny,
    /// As [`IfAny`](Self::IfAny), but if there are none, the start fails.
    Required,
    /// As [`IfAny`](Self::IfAny), but if all are damaged, of another version of this library, or do not fit the program, it
    /// begins anew, with a warning: state is lost, positions are not. Spark's `createOnError`. A directory that cannot be
    /// read fails the start all the same, since that may pass.
    OrAnew,
}

/// What a program asked for, unchecked.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckpointChoices {
    directory: Option<String>,
    interval: Option<Duration>,
    recovery: Recovery,
    volatile_state: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct CheckpointSettings {
    pub(crate) directory: Option<Arc<str>>,
    /// A multiple of the batch interval.
    pub(crate) interval: Duration,
    pub(crate) recovery: Recovery,
    pub(crate) volatile_state: bool,
}

impl CheckpointChoices {
    pub(crate) fn check(self, batch_interval: Duration) -> Result<CheckpointSettings, CheckpointSettingError> {
        let Self { directory, interval, recovery, volatile_state } = self;
        let interval = interval.unwrap_or_else(|| default_interval(batch_interval));
        if interval.is_zero() || interval.as_nanos().checked_rem(batch_interval.as_nanos()) != Some(0) {
            return Err(CheckpointSettingError::Interval { value: interval, batch_interval });
        }
        if recovery == Recovery::Required && directory.is_none() {
            return Err(CheckpointSettingError::NothingToRecoverFrom);
        }
        Ok(CheckpointSettings { directory: directory.map(Arc::from), interval, recovery, volatile_state })
    }
}

/// The batch interval, as often as it takes to reach ten seconds; as in Spark.
fn default_interval(batch_interval: Duration) -> Duration {
    let times = DEFAULT_INTERVAL.as_nanos().div_ceil(batch_interval.as_nanos().max(1)).max(1);
    batch_interval.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX))
}

/// Often enough that little is done twice after a crash; seldom enough that writing the state costs little.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// A setting about checkpoints that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckpointSettingError {
    /// Checkpoints would not fall on batches.
    #[error(
        "the checkpoint interval is {value:?}: it must be a multiple of the batch interval, {batch_interval:?}, and not 0"
    )]
    Interval {
        /// What was given.
        value: Duration,
        /// The batch interval.
        batch_interval: Duration,
    },
    /// A checkpoint is required, and there is no place for one.
    #[error("recovery is required, and there is no checkpoint directory: call checkpoint_dir(..)")]
    NothingToRecoverFrom,
}

impl StreamingContextBuilder {
    /// Where checkpoints are: a local path, `file:///path`, or `s3://bucket/path` with the feature `s3`. Default: none. A
    /// local directory is made when it is not there. It belongs to one running program at a time; a second one is found
    /// out and stops with an error.
    ///
    /// With it, windows and state survive a restart. At the start, the program builds its streams as ever, and what they
    /// carry from batch to batch is taken from the newest sound checkpoint; see [`recovery`](Self::recovery). A checkpoint
    /// holds data, never code: functions may change from run to run, but the streams must be the same, in the same order,
    /// with the same slides and row types, and so must the names of the application and the batch interval. If not, the
    /// start fails and says what changed.
    ///
    /// If the program has windows or state, the positions of a batch are reported as processed only once a checkpoint of
    /// that batch, or of a later one, is safe; the start writes a first one, and a graceful stop a last one. So a crash loses nothing: what came after
    /// the checkpoint is delivered, and computed, again. Receivers that can read their ranges again
    /// ([`Receiver::replay`](crate::Receiver::replay)) have their batches written down before they run, and a start runs those that are
    /// unfinished once more, with the same batch times, partitions and records. If a checkpoint cannot be written, in three attempts, the context
    /// stops with [`StreamingError::Checkpoint`](crate::StreamingError::Checkpoint). The newest ten are kept.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::StreamingContext;
    /// let builder = StreamingContext::builder("word count").batch_interval(Duration::from_secs(2));
    /// let ctx = builder.checkpoint_dir("/var/lib/word-count").checkpoint_interval(Duration::from_secs(6)).build()?;
    /// # Ok::<(), dstream_core::ConfigError>(())
    /// ```
    pub fn checkpoint_dir(mut self, location: &str) -> Self {
        self.checkpoint.directory = Some(location.to_owned());
        self
    }

    /// The time between two checkpoints; a multiple of the batch interval. Default: as many batch intervals as it takes to
    /// reach 10 s. A checkpoint holds all windows and states, so too short an interval spends the time on writing; too long
    /// a one does more again after a crash, and positions lag as far behind.
    pub const fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.checkpoint.interval = Some(interval);
        self
    }

    /// What a start does with the checkpoints that it finds. Default: [`Recovery::IfAny`].
    pub const fn recovery(mut self, recovery: Recovery) -> Self {
        self.checkpoint.recovery = recovery;
        self
    }

    /// Lets a program with state run without a checkpoint directory: a restart begins with no state. Default: such a program
    /// does not start, with [`GraphError::StateWithoutDirectory`](crate::GraphError::StateWithoutDirectory). Of no effect
    /// with a directory. For tests, and for states that may as well begin anew.
    pub const fn volatile_state(mut self) -> Self {
        self.checkpoint.volatile_state = true;
        self
    }
}

impl StreamingContext {
    /// Spark's name for a program that goes on from its checkpoints, if there are any: `setup` gets a builder with the
    /// [`checkpoint_dir`](StreamingContextBuilder::checkpoint_dir), completes it, and makes the streams. In contrast to
    /// Spark's, `setup` runs in any case, since checkpoints hold no code; whether there is something to go on from is found
    /// out by [`start`](Self::start).
    ///
    /// # Errors
    /// Those of `setup`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::{ConfigError, StreamingContext};
    /// let ctx = StreamingContext::get_or_create("word count", "/var/lib/word-count", |builder| {
    ///     let ctx = builder.batch_interval(Duration::from_secs(2)).build()?;
    ///     ctx.generated_stream(|time| vec![time.to_string()]).print();
    ///     Ok::<_, ConfigError>(ctx)
    /// })?;
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn get_or_create<E>(
        app_name: &str,
        checkpoint_dir: &str,
        setup: impl FnOnce(StreamingContextBuilder) -> Result<Self, E>,
    ) -> Result<Self, E> {
        setup(Self::builder(app_name).checkpoint_dir(checkpoint_dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn checkpoints_are_ten_seconds_apart_or_one_batch_if_that_is_longer() {
        for (batch, interval) in [(1_000, 10_000), (3_000, 12_000), (10_000, 10_000), (60_000, 60_000), (1, 10_000)] {
            let settings = CheckpointChoices::default().check(ms(batch)).unwrap();
            assert_eq!(settings.interval, ms(interval), "batches of {batch} ms");
        }
    }

    #[test]
    fn an_interval_that_is_no_multiple_of_the_batch_interval_is_refused_with_both() {
        let refused = |millis| {
            let choices = CheckpointChoices { interval: Some(ms(millis)), ..CheckpointChoices::default() };
            choices.check(ms(1_000)).unwrap_err().to_string()
        };
        assert!(refused(1_500).contains("is 1.5s: it must be a multiple of the batch interval, 1s"));
        assert!(refused(0).contains("not 0") && refused(500).contains("500ms"));
    }

    #[test]
    fn a_recovery_cannot_be_required_without_a_directory() {
        let choices = CheckpointChoices { recovery: Recovery::Required, ..CheckpointChoices::default() };
        assert_eq!(choices.check(ms(1)).unwrap_err(), CheckpointSettingError::NothingToRecoverFrom);
    }
}

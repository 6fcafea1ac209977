//! Why a builder makes no context: which setting, its value, and what to give instead.

use std::time::Duration;

use thiserror::Error;

use crate::checkpoint::CheckpointSettingError;
use crate::master::ParseMasterError;
use crate::rate::RateSettingError;
use crate::task_pool::PoolError;

/// A setting that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The application name is empty.
    #[error("the application name is empty: give it a name")]
    EmptyAppName,
    /// The master cannot be used.
    #[error(transparent)]
    Master(#[from] ParseMasterError),
    /// There is no batch interval.
    #[error("the batch interval is missing: call batch_interval(..), for example with 2 s")]
    NoBatchInterval,
    /// An interval is zero, or not in whole milliseconds.
    #[error("the {setting} is {value:?}: give whole milliseconds, at least 1 ms")]
    Interval {
        /// Which one.
        setting: &'static str,
        /// What was given.
        value: Duration,
    },
    /// The memory budget is zero.
    #[error("the memory budget is 0 bytes: give at least 1, better some MiB")]
    NoMemory,
    /// A batch may not be tried at all.
    #[error("batch attempts are 0: give at least 1")]
    NoAttempts,
    /// A graceful stop may take no time.
    #[error("the stop deadline is 0: give more, or stop with StopMode::Immediate")]
    NoTimeToStop,
    /// No output operation may run.
    #[error("concurrent jobs are 0: give at least 1")]
    NoJobs,
    /// A rate cannot be used.
    #[error(transparent)]
    Rate(#[from] RateSettingError),
    /// A setting about checkpoints cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointSettingError),
    /// The task pool did not start.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

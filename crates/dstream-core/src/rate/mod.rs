//! Back pressure: how fast records may come, estimated from how fast they were processed, and held to by receivers.
//!
//! All of it is pure: times are arguments, waits are answers. A [`PidRateEstimator`] learns from completed batches; what it
//! finds goes to the [`RateLimiter`] of each receiver of the stream.

mod estimator;
mod limiter;
mod pid;
mod records_per_second;

pub(crate) use estimator::{BatchSpeed, EstimatorKind, UnknownEstimator};
pub(crate) use limiter::{Admission, RateCap, RateLimiter};
pub(crate) use pid::{PidRateEstimator, PidSettingError, PidSettings};
pub(crate) use records_per_second::RecordsPerSecond;

//! Back pressure: how fast records may come, estimated from how fast they were processed, and held to by receivers.
//!
//! All but the gate is pure: times are arguments, waits are answers. A [`RateController`] learns from completed batches, by a
//! [`PidRateEstimator`] for each stream; what it finds goes to the [`RateGate`] of the stream's receiver.

mod controller;
mod estimator;
mod gate;
mod limiter;
mod pid;
mod records_per_second;
mod settings;

pub(crate) use controller::RateController;
pub use estimator::UnknownEstimator;
pub(crate) use gate::{Passed, RateGate};
pub(crate) use limiter::RateCap;
pub use pid::{PidSettingError, PidSettings};
pub use records_per_second::RecordsPerSecond;
pub use settings::RateSettingError;
pub(crate) use settings::{RateChoices, RateSettings};

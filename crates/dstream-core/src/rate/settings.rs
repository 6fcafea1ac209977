//! The rates that a program sets, and their check.

use std::time::Duration;

use thiserror::Error;

use crate::config::StreamingContextBuilder;
use crate::rate::controller::RateController;
use crate::rate::estimator::{EstimatorKind, UnknownEstimator};
use crate::rate::limiter::RateCap;
use crate::rate::pid::{PidSettingError, PidSettings};
use crate::rate::records_per_second::RecordsPerSecond;

/// What a program asked for, unchecked.
#[derive(Clone, Debug)]
pub(crate) struct RateChoices {
    backpressure: bool,
    estimator: Result<EstimatorKind, UnknownEstimator>,
    pid: PidSettings,
    max: Option<f64>,
    initial: Option<f64>,
}

impl Default for RateChoices {
    fn default() -> Self {
        Self {
            backpressure: false,
            estimator: Ok(EstimatorKind::Pid),
            pid: PidSettings::default(),
            max: None,
            initial: None,
        }
    }
}

/// What a context holds its receivers to.
#[derive(Clone, Debug)]
pub(crate) struct RateSettings {
    pub(crate) cap: RateCap,
    /// `None` without back pressure.
    pub(crate) controller: Option<RateController>,
}

impl RateChoices {
    pub(crate) fn check(self, batch_interval: Duration) -> Result<RateSettings, RateSettingError> {
        let EstimatorKind::Pid = self.estimator?;
        // Checked also when it is not used: a mistake should not wait until it is.
        let controller = RateController::new(batch_interval, self.pid)?;
        if self.initial.is_some() && !self.backpressure {
            return Err(RateSettingError::InitialForEver);
        }
        let cap = RateCap { max: rate("max rate", self.max)?, initial: rate("initial rate", self.initial)? };
        Ok(RateSettings { cap, controller: self.backpressure.then_some(controller) })
    }
}

fn rate(setting: &'static str, value: Option<f64>) -> Result<Option<RecordsPerSecond>, RateSettingError> {
    let checked = |value| RecordsPerSecond::new(value).ok_or(RateSettingError::NoRate { setting, value });
    value.map(checked).transpose()
}

impl StreamingContextBuilder {
    /// Whether receivers are slowed down to the speed of processing. Default: no, as in Spark; then only the
    /// [`memory_budget`](Self::memory_budget) and [`max_rate`](Self::max_rate) hold them back.
    ///
    /// After each completed batch an estimator works out, for each receiver stream, how many records per second can be
    /// processed; storing then waits so that no more come. A page is never cut: it passes whole and is paid for by the next
    /// one's wait. The first batch is not limited unless an [`initial_rate`](Self::initial_rate) is given.
    pub const fn backpressure(mut self, on: bool) -> Self {
        self.rates.backpressure = on;
        self
    }

    /// The most records per second that each receiver stores, whatever is estimated. Default: no limit. Too low, and the
    /// stream falls behind its source for ever. It wins over the estimator's floor, [`min_rate`](PidSettings::min_rate).
    pub const fn max_rate(mut self, records_per_second: f64) -> Self {
        self.rates.max = Some(records_per_second);
        self
    }

    /// The limit of each receiver, in records per second, until the first estimate, which follows the second batch with
    /// records. Default: [`max_rate`](Self::max_rate). Without it, the first batches after a long outage hold all that the
    /// memory budget lets in. Only with [`backpressure`](Self::backpressure).
    pub const fn initial_rate(mut self, records_per_second: f64) -> Self {
        self.rates.initial = Some(records_per_second);
        self
    }

    /// The rate estimator, by Spark's name. Default, and the only one there is: `"pid"`.
    pub fn rate_estimator(mut self, name: &str) -> Self {
        self.rates.estimator = name.parse();
        self
    }

    /// The weights and the floor of the PID rate estimator. Default: Spark's, see [`PidSettings`].
    pub const fn pid(mut self, settings: PidSettings) -> Self {
        self.rates.pid = settings;
        self
    }
}

/// A setting of rates that cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RateSettingError {
    /// A rate that is none.
    #[error("the {setting} is {value} records per second: give a finite number above 0, or leave it out for no limit")]
    NoRate {
        /// Which one.
        setting: &'static str,
        /// What was given.
        value: f64,
    },
    /// Nothing would ever replace the initial rate.
    #[error(
        "the initial rate is set and backpressure is off, so it would hold for ever: call backpressure(true), or max_rate(..) instead"
    )]
    InitialForEver,
    /// There is no estimator of that name.
    #[error(transparent)]
    Estimator(#[from] UnknownEstimator),
    /// The PID rate estimator cannot run so.
    #[error(transparent)]
    Pid(#[from] PidSettingError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::StreamingContext;

    fn refused(adjust: impl FnOnce(StreamingContextBuilder) -> StreamingContextBuilder) -> String {
        let builder = StreamingContext::builder("test").master("local[1]").batch_interval(Duration::from_secs(1));
        adjust(builder).build().unwrap_err().to_string()
    }

    #[test]
    fn a_rate_that_cannot_be_used_is_named_with_its_value() {
        assert!(refused(|b| b.max_rate(0.0)).contains("max rate is 0 records"));
        assert!(refused(|b| b.max_rate(f64::NAN)).contains("max rate is NaN"));
        assert!(refused(|b| b.backpressure(true).initial_rate(-5.0)).contains("initial rate is -5 records"));
        assert!(refused(|b| b.initial_rate(5.0)).contains("backpressure(true)"));
        assert!(refused(|b| b.pid(PidSettings { min_rate: 0.0, ..PidSettings::default() })).contains("min rate"));
        assert!(refused(|b| b.rate_estimator("magic")).contains("unknown rate estimator \"magic\""));
    }
}

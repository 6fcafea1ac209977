//! Which rate estimator a program asks for, and what an estimator learns from a batch.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::time::Time;

/// What a completed batch tells about one of its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchSpeed {
    /// When the batch was done.
    pub(crate) ended: Time,
    /// Records of the stream in it.
    pub(crate) records: u64,
    /// How long its outputs took.
    pub(crate) processing_delay: Duration,
    /// How long it waited before they began.
    pub(crate) scheduling_delay: Duration,
}

/// The estimators there are, under Spark's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EstimatorKind {
    /// A proportional-integral-derivative controller: [`PidRateEstimator`](super::PidRateEstimator).
    #[default]
    Pid,
}

impl fmt::Display for EstimatorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid => f.write_str("pid"),
        }
    }
}

impl FromStr for EstimatorKind {
    type Err = UnknownEstimator;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "pid" => Ok(Self::Pid),
            _ => Err(UnknownEstimator { name: name.to_owned() }),
        }
    }
}

/// A rate estimator of a name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown rate estimator {name:?}: use \"pid\", the only one there is")]
pub(crate) struct UnknownEstimator {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_estimator_is_found_by_its_name_t106() {
        assert_eq!("pid".parse(), Ok(EstimatorKind::Pid));
        assert_eq!(EstimatorKind::default().to_string().parse(), Ok(EstimatorKind::Pid));
    }

    #[test]
    fn an_unknown_estimator_is_refused_by_name() {
        let error = "PID2".parse::<EstimatorKind>().unwrap_err();
        assert_eq!(error.to_string(), "unknown rate estimator \"PID2\": use \"pid\", the only one there is");
    }
}

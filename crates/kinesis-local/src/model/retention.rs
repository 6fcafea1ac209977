//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.
//!
//! Promises: what a shorter retention has outlived is gone once the stream is ACTIVE again; what a longer one would keep
//! and was trimmed before does not come back.

use super::call_rates::Call;
use super::error::KinesisError;
use super::limits::{LONGEST_RETENTION, SHORTEST_RETENTION};
use super::machine::Model;
use super::millis::Millis;
use super::stream::Change;
use super::stream_ref::StreamRef;

impl Model {
    /// Keeps records longer; `hours` is the new retention. The one that the stream has is accepted.
    ///
    /// # Errors
    /// `InvalidArgumentException` outside 24 to 8 760 hours and when that would be shorter, `ResourceInUseException` when
    /// the stream is not ACTIVE, `ResourceNotFoundException` when there is none.
    pub fn increase_retention(&mut self, now: Millis, stream: &StreamRef, hours: u32) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::IncreaseRetention, Some(stream))?;
        self.change_retention(stream, hours, |old| hours >= old, "shorter", "Decrease")
    }

    /// Keeps records for a shorter time; `hours` is the new retention. The one that the stream has is accepted.
    ///
    /// # Errors
    /// Those of [`increase_retention`](Self::increase_retention), and when that would be longer.
    pub fn decrease_retention(&mut self, now: Millis, stream: &StreamRef, hours: u32) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::DecreaseRetention, Some(stream))?;
        self.change_retention(stream, hours, |old| hours <= old, "longer", "Increase")
    }

    fn change_retention(
        &mut self,
        stream: &StreamRef,
        hours: u32,
        allowed: impl Fn(u32) -> bool,
        wrong: &str,
        other: &str,
    ) -> Result<(), KinesisError> {
        check_hours(hours)?;
        let (name, found) = self.find(stream)?;
        let old = found.retention_hours;
        if !allowed(old) {
            return Err(KinesisError::invalid_argument(format!(
                "Requested retention period ({hours} hours) for stream {name} can not be {wrong} than existing retention period ({old} hours). Use {other}RetentionPeriod API."
            )));
        }
        self.begin(stream, Change::Retention { hours })
    }
}

fn check_hours(hours: u32) -> Result<(), KinesisError> {
    if hours < SHORTEST_RETENTION {
        return Err(KinesisError::invalid_argument(format!(
            "Minimum allowed retention period is {SHORTEST_RETENTION} hours. Requested retention period ({hours} hours) is too short."
        )));
    }
    if hours > LONGEST_RETENTION {
        return Err(KinesisError::invalid_argument(format!(
            "Maximum allowed retention period is {LONGEST_RETENTION} hours. Requested retention period ({hours} hours) is too long."
        )));
    }
    Ok(())
}

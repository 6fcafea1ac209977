//! UpdateStreamMode, and what an on-demand stream does not allow.
//!
//! Promises: shards stay as they are when the mode changes, as on AWS. On-demand streams are not scaled here: nobody
//! measures their traffic.

use super::call_rates::Call;
use super::error::{ErrorKind, KinesisError};
use super::limits::{Limits, ON_DEMAND_STREAMS};
use super::machine::Model;
use super::millis::Millis;
use super::stream::{Change, Stream, StreamMode};
use super::stream_ref::StreamRef;

/// An UpdateStreamMode request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStreamMode {
    /// Which stream.
    pub stream: StreamRef,
    /// The new capacity mode. The one that the stream has already is accepted and changes nothing.
    pub mode: StreamMode,
}

impl Model {
    /// Changes the capacity mode of a stream.
    ///
    /// # Errors
    /// `ResourceInUseException` when the stream is not ACTIVE, `ResourceNotFoundException` when there is none; with limits
    /// on, `LimitExceededException` for the third change within 24 hours and for too many on-demand streams.
    pub fn update_stream_mode(&mut self, now: Millis, request: &UpdateStreamMode) -> Result<(), KinesisError> {
        let now = self.advance(now);
        let (name, stream) = self.find(&request.stream)?;
        let (name, old) = (name.to_owned(), stream.mode);
        if old != request.mode {
            self.check_on_demand_limit(request.mode)?;
        }
        self.check_stream_quota(now, &name, Call::UpdateStreamMode)?;
        self.begin(&request.stream, Change::Mode { mode: request.mode })?;
        self.note_stream_call(now, &name, Call::UpdateStreamMode);
        Ok(())
    }

    /// How many streams are on-demand.
    pub(crate) fn on_demand_count(&self) -> u32 {
        let count = self.streams.values().filter(|stream| stream.mode == StreamMode::OnDemand).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether another stream may have that mode.
    pub(crate) fn check_on_demand_limit(&self, mode: StreamMode) -> Result<(), KinesisError> {
        if self.settings.limits == Limits::Off || mode == StreamMode::Provisioned {
            return Ok(());
        }
        if self.on_demand_count() < ON_DEMAND_STREAMS {
            return Ok(());
        }
        Err(KinesisError::new(
            ErrorKind::LimitExceeded,
            format!(
                "This request would exceed the on-demand stream limit of {ON_DEMAND_STREAMS} for the account {}.",
                self.settings.account
            ),
        ))
    }

    /// Refuses what only a provisioned stream can do.
    pub(crate) fn check_provisioned(&self, name: &str, stream: &Stream) -> Result<(), KinesisError> {
        match stream.mode {
            StreamMode::Provisioned => Ok(()),
            StreamMode::OnDemand => Err(KinesisError::new(
                ErrorKind::Validation,
                format!(
                    "Request is invalid. Stream {name} under account {} is in On-Demand mode.",
                    self.settings.account
                ),
            )),
        }
    }
}

//! What the receivers of an application must agree on, before anything starts.

use super::WorkerHub;
use crate::config::{KinesisConfig, LeaseKeys};
use crate::dead_letters::OnFailedRecord;
use crate::error::ConfigError;
use crate::worker::seats::SeatId;

impl WorkerHub {
    /// Announces a receiver that stops at a record on which the program fails, before anything starts.
    ///
    /// # Errors
    /// [`ConfigError::TwoStreams`] and [`ConfigError::Disagreement`] when its stream or its settings differ from those of the
    /// receivers before it.
    #[cfg(any(test, feature = "test-util"))]
    pub fn register(&self, config: &KinesisConfig) -> Result<SeatId, ConfigError> {
        self.register_with_policy(config, &OnFailedRecord::Stop)
    }

    /// The same for a receiver with another policy for records on which the program fails. Also
    /// [`ConfigError::DeadLettersToThemselves`] when letters of one would go to the stream of another.
    pub(crate) fn register_with_policy(
        &self,
        config: &KinesisConfig,
        policy: &OnFailedRecord,
    ) -> Result<SeatId, ConfigError> {
        let state = &mut *self.lock();
        // The first one is the hub's own, which it was made with.
        for before in [&self.config].into_iter().chain(&state.registered) {
            self.check_stream(before, config)?;
            if let Some(field) = before.difference(config) {
                let (application, stream) = (self.config.application.clone(), config.stream.clone());
                return Err(ConfigError::Disagreement { application, stream, field, values: None });
            }
        }
        state.policies.add(config, policy)?;
        state.registered.push(config.clone());
        Ok(SeatId(state.registered.len() - 1))
    }

    fn check_stream(&self, before: &KinesisConfig, config: &KinesisConfig) -> Result<(), ConfigError> {
        let several = before.keys == LeaseKeys::SeveralStreams || config.keys == LeaseKeys::SeveralStreams;
        if before.stream == config.stream || several {
            return Ok(());
        }
        let (first, second) = (before.stream.clone(), config.stream.clone());
        Err(ConfigError::TwoStreams { application: self.config.application.clone(), first, second })
    }
}

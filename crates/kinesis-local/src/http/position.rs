//! Starting positions as they come over the wire: of GetShardIterator and of SubscribeToShard.
//!
//! Promises: each type insists on the member that it needs and ignores the others, as on AWS.

use super::member::{moment, not_in_set, required};
use crate::model::{KinesisError, SequenceNumber, StartingPosition};

/// The members of a position, under whatever names they came.
#[derive(Debug, Default)]
pub(super) struct Position {
    pub(super) kind: Option<String>,
    pub(super) sequence_number: Option<String>,
    /// Seconds since the epoch.
    pub(super) timestamp: Option<f64>,
}

impl Position {
    /// `member` is the name of the type, for the messages.
    pub(super) fn into_position(self, member: &str) -> Result<StartingPosition, KinesisError> {
        let kind = required(self.kind, member)?;
        let number = || {
            let text = self.sequence_number.as_deref().ok_or_else(|| {
                KinesisError::invalid_argument(format!(
                    "Must either specify timestamp or startingSequenceNumber; {kind} needs StartingSequenceNumber."
                ))
            })?;
            text.parse::<SequenceNumber>()
                .map_err(|_| KinesisError::invalid_argument(format!("StartingSequenceNumber {text} is invalid.")))
        };
        Ok(match kind.as_str() {
            "TRIM_HORIZON" => StartingPosition::TrimHorizon,
            "LATEST" => StartingPosition::Latest,
            "AT_SEQUENCE_NUMBER" => StartingPosition::AtSequenceNumber(number()?),
            "AFTER_SEQUENCE_NUMBER" => StartingPosition::AfterSequenceNumber(number()?),
            "AT_TIMESTAMP" => StartingPosition::AtTimestamp(moment(self.timestamp.ok_or_else(|| {
                KinesisError::invalid_argument("Must specify timestamp parameter for iterator of type AT_TIMESTAMP.")
            })?)),
            other => {
                return Err(not_in_set(
                    other,
                    member,
                    "AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON",
                ));
            }
        })
    }
}

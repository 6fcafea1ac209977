//! GetShardIterator and GetRecords as they come over the wire.
//!
//! Promises: each iterator type insists on the member that it needs and ignores the others, as on AWS.

use serde::Deserialize;

use super::member::{count, moment, not_in_set, required};
use super::named_shard::{self, Named};
use super::request::{Wire, wire};
use crate::model::{GetRecords, GetShardIterator, KinesisError, SequenceNumber, StartingPosition, StreamRef};

wire!(GetShardIteratorWire {
    shard_id: String,
    shard_iterator_type: String,
    starting_sequence_number: String,
    timestamp: f64,
});
wire!(GetRecordsWire { shard_iterator: String, limit: i64 });

impl Wire for GetShardIteratorWire {
    type Request = Named<GetShardIterator>;

    fn into_request(mut self) -> Result<Named<GetShardIterator>, KinesisError> {
        let stream = self.stream();
        let shard = required(self.shard_id.take(), "shardId")?;
        let shard_id = named_shard::parse(&shard, "shardId")?;
        let kind = required(self.shard_iterator_type, "shardIteratorType")?;
        let number = || {
            let text = self.starting_sequence_number.as_deref().ok_or_else(|| {
                KinesisError::invalid_argument(format!(
                    "Must either specify timestamp or startingSequenceNumber; {kind} needs StartingSequenceNumber."
                ))
            })?;
            text.parse::<SequenceNumber>()
                .map_err(|_| KinesisError::invalid_argument(format!("StartingSequenceNumber {text} is invalid.")))
        };
        let position = match kind.as_str() {
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
                    "shardIteratorType",
                    "AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON",
                ));
            }
        };
        Ok(match shard_id {
            Some(shard_id) => Named::Known(GetShardIterator { stream, shard_id, position }),
            None => Named::Unknown { stream, shard },
        })
    }
}

impl Wire for GetRecordsWire {
    type Request = (StreamRef, GetRecords);

    fn into_request(mut self) -> Result<(StreamRef, GetRecords), KinesisError> {
        let stream = self.stream();
        let iterator = required(self.shard_iterator, "shardIterator")?;
        Ok((stream, GetRecords { iterator, limit: count(self.limit) }))
    }
}

//! GetShardIterator and GetRecords as they come over the wire.
//!
//! Promises: positions are read by the rules of `position`.

use serde::Deserialize;

use super::member::{count, required, shard_id};
use super::position::Position;
use super::request::{Wire, wire};
use crate::model::{GetRecords, GetShardIterator, KinesisError, StreamRef};

wire!(GetShardIteratorWire {
    shard_id: String,
    shard_iterator_type: String,
    starting_sequence_number: String,
    timestamp: f64,
});
wire!(GetRecordsWire { shard_iterator: String, limit: i64 });

impl Wire for GetShardIteratorWire {
    type Request = GetShardIterator;

    fn into_request(mut self) -> Result<GetShardIterator, KinesisError> {
        let stream = self.stream();
        let position = Position {
            kind: self.shard_iterator_type,
            sequence_number: self.starting_sequence_number,
            timestamp: self.timestamp,
        };
        let position = position.into_position("shardIteratorType")?;
        Ok(GetShardIterator { stream, shard_id: shard_id(&required(self.shard_id, "shardId")?)?, position })
    }
}

impl Wire for GetRecordsWire {
    type Request = GetRecords;

    fn into_request(self) -> Result<GetRecords, KinesisError> {
        Ok(GetRecords { iterator: required(self.shard_iterator, "shardIterator")?, limit: count(self.limit) })
    }
}

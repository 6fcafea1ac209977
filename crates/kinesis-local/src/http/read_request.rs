//! GetShardIterator and GetRecords as they come over the wire.
//!
//! Promises: positions are read by the rules of `position`.

use serde::Deserialize;

use super::member::{count, required};
use super::named_shard::{self, Named};
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
    type Request = Named<GetShardIterator>;

    fn into_request(mut self) -> Result<Named<GetShardIterator>, KinesisError> {
        let stream = self.stream();
        let shard = required(self.shard_id.take(), "shardId")?;
        let shard_id = named_shard::parse(&shard, "shardId")?;
        let position = Position {
            kind: self.shard_iterator_type,
            sequence_number: self.starting_sequence_number,
            timestamp: self.timestamp,
        };
        let position = position.into_position("shardIteratorType")?;
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

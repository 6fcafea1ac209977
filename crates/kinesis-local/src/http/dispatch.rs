//! The operations by their names: parse, ask the model, write.
//!
//! Promises: parsing and writing happen outside the model's lock; a body that is no JSON of the right shape is a
//! `SerializationException`, an operation that is not here an `UnknownOperationException`.

use serde::Deserialize;

use super::command::Command;
use super::face::Face;
use super::put_request::{EntryWire, PutRecordsWire};
use super::read_request::{GetRecordsWire, GetShardIteratorWire};
use super::request::{
    CreateStreamWire, DescribeStreamWire, ListShardsWire, ListStreamsWire, MergeShardsWire, RetentionWire,
    SplitShardWire, StreamWire, Wire,
};
use super::response::Reply;
use crate::model::{ErrorKind, KinesisError, Millis, Model};

/// The body of the reply to one operation.
pub(super) fn answer(face: &Face, command: Command<'_>) -> Result<String, KinesisError> {
    let call = Call { face, command };
    match command.operation {
        "PutRecords" => call.run::<PutRecordsWire<'_>, _>(Model::put_records),
        "PutRecord" => call.run::<EntryWire<'_>, _>(Model::put_record),
        "GetRecords" => call.run::<GetRecordsWire, _>(|model, now, request| model.get_records(now, &request)),
        "GetShardIterator" => {
            call.run::<GetShardIteratorWire, _>(|model, now, request| model.get_shard_iterator(now, &request))
        }
        "ListShards" => call.run::<ListShardsWire, _>(|model, now, request| model.list_shards(now, &request)),
        "DescribeStream" => {
            call.run::<DescribeStreamWire, _>(|model, now, request| model.describe_stream(now, &request))
        }
        "DescribeStreamSummary" => {
            call.run::<StreamWire, _>(|model, now, stream| model.describe_stream_summary(now, &stream))
        }
        "ListStreams" => call.run::<ListStreamsWire, _>(|model, now, request| model.list_streams(now, &request)),
        "CreateStream" => call.run::<CreateStreamWire, _>(|model, now, request| model.create_stream(now, &request)),
        "DeleteStream" => call.run::<StreamWire, _>(|model, now, stream| model.delete_stream(now, &stream)),
        "SplitShard" => call.run::<SplitShardWire, _>(|model, now, request| model.split_shard(now, &request)),
        "MergeShards" => call.run::<MergeShardsWire, _>(|model, now, request| model.merge_shards(now, &request)),
        "IncreaseStreamRetentionPeriod" => {
            call.run::<RetentionWire, _>(|model, now, (stream, hours)| model.increase_retention(now, &stream, hours))
        }
        "DecreaseStreamRetentionPeriod" => {
            call.run::<RetentionWire, _>(|model, now, (stream, hours)| model.decrease_retention(now, &stream, hours))
        }
        other => Err(KinesisError::new(
            ErrorKind::UnknownOperation,
            format!("The operation {other} is not part of this endpoint."),
        )),
    }
}

/// One request on its way.
struct Call<'a> {
    face: &'a Face,
    command: Command<'a>,
}

impl<'a> Call<'a> {
    fn run<W, R>(
        self,
        operation: impl FnOnce(&mut Model, Millis, W::Request) -> Result<R, KinesisError>,
    ) -> Result<String, KinesisError>
    where
        W: Wire + Deserialize<'a>,
        R: Reply,
    {
        let wire: W = serde_json::from_slice(self.command.body())
            .map_err(|error| KinesisError::new(ErrorKind::Serialization, error.to_string()))?;
        let request = wire.into_request()?;
        let reply = self.face.apply(self.command, |model, now| operation(model, now, request))?;
        Ok(reply.body())
    }
}

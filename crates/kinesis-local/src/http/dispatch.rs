//! The operations by their names: parse, ask the model, write.
//!
//! Promises: parsing and writing happen outside the model's lock; a body that is no JSON of the right shape is a
//! `SerializationException`, an operation that is not here an `UnknownOperationException`.

use serde::Deserialize;

use super::administration;
use super::command::Command;
use super::consumer_request::{ConsumerWire, DeleteStreamWire, ListConsumersWire, RegisterConsumerWire};
use super::consumer_response::Described;
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
        "GetRecords" => {
            call.run::<GetRecordsWire, _>(|model, now, (stream, request)| model.get_records_of(now, &stream, &request))
        }
        "GetShardIterator" => {
            call.run::<GetShardIteratorWire, _>(|model, now, named| named.answer(model, now, Model::get_shard_iterator))
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
        "DeleteStream" => call.run::<DeleteStreamWire, _>(|model, now, (stream, consumers_too)| {
            if consumers_too {
                model.delete_stream_and_consumers(now, &stream)
            } else {
                model.delete_stream(now, &stream)
            }
        }),
        "SplitShard" => call.run::<SplitShardWire, _>(|model, now, named| named.answer(model, now, Model::split_shard)),
        "MergeShards" => {
            call.run::<MergeShardsWire, _>(|model, now, named| named.answer(model, now, Model::merge_shards))
        }
        "IncreaseStreamRetentionPeriod" => {
            call.run::<RetentionWire, _>(|model, now, (stream, hours)| model.increase_retention(now, &stream, hours))
        }
        "DecreaseStreamRetentionPeriod" => {
            call.run::<RetentionWire, _>(|model, now, (stream, hours)| model.decrease_retention(now, &stream, hours))
        }
        "RegisterStreamConsumer" => {
            call.run::<RegisterConsumerWire, _>(|model, now, request| model.register_stream_consumer(now, &request))
        }
        "DeregisterStreamConsumer" => {
            call.run::<ConsumerWire, _>(|model, now, consumer| model.deregister_stream_consumer(now, &consumer))
        }
        "DescribeStreamConsumer" => call.run::<ConsumerWire, _>(|model, now, consumer| {
            model.describe_stream_consumer(now, &consumer).map(Described)
        }),
        "ListStreamConsumers" => {
            call.run::<ListConsumersWire, _>(|model, now, request| model.list_stream_consumers(now, &request))
        }
        other => administration::answer(call, other),
    }
}

/// The request in a body.
pub(super) fn parse<'a, W: Wire + Deserialize<'a>>(body: &'a [u8]) -> Result<W::Request, KinesisError> {
    // A request without members may come without a body.
    let body = if body.is_empty() { b"{}" } else { body };
    let wire: W =
        serde_json::from_slice(body).map_err(|error| KinesisError::new(ErrorKind::Serialization, error.to_string()))?;
    wire.into_request()
}

/// One request on its way.
pub(super) struct Call<'a> {
    face: &'a Face,
    command: Command<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn run<W, R>(
        self,
        operation: impl FnOnce(&mut Model, Millis, W::Request) -> Result<R, KinesisError>,
    ) -> Result<String, KinesisError>
    where
        W: Wire + Deserialize<'a>,
        R: Reply,
    {
        let request = parse::<W>(self.command.body())?;
        let reply = self.face.apply(self.command, |model, now| operation(model, now, request))?;
        Ok(reply.body())
    }
}

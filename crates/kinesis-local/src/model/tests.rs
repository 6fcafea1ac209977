//! Tests of the model as a whole: stories by subject, properties over random stories in `properties`.

mod administration;
mod consumers;
mod fan_out;
mod fan_out_properties;
mod large;
mod naming;
mod properties;
mod rescaling;
mod retention;
mod stories;
mod throttling;

use std::time::Duration;

use super::*;

/// An arbitrary morning in 2023.
pub(super) const T0: Millis = Millis::new(1_700_000_000_000);

/// A model without delays that has one ACTIVE stream `words`.
pub(super) fn with_stream(shards: u32) -> Model {
    let mut model = Model::new(Settings { status_delay: Duration::ZERO, ..Settings::default() }, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", shards)).unwrap();
    model
}

pub(super) fn at(millis: u64) -> Millis {
    T0.plus(Duration::from_millis(millis))
}

pub(super) fn put(model: &mut Model, now: Millis, point: u128, text: &str) -> StoredAt {
    let entry = PutEntry::new("key", Some(HashKey::new(point)), Payload::from_bytes(text.as_bytes())).unwrap();
    model.put_record(now, PutRecord { stream: "words".into(), entry }).unwrap()
}

pub(super) fn shards(model: &mut Model, now: Millis, filter: ShardFilter) -> Vec<ShardDescription> {
    model.list_shards(now, &ListShards::filtered("words", filter)).unwrap().shards
}

pub(super) fn ids(model: &mut Model, now: Millis, filter: ShardFilter) -> Vec<u32> {
    shards(model, now, filter).iter().map(|shard| shard.id.0).collect()
}

pub(super) fn iterator(
    model: &mut Model,
    now: Millis,
    shard: u32,
    position: StartingPosition,
) -> Result<String, KinesisError> {
    model.get_shard_iterator(now, &GetShardIterator { stream: "words".into(), shard_id: ShardId(shard), position })
}

pub(super) fn read(model: &mut Model, now: Millis, shard: u32, position: StartingPosition) -> GetRecordsReply {
    let iterator = iterator(model, now, shard, position).unwrap();
    model.get_records(now, &GetRecords { iterator, limit: None }).unwrap()
}

pub(super) fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.data.to_bytes().to_vec()).unwrap()).collect()
}

pub(super) fn split(model: &mut Model, now: Millis, shard: u32, key: u128) -> Result<(), KinesisError> {
    let new_starting_hash_key = HashKey::new(key);
    model.split_shard(now, &SplitShard { stream: "words".into(), shard: ShardId(shard), new_starting_hash_key })
}

pub(super) fn merge(model: &mut Model, now: Millis, shard: u32, adjacent: u32) -> Result<(), KinesisError> {
    let (shard, adjacent) = (ShardId(shard), ShardId(adjacent));
    model.merge_shards(now, &MergeShards { stream: "words".into(), shard, adjacent })
}

pub(super) fn rescale(model: &mut Model, now: Millis, target: u32) -> Result<UpdateShardCountReply, KinesisError> {
    model.update_shard_count(now, &UpdateShardCount { stream: "words".into(), target })
}

pub(super) const HALF: u128 = 1 << 127;

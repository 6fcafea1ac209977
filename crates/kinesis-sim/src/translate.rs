//! From the model's values to those of `kinesis-asl`, as the AWS SDK's adapter does from the SDK's.

use std::collections::BTreeSet;

use bytestring::ByteString;
use kinesis_asl::api::RawRecord;
use kinesis_asl::shard::{ChildShard, Shard, ShardId, ShardState};
use kinesis_asl::{SequenceNumber, ServiceError, ServiceErrorKind, Timestamp};
use kinesis_local::model::{self, ErrorKind, KinesisError, Millis};
use kpl_deagg::HashKeyRange;

use crate::stream::STREAM;

pub(crate) fn refused(call: &'static str, error: KinesisError) -> ServiceError {
    let kind = match error.kind {
        ErrorKind::ResourceNotFound => ServiceErrorKind::NotFound,
        ErrorKind::ResourceInUse => ServiceErrorKind::InUse,
        ErrorKind::ExpiredIterator => ServiceErrorKind::ExpiredIterator,
        ErrorKind::ProvisionedThroughputExceeded | ErrorKind::LimitExceeded => ServiceErrorKind::Throttled,
        ErrorKind::InternalFailure => ServiceErrorKind::Server,
        _ => ServiceErrorKind::InvalidRequest,
    };
    ServiceError { call, subject: subject(), kind, reason: error.message, source: None }
}

/// An answer of the model that makes no sense to `kinesis-asl`: a defect of this file.
pub(crate) fn senseless(call: &'static str, why: impl std::fmt::Display) -> ServiceError {
    ServiceError::invalid_response(call, subject(), why.to_string())
}

fn subject() -> String {
    format!("stream '{STREAM}'")
}

pub(crate) fn millis(at: Timestamp) -> Millis {
    Millis::new(u64::try_from(at.as_millis()).unwrap_or(0))
}

pub(crate) fn shard_id(id: model::ShardId) -> ShardId {
    ShardId::from(id.to_string().as_str())
}

pub(crate) fn parents_of(shard: &model::ShardDescription) -> BTreeSet<ShardId> {
    shard.parent.into_iter().chain(shard.adjacent_parent).map(shard_id).collect()
}

pub(crate) fn sequence(number: model::SequenceNumber) -> Result<SequenceNumber, String> {
    number.to_string().parse().map_err(|error: kinesis_asl::SequenceNumberError| error.to_string())
}

fn hash_range(range: model::HashKeyRange) -> Result<Option<HashKeyRange>, String> {
    HashKeyRange::parse(&range.start.to_string(), &range.end.to_string()).map(Some).map_err(|error| error.to_string())
}

pub(crate) fn shard_of(shard: &model::ShardDescription) -> Result<Shard, String> {
    Ok(Shard {
        id: shard_id(shard.id),
        parents: parents_of(shard),
        hash_range: hash_range(shard.range)?,
        starting_sequence: Some(sequence(shard.starting)?),
        ending_sequence: shard.ending.map(sequence).transpose()?,
        state: if shard.ending.is_some() { ShardState::Closed } else { ShardState::Open },
    })
}

pub(crate) fn child_of(child: &model::ChildShard) -> Result<ChildShard, String> {
    let parents = child.parents.iter().copied().map(shard_id).collect();
    Ok(ChildShard { id: shard_id(child.id), parents, hash_range: hash_range(child.range)? })
}

pub(crate) fn raw_record(record: &model::Record) -> Result<RawRecord, String> {
    Ok(RawRecord {
        sequence: sequence(record.sequence_number)?,
        partition_key: ByteString::from(&*record.partition_key),
        data: record.data.to_bytes(),
        arrival: i64::try_from(record.arrival.get()).ok().map(Timestamp::from_millis),
    })
}

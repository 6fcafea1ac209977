//! A stream of a check, and what most checks do with one.
//!
//! Promises: throttles are waited out, because a check that is not about limits must not fail for them; errors otherwise
//! become mismatches.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::operation::put_record::PutRecordOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, Record, Shard, ShardIteratorType, StreamDescriptionSummary, StreamStatus,
};

use crate::mismatch::{Mismatch, present};
use crate::pace::Pace;

/// A stream that a check made.
#[derive(Debug, Clone)]
pub struct TestStream {
    client: Client,
    pub(crate) name: String,
}

/// What was acknowledged for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) shard: String,
    pub(crate) number: String,
}

impl TestStream {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// The stream's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn summary(&self) -> Result<StreamDescriptionSummary, Mismatch> {
        let mut pace = Pace::for_the("a description to be accepted");
        loop {
            match self.client.describe_stream_summary().stream_name(&self.name).send().await {
                Ok(reply) => return present("StreamDescriptionSummary", reply.stream_description_summary),
                Err(error) if throttled(error.as_service_error()) => pace.pause().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) async fn arn(&self) -> Result<String, Mismatch> {
        Ok(self.summary().await?.stream_arn)
    }

    /// Waits until the stream is ACTIVE.
    pub(crate) async fn until_active(&self) -> Result<StreamDescriptionSummary, Mismatch> {
        let mut pace = Pace::for_the("a stream to become ACTIVE");
        loop {
            let summary = self.summary().await?;
            if summary.stream_status == StreamStatus::Active {
                return Ok(summary);
            }
            pace.pause().await?;
        }
    }

    /// All shards, in the order of their ids.
    pub(crate) async fn shards(&self) -> Result<Vec<Shard>, Mismatch> {
        let mut shards = Vec::new();
        let mut reply = self.client.list_shards().stream_name(&self.name).send().await?;
        loop {
            shards.extend(reply.shards.take().unwrap_or_default());
            match reply.next_token.take() {
                Some(token) => reply = self.client.list_shards().next_token(token).send().await?,
                None => break,
            }
        }
        shards.sort_by(|left, right| left.shard_id.cmp(&right.shard_id));
        Ok(shards)
    }

    /// The id of the only shard, or of the first of several.
    pub(crate) async fn first_shard(&self) -> Result<String, Mismatch> {
        Ok(present("the first shard", self.shards().await?.into_iter().next())?.shard_id)
    }

    /// Stores a record by its partition key.
    pub(crate) async fn put(&self, key: &str, data: impl AsRef<[u8]>) -> Result<Put, Mismatch> {
        self.put_at(key, None, data).await
    }

    /// Stores a record by its explicit hash key, if there is one.
    pub(crate) async fn put_at(&self, key: &str, point: Option<u128>, data: impl AsRef<[u8]>) -> Result<Put, Mismatch> {
        let mut pace = Pace::for_the("a record to be accepted");
        loop {
            let put = self.client.put_record().stream_name(&self.name).partition_key(key);
            let put = put.set_explicit_hash_key(point.map(|point| point.to_string()));
            match put.data(Blob::new(data.as_ref())).send().await {
                Ok(PutRecordOutput { shard_id, sequence_number, .. }) => {
                    return Ok(Put { shard: shard_id, number: sequence_number });
                }
                Err(error) if throttled(error.as_service_error()) => pace.pause().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Stores records, those that are throttled again and again, and returns what was acknowledged in the order of the
    /// request.
    pub(crate) async fn put_all(&self, entries: Vec<PutRecordsRequestEntry>) -> Result<Vec<Put>, Mismatch> {
        let mut done: Vec<Option<Put>> = vec![None; entries.len()];
        let mut open: Vec<(usize, PutRecordsRequestEntry)> = entries.into_iter().enumerate().collect();
        let mut pace = Pace::for_the("records to be accepted");
        while !open.is_empty() {
            let records = open.iter().map(|(_, entry)| entry.clone()).collect();
            let call = self.client.put_records().stream_name(&self.name).set_records(Some(records));
            let reply = match call.send().await {
                Ok(reply) => reply,
                Err(error) if throttled(error.as_service_error()) => {
                    pace.pause().await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let mut failed = Vec::new();
            for ((place, entry), result) in open.into_iter().zip(reply.records) {
                match (result.shard_id, result.sequence_number) {
                    (Some(shard), Some(number)) => {
                        if let Some(slot) = done.get_mut(place) {
                            *slot = Some(Put { shard, number });
                        }
                    }
                    _ => failed.push((place, entry)),
                }
            }
            open = failed;
            if !open.is_empty() {
                pace.pause().await?;
            }
        }
        done.into_iter().map(|put| present("an outcome for each record of PutRecords", put)).collect()
    }

    /// An iterator of a kind that needs no more than the shard.
    pub(crate) async fn iterator(&self, shard: &str, kind: ShardIteratorType) -> Result<String, Mismatch> {
        let mut pace = Pace::for_the("an iterator to be granted");
        loop {
            let request = self.client.get_shard_iterator().stream_name(&self.name).shard_id(shard);
            match request.shard_iterator_type(kind.clone()).send().await {
                Ok(reply) => return present("ShardIterator", reply.shard_iterator),
                Err(error) if throttled(error.as_service_error()) => pace.pause().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One GetRecords from an iterator.
    pub(crate) async fn get(&self, iterator: &str, limit: Option<i32>) -> Result<GetRecordsOutput, Mismatch> {
        let mut pace = Pace::for_the("a read to be accepted");
        loop {
            match self.client.get_records().shard_iterator(iterator).set_limit(limit).send().await {
                Ok(reply) => return Ok(reply),
                Err(error) if throttled(error.as_service_error()) => pace.pause().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads on from an iterator until so many records were read. The service may answer with none for a while.
    pub(crate) async fn read(&self, iterator: String, wanted: usize) -> Result<Vec<Record>, Mismatch> {
        let mut records = Vec::new();
        let mut next = Some(iterator);
        let mut pace = Pace::for_the(format!("{wanted} records"));
        while records.len() < wanted {
            let Some(iterator) = next else {
                let seen = records.len();
                return Err(Mismatch::new(format!("the shard ended after {seen} of {wanted} records")));
            };
            let reply = self.get(&iterator, None).await?;
            next = reply.next_shard_iterator;
            if reply.records.is_empty() {
                pace.pause().await?;
            } else {
                records.extend(reply.records);
                pace.progressed();
            }
        }
        Ok(records)
    }

    /// Reads a shard from its trim horizon until so many records were read.
    pub(crate) async fn read_shard(&self, shard: &str, wanted: usize) -> Result<Vec<Record>, Mismatch> {
        let iterator = self.iterator(shard, ShardIteratorType::TrimHorizon).await?;
        self.read(iterator, wanted).await
    }

    /// Reads a closed shard to its end: all records, and the reply that said so.
    pub(crate) async fn read_to_end(&self, shard: &str) -> Result<(Vec<Record>, GetRecordsOutput), Mismatch> {
        let mut iterator = self.iterator(shard, ShardIteratorType::TrimHorizon).await?;
        let mut records = Vec::new();
        let mut pace = Pace::within(END_OF_SHARD, "the end of a closed shard (no NextShardIterator)");
        loop {
            let mut reply = self.get(&iterator, None).await?;
            records.append(&mut reply.records);
            match reply.next_shard_iterator.take() {
                Some(next) => iterator = next,
                None => return Ok((records, reply)),
            }
            pace.pause().await?;
        }
    }

    /// Splits an open shard in the middle, and waits until the stream is ACTIVE again.
    pub(crate) async fn split(&self, shard: &Shard) -> Result<(), Mismatch> {
        let (start, end) = range(shard)?;
        self.split_at(&shard.shard_id, start + (end - start) / 2 + 1).await
    }

    pub(crate) async fn split_at(&self, shard: &str, key: u128) -> Result<(), Mismatch> {
        let split = self.client.split_shard().stream_name(&self.name).shard_to_split(shard);
        split.new_starting_hash_key(key.to_string()).send().await?;
        self.until_active().await.map(|_| ())
    }

    /// Merges two open neighbours, and waits until the stream is ACTIVE again.
    pub(crate) async fn merge(&self, shard: &str, adjacent: &str) -> Result<(), Mismatch> {
        let merge = self.client.merge_shards().stream_name(&self.name).shard_to_merge(shard);
        merge.adjacent_shard_to_merge(adjacent).send().await?;
        self.until_active().await.map(|_| ())
    }
}

/// Whether an error is a limit of throughput.
pub(crate) fn throttled<E: ProvideErrorMetadata>(error: Option<&E>) -> bool {
    error.and_then(ProvideErrorMetadata::code).is_some_and(|code| {
        matches!(code, "ProvisionedThroughputExceededException" | "LimitExceededException" | "ThrottlingException")
    })
}

/// Whether a shard takes records.
pub(crate) fn is_open(shard: &Shard) -> bool {
    shard.sequence_number_range.as_ref().is_some_and(|range| range.ending_sequence_number.is_none())
}

/// A shard's stretch of the ring, both ends included.
pub(crate) fn range(shard: &Shard) -> Result<(u128, u128), Mismatch> {
    let range = present("HashKeyRange", shard.hash_key_range.as_ref())?;
    let point = |text: &str| text.parse().map_err(|_| Mismatch::new(format!("{text:?} is not a hash key")));
    Ok((point(&range.starting_hash_key)?, point(&range.ending_hash_key)?))
}

/// A record of PutRecords.
pub(crate) fn entry(key: &str, data: impl AsRef<[u8]>) -> Result<PutRecordsRequestEntry, Mismatch> {
    Ok(PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data.as_ref())).build()?)
}

/// A sequence number as it compares: they are decimal numbers without leading zeros.
pub(crate) fn order(number: &str) -> (usize, &str) {
    (number.len(), number)
}

/// The texts of records.
pub(crate) fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(record.data.as_ref()).into_owned()).collect()
}

/// The sequence numbers of records.
pub(crate) fn numbers(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.sequence_number.clone()).collect()
}

/// A closed shard that was read to its last record says so within a few calls.
const END_OF_SHARD: std::time::Duration = std::time::Duration::from_secs(20);

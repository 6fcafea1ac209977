//! PutRecord and PutRecords.
//!
//! Promises: taking a sequence number and storing the record is one step, so no reader ever sees a later number before an
//! earlier one; a batch keeps its order within each shard; failures of single records are reported in their places.

use std::fmt;
use std::sync::Arc;

use super::error::{ErrorKind, KinesisError};
use super::hash_key::HashKey;
use super::machine::Model;
use super::millis::Millis;
use super::payload::Payload;
use super::sequence::SequenceNumber;
use super::shard::{ShardId, Stored, memory_of};
use super::shard_rates::{admits_write, rate_exceeded};
use super::stream::StreamStatus;
use super::stream_ref::StreamRef;

/// A record to be stored. Validated and hashed when made, so that storing is quick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutEntry {
    partition_key: Arc<str>,
    point: HashKey,
    data: Payload,
}

impl PutEntry {
    /// A record for the shard that holds `explicit`, or else the MD5 of the partition key.
    ///
    /// # Errors
    /// `ValidationException` when the partition key is not 1 to 256 characters long.
    pub fn new(partition_key: &str, explicit: Option<HashKey>, data: Payload) -> Result<Self, KinesisError> {
        Self::named(partition_key, explicit, data, || "partitionKey".to_owned())
    }

    /// The same with a name for the partition key's member, which depends on where in a request it is.
    pub(crate) fn named(
        partition_key: &str,
        explicit: Option<HashKey>,
        data: Payload,
        member: impl FnOnce() -> String,
    ) -> Result<Self, KinesisError> {
        if partition_key.is_empty() {
            return Err(KinesisError::validation("", &member(), "have length greater than or equal to 1"));
        }
        // Characters are counted only where there can be too many of them.
        if partition_key.len() > MOST_KEY_CHARACTERS && partition_key.chars().count() > MOST_KEY_CHARACTERS {
            let constraint = "have length less than or equal to 256";
            return Err(KinesisError::validation(partition_key, &member(), constraint));
        }
        let point = explicit.unwrap_or_else(|| HashKey::of_partition_key(partition_key));
        Ok(Self { partition_key: partition_key.into(), point, data })
    }
}

/// A PutRecord request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecord {
    /// Which stream.
    pub stream: StreamRef,
    /// The record.
    pub entry: PutEntry,
}

/// A PutRecords request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecords {
    /// Which stream.
    pub stream: StreamRef,
    /// 1 to 500 records, 10 MiB together.
    pub entries: Vec<PutEntry>,
}

/// Where a record was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredAt {
    /// The shard.
    pub shard_id: ShardId,
    /// Its place in the shard.
    pub sequence_number: SequenceNumber,
}

/// What became of one record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is stored.
    Stored(StoredAt),
    /// It is not; the caller may try again.
    Failed(KinesisError),
}

/// What became of a batch, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutRecordsReply {
    /// One outcome for each record.
    pub outcomes: Vec<PutOutcome>,
}

impl PutRecordsReply {
    /// How many records were not stored.
    #[must_use]
    pub fn failed_count(&self) -> usize {
        self.outcomes.iter().filter(|outcome| matches!(outcome, PutOutcome::Failed(_))).count()
    }
}

impl Model {
    /// Stores one record.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when no such stream takes records, `ProvisionedThroughputExceededException` when the
    /// memory cap or, with limits on, the shard's write rate is reached, `ValidationException` for a record that is larger
    /// than the stream's records may be.
    pub fn put_record(&mut self, now: Millis, request: PutRecord) -> Result<StoredAt, KinesisError> {
        let now = self.advance(now);
        let (name, most) = self.writable(&request.stream)?;
        check_size(&request.entry, most, "data")?;
        self.store(now, &name, request.entry)
    }

    /// Stores a batch; some of its records may fail while others are stored.
    ///
    /// # Errors
    /// Those of [`put_record`](Self::put_record) that concern the request as a whole, and `ValidationException` or
    /// `InvalidArgumentException` for a batch of no records, of more than 500, or of more than 10 MiB.
    pub fn put_records(&mut self, now: Millis, request: PutRecords) -> Result<PutRecordsReply, KinesisError> {
        let now = self.advance(now);
        check_count(&request.entries)?;
        let (name, most) = self.writable(&request.stream)?;
        let mut total = 0_usize;
        for (place, entry) in request.entries.iter().enumerate() {
            check_size(entry, most, format_args!("records.{}.member.data", place + 1))?;
            total = total.saturating_add(entry.data.size()).saturating_add(entry.partition_key.len());
        }
        if total > MOST_BATCH_BYTES {
            return Err(KinesisError::invalid_argument("Records size exceeds 10 MB limit"));
        }
        let outcomes = request
            .entries
            .into_iter()
            .map(|entry| self.store(now, &name, entry).map_or_else(PutOutcome::Failed, PutOutcome::Stored))
            .collect();
        Ok(PutRecordsReply { outcomes })
    }

    /// The open shard of a stream that each of these points of the ring belongs to; `None` without such a stream.
    #[must_use]
    pub fn shards_at(&self, stream: &str, points: &[HashKey]) -> Vec<Option<ShardId>> {
        let stream = self.streams.get(stream);
        points.iter().map(|point| stream.and_then(|stream| stream.shard_id_at(*point))).collect()
    }

    /// The name of a stream that takes records, and how large they may be.
    fn writable(&self, stream: &StreamRef) -> Result<(String, usize), KinesisError> {
        let (name, stream) = self.find(stream)?;
        match stream.status() {
            StreamStatus::Active | StreamStatus::Updating => Ok((name.to_owned(), stream.max_record_size)),
            StreamStatus::Creating | StreamStatus::Deleting => Err(self.no_such_stream(name)),
        }
    }

    fn store(&mut self, now: Millis, name: &str, entry: PutEntry) -> Result<StoredAt, KinesisError> {
        let memory = memory_of(&entry.partition_key, &entry.data);
        let full = self.stored_memory.saturating_add(memory) > self.settings.memory_cap;
        let account = &self.settings.account;
        let shard = self.streams.get_mut(name).and_then(|stream| stream.shard_at(entry.point)).ok_or_else(|| {
            // The open shards cover the ring; this is not reached.
            KinesisError::new(ErrorKind::InternalFailure, format!("No open shard for {}.", entry.point))
        })?;
        let bytes = entry.data.size().saturating_add(entry.partition_key.len());
        if full || !admits_write(self.settings.limits, shard, now, bytes) {
            return Err(rate_exceeded(name, shard.id, account));
        }
        let PutEntry { partition_key, data, .. } = entry;
        let sequence_number = shard.append(Stored { arrival: now, partition_key, data });
        let shard_id = shard.id;
        self.wakeups.wake_shard(name, shard_id);
        self.stored_memory = self.stored_memory.saturating_add(memory);
        Ok(StoredAt { shard_id, sequence_number })
    }
}

fn check_size(entry: &PutEntry, most: usize, member: impl fmt::Display) -> Result<(), KinesisError> {
    if entry.data.size() <= most {
        return Ok(());
    }
    Err(KinesisError::new(
        ErrorKind::Validation,
        format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length less than or equal to {most}"
        ),
    ))
}

fn check_count(entries: &[PutEntry]) -> Result<(), KinesisError> {
    if entries.is_empty() {
        return Err(KinesisError::validation("[]", "records", "have length greater than or equal to 1"));
    }
    if entries.len() > MOST_BATCH_RECORDS {
        let value = format!("[{} records]", entries.len());
        return Err(KinesisError::validation(value, "records", "have length less than or equal to 500"));
    }
    Ok(())
}

const MOST_KEY_CHARACTERS: usize = 256;
const MOST_BATCH_RECORDS: usize = 500;
const MOST_BATCH_BYTES: usize = 10 << 20;

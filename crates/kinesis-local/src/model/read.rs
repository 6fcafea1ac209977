//! GetShardIterator and GetRecords.
//!
//! Promises: an iterator is a place between records and holds everything (nothing is kept for it); reading copies no
//! data, it shares it; the end of a closed shard is told by the absent next iterator together with the child shards;
//! the lag is 0 only when there is nothing left to read.

use std::collections::BTreeMap;

use super::error::{ErrorKind, KinesisError};
use super::hash_key::HashKeyRange;
use super::machine::Model;
use super::millis::{Millis, whole_millis};
use super::sequence::SequenceNumber;
use super::shard::{Batch, Record, Shard, ShardId};
use super::stream::{Stream, StreamStatus};
use super::stream_ref::StreamRef;
use super::token::{self, TokenKind};

/// Where a new iterator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// Before the oldest record that retention has left.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// Before the record with that number.
    AtSequenceNumber(SequenceNumber),
    /// After the record with that number.
    AfterSequenceNumber(SequenceNumber),
    /// Before the first record that arrived at that time or later.
    AtTimestamp(Millis),
}

/// A GetShardIterator request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetShardIterator {
    /// Which stream.
    pub stream: StreamRef,
    /// Which shard of it.
    pub shard_id: ShardId,
    /// Where in the shard.
    pub position: StartingPosition,
}

/// A GetRecords request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRecords {
    /// From GetShardIterator or the GetRecords before.
    pub iterator: String,
    /// At most so many records, 1 to 10 000. Default 10 000.
    pub limit: Option<u32>,
}

/// Records from an iterator on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRecordsReply {
    /// At most 10 000 records and 10 MiB; may be empty while there will be more.
    pub records: Vec<Record>,
    /// Absent when the shard is closed and read to its end.
    pub next_iterator: Option<String>,
    /// How far this reply is behind the tip of the shard, in milliseconds; 0 when nothing is left to read.
    pub millis_behind_latest: u64,
    /// With the end of a closed shard: the shards that go on where it ended.
    pub child_shards: Vec<ChildShard>,
}

/// A shard that goes on where another ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildShard {
    /// The child.
    pub id: ShardId,
    /// Its parents: one after a split, two after a merge.
    pub parents: Vec<ShardId>,
    /// Its stretch of the ring.
    pub range: HashKeyRange,
}

/// What an iterator holds.
pub(super) struct Place {
    pub(super) name: String,
    created: Millis,
    shard_id: ShardId,
    index: u64,
    issued: Millis,
}

impl Model {
    /// An iterator at a position of a shard.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown stream or shard, `InvalidArgumentException` for a sequence number of
    /// another shard or a time in the future, `ProvisionedThroughputExceededException` with limits on.
    pub fn get_shard_iterator(&mut self, now: Millis, request: &GetShardIterator) -> Result<String, KinesisError> {
        let now = self.advance(now);
        let (name, stream) = self.find(&request.stream)?;
        if stream.status() == StreamStatus::Creating {
            return Err(self.no_such_stream(name));
        }
        let shard = stream.shards.get(&request.shard_id).ok_or_else(|| self.no_such_shard(name, request.shard_id))?;
        let index = self.index_at(now, name, shard, request.position, "GetShardIterator")?;
        let iterator = self.iterator(now, name, stream, shard.id, index);
        let (name, id) = (name.to_owned(), shard.id);
        self.meter_iterator(now, &name, id)?;
        Ok(iterator)
    }

    /// The index at which a position stands. `operation` is for the message of the error.
    pub(crate) fn index_at(
        &self,
        now: Millis,
        name: &str,
        shard: &Shard,
        position: StartingPosition,
        operation: &str,
    ) -> Result<u64, KinesisError> {
        let index = match position {
            StartingPosition::TrimHorizon => 0,
            StartingPosition::Latest => shard.end_index(),
            StartingPosition::AtSequenceNumber(number) => self.index_of(name, shard, number, operation)?,
            StartingPosition::AfterSequenceNumber(number) => {
                self.index_of(name, shard, number, operation)?.saturating_add(1)
            }
            StartingPosition::AtTimestamp(time) if time > now => {
                return Err(KinesisError::invalid_argument(format!(
                    "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: {}, currentTimestampInMillis: {}",
                    time.get(),
                    now.get()
                )));
            }
            StartingPosition::AtTimestamp(time) => shard.index_at(time),
        };
        // A number above all that were given out is the tip: what is put next will be read.
        Ok(index.min(shard.end_index()))
    }

    /// The records from an iterator on.
    ///
    /// # Errors
    /// `ExpiredIteratorException` for an iterator older than `Settings::iterator_life`, `InvalidArgumentException` for
    /// one that is not ours, `ResourceNotFoundException` when stream or shard are gone, `ValidationException` for a
    /// limit out of range, `ProvisionedThroughputExceededException` with limits on.
    pub fn get_records(&mut self, now: Millis, request: &GetRecords) -> Result<GetRecordsReply, KinesisError> {
        let now = self.advance(now);
        let limit = request.limit.unwrap_or(MOST_RECORDS);
        KinesisError::check_limit("limit", limit, MOST_RECORDS)?;
        let place = self.open_iterator(now, &request.iterator)?;
        self.meter_read(now, &place.name, place.shard_id)?;
        self.trim_shard(now, &place.name, place.shard_id);
        let stream = self
            .streams
            .get(&place.name)
            .filter(|stream| stream.created == place.created)
            .ok_or_else(|| self.no_such_stream(&place.name))?;
        let shard =
            stream.shards.get(&place.shard_id).ok_or_else(|| self.no_such_shard(&place.name, place.shard_id))?;
        let batch = shard.read(place.index, usize::try_from(limit).unwrap_or(usize::MAX), MOST_REPLY_BYTES);
        let all_read = batch.next_index >= shard.end_index();
        let ended = all_read && !shard.is_open();
        let millis_behind_latest = lag(now, &batch, all_read);
        let next_iterator = (!ended).then(|| self.iterator(now, &place.name, stream, place.shard_id, batch.next_index));
        let child_shards = if ended { children(&stream.shards, shard) } else { Vec::new() };
        let size = |record: &Record| record.data.size().saturating_add(record.partition_key.len());
        self.note_read(now, &place.name, place.shard_id, || batch.records.iter().map(size).sum());
        Ok(GetRecordsReply { records: batch.records, next_iterator, millis_behind_latest, child_shards })
    }

    /// The stream and the shard that an iterator of this model stands in, expired or not.
    #[must_use]
    pub fn iterator_place(&self, iterator: &str) -> Option<(String, ShardId)> {
        let fields = token::open(self.seed, TokenKind::ShardIterator, iterator)?;
        Place::parse(&fields).map(|place| (place.name, place.shard_id))
    }

    /// Trims the shard that is about to be read, so that retention is exact for readers.
    pub(crate) fn trim_shard(&mut self, now: Millis, name: &str, shard_id: ShardId) {
        let freed = self.streams.get_mut(name).map_or(0, |stream| {
            let horizon = stream.horizon(now);
            stream.shards.get_mut(&shard_id).map_or(0, |shard| shard.trim(horizon))
        });
        self.stored_memory = self.stored_memory.saturating_sub(freed);
    }

    fn iterator(&self, now: Millis, name: &str, stream: &Stream, shard: ShardId, index: u64) -> String {
        let fields = format!("{name}/{}/{shard}/{index}/{}", stream.created.get(), now.get());
        token::seal(self.seed, TokenKind::ShardIterator, &fields)
    }

    pub(super) fn open_iterator(&self, now: Millis, iterator: &str) -> Result<Place, KinesisError> {
        let place = token::open(self.seed, TokenKind::ShardIterator, iterator)
            .and_then(|fields| Place::parse(&fields))
            .ok_or_else(|| KinesisError::invalid_argument("Invalid ShardIterator."))?;
        let life = whole_millis(self.settings.iterator_life);
        if now.since(place.issued) < life {
            return Ok(place);
        }
        Err(KinesisError::new(
            ErrorKind::ExpiredIterator,
            format!(
                "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the future than the tolerated delay of {life} milliseconds.",
                place.issued, now
            ),
        ))
    }

    fn index_of(
        &self,
        name: &str,
        shard: &Shard,
        number: SequenceNumber,
        operation: &str,
    ) -> Result<u64, KinesisError> {
        shard.index_of(number).ok_or_else(|| {
            KinesisError::invalid_argument(format!(
                "StartingSequenceNumber {number} used in {operation} on shard {} in stream {name} under account {} is invalid because it did not come from this stream.",
                shard.id, self.settings.account
            ))
        })
    }

    pub(crate) fn no_such_shard(&self, name: &str, shard: ShardId) -> KinesisError {
        KinesisError::new(
            ErrorKind::ResourceNotFound,
            format!("Shard {shard} in stream {name} under account {} does not exist", self.settings.account),
        )
    }
}

impl Place {
    fn parse(fields: &str) -> Option<Self> {
        let mut fields = fields.split('/');
        Some(Self {
            name: fields.next()?.to_owned(),
            created: Millis::new(fields.next()?.parse().ok()?),
            shard_id: fields.next()?.parse().ok()?,
            index: fields.next()?.parse().ok()?,
            issued: Millis::new(fields.next()?.parse().ok()?),
        })
    }
}

/// How far the end of a batch is behind the tip.
pub(crate) fn lag(now: Millis, batch: &Batch, all_read: bool) -> u64 {
    match batch.records.last() {
        // The next record may have arrived in this very millisecond; 0 would say that there is none.
        Some(last) if !all_read => now.since(last.arrival).max(1),
        _ => 0,
    }
}

/// The shards that go on where a shard ended.
pub(crate) fn children(shards: &BTreeMap<ShardId, Shard>, shard: &Shard) -> Vec<ChildShard> {
    shard
        .children
        .iter()
        .filter_map(|id| shards.get(id))
        .map(|child| ChildShard {
            id: child.id,
            parents: child.parent.into_iter().chain(child.adjacent_parent).collect(),
            range: child.range,
        })
        .collect()
}

const MOST_RECORDS: u32 = 10_000;
const MOST_REPLY_BYTES: usize = 10 << 20;

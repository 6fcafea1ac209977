//! One shard: its place on the ring, its lineage and its records.
//!
//! Promises: positions are record indices, so finding one is a subtraction, finding a time a binary search; indices and
//! arrival times never go back; trimming takes from the front only and moves nobody's position.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hash_key::HashKeyRange;
use super::millis::Millis;
use super::payload::Payload;
use super::sequence::{Parts, SequenceNumber};
use super::shard_rates::ShardRates;

/// The name of a shard inside its stream.
///
/// ```
/// use kinesis_local::model::ShardId;
///
/// let id: ShardId = "shardId-000000000007".parse()?;
/// assert_eq!(id.to_string(), "shardId-000000000007");
/// # Ok::<(), kinesis_local::model::NotAShardId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(pub(crate) u32);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

/// The text is not `shardId-` and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a shard id: it looks like shardId-000000000000")]
pub struct NotAShardId;

impl FromStr for ShardId {
    type Err = NotAShardId;

    fn from_str(text: &str) -> Result<Self, NotAShardId> {
        let digits = text.strip_prefix("shardId-").ok_or(NotAShardId)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAShardId);
        }
        digits.parse().map(Self).map_err(|_| NotAShardId)
    }
}

/// One record as a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the shard.
    pub sequence_number: SequenceNumber,
    /// When the endpoint accepted it.
    pub arrival: Millis,
    /// The producer's key.
    pub partition_key: Arc<str>,
    /// The data.
    pub data: Payload,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) arrival: Millis,
    pub(crate) partition_key: Arc<str>,
    pub(crate) data: Payload,
}

impl Stored {
    /// What the record counts against the memory cap.
    pub(crate) fn memory(&self) -> u64 {
        memory_of(&self.partition_key, &self.data)
    }

    /// What the record counts against the size of a reply.
    fn reply_size(&self) -> usize {
        self.data.size().saturating_add(self.partition_key.len())
    }
}

/// What a record with this key and data counts against the memory cap.
pub(crate) fn memory_of(partition_key: &str, data: &Payload) -> u64 {
    let text = partition_key.len().saturating_add(data.stored_size());
    u64::try_from(text).unwrap_or(u64::MAX).saturating_add(RECORD_OVERHEAD)
}

/// When and where a shard ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub(crate) at: Millis,
    pub(crate) ending: SequenceNumber,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) range: HashKeyRange,
    pub(crate) parent: Option<ShardId>,
    pub(crate) adjacent_parent: Option<ShardId>,
    pub(crate) children: Vec<ShardId>,
    pub(crate) opened: Millis,
    /// The second in the shard's sequence numbers: later than its parents', even when that is ahead of the clock.
    pub(crate) created_second: u64,
    pub(crate) closed: Option<Closed>,
    /// Present once the shard was used with limits on.
    #[serde(skip)]
    pub(crate) rates: Option<Box<ShardRates>>,
    first_index: u64,
    records: VecDeque<Stored>,
}

/// Records from a position on, and the position after them.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    pub(crate) next_index: u64,
}

impl Shard {
    pub(crate) fn new(id: ShardId, range: HashKeyRange, opened: Millis, created_second: u64) -> Self {
        Self {
            id,
            range,
            parent: None,
            adjacent_parent: None,
            children: Vec::new(),
            opened,
            created_second,
            closed: None,
            rates: None,
            first_index: FIRST_INDEX,
            records: VecDeque::new(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// The number that the next record gets.
    pub(crate) fn end_index(&self) -> u64 {
        self.first_index.saturating_add(u64::try_from(self.records.len()).unwrap_or(u64::MAX))
    }

    pub(crate) fn starting_sequence_number(&self) -> SequenceNumber {
        self.sequence_number(0, Millis::new(self.created_second.saturating_mul(1_000)))
    }

    pub(crate) fn append(&mut self, record: Stored) -> SequenceNumber {
        let number = self.sequence_number(self.end_index(), record.arrival);
        self.records.push_back(record);
        number
    }

    pub(crate) fn close(&mut self, at: Millis, children: Vec<ShardId>) {
        self.closed = Some(Closed { at, ending: self.sequence_number(ENDING_INDEX, at) });
        self.children = children;
    }

    /// Drops records that arrived before `horizon`; the memory that gave back.
    pub(crate) fn trim(&mut self, horizon: Millis) -> u64 {
        let mut freed = 0_u64;
        while let Some(record) = self.records.pop_front_if(|record| record.arrival < horizon) {
            self.first_index = self.first_index.saturating_add(1);
            freed = freed.saturating_add(record.memory());
        }
        freed
    }

    /// What all records of the shard count against the memory cap.
    pub(crate) fn memory(&self) -> u64 {
        self.records.iter().map(Stored::memory).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The position of the first record that arrived at `time` or later.
    pub(crate) fn index_at(&self, time: Millis) -> u64 {
        let before = self.records.partition_point(|record| record.arrival < time);
        self.first_index.saturating_add(u64::try_from(before).unwrap_or(u64::MAX))
    }

    /// The index in a sequence number, if it is one of this shard's.
    pub(crate) fn index_of(&self, number: SequenceNumber) -> Option<u64> {
        let parts = number.parts()?;
        let ours = parts.shard == self.id.0 && parts.created_second == self.created_second;
        ours.then_some(parts.index)
    }

    /// At most `limit` records and `max_bytes` bytes from `index` on; always one record if there is one.
    pub(crate) fn read(&self, index: u64, limit: usize, max_bytes: usize) -> Batch {
        // A position before the first record means that records were trimmed: reading goes on where some are left.
        let start = index.max(self.first_index);
        let skip = usize::try_from(start - self.first_index).unwrap_or(usize::MAX).min(self.records.len());
        let mut bytes = 0_usize;
        let mut records = Vec::new();
        let mut next_index = start;
        for stored in self.records.range(skip..).take(limit) {
            bytes = bytes.saturating_add(stored.reply_size());
            if bytes > max_bytes && !records.is_empty() {
                break;
            }
            records.push(Record {
                sequence_number: self.sequence_number(next_index, stored.arrival),
                arrival: stored.arrival,
                partition_key: Arc::clone(&stored.partition_key),
                data: stored.data.clone(),
            });
            next_index = next_index.saturating_add(1);
        }
        Batch { records, next_index }
    }

    /// The number between the records before a position and those from it on: that of the record right before it, the
    /// shard's starting number before the first, and above what it can have been where that record was trimmed.
    pub(crate) fn number_before(&self, index: u64) -> SequenceNumber {
        let Some(before) = index.checked_sub(1).filter(|before| *before > 0) else {
            return self.starting_sequence_number();
        };
        let kept = before.checked_sub(self.first_index).and_then(|place| usize::try_from(place).ok());
        let written = kept.and_then(|place| self.records.get(place)).map_or(LAST_MOMENT, |record| record.arrival);
        self.sequence_number(before, written)
    }

    fn sequence_number(&self, index: u64, written: Millis) -> SequenceNumber {
        SequenceNumber::from_parts(Parts {
            created_second: self.created_second,
            shard: self.id.0,
            index,
            written_second: written.seconds(),
        })
    }
}

/// The index of a shard's first record. Index 0 is the shard's starting sequence number.
const FIRST_INDEX: u64 = 1;
/// The index in a closed shard's ending sequence number: above every record that there can be.
const ENDING_INDEX: u64 = i64::MAX.unsigned_abs();
/// The last second that a sequence number can hold.
const LAST_MOMENT: Millis = Millis::new(((1 << 36) - 1) * 1_000);
/// About what the bookkeeping of one record takes besides its text: the entry, two shared-text headers, slack.
const RECORD_OVERHEAD: u64 = 112;

//! From user records to an aggregate, in the canonical form: tables in order of first use, then the records.
//!
//! Each part is encoded as it is added, so the size is exact at every moment and a full aggregate is never taken apart
//! again.

use std::collections::HashMap;

use bytes::Bytes;

use crate::digest::md5;
use crate::format::{
    HASH_KEY_TABLE, KEY_TABLE, MAGIC, OVERHEAD_BYTES, RECORD, RECORD_DATA, RECORD_HASH_KEY, RECORD_KEY,
};
use crate::hash_key::HashKey;
use crate::hash_key_range::HashKeyRange;
use crate::wire::{put_varint, varint_bytes};

/// Builds one aggregate after the other.
///
/// ```
/// use kpl_deagg::{Aggregator, TryAdd};
///
/// let mut aggregator = Aggregator::new(64);
/// assert_eq!(aggregator.try_add("key", None, b"first"), TryAdd::Added);
/// assert_eq!(aggregator.try_add("key", None, &[0; 30]), TryAdd::Full { size: 72 });
/// let aggregate = aggregator.finish().ok_or("nothing was added")?;
/// assert_eq!((aggregate.count, aggregate.data.len()), (1, 36));
/// assert!(aggregator.is_empty());
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct Aggregator {
    max_size: usize,
    key_table: Vec<u8>,
    hash_key_table: Vec<u8>,
    records: Vec<u8>,
    keys: HashMap<Box<str>, Key>,
    hash_keys: HashMap<HashKey, u64>,
    first: Option<First>,
    count: u64,
    min: HashKey,
    max: HashKey,
}

/// Whether a user record went into the aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a record that did not fit is still yours to send"]
pub enum TryAdd {
    /// It did.
    Added,
    /// It did not and nothing changed: with it the aggregate would have had this many bytes, more than the maximum.
    /// Finish the aggregate and try again; a record that does not fit an empty one goes alone, not aggregated.
    Full {
        /// The size in bytes the aggregate would have had.
        size: usize,
    },
}

/// A finished aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aggregate {
    /// The data of the Kinesis record to put.
    pub data: Bytes,
    /// How many user records it holds, at least one.
    pub count: u64,
    /// The partition key of the first user record.
    pub partition_key: String,
    /// The hash key of the first user record: the explicit hash key to put the Kinesis record with.
    pub hash_key: HashKey,
    /// The lowest hash key of the user records.
    pub min_hash_key: HashKey,
    /// The highest hash key of the user records. All records belong to the shard that holds this and the lowest one.
    pub max_hash_key: HashKey,
}

impl Aggregate {
    /// Whether every user record belongs to the shard with this range. If not, a shard has been split or merged since the
    /// aggregate was begun, and its records are to be sent again: consumers may discard those outside, or all of them.
    #[must_use]
    pub fn is_within(&self, range: &HashKeyRange) -> bool {
        range.contains(self.min_hash_key) && range.contains(self.max_hash_key)
    }
}

#[derive(Clone, Copy, Debug)]
struct Key {
    index: u64,
    hash_key: Option<HashKey>,
}

#[derive(Debug)]
struct First {
    partition_key: String,
    hash_key: HashKey,
}

/// The indexes a record will be written with, and what they add to the tables.
struct Fit {
    key: u64,
    hash_key: Option<u64>,
    record_bytes: usize,
    size: usize,
}

impl Aggregator {
    /// An aggregator whose aggregates have at most `max_size` bytes, magic and digest included. The KPL's default is
    /// 51 200; a Kinesis record may have 1 MiB, its partition key included, unless the stream allows more.
    #[must_use]
    pub fn new(max_size: usize) -> Self {
        Self {
            max_size,
            key_table: Vec::new(),
            hash_key_table: Vec::new(),
            records: Vec::new(),
            keys: HashMap::new(),
            hash_keys: HashMap::new(),
            first: None,
            count: 0,
            min: HashKey::MAX,
            max: HashKey::MIN,
        }
    }

    /// How many user records have been added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether no user record has been added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The exact size in bytes of the aggregate of what has been added.
    #[must_use]
    pub fn size(&self) -> usize {
        OVERHEAD_BYTES + self.key_table.len() + self.hash_key_table.len() + self.records.len()
    }

    /// Adds a user record unless the aggregate would become larger than the maximum. The parts are borrowed, so a record
    /// that does not fit has not left the caller.
    pub fn try_add(&mut self, partition_key: &str, explicit_hash_key: Option<HashKey>, data: &[u8]) -> TryAdd {
        let fit = self.fit(partition_key, explicit_hash_key, data);
        if fit.size > self.max_size {
            return TryAdd::Full { size: fit.size };
        }
        let hash_key = self.enter_keys(partition_key, explicit_hash_key, &fit);
        self.put_record(&fit, data);
        self.first.get_or_insert_with(|| First { partition_key: partition_key.to_owned(), hash_key });
        self.min = self.min.min(hash_key);
        self.max = self.max.max(hash_key);
        self.count += 1;
        TryAdd::Added
    }

    /// The aggregate of what has been added, or `None` if that is nothing. The aggregator is empty afterwards.
    pub fn finish(&mut self) -> Option<Aggregate> {
        let done = std::mem::replace(self, Self::new(self.max_size));
        let First { partition_key, hash_key } = done.first?;
        let mut data =
            Vec::with_capacity(OVERHEAD_BYTES + done.key_table.len() + done.hash_key_table.len() + done.records.len());
        data.extend_from_slice(&MAGIC);
        data.extend_from_slice(&done.key_table);
        data.extend_from_slice(&done.hash_key_table);
        data.extend_from_slice(&done.records);
        let digest = md5(data.get(MAGIC.len()..).unwrap_or_default());
        data.extend_from_slice(&digest);
        Some(Aggregate {
            data: data.into(),
            count: done.count,
            partition_key,
            hash_key,
            min_hash_key: done.min,
            max_hash_key: done.max,
        })
    }

    fn fit(&self, partition_key: &str, explicit_hash_key: Option<HashKey>, data: &[u8]) -> Fit {
        let known_key = self.keys.get(partition_key).map(|key| key.index);
        let known_hash_key = explicit_hash_key.map(|hash_key| self.hash_keys.get(&hash_key).copied());
        let key = known_key.unwrap_or(count(self.keys.len()));
        let hash_key = known_hash_key.map(|known| known.unwrap_or(count(self.hash_keys.len())));
        let index_bytes = |index: u64| 1 + varint_bytes(usize::try_from(index).unwrap_or(usize::MAX));
        let record_bytes = index_bytes(key) + hash_key.map_or(0, index_bytes) + field_bytes(data.len());
        let mut size = self.size() + field_bytes(record_bytes);
        if known_key.is_none() {
            size += field_bytes(partition_key.len());
        }
        if let (Some(hash_key), Some(None)) = (explicit_hash_key, known_hash_key) {
            size += field_bytes(hash_key.to_string().len());
        }
        Fit { key, hash_key, record_bytes, size }
    }

    /// Puts keys that are new into the tables; the answer is the record's hash key.
    fn enter_keys(&mut self, partition_key: &str, explicit_hash_key: Option<HashKey>, fit: &Fit) -> HashKey {
        if !self.keys.contains_key(partition_key) {
            put_field(&mut self.key_table, KEY_TABLE, partition_key.as_bytes());
            self.keys.insert(partition_key.into(), Key { index: fit.key, hash_key: None });
        }
        if let (Some(hash_key), Some(index)) = (explicit_hash_key, fit.hash_key)
            && !self.hash_keys.contains_key(&hash_key)
        {
            put_field(&mut self.hash_key_table, HASH_KEY_TABLE, hash_key.to_string().as_bytes());
            self.hash_keys.insert(hash_key, index);
        }
        let hash = || HashKey::of_partition_key(partition_key);
        explicit_hash_key.unwrap_or_else(|| match self.keys.get_mut(partition_key) {
            Some(key) => *key.hash_key.get_or_insert_with(hash),
            None => hash(),
        })
    }

    fn put_record(&mut self, fit: &Fit, data: &[u8]) {
        let out = &mut self.records;
        put_varint(out, RECORD.into());
        put_varint(out, count(fit.record_bytes));
        put_varint(out, RECORD_KEY.into());
        put_varint(out, fit.key);
        if let Some(hash_key) = fit.hash_key {
            put_varint(out, RECORD_HASH_KEY.into());
            put_varint(out, hash_key);
        }
        put_field(out, RECORD_DATA, data);
    }
}

/// Size of a length-delimited field: its tag, which is one byte for every field here, its length, its bytes.
fn field_bytes(length: usize) -> usize {
    1 + varint_bytes(length) + length
}

fn put_field(out: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    put_varint(out, tag.into());
    put_varint(out, count(bytes.len()));
    out.extend_from_slice(bytes);
}

/// A count of things in memory; a `usize` of more than 64 bits does not exist.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

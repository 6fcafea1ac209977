//! The user records of one aggregate: one handle of the input and a compact index into it.

use std::fmt;

use bytes::Bytes;

use crate::message::{Message, RawRecord};
use crate::table::{Table, Texts};

/// The user records of one aggregate, in order.
///
/// Owns counted handles of the input and a compact index into it, so that neither payloads nor keys are copied (only keys
/// that are not UTF-8, or lie scattered, are). Memory is bounded by a small multiple of the input's size.
#[derive(Clone)]
pub struct Batch(Box<Parts>);

/// What a batch is made of. Boxed, because most outcomes on a page of plain records have none.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) input: Bytes,
    pub(crate) records: Vec<RawRecord>,
    pub(crate) keys: Table,
    pub(crate) hash_keys: Table,
    pub(crate) texts: Texts,
    /// The records' numbers; empty as long as each one's number is its position.
    pub(crate) numbers: Vec<u64>,
    pub(crate) stopped: Option<StopReason>,
    pub(crate) discarded: u64,
    pub(crate) lost: u64,
}

/// One user record, borrowed from its [`Batch`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct UserRecord<'a> {
    /// The partition key the producer gave; bytes that are not UTF-8 show as U+FFFD.
    pub partition_key: &'a str,
    /// The explicit hash key the producer gave, as it wrote it.
    pub explicit_hash_key: Option<&'a str>,
    /// The payload.
    pub data: &'a [u8],
    /// The record's number in its aggregate, from 0. Records left out by a range policy keep their numbers to themselves.
    pub sub_sequence_number: u64,
    parts: &'a Parts,
    record: &'a RawRecord,
}

/// What ended an expansion early. The user records before it are in the batch, it and all after it are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// A partition key index beyond the table.
    PartitionKeyIndex,
    /// An explicit hash key index beyond the table.
    ExplicitHashKeyIndex,
    /// An explicit hash key that is no decimal number.
    ExplicitHashKeyNotANumber,
}

/// Iterator over the user records of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    batch: &'a Batch,
    positions: std::ops::Range<usize>,
}

/// A user record that stands for itself: see [`UserRecord::into_owned`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedUserRecord {
    /// The partition key the producer gave; bytes that are not UTF-8 show as U+FFFD.
    pub partition_key: String,
    /// The explicit hash key the producer gave, as it wrote it.
    pub explicit_hash_key: Option<String>,
    /// The payload: a slice of the Kinesis record's data, which stays in memory as long as this does.
    pub data: Bytes,
    /// The record's number in its aggregate, from 0.
    pub sub_sequence_number: u64,
}

impl Parts {
    /// All records of `message`, which was walked in `input`; none has been looked at yet.
    pub(crate) fn new(input: &Bytes, message: Message) -> Self {
        let Message { keys, hash_keys, records } = message;
        let (mut keys, mut hash_keys) = (Table::new(keys), Table::new(hash_keys));
        let texts = Texts::of_tables(input, [&mut keys, &mut hash_keys]);
        let (input, numbers) = (input.clone(), Vec::new());
        Self { input, records, keys, hash_keys, texts, numbers, stopped: None, discarded: 0, lost: 0 }
    }
}

impl From<Box<Parts>> for Batch {
    fn from(parts: Box<Parts>) -> Self {
        Self(parts)
    }
}

impl Batch {
    /// How many user records there are to read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.records.len()
    }

    /// Whether there is no user record to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.records.is_empty()
    }

    /// The user record at `position`, counted from 0 among those that are there.
    #[inline]
    #[must_use]
    pub fn get(&self, position: usize) -> Option<UserRecord<'_>> {
        let parts = &*self.0;
        let record = parts.records.get(position)?;
        let own_number = if parts.numbers.is_empty() { None } else { parts.numbers.get(position).copied() };
        Some(UserRecord {
            partition_key: parts.keys.text(record.key, &parts.texts).unwrap_or_default(),
            explicit_hash_key: record.hash_key().and_then(|index| parts.hash_keys.text(index, &parts.texts)),
            data: record.data.of(&parts.input),
            sub_sequence_number: own_number.unwrap_or(u64::try_from(position).unwrap_or(u64::MAX)),
            parts,
            record,
        })
    }

    /// The user records in order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { batch: self, positions: 0..self.len() }
    }

    /// What ended the expansion early, if anything did.
    #[must_use]
    pub fn stopped(&self) -> Option<StopReason> {
        self.0.stopped
    }

    /// How many user records the range policy left out.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.0.discarded
    }

    /// How many user records are lost because the expansion [stopped](Self::stopped), the one it stopped at included.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("len", &self.len())
            .field("stopped", &self.0.stopped)
            .field("discarded", &self.0.discarded)
            .field("lost", &self.0.lost)
            .finish_non_exhaustive()
    }
}

impl UserRecord<'_> {
    /// The record with handles and texts of its own: copies the keys, not the payload.
    #[must_use]
    pub fn into_owned(self) -> OwnedUserRecord {
        OwnedUserRecord {
            partition_key: self.partition_key.to_owned(),
            explicit_hash_key: self.explicit_hash_key.map(str::to_owned),
            data: self.data_bytes(),
            sub_sequence_number: self.sub_sequence_number,
        }
    }

    /// The payload as a handle of its own, without copying. It keeps the whole aggregate in memory.
    #[must_use]
    pub fn data_bytes(&self) -> Bytes {
        self.parts.input.slice_ref(self.data)
    }

    /// The partition key as a handle of its own: a slice of the input, or a copy of the decoded text if the input is not
    /// UTF-8.
    #[must_use]
    pub fn partition_key_bytes(&self) -> Bytes {
        let raw = self.parts.keys.raw(self.record.key).of(&self.parts.input);
        if raw == self.partition_key.as_bytes() {
            self.parts.input.slice_ref(raw)
        } else {
            Bytes::copy_from_slice(self.partition_key.as_bytes())
        }
    }
}

impl fmt::Debug for UserRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord")
            .field("partition_key", &self.partition_key)
            .field("explicit_hash_key", &self.explicit_hash_key)
            .field("data", &self.data)
            .field("sub_sequence_number", &self.sub_sequence_number)
            .finish()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = UserRecord<'a>;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = UserRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<UserRecord<'a>> {
        self.batch.get(self.positions.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.positions.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

//! User records that came together, and share what they can behind one count: each is a place in its group.
//!
//! A page of KPL aggregates has a hundred thousand user records. As values of their own they would be written, kept, read and dropped
//! far from any cache; as places they are looked up, when they are asked for, in the index that the aggregate has anyway. A record that
//! is kept for long keeps its group, so groups are small: one aggregate, or plain records of some tens of kilobytes.

use std::sync::Arc;

use bytes::Bytes;
use kpl_deagg::{Batch, UserRecord};

use crate::api::RawRecord;
use crate::origin::Origin;
use crate::position::Timestamp;
use crate::record::{Aggregation, KinesisRecord};
use crate::sequence::{Position, SequenceNumber};

/// Where records come from, and the records.
#[derive(Debug)]
pub(crate) struct RecordGroup {
    pub(crate) origin: Arc<Origin>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Kinesis records that are user records.
    Plain(Vec<RawRecord>),
    /// The parts of an aggregate, by their index.
    Aggregate { sequence: SequenceNumber, arrival: Option<Timestamp>, batch: Batch },
    /// A part of an aggregate without the others: its own key and data, the aggregate's sequence number and arrival.
    Lone { raw: RawRecord, part: Part },
}

/// What a part of an aggregate has beside what a Kinesis record has.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) sub_sequence: u64,
    pub(crate) explicit_hash_key: Option<String>,
}

/// What the record at a place says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) partition_key: &'a str,
    pub(crate) explicit_hash_key: Option<&'a str>,
    pub(crate) position: Position,
    pub(crate) arrival: Option<Timestamp>,
    pub(crate) aggregation: Aggregation,
}

impl RecordGroup {
    /// The user records that these Kinesis records are, behind those that `into` has.
    pub(crate) fn plain(origin: &Arc<Origin>, records: Vec<RawRecord>, into: &mut Vec<KinesisRecord>) {
        let count = records.len();
        Self::new(origin, Content::Plain(records)).push(0..count, into);
    }

    /// The user records of an aggregate from one of its places on, behind those that `into` has.
    pub(crate) fn aggregate(
        origin: &Arc<Origin>,
        raw: &RawRecord,
        batch: Batch,
        from: usize,
        into: &mut Vec<KinesisRecord>,
    ) {
        let (places, sequence, arrival) = (from..batch.len(), raw.sequence, raw.arrival);
        Self::new(origin, Content::Aggregate { sequence, arrival, batch }).push(places, into);
    }

    /// A user record that came back from a disk alone, a part of an aggregate or not.
    pub(crate) fn lone(origin: &Arc<Origin>, raw: RawRecord, part: Option<Part>) -> KinesisRecord {
        let content = match part {
            Some(part) => Content::Lone { raw, part },
            None => Content::Plain(vec![raw]),
        };
        KinesisRecord { group: Self::new(origin, content), place: 0 }
    }

    fn new(origin: &Arc<Origin>, content: Content) -> Arc<Self> {
        Arc::new(Self { origin: Arc::clone(origin), content })
    }

    fn push(self: Arc<Self>, places: std::ops::Range<usize>, into: &mut Vec<KinesisRecord>) {
        // A response has 10 MB at most.
        let places = places.map_while(|place| u32::try_from(place).ok());
        into.extend(places.map(|place| KinesisRecord { group: Arc::clone(&self), place }));
    }

    /// What the record at this place says.
    #[inline]
    pub(crate) fn said(&self, place: u32) -> Said<'_> {
        let said = match &self.content {
            Content::Plain(records) => records.get(index(place)).map(Said::plain),
            Content::Aggregate { sequence, arrival, batch } => {
                batch.get(index(place)).map(|user| Said::part(&user, *sequence, *arrival))
            }
            Content::Lone { raw, part } => Some(Said::lone(raw, part)),
        };
        said.unwrap_or(NOTHING)
    }

    /// The payload of the record at this place, as a handle that keeps it.
    pub(crate) fn data(&self, place: u32) -> Bytes {
        let data = match &self.content {
            Content::Plain(records) => records.get(index(place)).map(|raw| raw.data.clone()),
            Content::Aggregate { batch, .. } => batch.get(index(place)).map(|user| user.data_bytes()),
            Content::Lone { raw, .. } => Some(raw.data.clone()),
        };
        data.unwrap_or_default()
    }

    /// What the record at this place costs in memory, in bytes, with its share of what the group has.
    pub(crate) fn cost(&self, place: u32) -> usize {
        let said = self.said(place);
        match &self.content {
            // Keys are in a table that the parts share.
            Content::Aggregate { .. } => PART_COST + said.data.len(),
            Content::Plain(_) | Content::Lone { .. } => cost_of(said.data, said.partition_key),
        }
    }
}

/// What a Kinesis record of this data and key costs in memory, in bytes, if it is a user record.
pub(crate) fn cost_of(data: &[u8], partition_key: &str) -> usize {
    size_of::<KinesisRecord>() + size_of::<RawRecord>() + data.len() + partition_key.len()
}

/// A part of an aggregate beside its data: a place, and an entry in the index (where it lies, the numbers of its two keys).
const PART_COST: usize = size_of::<KinesisRecord>() + 4 * size_of::<u32>();

/// No record is at such a place, since places come from the group alone.
const NOTHING: Said<'static> = Said {
    data: &[],
    partition_key: "",
    explicit_hash_key: None,
    position: Position::new(SequenceNumber::from_limbs([0; 3]), 0),
    arrival: None,
    aggregation: Aggregation::Plain,
};

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl<'a> Said<'a> {
    fn plain(raw: &'a RawRecord) -> Self {
        Self {
            data: &raw.data,
            partition_key: &raw.partition_key,
            explicit_hash_key: None,
            position: Position::new(raw.sequence, 0),
            arrival: raw.arrival,
            aggregation: Aggregation::Plain,
        }
    }

    fn part(user: &UserRecord<'a>, sequence: SequenceNumber, arrival: Option<Timestamp>) -> Self {
        Self {
            data: user.data,
            partition_key: user.partition_key,
            explicit_hash_key: user.explicit_hash_key,
            position: Position::new(sequence, user.sub_sequence_number),
            arrival,
            aggregation: Aggregation::Aggregated,
        }
    }

    fn lone(raw: &'a RawRecord, part: &'a Part) -> Self {
        Self {
            explicit_hash_key: part.explicit_hash_key.as_deref(),
            position: Position::new(raw.sequence, part.sub_sequence),
            aggregation: Aggregation::Aggregated,
            ..Self::plain(raw)
        }
    }
}

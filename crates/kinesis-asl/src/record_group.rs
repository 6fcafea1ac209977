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
    Aggregate {
        sequence: SequenceNumber,
        arrival: Option<Timestamp>,
        batch: Batch,
        /// Bytes of the aggregate for each of its records: the keys and what was left out count as well.
        share: usize,
    },
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
        let share = raw.data.len().div_ceil(places.len().max(1));
        Self::new(origin, Content::Aggregate { sequence, arrival, batch, share }).push(places, into);
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
            Content::Aggregate { sequence, arrival, batch, .. } => {
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
        match &self.content {
            Content::Aggregate { share, .. } => PART_COST + share,
            Content::Plain(_) | Content::Lone { .. } => {
                let said = self.said(place);
                cost_of(said.data, said.partition_key)
            }
        }
    }
}

/// What a Kinesis record of this data and key costs in memory, in bytes, if it is a user record.
pub(crate) fn cost_of(data: &[u8], partition_key: &str) -> usize {
    size_of::<KinesisRecord>() + size_of::<RawRecord>() + data.len() + partition_key.len()
}

/// A part of an aggregate beside its share of that: a place, and an entry in the index (where it lies, the numbers of its two keys).
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

#[cfg(test)]
mod tests {
    use kpl_deagg::{Aggregator, Deaggregated, HashKey, RangePolicy, deaggregate_all};

    use super::*;

    fn origin() -> Arc<Origin> {
        Arc::new(Origin { stream: "words".into(), shard: "shardId-000000000001".into() })
    }

    fn raw(sequence: u64, data: &[u8]) -> RawRecord {
        let sequence = SequenceNumber::from_limbs([0, 0, sequence]);
        RawRecord { sequence, partition_key: "key".into(), data: Bytes::copy_from_slice(data), arrival: None }
    }

    fn aggregate() -> RawRecord {
        let mut aggregator = Aggregator::new(1 << 20);
        for (key, hash_key, word) in [("a", None, "to"), ("b", Some("7"), "be"), ("a", None, "or")] {
            let _ = aggregator.try_add(
                key,
                hash_key.map(|key| HashKey::parse_explicit(key).expect("a hash key")),
                word.as_bytes(),
            );
        }
        raw(9, &aggregator.finish().expect("not empty").data)
    }

    fn parts_from(raw: &RawRecord, from: usize) -> Vec<KinesisRecord> {
        let mut records = Vec::new();
        for outcome in deaggregate_all([&raw.data], None, RangePolicy::KeepAll) {
            let Deaggregated::Expanded(batch) = outcome else { panic!("no aggregate") };
            RecordGroup::aggregate(&origin(), raw, batch, from, &mut records);
        }
        records
    }

    #[test]
    fn a_record_is_two_words_and_finds_in_its_group_what_it_says() {
        assert_eq!(size_of::<KinesisRecord>(), 2 * size_of::<usize>());
        let records = parts_from(&aggregate(), 1);
        let said: Vec<_> = records.iter().map(KinesisRecord::said).collect();
        let part = |data, partition_key, explicit_hash_key, sub_sequence| Said {
            data,
            partition_key,
            explicit_hash_key,
            position: Position::new(SequenceNumber::from_limbs([0, 0, 9]), sub_sequence),
            arrival: None,
            aggregation: Aggregation::Aggregated,
        };
        assert_eq!(said, [part(b"be", "b", Some("7"), 1), part(b"or", "a", None, 2)]);
    }

    #[test]
    fn a_payload_is_handed_out_without_copying_whatever_it_came_in() {
        let (raw, mut records) = (raw(1, b"plain"), parts_from(&aggregate(), 0));
        RecordGroup::plain(&origin(), vec![raw.clone(), raw.clone()], &mut records);
        records.push(RecordGroup::lone(&origin(), raw, Some(Part { sub_sequence: 4, explicit_hash_key: None })));
        assert_eq!(records.len(), 6);
        for record in &records {
            assert_eq!(
                (record.data_bytes().as_ptr(), record.data_bytes().len()),
                (record.data().as_ptr(), record.data().len())
            );
        }
    }

    #[test]
    fn the_parts_that_are_delivered_cost_what_the_aggregate_has_together_and_none_more_than_it_would_as_a_record() {
        let aggregate = aggregate();
        for from in 0..3 {
            let parts = parts_from(&aggregate, from);
            let costs: Vec<usize> = parts.iter().map(|record| record.group.cost(record.place)).collect();
            let whole = aggregate.data.len() + parts.len() * PART_COST;
            assert!((whole..whole + parts.len()).contains(&costs.iter().sum()), "{costs:?} of {whole}");
            assert!(costs.iter().all(|cost| *cost <= cost_of(&aggregate.data, &aggregate.partition_key)), "{costs:?}");
        }
    }
}

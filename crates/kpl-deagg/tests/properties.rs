//! Properties of the format: prost as an independent oracle, round trips, hostile input, accounting of what is left out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use kpl_deagg::{
    Aggregator, Deaggregated, HashKey, HashKeyRange, PlainReason, RangePolicy, TryAdd, deaggregate, deaggregate_all,
};
use md5::{Digest as _, Md5};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

#[derive(Clone, PartialEq, prost::Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Record {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "vec", required, tag = "3")]
    data: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    tags: Vec<Tag>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Tag {
    #[prost(string, required, tag = "1")]
    key: String,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// A user record as the tests compare it: key, explicit hash key, data.
type Plain = (String, Option<u128>, Vec<u8>);

const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// Magic before, digest after.
fn seal(message: &[u8]) -> Bytes {
    [&MAGIC[..], message, &Md5::digest(message)[..]].concat().into()
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[a-z0-9]{1,40}", "\\PC{0,8}"]
}

fn records() -> impl Strategy<Value = Vec<Plain>> {
    let hash_key = prop_oneof![3 => Just(None), 1 => (0..4_u128).prop_map(Some), 1 => any::<u128>().prop_map(Some)];
    vec((key(), hash_key, vec(any::<u8>(), 0..300)), 0..40)
}

fn range() -> impl Strategy<Value = HashKeyRange> {
    (any::<u128>(), any::<u128>()).prop_map(|(a, b)| HashKeyRange::new(HashKey::new(a.min(b)), HashKey::new(a.max(b))))
}

fn hash_key_of((key, explicit, _): &Plain) -> HashKey {
    explicit.map_or_else(|| HashKey::of_partition_key(key), HashKey::new)
}

/// A message whose indexes are all within their tables.
fn message() -> impl Strategy<Value = AggregatedRecord> {
    (vec(key(), 1..200), vec(any::<u128>(), 0..5)).prop_flat_map(|(keys, hash_keys)| {
        let tag = (key(), proptest::option::of(key())).prop_map(|(key, value)| Tag { key, value });
        let hash_key = if hash_keys.is_empty() {
            Just(None).boxed()
        } else {
            proptest::option::of(0..u64::try_from(hash_keys.len()).unwrap()).boxed()
        };
        let record = (0..u64::try_from(keys.len()).unwrap(), hash_key, vec(any::<u8>(), 0..200), vec(tag, 0..3))
            .prop_map(|(partition_key_index, explicit_hash_key_index, data, tags)| Record {
                partition_key_index,
                explicit_hash_key_index,
                data,
                tags,
            });
        let hash_keys: Vec<String> = hash_keys.iter().map(u128::to_string).collect();
        vec(record, 0..30).prop_map(move |records| AggregatedRecord {
            partition_key_table: keys.clone(),
            explicit_hash_key_table: hash_keys.clone(),
            records,
        })
    })
}

fn encode(records: &[Plain]) -> Option<kpl_deagg::Aggregate> {
    let mut aggregator = Aggregator::new(usize::MAX);
    for (key, explicit, data) in records {
        assert_eq!(aggregator.try_add(key, explicit.map(HashKey::new), data), TryAdd::Added);
    }
    aggregator.finish()
}

fn decode(data: &Bytes) -> Vec<Plain> {
    let Deaggregated::Expanded(batch) = deaggregate(data, None, RangePolicy::KeepAll) else { panic!("plain") };
    assert_eq!((batch.stopped(), batch.discarded(), batch.lost()), (None, 0, 0));
    let explicit = |text| HashKey::parse_explicit(text).unwrap().as_u128();
    let plain = batch
        .iter()
        .map(|record| (record.partition_key.to_owned(), record.explicit_hash_key.map(explicit), record.data.to_vec()));
    plain.collect()
}

proptest! {
    #[test]
    fn what_is_aggregated_comes_out_again(records in records()) {
        match encode(&records) {
            None => prop_assert!(records.is_empty()),
            Some(aggregate) => {
                prop_assert_eq!(aggregate.count, u64::try_from(records.len()).unwrap());
                prop_assert_eq!(decode(&aggregate.data), records);
            }
        }
    }

    #[test]
    fn a_message_that_prost_encodes_decodes_to_the_same_records(message in message()) {
        let expected: Vec<Plain> = message
            .records
            .iter()
            .map(|record| {
                let key = message.partition_key_table[usize::try_from(record.partition_key_index).unwrap()].clone();
                let hash_key = record.explicit_hash_key_index.map(|index| {
                    message.explicit_hash_key_table[usize::try_from(index).unwrap()].parse().unwrap()
                });
                (key, hash_key, record.data.clone())
            })
            .collect();
        prop_assert_eq!(decode(&seal(&message.encode_to_vec())), expected);
    }

    #[test]
    fn prost_reads_what_the_aggregator_writes_and_writes_the_same_bytes(records in records()) {
        let Some(aggregate) = encode(&records) else { return Ok(()) };
        let message = AggregatedRecord::decode(&aggregate.data[4..aggregate.data.len() - 16]).unwrap();
        prop_assert_eq!(seal(&message.encode_to_vec()), aggregate.data);
    }

    #[test]
    fn the_size_is_exact_before_and_after_each_record(records in records(), max_size in 20..4000_usize) {
        let mut aggregator = Aggregator::new(max_size);
        for (key, explicit, data) in &records {
            let (size, count) = (aggregator.size(), aggregator.count());
            let mut roomy = Aggregator::new(usize::MAX);
            let alone = roomy.try_add(key, explicit.map(HashKey::new), data);
            prop_assert_eq!(alone, TryAdd::Added);
            match aggregator.try_add(key, explicit.map(HashKey::new), data) {
                TryAdd::Added => prop_assert!(aggregator.size() <= max_size),
                TryAdd::Full { size: wanted } => {
                    prop_assert!(wanted > max_size);
                    prop_assert_eq!((aggregator.size(), aggregator.count()), (size, count));
                    if let Some(aggregate) = aggregator.finish() {
                        prop_assert_eq!(aggregate.data.len(), size);
                    }
                    match aggregator.try_add(key, explicit.map(HashKey::new), data) {
                        TryAdd::Added => prop_assert_eq!(aggregator.size(), roomy.size()),
                        TryAdd::Full { size } => prop_assert_eq!(size, roomy.size()),
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_at_all_are_taken_without_a_panic(bytes in vec(any::<u8>(), 0..400), range in range()) {
        let sealed = seal(&bytes);
        for policy in [RangePolicy::KeepAll, RangePolicy::DiscardRecord, RangePolicy::DiscardAggregate] {
            for data in [Bytes::copy_from_slice(&bytes), sealed.clone()] {
                if let Deaggregated::Expanded(batch) = deaggregate(&data, Some(&range), policy) {
                    prop_assert_eq!(batch.iter().count(), batch.len());
                    prop_assert!(batch.len() <= data.len() / 6);
                }
            }
        }
    }

    #[test]
    fn a_damaged_message_under_a_right_digest_never_panics(
        records in records(), place in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let Some(aggregate) = encode(&records) else { return Ok(()) };
        let mut message = aggregate.data[4..aggregate.data.len() - 16].to_vec();
        let place = place.index(message.len());
        message[place] = byte;
        match (deaggregate(&seal(&message), None, RangePolicy::KeepAll), AggregatedRecord::decode(&message[..])) {
            (Deaggregated::Expanded(batch), Ok(oracle)) => {
                prop_assert_eq!(u64::try_from(batch.len()).unwrap() + batch.lost(),
                    u64::try_from(oracle.records.len()).unwrap());
                for (ours, theirs) in batch.iter().zip(&oracle.records) {
                    prop_assert_eq!(ours.data, &theirs.data[..]);
                }
            }
            (Deaggregated::Plain(reason), _) => prop_assert_eq!(reason, PlainReason::BadMessage),
            // prost is stricter in places: UTF-8, known fields of another wire type.
            (Deaggregated::Expanded(_), Err(_)) => {}
        }
    }

    #[test]
    fn each_range_policy_leaves_out_exactly_what_it_says(records in records(), range in range()) {
        let Some(aggregate) = encode(&records) else { return Ok(()) };
        let inside: Vec<u64> = (0..)
            .zip(&records)
            .filter(|(_, record)| range.contains(hash_key_of(record)))
            .map(|(number, _)| number)
            .collect();
        let all: Vec<u64> = (0..aggregate.count).collect();
        let whole_or_nothing = if inside == all { all.clone() } else { Vec::new() };
        for (policy, expected) in [
            (RangePolicy::KeepAll, &all),
            (RangePolicy::DiscardRecord, &inside),
            (RangePolicy::DiscardAggregate, &whole_or_nothing),
        ] {
            let Deaggregated::Expanded(batch) = deaggregate(&aggregate.data, Some(&range), policy) else {
                return Err(TestCaseError::fail("plain"));
            };
            let numbers: Vec<u64> = batch.iter().map(|record| record.sub_sequence_number).collect();
            prop_assert_eq!(&numbers, expected);
            prop_assert_eq!(u64::try_from(batch.len()).unwrap() + batch.discarded(), aggregate.count);
            prop_assert_eq!(encode(&records).is_some_and(|aggregate| aggregate.is_within(&range)), inside == all);
            for record in &batch {
                let (key, _, data) = &records[usize::try_from(record.sub_sequence_number).unwrap()];
                prop_assert_eq!((record.partition_key, record.data), (key.as_str(), &data[..]));
            }
        }
    }
}

fn small_aggregate() -> Bytes {
    encode(&[("a".into(), None, b"one".to_vec()), ("b".into(), Some(7), b"two".to_vec())]).unwrap().data
}

/// One by one and as one page.
fn assert_all_plain(page: &[Bytes]) {
    let one_by_one = page.iter().map(|data| deaggregate(data, None, RangePolicy::KeepAll));
    for (at, outcome) in one_by_one.enumerate() {
        assert!(matches!(outcome, Deaggregated::Plain(_)), "number {at}");
    }
    for (at, outcome) in deaggregate_all(page, None, RangePolicy::KeepAll).into_iter().enumerate() {
        assert!(matches!(outcome, Deaggregated::Plain(_)), "number {at} of the page");
    }
}

#[test]
fn every_proper_prefix_of_an_aggregate_stays_plain() {
    let data = small_aggregate();
    assert_all_plain(&(0..data.len()).map(|length| data.slice(..length)).collect::<Vec<_>>());
}

#[test]
fn every_change_of_one_bit_of_an_aggregate_leaves_it_plain() {
    let data = small_aggregate();
    let changed = |bit: usize| {
        let mut changed = data.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        Bytes::from(changed)
    };
    assert_all_plain(&(0..data.len() * 8).map(changed).collect::<Vec<_>>());
}

#[test]
fn an_expansion_that_stops_says_why_and_counts_what_is_lost_ag_4() {
    let record = |partition_key_index, explicit_hash_key_index| Record {
        partition_key_index,
        explicit_hash_key_index,
        data: vec![1],
        tags: Vec::new(),
    };
    for (bad, reason) in [
        (record(1, None), kpl_deagg::StopReason::PartitionKeyIndex),
        (record(u64::from(u32::MAX), None), kpl_deagg::StopReason::PartitionKeyIndex),
        (record(0, Some(1)), kpl_deagg::StopReason::ExplicitHashKeyIndex),
        (record(0, Some(u64::from(u32::MAX))), kpl_deagg::StopReason::ExplicitHashKeyIndex),
        (record(0, Some(0)), kpl_deagg::StopReason::ExplicitHashKeyNotANumber),
    ] {
        let message = AggregatedRecord {
            partition_key_table: vec!["a".into()],
            explicit_hash_key_table: vec!["undefined".into()],
            records: vec![record(0, None), bad, record(0, None)],
        };
        let outcome = deaggregate(&seal(&message.encode_to_vec()), None, RangePolicy::KeepAll);
        let Deaggregated::Expanded(batch) = outcome else { panic!("plain") };
        assert_eq!((batch.len(), batch.lost(), batch.stopped()), (1, 2, Some(reason)));
    }
}

#[test]
fn an_explicit_hash_key_outside_the_key_space_is_outside_every_range_even_with_none_known() {
    let record = |explicit_hash_key_index| Record {
        partition_key_index: 0,
        explicit_hash_key_index,
        data: vec![1],
        tags: Vec::new(),
    };
    let message = AggregatedRecord {
        partition_key_table: vec!["a".into()],
        explicit_hash_key_table: vec!["-1".into()],
        records: vec![record(None), record(Some(0)), record(None)],
    };
    let data = seal(&message.encode_to_vec());
    for (policy, left) in
        [(RangePolicy::KeepAll, 3), (RangePolicy::DiscardRecord, 2), (RangePolicy::DiscardAggregate, 0)]
    {
        let Deaggregated::Expanded(batch) = deaggregate(&data, None, policy) else { panic!("plain") };
        assert_eq!((batch.len(), batch.stopped()), (left, None), "{policy:?}");
    }
}

#[test]
fn payloads_and_keys_are_slices_of_the_input() {
    let data = small_aggregate();
    let Deaggregated::Expanded(batch) = deaggregate(&data, None, RangePolicy::KeepAll) else { panic!("plain") };
    for record in &batch {
        for part in [record.data_bytes(), record.partition_key_bytes()] {
            assert!(data.as_ptr_range().contains(&part.as_ptr()));
        }
    }
}

//! Golden cases: what the Java Kinesis Client Library makes of aggregates, and of bytes that look like one.
//! `tests/vectors/README.md` describes the files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kpl_deagg::{
    Aggregator, Deaggregated, Deaggregator, HashKey, HashKeyRange, Lanes, RangePolicy, TryAdd, deaggregate,
    deaggregate_all,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    id: String,
    input: Input,
    expected: Vec<Expected>,
    canonical: bool,
}

#[derive(Deserialize)]
struct Input {
    data_base64: String,
    partition_key: String,
    shard: Option<Shard>,
}

#[derive(Deserialize)]
struct Shard {
    starting_hash_key: String,
    ending_hash_key: String,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Expected {
    #[serde(default)]
    sequence_number: Option<String>,
    partition_key: String,
    explicit_hash_key: Option<String>,
    data_base64: String,
    sub_sequence_number: u64,
    aggregated: bool,
}

#[derive(Deserialize)]
struct BatchCase {
    id: String,
    input: BatchInput,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct BatchInput {
    records: Vec<KinesisRecord>,
    shard: Option<Shard>,
    checkpoint: Option<Checkpoint>,
}

#[derive(Deserialize)]
struct KinesisRecord {
    sequence_number: String,
    partition_key: String,
    data_base64: String,
}

#[derive(Deserialize)]
struct Checkpoint {
    sequence_number: String,
    sub_sequence_number: u64,
}

#[derive(Deserialize)]
struct KeyCase {
    partition_key: String,
    hash_key: String,
}

const CASES: &str = include_str!("vectors/vectors.json");
const BATCHES: &str = include_str!("vectors/batch-vectors.json");
const KEYS: &str = include_str!("vectors/hash-keys.json");

fn cases() -> Vec<Case> {
    serde_json::from_str(CASES).unwrap()
}

fn bytes(text: &str) -> Bytes {
    STANDARD.decode(text).unwrap().into()
}

fn range(shard: Option<&Shard>) -> Option<HashKeyRange> {
    shard.map(|shard| HashKeyRange::parse(&shard.starting_hash_key, &shard.ending_hash_key).unwrap())
}

/// What the KCL makes of a record: the outcome's user records, or the record itself if it is a plain one.
fn expected_of(outcome: Deaggregated, data: &Bytes, partition_key: &str) -> Vec<Expected> {
    match outcome {
        Deaggregated::Plain(_) => vec![Expected {
            sequence_number: None,
            partition_key: partition_key.to_owned(),
            explicit_hash_key: None,
            data_base64: STANDARD.encode(data),
            sub_sequence_number: 0,
            aggregated: false,
        }],
        Deaggregated::Expanded(batch) => batch
            .iter()
            .map(|record| {
                assert_eq!(record.data_bytes(), record.data);
                assert_eq!(record.partition_key_bytes(), record.partition_key.as_bytes());
                let record = record.into_owned();
                Expected {
                    sequence_number: None,
                    partition_key: record.partition_key,
                    explicit_hash_key: record.explicit_hash_key,
                    data_base64: STANDARD.encode(record.data),
                    sub_sequence_number: record.sub_sequence_number,
                    aggregated: true,
                }
            })
            .collect(),
    }
}

#[test]
fn every_vector_gives_what_the_kcl_gives_under_its_policy() {
    let cases = cases();
    assert_eq!(cases.len(), 101);
    for case in cases {
        let data = bytes(&case.input.data_base64);
        let range = range(case.input.shard.as_ref());
        let outcome = deaggregate(&data, range.as_ref(), RangePolicy::DiscardAggregate);
        assert_eq!(expected_of(outcome, &data, &case.input.partition_key), case.expected, "{}", case.id);
    }
}

#[test]
fn all_vectors_of_one_shard_give_the_same_on_one_page_in_all_lanes() {
    let cases = cases();
    let mut ranges: Vec<Option<HashKeyRange>> = Vec::new();
    for range in cases.iter().map(|case| range(case.input.shard.as_ref())) {
        if !ranges.contains(&range) {
            ranges.push(range);
        }
    }
    for shard in ranges {
        let page: Vec<(&Case, Bytes)> = cases
            .iter()
            .filter(|case| range(case.input.shard.as_ref()) == shard)
            .map(|case| (case, bytes(&case.input.data_base64)))
            .collect();
        for lanes in Lanes::available() {
            let deaggregator = Deaggregator::new(shard.as_ref(), RangePolicy::DiscardAggregate).with_lanes(lanes);
            let outcomes = deaggregator.all(page.iter().map(|(_, data)| data));
            assert_eq!(outcomes.len(), page.len());
            for ((case, data), outcome) in page.iter().zip(outcomes) {
                let records = expected_of(outcome, data, &case.input.partition_key);
                assert_eq!(records, case.expected, "{} in {lanes}", case.id);
            }
        }
    }
}

#[test]
fn canonical_vectors_encode_again_byte_for_byte() {
    let canonical: Vec<Case> = cases().into_iter().filter(|case| case.canonical).collect();
    assert_eq!(canonical.len(), 26);
    for case in canonical {
        let mut aggregator = Aggregator::new(usize::MAX);
        let mut hash_keys = Vec::new();
        for record in &case.expected {
            let explicit = record.explicit_hash_key.as_deref().map(|text| HashKey::parse_explicit(text).unwrap());
            hash_keys.push(explicit.unwrap_or_else(|| HashKey::of_partition_key(&record.partition_key)));
            let added = aggregator.try_add(&record.partition_key, explicit, &bytes(&record.data_base64));
            assert_eq!(added, TryAdd::Added);
        }
        let size = aggregator.size();
        let aggregate = aggregator.finish().unwrap();
        assert_eq!(STANDARD.encode(&aggregate.data), case.input.data_base64, "{}", case.id);
        assert_eq!(aggregate.data.len(), size, "{}", case.id);
        assert_eq!(Some(&aggregate.hash_key), hash_keys.first());
        assert_eq!(Some(&aggregate.min_hash_key), hash_keys.iter().min());
        assert_eq!(Some(&aggregate.max_hash_key), hash_keys.iter().max());
    }
}

#[test]
fn a_batch_of_records_expands_in_order_and_continues_after_its_checkpoint() {
    let cases: Vec<BatchCase> = serde_json::from_str(BATCHES).unwrap();
    assert_eq!(cases.len(), 11);
    for case in cases {
        let range = range(case.input.shard.as_ref());
        let mut records = Vec::new();
        let page: Vec<Bytes> = case.input.records.iter().map(|record| bytes(&record.data_base64)).collect();
        let outcomes = deaggregate_all(&page, range.as_ref(), RangePolicy::DiscardAggregate);
        for ((record, data), outcome) in case.input.records.iter().zip(&page).zip(outcomes) {
            for mut user_record in expected_of(outcome, data, &record.partition_key) {
                user_record.sequence_number = Some(record.sequence_number.clone());
                if case.input.checkpoint.as_ref().is_none_or(|checkpoint| is_after(&user_record, checkpoint)) {
                    records.push(user_record);
                }
            }
        }
        assert_eq!(records, case.expected, "{}", case.id);
    }
}

/// Sequence numbers compare as numbers, then sub-sequence numbers decide.
fn is_after(record: &Expected, checkpoint: &Checkpoint) -> bool {
    let (ours, theirs) = (record.sequence_number.as_deref().unwrap(), checkpoint.sequence_number.as_str());
    let order = ours.len().cmp(&theirs.len()).then_with(|| ours.cmp(theirs));
    order.then(record.sub_sequence_number.cmp(&checkpoint.sub_sequence_number)) == Ordering::Greater
}

#[test]
fn the_hash_key_of_a_partition_key_is_the_number_kinesis_uses() {
    let cases: Vec<KeyCase> = serde_json::from_str(KEYS).unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        assert_eq!(HashKey::of_partition_key(&case.partition_key).to_string(), case.hash_key);
        assert_eq!(HashKey::parse_explicit(&case.hash_key), Ok(HashKey::of_partition_key(&case.partition_key)));
    }
}

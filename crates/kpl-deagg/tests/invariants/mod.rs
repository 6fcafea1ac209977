//! What holds for any input at all. Shared by the fuzz target, the replay of its corpus and the properties.
//!
//! The first byte of an input chooses a policy and a range; the rest is taken as the data of a Kinesis record, and as a message to be put
//! between the magic and its right digest, which no fuzzer would guess.

use bytes::Bytes;
use kpl_deagg::{
    Aggregator, Batch, Deaggregated, Deaggregator, HashKey, HashKeyRange, Lanes, RangePolicy, TryAdd, UserRecord,
    deaggregate,
};
use md5::{Digest as _, Md5};
use prost::Message as _;

/// Panics if an invariant does not hold.
pub(crate) fn check(input: &[u8]) {
    let (&choice, rest) = input.split_first().unwrap_or((&0, &[]));
    let policies = [RangePolicy::KeepAll, RangePolicy::DiscardRecord, RangePolicy::DiscardAggregate];
    let policy = policies[usize::from(choice) % policies.len()];
    let range = range(choice / 3);
    let (plain, sealed) = (Bytes::copy_from_slice(rest), seal(rest));
    for data in [&plain, &sealed] {
        if let Deaggregated::Expanded(batch) = deaggregate(data, range.as_ref(), policy) {
            check_batch(data, &batch, range.as_ref(), policy);
        }
    }
    check_page(&[sealed.clone(), plain, seal(&rest[..rest.len() / 2])], range.as_ref(), policy);
    check_oracle(rest, &sealed);
}

fn seal(message: &[u8]) -> Bytes {
    [&[0xF3, 0x89, 0x9A, 0xC2], message, &Md5::digest(message)[..]].concat().into()
}

/// None, everything, nearly everything, or a part that begins somewhere.
fn range(choice: u8) -> Option<HashKeyRange> {
    match choice {
        0 => None,
        1 => Some(HashKeyRange::FULL),
        2 => Some(HashKeyRange::new(HashKey::new(1), HashKey::MAX)),
        _ => Some(HashKeyRange::new(HashKey::new(u128::from(choice) << 121), HashKey::MAX)),
    }
}

fn check_batch(data: &Bytes, batch: &Batch, range: Option<&HashKeyRange>, policy: RangePolicy) {
    assert_eq!(batch.iter().count(), batch.len());
    assert!(batch.len() <= data.len() / 6, "a record has at least six bytes");
    assert_eq!(batch.stopped().is_some(), batch.lost() > 0, "what is lost has a reason, and the reason a loss");
    let Deaggregated::Expanded(all) = deaggregate(data, None, RangePolicy::KeepAll) else { panic!("plain by policy") };
    let count = |batch: &Batch| u64::try_from(batch.len()).unwrap() + batch.discarded() + batch.lost();
    assert_eq!(count(batch), count(&all), "no record is lost without a trace, and none invented");
    let numbers: Vec<u64> = batch.iter().map(|record| record.sub_sequence_number).collect();
    if batch.discarded() == 0 {
        assert!((0..).zip(&numbers).all(|(position, number)| position == *number), "numbers are consecutive");
    }
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "numbers ascend");
    for record in batch {
        check_record(data, &record);
        let twin = all.get(usize::try_from(record.sub_sequence_number).unwrap()).unwrap();
        assert_eq!(view(&record), view(&twin), "a policy leaves out, it does not change");
        if let (Some(range), false) = (range, policy == RangePolicy::KeepAll) {
            assert!(hash_key(&record).is_some_and(|hash_key| range.contains(hash_key)), "what is left is inside");
        }
    }
    check_encodes_again(batch);
}

fn check_record(data: &Bytes, record: &UserRecord<'_>) {
    let inside = |part: &[u8]| {
        part.is_empty() || {
            let (whole, part) = (data.as_ptr_range(), part.as_ptr_range());
            whole.start <= part.start && part.end <= whole.end
        }
    };
    assert!(inside(record.data) && inside(&record.data_bytes()), "payloads are slices of the input");
    assert_eq!(record.partition_key_bytes(), record.partition_key.as_bytes());
    if !record.partition_key.contains('\u{FFFD}') {
        assert!(inside(&record.partition_key_bytes()), "keys are slices of the input");
    }
    let owned = record.into_owned();
    assert_eq!((&owned.partition_key[..], &owned.data[..]), (record.partition_key, record.data));
}

type View<'a> = (&'a str, Option<&'a str>, &'a [u8], u64);

fn view<'a>(record: &UserRecord<'a>) -> View<'a> {
    (record.partition_key, record.explicit_hash_key, record.data, record.sub_sequence_number)
}

fn hash_key(record: &UserRecord<'_>) -> Option<HashKey> {
    match record.explicit_hash_key {
        Some(text) => HashKey::parse_explicit(text).ok(),
        None => Some(HashKey::of_partition_key(record.partition_key)),
    }
}

/// What came out goes in again and comes out the same.
fn check_encodes_again(batch: &Batch) {
    let mut aggregator = Aggregator::new(usize::MAX);
    let explicit = |text: Option<&str>| text.and_then(|text| HashKey::parse_explicit(text).ok());
    for record in batch {
        let added = aggregator.try_add(record.partition_key, explicit(record.explicit_hash_key), record.data);
        assert_eq!(added, TryAdd::Added);
    }
    let Some(aggregate) = aggregator.finish() else { return assert!(batch.is_empty()) };
    let outcome = deaggregate(&aggregate.data, None, RangePolicy::KeepAll);
    let Deaggregated::Expanded(again) = outcome else { panic!("our own aggregate is plain") };
    assert_eq!(again.len(), batch.len());
    for (again, before) in again.iter().zip(batch) {
        assert_eq!((again.partition_key, again.data), (before.partition_key, before.data));
        assert_eq!(explicit(again.explicit_hash_key), explicit(before.explicit_hash_key));
    }
}

/// A page gives what its records give one by one, in every width.
fn check_page(page: &[Bytes], range: Option<&HashKeyRange>, policy: RangePolicy) {
    let one_by_one: Vec<Deaggregated> = page.iter().map(|data| deaggregate(data, range, policy)).collect();
    for lanes in Lanes::available() {
        assert_same(&Deaggregator::new(range, policy).with_lanes(lanes).all(page), &one_by_one);
    }
}

fn assert_same(ours: &[Deaggregated], theirs: &[Deaggregated]) {
    assert_eq!(ours.len(), theirs.len());
    for pair in ours.iter().zip(theirs) {
        match pair {
            (Deaggregated::Plain(ours), Deaggregated::Plain(theirs)) => assert_eq!(ours, theirs),
            (Deaggregated::Expanded(ours), Deaggregated::Expanded(theirs)) => {
                let counts = |batch: &Batch| (batch.stopped(), batch.discarded(), batch.lost());
                assert_eq!(counts(ours), counts(theirs));
                assert!(ours.iter().map(|record| view(&record)).eq(theirs.iter().map(|record| view(&record))));
            }
            _ => panic!("one is plain, the other is not"),
        }
    }
}

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
}

/// Where both this crate and prost read a message, they read the same.
fn check_oracle(message: &[u8], sealed: &Bytes) {
    let Deaggregated::Expanded(batch) = deaggregate(sealed, None, RangePolicy::KeepAll) else { return };
    let Ok(oracle) = AggregatedRecord::decode(message) else { return };
    assert_eq!(u64::try_from(batch.len()).unwrap() + batch.lost(), u64::try_from(oracle.records.len()).unwrap());
    for (ours, theirs) in batch.iter().zip(&oracle.records) {
        assert_eq!(ours.data, &theirs.data[..]);
        // Indexes count with their low 32 bits, as in the KCL.
        let index = usize::try_from(theirs.partition_key_index & u64::from(u32::MAX)).unwrap();
        assert_eq!(ours.partition_key, oracle.partition_key_table[index]);
    }
}

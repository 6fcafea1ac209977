//! Inputs as large as Kinesis can carry, made to cost time, memory or stack. Each has the right digest, so that all of it is
//! walked.

#![expect(clippy::panic, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use kpl_deagg::{Batch, Deaggregated, HashKey, HashKeyRange, PlainReason, RangePolicy, deaggregate};
use md5::{Digest as _, Md5};

const LARGEST: usize = 10 << 20;

/// As many repetitions of `part` as fit between magic and digest of the largest record, behind `head`.
fn filled(head: &[u8], part: &[u8]) -> Bytes {
    let message = [head, &part.repeat((LARGEST - 20 - head.len()) / part.len())].concat();
    [&[0xF3, 0x89, 0x9A, 0xC2], &message[..], &Md5::digest(&message)[..]].concat().into()
}

fn four_byte_varint(length: usize) -> Vec<u8> {
    let seven_bits = |at: u32| u8::try_from((length >> (7 * at)) & 0x7F).unwrap_or(0);
    vec![seven_bits(0) | 0x80, seven_bits(1) | 0x80, seven_bits(2) | 0x80, seven_bits(3)]
}

fn outcome(data: &Bytes, policy: RangePolicy) -> Deaggregated {
    let all_but_one = HashKeyRange::new(HashKey::new(1), HashKey::MAX);
    deaggregate(data, Some(&all_but_one), policy)
}

fn expanded(data: &Bytes, policy: RangePolicy) -> Batch {
    match outcome(data, policy) {
        Deaggregated::Expanded(batch) => batch,
        Deaggregated::Plain(reason) => panic!("plain: {reason:?}"),
    }
}

#[test]
fn five_million_unused_empty_keys_yield_nothing() {
    let batch = expanded(&filled(&[], &[0x0A, 0]), RangePolicy::DiscardAggregate);
    assert_eq!((batch.len(), batch.stopped()), (0, None));
}

#[test]
fn records_of_the_least_size_all_come_out() {
    let data = filled(&[0x0A, 0], &[0x1A, 4, 0x08, 0, 0x1A, 0]);
    let batch = expanded(&data, RangePolicy::DiscardAggregate);
    assert_eq!(batch.len(), (LARGEST - 22) / 6);
    assert!(batch.iter().all(|record| record.partition_key.is_empty() && record.data.is_empty()));
}

#[test]
fn a_key_of_ten_mebibytes_that_is_not_utf_8_is_decoded_once() {
    let record = [0x1A, 4, 0x08, 0, 0x1A, 0].repeat(1000);
    let length = LARGEST - 20 - 5 - record.len();
    let data = filled(&[&record[..], &[0x0A], &four_byte_varint(length)].concat(), &[0xFF]);
    let batch = expanded(&data, RangePolicy::DiscardAggregate);
    assert_eq!(batch.len(), 1000);
    assert!(batch.iter().all(|record| record.partition_key.len() == 3 * length));
}

#[test]
fn a_used_key_for_each_record_scattered_between_them_comes_out_right() {
    let data = filled(&[], &[0x0A, 1, b'k', 0x1A, 5, 0x08, 0, 0x1A, 1, b'd']);
    let batch = expanded(&data, RangePolicy::DiscardAggregate);
    assert!(batch.iter().all(|record| (record.partition_key, record.data) == ("k", b"d")));
    assert_eq!(batch.len(), (LARGEST - 20) / 10);
}

#[test]
fn an_explicit_hash_key_of_ten_million_digits_is_read_once() {
    let record = [0x1A, 6, 0x08, 0, 0x10, 0, 0x1A, 0].repeat(1000);
    let head = [&[0x0A, 0][..], &record].concat();
    let length = LARGEST - 20 - 5 - head.len();
    let data = filled(&[&head[..], &[0x12], &four_byte_varint(length)].concat(), b"9");
    assert_eq!(expanded(&data, RangePolicy::KeepAll).len(), 1000);
    assert_eq!(expanded(&data, RangePolicy::DiscardRecord).discarded(), 1000);
}

#[test]
fn groups_nested_ten_million_deep_are_no_message() {
    let Deaggregated::Plain(reason) = outcome(&filled(&[], &[0x2B]), RangePolicy::KeepAll) else { panic!("expanded") };
    assert_eq!(reason, PlainReason::BadMessage);
}

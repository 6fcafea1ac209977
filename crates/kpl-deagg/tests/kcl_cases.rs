//! The cases of the Java KCL's tests that concern aggregates, each by its id and from data made here; `vectors.rs` holds many more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use kpl_deagg::{Aggregator, Deaggregated, HashKey, HashKeyRange, RangePolicy, deaggregate};

const MAX: u128 = u128::MAX;

/// An aggregate of these partition keys and explicit hash keys.
fn aggregate(records: &[(&str, Option<u128>)]) -> Bytes {
    let mut aggregator = Aggregator::new(1 << 20);
    for (number, (key, explicit)) in records.iter().enumerate() {
        let _ = aggregator.try_add(key, explicit.map(HashKey::new), number.to_string().as_bytes());
    }
    aggregator.finish().unwrap().data
}

/// The user records of an aggregate as `sub-sequence number: data`, and how many were left out. `None` for a plain record.
fn expanded(data: &Bytes, range: Option<(u128, u128)>, policy: RangePolicy) -> Option<(Vec<String>, u64)> {
    let range = range.map(|(from, to)| HashKeyRange::parse(&from.to_string(), &to.to_string()).unwrap());
    match deaggregate(data, range.as_ref(), policy) {
        Deaggregated::Plain(_) => None,
        Deaggregated::Expanded(batch) => {
            let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
            let records = batch.iter().map(|user| format!("{}: {}", user.sub_sequence_number, text(user.data)));
            Some((records.collect(), batch.discarded()))
        }
    }
}

/// Five records whose hash keys are below 100 to 199, five within, five above.
fn around_a_range() -> Bytes {
    let keys = [10, 100, 200].into_iter().flat_map(|from| (from..from + 5).map(|key| ("any", Some(key))));
    aggregate(&keys.collect::<Vec<_>>())
}

#[test]
fn the_user_records_of_an_aggregate_are_numbered_from_0_on_in_order_ag_1() {
    let data = aggregate(&[("a", None), ("b", None), ("a", None)]);
    let expected = ["0: 0", "1: 1", "2: 2"].map(str::to_owned).to_vec();
    assert_eq!(expanded(&data, None, RangePolicy::KeepAll), Some((expected, 0)));
}

#[test]
fn of_fifteen_user_records_of_which_five_belong_to_the_shard_each_policy_leaves_what_it_says_ag_3() {
    let (data, range) = (around_a_range(), Some((100, 199)));
    let left = |policy| expanded(&data, range, policy).map(|(records, out)| (records.len(), out));
    assert_eq!(left(RangePolicy::DiscardAggregate).map(|left| left.0), Some(0), "the KCL's rule");
    assert_eq!(left(RangePolicy::DiscardRecord), Some((5, 10)));
    assert_eq!(left(RangePolicy::KeepAll), Some((15, 0)), "the default loses nothing");
    let whole = expanded(&data, Some((10, 204)), RangePolicy::DiscardAggregate).unwrap();
    assert_eq!((whole.0.len(), whole.1), (15, 0), "all of them belong to this shard");
}

#[test]
fn an_explicit_hash_key_decides_and_not_the_partition_key_ag_3() {
    // The MD5 of "a" lies near the beginning of the key space, above a hundredth of it.
    let range = Some((0, MAX / 100));
    for (explicit, is_kept) in [(Some(7), true), (Some(MAX), false), (None, false)] {
        let kept = expanded(&aggregate(&[("a", explicit)]), range, RangePolicy::DiscardAggregate).unwrap().0.len();
        assert_eq!(kept == 1, is_kept, "{explicit:?}");
    }
}

#[test]
fn what_is_damaged_is_one_plain_record_ag_4() {
    let sound = aggregate(&[("a", None), ("b", None)]);
    assert!(expanded(&sound, None, RangePolicy::KeepAll).is_some());
    let mut wrong_digest = sound.to_vec();
    *wrong_digest.last_mut().unwrap() ^= 1;
    let unparsable = [&sound[..4], &[0xff; 40]].concat();
    for data in [wrong_digest, unparsable, sound[..4].to_vec(), sound[..12].to_vec(), Vec::new()] {
        assert_eq!(expanded(&data.clone().into(), None, RangePolicy::DiscardAggregate), None, "{data:x?}");
    }
}

#[test]
fn without_a_range_nothing_is_left_out_whatever_the_policy_ag_6() {
    for policy in [RangePolicy::KeepAll, RangePolicy::DiscardRecord, RangePolicy::DiscardAggregate] {
        let left = expanded(&around_a_range(), None, policy).unwrap();
        assert_eq!((left.0.len(), left.1), (15, 0), "{policy:?}");
    }
}

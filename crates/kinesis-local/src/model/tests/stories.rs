//! One documented behaviour per test.

use super::*;

const HOUR: u64 = 3_600_000;

#[test]
fn a_new_stream_is_creating_and_has_no_shards_until_its_delay_has_passed() {
    let mut model = Model::new(Settings { status_delay: Duration::from_millis(20), ..Settings::default() }, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 3)).unwrap();
    let before = model.describe_stream(at(19), &DescribeStream::of("words")).unwrap();
    assert_eq!((before.summary.status, before.shards.len()), (StreamStatus::Creating, 0));
    let refused = model.list_shards(at(19), &ListShards::of("words")).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceInUse);
    let after = model.describe_stream(at(20), &DescribeStream::of("words")).unwrap();
    assert_eq!((after.summary.status, after.shards.len()), (StreamStatus::Active, 3));
}

#[test]
fn a_stream_takes_no_records_while_it_is_creating() {
    let mut model = Model::new(Settings::default(), 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 1)).unwrap();
    let entry = PutEntry::new("key", None, Payload::from_bytes(b"x")).unwrap();
    let refused = model.put_record(T0, PutRecord { stream: "words".into(), entry }).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceNotFound);
}

#[test]
fn creating_a_stream_twice_is_resource_in_use() {
    let refused = with_stream(1).create_stream(T0, &CreateStream::provisioned("words", 1)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceInUse);
    assert_eq!(refused.message, "Stream words under account 000000000000 already exists.");
}

#[test]
fn a_recreated_stream_is_empty_and_refuses_the_iterators_of_the_old_one() {
    let mut model = with_stream(1);
    put(&mut model, T0, 0, "old");
    let old = iterator(&mut model, T0, 0, StartingPosition::TrimHorizon).unwrap();
    model.delete_stream(at(1), &"words".into()).unwrap();
    assert_eq!(model.stored_memory(), 0);
    model.create_stream(at(2), &CreateStream::provisioned("words", 1)).unwrap();
    assert!(read(&mut model, at(2), 0, StartingPosition::TrimHorizon).records.is_empty());
    let refused = model.get_records(at(2), &GetRecords { iterator: old, limit: None }).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceNotFound);
}

#[test]
fn more_shards_than_the_limit_are_limit_exceeded() {
    let mut model = Model::new(Settings { shard_limit: 3, ..Settings::default() }, 7);
    model.create_stream(T0, &CreateStream::provisioned("a", 2)).unwrap();
    let refused = model.create_stream(T0, &CreateStream::provisioned("b", 2)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::LimitExceeded);
}

#[test]
fn streams_are_listed_by_name_in_pages() {
    let mut model = Model::new(Settings::default(), 7);
    for name in ["c", "a", "b"] {
        model.create_stream(T0, &CreateStream::provisioned(name, 1)).unwrap();
    }
    let mut request = ListStreams { limit: Some(2), ..ListStreams::default() };
    let first = model.list_streams(T0, &request).unwrap();
    request.next_token = first.next_token;
    let second = model.list_streams(T0, &request).unwrap();
    let names: Vec<_> = first.streams.iter().chain(&second.streams).map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(second.next_token, None);
}

#[test]
fn a_record_goes_to_the_shard_that_holds_its_hash_key() {
    let mut model = with_stream(2);
    assert_eq!(put(&mut model, T0, 0, "a").shard_id, ShardId(0));
    assert_eq!(put(&mut model, T0, HALF - 1, "b").shard_id, ShardId(0));
    assert_eq!(put(&mut model, T0, HALF, "c").shard_id, ShardId(1));
    assert_eq!(put(&mut model, T0, u128::MAX, "d").shard_id, ShardId(1));
}

#[test]
fn the_five_positions_start_where_they_say() {
    let mut model = with_stream(1);
    let numbers: Vec<_> = (0..4).map(|n| put(&mut model, at(n * 10), 0, &n.to_string()).sequence_number).collect();
    let now = at(100);
    let mut from = |position| texts(&read(&mut model, now, 0, position).records);
    assert_eq!(from(StartingPosition::TrimHorizon), ["0", "1", "2", "3"]);
    assert_eq!(from(StartingPosition::Latest), [""; 0]);
    assert_eq!(from(StartingPosition::AtSequenceNumber(numbers[2])), ["2", "3"]);
    assert_eq!(from(StartingPosition::AfterSequenceNumber(numbers[2])), ["3"]);
    assert_eq!(from(StartingPosition::AtTimestamp(at(10))), ["1", "2", "3"]);
    assert_eq!(from(StartingPosition::AtTimestamp(at(11))), ["2", "3"]);
    assert_eq!(from(StartingPosition::AtTimestamp(at(31))), [""; 0]);
}

#[test]
fn a_time_in_the_future_and_a_number_of_another_shard_are_invalid_arguments() {
    let mut model = with_stream(2);
    let other = put(&mut model, T0, HALF, "x").sequence_number;
    for position in [
        StartingPosition::AtTimestamp(at(1)),
        StartingPosition::AtSequenceNumber(other),
        StartingPosition::AfterSequenceNumber("17".parse().unwrap()),
    ] {
        let refused = iterator(&mut model, T0, 0, position).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidArgument, "{position:?}");
    }
}

#[test]
fn lag_is_the_age_of_what_was_read_and_zero_only_at_the_tip() {
    let mut model = with_stream(1);
    put(&mut model, T0, 0, "a");
    put(&mut model, at(500), 0, "b");
    let start = iterator(&mut model, at(1_000), 0, StartingPosition::TrimHorizon).unwrap();
    let first = model.get_records(at(1_000), &GetRecords { iterator: start, limit: Some(1) }).unwrap();
    assert_eq!(first.millis_behind_latest, 1_000);
    let next = first.next_iterator.unwrap();
    assert_eq!(
        model.get_records(at(2_000), &GetRecords { iterator: next, limit: None }).unwrap().millis_behind_latest,
        0
    );
}

#[test]
fn lag_is_not_zero_while_a_record_of_the_same_millisecond_is_left() {
    let mut model = with_stream(1);
    put(&mut model, T0, 0, "a");
    put(&mut model, T0, 0, "b");
    let start = iterator(&mut model, T0, 0, StartingPosition::TrimHorizon).unwrap();
    let first = model.get_records(T0, &GetRecords { iterator: start, limit: Some(1) }).unwrap();
    assert_eq!(first.millis_behind_latest, 1);
}

#[test]
fn a_reply_holds_at_most_ten_mebibytes_and_ten_thousand_records() {
    let mut model = with_stream(2);
    let large = "x".repeat(1 << 20);
    for _ in 0..12 {
        put(&mut model, T0, 0, &large);
    }
    assert_eq!(read(&mut model, T0, 0, StartingPosition::TrimHorizon).records.len(), 9);
    for _ in 0..10_001 {
        put(&mut model, T0, HALF, "x");
    }
    assert_eq!(read(&mut model, T0, 1, StartingPosition::TrimHorizon).records.len(), 10_000);
}

#[test]
fn an_iterator_expires_after_its_life_and_not_before() {
    let mut model = with_stream(1);
    let iterator = iterator(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    let request = GetRecords { iterator, limit: None };
    assert!(model.get_records(at(299_999), &request).is_ok());
    let refused = model.get_records(at(300_000), &request).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ExpiredIterator);
    assert!(refused.message.starts_with("Iterator expired."), "{}", refused.message);
}

#[test]
fn a_limit_outside_one_to_ten_thousand_is_a_validation_error() {
    let mut model = with_stream(1);
    let iterator = iterator(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    for limit in [0, 10_001] {
        let request = GetRecords { iterator: iterator.clone(), limit: Some(limit) };
        assert_eq!(model.get_records(T0, &request).unwrap_err().kind, ErrorKind::Validation);
    }
}

#[test]
fn the_end_of_a_split_shard_has_no_next_iterator_and_names_both_children() {
    let mut model = with_stream(1);
    put(&mut model, T0, 0, "before");
    let latest = iterator(&mut model, at(1), 0, StartingPosition::Latest).unwrap();
    split(&mut model, at(2), 0, HALF).unwrap();
    assert_eq!(put(&mut model, at(3), 0, "after").shard_id, ShardId(1));
    let end = model.get_records(at(3), &GetRecords { iterator: latest, limit: None }).unwrap();
    assert_eq!((end.next_iterator, end.records.len(), end.millis_behind_latest), (None, 0, 0));
    let children: Vec<_> = end.child_shards.iter().map(|child| (child.id.0, child.parents.clone())).collect();
    assert_eq!(children, [(1, vec![ShardId(0)]), (2, vec![ShardId(0)])]);
    assert_eq!(texts(&read(&mut model, at(3), 0, StartingPosition::TrimHorizon).records), ["before"]);
}

#[test]
fn the_end_of_a_merged_shard_names_the_child_with_both_parents() {
    let mut model = with_stream(2);
    merge(&mut model, at(1), 1, 0).unwrap();
    for parent in [0, 1] {
        let end = read(&mut model, at(2), parent, StartingPosition::TrimHorizon);
        assert_eq!(end.child_shards.len(), 1);
        assert_eq!(end.child_shards[0].parents, [ShardId(1), ShardId(0)]);
    }
    let child = &shards(&mut model, at(2), ShardFilter::AtLatest)[0];
    assert_eq!((child.parent, child.adjacent_parent), (Some(ShardId(1)), Some(ShardId(0))));
    assert_eq!((child.range.start.get(), child.range.end.get()), (0, u128::MAX));
}

#[test]
fn parents_take_records_until_the_reshard_is_through() {
    let mut model = Model::new(Settings { status_delay: Duration::from_millis(20), ..Settings::default() }, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 1)).unwrap();
    split(&mut model, at(100), 0, HALF).unwrap();
    assert_eq!(put(&mut model, at(119), 0, "x").shard_id, ShardId(0));
    assert_eq!(split(&mut model, at(119), 0, HALF).unwrap_err().kind, ErrorKind::ResourceInUse);
    assert_eq!(put(&mut model, at(120), 0, "x").shard_id, ShardId(1));
}

#[test]
fn closed_shards_strangers_and_keys_outside_cannot_be_resharded() {
    let mut model = with_stream(4);
    assert_eq!(merge(&mut model, T0, 0, 2).unwrap_err().kind, ErrorKind::InvalidArgument);
    assert_eq!(merge(&mut model, T0, 0, 9).unwrap_err().kind, ErrorKind::ResourceNotFound);
    for key in [0, 1, u128::MAX] {
        assert_eq!(split(&mut model, T0, 0, key).unwrap_err().kind, ErrorKind::InvalidArgument);
    }
    merge(&mut model, T0, 0, 1).unwrap();
    let refused = split(&mut model, at(1), 0, 5).unwrap_err();
    assert!(refused.message.contains("has already been merged or split"), "{}", refused.message);
}

#[test]
fn each_shard_filter_returns_what_its_name_says() {
    let mut model = with_stream(2);
    split(&mut model, at(1_000), 0, 1 << 126).unwrap(); // 0 -> 2, 3
    merge(&mut model, at(2_000), 3, 1).unwrap(); // 3, 1 -> 4
    let now = at(3_000);
    let mut of = |filter| ids(&mut model, now, filter);
    assert_eq!(of(ShardFilter::FromTrimHorizon), [0, 1, 2, 3, 4]);
    assert_eq!(of(ShardFilter::AtTrimHorizon), [0, 1]);
    assert_eq!(of(ShardFilter::AtLatest), [2, 4]);
    assert_eq!(of(ShardFilter::AtTimestamp(at(1_500))), [1, 2, 3]);
    assert_eq!(of(ShardFilter::FromTimestamp(at(1_500))), [1, 2, 3, 4]);
    assert_eq!(of(ShardFilter::AfterShardId(ShardId(2))), [3, 4]);
    assert_eq!(of(ShardFilter::AtTimestamp(Millis::new(5))), [0, 1]);
}

#[test]
fn pages_of_a_filtered_list_join_to_the_whole_list() {
    let mut model = with_stream(7);
    split(&mut model, at(1), 3, 0x7000_0000 << 96).unwrap();
    let whole = ids(&mut model, at(2), ShardFilter::AtLatest);
    let mut request = ListShards::First {
        stream: "words".into(),
        filter: ShardFilter::AtLatest,
        exclusive_start: None,
        max_results: Some(3),
    };
    let mut seen = Vec::new();
    loop {
        let page = model.list_shards(at(2), &request).unwrap();
        seen.extend(page.shards.iter().map(|shard| shard.id.0));
        let Some(token) = page.next_token else { break };
        request = ListShards::Next { token, max_results: Some(3) };
    }
    assert_eq!(seen, whole);
    assert_eq!(whole.len(), 8);
}

#[test]
fn an_old_page_token_is_expired_and_a_foreign_one_invalid() {
    let mut model = with_stream(2);
    let request = ListShards::First {
        stream: "words".into(),
        filter: ShardFilter::FromTrimHorizon,
        exclusive_start: None,
        max_results: Some(1),
    };
    let token = model.list_shards(T0, &request).unwrap().next_token.unwrap();
    let next = ListShards::Next { token, max_results: None };
    assert_eq!(model.list_shards(at(300_000), &next).unwrap_err().kind, ErrorKind::ExpiredNextToken);
    let foreign = ListShards::Next { token: "AAAA".into(), max_results: None };
    assert_eq!(model.list_shards(T0, &foreign).unwrap_err().kind, ErrorKind::InvalidArgument);
}

#[test]
fn a_full_memory_throttles_single_records_until_something_is_trimmed() {
    let settings = Settings { status_delay: Duration::ZERO, memory_cap: 400, ..Settings::default() };
    let mut model = Model::new(settings, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 1)).unwrap();
    let entry = PutEntry::new("key", None, Payload::from_bytes(&[0; 30])).unwrap();
    let batch = PutRecords { stream: "words".into(), entries: vec![entry; 4] };
    let reply = model.put_records(T0, batch.clone()).unwrap();
    assert_eq!(reply.failed_count(), 2);
    let PutOutcome::Failed(error) = &reply.outcomes[3] else { panic!("the cap is too large for this test") };
    assert_eq!(error.kind, ErrorKind::ProvisionedThroughputExceeded);
    assert_eq!(model.put_records(at(25 * HOUR), batch).unwrap().failed_count(), 2);
}

#[test]
fn a_full_memory_throttles_a_put_record_as_a_whole() {
    let settings = Settings { status_delay: Duration::ZERO, memory_cap: 200, ..Settings::default() };
    let mut model = Model::new(settings, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 1)).unwrap();
    let entry = PutEntry::new("key", None, Payload::from_bytes(&[0; 30])).unwrap();
    let request = PutRecord { stream: "words".into(), entry };
    model.put_record(T0, request.clone()).unwrap();
    let memory = model.stored_memory();
    let refused = model.put_record(T0, request).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ProvisionedThroughputExceeded);
    assert_eq!(model.stored_memory(), memory);
}

#[test]
fn batches_that_are_empty_too_many_or_too_large_store_nothing() {
    let mut model = with_stream(1);
    let entry = |size| PutEntry::new("key", None, Payload::from_bytes(&vec![0; size])).unwrap();
    for (entries, kind) in [
        (vec![], ErrorKind::Validation),
        (vec![entry(1); 501], ErrorKind::Validation),
        (vec![entry(1), entry((1 << 20) + 1)], ErrorKind::Validation),
        (vec![entry(1 << 20); 10], ErrorKind::InvalidArgument),
    ] {
        let refused = model.put_records(T0, PutRecords { stream: "words".into(), entries }).unwrap_err();
        assert_eq!(refused.kind, kind);
    }
    assert_eq!(model.stored_memory(), 0);
}

#[test]
fn partition_keys_have_one_to_256_characters() {
    let data = Payload::from_bytes(b"x");
    assert!(PutEntry::new(&"é".repeat(256), None, data.clone()).is_ok());
    for key in [String::new(), "é".repeat(257)] {
        assert_eq!(PutEntry::new(&key, None, data.clone()).unwrap_err().kind, ErrorKind::Validation);
    }
}

#[test]
fn a_clock_that_goes_back_does_not_take_arrival_times_back() {
    let mut model = with_stream(1);
    put(&mut model, at(1_000), 0, "a");
    put(&mut model, at(10), 0, "b");
    let records = read(&mut model, at(10), 0, StartingPosition::TrimHorizon).records;
    assert_eq!(records[1].arrival, at(1_000));
    assert!(records[0].sequence_number < records[1].sequence_number);
}

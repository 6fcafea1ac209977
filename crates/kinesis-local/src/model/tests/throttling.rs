//! Rates with `Limits::Aws`: what is throttled, how, and that it passes.

use super::*;

/// A model with limits and without delays that has one ACTIVE stream `words`.
fn limited(shards: u32) -> Model {
    let settings = Settings { status_delay: Duration::ZERO, limits: Limits::Aws, ..Settings::default() };
    let mut model = Model::new(settings, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", shards)).unwrap();
    model
}

fn entries(count: usize, size: usize, point: u128) -> Vec<PutEntry> {
    vec![PutEntry::new("k", Some(HashKey::new(point)), Payload::from_bytes(&vec![0; size])).unwrap(); count]
}

fn put_all(model: &mut Model, now: Millis, entries: Vec<PutEntry>) -> PutRecordsReply {
    model.put_records(now, PutRecords { stream: "words".into(), entries }).unwrap()
}

fn is_throttled<T: std::fmt::Debug>(answer: Result<T, KinesisError>, shard: u32) -> bool {
    let expected = format!("Rate exceeded for shard {} in stream words under account 000000000000.", ShardId(shard));
    answer.is_err_and(|error| error.kind == ErrorKind::ProvisionedThroughputExceeded && error.message == expected)
}

#[test]
fn a_shard_answers_five_reads_in_a_second() {
    let mut model = limited(2);
    let start = iterator(&mut model, T0, 0, StartingPosition::TrimHorizon).unwrap();
    let other = iterator(&mut model, T0, 1, StartingPosition::TrimHorizon).unwrap();
    let mut read = |now, iterator: &str| model.get_records(now, &GetRecords { iterator: iterator.into(), limit: None });
    for n in 0..5 {
        read(at(n * 10), &start).unwrap();
    }
    assert!(is_throttled(read(at(50), &start), 0) && is_throttled(read(at(999), &start), 0));
    assert!(read(at(50), &other).is_ok());
    assert!(read(at(1_000), &start).is_ok() && is_throttled(read(at(1_001), &start), 0));
}

#[test]
fn a_reply_of_ten_mebibytes_throttles_the_next_five_seconds_and_loses_nothing() {
    let mut model = limited(1);
    for n in 0..12 {
        assert_eq!(put_all(&mut model, at(n * 1_001), entries(1, (1 << 20) - 1, 0)).failed_count(), 0);
    }
    let now = at(20_000);
    let start = iterator(&mut model, now, 0, StartingPosition::TrimHorizon).unwrap();
    let first = model.get_records(now, &GetRecords { iterator: start, limit: None }).unwrap();
    assert_eq!(first.records.len(), 10);
    let request = GetRecords { iterator: first.next_iterator.unwrap(), limit: None };
    for millis in [20_001, 22_000, 24_999] {
        assert!(is_throttled(model.get_records(at(millis), &request), 0), "{millis}");
    }
    assert_eq!(model.get_records(at(25_000), &request).unwrap().records.len(), 2);
}

#[test]
fn records_above_a_thousand_a_second_fail_one_by_one() {
    let mut model = limited(2);
    let failed: Vec<_> = (0..3).map(|_| put_all(&mut model, T0, entries(400, 10, 0)).failed_count()).collect();
    assert_eq!(failed, [0, 0, 200]);
    assert_eq!(put_all(&mut model, T0, entries(400, 10, HALF)).failed_count(), 0);
    assert_eq!(put_all(&mut model, at(100), entries(400, 10, 0)).failed_count(), 300);
    assert_eq!(put_all(&mut model, at(1_100), entries(500, 10, 0)).failed_count(), 0);
}

#[test]
fn bytes_above_a_mebibyte_a_second_fail_in_their_places_and_a_single_put_as_a_whole() {
    let mut model = limited(2);
    let mut batch = entries(3, 400 << 10, 0);
    batch.extend(entries(1, 400 << 10, HALF));
    let reply = put_all(&mut model, T0, batch);
    let stored: Vec<_> = reply.outcomes.iter().map(|outcome| matches!(outcome, PutOutcome::Stored(_))).collect();
    assert_eq!(stored, [true, true, false, true]);
    let PutOutcome::Failed(error) = reply.outcomes[2].clone() else { panic!("stored") };
    assert!(is_throttled(Err::<(), _>(error), 0));
    let entry = entries(1, 400 << 10, 0).remove(0);
    let single = PutRecord { stream: "words".into(), entry };
    assert!(is_throttled(model.put_record(T0, single.clone()), 0));
    model.put_record(at(1_000), single).unwrap();
}

#[test]
fn a_shard_gives_five_iterators_in_a_second() {
    let mut model = limited(1);
    for _ in 0..5 {
        iterator(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    }
    assert!(is_throttled(iterator(&mut model, at(999), 0, StartingPosition::Latest), 0));
    iterator(&mut model, at(1_000), 0, StartingPosition::Latest).unwrap();
}

#[test]
fn calls_above_the_accounts_quota_are_limit_exceeded_and_name_the_stream() {
    let mut model = limited(1);
    for _ in 0..10 {
        model.describe_stream(T0, &DescribeStream::of("words")).unwrap();
    }
    let refused = model.describe_stream(T0, &DescribeStream::of("words")).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::LimitExceeded);
    assert_eq!(refused.message, "Rate exceeded for stream words under account 000000000000.");
    model.describe_stream_summary(T0, &"words".into()).unwrap();
    model.describe_stream(at(1_000), &DescribeStream::of("words")).unwrap();
}

#[test]
fn each_stream_is_listed_a_thousand_times_a_second() {
    let mut model = limited(1);
    for _ in 0..1_000 {
        model.list_shards(T0, &ListShards::of("words")).unwrap();
    }
    assert_eq!(model.list_shards(T0, &ListShards::of("words")).unwrap_err().kind, ErrorKind::LimitExceeded);
    model.list_shards(at(1_000), &ListShards::of("words")).unwrap();
}

#[test]
fn a_stream_is_rescaled_ten_times_and_changes_its_mode_twice_a_day() {
    let mut model = limited(1);
    for n in 0..10 {
        rescale(&mut model, at(n), 1).unwrap();
    }
    assert_eq!(rescale(&mut model, at(10), 1).unwrap_err().kind, ErrorKind::LimitExceeded);
    rescale(&mut model, at(24 * 3_600_000), 1).unwrap();
    let mut mode = |now, mode| model.update_stream_mode(now, &UpdateStreamMode { stream: "words".into(), mode });
    let now = at(25 * 3_600_000);
    mode(now, StreamMode::OnDemand).unwrap();
    mode(now, StreamMode::Provisioned).unwrap();
    assert_eq!(mode(now, StreamMode::OnDemand).unwrap_err().kind, ErrorKind::LimitExceeded);
}

#[test]
fn five_streams_at_once_are_created() {
    let settings = Settings { limits: Limits::Aws, ..Settings::default() };
    let mut model = Model::new(settings, 7);
    for n in 0..5 {
        model.create_stream(at(n * 5_000), &CreateStream::provisioned(&n.to_string(), 1)).unwrap();
    }
    // Five more, none of them ACTIVE yet when the sixth comes, in a quota of calls that is fresh.
    for n in 5..10 {
        model.create_stream(at(60_000), &CreateStream::provisioned(&n.to_string(), 1)).unwrap();
    }
    let refused = model.create_stream(at(60_001), &CreateStream::provisioned("x", 1)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::LimitExceeded);
}

#[test]
fn without_limits_nothing_is_throttled() {
    let mut model = with_stream(1);
    let start = iterator(&mut model, T0, 0, StartingPosition::TrimHorizon).unwrap();
    for _ in 0..100 {
        model.get_records(T0, &GetRecords { iterator: start.clone(), limit: None }).unwrap();
        model.describe_stream(T0, &DescribeStream::of("words")).unwrap();
        assert_eq!(put_all(&mut model, T0, entries(500, 10, 0)).failed_count(), 0);
    }
}

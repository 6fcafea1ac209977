//! UpdateShardCount: one documented behaviour per test.

use super::*;

/// Parents and start of each open shard, in the order of the ring.
fn open(model: &mut Model, now: Millis) -> Vec<(Option<u32>, Option<u32>, u128)> {
    let mut open = shards(model, now, ShardFilter::AtLatest);
    open.sort_by_key(|shard| shard.range.start);
    let id = |id: Option<ShardId>| id.map(|id| id.0);
    open.iter().map(|shard| (id(shard.parent), id(shard.adjacent_parent), shard.range.start.get())).collect()
}

#[test]
fn doubling_gives_each_shard_two_children() {
    let mut model = with_stream(2);
    let reply = rescale(&mut model, at(1), 4).unwrap();
    assert_eq!((reply.name.as_str(), reply.current, reply.target), ("words", 2, 4));
    assert_eq!(reply.arn, "arn:aws:kinesis:us-east-1:000000000000:stream/words");
    let quarter = HALF / 2;
    let expected =
        [(Some(0), None, 0), (Some(0), None, quarter), (Some(1), None, HALF), (Some(1), None, HALF + quarter)];
    assert_eq!(open(&mut model, at(1)), expected);
    assert_eq!(ids(&mut model, at(1), ShardFilter::FromTrimHorizon), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn halving_gives_each_pair_a_child_with_both_as_parents() {
    let mut model = with_stream(4);
    rescale(&mut model, at(1), 2).unwrap();
    assert_eq!(open(&mut model, at(1)), [(Some(0), Some(1), 0), (Some(2), Some(3), HALF)]);
}

#[test]
fn three_shards_of_two_are_reached_through_shards_that_live_for_a_moment() {
    let mut model = with_stream(2);
    rescale(&mut model, at(1), 3).unwrap();
    let third = u128::MAX / 3;
    // 0 -> 2, 3 and 1 -> 4, 5; 3 and 4 -> 6.
    assert_eq!(open(&mut model, at(1)), [(Some(0), None, 0), (Some(3), Some(4), third), (Some(1), None, 2 * third)]);
    assert_eq!(ids(&mut model, at(1), ShardFilter::AtLatest), [2, 5, 6]);
}

#[test]
fn the_stream_is_updating_and_its_parents_take_records_until_the_update_is_through() {
    let mut model = Model::new(Settings { status_delay: Duration::from_millis(20), ..Settings::default() }, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 1)).unwrap();
    rescale(&mut model, at(100), 2).unwrap();
    let status = |model: &mut Model, now| model.describe_stream_summary(now, &"words".into()).unwrap().status;
    assert_eq!(status(&mut model, at(119)), StreamStatus::Updating);
    assert_eq!(put(&mut model, at(119), HALF, "x").shard_id, ShardId(0));
    assert_eq!(rescale(&mut model, at(119), 2).unwrap_err().kind, ErrorKind::ResourceInUse);
    assert_eq!(status(&mut model, at(120)), StreamStatus::Active);
    assert_eq!(put(&mut model, at(120), HALF, "x").shard_id, ShardId(2));
}

#[test]
fn more_than_double_less_than_half_and_beyond_the_limit_are_limit_exceeded() {
    let settings = Settings { status_delay: Duration::ZERO, shard_limit: 9, ..Settings::default() };
    let mut model = Model::new(settings, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 5)).unwrap();
    for (target, message) in [
        (10, "Target shard count or number of open shards cannot be greater than 9."),
        (11, "Target shard count or number of open shards cannot be greater than 9."),
        (2, "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 5"),
    ] {
        let refused = rescale(&mut model, T0, target).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::LimitExceeded);
        assert!(refused.message.starts_with(message), "{}", refused.message);
    }
    rescale(&mut model, T0, 3).unwrap();
    let refused = rescale(&mut model, T0, 7).unwrap_err();
    assert!(refused.message.starts_with("UpdateShardCount cannot scale up over double your current open shard count."));
    assert_eq!(rescale(&mut model, T0, 0).unwrap_err().kind, ErrorKind::Validation);
}

#[test]
fn the_shards_of_other_streams_count_against_the_limit() {
    let settings = Settings { status_delay: Duration::ZERO, shard_limit: 6, ..Settings::default() };
    let mut model = Model::new(settings, 7);
    for name in ["words", "more"] {
        model.create_stream(T0, &CreateStream::provisioned(name, 2)).unwrap();
    }
    rescale(&mut model, T0, 4).unwrap();
    let refused = rescale(&mut model, T0, 5).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::LimitExceeded);
    assert!(refused.message.starts_with("This request would exceed the shard limit"), "{}", refused.message);
}

#[test]
fn the_same_count_evens_out_shards_that_are_uneven() {
    let mut model = with_stream(1);
    split(&mut model, at(1), 0, 1 << 100).unwrap();
    rescale(&mut model, at(2), 2).unwrap();
    assert_eq!(open(&mut model, at(2)).iter().map(|shard| shard.2).collect::<Vec<_>>(), [0, HALF]);
    let before = ids(&mut model, at(3), ShardFilter::AtLatest);
    rescale(&mut model, at(3), 2).unwrap();
    assert_eq!(ids(&mut model, at(3), ShardFilter::AtLatest), before);
}

#[test]
fn on_demand_streams_are_not_resharded_by_their_owner() {
    let mut model = with_stream(1);
    let mode = StreamMode::OnDemand;
    model.update_stream_mode(T0, &UpdateStreamMode { stream: "words".into(), mode }).unwrap();
    for refused in [
        rescale(&mut model, T0, 2).unwrap_err(),
        split(&mut model, T0, 0, HALF).unwrap_err(),
        merge(&mut model, T0, 0, 0).unwrap_err(),
    ] {
        assert_eq!(refused.kind, ErrorKind::Validation);
        assert!(refused.message.ends_with("is in On-Demand mode."), "{}", refused.message);
    }
}

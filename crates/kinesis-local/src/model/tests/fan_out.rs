//! SubscribeToShard: one documented behaviour per test.

use super::*;

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/words/consumer/counter:1700000000";

/// A model with an ACTIVE stream `words` and an ACTIVE consumer `counter`.
pub(super) fn with_consumer(shards: u32, settings: Settings) -> Model {
    let mut model = Model::new(Settings { status_delay: Duration::ZERO, ..settings }, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", shards)).unwrap();
    register(&mut model, T0);
    model
}

fn register(model: &mut Model, now: Millis) {
    let request = RegisterStreamConsumer { stream: "words".into(), name: "counter".into() };
    assert_eq!(model.register_stream_consumer(now, &request).unwrap().arn, ARN);
}

pub(super) fn subscribe(
    model: &mut Model,
    now: Millis,
    shard: u32,
    position: StartingPosition,
) -> Result<Subscription, KinesisError> {
    let (consumer_arn, shard_id) = (ARN.to_owned(), ShardId(shard));
    model.subscribe_to_shard(now, &SubscribeToShard { consumer_arn, shard_id, position, dry_run: false })
}

fn event(model: &mut Model, now: Millis, subscription: &Subscription) -> SubscriptionEvent {
    match model.poll_subscription(now, subscription) {
        Polled::Event(event) => event,
        other => panic!("not an event: {other:?}"),
    }
}

fn failure(model: &mut Model, now: Millis, subscription: &Subscription) -> ErrorKind {
    match model.poll_subscription(now, subscription) {
        Polled::Failed(error) => error.kind,
        other => panic!("not a failure: {other:?}"),
    }
}

fn no_grace() -> Settings {
    Settings { subscription_grace: Duration::ZERO, ..Settings::default() }
}

#[test]
fn the_five_positions_start_where_they_say() {
    let mut model = with_consumer(1, no_grace());
    let numbers: Vec<_> = (0..4).map(|n| put(&mut model, at(n * 10), 0, &n.to_string()).sequence_number).collect();
    let mut from = |position| {
        let subscription = subscribe(&mut model, at(100), 0, position).unwrap();
        texts(&event(&mut model, at(100), &subscription).records)
    };
    assert_eq!(from(StartingPosition::TrimHorizon), ["0", "1", "2", "3"]);
    assert_eq!(from(StartingPosition::AtSequenceNumber(numbers[2])), ["2", "3"]);
    assert_eq!(from(StartingPosition::AfterSequenceNumber(numbers[2])), ["3"]);
    assert_eq!(from(StartingPosition::AtTimestamp(at(11))), ["2", "3"]);
    let latest = subscribe(&mut model, at(100), 0, StartingPosition::Latest).unwrap();
    assert!(matches!(model.poll_subscription(at(100), &latest), Polled::Nothing { .. }));
    put(&mut model, at(101), 0, "4");
    assert_eq!(texts(&event(&mut model, at(101), &latest).records), ["4"]);
}

#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    let mut model = with_consumer(2, no_grace());
    let foreign = put(&mut model, T0, HALF, "x").sequence_number;
    let mut kind = |shard, position| subscribe(&mut model, T0, shard, position).unwrap_err().kind;
    assert_eq!(kind(9, StartingPosition::Latest), ErrorKind::ResourceNotFound);
    assert_eq!(kind(0, StartingPosition::AtTimestamp(at(1))), ErrorKind::InvalidArgument);
    assert_eq!(kind(0, StartingPosition::AfterSequenceNumber(foreign)), ErrorKind::InvalidArgument);
    let mut other = |consumer_arn: &str| {
        let (shard_id, position) = (ShardId(0), StartingPosition::Latest);
        let request = SubscribeToShard { consumer_arn: consumer_arn.into(), shard_id, position, dry_run: false };
        model.subscribe_to_shard(T0, &request).unwrap_err().kind
    };
    assert_eq!(other(&ARN.replace("counter", "nobody")), ErrorKind::ResourceNotFound);
    assert_eq!(other(&ARN.replace(":1700000000", ":1600000000")), ErrorKind::ResourceNotFound);
    assert_eq!(other("counter"), ErrorKind::Validation);
}

#[test]
fn a_consumer_that_is_not_active_may_not_subscribe() {
    let mut model = Model::new(Settings::default(), 7);
    model.create_stream(T0.minus(Duration::from_secs(1)), &CreateStream::provisioned("words", 1)).unwrap();
    register(&mut model, T0);
    let early = subscribe(&mut model, at(19), 0, StartingPosition::Latest).unwrap_err();
    assert_eq!(early.kind, ErrorKind::ResourceInUse);
    assert!(early.message.starts_with("Consumer counter with creation timestamp 1700000000 under stream: words"));
    assert!(subscribe(&mut model, at(20), 0, StartingPosition::Latest).is_ok());
}

#[test]
fn an_idle_subscription_beats_every_five_seconds_and_can_be_resumed_from_a_beat() {
    let mut model = with_consumer(1, Settings::default());
    put(&mut model, T0, 0, "before");
    let first = subscribe(&mut model, at(1), 0, StartingPosition::Latest).unwrap();
    assert_eq!(model.poll_subscription(at(2), &first), Polled::Nothing { wake: at(5_001) });
    let beat = event(&mut model, at(5_001), &first);
    assert_eq!((beat.records.len(), beat.millis_behind_latest, beat.child_shards.len()), (0, 0, 0));
    assert_eq!(model.poll_subscription(at(5_001), &first), Polled::Nothing { wake: at(10_001) });
    put(&mut model, at(6_000), 0, "between");
    let resume = StartingPosition::AfterSequenceNumber(beat.continuation.unwrap());
    let second = subscribe(&mut model, at(7_000), 0, resume).unwrap();
    assert_eq!(texts(&event(&mut model, at(7_000), &second).records), ["between"]);
}

#[test]
fn a_beat_in_a_shard_without_records_continues_at_its_first_record() {
    let mut model = with_consumer(1, no_grace());
    for position in [StartingPosition::TrimHorizon, StartingPosition::Latest] {
        let subscription = subscribe(&mut model, T0, 0, position).unwrap();
        assert!(matches!(model.poll_subscription(T0, &subscription), Polled::Nothing { .. }));
    }
    let latest = subscribe(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    let continuation = event(&mut model, at(5_000), &latest).continuation.unwrap();
    let number = put(&mut model, at(5_001), 0, "first").sequence_number;
    assert!(continuation < number);
    let resumed = subscribe(&mut model, at(5_002), 0, StartingPosition::AfterSequenceNumber(continuation)).unwrap();
    assert_eq!(texts(&event(&mut model, at(5_002), &resumed).records), ["first"]);
}

#[test]
fn continuation_never_goes_back_not_even_when_the_record_before_it_is_trimmed() {
    let day = Duration::from_secs(25 * 3_600);
    let mut model = with_consumer(1, Settings { subscription_life: day * 2, ..no_grace() });
    let number = put(&mut model, T0, 0, "old").sequence_number;
    let subscription = subscribe(&mut model, T0, 0, StartingPosition::TrimHorizon).unwrap();
    let before = event(&mut model, T0, &subscription).continuation.unwrap();
    assert_eq!(before, number);
    let beat = event(&mut model, T0.plus(day), &subscription).continuation.unwrap();
    let next = put(&mut model, T0.plus(day), 0, "new").sequence_number;
    assert!(before <= beat && beat < next);
    let resumed = subscribe(&mut model, T0.plus(day), 0, StartingPosition::AfterSequenceNumber(beat)).unwrap();
    assert_eq!(texts(&event(&mut model, T0.plus(day), &resumed).records), ["new"]);
}

#[test]
fn the_last_event_of_a_split_shard_names_the_children_and_has_no_continuation() {
    let mut model = with_consumer(1, Settings::default());
    let subscription = subscribe(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    assert!(matches!(model.poll_subscription(T0, &subscription), Polled::Nothing { .. }));
    put(&mut model, at(1), 0, "last");
    split(&mut model, at(2), 0, HALF).unwrap();
    let end = event(&mut model, at(2), &subscription);
    assert_eq!((texts(&end.records), end.continuation, end.millis_behind_latest), (vec!["last".to_owned()], None, 0));
    let children: Vec<_> = end.child_shards.iter().map(|child| (child.id.0, child.parents.clone())).collect();
    assert_eq!(children, [(1, vec![ShardId(0)]), (2, vec![ShardId(0)])]);
    assert_eq!(model.poll_subscription(at(2), &subscription), Polled::Ended);
    let again = subscribe(&mut model, at(5_000), 0, StartingPosition::Latest).unwrap();
    assert_eq!(event(&mut model, at(5_000), &again).child_shards, end.child_shards);
}

#[test]
fn a_reshard_that_is_due_later_is_a_reason_to_wake_then() {
    let mut model = with_consumer(1, Settings::default());
    model.settings.status_delay = Duration::from_millis(20);
    let subscription = subscribe(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    model.poll_subscription(T0, &subscription);
    split(&mut model, at(100), 0, HALF).unwrap();
    assert_eq!(model.take_woken().collect::<Vec<_>>(), [subscription.id()]);
    assert_eq!(model.poll_subscription(at(100), &subscription), Polled::Nothing { wake: at(120) });
    assert_eq!(event(&mut model, at(120), &subscription).child_shards.len(), 2);
}

#[test]
fn a_subscription_ends_normally_after_five_minutes() {
    let mut model =
        with_consumer(1, Settings { heartbeat_interval: Duration::from_secs(3_600), ..Settings::default() });
    let subscription = subscribe(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    assert_eq!(model.poll_subscription(at(299_999), &subscription), Polled::Nothing { wake: at(300_000) });
    put(&mut model, at(299_999), 0, "in time");
    assert_eq!(event(&mut model, at(299_999), &subscription).records.len(), 1);
    put(&mut model, at(300_000), 0, "too late");
    assert_eq!(model.poll_subscription(at(300_000), &subscription), Polled::Ended);
    assert_eq!(model.poll_subscription(at(300_001), &subscription), Polled::Ended);
}

#[test]
fn a_second_subscription_within_five_seconds_is_refused_and_later_takes_over() {
    let mut model = with_consumer(2, Settings::default());
    let first = subscribe(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    model.poll_subscription(at(1), &first);
    let refused = subscribe(&mut model, at(4_999), 0, StartingPosition::Latest).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceInUse);
    assert!(refused.message.starts_with("Another active subscription exists for this consumer: 000000000000:words:"));
    assert!(subscribe(&mut model, at(4_999), 1, StartingPosition::Latest).is_ok(), "another shard is free");
    assert!(matches!(model.poll_subscription(at(4_999), &first), Polled::Nothing { .. }), "a refusal does no harm");
    let second = subscribe(&mut model, at(5_000), 0, StartingPosition::Latest).unwrap();
    assert!(model.take_woken().any(|id| id == first.id()));
    assert_eq!(failure(&mut model, at(5_000), &first), ErrorKind::ResourceInUse);
    put(&mut model, at(5_000), 0, "x");
    assert_eq!(event(&mut model, at(5_000), &second).records.len(), 1);
}

#[test]
fn deregistering_the_consumer_ends_its_subscriptions_for_good() {
    let mut model = with_consumer(1, no_grace());
    let subscription = subscribe(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    model.poll_subscription(T0, &subscription);
    model.deregister_stream_consumer(at(1), &ConsumerRef::by_arn(ARN)).unwrap();
    assert_eq!(model.take_woken().collect::<Vec<_>>(), [subscription.id()]);
    assert_eq!(failure(&mut model, at(1), &subscription), ErrorKind::ResourceNotFound);
    let again = RegisterStreamConsumer { stream: "words".into(), name: "counter".to_owned() };
    assert_ne!(model.register_stream_consumer(at(2), &again).unwrap().arn, ARN, "one second has both");
    put(&mut model, at(3), 0, "x");
    assert_eq!(failure(&mut model, at(3), &subscription), ErrorKind::ResourceNotFound);
}

#[test]
fn deleting_the_stream_ends_its_subscriptions() {
    let mut model = with_consumer(1, no_grace());
    model.settings.status_delay = Duration::from_millis(20);
    let subscription = subscribe(&mut model, T0, 0, StartingPosition::Latest).unwrap();
    model.delete_stream_and_consumers(at(1), &"words".into()).unwrap();
    assert_eq!(failure(&mut model, at(1), &subscription), ErrorKind::ResourceNotFound);
    assert_eq!(failure(&mut model, at(30), &subscription), ErrorKind::ResourceNotFound);
}

#[test]
fn an_event_holds_about_a_mebibyte_and_says_how_far_behind_it_is() {
    let mut model = with_consumer(1, Settings { max_record_size: 10 << 20, ..no_grace() });
    for size in [400_000, 400_000, 400_000, 5 << 20, 1] {
        put(&mut model, T0, 0, &"x".repeat(size));
    }
    let subscription = subscribe(&mut model, at(30), 0, StartingPosition::TrimHorizon).unwrap();
    let events: Vec<_> = (0..4).map(|_| event(&mut model, at(30), &subscription)).collect();
    assert_eq!(events.iter().map(|event| event.records.len()).collect::<Vec<_>>(), [2, 1, 1, 1]);
    assert_eq!(events.iter().map(|event| event.millis_behind_latest).collect::<Vec<_>>(), [30, 30, 30, 0]);
}

#[test]
fn a_write_wakes_the_subscriptions_of_its_shard_only() {
    let mut model = with_consumer(2, Settings::default());
    let subscriptions = [0, 1].map(|shard| subscribe(&mut model, T0, shard, StartingPosition::Latest).unwrap());
    for subscription in &subscriptions {
        model.poll_subscription(T0, subscription);
    }
    assert_eq!(model.take_woken().count(), 0);
    put(&mut model, T0, HALF, "x");
    assert_eq!(model.take_woken().collect::<Vec<_>>(), [subscriptions[1].id()]);
}

#[test]
fn with_the_limit_on_a_consumer_gets_two_megabytes_a_second_also_across_subscriptions() {
    for settings in [Settings { fan_out_limit: true, ..no_grace() }, Settings { limits: Limits::Aws, ..no_grace() }] {
        two_megabytes_a_second(settings);
    }
}

fn two_megabytes_a_second(settings: Settings) {
    let limits = settings.limits;
    let mut model = with_consumer(1, Settings { limits: Limits::Off, ..settings });
    for _ in 0..10 {
        put(&mut model, T0, 0, &"x".repeat(1_000_000));
    }
    // From here on, so that the records themselves could be put at once.
    model.settings.limits = limits;
    let first = subscribe(&mut model, T0, 0, StartingPosition::TrimHorizon).unwrap();
    event(&mut model, T0, &first);
    let continuation = event(&mut model, T0, &first).continuation.unwrap();
    assert_eq!(model.poll_subscription(T0, &first), Polled::Nothing { wake: at(1) });
    event(&mut model, at(1), &first);
    assert_eq!(model.poll_subscription(at(1), &first), Polled::Nothing { wake: at(501) });
    let position = StartingPosition::AfterSequenceNumber(continuation);
    let second = subscribe(&mut model, at(2), 0, position).unwrap();
    assert_eq!(model.poll_subscription(at(2), &second), Polled::Nothing { wake: at(501) });
    assert_eq!(event(&mut model, at(501), &second).records.len(), 1);
}

#[test]
fn a_dry_run_checks_and_changes_nothing() {
    let mut model = with_consumer(1, Settings::default());
    let (consumer_arn, shard_id, position) = (ARN.to_owned(), ShardId(0), StartingPosition::Latest);
    let request = SubscribeToShard { consumer_arn, shard_id, position, dry_run: true };
    assert_eq!(model.subscribe_to_shard(T0, &request).unwrap_err().kind, ErrorKind::DryRunOperation);
    assert!(subscribe(&mut model, T0, 0, StartingPosition::Latest).is_ok());
}

//! SubscribeToShard: positions, events and errors.

use std::time::Duration;

use aws_sdk_kinesis::types::ShardIteratorType as Kind;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::refusal::{IN_USE, NOT_FOUND, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{TestStream, numbers, texts};
use crate::subscription::{Subscription, TestConsumer, from, from_number, from_time};

list_checks!("fan-out",
    a_subscription_from_trim_horizon_has_the_old_records: "A subscription from TRIM_HORIZON has the records put before it.",
    a_subscription_from_latest_has_only_new_records: "A subscription from LATEST has the records put after it and none from before.",
    a_subscription_at_a_number_starts_with_that_record: "A subscription AT_SEQUENCE_NUMBER starts with that record.",
    a_subscription_after_a_number_starts_behind_that_record: "A subscription AFTER_SEQUENCE_NUMBER starts behind that record.",
    a_subscription_at_a_time_starts_with_what_came_then: "A subscription AT_TIMESTAMP starts with the first record of that time or later.",
    records_are_pushed_while_a_subscription_is_open: "Records put while a subscription is open arrive by themselves, in order.",
    an_idle_subscription_sends_empty_events:
        "An idle subscription sends an event without records, with a continuation and no lag, within 20 s.",
    every_event_has_a_continuation: "Every event of an open shard has a ContinuationSequenceNumber.",
    a_second_subscription_within_five_seconds_is_in_use:
        "A second subscription of one consumer to one shard within 5 s is a ResourceInUseException.",
    a_later_subscription_takes_over: "A subscription more than 5 s after the first is accepted, and the first ends.",
    two_consumers_subscribe_to_one_shard: "Two consumers have open subscriptions to one shard at the same time.",
    one_consumer_subscribes_to_two_shards: "One consumer has open subscriptions to two shards at the same time.",
    subscribing_with_an_unknown_consumer_is_not_found: "SubscribeToShard of a consumer that does not exist is a ResourceNotFoundException.",
    subscribing_to_an_unknown_shard_is_not_found: "SubscribeToShard to a shard that does not exist is a ResourceNotFoundException.",
    a_subscription_at_a_number_that_is_none_is_refused: "SubscribeToShard at a sequence number that is no number is refused.",
    a_deregistered_consumers_subscription_ends: "An open subscription ends when its consumer is deregistered.",
);

const FIRST: &str = "shardId-000000000000";

async fn reader(stage: &Stage) -> Result<(TestStream, TestConsumer), Mismatch> {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    Ok((stream, consumer))
}

async fn a_subscription_from_trim_horizon_has_the_old_records(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    for text in ["0", "1", "2"] {
        stream.put("key", text).await?;
    }
    let mut subscription = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let (records, _) = subscription.records(3).await?;
    equal("data", &texts(&records), &["0", "1", "2"].map(str::to_owned).to_vec())
}

async fn a_subscription_from_latest_has_only_new_records(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    stream.put("key", "old").await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::Latest)?).await?;
    // The reply has arrived, so the position is fixed.
    stream.put("key", "new").await?;
    let (records, _) = subscription.records(1).await?;
    equal("data", &texts(&records), &vec!["new".to_owned()])
}

async fn a_subscription_at_a_number_starts_with_that_record(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    stream.put("key", "0").await?;
    let one = stream.put("key", "1").await?;
    let mut subscription = consumer.subscribe(FIRST, from_number(Kind::AtSequenceNumber, &one.number)?).await?;
    equal("records", &numbers(&subscription.records(1).await?.0), &vec![one.number])
}

async fn a_subscription_after_a_number_starts_behind_that_record(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    let zero = stream.put("key", "0").await?;
    let one = stream.put("key", "1").await?;
    let mut subscription = consumer.subscribe(FIRST, from_number(Kind::AfterSequenceNumber, &zero.number)?).await?;
    equal("records", &numbers(&subscription.records(1).await?.0), &vec![one.number])
}

async fn a_subscription_at_a_time_starts_with_what_came_then(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    stream.put("key", "0").await?;
    tokio::time::sleep(Duration::from_millis(30)).await;
    let one = stream.put("key", "1").await?;
    let records = stream.read_shard(FIRST, 2).await?;
    let arrival = present("a time", records.last().and_then(|record| record.approximate_arrival_timestamp))?;
    let mut subscription = consumer.subscribe(FIRST, from_time(arrival)?).await?;
    equal("records", &numbers(&subscription.records(1).await?.0), &vec![one.number])
}

async fn records_are_pushed_while_a_subscription_is_open(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    for n in 0..10 {
        let put = stream.put("key", n.to_string()).await?;
        equal("records", &numbers(&subscription.records(1).await?.0), &vec![put.number])?;
    }
    Ok(())
}

async fn an_idle_subscription_sends_empty_events(stage: &Stage) -> Verdict {
    let (_stream, consumer) = reader(stage).await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let event = present("an event", subscription.event().await?)?;
    equal("number of records", &event.records.len(), &0)?;
    equal("MillisBehindLatest", &event.millis_behind_latest, &0)?;
    ensure!(!event.continuation_sequence_number.is_empty(), "an idle event has no ContinuationSequenceNumber");
    Ok(())
}

async fn every_event_has_a_continuation(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    for _ in 0..3 {
        stream.put("key", "text").await?;
        let event = present("an event", subscription.event().await?)?;
        let number = event.continuation_sequence_number;
        ensure!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()), "{number:?} is not a number");
    }
    Ok(())
}

async fn a_second_subscription_within_five_seconds_is_in_use(stage: &Stage) -> Verdict {
    let (_stream, consumer) = reader(stage).await?;
    let _first = consumer.subscribe(FIRST, from(Kind::Latest)?).await?;
    refused(consumer.try_subscribe(FIRST, from(Kind::Latest)?).await, IN_USE).map(|_| ())
}

async fn a_later_subscription_takes_over(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage).await?;
    let mut first = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let mut second = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    first.ends_within(Duration::from_secs(10)).await?;
    let put = stream.put("key", "text").await?;
    equal("records", &numbers(&second.records(1).await?.0), &vec![put.number])
}

async fn two_consumers_subscribe_to_one_shard(stage: &Stage) -> Verdict {
    let (stream, one) = reader(stage).await?;
    let two = TestConsumer::register(stage, &stream, "another").await?;
    let mut first = one.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let mut second = two.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let put = stream.put("key", "text").await?;
    equal("records of one", &numbers(&first.records(1).await?.0), &vec![put.number.clone()])?;
    equal("records of the other", &numbers(&second.records(1).await?.0), &vec![put.number])
}

async fn one_consumer_subscribes_to_two_shards(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let mut first = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let mut second = consumer.subscribe("shardId-000000000001", from(Kind::TrimHorizon)?).await?;
    let low = stream.put_at("key", Some(0), "low").await?;
    let high = stream.put_at("key", Some(3 << 126), "high").await?;
    equal("records of one", &numbers(&first.records(1).await?.0), &vec![low.number])?;
    equal("records of the other", &numbers(&second.records(1).await?.0), &vec![high.number])
}

async fn subscribing_with_an_unknown_consumer_is_not_found(stage: &Stage) -> Verdict {
    let (_stream, consumer) = reader(stage).await?;
    let arn = consumer.arn.replace("/consumer/reader", "/consumer/nobody");
    let call = stage.kinesis().subscribe_to_shard().consumer_arn(arn).shard_id(FIRST);
    refused(call.starting_position(from(Kind::Latest)?).send().await.map(Subscription::from), NOT_FOUND).map(|_| ())
}

async fn subscribing_to_an_unknown_shard_is_not_found(stage: &Stage) -> Verdict {
    let (_stream, consumer) = reader(stage).await?;
    let call = consumer.try_subscribe("shardId-000000000009", from(Kind::Latest)?).await;
    refused(call, NOT_FOUND).map(|_| ())
}

async fn a_subscription_at_a_number_that_is_none_is_refused(stage: &Stage) -> Verdict {
    let (_stream, consumer) = reader(stage).await?;
    let call = consumer.try_subscribe(FIRST, from_number(Kind::AtSequenceNumber, "twelve")?).await;
    refused(call, WRONG_VALUE).map(|_| ())
}

async fn a_deregistered_consumers_subscription_ends(stage: &Stage) -> Verdict {
    let (_stream, consumer) = reader(stage).await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::Latest)?).await?;
    stage.kinesis().deregister_stream_consumer().consumer_arn(&consumer.arn).send().await?;
    subscription.ends_within(Duration::from_secs(60)).await
}

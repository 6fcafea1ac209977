//! SubscribeToShard: going on where a subscription ended, and the end of a shard.

use aws_sdk_kinesis::types::ShardIteratorType as Kind;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::stage::Stage;
use crate::stream::{TestStream, numbers, texts};
use crate::subscription::{TestConsumer, from, from_number};

list_checks!("fan-out",
    a_resumed_subscription_loses_and_repeats_nothing:
        "A subscription AFTER_SEQUENCE_NUMBER of the last continuation goes on with the next record.",
    a_subscription_resumed_from_an_empty_event_loses_nothing:
        "The continuation of an event without records is a position: what is put later comes, once.",
    a_subscription_resumed_on_an_empty_shard_loses_nothing:
        "The continuation of an event of a shard that never had a record is a position.",
    the_continuation_of_a_full_event_is_a_position_for_get_records:
        "AFTER_SEQUENCE_NUMBER of a continuation reads the same next record through GetRecords.",
    a_subscription_to_a_split_shard_ends_with_both_children:
        "A subscription to a split shard sends its records, then ChildShards without a continuation, and ends.",
    a_subscription_that_is_open_during_a_merge_ends_with_the_child:
        "A subscription that is open while its shard is merged ends with the child, which has both parents.",
    a_subscription_to_a_shard_that_ended_long_ago_ends_too: "A subscription to a closed shard from LATEST ends without records.",
);

const FIRST: &str = "shardId-000000000000";

async fn reader(stage: &Stage, shards: i32) -> Result<(TestStream, TestConsumer), Mismatch> {
    let stream = stage.stream(shards).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    Ok((stream, consumer))
}

async fn a_resumed_subscription_loses_and_repeats_nothing(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage, 1).await?;
    stream.put("key", "0").await?;
    stream.put("key", "1").await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let (records, continuation) = subscription.records(2).await?;
    equal("data", &texts(&records), &["0", "1"].map(str::to_owned).to_vec())?;
    drop(subscription);
    let later = stream.put("key", "2").await?;
    let mut resumed = consumer.subscribe_again(FIRST, from_number(Kind::AfterSequenceNumber, &continuation)?).await?;
    equal("records", &numbers(&resumed.records(1).await?.0), &vec![later.number])
}

/// Takes an event without records, puts two records while nobody listens, and goes on from the event's continuation.
async fn resume_from_empty(stream: &TestStream, consumer: &TestConsumer, kind: Kind) -> Verdict {
    let mut subscription = consumer.subscribe(FIRST, from(kind)?).await?;
    let event = present("an event", subscription.event().await?)?;
    equal("number of records", &event.records.len(), &0)?;
    drop(subscription);
    let one = stream.put("key", "one").await?;
    let two = stream.put("key", "two").await?;
    let position = from_number(Kind::AfterSequenceNumber, &event.continuation_sequence_number)?;
    let mut resumed = consumer.subscribe_again(FIRST, position).await?;
    equal("records", &numbers(&resumed.records(2).await?.0), &vec![one.number, two.number])
}

async fn a_subscription_resumed_from_an_empty_event_loses_nothing(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage, 1).await?;
    stream.put("key", "old").await?;
    resume_from_empty(&stream, &consumer, Kind::Latest).await
}

async fn a_subscription_resumed_on_an_empty_shard_loses_nothing(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage, 1).await?;
    resume_from_empty(&stream, &consumer, Kind::TrimHorizon).await
}

async fn the_continuation_of_a_full_event_is_a_position_for_get_records(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage, 1).await?;
    stream.put("key", "0").await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    let (_, continuation) = subscription.records(1).await?;
    let next = stream.put("key", "1").await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id(FIRST);
    let request = request.shard_iterator_type(Kind::AfterSequenceNumber).starting_sequence_number(continuation);
    let iterator = present("ShardIterator", request.send().await?.shard_iterator)?;
    equal("records", &numbers(&stream.read(iterator, 1).await?), &vec![next.number])
}

/// Reads a subscription to its end: the data, and the children of the last event.
async fn to_the_end(consumer: &TestConsumer, kind: Kind) -> Result<(Vec<String>, Vec<String>), Mismatch> {
    let mut subscription = consumer.subscribe(FIRST, from(kind)?).await?;
    let (mut data, mut children) = (Vec::new(), Vec::new());
    while let Some(event) = subscription.event().await? {
        data.extend(texts(&event.records));
        if !event.child_shards().is_empty() {
            ensure!(event.continuation_sequence_number.is_empty(), "the last event has a continuation");
            children = event.child_shards().iter().map(|child| child.shard_id.clone()).collect();
            children.sort();
        }
    }
    Ok((data, children))
}

async fn a_subscription_to_a_split_shard_ends_with_both_children(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage, 1).await?;
    stream.put("key", "text").await?;
    stream.split_at(FIRST, 1 << 127).await?;
    let (data, children) = to_the_end(&consumer, Kind::TrimHorizon).await?;
    equal("data", &data, &vec!["text".to_owned()])?;
    equal("ChildShards", &children, &[1, 2].map(|n| format!("shardId-{n:012}")).to_vec())
}

async fn a_subscription_that_is_open_during_a_merge_ends_with_the_child(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage, 2).await?;
    let mut subscription = consumer.subscribe(FIRST, from(Kind::TrimHorizon)?).await?;
    stream.merge(FIRST, "shardId-000000000001").await?;
    let mut parents = None;
    while let Some(event) = subscription.event().await? {
        parents = event.child_shards().first().map(|child| child.parent_shards.clone()).or(parents);
    }
    let mut parents = present("ChildShards", parents)?;
    parents.sort();
    equal("ParentShards", &parents, &[0, 1].map(|n| format!("shardId-{n:012}")).to_vec())
}

async fn a_subscription_to_a_shard_that_ended_long_ago_ends_too(stage: &Stage) -> Verdict {
    let (stream, consumer) = reader(stage, 1).await?;
    stream.put("key", "text").await?;
    stream.split_at(FIRST, 1 << 127).await?;
    let (data, _) = to_the_end(&consumer, Kind::Latest).await?;
    equal("data", &data, &Vec::new())
}

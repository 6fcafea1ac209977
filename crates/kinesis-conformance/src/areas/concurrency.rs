//! Sixteen writers, and a reader at the tip of every shard: what was acknowledged is read exactly once and in order.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_kinesis::types::ShardIteratorType;
use futures::future::{try_join, try_join_all};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, present};
use crate::stage::Stage;
use crate::stream::{TestStream, entry, order};
use crate::subject::Load;
use crate::subscription::{TestConsumer, from, from_number};

list_checks!("concurrency", within 240 seconds,
    sixteen_writers_and_tailing_readers_lose_repeat_and_reorder_nothing:
        "Every record that 16 writers have acknowledged is read exactly once and in order by a reader at the tip.",
    sixteen_writers_and_subscribers_lose_repeat_and_reorder_nothing:
        "Every record that 16 writers have acknowledged is delivered exactly once and in order by SubscribeToShard.",
);

const WRITERS: u32 = 16;
const SHARDS: i32 = 2;
const BATCH: u32 = 20;
/// Until when a reader has to see the last record.
const CATCH_UP: Duration = Duration::from_secs(90);

/// Sequence numbers by shard.
type Numbers = BTreeMap<String, Vec<String>>;

/// How many records of each shard were acknowledged; none while there will be more.
type Total = Option<BTreeMap<String, usize>>;

async fn write(stage: &Stage, stream: &TestStream, writer: u32) -> Result<Numbers, Mismatch> {
    let begun = Instant::now();
    let mut acknowledged = Numbers::new();
    for request in 0.. {
        match stage.load() {
            Load::Requests(most) if request >= most => break,
            Load::For(time) if begun.elapsed() >= time => break,
            _ => {}
        }
        let entries =
            (0..BATCH).map(|n| entry(&format!("{writer}-{request}-{n}"), "text")).collect::<Result<_, _>>()?;
        for put in stream.put_all(entries).await? {
            acknowledged.entry(put.shard).or_default().push(put.number);
        }
    }
    Ok(acknowledged)
}

/// All writers at once. Tells the readers how many records there are when all are done.
async fn write_all(stage: &Stage, stream: &TestStream, total: watch::Sender<Total>) -> Result<Numbers, Mismatch> {
    let mut acknowledged = Numbers::new();
    for part in try_join_all((0..WRITERS).map(|writer| write(stage, stream, writer))).await? {
        for (shard, numbers) in part {
            acknowledged.entry(shard).or_default().extend(numbers);
        }
    }
    for numbers in acknowledged.values_mut() {
        numbers.sort_by(|left, right| order(left).cmp(&order(right)));
    }
    let counts = acknowledged.iter().map(|(shard, numbers)| (shard.clone(), numbers.len())).collect();
    total.send_replace(Some(counts));
    Ok(acknowledged)
}

/// Whether a reader that has seen so many records of a shard is done.
fn done(shard: &str, seen: usize, total: &watch::Receiver<Total>) -> bool {
    total.borrow().as_ref().is_some_and(|total| seen >= total.get(shard).copied().unwrap_or_default())
}

async fn tail(stream: &TestStream, shard: &str, total: watch::Receiver<Total>) -> Result<Vec<String>, Mismatch> {
    let mut next = stream.iterator(shard, ShardIteratorType::TrimHorizon).await?;
    let mut seen = Vec::new();
    let mut idle = Instant::now();
    while !done(shard, seen.len(), &total) {
        let reply = stream.get(&next, None).await?;
        if !reply.records.is_empty() {
            idle = Instant::now();
        }
        seen.extend(reply.records.into_iter().map(|record| record.sequence_number));
        next = present("NextShardIterator", reply.next_shard_iterator)?;
        if idle.elapsed() > CATCH_UP {
            break;
        }
    }
    // Whatever were delivered twice would come now.
    let reply = stream.get(&next, None).await?;
    seen.extend(reply.records.into_iter().map(|record| record.sequence_number));
    Ok(seen)
}

async fn subscribe(
    consumer: &TestConsumer,
    shard: &str,
    mut total: watch::Receiver<Total>,
) -> Result<Vec<String>, Mismatch> {
    let mut position = from(ShardIteratorType::TrimHorizon)?;
    let (mut seen, mut writing) = (Vec::new(), true);
    loop {
        let mut subscription = consumer.subscribe(shard, position.clone()).await?;
        loop {
            if done(shard, seen.len(), &total) {
                return Ok(seen);
            }
            let event = tokio::select! {
                event = subscription.event_within(CATCH_UP) => event?,
                // The end of the writers may be the news that this reader waits for.
                changed = total.changed(), if writing => { writing = changed.is_ok() && total.borrow().is_none(); continue }
            };
            let Some(event) = event else { break };
            seen.extend(event.records.into_iter().map(|record| record.sequence_number));
            position = from_number(ShardIteratorType::AfterSequenceNumber, &event.continuation_sequence_number)?;
        }
    }
}

fn compare(shards: Vec<(String, Vec<String>)>, acknowledged: &Numbers) -> Verdict {
    for (shard, seen) in shards {
        let wanted = acknowledged.get(&shard).map_or(&[][..], Vec::as_slice);
        let first = seen.iter().zip(wanted).position(|(seen, wanted)| seen != wanted);
        ensure!(
            seen == wanted,
            "{shard}: {} records were acknowledged and {} read, equal up to the {}th",
            wanted.len(),
            seen.len(),
            first.unwrap_or(seen.len().min(wanted.len()))
        );
    }
    let total: usize = acknowledged.values().map(Vec::len).sum();
    ensure!(total > 0, "nothing was acknowledged");
    Ok(())
}

async fn sixteen_writers_and_tailing_readers_lose_repeat_and_reorder_nothing(stage: &Stage) -> Verdict {
    let stream = &stage.stream(SHARDS).await?;
    let (done, total) = watch::channel(None);
    let readers = stream.shards().await?.into_iter().map(|shard| {
        let total = total.clone();
        async move { tail(stream, &shard.shard_id, total).await.map(|seen| (shard.shard_id, seen)) }
    });
    let (acknowledged, seen) = try_join(write_all(stage, stream, done), try_join_all(readers)).await?;
    compare(seen, &acknowledged)
}

async fn sixteen_writers_and_subscribers_lose_repeat_and_reorder_nothing(stage: &Stage) -> Verdict {
    let stream = &stage.stream(SHARDS).await?;
    let consumer = &TestConsumer::register(stage, stream, "reader").await?;
    let (done, total) = watch::channel(None);
    let readers = stream.shards().await?.into_iter().map(|shard| {
        let total = total.clone();
        async move { subscribe(consumer, &shard.shard_id, total).await.map(|seen| (shard.shard_id, seen)) }
    });
    let (acknowledged, seen) = try_join(write_all(stage, stream, done), try_join_all(readers)).await?;
    compare(seen, &acknowledged)
}

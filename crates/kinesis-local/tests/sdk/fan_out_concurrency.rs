//! Writers and a subscriber of all shards at the same time: what was acknowledged arrives exactly once and in order,
//! through reshards, ends of subscriptions and resumes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition};
use kinesis_local::model::Settings;
use tokio::task::JoinSet;

use crate::subscriber::{after, at, register, subscribe};
use crate::support::{STREAM, entry, kinesis, shard, start_with};

const WRITERS: usize = 16;
const BATCHES: usize = 25;
const BATCH: usize = 20;

/// Puts batches and returns the sequence numbers that were acknowledged, by shard.
async fn write(client: Client, writer: usize) -> BTreeMap<String, Vec<String>> {
    let mut acknowledged: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for batch in 0..BATCHES {
        let entries = (0..BATCH).map(|n| entry(&format!("{writer}-{batch}-{n}"), "text")).collect();
        let reply = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.unwrap();
        for record in reply.records {
            acknowledged.entry(record.shard_id.unwrap()).or_default().push(record.sequence_number.unwrap());
        }
    }
    acknowledged
}

/// One event's worth of one shard, then a new subscription: every event is followed by a resume, so that every place
/// between records is tried.
struct Turn {
    shard: u32,
    numbers: Vec<String>,
    next: Option<StartingPosition>,
    children: Vec<String>,
}

async fn turn(client: Client, consumer: String, shard: u32, position: StartingPosition) -> Turn {
    let event = subscribe(&client, &consumer, shard, position).await.event().await;
    let children: Vec<_> = event.child_shards.unwrap_or_default().into_iter().map(|child| child.shard_id).collect();
    Turn {
        shard,
        numbers: event.records.into_iter().map(|record| record.sequence_number).collect(),
        next: children.is_empty().then(|| after(&event.continuation_sequence_number)),
        children,
    }
}

fn number(shard: &str) -> u32 {
    shard.trim_start_matches("shardId-").parse().unwrap()
}

/// Follows all shards until `expected` records have arrived.
async fn follow(client: Client, consumer: String, shards: u32, expected: usize) -> BTreeMap<String, Vec<String>> {
    let mut turns = JoinSet::new();
    let mut started: BTreeSet<_> = (0..shards).collect();
    for shard in 0..shards {
        turns.spawn(turn(client.clone(), consumer.clone(), shard, at(ShardIteratorType::TrimHorizon)));
    }
    let mut seen: BTreeMap<_, Vec<_>> = BTreeMap::new();
    while seen.values().map(Vec::len).sum::<usize>() < expected {
        let done = turns.join_next().await.unwrap().unwrap();
        seen.entry(shard(done.shard)).or_default().extend(done.numbers);
        if let Some(position) = done.next {
            turns.spawn(turn(client.clone(), consumer.clone(), done.shard, position));
        }
        for child in done.children.iter().map(|child| number(child)) {
            if started.insert(child) {
                turns.spawn(turn(client.clone(), consumer.clone(), child, at(ShardIteratorType::TrimHorizon)));
            }
        }
    }
    turns.shutdown().await;
    seen
}

/// Reads one shard in one go, from its start to its end or until `expected` says that all have got everything.
async fn tail(
    client: Client,
    consumer: String,
    n: u32,
    arrived: Arc<AtomicUsize>,
    expected: usize,
) -> (u32, Vec<String>) {
    let mut events = subscribe(&client, &consumer, n, at(ShardIteratorType::TrimHorizon)).await;
    let mut numbers = Vec::new();
    loop {
        let event = events.news().await;
        arrived.fetch_add(event.records.len(), Ordering::SeqCst);
        numbers.extend(event.records.into_iter().map(|record| record.sequence_number));
        if event.child_shards.is_some() || arrived.load(Ordering::SeqCst) == expected {
            return (n, numbers);
        }
    }
}

/// Starts all writers and returns what was acknowledged, in order.
async fn write_all(client: &Client) -> BTreeMap<String, Vec<String>> {
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(client.clone(), writer))).collect();
    let mut acknowledged: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for writer in writers {
        for (shard, numbers) in writer.await.unwrap() {
            acknowledged.entry(shard).or_default().extend(numbers);
        }
    }
    // 56 digits each, so the order of the texts is the order of the numbers.
    acknowledged.values_mut().for_each(|numbers| numbers.sort());
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_and_a_subscriber_that_resumes_after_each_event_lose_repeat_and_reorder_nothing() {
    let settings = Settings {
        subscription_grace: Duration::ZERO,
        heartbeat_interval: Duration::from_millis(20),
        ..Settings::default()
    };
    let local = start_with(settings, 2).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let follower = tokio::spawn(follow(client.clone(), consumer, 2, WRITERS * BATCHES * BATCH));
    let writers = tokio::spawn({
        let client = client.clone();
        async move { write_all(&client).await }
    });
    let split = client.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((1_u128 << 126).to_string()).send().await.unwrap();
    let acknowledged = writers.await.unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(120), follower).await.unwrap().unwrap();
    for (shard, expected) in acknowledged {
        assert_eq!(seen[&shard], expected, "{shard}");
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_and_a_subscriber_of_all_shards_lose_repeat_and_reorder_nothing() {
    // Without beats, so that a single write that wakes nobody would be waited for in vain.
    let never = Duration::from_secs(24 * 3_600);
    let settings = Settings { heartbeat_interval: never, subscription_life: never, ..Settings::default() };
    let local = start_with(settings, 3).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let expected = WRITERS * BATCHES * BATCH;
    let arrived = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for n in 0..3 {
        readers.spawn(tail(client.clone(), consumer.clone(), n, Arc::clone(&arrived), expected));
    }
    let acknowledged = write_all(&client).await;
    let all_there = async {
        while arrived.load(Ordering::SeqCst) < expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_there).await.unwrap();
    // Closes the shards, so that the readers which did not see the last record end too.
    client.split_shard().stream_name(STREAM).shard_to_split(shard(0)).new_starting_hash_key("9").send().await.unwrap();
    let merge = client.merge_shards().stream_name(STREAM).shard_to_merge(shard(1));
    merge.adjacent_shard_to_merge(shard(2)).send().await.unwrap();
    while let Some(reader) = readers.join_next().await {
        let (n, seen) = reader.unwrap();
        assert_eq!(seen, acknowledged[&shard(n)], "shard {n}");
    }
    local.stop().await;
}

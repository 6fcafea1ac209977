//! Writers and a tailing reader at the same time: what was acknowledged is read exactly once and in order.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;

use crate::support::{STREAM, entry, iterator, kinesis, shard, start};

const WRITERS: usize = 16;
const BATCHES: usize = 25;
const BATCH: usize = 20;

/// Puts batches and returns the sequence numbers that were acknowledged, by shard.
async fn write(client: Client, writer: usize) -> BTreeMap<String, Vec<String>> {
    let mut acknowledged: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for batch in 0..BATCHES {
        let entries = (0..BATCH).map(|n| entry(&format!("{writer}-{batch}-{n}"), "text")).collect();
        let reply = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.unwrap();
        assert_eq!(reply.failed_record_count, Some(0));
        for record in reply.records {
            acknowledged.entry(record.shard_id.unwrap()).or_default().push(record.sequence_number.unwrap());
        }
    }
    acknowledged
}

/// Reads a shard from its start until `done` says that there will be no more and the tip is reached.
async fn tail(client: Client, shard: String, done: tokio::sync::watch::Receiver<bool>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut next = iterator(&client, &shard, ShardIteratorType::TrimHorizon).await;
    loop {
        // Asked before the read: what was acknowledged before `done` is in this read or an earlier one.
        let last = *done.borrow();
        let reply = client.get_records().shard_iterator(next).send().await.unwrap();
        seen.extend(reply.records.into_iter().map(|record| record.sequence_number));
        if last && reply.millis_behind_latest == Some(0) {
            return seen;
        }
        next = reply.next_shard_iterator.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_and_tailing_readers_lose_repeat_and_reorder_nothing() {
    let local = start(2).await;
    let client = kinesis(&local);
    let (finish, done) = tokio::sync::watch::channel(false);
    let readers: Vec<_> = [0, 1].map(|n| tokio::spawn(tail(client.clone(), shard(n), done.clone()))).into();
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(client.clone(), writer))).collect();
    let mut acknowledged: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for writer in writers {
        for (shard, numbers) in writer.await.unwrap() {
            assert!(numbers.is_sorted(), "a writer's own records are in order");
            acknowledged.entry(shard).or_default().extend(numbers);
        }
    }
    finish.send_replace(true);
    let mut total = 0;
    for (n, reader) in (0..).zip(readers) {
        let seen = tokio::time::timeout(Duration::from_secs(60), reader).await.unwrap().unwrap();
        let mut expected = acknowledged.remove(&shard(n)).unwrap();
        // 56 digits each, so the order of the texts is the order of the numbers.
        expected.sort();
        total += seen.len();
        assert_eq!(seen, expected);
    }
    assert_eq!(total, WRITERS * BATCHES * BATCH);
    local.stop().await;
}

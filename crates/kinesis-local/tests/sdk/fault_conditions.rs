//! Which calls a fault hits.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::ShardIteratorType;
use kinesis_local::Local;
use kinesis_local::faults::{Effect, Fault};

use crate::support::{STREAM, entry, iterator, kinesis, shard, start};

/// Whether each of so many ListShards calls was hit.
async fn hits(local: &Local, calls: usize) -> Vec<bool> {
    let client = kinesis(local);
    let mut hits = Vec::new();
    for _ in 0..calls {
        hits.push(client.list_shards().stream_name(STREAM).send().await.is_err());
    }
    hits
}

fn places(hits: &[bool]) -> Vec<usize> {
    (0..hits.len()).filter(|n| hits[*n]).collect()
}

fn throttle() -> Fault {
    Fault::kinesis(Effect::Throttle)
}

#[tokio::test]
async fn after_every_and_times_pick_the_calls_that_they_name() {
    let local = start(1).await;
    local.faults().add(throttle().after(2).every(3).times(2)).unwrap();
    assert_eq!(places(&hits(&local, 15).await), [4, 7]);
    let status = &local.faults().list()[0];
    assert_eq!((status.seen, status.hits), (15, 2));
    local.stop().await;
}

#[tokio::test]
async fn a_share_with_a_seed_picks_the_same_calls_in_every_run() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let local = start(1).await;
        local.faults().add(throttle().share(0.5, seed)).unwrap();
        runs.push(hits(&local, 40).await);
        local.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!((8..32).contains(&places(&runs[0]).len()));
}

#[tokio::test]
async fn a_rule_that_is_removed_hits_no_more() {
    let local = start(1).await;
    let id = local.faults().add(throttle()).unwrap();
    assert_eq!(hits(&local, 2).await, [true, true]);
    assert!(local.faults().remove(id) && !local.faults().remove(id));
    assert_eq!(hits(&local, 2).await, [false, false]);
    local.stop().await;
}

#[tokio::test]
async fn a_stream_is_known_by_name_by_arn_and_by_iterator() {
    let local = start(1).await;
    let client = kinesis(&local);
    let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
    let arn = summary.stream_description_summary.unwrap().stream_arn;
    let iterator = iterator(&client, &shard(0), ShardIteratorType::TrimHorizon).await;
    local.faults().add(throttle().stream(STREAM)).unwrap();
    assert!(client.describe_stream().stream_name(STREAM).send().await.is_err());
    assert!(client.describe_stream().stream_arn(arn).send().await.is_err());
    assert!(client.get_records().shard_iterator(iterator).send().await.is_err());
    // Calls about no stream, or another.
    client.list_streams().send().await.unwrap();
    client.create_stream().stream_name("more").shard_count(1).send().await.unwrap();
    assert_eq!(local.faults().list()[0].hits, 3);
    local.stop().await;
}

async fn put(client: &Client, hash: &str) -> bool {
    let put = client.put_record().stream_name(STREAM).partition_key("k").explicit_hash_key(hash);
    put.data(Blob::new("x")).send().await.is_ok()
}

#[tokio::test]
async fn a_shard_is_known_by_id_by_iterator_and_by_the_keys_of_records() {
    let local = start(2).await;
    let client = kinesis(&local);
    let mut iterators = Vec::new();
    for n in [0, 1] {
        iterators.push(iterator(&client, &shard(n), ShardIteratorType::TrimHorizon).await);
    }
    local.faults().add(throttle().shard(&shard(1))).unwrap();
    let mut reads = Vec::new();
    for iterator in iterators {
        reads.push(client.get_records().shard_iterator(iterator).send().await.is_ok());
    }
    assert_eq!(reads, [true, false]);
    let last = u128::MAX.to_string();
    assert_eq!((put(&client, "0").await, put(&client, &last).await), (true, false));
    let batch = async |keys: &[&str]| {
        let entries = keys.iter().map(|key| entry(key, "x")).collect();
        client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.is_ok()
    };
    // MD5 of "a" starts with 0c, of "b" with 92.
    assert_eq!((batch(&["a"]).await, batch(&["b"]).await, batch(&["a", "b"]).await), (true, false, false));
    let at = async |n| {
        let request = client.get_shard_iterator().stream_name(STREAM).shard_id(shard(n));
        request.shard_iterator_type(ShardIteratorType::Latest).send().await.is_ok()
    };
    assert_eq!((at(0).await, at(1).await), (true, false));
    local.stop().await;
}

#[tokio::test]
async fn an_operation_that_does_not_exist_can_fail_too() {
    let local = start(1).await;
    local.faults().add(Fault::kinesis(Effect::ServerError { status: 503 }).operation("NoSuchOperation")).unwrap();
    let head = crate::raw::call("NoSuchOperation", "application/x-amz-json-1.1");
    assert_eq!(crate::raw::request(&local, &head, b"{}").status, 503);
    local.stop().await;
}

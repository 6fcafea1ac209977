//! Endpoints with a directory: what a restart finds.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::ShardIteratorType;
use kinesis_local::{Durability, Local, StartError};

use crate::support::{STREAM, create_table, dynamodb, entry, iterator, kinesis, shard};

/// A directory of a test's own, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kinesis-local-sdk-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    async fn start(&self) -> Local {
        Local::builder().directory(&self.0).stream(STREAM, 1).start().await.unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Data and sequence numbers of a shard, from an iterator on.
async fn read(client: &aws_sdk_kinesis::Client, iterator: &str) -> Vec<(Vec<u8>, String)> {
    let reply = client.get_records().shard_iterator(iterator).send().await.unwrap();
    reply.records.into_iter().map(|record| (record.data.into_inner(), record.sequence_number)).collect()
}

#[tokio::test]
async fn a_restart_goes_on_with_the_same_records_lineage_numbers_and_iterators() {
    let scratch = Scratch::new();
    let local = scratch.start().await;
    assert_eq!(local.restored(), None);
    let client = kinesis(&local);
    let entries = (0..10).map(|n| entry(&n.to_string(), &format!("text {n}"))).collect();
    client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.unwrap();
    let old_iterator = iterator(&client, &shard(0), ShardIteratorType::TrimHorizon).await;
    let records = read(&client, &old_iterator).await;
    let split = client.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((1_u128 << 127).to_string()).send().await.unwrap();
    while client.list_shards().stream_name(STREAM).send().await.unwrap().shards.unwrap().len() < 3 {}
    let shards = client.list_shards().stream_name(STREAM).send().await.unwrap().shards;
    let put = client.put_record().stream_name(STREAM).partition_key("k").data(Blob::new("last"));
    let last = put.send().await.unwrap();
    local.stop().await;

    let local = scratch.start().await;
    let restored = local.restored().unwrap();
    assert_eq!((restored.operations, restored.bytes_cut_off), (4, 0), "create, put, split, put");
    let client = kinesis(&local);
    assert_eq!(read(&client, &old_iterator).await, records);
    assert_eq!(client.list_shards().stream_name(STREAM).send().await.unwrap().shards, shards);
    let start = iterator(&client, &last.shard_id, ShardIteratorType::TrimHorizon).await;
    assert_eq!(read(&client, &start).await, [(b"last".to_vec(), last.sequence_number.clone())]);
    let put = client.put_record().stream_name(STREAM).partition_key("k").data(Blob::new("more"));
    let more = put.send().await.unwrap();
    assert_eq!(more.shard_id, last.shard_id);
    assert!(more.sequence_number > last.sequence_number, "numbers of one length compare as texts");
    local.stop().await;
}

#[tokio::test]
async fn a_restart_finds_tables_items_and_point_in_time_recovery() {
    let scratch = Scratch::new();
    for durability in [Durability::Process, Durability::Machine] {
        let table = format!("leases-{durability:?}");
        let start = || Local::builder().directory(&scratch.0).durability(durability).start();
        let local = start().await.unwrap();
        let client = dynamodb(&local);
        create_table(&client, &table).await;
        let item = client.put_item().table_name(&table).item("leaseKey", AttributeValue::S("shard".into()));
        item.send().await.unwrap();
        let recovery = aws_sdk_dynamodb::types::PointInTimeRecoverySpecification::builder();
        let recovery = recovery.point_in_time_recovery_enabled(true).build().unwrap();
        let backups = client.update_continuous_backups().table_name(&table);
        backups.point_in_time_recovery_specification(recovery).send().await.unwrap();
        local.stop().await;

        let local = start().await.unwrap();
        let client = dynamodb(&local);
        assert_eq!(client.scan().table_name(&table).send().await.unwrap().count, 1);
        let backups = client.describe_continuous_backups().table_name(&table).send().await.unwrap();
        let backups = backups.continuous_backups_description.unwrap();
        let recovery = backups.point_in_time_recovery_description.unwrap().point_in_time_recovery_status;
        assert_eq!(recovery.unwrap().as_str(), "ENABLED");
        local.stop().await;
    }
}

#[tokio::test]
async fn a_second_pair_of_endpoints_on_one_directory_is_refused_while_the_first_runs() {
    let scratch = Scratch::new();
    let local = scratch.start().await;
    let refused = Local::builder().directory(&scratch.0).start().await.unwrap_err();
    assert!(matches!(&refused, StartError::DirectoryInUse { path } if *path == scratch.0), "{refused}");
    // Dropping frees the directory at once.
    drop(local);
    scratch.start().await.stop().await;
}

#[tokio::test]
async fn what_sixteen_writers_had_confirmed_is_what_a_restart_finds() {
    let scratch = Scratch::new();
    let local = Local::builder().directory(&scratch.0).stream(STREAM, 4).start().await.unwrap();
    let writers = (0..16).map(|writer| {
        let client = kinesis(&local);
        tokio::spawn(async move {
            let mut confirmed = Vec::new();
            for n in 0..20 {
                let put = client.put_record().stream_name(STREAM).partition_key(format!("{writer}-{n}"));
                let put = put.data(Blob::new(format!("{writer}/{n}"))).send().await.unwrap();
                confirmed.push((put.shard_id, put.sequence_number, format!("{writer}/{n}").into_bytes()));
            }
            confirmed
        })
    });
    let mut confirmed = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        confirmed.extend(writer.await.unwrap());
    }
    local.stop().await;
    let local = scratch.start().await;
    let client = kinesis(&local);
    let mut found = Vec::new();
    for n in 0..4 {
        let start = iterator(&client, &shard(n), ShardIteratorType::TrimHorizon).await;
        found.extend(read(&client, &start).await.into_iter().map(|(data, number)| (shard(n), number, data)));
    }
    confirmed.sort();
    found.sort();
    assert_eq!(found, confirmed);
    local.stop().await;
}

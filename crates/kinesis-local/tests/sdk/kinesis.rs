//! One documented behaviour of Kinesis per test.

use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kinesis::operation::get_records::GetRecordsError;
use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{EncryptionType, ShardFilter, ShardFilterType, ShardIteratorType, StreamStatus};
use kinesis_local::Local;
use kinesis_local::model::ListShards;

use crate::support::{STREAM, entry, iterator, kinesis, shard, start};

#[tokio::test]
async fn a_stream_is_created_described_listed_and_deleted() {
    let local = start(1).await;
    let client = kinesis(&local);
    client.create_stream().stream_name("more").shard_count(3).send().await.unwrap();
    let described = client.describe_stream().stream_name("more").send().await.unwrap().stream_description.unwrap();
    assert_eq!((described.stream_status, described.shards.len()), (StreamStatus::Active, 3));
    let arn = described.stream_arn;
    let summary = client.describe_stream_summary().stream_arn(&arn).send().await.unwrap();
    let summary = summary.stream_description_summary.unwrap();
    assert_eq!((summary.open_shard_count, summary.retention_period_hours), (3, 24));
    assert_eq!(client.list_streams().send().await.unwrap().stream_names, ["more", STREAM]);
    client.delete_stream().stream_arn(&arn).send().await.unwrap();
    let gone = client.describe_stream_summary().stream_name("more").send().await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    assert_eq!(gone.message(), Some("Stream more under account 000000000000 not found."));
    local.stop().await;
}

#[tokio::test]
async fn a_new_stream_is_creating_first_with_default_settings() {
    let local = Local::start().await.unwrap();
    let client = kinesis(&local);
    client.create_stream().stream_name(STREAM).shard_count(1).send().await.unwrap();
    // However slow this test runs, the stream gets there; each answer says one of the two.
    loop {
        let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
        match summary.stream_description_summary.unwrap().stream_status {
            StreamStatus::Active => break,
            status => assert_eq!(status, StreamStatus::Creating),
        }
    }
    local.stop().await;
}

#[tokio::test]
async fn data_keys_and_arrival_times_come_back_as_they_went_in() {
    let local = start(1).await;
    let client = kinesis(&local);
    let data: Vec<u8> = (0..=255).collect();
    let key = "ключ \"with\" \\ and \n";
    let put = client.put_record().stream_name(STREAM).partition_key(key).data(Blob::new(data.clone()));
    let put = put.send().await.unwrap();
    assert_eq!(put.shard_id, shard(0));
    let start = iterator(&client, &shard(0), ShardIteratorType::TrimHorizon).await;
    let got = client.get_records().shard_iterator(start).send().await.unwrap();
    let record = &got.records[0];
    assert_eq!((record.data.as_ref(), record.partition_key.as_deref()), (&data[..], Some(key)));
    assert_eq!(record.sequence_number, put.sequence_number);
    let arrival = record.approximate_arrival_timestamp.unwrap();
    let again = client
        .get_shard_iterator()
        .stream_name(STREAM)
        .shard_id(shard(0))
        .shard_iterator_type(ShardIteratorType::AtTimestamp)
        .timestamp(arrival);
    let again = again.send().await.unwrap().shard_iterator.unwrap();
    assert_eq!(client.get_records().shard_iterator(again).send().await.unwrap().records.len(), 1);
    local.stop().await;
}

#[tokio::test]
async fn explicit_hash_keys_choose_the_shard_and_wrong_ones_are_refused() {
    let local = start(2).await;
    let client = kinesis(&local);
    let put = |hash: &str| {
        client.put_record().stream_name(STREAM).partition_key("k").explicit_hash_key(hash).data(Blob::new("x")).send()
    };
    assert_eq!(put("0").await.unwrap().shard_id, shard(0));
    assert_eq!(put("340282366920938463463374607431768211455").await.unwrap().shard_id, shard(1));
    let refused = put("340282366920938463463374607431768211456").await.unwrap_err().into_service_error();
    assert!(refused.is_invalid_argument_exception(), "{}", DisplayErrorContext(&refused));
    local.stop().await;
}

#[tokio::test]
async fn a_batch_reports_its_failures_record_by_record() {
    let settings = kinesis_local::model::Settings { memory_cap: 600, ..Default::default() };
    let local = Local::builder().settings(settings).stream(STREAM, 1).start().await.unwrap();
    let client = kinesis(&local);
    let entries = (0..10).map(|n| entry(&n.to_string(), "some text"));
    let reply = client.put_records().stream_name(STREAM).set_records(Some(entries.collect())).send().await.unwrap();
    assert_eq!(reply.failed_record_count, Some(6));
    assert!(reply.records[3].sequence_number.is_some());
    assert_eq!(reply.records[4].error_code.as_deref(), Some("ProvisionedThroughputExceededException"));
    assert!(reply.records[4].error_message.as_deref().unwrap().starts_with("Rate exceeded for shard shardId-"));
    local.stop().await;
}

#[tokio::test]
async fn each_shard_filter_and_every_page_arrives_as_asked() {
    let local = start(2).await;
    let client = kinesis(&local);
    let split = client.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key("1000").send().await.unwrap();
    let list = async |filter: ShardFilter| -> Vec<String> {
        let reply = client.list_shards().stream_name(STREAM).shard_filter(filter).send().await.unwrap();
        reply.shards.unwrap().into_iter().map(|shard| shard.shard_id).collect()
    };
    let of = |kind| ShardFilter::builder().r#type(kind);
    assert_eq!(list(of(ShardFilterType::AtLatest).build().unwrap()).await, [1, 2, 3].map(shard));
    assert_eq!(list(of(ShardFilterType::FromTrimHorizon).build().unwrap()).await, [0, 1, 2, 3].map(shard));
    let after = of(ShardFilterType::AfterShardId).shard_id(shard(1)).build().unwrap();
    assert_eq!(list(after).await, [2, 3].map(shard));
    let future = DateTime::from_secs(4_000_000_000);
    let later = of(ShardFilterType::FromTimestamp).timestamp(future).build().unwrap();
    assert_eq!(list(later).await, [1, 2, 3].map(shard));
    let first = client.list_shards().stream_name(STREAM).max_results(3).send().await.unwrap();
    let second = client.list_shards().next_token(first.next_token.unwrap()).send().await.unwrap();
    assert_eq!((first.shards.unwrap().len(), second.shards.unwrap().len()), (3, 1));
    assert_eq!(second.next_token, None);
    local.stop().await;
}

#[tokio::test]
async fn the_end_of_a_split_shard_has_child_shards_and_no_next_iterator() {
    let local = start(1).await;
    let client = kinesis(&local);
    client.put_record().stream_name(STREAM).partition_key("k").data(Blob::new("x")).send().await.unwrap();
    let start = iterator(&client, &shard(0), ShardIteratorType::TrimHorizon).await;
    let split = client.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((1_u128 << 127).to_string()).send().await.unwrap();
    let end = client.get_records().shard_iterator(start).send().await.unwrap();
    assert_eq!((end.records.len(), end.next_shard_iterator), (1, None));
    let children = end.child_shards.unwrap();
    assert_eq!(children.iter().map(|child| child.shard_id.clone()).collect::<Vec<_>>(), [shard(1), shard(2)]);
    assert_eq!(children[0].parent_shards, [shard(0)]);
    assert_eq!(children[1].hash_key_range.as_ref().unwrap().starting_hash_key, (1_u128 << 127).to_string());
    local.stop().await;
}

#[tokio::test]
async fn a_merged_shard_has_both_parents() {
    let local = start(2).await;
    let client = kinesis(&local);
    let merge = client.merge_shards().stream_name(STREAM).shard_to_merge(shard(0));
    merge.adjacent_shard_to_merge(shard(1)).send().await.unwrap();
    let shards = client.list_shards().stream_name(STREAM).send().await.unwrap().shards.unwrap();
    assert_eq!(shards[2].parent_shard_id, Some(shard(0)));
    assert_eq!(shards[2].adjacent_parent_shard_id, Some(shard(1)));
    assert!(shards[0].sequence_number_range.as_ref().unwrap().ending_sequence_number.is_some());
    assert!(shards[2].sequence_number_range.as_ref().unwrap().ending_sequence_number.is_none());
    local.stop().await;
}

#[tokio::test]
async fn an_iterator_that_is_not_ours_and_one_that_expired_are_told_apart() {
    let settings = kinesis_local::model::Settings { iterator_life: std::time::Duration::ZERO, ..Default::default() };
    let local = Local::builder().settings(settings).stream(STREAM, 1).start().await.unwrap();
    let client = kinesis(&local);
    let get = async |iterator: &str| {
        client.get_records().shard_iterator(iterator).send().await.unwrap_err().into_service_error()
    };
    let old = iterator(&client, &shard(0), ShardIteratorType::Latest).await;
    assert!(matches!(get(&old).await, GetRecordsError::ExpiredIteratorException(_)));
    assert!(matches!(get("AAAAAAAAAAE=").await, GetRecordsError::InvalidArgumentException(_)));
    local.stop().await;
}

#[tokio::test]
async fn an_operation_that_is_not_here_is_unknown() {
    let local = start(1).await;
    let request = kinesis(&local).start_stream_encryption().stream_name(STREAM).key_id("alias/aws/kinesis");
    let refused = request.encryption_type(EncryptionType::Kms).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("UnknownOperationException"));
    local.stop().await;
}

#[tokio::test]
async fn a_batch_of_ten_mebibytes_passes_the_body_limit() {
    let local = start(1).await;
    let client = kinesis(&local);
    let text = "x".repeat((1 << 20) - 16);
    let entries = (0..10).map(|n| entry(&n.to_string(), &text)).collect();
    let reply = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.unwrap();
    assert_eq!(reply.failed_record_count, Some(0));
    local.stop().await;
}

#[tokio::test]
async fn the_model_behind_the_endpoint_is_the_one_clients_changed() {
    let local = start(1).await;
    kinesis(&local).create_stream().stream_name("more").shard_count(5).send().await.unwrap();
    let listed = local.with_model(|model| model.list_shards(Default::default(), &ListShards::of("more"))).unwrap();
    assert_eq!(listed.shards.len(), 5);
    local.stop().await;
}

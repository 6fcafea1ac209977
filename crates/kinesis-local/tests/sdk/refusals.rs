//! What is refused, in which order, and by which error.

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{ScalingType, ShardIteratorType};
use kinesis_local::model::{Settings, StreamRef};

use crate::support::{STREAM, entry, iterator, kinesis, shard, start};

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/";

#[tokio::test]
async fn a_shard_is_ill_formed_then_its_stream_unknown_then_itself() {
    let local = start(1).await;
    let client = kinesis(&local);
    let ask = async |stream: &str, shard: &str| {
        let request = client.get_shard_iterator().stream_name(stream).shard_id(shard);
        let refused = request.shard_iterator_type(ShardIteratorType::Latest).send().await.unwrap_err();
        (refused.code().unwrap().to_owned(), refused.message().unwrap().to_owned())
    };
    let (code, message) = ask("gone", "no shard").await;
    assert_eq!(code, "ValidationException");
    assert!(
        message.starts_with("1 validation error detected: Value 'no shard' at 'shardId' failed to satisfy constraint:")
    );
    let not_found = "ResourceNotFoundException".to_owned();
    let gone = "Stream gone under account 000000000000 not found.".to_owned();
    assert_eq!(ask("gone", "shardless").await, (not_found.clone(), gone.clone()));
    assert_eq!(ask("gone", &shard(7)).await, (not_found.clone(), gone));
    let (code, message) = ask(STREAM, "shardless").await;
    assert_eq!(
        (code, message.starts_with("Could not find shard shardless in stream words")),
        (not_found.clone(), true)
    );
    assert_eq!(ask(STREAM, &shard(7)).await.0, not_found);
    let split = client.split_shard().stream_name(STREAM).shard_to_split("x").new_starting_hash_key("7");
    assert!(split.send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    let merge = client.merge_shards().stream_name("gone").shard_to_merge("x").adjacent_shard_to_merge("y");
    assert!(merge.send().await.unwrap_err().message().unwrap().starts_with("Stream gone under account"));
    local.stop().await;
}

#[tokio::test]
async fn records_are_not_read_under_another_streams_arn() {
    let local = start(1).await;
    let client = kinesis(&local);
    client.create_stream().stream_name("more").shard_count(1).send().await.unwrap();
    let start = iterator(&client, &shard(0), ShardIteratorType::Latest).await;
    let read = |name: &str| client.get_records().shard_iterator(&start).stream_arn(format!("{ARN}{name}")).send();
    read(STREAM).await.unwrap();
    assert!(read("more").await.unwrap_err().into_service_error().is_invalid_argument_exception());
    assert!(read("gone").await.unwrap_err().into_service_error().is_resource_not_found_exception());
    local.stop().await;
}

#[tokio::test]
async fn a_batch_names_the_record_that_breaks_a_constraint() {
    let local = start(1).await;
    let client = kinesis(&local);
    let put = async |bad| {
        let request = client.put_records().stream_name(STREAM).records(entry("k", "x")).records(bad);
        let refused = request.send().await.unwrap_err();
        (refused.code().unwrap().to_owned(), refused.message().unwrap().to_owned())
    };
    let (code, message) = put(entry(&"k".repeat(257), "x")).await;
    assert_eq!(code, "ValidationException");
    assert!(message.contains("at 'records.2.member.partitionKey' failed to satisfy constraint:"), "{message}");
    let (_, message) = put(entry("k", &"x".repeat((1 << 20) + 1))).await;
    assert!(message.contains("at 'records.2.member.data' failed to satisfy constraint:"), "{message}");
    local.stop().await;
}

/// Calls each operation that takes name and ARN with the given ones and collects the codes of the errors.
async fn codes(client: &aws_sdk_kinesis::Client, name: Option<&str>, arn: Option<&str>) -> Vec<Option<String>> {
    macro_rules! call {
        ($($operation:ident$(.$member:ident($($value:expr),*))*;)*) => {
            vec![$(
                client.$operation().set_stream_name(name.map(str::to_owned)).set_stream_arn(arn.map(str::to_owned))
                    $(.$member($($value),*))*.send().await.err().map(|error| error.code().unwrap_or("none").to_owned())
            ),*]
        };
    }
    call! {
        add_tags_to_stream.tags("key", "value");
        list_tags_for_stream;
        remove_tags_from_stream.tag_keys("key");
        decrease_stream_retention_period.retention_period_hours(24);
        increase_stream_retention_period.retention_period_hours(24);
        describe_stream;
        describe_stream_summary;
        disable_enhanced_monitoring.shard_level_metrics("ALL".into());
        enable_enhanced_monitoring.shard_level_metrics("ALL".into());
        get_shard_iterator.shard_id(shard(0)).shard_iterator_type(ShardIteratorType::Latest);
        list_shards;
        put_record.partition_key("k").data(Blob::new("x"));
        put_records.records(entry("k", "x"));
        update_shard_count.target_shard_count(1).scaling_type(ScalingType::UniformScaling);
        split_shard.shard_to_split(shard(0)).new_starting_hash_key("1000");
        merge_shards.shard_to_merge(shard(1)).adjacent_shard_to_merge(shard(2));
        delete_stream;
    }
}

#[tokio::test]
async fn every_operation_goes_by_name_by_arn_and_by_both_when_they_agree() {
    let arn = format!("{ARN}{STREAM}");
    for (name, arn) in [(Some(STREAM), None), (None, Some(arn.as_str())), (Some(STREAM), Some(arn.as_str()))] {
        let local = start(1).await;
        let codes = codes(&kinesis(&local), name, arn).await;
        assert!(codes.iter().all(Option::is_none), "{name:?} {arn:?}: {codes:?}");
        local.stop().await;
    }
}

#[tokio::test]
async fn no_operation_goes_by_a_name_and_an_arn_that_disagree_or_by_neither() {
    let local = start(1).await;
    let client = kinesis(&local);
    let other = format!("{ARN}other");
    for (name, arn) in [(Some(STREAM), Some(other.as_str())), (None, None)] {
        let codes = codes(&client, name, arn).await;
        assert!(codes.iter().all(|code| code.as_deref() == Some("InvalidArgumentException")), "{codes:?}");
    }
    for (name, arn) in [(Some("gone"), None), (None, Some(other.as_str()))] {
        let codes = codes(&client, name, arn).await;
        assert!(codes.iter().all(|code| code.as_deref() == Some("ResourceNotFoundException")), "{codes:?}");
    }
    local.stop().await;
}

#[tokio::test]
async fn a_full_memory_throttles_writes_and_forgets_it_when_the_stream_is_gone() {
    let settings = Settings { memory_cap: 300, status_delay: std::time::Duration::ZERO, ..Settings::default() };
    let local = kinesis_local::Local::builder().settings(settings).stream(STREAM, 1).start().await.unwrap();
    let client = kinesis(&local);
    let put = || client.put_record().stream_name(STREAM).partition_key("k").data(Blob::new("some text")).send();
    put().await.unwrap();
    put().await.unwrap();
    let refused = put().await.unwrap_err().into_service_error();
    assert!(refused.is_provisioned_throughput_exceeded_exception(), "{refused:?}");
    assert!(refused.message().unwrap().starts_with("Rate exceeded for shard shardId-000000000000 in stream words"));
    local.with_model(|model| model.delete_stream(Default::default(), &StreamRef::from(STREAM))).unwrap();
    client.create_stream().stream_name(STREAM).shard_count(1).send().await.unwrap();
    put().await.unwrap();
    local.stop().await;
}

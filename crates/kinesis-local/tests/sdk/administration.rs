//! Scale, modes, tags, record sizes, monitoring and limits: one documented behaviour per test.

use std::collections::HashMap;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    MetricsName, ScalingType, Shard, StreamDescriptionSummary, StreamMode, StreamModeDetails, StreamStatus,
};

use crate::support::{STREAM, kinesis, shard, start};

async fn summary(client: &Client) -> StreamDescriptionSummary {
    let reply = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
    reply.stream_description_summary.unwrap()
}

async fn shards(client: &Client) -> Vec<Shard> {
    client.list_shards().stream_name(STREAM).send().await.unwrap().shards.unwrap()
}

fn mode(mode: StreamMode) -> StreamModeDetails {
    StreamModeDetails::builder().stream_mode(mode).build().unwrap()
}

#[tokio::test]
async fn a_new_shard_count_leaves_closed_parents_and_even_children() {
    let local = start(2).await;
    let client = kinesis(&local);
    let update = client.update_shard_count().stream_name(STREAM).target_shard_count(4);
    let reply = update.scaling_type(ScalingType::UniformScaling).send().await.unwrap();
    assert_eq!((reply.current_shard_count, reply.target_shard_count), (Some(2), Some(4)));
    assert_eq!(
        (reply.stream_name.as_deref(), reply.stream_arn),
        (Some(STREAM), Some(summary(&client).await.stream_arn))
    );
    let all = shards(&client).await;
    let parents: Vec<_> = all.iter().map(|shard| shard.parent_shard_id.clone()).collect();
    assert_eq!(parents, [None, None, Some(shard(0)), Some(shard(0)), Some(shard(1)), Some(shard(1))]);
    let ended = |shard: &Shard| shard.sequence_number_range.as_ref().unwrap().ending_sequence_number.is_some();
    assert_eq!(all.iter().map(ended).collect::<Vec<_>>(), [true, true, false, false, false, false]);
    let starts: Vec<_> =
        all[2..].iter().map(|s| s.hash_key_range.as_ref().unwrap().starting_hash_key.clone()).collect();
    assert_eq!(starts, [0, 1, 2, 3].map(|quarter: u128| (quarter << 126).to_string()));
    let update = client.update_shard_count().stream_arn(summary(&client).await.stream_arn).target_shard_count(2);
    update.scaling_type(ScalingType::UniformScaling).send().await.unwrap();
    let merged = &shards(&client).await[6];
    assert_eq!((&merged.parent_shard_id, &merged.adjacent_parent_shard_id), (&Some(shard(2)), &Some(shard(3))));
    assert_eq!(summary(&client).await.open_shard_count, 2);
    local.stop().await;
}

#[tokio::test]
async fn shard_counts_out_of_bounds_are_limit_exceeded_and_zero_is_a_validation_error() {
    let local = start(4).await;
    let client = kinesis(&local);
    let update = async |target| {
        let update = client.update_shard_count().stream_name(STREAM).target_shard_count(target);
        update.scaling_type(ScalingType::UniformScaling).send().await.unwrap_err().into_service_error()
    };
    for target in [1, 9, 20_001] {
        let refused = update(target).await;
        assert!(refused.is_limit_exceeded_exception(), "{refused:?}");
    }
    let refused = update(0).await;
    assert!(
        refused.meta().message().unwrap().starts_with("1 validation error detected: Value '0' at 'targetShardCount'")
    );
    let wrong = client.update_shard_count().stream_name(STREAM).target_shard_count(5).scaling_type("BY_HAND".into());
    let refused = wrong.send().await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().code(), Some("ValidationException"));
    local.stop().await;
}

#[tokio::test]
async fn a_stream_is_on_demand_from_its_creation_or_by_an_update() {
    let local = start(1).await;
    let client = kinesis(&local);
    let create = client.create_stream().stream_name("elastic").stream_mode_details(mode(StreamMode::OnDemand));
    create.send().await.unwrap();
    let elastic = client.describe_stream_summary().stream_name("elastic").send().await.unwrap();
    let elastic = elastic.stream_description_summary.unwrap();
    assert_eq!((elastic.open_shard_count, elastic.stream_status), (4, StreamStatus::Active));
    assert_eq!(elastic.stream_mode_details, Some(mode(StreamMode::OnDemand)));
    let arn = summary(&client).await.stream_arn;
    let update = client.update_stream_mode().stream_arn(arn).stream_mode_details(mode(StreamMode::OnDemand));
    update.send().await.unwrap();
    assert_eq!(summary(&client).await.stream_mode_details, Some(mode(StreamMode::OnDemand)));
    let split = client.split_shard().stream_name(STREAM).shard_to_split(shard(0)).new_starting_hash_key("1000");
    let refused = split.send().await.unwrap_err().into_service_error();
    assert!(refused.is_validation_exception(), "{refused:?}");
    let listed = client.list_streams().send().await.unwrap().stream_summaries.unwrap();
    assert!(listed.iter().all(|stream| stream.stream_mode_details == Some(mode(StreamMode::OnDemand))));
    local.stop().await;
}

#[tokio::test]
async fn tags_of_a_stream_go_in_and_come_out_in_pages() {
    let local = start(1).await;
    let client = kinesis(&local);
    let add = client.add_tags_to_stream().stream_name(STREAM).tags("b", "two + 2").tags("a", "").tags("c", "3");
    add.send().await.unwrap();
    let first = client.list_tags_for_stream().stream_name(STREAM).limit(2).send().await.unwrap();
    assert!(first.has_more_tags);
    let pairs: Vec<_> = first.tags.iter().map(|tag| (tag.key(), tag.value())).collect();
    assert_eq!(pairs, [("a", Some("")), ("b", Some("two + 2"))]);
    let rest = client.list_tags_for_stream().stream_name(STREAM).exclusive_start_tag_key("b").send().await.unwrap();
    assert_eq!((rest.tags.len(), rest.has_more_tags), (1, false));
    client.remove_tags_from_stream().stream_name(STREAM).tag_keys("a").tag_keys("c").send().await.unwrap();
    let left = client.list_tags_for_stream().stream_name(STREAM).send().await.unwrap().tags;
    assert_eq!(left.iter().map(|tag| tag.key()).collect::<Vec<_>>(), ["b"]);
    local.stop().await;
}

#[tokio::test]
async fn tags_go_by_resource_arn_too_and_with_the_creation() {
    let local = start(1).await;
    let client = kinesis(&local);
    let tags = HashMap::from([("team".to_owned(), "words".to_owned())]);
    client.create_stream().stream_name("tagged").shard_count(1).set_tags(Some(tags)).send().await.unwrap();
    let arn = summary(&client).await.stream_arn.replace(STREAM, "tagged");
    client.tag_resource().resource_arn(&arn).tags("stage", "test").send().await.unwrap();
    let keys = async || {
        let tags = client.list_tags_for_resource().resource_arn(&arn).send().await.unwrap().tags.unwrap_or_default();
        tags.into_iter().map(|tag| tag.key).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, ["stage", "team"]);
    client.untag_resource().resource_arn(&arn).tag_keys("team").send().await.unwrap();
    assert_eq!(keys().await, ["stage"]);
    let refused = client.tag_resource().resource_arn(&arn).tags("no;semicolons", "").send().await.unwrap_err();
    assert!(refused.into_service_error().is_invalid_argument_exception());
    local.stop().await;
}

#[tokio::test]
async fn a_stream_takes_larger_records_when_told_to() {
    let local = start(1).await;
    let client = kinesis(&local);
    let large = Blob::new(vec![7; 3 << 20]);
    let put = || client.put_record().stream_name(STREAM).partition_key("k").data(large.clone()).send();
    let refused = put().await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().code(), Some("ValidationException"));
    let arn = summary(&client).await.stream_arn;
    client.update_max_record_size().stream_arn(arn).max_record_size_in_kib(4_096).send().await.unwrap();
    put().await.unwrap();
    assert_eq!(summary(&client).await.max_record_size_in_kib, Some(4_096));
    local.stop().await;
}

#[tokio::test]
async fn monitoring_is_switched_per_metric() {
    let local = start(1).await;
    let client = kinesis(&local);
    let on = client.enable_enhanced_monitoring().stream_name(STREAM).shard_level_metrics(MetricsName::All);
    let on = on.send().await.unwrap();
    assert_eq!(on.current_shard_level_metrics.unwrap_or_default(), []);
    assert_eq!(on.desired_shard_level_metrics.unwrap().len(), 7);
    let off = client.disable_enhanced_monitoring().stream_name(STREAM);
    off.shard_level_metrics(MetricsName::IncomingBytes).send().await.unwrap();
    let metrics = summary(&client).await.enhanced_monitoring.remove(0).shard_level_metrics.unwrap();
    assert_eq!((metrics.len(), metrics.contains(&MetricsName::IncomingBytes)), (6, false));
    local.stop().await;
}

#[tokio::test]
async fn limits_and_settings_of_the_account_are_described() {
    let local = start(3).await;
    let client = kinesis(&local);
    let limits = client.describe_limits().send().await.unwrap();
    assert_eq!((limits.open_shard_count, limits.shard_limit), (3, 20_000));
    assert_eq!((limits.on_demand_stream_count, limits.on_demand_stream_count_limit), (0, 50));
    let settings = client.describe_account_settings().send().await.unwrap();
    assert_eq!(settings.minimum_throughput_billing_commitment.unwrap().status.as_str(), "DISABLED");
    local.stop().await;
}

#[tokio::test]
async fn retention_goes_up_and_down_within_its_bounds() {
    let local = start(1).await;
    let client = kinesis(&local);
    let up = |hours| client.increase_stream_retention_period().stream_name(STREAM).retention_period_hours(hours).send();
    let down =
        |hours| client.decrease_stream_retention_period().stream_name(STREAM).retention_period_hours(hours).send();
    up(8_760).await.unwrap();
    assert_eq!(summary(&client).await.retention_period_hours, 8_760);
    assert!(up(8_761).await.unwrap_err().into_service_error().is_invalid_argument_exception());
    assert!(up(100).await.unwrap_err().into_service_error().is_invalid_argument_exception());
    assert!(down(23).await.unwrap_err().into_service_error().is_invalid_argument_exception());
    down(24).await.unwrap();
    assert_eq!(summary(&client).await.retention_period_hours, 24);
    local.stop().await;
}

#[tokio::test]
async fn descriptions_come_in_pages() {
    let local = start(5).await;
    let client = kinesis(&local);
    let first = client.describe_stream().stream_name(STREAM).limit(2).send().await.unwrap();
    let first = first.stream_description.unwrap();
    assert_eq!((first.shards.len(), first.has_more_shards), (2, true));
    let rest = client.describe_stream().stream_name(STREAM).exclusive_start_shard_id(shard(1)).send().await.unwrap();
    let rest = rest.stream_description.unwrap();
    assert_eq!((rest.shards[0].shard_id.clone(), rest.shards.len(), rest.has_more_shards), (shard(2), 3, false));
    for name in ["a", "b", "c"] {
        client.create_stream().stream_name(name).shard_count(1).send().await.unwrap();
    }
    let first = client.list_streams().limit(3).send().await.unwrap();
    assert!(first.has_more_streams);
    let rest = client.list_streams().next_token(first.next_token.unwrap()).send().await.unwrap();
    assert_eq!((rest.stream_names, rest.has_more_streams), (vec![STREAM.to_owned()], false));
    assert_eq!(rest.stream_summaries.unwrap()[0].stream_status, StreamStatus::Active);
    local.stop().await;
}

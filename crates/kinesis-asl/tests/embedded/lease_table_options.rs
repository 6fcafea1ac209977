//! How the lease table is made in DynamoDB: with nothing by default, and with what was asked for.

use aws_sdk_dynamodb::types::{BillingMode, PointInTimeRecoveryStatus, TableDescription};
use kinesis_asl::TableOptions;
use kinesis_asl::lease::dynamo_store::DynamoLeaseStore;
use kinesis_asl::lease::store::LeaseStore;

use crate::support::consumer::Setup;
use crate::support::world::{APP, FAILOVER, World, access};

async fn store(world: &World, options: TableOptions) -> DynamoLeaseStore {
    DynamoLeaseStore::connect(&access(&world.dynamodb_url()), APP, FAILOVER).await.with_options(options)
}

async fn table(world: &World) -> TableDescription {
    world.dynamodb.describe_table().table_name(APP).send().await.unwrap().table.unwrap()
}

async fn recovery(world: &World) -> Option<PointInTimeRecoveryStatus> {
    let answer = world.dynamodb.describe_continuous_backups().table_name(APP).send().await.unwrap();
    let backups = answer.continuous_backups_description.unwrap();
    backups.point_in_time_recovery_description.and_then(|recovery| recovery.point_in_time_recovery_status)
}

async fn tags(world: &World) -> Vec<(String, String)> {
    let arn = table(world).await.table_arn.unwrap();
    let answer = world.dynamodb.list_tags_of_resource().resource_arn(arn).send().await.unwrap();
    let mut tags: Vec<_> = answer.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    tags.sort();
    tags
}

fn all() -> TableOptions {
    TableOptions::default().point_in_time_recovery().deletion_protection().tag("team", "search").tag("stage", "test")
}

#[tokio::test]
async fn a_table_is_made_on_demand_and_with_nothing_else_by_default_rf_10() {
    let world = World::start(1).await;
    store(&world, TableOptions::default()).await.prepare().await.unwrap();
    let made = table(&world).await;
    assert_eq!(made.billing_mode_summary.and_then(|billing| billing.billing_mode), Some(BillingMode::PayPerRequest));
    assert_ne!(made.deletion_protection_enabled, Some(true));
    assert_ne!(recovery(&world).await, Some(PointInTimeRecoveryStatus::Enabled));
    assert_eq!(tags(&world).await, []);
    world.stop().await;
}

#[tokio::test]
async fn a_new_table_gets_recovery_protection_and_tags_when_they_are_asked_for_rf_10() {
    let world = World::start(1).await;
    store(&world, all()).await.prepare().await.unwrap();
    assert_eq!(table(&world).await.deletion_protection_enabled, Some(true));
    assert_eq!(recovery(&world).await, Some(PointInTimeRecoveryStatus::Enabled));
    let expected = [("stage", "test"), ("team", "search")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(tags(&world).await, expected);
    world.dynamodb.delete_table().table_name(APP).send().await.unwrap_err();
    store(&world, all()).await.prepare().await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_table_that_exists_gets_recovery_and_nothing_else_rf_10() {
    let world = World::start(1).await;
    store(&world, TableOptions::default()).await.prepare().await.unwrap();
    store(&world, all()).await.prepare().await.unwrap();
    assert_eq!(recovery(&world).await, Some(PointInTimeRecoveryStatus::Enabled));
    assert_ne!(table(&world).await.deletion_protection_enabled, Some(true));
    assert_eq!(tags(&world).await, []);
    world.stop().await;
}

#[tokio::test]
async fn options_given_to_the_builder_reach_the_table() {
    let world = World::start(1).await;
    let ctx = Setup::context();
    let lines = Setup::of(&world).input(&ctx).lease_table(all()).build().unwrap();
    lines.foreach_rdd(|rdd, _| Ok(rdd.count().map(|_| ())?));
    ctx.start().await.unwrap();
    assert_eq!(table(&world).await.deletion_protection_enabled, Some(true));
    assert_eq!(recovery(&world).await, Some(PointInTimeRecoveryStatus::Enabled));
    assert_eq!(tags(&world).await.len(), 2);
    ctx.stop(dstream_core::StopMode::Graceful).await.unwrap();
    world.stop().await;
}

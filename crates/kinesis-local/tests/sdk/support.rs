//! Endpoints and clients for a test.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use kinesis_local::Local;
use kinesis_local::model::Settings;

/// The stream of all tests.
pub(crate) const STREAM: &str = "words";

/// Endpoints without delays and with an ACTIVE stream of so many shards.
pub(crate) async fn start(shards: u32) -> Local {
    start_with(Settings::default(), shards).await
}

/// The same with settings of the test's choice.
pub(crate) async fn start_with(settings: Settings, shards: u32) -> Local {
    let settings = Settings { status_delay: Duration::ZERO, ..settings };
    Local::builder().settings(settings).stream(STREAM, shards).start().await.unwrap()
}

fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

pub(crate) fn kinesis(local: &Local) -> aws_sdk_kinesis::Client {
    kinesis_with(local, RetryConfig::disabled())
}

pub(crate) fn kinesis_with(local: &Local, retry: RetryConfig) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .retry_config(retry)
        .http_client(http())
        .endpoint_url(local.kinesis_url())
        .build();
    aws_sdk_kinesis::Client::from_conf(config)
}

pub(crate) fn dynamodb(local: &Local) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .http_client(http())
        .endpoint_url(local.dynamodb_url())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// A table with the key of a lease table, ACTIVE.
pub(crate) async fn create_table(client: &aws_sdk_dynamodb::Client, name: &str) {
    use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
    let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder().attribute_name("leaseKey");
    let attribute = attribute.attribute_type(ScalarAttributeType::S).build().unwrap();
    let table = client.create_table().table_name(name).key_schema(key).attribute_definitions(attribute);
    table.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
    loop {
        let table = client.describe_table().table_name(name).send().await.unwrap().table.unwrap();
        if table.table_status.is_some_and(|status| status.as_str() == "ACTIVE") {
            break;
        }
    }
}

pub(crate) fn entry(key: &str, text: &str) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(text)).build().unwrap()
}

pub(crate) async fn iterator(client: &aws_sdk_kinesis::Client, shard: &str, kind: ShardIteratorType) -> String {
    let request = client.get_shard_iterator().stream_name(STREAM).shard_id(shard).shard_iterator_type(kind);
    request.send().await.unwrap().shard_iterator.unwrap()
}

pub(crate) fn shard(n: u32) -> String {
    format!("shardId-{n:012}")
}

//! What the lease table needs of DynamoDB.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, OnDemandThroughput,
    PointInTimeRecoverySpecification, ScalarAttributeType, SseSpecification, StreamSpecification, StreamViewType,
    TableClass, Tag,
};

use kinesis_local::faults::{Effect, Fault};

use crate::support::{create_table, dynamodb, start};

#[tokio::test]
async fn of_two_updates_under_one_condition_the_second_fails_and_returns_the_item() {
    let local = start(1).await;
    let client = dynamodb(&local);
    create_table(&client, "leases").await;
    let number = |n: u32| AttributeValue::N(n.to_string());
    let put = client.put_item().table_name("leases").item("leaseKey", AttributeValue::S("shard".into()));
    put.item("leaseCounter", number(1)).send().await.unwrap();
    let renew = || {
        client
            .update_item()
            .table_name("leases")
            .key("leaseKey", AttributeValue::S("shard".into()))
            .update_expression("SET leaseCounter = :next")
            .condition_expression("leaseCounter = :seen")
            .expression_attribute_values(":seen", number(1))
            .expression_attribute_values(":next", number(2))
            .return_values_on_condition_check_failure("ALL_OLD".into())
            .send()
    };
    renew().await.unwrap();
    let refused = renew().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refused) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(refused.item.unwrap()["leaseCounter"], number(2));
    local.stop().await;
}

#[tokio::test]
async fn the_options_of_a_table_that_a_kcl_application_may_ask_for_are_taken_and_remembered() {
    let local = start(1).await;
    let client = dynamodb(&local);
    let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder().attribute_name("leaseKey");
    let attribute = attribute.attribute_type(ScalarAttributeType::S).build().unwrap();
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    let create = client
        .create_table()
        .table_name("leases")
        .key_schema(key)
        .attribute_definitions(attribute)
        .billing_mode(BillingMode::PayPerRequest)
        .deletion_protection_enabled(true)
        .table_class(TableClass::StandardInfrequentAccess)
        .sse_specification(SseSpecification::builder().enabled(true).build())
        .stream_specification(stream.build().unwrap())
        .on_demand_throughput(OnDemandThroughput::builder().max_write_request_units(10).build())
        .tags(Tag::builder().key("a").value("1").build().unwrap());
    create.send().await.unwrap();
    let table = client.describe_table().table_name("leases").send().await.unwrap().table.unwrap();
    assert_eq!(table.deletion_protection_enabled, Some(true));
    assert_eq!(table.table_class_summary.unwrap().table_class, Some(TableClass::StandardInfrequentAccess));
    assert!(table.sse_description.is_some() && table.stream_specification.is_some());
    let arn = table.table_arn.unwrap();
    client
        .tag_resource()
        .resource_arn(&arn)
        .tags(Tag::builder().key("b").value("2").build().unwrap())
        .send()
        .await
        .unwrap();
    client.untag_resource().resource_arn(&arn).tag_keys("a").send().await.unwrap();
    let tags = client.list_tags_of_resource().resource_arn(&arn).send().await.unwrap().tags.unwrap();
    assert_eq!(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect::<Vec<_>>(), [("b", "2")]);
    let refused = client.delete_table().table_name("leases").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"), "{}", DisplayErrorContext(&refused));
    client.update_table().table_name("leases").deletion_protection_enabled(false).send().await.unwrap();
    client.delete_table().table_name("leases").send().await.unwrap();
    local.stop().await;
}

#[tokio::test]
async fn point_in_time_recovery_is_remembered_for_one_table_and_not_for_the_next_of_its_name() {
    let local = start(1).await;
    let client = dynamodb(&local);
    let status = async || {
        let described = client.describe_continuous_backups().table_name("leases").send().await.unwrap();
        let recovery = described.continuous_backups_description.unwrap().point_in_time_recovery_description.unwrap();
        (recovery.point_in_time_recovery_status.unwrap().as_str().to_owned(), recovery.recovery_period_in_days)
    };
    let enabled = |enabled: bool| {
        PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(enabled).build().unwrap()
    };
    let update = |on: bool| {
        client.update_continuous_backups().table_name("leases").point_in_time_recovery_specification(enabled(on)).send()
    };
    let absent = update(true).await.unwrap_err();
    assert_eq!(absent.code(), Some("TableNotFoundException"));
    for _ in 0..2 {
        create_table(&client, "leases").await;
        assert_eq!(status().await, ("DISABLED".to_owned(), None));
        let reply = update(true).await.unwrap().continuous_backups_description.unwrap();
        assert!(reply.point_in_time_recovery_description.unwrap().latest_restorable_date_time.is_some());
        assert_eq!(status().await, ("ENABLED".to_owned(), Some(35)));
        update(false).await.unwrap();
        assert_eq!(status().await, ("DISABLED".to_owned(), None));
        update(true).await.unwrap();
        client.delete_table().table_name("leases").send().await.unwrap();
    }
    local.stop().await;
}

#[tokio::test]
async fn limits_are_described_and_an_operation_that_is_nowhere_is_refused_by_its_name() {
    let local = start(1).await;
    let client = dynamodb(&local);
    assert!(client.describe_limits().send().await.unwrap().account_max_read_capacity_units.is_some());
    let endpoints = client.describe_endpoints().send().await.unwrap().endpoints;
    assert_eq!(format!("http://{}", endpoints[0].address), local.dynamodb_url());
    let refused = client.list_backups().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("UnknownOperationException"));
    assert!(refused.message().unwrap().contains("ListBackups"));
    local.stop().await;
}

/// A call without an SDK: status line and body.
fn raw(url: &str, headers: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    write!(
        connection,
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn no_credentials_are_needed_and_the_words_of_errors_are_dynoxides() {
    let local = start(1).await;
    let call = |operation: &str, body: &str| {
        let headers =
            format!("x-amz-target: DynamoDB_20120810.{operation}\r\ncontent-type: application/x-amz-json-1.0\r\n");
        raw(local.dynamodb_url(), &headers, body)
    };
    let tables = call("ListTables", "{}");
    assert!(tables.starts_with("HTTP/1.1 200") && tables.contains(r#"{"TableNames":[]}"#), "{tables}");
    let refused = call("DescribeTable", r#"{"TableName":"none"}"#);
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("Requested resource not found"), "{refused}");
    let refused = call("UpdateItem", r#"{"TableName":"none","Key":{"leaseKey":{"S":"s"}}}"#);
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("Requested resource not found"), "{refused}");
    let refused = call("UpdateItem", r#"{"TableName":"none","Key":{"leaseKey":{"S":5}}}"#);
    assert!(
        refused.contains("SerializationException") && refused.contains("cannot be converted to String"),
        "{refused}"
    );
    let refused = call("DescribeTable", "no JSON");
    assert!(refused.contains("SerializationException"), "{refused}");
    local.stop().await;
}

#[tokio::test]
async fn many_calls_at_once_are_all_answered() {
    let local = start(1).await;
    let client = dynamodb(&local);
    create_table(&client, "leases").await;
    let puts = (0..64).map(|n| {
        let put = client.put_item().table_name("leases").item("leaseKey", AttributeValue::S(n.to_string()));
        tokio::spawn(put.send())
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap().unwrap();
    }
    assert_eq!(client.scan().table_name("leases").send().await.unwrap().count, 64);
    local.stop().await;
}

#[tokio::test]
async fn faults_of_a_table_reach_its_calls_and_no_others() {
    let local = start(1).await;
    let client = dynamodb(&local);
    create_table(&client, "leases").await;
    let put = |n: &str| {
        let put = client.put_item().table_name("leases").item("leaseKey", AttributeValue::S(n.into()));
        let retries = aws_sdk_dynamodb::config::retry::RetryConfig::disabled();
        put.customize().config_override(aws_sdk_dynamodb::Config::builder().retry_config(retries)).send()
    };
    let faults = local.faults();
    let of = |effect: Effect| Fault::dynamodb(effect).operation("PutItem").table("leases").times(1);
    faults.add(of(Effect::Throttle)).unwrap();
    faults.add(of(Effect::CutBefore)).unwrap();
    faults.add(of(Effect::CutAfter)).unwrap();
    faults.add(Fault::dynamodb(Effect::Throttle).table("other")).unwrap();
    let throttled = put("throttled").await.unwrap_err();
    assert_eq!(throttled.code(), Some("ProvisionedThroughputExceededException"), "{throttled:?}");
    assert!(put("cut before").await.unwrap_err().as_service_error().is_none());
    assert!(put("cut after").await.unwrap_err().as_service_error().is_none());
    put("passed").await.unwrap();
    let mut keys = Vec::new();
    for item in client.scan().table_name("leases").send().await.unwrap().items() {
        keys.push(item["leaseKey"].as_s().unwrap().clone());
    }
    keys.sort();
    assert_eq!(keys, ["cut after", "passed"]);
    assert_eq!(faults.list().iter().map(|fault| fault.hits).collect::<Vec<_>>(), [1, 1, 1, 0]);
    local.stop().await;
}

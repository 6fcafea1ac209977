//! The consumer operations: one documented behaviour per test.

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types::ConsumerStatus;

use crate::subscriber::{register, stream_arn};
use crate::support::{STREAM, kinesis, start};

#[tokio::test]
async fn a_consumer_is_registered_described_listed_and_deregistered_by_name_and_by_arn() {
    let local = start(1).await;
    let client = kinesis(&local);
    let stream = stream_arn(&client).await;
    let registered = client.register_stream_consumer().stream_arn(&stream).consumer_name("a").send().await.unwrap();
    let registered = registered.consumer.unwrap();
    assert_eq!(registered.consumer_status, ConsumerStatus::Creating);
    let second = registered.consumer_creation_timestamp.secs();
    assert_eq!(registered.consumer_arn, format!("{stream}/consumer/a:{second}"));
    let by_name = client.describe_stream_consumer().stream_arn(&stream).consumer_name("a").send().await.unwrap();
    let by_arn = client.describe_stream_consumer().consumer_arn(&registered.consumer_arn).send().await.unwrap();
    assert_eq!(by_name.consumer_description, by_arn.consumer_description);
    let description = by_arn.consumer_description.unwrap();
    assert_eq!((description.consumer_status, description.stream_arn), (ConsumerStatus::Active, stream.clone()));
    register(&client, "b").await;
    let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
    assert_eq!(summary.stream_description_summary.unwrap().consumer_count, Some(2));
    client.deregister_stream_consumer().consumer_arn(&registered.consumer_arn).send().await.unwrap();
    client.deregister_stream_consumer().stream_arn(&stream).consumer_name("b").send().await.unwrap();
    let gone = client.describe_stream_consumer().stream_arn(&stream).consumer_name("b").send().await.unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
    local.stop().await;
}

#[tokio::test]
async fn consumers_are_listed_in_pages() {
    let local = start(1).await;
    let client = kinesis(&local);
    for name in ["b", "c", "a"] {
        register(&client, name).await;
    }
    let pages = client.list_stream_consumers().stream_arn(stream_arn(&client).await).max_results(2);
    let mut pages = pages.into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(page.unwrap().consumers.unwrap().into_iter().map(|consumer| consumer.consumer_name));
    }
    assert_eq!(names, ["a", "b", "c"]);
    local.stop().await;
}

#[tokio::test]
async fn a_taken_name_and_the_twenty_first_consumer_are_refused() {
    let local = start(1).await;
    let client = kinesis(&local);
    let stream = stream_arn(&client).await;
    for n in 0..20 {
        register(&client, &format!("c{n}")).await;
    }
    let again = client.register_stream_consumer().stream_arn(&stream).consumer_name("c0").send().await.unwrap_err();
    assert!(again.into_service_error().is_resource_in_use_exception());
    let more = client.register_stream_consumer().stream_arn(&stream).consumer_name("more").send().await.unwrap_err();
    assert!(more.into_service_error().is_limit_exceeded_exception());
    let bad = client.register_stream_consumer().stream_arn(&stream).consumer_name("a b").send().await.unwrap_err();
    assert_eq!(bad.code(), Some("ValidationException"));
    local.stop().await;
}

#[tokio::test]
async fn a_stream_with_consumers_is_deleted_only_by_force() {
    let local = start(1).await;
    let client = kinesis(&local);
    register(&client, "counter").await;
    let refused = client.delete_stream().stream_name(STREAM).send().await.unwrap_err();
    assert!(refused.into_service_error().is_resource_in_use_exception());
    client.delete_stream().stream_name(STREAM).enforce_consumer_deletion(true).send().await.unwrap();
    assert_eq!(client.list_streams().send().await.unwrap().stream_names.len(), 0);
    local.stop().await;
}

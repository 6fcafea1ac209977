//! What each effect of a fault looks like to the real SDK, which does not retry here unless a test says so.

use std::time::Duration;

use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsError;
use aws_sdk_kinesis::operation::list_shards::ListShardsError;
use aws_sdk_kinesis::operation::put_record::{PutRecordError, PutRecordOutput};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::ShardIteratorType;
use aws_sdk_kinesis::{Client, config::http::HttpResponse};
use kinesis_local::Local;
use kinesis_local::faults::{Effect, Fault};

use crate::raw::{call, exchange};
use crate::support::{STREAM, entry, iterator, kinesis, kinesis_with, shard, start};

async fn put(client: &Client, key: &str) -> Result<PutRecordOutput, SdkError<PutRecordError, HttpResponse>> {
    client.put_record().stream_name(STREAM).partition_key(key).data(Blob::new("x")).send().await
}

/// The keys of the records in a shard, past all faults but those on reads.
async fn keys(client: &Client, n: u32) -> Vec<String> {
    let start = iterator(client, &shard(n), ShardIteratorType::TrimHorizon).await;
    let got = client.get_records().shard_iterator(start).send().await.unwrap();
    got.records.into_iter().map(|record| record.partition_key.unwrap()).collect()
}

fn inject(local: &Local, fault: Fault) {
    local.faults().add(fault).unwrap();
}

/// Waits for what another task or thread is about to bring about.
async fn until(mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

#[tokio::test]
async fn an_injected_failure_arrives_as_the_error_of_that_name_and_nothing_happened() {
    let local = start(1).await;
    let client = kinesis(&local);
    let errors = [
        "AccessDeniedException",
        "InternalFailureException",
        "InvalidArgumentException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "KMSThrottlingException",
        "ProvisionedThroughputExceededException",
        "ResourceNotFoundException",
    ];
    for error in errors {
        inject(&local, Fault::kinesis(Effect::fail(error)).operation("PutRecord").times(1));
        let refused = put(&client, "k").await.unwrap_err();
        assert_eq!(refused.raw_response().unwrap().status().as_u16(), 400);
        let refused = refused.into_service_error();
        assert_eq!(refused.code(), Some(error));
        assert_eq!(refused.message(), Some("Failed on purpose by an injected fault."));
    }
    let said = Effect::Fail { error: "ExpiredIteratorException".into(), message: Some("Too old.".into()), status: 400 };
    inject(&local, Fault::kinesis(said).operation("GetRecords").times(1));
    let refused = client.get_records().shard_iterator("any").send().await.unwrap_err().into_service_error();
    assert!(matches!(&refused, GetRecordsError::ExpiredIteratorException(_)), "{refused:?}");
    assert_eq!(refused.message(), Some("Too old."));
    assert!(keys(&client, 0).await.is_empty());
    local.stop().await;
}

#[tokio::test]
async fn a_throttle_is_the_one_that_aws_answers_that_operation_with() {
    let local = start(1).await;
    let client = kinesis(&local);
    inject(&local, Fault::kinesis(Effect::Throttle));
    let refused = put(&client, "k").await.unwrap_err().into_service_error();
    assert!(matches!(refused, PutRecordError::ProvisionedThroughputExceededException(_)), "{refused:?}");
    let refused = client.list_shards().stream_name(STREAM).send().await.unwrap_err().into_service_error();
    assert!(matches!(refused, ListShardsError::LimitExceededException(_)), "{refused:?}");
    local.stop().await;
}

#[tokio::test]
async fn server_errors_have_their_status_and_nothing_happened() {
    let local = start(1).await;
    let client = kinesis(&local);
    for (status, code) in [(500, "InternalFailure"), (503, "ServiceUnavailable")] {
        inject(&local, Fault::kinesis(Effect::ServerError { status }).operation("PutRecord").times(1));
        let refused = put(&client, "k").await.unwrap_err();
        assert_eq!(refused.raw_response().unwrap().status().as_u16(), status);
        assert_eq!(refused.into_service_error().code(), Some(code));
    }
    assert!(keys(&client, 0).await.is_empty());
    local.stop().await;
}

#[tokio::test]
async fn a_call_cut_before_its_effect_fails_without_a_reply_and_stores_nothing() {
    let local = start(1).await;
    let client = kinesis(&local);
    inject(&local, Fault::kinesis(Effect::CutBefore).operation("PutRecord").times(1));
    let cut = put(&client, "cut").await.unwrap_err();
    assert!(matches!(cut, SdkError::DispatchFailure(_)), "{cut:?}");
    put(&client, "after").await.unwrap();
    assert_eq!(keys(&client, 0).await, ["after"]);
    local.stop().await;
}

#[tokio::test]
async fn a_call_cut_after_its_effect_fails_without_a_reply_and_its_record_is_stored() {
    let local = start(1).await;
    let client = kinesis(&local);
    inject(&local, Fault::kinesis(Effect::CutAfter).operation("PutRecord").times(1));
    let cut = put(&client, "cut").await.unwrap_err();
    assert!(matches!(cut, SdkError::DispatchFailure(_)), "{cut:?}");
    assert_eq!(keys(&client, 0).await, ["cut"]);
    local.stop().await;
}

#[tokio::test]
async fn a_retry_after_a_lost_reply_stores_the_record_twice() {
    let local = start(1).await;
    let retrying = kinesis_with(&local, RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
    inject(&local, Fault::kinesis(Effect::CutAfter).operation("PutRecord").times(1));
    put(&retrying, "twice").await.unwrap();
    assert_eq!(keys(&retrying, 0).await, ["twice", "twice"]);
    local.stop().await;
}

#[tokio::test]
async fn a_cut_connection_is_closed_without_one_byte_of_a_reply() {
    let local = start(1).await;
    let head = call("ListStreams", "application/x-amz-json-1.1");
    for effect in [Effect::CutBefore, Effect::CutAfter] {
        inject(&local, Fault::kinesis(effect));
        assert_eq!(exchange(&local, &head, b"{}"), b"");
        local.faults().clear();
    }
    assert!(exchange(&local, &head, b"{}").starts_with(b"HTTP/1.1 200 OK"));
    local.stop().await;
}

#[tokio::test]
async fn the_default_retry_of_the_sdk_rides_over_two_throttles() {
    let local = start(1).await;
    // The default but for the pauses: three attempts in all.
    let client = kinesis_with(&local, RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
    inject(&local, Fault::kinesis(Effect::Throttle).operation("PutRecord").times(2));
    put(&client, "third").await.unwrap();
    inject(&local, Fault::kinesis(Effect::ServerError { status: 500 }).operation("PutRecord").times(2));
    put(&client, "sixth").await.unwrap();
    inject(&local, Fault::kinesis(Effect::Throttle).operation("PutRecord").times(3));
    put(&client, "never").await.unwrap_err();
    assert_eq!(keys(&client, 0).await, ["third", "sixth"]);
    assert_eq!(local.faults().list().iter().map(|rule| rule.hits).collect::<Vec<_>>(), [2, 2, 3]);
    local.stop().await;
}

#[tokio::test]
async fn a_partial_batch_reports_each_failed_record_at_its_place_and_stores_the_others() {
    let local = start(1).await;
    let client = kinesis(&local);
    inject(&local, Fault::kinesis(Effect::PartialPutRecords { share: 0.5 }).times(1));
    let entries = (0..40).map(|n| entry(&n.to_string(), "x")).collect();
    let reply = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.unwrap();
    let mut stored = Vec::new();
    for (n, record) in reply.records.iter().enumerate() {
        match record.error_code.as_deref() {
            None => {
                assert!(record.sequence_number.is_some() && record.shard_id == Some(shard(0)));
                stored.push(n.to_string());
            }
            Some(code) => {
                assert_eq!((code, &record.sequence_number), ("ProvisionedThroughputExceededException", &None));
                let message = record.error_message.as_deref().unwrap();
                assert!(
                    message.starts_with("Rate exceeded for shard shardId-000000000000 in stream words"),
                    "{message}"
                );
            }
        }
    }
    assert_eq!(reply.failed_record_count, Some(i32::try_from(40 - stored.len()).unwrap()));
    assert!((10..30).contains(&stored.len()), "{}", stored.len());
    assert_eq!(keys(&client, 0).await, stored);
    local.stop().await;
}

#[tokio::test]
async fn a_partial_batch_of_one_shard_fails_in_that_shard_alone() {
    let local = start(2).await;
    let client = kinesis(&local);
    inject(&local, Fault::kinesis(Effect::PartialPutRecords { share: 1.0 }).shard(&shard(1)));
    let entries = (0..20).map(|n| entry(&n.to_string(), "x")).collect();
    let reply = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.unwrap();
    let stored = keys(&client, 0).await;
    assert!(!stored.is_empty() && stored.len() < 20);
    assert_eq!(reply.failed_record_count, Some(i32::try_from(20 - stored.len()).unwrap()));
    assert!(keys(&client, 1).await.is_empty());
    local.stop().await;
}

#[tokio::test]
async fn a_delayed_call_has_not_happened_and_holds_up_no_other() {
    let local = start(1).await;
    let client = kinesis(&local);
    inject(&local, Fault::kinesis(Effect::Delay(Duration::from_secs(3_600))).operation("PutRecord").times(1));
    let late = client.clone();
    let late = tokio::spawn(async move { put(&late, "late").await.map(drop).map_err(|_| ()) });
    until(|| local.faults().list()[0].hits == 1).await;
    put(&client, "quick").await.unwrap();
    assert_eq!(keys(&client, 0).await, ["quick"]);
    assert!(!late.is_finished());
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    local.stop().await;
}

#[tokio::test]
async fn a_delayed_reply_is_of_a_call_that_has_happened() {
    let local = start(1).await;
    let client = kinesis(&local);
    inject(&local, Fault::kinesis(Effect::DelayReply(Duration::from_secs(3_600))).operation("PutRecord").times(1));
    let late = client.clone();
    let late = tokio::spawn(async move { put(&late, "late").await.map(drop).map_err(|_| ()) });
    until(|| local.with_model(|model| model.stored_memory() > 0)).await;
    assert_eq!(keys(&client, 0).await, ["late"]);
    assert!(!late.is_finished());
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    local.stop().await;
}

#[tokio::test]
async fn a_short_delay_passes() {
    let local = start(1).await;
    inject(&local, Fault::kinesis(Effect::Delay(Duration::from_millis(1))));
    inject(&local, Fault::kinesis(Effect::DelayReply(Duration::from_millis(1))));
    put(&kinesis(&local), "k").await.unwrap();
    assert_eq!(local.faults().list().iter().map(|rule| rule.hits).collect::<Vec<_>>(), [1, 1]);
    local.stop().await;
}

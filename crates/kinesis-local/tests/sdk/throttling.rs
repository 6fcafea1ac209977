//! Rates with `Limits::Aws`, under the system clock: only what holds however slow or fast the test runs is asserted.

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types::ShardIteratorType;
use kinesis_local::Local;
use kinesis_local::model::{Limits, Settings};

use crate::support::{STREAM, entry, iterator, kinesis, shard};

async fn limited(shards: u32) -> Local {
    let settings = Settings { limits: Limits::Aws, ..Settings::default() };
    Local::builder().settings(settings).stream(STREAM, shards).start().await.unwrap()
}

#[tokio::test]
async fn a_reply_of_ten_mebibytes_throttles_the_next_read() {
    let local = limited(1).await;
    let client = kinesis(&local);
    // Behind the clients' backs and ahead of time: filling the shard at 1 MiB/s would take the test 10 s.
    local.with_model(|model| {
        use kinesis_local::model::{Payload, PutEntry, PutRecord};
        for _ in 0..11 {
            let now = model.advance(Default::default()).plus(std::time::Duration::from_secs(2));
            let entry = PutEntry::new("k", None, Payload::from_bytes(&vec![0; (1 << 20) - 8])).unwrap();
            model.put_record(now, PutRecord { stream: STREAM.into(), entry }).unwrap();
        }
    });
    let start = iterator(&client, &shard(0), ShardIteratorType::TrimHorizon).await;
    let first = client.get_records().shard_iterator(start).send().await.unwrap();
    assert_eq!(first.records.len(), 10);
    // The model's clock stands still until the system's has caught up with it, so this is within the 5 s.
    let refused = client.get_records().shard_iterator(first.next_shard_iterator.unwrap()).send().await.unwrap_err();
    let refused = refused.into_service_error();
    assert!(refused.is_provisioned_throughput_exceeded_exception(), "{refused:?}");
    let words = "Rate exceeded for shard shardId-000000000000 in stream words under account 000000000000.";
    assert_eq!(refused.message(), Some(words));
    local.stop().await;
}

#[tokio::test]
async fn a_batch_above_the_write_rate_fails_in_part() {
    let local = limited(1).await;
    let client = kinesis(&local);
    let text = "x".repeat(900 << 10);
    let entries = (0..10).map(|n| entry(&n.to_string(), &text)).collect();
    let reply = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await.unwrap();
    assert_eq!(reply.failed_record_count, Some(9));
    assert!(reply.records[0].sequence_number.is_some());
    assert_eq!(reply.records[1].error_code.as_deref(), Some("ProvisionedThroughputExceededException"));
    local.stop().await;
}

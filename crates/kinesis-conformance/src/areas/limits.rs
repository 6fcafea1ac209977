//! The throughput of a shard. Against an endpoint that does not limit, or not now, these differ.

use std::time::Duration;

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use tokio::time::Instant;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal};
use crate::pace::Pace;
use crate::refusal::{THROTTLED, refused};
use crate::stage::Stage;
use crate::stream::{TestStream, entry, numbers, throttled};
use crate::subscription::{TestConsumer, from};

list_checks!("limits",
    more_than_1_000_records_a_second_are_throttled_one_by_one:
        "Of many records put at once into one shard, some fail with ProvisionedThroughputExceededException, in their places.",
    a_throttled_record_says_which_shard: "A throttled record's message begins with \"Rate exceeded for shard\" and the shard.",
    exactly_the_acknowledged_records_are_stored: "Throttled records are not stored, and acknowledged ones are, in order.",
    more_than_a_mebibyte_a_second_is_throttled: "PutRecord of more than 1 MiB/s into one shard is a ProvisionedThroughputExceededException.",
    writing_goes_on_after_a_pause: "A throttled shard takes records again after a second or two.",
    another_shard_is_not_throttled: "A shard that is throttled leaves the other shards of its stream alone.",
    a_sixth_read_within_a_second_is_throttled: "More than five GetRecords a second of one shard are a ProvisionedThroughputExceededException.",
    reading_goes_on_after_a_pause: "A shard whose readers are throttled is read again after a second or two.",
    a_large_read_throttles_the_next: "After a reply of many mebibytes, the next GetRecords of the shard is throttled for a while.",
    a_fan_out_consumer_has_two_mebibytes_a_second: "A subscription delivers 8 MiB in no less than 2 s.",
);

const FIRST: &str = "shardId-000000000000";

fn batch(round: u32) -> Result<Vec<PutRecordsRequestEntry>, Mismatch> {
    (0..500).map(|n| entry(&format!("key-{n}"), format!("{round}-{n}"))).collect()
}

/// Puts batches into one shard until some records fail: what was acknowledged, and the failures.
async fn overrun(stage: &Stage, stream: &TestStream) -> Result<(Vec<String>, Vec<(String, String)>), Mismatch> {
    let (mut stored, mut failed): (Vec<String>, Vec<_>) = (Vec::new(), Vec::new());
    for round in 0..20 {
        let entries = batch(round)?;
        let reply = stage.kinesis().put_records().stream_name(&stream.name).set_records(Some(entries)).send().await?;
        let count = reply.failed_record_count.unwrap_or_default();
        for record in reply.records {
            match record.error_code {
                Some(code) => failed.push((code, record.error_message.unwrap_or_default())),
                None => stored.extend(record.sequence_number),
            }
        }
        equal("FailedRecordCount", &usize::try_from(count).unwrap_or_default(), &failed.len())?;
        if !failed.is_empty() {
            return Ok((stored, failed));
        }
    }
    Err(Mismatch::new("10000 records at once into one shard, and none was throttled"))
}

async fn more_than_1_000_records_a_second_are_throttled_one_by_one(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for (code, _) in overrun(stage, &stream).await?.1 {
        equal("ErrorCode", &code.as_str(), &"ProvisionedThroughputExceededException")?;
    }
    Ok(())
}

async fn a_throttled_record_says_which_shard(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for (_, message) in overrun(stage, &stream).await?.1 {
        ensure!(
            message.starts_with(&format!("Rate exceeded for shard {FIRST} in stream ")),
            "the message is {message:?}"
        );
    }
    Ok(())
}

async fn exactly_the_acknowledged_records_are_stored(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let (mut stored, _) = overrun(stage, &stream).await?;
    // A record that is acknowledged later stands behind all others, so that nothing can be hidden behind it.
    stored.push(stream.put("key", "last").await?.number);
    let records = stream.read_shard(FIRST, stored.len()).await?;
    ensure!(numbers(&records) == stored, "{} records were acknowledged, others were read", stored.len());
    Ok(())
}

/// Puts until one is throttled.
async fn overrun_bytes(stage: &Stage, stream: &TestStream) -> Verdict {
    for _ in 0..20 {
        let put = stage.kinesis().put_record().stream_name(&stream.name).partition_key("key");
        let put = put.explicit_hash_key("0").data(Blob::new(vec![7; 500_000])).send().await;
        if put.is_err() {
            return refused(put, THROTTLED)?.begins("Rate exceeded for shard ").map(|_| ());
        }
    }
    Err(Mismatch::new("10 MB at once into one shard, and nothing was throttled"))
}

async fn more_than_a_mebibyte_a_second_is_throttled(stage: &Stage) -> Verdict {
    overrun_bytes(stage, &stage.stream(1).await?).await
}

async fn writing_goes_on_after_a_pause(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    overrun_bytes(stage, &stream).await?;
    // Waits out throttles, for as long as its patience lasts.
    let begun = Instant::now();
    stream.put("key", "text").await?;
    ensure!(begun.elapsed() < Duration::from_secs(5), "throttled for {:?}", begun.elapsed());
    Ok(())
}

async fn another_shard_is_not_throttled(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    overrun_bytes(stage, &stream).await?;
    let put = stage.kinesis().put_record().stream_name(&stream.name).partition_key("key");
    put.explicit_hash_key((3_u128 << 126).to_string()).data(Blob::new("text")).send().await?;
    Ok(())
}

/// Reads until a read is throttled.
async fn overrun_reads(stage: &Stage, stream: &TestStream) -> Verdict {
    let iterator = stream.iterator(FIRST, ShardIteratorType::TrimHorizon).await?;
    for _ in 0..50 {
        let read = stage.kinesis().get_records().shard_iterator(&iterator).limit(1).send().await;
        if read.is_err() {
            return refused(read, THROTTLED)?.begins("Rate exceeded for shard ").map(|_| ());
        }
    }
    Err(Mismatch::new("50 reads at once of one shard, and none was throttled"))
}

async fn a_sixth_read_within_a_second_is_throttled(stage: &Stage) -> Verdict {
    overrun_reads(stage, &stage.stream(1).await?).await
}

async fn reading_goes_on_after_a_pause(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    overrun_reads(stage, &stream).await?;
    let iterator = stream.iterator(FIRST, ShardIteratorType::TrimHorizon).await?;
    let mut pace = Pace::within(Duration::from_secs(5), "a throttled shard to be read again");
    while let Err(error) = stage.kinesis().get_records().shard_iterator(&iterator).send().await {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        ensure!(throttled(error.as_service_error()), "a throttled shard answers with {code}");
        pace.pause().await?;
    }
    Ok(())
}

async fn a_large_read_throttles_the_next(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for n in 0..8 {
        stream.put(&format!("key-{n}"), vec![7; 1_000_000]).await?;
    }
    let iterator = stream.iterator(FIRST, ShardIteratorType::TrimHorizon).await?;
    let mut pace = Pace::for_the("8 MB in one reply");
    while stream.get(&iterator, None).await?.records.len() < 8 {
        pace.pause().await?;
    }
    let next = stage.kinesis().get_records().shard_iterator(&iterator).send().await;
    refused(next, THROTTLED).map(|_| ())
}

async fn a_fan_out_consumer_has_two_mebibytes_a_second(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for n in 0..8 {
        stream.put(&format!("key-{n}"), vec![7; 1_000_000]).await?;
    }
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let mut subscription = consumer.subscribe(FIRST, from(ShardIteratorType::TrimHorizon)?).await?;
    let begun = Instant::now();
    subscription.records(8).await?;
    ensure!(begun.elapsed() >= Duration::from_secs(2), "8 MB were delivered in {:?}", begun.elapsed());
    Ok(())
}

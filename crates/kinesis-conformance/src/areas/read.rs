//! GetRecords: pages, sizes, times and lag.

use std::time::Duration;

use aws_sdk_kinesis::types::{EncryptionType, ShardIteratorType};

use crate::check::{Verdict, list_checks};
use crate::mismatch::{ensure, equal, present};
use crate::refusal::{VALIDATION, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{entry, numbers, order};

list_checks!("read",
    an_empty_shard_reads_nothing_and_goes_on: "GetRecords of an empty shard has no records, a NextShardIterator and no lag.",
    a_limit_is_kept_and_the_next_iterator_goes_on: "GetRecords returns at most Limit records, and NextShardIterator leads to the rest.",
    a_limit_of_zero_is_a_validation_error: "GetRecords with Limit 0 is a ValidationException.",
    a_limit_of_10_001_is_a_validation_error: "GetRecords with Limit 10001 is a ValidationException.",
    a_read_returns_at_most_10_000_records: "GetRecords without a limit returns at most 10000 records.",
    a_read_returns_at_most_ten_mebibytes: "GetRecords returns at most 10 MiB of data.",
    records_come_in_the_order_of_their_numbers: "Records of a shard are read in the order of their sequence numbers.",
    a_record_has_the_key_the_number_and_the_data_it_was_put_with: "A record is read with its partition key, sequence number and data.",
    arrival_times_have_milliseconds: "ApproximateArrivalTimestamp has a precision of milliseconds.",
    arrival_times_of_a_shard_do_not_go_back: "Arrival times of a shard's records do not go back by more than their precision.",
    a_reader_at_the_tip_has_no_lag: "MillisBehindLatest is 0 when all records were read.",
    a_reader_behind_has_the_age_of_what_it_read_as_lag:
        "MillisBehindLatest of a reader that leaves records behind grows while it waits.",
    get_records_accepts_the_arn: "GetRecords accepts the stream's ARN beside the iterator.",
    get_records_refuses_the_arn_of_another_stream: "GetRecords refuses the ARN of a stream that the iterator is not of.",
    a_record_of_a_stream_without_encryption_says_so_or_nothing: "EncryptionType of a record is NONE or absent without encryption.",
);

async fn an_empty_shard_reads_nothing_and_goes_on(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let reply = stream.get(&iterator, None).await?;
    equal("number of records", &reply.records.len(), &0)?;
    equal("MillisBehindLatest", &reply.millis_behind_latest, &Some(0))?;
    present("NextShardIterator", reply.next_shard_iterator).map(|_| ())
}

async fn a_limit_is_kept_and_the_next_iterator_goes_on(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let put = stream.put_all((0..7).map(|n| entry("key", n.to_string())).collect::<Result<_, _>>()?).await?;
    let mut iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let mut seen = Vec::new();
    let mut pace = crate::pace::Pace::for_the("7 records");
    while seen.len() < 7 {
        let reply = stream.get(&iterator, Some(3)).await?;
        ensure!(reply.records.len() <= 3, "{} records with Limit 3", reply.records.len());
        seen.extend(numbers(&reply.records));
        iterator = present("NextShardIterator", reply.next_shard_iterator)?;
        pace.pause().await?;
    }
    equal("records", &seen, &put.into_iter().map(|put| put.number).collect())
}

async fn limited(stage: &Stage, limit: i32) -> Verdict {
    let stream = stage.stream(1).await?;
    let iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let call = stage.kinesis().get_records().shard_iterator(iterator).limit(limit).send().await;
    refused(call, VALIDATION)?.mentions("limit").map(|_| ())
}

async fn a_limit_of_zero_is_a_validation_error(stage: &Stage) -> Verdict {
    limited(stage, 0).await
}

async fn a_limit_of_10_001_is_a_validation_error(stage: &Stage) -> Verdict {
    limited(stage, 10_001).await
}

/// The largest number of records and of bytes in one reply while a shard of that many records is read.
async fn largest(stage: &Stage, batches: usize, batch: usize, size: usize) -> Result<(usize, usize), crate::Mismatch> {
    let stream = stage.stream(1).await?;
    for _ in 0..batches {
        let entries = (0..batch).map(|_| entry("key", vec![7; size])).collect::<Result<_, _>>()?;
        stream.put_all(entries).await?;
    }
    let mut iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let (mut most, mut most_bytes, mut seen) = (0, 0, 0);
    let mut pace = crate::pace::Pace::for_the("all records");
    loop {
        let reply = stream.get(&iterator, None).await?;
        let bytes = reply.records.iter().map(|record| record.data.as_ref().len()).sum();
        (most, most_bytes) = (most.max(reply.records.len()), most_bytes.max(bytes));
        seen += reply.records.len();
        if seen >= batches * batch {
            return Ok((most, most_bytes));
        }
        iterator = present("NextShardIterator", reply.next_shard_iterator)?;
        pace.pause().await?;
    }
}

async fn a_read_returns_at_most_10_000_records(stage: &Stage) -> Verdict {
    let (most, _) = largest(stage, 21, 500, 1).await?;
    ensure!(most <= 10_000, "{most} records in one reply");
    Ok(())
}

async fn a_read_returns_at_most_ten_mebibytes(stage: &Stage) -> Verdict {
    let (_, most) = largest(stage, 12, 1, 1_000_000).await?;
    ensure!(most <= 10 << 20, "{most} bytes in one reply");
    Ok(())
}

async fn records_come_in_the_order_of_their_numbers(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for _ in 0..5 {
        stream.put_all((0..50).map(|n| entry(&format!("key-{n}"), "text")).collect::<Result<_, _>>()?).await?;
    }
    let numbers = numbers(&stream.read_shard("shardId-000000000000", 250).await?);
    ensure!(numbers.is_sorted_by(|a, b| order(a) < order(b)), "the sequence numbers are out of order");
    Ok(())
}

async fn a_record_has_the_key_the_number_and_the_data_it_was_put_with(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let put = stream.put("a \"key\" with \\ and \u{7f} and 鍵", "text").await?;
    let records = stream.read_shard(&put.shard, 1).await?;
    let record = present("a record", records.first())?;
    equal("PartitionKey", &record.partition_key.as_deref(), &Some("a \"key\" with \\ and \u{7f} and 鍵"))?;
    equal("SequenceNumber", &record.sequence_number, &put.number)?;
    equal("Data", &record.data.as_ref(), &b"text".as_slice())
}

/// The arrival times of records that were put a little apart, in milliseconds.
async fn arrivals(stage: &Stage) -> Result<Vec<i64>, crate::Mismatch> {
    let stream = stage.stream(1).await?;
    for _ in 0..8 {
        stream.put("key", "text").await?;
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    let records = stream.read_shard("shardId-000000000000", 8).await?;
    records
        .iter()
        .map(|record| {
            let time = present("ApproximateArrivalTimestamp", record.approximate_arrival_timestamp)?;
            time.to_millis().map_err(|error| crate::Mismatch::new(error.to_string()))
        })
        .collect()
}

async fn arrival_times_have_milliseconds(stage: &Stage) -> Verdict {
    let arrivals = arrivals(stage).await?;
    ensure!(arrivals.iter().any(|time| time % 1_000 != 0), "eight arrival times are whole seconds");
    Ok(())
}

async fn arrival_times_of_a_shard_do_not_go_back(stage: &Stage) -> Verdict {
    let arrivals = arrivals(stage).await?;
    ensure!(arrivals.is_sorted(), "arrival times go back: {arrivals:?}");
    Ok(())
}

async fn a_reader_at_the_tip_has_no_lag(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.put("key", "text").await?;
    let mut iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let mut pace = crate::pace::Pace::for_the("a reply that is at the tip");
    let mut seen = 0;
    loop {
        let reply = stream.get(&iterator, None).await?;
        seen += reply.records.len();
        if seen == 1 && reply.millis_behind_latest == Some(0) {
            return Ok(());
        }
        iterator = present("NextShardIterator", reply.next_shard_iterator)?;
        pace.pause().await?;
    }
}

async fn a_reader_behind_has_the_age_of_what_it_read_as_lag(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.put_all((0..3).map(|n| entry("key", n.to_string())).collect::<Result<_, _>>()?).await?;
    stream.read_shard("shardId-000000000000", 3).await?;
    let iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let first = present("MillisBehindLatest", stream.get(&iterator, Some(1)).await?.millis_behind_latest)?;
    ensure!(first > 0, "MillisBehindLatest is {first} with two records left to read");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let second = present("MillisBehindLatest", stream.get(&iterator, Some(1)).await?.millis_behind_latest)?;
    ensure!(second >= first + 400, "MillisBehindLatest went from {first} to {second} in half a second");
    Ok(())
}

async fn get_records_accepts_the_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let call = stage.kinesis().get_records().shard_iterator(iterator).stream_arn(stream.arn().await?);
    call.send().await?;
    Ok(())
}

async fn get_records_refuses_the_arn_of_another_stream(stage: &Stage) -> Verdict {
    let (stream, other) = (stage.stream(1).await?, stage.stream(1).await?);
    let iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let call = stage.kinesis().get_records().shard_iterator(iterator).stream_arn(other.arn().await?);
    refused(call.send().await, WRONG_VALUE).map(|_| ())
}

async fn a_record_of_a_stream_without_encryption_says_so_or_nothing(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.put("key", "text").await?;
    let records = stream.read_shard("shardId-000000000000", 1).await?;
    let encryption = present("a record", records.first())?.encryption_type.clone();
    ensure!(matches!(encryption, None | Some(EncryptionType::None)), "EncryptionType is {encryption:?}");
    Ok(())
}

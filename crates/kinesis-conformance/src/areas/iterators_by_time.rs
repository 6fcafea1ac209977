//! GetShardIterator by time.

use std::time::Duration;

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, equal, present};
use crate::refusal::{INVALID, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{TestStream, numbers};

list_checks!("iterators",
    at_timestamp_between_two_records_reads_the_later: "AT_TIMESTAMP between two records reads from the later one.",
    at_timestamp_of_a_record_reads_that_record: "AT_TIMESTAMP of a record's arrival reads that record.",
    at_timestamp_before_all_records_reads_the_oldest: "AT_TIMESTAMP from before the oldest record reads from the oldest record.",
    at_timestamp_after_all_records_reads_only_what_comes_later:
        "AT_TIMESTAMP later than the newest record reads none of the old records and what is put later.",
    at_timestamp_in_the_future_is_refused: "AT_TIMESTAMP of tomorrow is an InvalidArgumentException.",
    at_timestamp_without_a_time_is_refused: "AT_TIMESTAMP without a timestamp is refused as a wrong value.",
);

/// Three records that arrived 40 ms apart.
async fn apart(stage: &Stage) -> Result<(TestStream, Vec<Record>), Mismatch> {
    let stream = stage.stream(1).await?;
    for text in ["0", "1", "2"] {
        stream.put("key", text).await?;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let records = stream.read_shard(&stream.first_shard().await?, 3).await?;
    Ok((stream, records))
}

fn arrival(records: &[Record], place: usize) -> Result<DateTime, Mismatch> {
    present("ApproximateArrivalTimestamp", records.get(place).and_then(|record| record.approximate_arrival_timestamp))
}

fn shifted(time: DateTime, millis: i64) -> Result<DateTime, Mismatch> {
    // The SDK reads seconds as a float, so that a time of whole milliseconds may come out a few nanoseconds less.
    let at = (time.as_nanos() + 500_000).div_euclid(1_000_000);
    let at = i64::try_from(at).map_err(|error| Mismatch::new(error.to_string()))?;
    Ok(DateTime::from_millis(at + millis))
}

async fn at(stage: &Stage, stream: &TestStream, time: DateTime) -> Result<String, Mismatch> {
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("shardId-000000000000");
    let reply = request.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(time).send().await?;
    present("ShardIterator", reply.shard_iterator)
}

async fn at_timestamp_between_two_records_reads_the_later(stage: &Stage) -> Verdict {
    let (stream, records) = apart(stage).await?;
    let iterator = at(stage, &stream, shifted(arrival(&records, 0)?, 1)?).await?;
    let read = stream.read(iterator, 2).await?;
    equal("records", &numbers(&read), &numbers(records.get(1..).unwrap_or_default()))
}

async fn at_timestamp_of_a_record_reads_that_record(stage: &Stage) -> Verdict {
    let (stream, records) = apart(stage).await?;
    let iterator = at(stage, &stream, arrival(&records, 1)?).await?;
    let read = stream.read(iterator, 2).await?;
    equal("records", &numbers(&read), &numbers(records.get(1..).unwrap_or_default()))
}

async fn at_timestamp_before_all_records_reads_the_oldest(stage: &Stage) -> Verdict {
    let (stream, records) = apart(stage).await?;
    let iterator = at(stage, &stream, shifted(arrival(&records, 0)?, -3_600_000)?).await?;
    equal("records", &numbers(&stream.read(iterator, 3).await?), &numbers(&records))
}

async fn at_timestamp_after_all_records_reads_only_what_comes_later(stage: &Stage) -> Verdict {
    let (stream, records) = apart(stage).await?;
    let iterator = at(stage, &stream, shifted(arrival(&records, 2)?, 1)?).await?;
    let later = stream.put("key", "later").await?;
    equal("records", &numbers(&stream.read(iterator, 1).await?), &vec![later.number])
}

async fn at_timestamp_in_the_future_is_refused(stage: &Stage) -> Verdict {
    let (stream, records) = apart(stage).await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("shardId-000000000000");
    let tomorrow = shifted(arrival(&records, 2)?, 86_400_000)?;
    let call = request.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(tomorrow).send().await;
    refused(call, INVALID)?.begins("The timestampInMillis parameter cannot be greater than").map(|_| ())
}

async fn at_timestamp_without_a_time_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("shardId-000000000000");
    refused(request.shard_iterator_type(ShardIteratorType::AtTimestamp).send().await, WRONG_VALUE).map(|_| ())
}

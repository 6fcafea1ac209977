//! PutRecords of 500 x 100 B and GetRecords of up to 10 000 records.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use futures::future::try_join_all;
use kinesis_conformance::{Mismatch, Stage, TestStream};
use tokio::time::Instant;

use crate::Column;
use crate::endpoint::Endpoint;
use crate::process::processor_micros;

/// Records moved, and how long that took.
struct Moved {
    records: u64,
    calls: u64,
    time: Duration,
    /// Of the endpoint.
    processor: Option<u64>,
}

pub(crate) async fn measure(
    stage: &Stage,
    endpoint: &Endpoint,
    seconds: u32,
    column: &mut Column,
) -> Result<(), Mismatch> {
    let time = Duration::from_secs(seconds.into());
    for (clients, put, read) in [
        (1, "PutRecords 500 x 100 B, 1 client", "GetRecords 10 000 x 100 B, 1 client"),
        (4, "PutRecords 500 x 100 B, 4 clients", "GetRecords 10 000 x 100 B, 4 clients"),
    ] {
        let stream = stage.stream(clients).await?;
        let processor = || processor_micros(endpoint.process_id());
        let before = processor();
        let mut moved = puts(stage.kinesis(), &stream, clients, time).await?;
        moved.processor = since(before, processor());
        column.push((put, moved.to_string()));
        let before = processor();
        let mut moved = reads(stage.kinesis(), &stream, clients, time).await?;
        moved.processor = since(before, processor());
        column.push((read, moved.to_string()));
        // Frees the records before the next measurement.
        stage.clean_up().await;
    }
    Ok(())
}

fn since(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    after?.checked_sub(before?)
}

async fn puts(client: &Client, stream: &TestStream, clients: i32, time: Duration) -> Result<Moved, Mismatch> {
    let begun = Instant::now();
    let one = |n: i32| async move {
        // Each client has a shard of its own.
        let point =
            (u128::MAX / u128::try_from(clients).unwrap_or(1)).saturating_mul(u128::try_from(n).unwrap_or(0)) + 9;
        let entry = |n: u32| {
            let entry = PutRecordsRequestEntry::builder().partition_key(format!("key-{n}"));
            entry.explicit_hash_key(point.to_string()).data(Blob::new([b'x'; SIZE])).build()
        };
        let entries = (0..BATCH).map(entry).collect::<Result<Vec<_>, _>>()?;
        let mut calls = 0;
        while begun.elapsed() < time && calls < MOST_CALLS {
            let call = client.put_records().stream_name(stream.name()).set_records(Some(entries.clone()));
            let reply = call.send().await?;
            if reply.failed_record_count.unwrap_or_default() > 0 {
                return Err(Mismatch::new("records were throttled"));
            }
            calls += 1;
        }
        Ok::<u64, Mismatch>(calls)
    };
    let calls = try_join_all((0..clients).map(one)).await?.into_iter().sum();
    Ok(Moved { records: calls * u64::from(BATCH), calls, time: begun.elapsed(), processor: None })
}

async fn reads(client: &Client, stream: &TestStream, clients: i32, time: Duration) -> Result<Moved, Mismatch> {
    let begun = Instant::now();
    let one = |n: i32| async move {
        let (mut records, mut calls) = (0, 0);
        'again: while begun.elapsed() < time {
            let request = client.get_shard_iterator().stream_name(stream.name()).shard_id(format!("shardId-{n:012}"));
            let mut next = request.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?.shard_iterator;
            while let Some(iterator) = next.take().filter(|_| begun.elapsed() < time) {
                let reply = client.get_records().shard_iterator(iterator).send().await?;
                if reply.records.is_empty() {
                    continue 'again;
                }
                calls += 1;
                records += u64::try_from(reply.records.len()).unwrap_or_default();
                next = reply.next_shard_iterator;
            }
        }
        Ok::<(u64, u64), Mismatch>((records, calls))
    };
    let sums = try_join_all((0..clients).map(one)).await?;
    let (records, calls) = sums.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Ok(Moved { records, calls, time: begun.elapsed(), processor: None })
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = u64::try_from(self.time.as_micros()).unwrap_or(u64::MAX).max(1);
        let rate = self.records.saturating_mul(1_000_000) / micros;
        write!(f, "{} k rec/s", rate / 1_000)?;
        if rate < 10_000 {
            write!(f, " ({rate})")?;
        }
        if let (Some(processor), true) = (self.processor, self.records > 0) {
            let nanos = processor.saturating_mul(1_000) / self.records;
            write!(f, ", {}.{:02} µs CPU each", nanos / 1_000, nanos % 1_000 / 10)?;
        }
        write!(f, ", {} calls", self.calls)
    }
}

const BATCH: u32 = 500;
const SIZE: usize = 100;
/// Of each client: a million records, so that a fast endpoint stays below its memory cap.
const MOST_CALLS: u64 = 2_000;

//! Fills the streams, with a progress bar on a terminal.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use indicatif::{ProgressBar, ProgressStyle};
use kpl_deagg::{Aggregator, TryAdd};

use crate::Failure;
use crate::clients::Clients;
use crate::endpoint::{AGGREGATED, PLAIN};

/// A stream of one shard, and what is in it.
#[derive(Clone, Copy)]
pub struct Filled {
    pub stream: &'static str,
    /// User records: of aggregates, their parts.
    pub records: u64,
    /// Bytes of Kinesis records.
    pub bytes: u64,
}

/// Records of 1 KiB.
pub async fn plain(clients: &Clients, bytes: usize) -> Result<Filled, Failure> {
    let data = Blob::new(vec![b'x'; PLAIN_RECORD]);
    let records = bytes / PLAIN_RECORD;
    let bar = progress(PLAIN, bytes);
    let mut number = 0;
    while number < records {
        let page = (number..records.min(number + RECORDS_PER_CALL))
            .map(|number| (format!("key-{}", number % 64), data.clone()));
        number += put(clients, PLAIN, page.collect(), &bar).await?;
    }
    bar.finish_and_clear();
    Ok(Filled { stream: PLAIN, records: number as u64, bytes: (number * PLAIN_RECORD) as u64 })
}

/// Aggregates of 50 KiB, as large as the KPL makes them, with user records of 100 B under ten keys.
pub async fn aggregated(clients: &Clients, bytes: usize) -> Result<Filled, Failure> {
    let mut aggregator = Aggregator::new(AGGREGATE);
    let mut count = 0;
    for number in 0.. {
        let key = format!("user-key-{}", number % 10);
        if !matches!(aggregator.try_add(&key, None, &[b'x'; USER_RECORD]), TryAdd::Added) {
            break;
        }
        count += 1;
    }
    let aggregate = aggregator.finish().ok_or("an aggregate of nothing")?;
    let data = Blob::new(aggregate.data.to_vec());
    let aggregates = bytes / aggregate.data.len();
    let bar = progress(AGGREGATED, bytes);
    let mut number = 0;
    while number < aggregates {
        let page = vec![("any".to_owned(), data.clone()); AGGREGATES_PER_CALL.min(aggregates - number)];
        number += put(clients, AGGREGATED, page, &bar).await?;
    }
    bar.finish_and_clear();
    Ok(Filled { stream: AGGREGATED, records: number as u64 * count, bytes: (number * aggregate.data.len()) as u64 })
}

async fn put(clients: &Clients, stream: &str, page: Vec<(String, Blob)>, bar: &ProgressBar) -> Result<usize, Failure> {
    let (records, bytes) = (page.len(), page.iter().map(|(_, data)| data.as_ref().len()).sum::<usize>());
    let entry = |(key, data)| PutRecordsRequestEntry::builder().partition_key(key).data(data).build();
    let entries = page.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let reply = clients.kinesis.put_records().stream_name(stream).set_records(Some(entries)).send().await?;
    if reply.failed_record_count.unwrap_or_default() > 0 {
        return Err("the endpoint refused records".into());
    }
    bar.inc(bytes as u64);
    Ok(records)
}

fn progress(stream: &str, bytes: usize) -> ProgressBar {
    // Hidden by itself where there is no terminal.
    let style = ProgressStyle::with_template("filling {msg} {wide_bar} {bytes}/{total_bytes}");
    let bar = ProgressBar::new(bytes as u64).with_message(stream.to_owned());
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}

const PLAIN_RECORD: usize = 1_024;
const USER_RECORD: usize = 100;
const AGGREGATE: usize = 50 << 10;
const RECORDS_PER_CALL: usize = 500;
const AGGREGATES_PER_CALL: usize = 100;

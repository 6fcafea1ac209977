//! Numbers put into the stream through the SDK: each record's data is its number, so that a test can tell which records
//! arrived, how often, and in what order.

use std::ops::Range;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use kinesis_asl::SequenceNumber;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::world::STREAM;

/// The most records of one `PutRecords`.
const RECORDS_PER_CALL: usize = 500;
/// Keys in use: enough to reach every shard, few enough that each has many records.
const KEYS: u64 = 32;

/// Puts records, one call after the other.
#[derive(Clone)]
pub(crate) struct Putter {
    client: Client,
    stream: &'static str,
}

/// A task that puts numbers, one batch after the other, until it is told to stop.
pub(crate) struct Producing {
    stop: watch::Sender<()>,
    task: JoinHandle<u64>,
}

impl Putter {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, stream: STREAM }
    }

    /// The same into another stream.
    pub(crate) fn into(self, stream: &'static str) -> Self {
        Self { stream, ..self }
    }

    /// Puts these numbers in order.
    pub(crate) async fn numbers(&self, numbers: Range<u64>) {
        let texts = numbers.map(|number| (format!("key-{}", number % KEYS), number.to_string())).collect::<Vec<_>>();
        self.texts(&texts).await;
    }

    /// Puts these texts under these keys, in order.
    pub(crate) async fn texts(&self, texts: &[(String, String)]) {
        for page in texts.chunks(RECORDS_PER_CALL) {
            let entries = page.iter().map(|(key, text)| {
                PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(text.as_bytes())).build().unwrap()
            });
            let request = self.client.put_records().stream_name(self.stream).set_records(Some(entries.collect()));
            assert_eq!(request.send().await.unwrap().failed_record_count, Some(0));
        }
    }

    /// Puts one record; the answer is its sequence number.
    pub(crate) async fn one(&self, key: &str, data: &[u8]) -> SequenceNumber {
        let request = self.client.put_record().stream_name(self.stream).partition_key(key).data(Blob::new(data));
        request.send().await.unwrap().sequence_number.parse().unwrap()
    }

    /// Puts so many numbers every 20 ms, from 0 on, until told to stop.
    pub(crate) fn go_on(self, numbers_per_batch: u64) -> Producing {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let mut next = 0;
            while stopped.has_changed().is_ok() {
                ticks.tick().await;
                self.numbers(next..next + numbers_per_batch).await;
                next += numbers_per_batch;
            }
            next
        });
        Producing { stop, task }
    }
}

impl Producing {
    /// Ends it; the answer is how many numbers were put.
    pub(crate) async fn finish(self) -> u64 {
        drop(self.stop);
        self.task.await.unwrap()
    }
}

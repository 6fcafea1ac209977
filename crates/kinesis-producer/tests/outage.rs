//! The producer while the endpoint is gone, under paused time: pauses and stops.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kinesis_endpoint::{EndpointUrl, ServiceError, ServiceErrorKind};
use kinesis_producer::{
    DeliveryError, EntryResult, FailureCause, MemoryPutRecords, Producer, ProducerConfig, PutRecordsApi, Record,
    Scripted, StreamName, WordProducer, WordProducerError, WordSettings,
};
use tokio::time::Instant;

/// A stream that is away from one time after its start to another, and notes when calls begin.
#[derive(Debug)]
struct Away {
    stream: MemoryPutRecords,
    from: Instant,
    to: Instant,
    calls: Mutex<Vec<Instant>>,
}

impl Away {
    fn between(from: u64, to: u64) -> Arc<Self> {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        Arc::new(Self { stream: MemoryPutRecords::new(), from: at(from), to: at(to), calls: Mutex::default() })
    }

    /// When calls began while the stream was away.
    fn calls_while_away(&self) -> Vec<Instant> {
        let calls = self.calls.lock().unwrap();
        calls.iter().copied().filter(|at| (self.from..self.to).contains(at)).collect()
    }
}

#[async_trait]
impl PutRecordsApi for Away {
    async fn put_records(&self, records: &[Record]) -> Result<Vec<EntryResult>, ServiceError> {
        let now = Instant::now();
        self.calls.lock().unwrap().push(now);
        if (self.from..self.to).contains(&now) {
            let (subject, reason) = ("stream 'words'".to_owned(), "connection refused".to_owned());
            let kind = ServiceErrorKind::Unreachable;
            return Err(ServiceError { call: "PutRecords", subject, kind, reason, source: None });
        }
        self.stream.put_records(records).await
    }
}

fn words(seconds: u32, api: Arc<dyn PutRecordsApi>) -> WordProducer {
    let endpoint = EndpointUrl::parse("http://127.0.0.1:14567").unwrap();
    let settings = WordSettings::new(StreamName::parse("words").unwrap(), endpoint);
    WordProducer::over(WordSettings { seconds: NonZeroU32::new(seconds).unwrap(), ..settings }, api)
}

fn record() -> Record {
    Record::new("key", "data").unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_outage_sees_few_requests_with_growing_pauses_and_loses_nothing() {
    let stream = Away::between(2, 12);
    let api: Arc<dyn PutRecordsApi> = Arc::<Away>::clone(&stream);
    let totals = words(20, api).run(|_| {}, std::future::pending()).await.unwrap();
    assert_eq!((totals.acknowledged, totals.failed), (20_000, 0));
    let calls = stream.calls_while_away();
    assert!((5..=14).contains(&calls.len()), "{}", calls.len());
    for (round, pair) in calls.windows(2).enumerate() {
        let full = Duration::from_millis(50 << round.min(6)).min(Duration::from_secs(5));
        assert!(pair[1] - pair[0] >= full / 2, "{round}: {:?}", pair[1] - pair[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_the_endpoint_is_away_ends_within_seconds_and_tells_what_is_undelivered_and_why() {
    let stream = Away::between(2, 1000);
    let api: Arc<dyn PutRecordsApi> = Arc::<Away>::clone(&stream);
    let start = Instant::now();
    let stop = tokio::time::sleep(Duration::from_secs(4));
    let error = words(3600, api).run(|_| {}, stop).await.unwrap_err();
    assert!((4..10).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let first: &dyn std::error::Error = &error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let WordProducerError::Stopped { totals, .. } = error else { unreachable!("{error}") };
    assert_eq!(totals.acknowledged + totals.failed, totals.sent);
    assert!(totals.failed > 1000, "{totals:?}");
    let head = format!("the word producer stopped after {} of 3600000 records: ", totals.acknowledged);
    assert!(text.starts_with(&head), "{text}");
    assert!(text.contains("check the endpoint URL") && !text.contains("add shards"), "{text}");
    assert_eq!(text.matches("connection refused").count(), 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_everything_was_sent_ends_the_wait_for_answers_too() {
    let stream = Away::between(2, 1000);
    let start = Instant::now();
    let stop = tokio::time::sleep(Duration::from_secs(8));
    words(5, stream).run(|_| {}, stop).await.unwrap_err();
    assert!((8..14).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn close_gives_what_it_cannot_deliver_back_after_the_grace_even_without_a_time_to_live() {
    let script = [Scripted::Store, Scripted::FailAlways(ServiceErrorKind::Unreachable)];
    let config = ProducerConfig::builder().record_ttl(None).build().unwrap();
    let producer = Producer::start(&config, Arc::new(MemoryPutRecords::new().script(script)));
    producer.send(record()).await.unwrap().await.unwrap();
    let delivery = producer.send(record()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let start = Instant::now();
    let counts = producer.close().await;
    assert!(start.elapsed() <= Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((counts.delivered, counts.failed), (1, 1));
    let DeliveryError::Failed(failed) = delivery.await.unwrap_err() else { unreachable!("close was called") };
    assert!(matches!(failed.cause, FailureCause::Stopped { .. }), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_a_call_that_hangs_no_longer_than_the_grace() {
    let stream = MemoryPutRecords::new().latency(Duration::from_secs(3600));
    let producer = Producer::start(&ProducerConfig::default(), Arc::new(stream));
    let delivery = producer.send(record()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    assert_eq!(producer.close().await.failed, 1);
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!(matches!(delivery.await, Err(DeliveryError::Failed(_))));
}

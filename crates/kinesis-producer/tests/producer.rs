//! The producer against a stream in memory, under paused time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use kinesis_endpoint::ServiceErrorKind;
use kinesis_producer::{
    Delivery, DeliveryError, FailureCause, MemoryPutRecords, Producer, ProducerConfig, PutRecordsApi, Record, Scripted,
    SendError,
};
use tokio::time::Instant;

fn record(number: usize) -> Record {
    Record::new(format!("key-{number}"), Bytes::from(format!("data {number}"))).unwrap()
}

async fn send_all(producer: &Producer, records: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for number in 0..records {
        deliveries.push(producer.send(record(number)).await.unwrap());
    }
    deliveries
}

fn keys(records: &[Record]) -> BTreeSet<&str> {
    records.iter().map(Record::partition_key).collect()
}

fn throttle(every: usize) -> Scripted {
    Scripted::Refuse { code: "ProvisionedThroughputExceededException".into(), every }
}

/// The stream as the producer takes it.
fn shared(stream: &Arc<MemoryPutRecords>) -> Arc<dyn PutRecordsApi> {
    Arc::<MemoryPutRecords>::clone(stream)
}

#[tokio::test(start_paused = true)]
async fn throttled_records_are_sent_again_until_each_is_stored_exactly_once() {
    let script = [throttle(1), throttle(2), Scripted::Fail(ServiceErrorKind::Throttled), throttle(3), throttle(2)];
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_millis(10)).script(script));
    let producer = Producer::start(&ProducerConfig::default(), shared(&stream));
    for delivery in join_all(send_all(&producer, 2000).await).await {
        delivery.unwrap();
    }
    let counts = producer.close().await;
    let stored = stream.stored();
    assert_eq!((stored.len(), keys(&stored).len()), (2000, 2000));
    assert_eq!((counts.delivered, counts.failed), (2000, 0));
    assert!(counts.retried >= 1250, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lone_record_leaves_after_the_linger_and_a_full_request_at_once() {
    let stream = Arc::new(MemoryPutRecords::new());
    let producer = Producer::start(&ProducerConfig::default(), shared(&stream));
    let start = Instant::now();
    producer.send(record(0)).await.unwrap().await.unwrap();
    assert_eq!(start.elapsed().as_millis(), 100);
    let start = Instant::now();
    join_all(send_all(&producer, 500).await).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(stream.requests(), [1, 500]);
    producer.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_surfaces_at_once_with_the_record_and_what_to_do() {
    for kind in [
        ServiceErrorKind::NotFound,
        ServiceErrorKind::AccessDenied,
        ServiceErrorKind::Credentials,
        ServiceErrorKind::Unreachable,
    ] {
        let stream = Arc::new(MemoryPutRecords::new().script([Scripted::FailAlways(kind)]));
        let producer = Producer::start(&ProducerConfig::default(), shared(&stream));
        let start = Instant::now();
        let error = producer.send(record(7)).await.unwrap().await.unwrap_err();
        assert!(start.elapsed() <= Duration::from_millis(100));
        let DeliveryError::Failed(failed) = error else { unreachable!("{error}") };
        assert_eq!((failed.record, failed.attempts), (record(7), 1));
        assert!(matches!(&failed.cause, FailureCause::Call(error) if error.kind == kind));
        assert!(failed.cause.to_string().contains(kind.advice()));
        assert_eq!(stream.requests(), [1]);
        producer.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_has_answered_may_be_away_for_a_while() {
    let away = || Scripted::Fail(ServiceErrorKind::Unreachable);
    let stream = Arc::new(MemoryPutRecords::new().script([Scripted::Store, away(), away()]));
    let producer = Producer::start(&ProducerConfig::default(), shared(&stream));
    producer.send(record(0)).await.unwrap().await.unwrap();
    producer.send(record(1)).await.unwrap().await.unwrap();
    assert_eq!(producer.close().await.retried, 2);
}

#[tokio::test(start_paused = true)]
async fn one_refused_record_of_a_request_fails_alone() {
    let script = [Scripted::Refuse { code: "KMSDisabledException".into(), every: 3 }];
    let stream = Arc::new(MemoryPutRecords::new().script(script));
    let producer = Producer::start(&ProducerConfig::default(), shared(&stream));
    let fates = join_all(send_all(&producer, 3).await).await;
    assert_eq!(fates.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    producer.close().await;
}

#[tokio::test(start_paused = true)]
async fn close_delivers_everything_that_was_handed_over() {
    let script = (0..8).map(|_| throttle(2));
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_millis(30)).script(script));
    let producer = Producer::start(&ProducerConfig::default(), shared(&stream));
    let deliveries = send_all(&producer, 3210).await;
    let counts = producer.close().await;
    assert_eq!((counts.delivered, stream.stored().len()), (3210, 3210));
    for delivery in deliveries {
        // Unconstrained: the look is at the answer, not at what is left of the task's budget.
        assert!(tokio::task::unconstrained(delivery).now_or_never().unwrap().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_everything_before_it_and_does_not_linger() {
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_millis(20)).script([throttle(2)]));
    let linger = Duration::from_secs(30);
    let config = ProducerConfig::builder().linger(linger).build().unwrap();
    let producer = Producer::start(&config, shared(&stream));
    let deliveries = send_all(&producer, 10).await;
    let start = Instant::now();
    producer.flush().await;
    assert!(start.elapsed() < Duration::from_millis(200));
    assert!(deliveries.into_iter().all(|delivery| delivery.now_or_never().is_some_and(|fate| fate.is_ok())));
    producer.flush().await;
    producer.close().await;
}

#[tokio::test(start_paused = true)]
async fn send_waits_while_the_bound_on_records_is_reached() {
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_secs(1)));
    let config = ProducerConfig::builder().max_buffered_records(5).build().unwrap();
    let producer = Producer::start(&config, shared(&stream));
    let deliveries = send_all(&producer, 5).await;
    assert!(producer.send(record(5)).now_or_never().is_none());
    let start = Instant::now();
    producer.send(record(5)).await.unwrap().await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2));
    join_all(deliveries).await;
    producer.close().await;
}

#[tokio::test(start_paused = true)]
async fn unanswered_bytes_never_exceed_their_bound() {
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_secs(1)));
    let config = ProducerConfig::builder()
        .max_record_bytes(1000)
        .max_request_bytes(1000)
        .max_buffered_bytes(10_000)
        .build()
        .unwrap();
    let producer = Producer::start(&config, shared(&stream));
    let mut deliveries = Vec::new();
    for number in 0..50 {
        let record = Record::new("k", vec![0; 999]).unwrap();
        deliveries.push(producer.send(record).await.unwrap());
        assert!(number + 1 - producer.counts().delivered <= 10);
    }
    join_all(deliveries).await;
    assert_eq!((stream.most_open(), stream.requests().len()), (4, 50));
    producer.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_large_comes_back_from_send() {
    let producer = Producer::start(&ProducerConfig::default(), Arc::new(MemoryPutRecords::new()));
    let error = producer.send(Record::new("k", vec![0; 1 << 20]).unwrap()).await.unwrap_err();
    assert!(matches!(error, SendError::TooLarge { size: 1_048_577, limit: 1_048_576, .. }));
    producer.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_means_a_duplicate_and_never_a_loss() {
    let stream = Arc::new(MemoryPutRecords::new().script([Scripted::StoreThenTimeout]));
    let producer = Producer::start(&ProducerConfig::default(), shared(&stream));
    for delivery in join_all(send_all(&producer, 10).await).await {
        delivery.unwrap();
    }
    producer.close().await;
    assert_eq!((stream.stored().len(), keys(&stream.stored()).len()), (20, 10));
}

#[tokio::test(start_paused = true)]
async fn deliveries_of_a_dropped_producer_say_so() {
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_secs(1)));
    let producer = Producer::start(&ProducerConfig::default(), stream);
    let delivery = producer.send(record(0)).await.unwrap();
    drop(producer);
    assert!(matches!(delivery.await, Err(DeliveryError::ProducerGone)));
}

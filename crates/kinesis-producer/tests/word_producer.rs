//! The word producer against a stream in memory, under paused time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::{EndpointUrl, ServiceErrorKind};
use kinesis_producer::{
    MemoryPutRecords, PutRecordsApi, Scripted, StreamName, WordProducer, WordProducerError, WordSettings,
};
use tokio::time::Instant;

fn settings(records_per_sec: u32) -> WordSettings {
    WordSettings {
        records_per_sec: NonZeroU32::new(records_per_sec).unwrap(),
        ..WordSettings::new(StreamName::parse("words").unwrap(), EndpointUrl::parse("http://127.0.0.1:14567").unwrap())
    }
}

/// The words in the stream, counted from its data.
fn counted(stream: &MemoryPutRecords) -> BTreeMap<String, u64> {
    let mut words = BTreeMap::new();
    for record in stream.stored() {
        for word in std::str::from_utf8(record.data()).unwrap().split(' ') {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    words
}

fn owned(words: &BTreeMap<&str, u64>) -> BTreeMap<String, u64> {
    words.iter().map(|(&word, &count)| (word.to_owned(), count)).collect()
}

/// The stream as the producer takes it.
fn shared(stream: &Arc<MemoryPutRecords>) -> Arc<dyn PutRecordsApi> {
    Arc::<MemoryPutRecords>::clone(stream)
}

#[tokio::test(start_paused = true)]
async fn a_rate_of_n_for_ten_seconds_sends_ten_n_records_in_ten_seconds_and_a_little() {
    for rate in [1, 1000, 20_000] {
        let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_millis(20)));
        let (start, mut reports) = (Instant::now(), Vec::new());
        let totals = WordProducer::over(settings(rate), shared(&stream))
            .run(|progress| reports.push(*progress), pending())
            .await
            .unwrap();
        assert_eq!((totals.sent, totals.acknowledged), (u64::from(rate) * 10, u64::from(rate) * 10));
        assert!((10.0..10.3).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
        assert_eq!(totals.words.values().sum::<u64>(), u64::from(rate) * 100);
        assert_eq!(owned(&totals.words), counted(&stream));
        assert!((9..=11).contains(&reports.len()), "{}", reports.len());
        // Within 1 % at each report, so true all along and not only at the end.
        for report in &reports {
            let expected = f64::from(rate) * report.elapsed.as_secs_f64().min(10.0);
            let sent = f64::from(u32::try_from(report.sent).unwrap());
            assert!((sent - expected).abs() <= expected / 100.0 + 1.0, "{report:?}");
        }
        assert_eq!(totals.records_per_sec(), u64::from(rate));
    }
}

#[tokio::test(start_paused = true)]
async fn words_of_throttled_records_are_counted_once_and_those_of_refused_ones_not_at_all() {
    let refuse = |code: &str, every| Scripted::Refuse { code: code.to_owned(), every };
    let script = [refuse("InternalFailure", 2), refuse("KMSDisabledException", 4), refuse("InternalFailure", 1)];
    let stream = Arc::new(MemoryPutRecords::new().script(script));
    let totals = WordProducer::over(settings(1000), shared(&stream)).run(|_| {}, pending()).await.unwrap();
    assert_eq!(totals.sent, 10_000);
    assert!(totals.failed > 0 && totals.retried > 0);
    assert_eq!(totals.acknowledged + totals.failed, totals.sent);
    assert_eq!(owned(&totals.words), counted(&stream));
}

#[tokio::test(start_paused = true)]
async fn numbers_are_sent_and_counted_like_words() {
    let stream = Arc::new(MemoryPutRecords::new());
    let settings = WordSettings { numbers: true, ..settings(100) };
    let totals = WordProducer::over(settings, shared(&stream)).run(|_| {}, pending()).await.unwrap();
    assert_eq!(totals.words.keys().copied().collect::<String>(), "0123456789");
    assert_eq!(owned(&totals.words), counted(&stream));
    assert_eq!(stream.stored().first().map(|record| record.partition_key().to_owned()), Some("partitionKey-1".into()));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_run_early_and_what_was_sent_is_delivered_and_counted() {
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_millis(50)));
    let stop = tokio::time::sleep(Duration::from_secs(3));
    let totals = WordProducer::over(settings(1000), shared(&stream)).run(|_| {}, stop).await.unwrap();
    assert!((2970..=3000).contains(&totals.sent), "{}", totals.sent);
    assert_eq!(totals.acknowledged, totals.sent);
    assert_eq!(owned(&totals.words), counted(&stream));
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_cannot_be_reached_shows_in_the_totals() {
    // 4 requests of at most 500 records a second: 2000 records/s.
    let stream = Arc::new(MemoryPutRecords::new().latency(Duration::from_secs(1)));
    let totals = WordProducer::over(settings(4000), shared(&stream)).run(|_| {}, pending()).await.unwrap();
    assert_eq!((totals.sent, totals.acknowledged), (40_000, 40_000));
    assert!(totals.elapsed > Duration::from_secs(19), "{:?}", totals.elapsed);
    assert!(totals.records_per_sec() < 3000, "{}", totals.records_per_sec());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_stream_stops_the_run_within_a_moment_and_says_what_to_do() {
    let stream = Arc::new(MemoryPutRecords::new().script([Scripted::FailAlways(ServiceErrorKind::NotFound)]));
    let start = Instant::now();
    let error = WordProducer::over(settings(1000), stream).run(|_| {}, pending()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(500));
    let WordProducerError::Stopped { totals, source } = error else { unreachable!("{error}") };
    assert_eq!(totals.acknowledged, 0);
    let chain = std::iter::successors(std::error::Error::source(&source), |error| error.source());
    assert!(chain.map(ToString::to_string).any(|text| text.contains("create it first")), "{source:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_for_longer_than_a_record_may_wait_stop_the_run() {
    let stream = Arc::new(MemoryPutRecords::new().script([Scripted::FailAlways(ServiceErrorKind::Timeout)]));
    let start = Instant::now();
    let settings = WordSettings { seconds: NonZeroU32::new(3600).unwrap(), ..settings(1000) };
    let error = WordProducer::over(settings, stream).run(|_| {}, pending()).await.unwrap_err();
    assert!(matches!(error, WordProducerError::Stopped { .. }));
    assert!(start.elapsed() < Duration::from_secs(70), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_endpoint_without_a_region_is_an_error_before_anything_is_sent() {
    let endpoint = EndpointUrl::parse("https://kinesis.example.com").unwrap();
    let error = WordProducer::connect(WordSettings { endpoint, ..settings(1) }).await.unwrap_err();
    assert!(error.to_string().contains("kinesis.example.com"), "{error}");
}

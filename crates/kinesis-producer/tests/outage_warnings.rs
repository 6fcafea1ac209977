//! What the log says of an outage.
//!
//! Alone in its file: `tracing` remembers for the whole process who listens to a line, and a test next to it that logs the
//! same line first, with nobody listening, would silence it here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kinesis_endpoint::ServiceErrorKind;
use kinesis_producer::{MemoryPutRecords, Producer, ProducerConfig, PutRecordsApi, Record, Scripted};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};

/// Counts this crate's warnings.
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("kinesis_producer")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_one_warning_when_it_begins_and_one_when_it_ends_however_many_requests_fail() {
    let warnings = Arc::new(AtomicUsize::new(0));
    let _guard = tracing::subscriber::set_default(Warnings(Arc::clone(&warnings)));
    let away = || Scripted::Fail(ServiceErrorKind::Unreachable);
    let script = std::iter::once(Scripted::Store).chain(std::iter::repeat_with(away).take(6));
    let stream = Arc::new(MemoryPutRecords::new().script(script));
    let api: Arc<dyn PutRecordsApi> = Arc::<MemoryPutRecords>::clone(&stream);
    let producer = Producer::start(&ProducerConfig::default(), api);
    for expected in [0, 2, 2] {
        producer.send(Record::new("key", "data").unwrap()).await.unwrap().await.unwrap();
        assert_eq!(warnings.load(Ordering::Relaxed), expected);
    }
    assert_eq!(stream.requests().len(), 9);
    producer.close().await;
}

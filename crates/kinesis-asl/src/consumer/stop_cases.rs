//! A reader that is told to stop, or that has nothing to do, ends wherever it waits. Under virtual time.

use std::sync::Arc;
use std::time::Duration;

use dstream_core::StreamId;
use dstream_core::testing::{StoreProbe, receiver_store};
use kinesis_endpoint::ServiceErrorKind;
use kpl_deagg::RangePolicy;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::api::{NextPage, Page, Place};
use crate::checkpoint::progress::CheckpointAfter;
use crate::checkpoint::tracker::ProgressTracker;
use crate::config::Tuning;
use crate::consumer::expand::Expander;
use crate::consumer::scripted::{Scripted, child, failure, page, record};
use crate::consumer::settings::ReaderSettings;
use crate::consumer::start::Start;
use crate::consumer::task::{ConsumerEnd, ShardConsumer, Started};
use crate::origin::Origin;
use crate::range::{Holding, SequenceRange};
use crate::record::KinesisRecord;
use crate::shard::ShardId;

/// Of virtual time; reached only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// A reader that runs.
struct Running {
    end: JoinHandle<ConsumerEnd>,
    stop: watch::Sender<()>,
    started: mpsc::Receiver<Started>,
    probe: StoreProbe<KinesisRecord, SequenceRange>,
}

/// A reader of these pages, which may store so many bytes that nobody processes.
fn reader(pages: impl IntoIterator<Item = Result<Page, kinesis_endpoint::ServiceError>>, bytes: usize) -> Running {
    let (sink, probe) = receiver_store(StreamId::new(0), bytes);
    let (notices, started) = mpsc::channel(1);
    let shard = ShardId::from("s");
    let consumer = ShardConsumer {
        api: Arc::new(Scripted::pages(pages)),
        expander: Expander {
            origin: Origin::new(&"words".into(), &shard).into(),
            shard,
            hash_range: None,
            policy: RangePolicy::KeepAll,
            processed: None,
        },
        holding: Holding(1),
        start: Start { place: Place::TrimHorizon, processed: None },
        sink,
        tracker: Arc::new(ProgressTracker::new(CheckpointAfter::Outputs)),
        started: notices,
        settings: ReaderSettings::new(&Tuning::new(Duration::from_secs(1)), Arc::default()),
        seed: 1,
    };
    let (stop, stopped) = watch::channel(());
    Running { end: tokio::spawn(consumer.run(stopped)), stop, started, probe }
}

impl Running {
    async fn stop(self) -> ConsumerEnd {
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.end).await.expect("it ends").expect("it did not panic")
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_a_quiet_shard_ends_when_it_is_told_to_sc_3() {
    let mut running = reader([Ok(page(&[], "next", 0))], 1 << 20);
    running.started.recv().await.expect("it has begun");
    tokio::time::sleep(PATIENCE / 10).await;
    assert!(matches!(running.stop().await, ConsumerEnd::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_for_processing_ends_when_its_lease_is_lost_sc_3() {
    let large = |number| Page { records: vec![record(number, 4_096)], ..page(&[], "next", 9) };
    let running = reader((1..10).map(|number| Ok(large(number))), 4_096);
    tokio::time::sleep(PATIENCE / 10).await;
    assert!(!running.end.is_finished(), "there is no room for the next page");
    assert!(matches!(running.stop().await, ConsumerEnd::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_first_calls_fail_begins_when_they_succeed_sc_3() {
    let fails = || Err(failure(ServiceErrorKind::Server, "not now"));
    let running = reader([fails(), fails(), Ok(page(&[1], "next", 0))], 1 << 20);
    tokio::time::sleep(PATIENCE / 10).await;
    assert!(!running.end.is_finished());
    assert!(running.probe.cut().is_some(), "the record was stored in the end");
    assert!(matches!(running.stop().await, ConsumerEnd::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_ends_without_a_record_has_ended_pt_2_sc_3() {
    let last = Page { next: NextPage::ShardEnd(vec![child("t")]), ..page(&[], "", 0) };
    let running = reader([Ok(last)], 1 << 20);
    let end = tokio::time::timeout(PATIENCE, running.end).await.expect("it ends").expect("it did not panic");
    assert!(matches!(end, ConsumerEnd::ShardEnd(children) if children == [child("t")]));
}

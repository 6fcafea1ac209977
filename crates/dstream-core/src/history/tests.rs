//! The history of a context, event by event.

use std::collections::BTreeMap;

use super::*;
use crate::batch::{BatchOrigin, InputInfo};
use crate::failed_records::LeftOutRecords;
use crate::operator::OperatorName;
use crate::output_info::OutputId;

fn at(millis: i64) -> Time {
    Time::from_millis(millis)
}

fn output(batch: i64) -> OutputInfo {
    OutputInfo::waiting(OutputId::new(0), OperatorName::new("print", 1), at(batch))
}

/// A batch of 600 records of two streams, with one output operation.
fn info(batch: i64) -> BatchInfo {
    let input = |records| InputInfo { records, blocks: 1, bytes: records };
    BatchInfo {
        batch: at(batch),
        inputs: BTreeMap::from([(StreamId::new(0), input(300)), (StreamId::new(1), input(300))]),
        origin: BatchOrigin::Live,
        submitted: at(batch),
        started: None,
        ended: None,
        failed_attempts: 0,
        left_out: LeftOutRecords::default(),
        outputs: vec![output(batch)],
    }
}

/// The batch goes through all its stages.
fn run(history: &mut History, batch: i64) {
    history.note(&Event::BatchSubmitted(info(batch)));
    history.note(&Event::BatchStarted(info(batch)));
    history.note(&Event::BatchCompleted(info(batch)));
}

#[test]
fn a_batch_waits_then_runs_and_its_records_are_received_and_then_processed_t278() {
    let mut history = History::default();
    let (stream, name): (_, Arc<str>) = (StreamId::new(0), "words".into());
    history.note(&Event::ReceiverStarted { stream, name: Arc::clone(&name) });
    history.note(&Event::BatchSubmitted(info(1_000)));
    let figures = |history: &History| {
        let now = history.metrics();
        let records = (now.received_records, now.processed_records);
        (now.waiting_batches, now.running_batches, records, now.completed_batches, now.unprocessed_batches())
    };
    assert_eq!(figures(&history), (1, 0, (0, 0), 0, 1));
    history.note(&Event::BatchStarted(info(1_000)));
    assert_eq!(figures(&history), (0, 1, (600, 0), 0, 1));
    let failed = OutputInfo { failure: Some("no".into()), failed_attempts: 1, ..output(1_000) };
    history.note(&Event::OutputFailed { output: failed, retry_in: None });
    assert_eq!(history.batches()[0].failure().map(|reason| &**reason), Some("no"));
    history.note(&Event::BatchCompleted(info(1_000)));
    assert_eq!(figures(&history), (0, 0, (600, 600), 1, 0));
    let metrics = history.metrics();
    assert_eq!((metrics.last_completed.unwrap().batch, metrics.last_received.unwrap().batch), (at(1_000), at(1_000)));

    // Receivers are known by their stream, with the last error.
    let receiver = |history: &History| {
        let receivers = history.receivers();
        assert_eq!((receivers.len(), receivers[0].stream, &*receivers[0].name), (1, stream, "words"));
        (receivers[0].stage, receivers[0].error.as_ref().map(ToString::to_string), history.metrics().receivers)
    };
    assert_eq!(receiver(&history), (ReceiverStage::Active, None, 1));
    let error = Arc::new(ReceiverError::new("gone"));
    let told = error.to_string();
    history.note(&Event::ReceiverFailed { stream, name: Arc::clone(&name), error });
    history.note(&Event::ReceiverStopped { stream, name });
    assert_eq!(receiver(&history), (ReceiverStage::Stopped, Some(told), 0));
}

#[test]
fn no_more_batches_are_kept_than_are_to_be_retained_and_all_are_counted_t279() {
    let mut history = History::retaining(100);
    (1..=110).for_each(|batch| run(&mut history, batch * 1_000));
    let metrics = history.metrics();
    assert_eq!((metrics.retained_batches, metrics.completed_batches), (100, 110));
    let batches = history.batches();
    assert_eq!((batches.len(), batches[0].info.batch, batches[99].info.batch), (100, at(11_000), at(110_000)));
    let mut none = History::retaining(0);
    run(&mut none, 1_000);
    assert!(none.batches().is_empty() && none.metrics().last_completed.is_some());
}

#[test]
fn what_is_heard_of_a_batch_before_its_submission_or_after_its_end_leaves_nothing_behind_t280() {
    let mut history = History::retaining(10);
    for batch in 1..=1_000 {
        history.note(&Event::OutputStarted(output(batch)));
        history.note(&Event::BatchStarted(info(batch)));
        if batch % 2 == 0 {
            history.note(&Event::BatchFailed(info(batch)));
        } else {
            history.note(&Event::BatchCompleted(info(batch)));
        }
        history.note(&Event::OutputCompleted(output(batch)));
    }
    let metrics = history.metrics();
    assert_eq!((metrics.unprocessed_batches(), metrics.failed_batches, metrics.completed_batches), (0, 500, 500));
    assert_eq!(history.batches().len(), 10);
    // Those that are given up at a stop do not stay either.
    history.note(&Event::BatchSubmitted(info(2_000)));
    history.note(&Event::BatchStarted(info(2_000)));
    history.close();
    assert_eq!(history.metrics().unprocessed_batches(), 0);
}

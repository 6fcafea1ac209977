//! The figures, the history and the page of a running context.

use std::sync::Arc;

use crate::support::{Fault, Rig, SECOND, Seeing, Source, Span, gate, in_time, stands_in};
use dstream_core::{BatchFailure, BatchLines, BatchStage, Event, Metrics, ReceiverStage, StopMode};

#[tokio::test]
async fn figures_begin_with_the_start_move_with_the_batches_and_stand_still_after_the_stop_t244() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "numbers").foreach_rdd(|_, _| Ok(()));
    assert_eq!(rig.ctx.metrics(), Metrics::default());
    rig.ctx.start().await.unwrap();
    assert_eq!(rig.ctx.metrics().receivers, 1);
    source.put(Span(0, 5)).await;
    rig.batch().await;
    rig.batch().await;
    let metrics = rig.ctx.metrics();
    assert_eq!((metrics.completed_batches, metrics.received_records, metrics.processed_records), (2, 5, 5));
    assert_eq!((metrics.unprocessed_batches(), metrics.retained_batches), (0, 2));
    let last = metrics.last_completed.unwrap();
    assert_eq!((last.batch.as_millis(), last.records()), (2_000, 0));
    assert!(last.total_delay().is_some());

    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let (after, heard) = (rig.ctx.metrics(), rig.events().len());
    assert_eq!((after.receivers, after.completed_batches), (0, 2));
    rig.clock.advance(SECOND * 5);
    tokio::task::yield_now().await;
    assert_eq!((rig.ctx.metrics(), rig.events().len()), (after, heard));
}

#[tokio::test]
async fn a_listener_finds_the_figures_as_of_the_event_that_it_hears_of() {
    let rig = Rig::new();
    let seen = Seeing::new();
    let (sink, ctx) = (seen.clone(), rig.ctx.clone());
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.add_listener(Arc::new(move |event: &Event| {
        let now = ctx.metrics();
        match event {
            Event::BatchSubmitted(_) => sink.push(("submitted", now.waiting_batches, now.running_batches, 0)),
            Event::BatchStarted(_) => sink.push(("started", now.waiting_batches, now.running_batches, 0)),
            Event::BatchCompleted(_) => sink.push(("completed", 0, 0, now.completed_batches)),
            _ => {}
        }
    }));
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all(), [("submitted", 1, 0, 0), ("started", 0, 1, 0), ("completed", 0, 0, 1)]);
}

#[tokio::test]
async fn no_more_batches_are_shown_than_are_to_be_retained_t279() {
    let rig = Rig::with(|builder| builder.retained_batches(3));
    rig.ctx.queue_stream((0..13).map(|n| vec![n])).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    for _ in 0..13 {
        rig.batch().await;
    }
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let (metrics, batches) = (rig.ctx.metrics(), rig.ctx.statistics().batches);
    assert_eq!((metrics.completed_batches, metrics.retained_batches), (13, 3));
    let times: Vec<_> = batches.iter().map(|batch| batch.info.batch.as_millis() / 1_000).collect();
    assert_eq!(times, [11, 12, 13]);
}

#[tokio::test]
async fn batches_that_are_given_up_at_a_stop_are_not_shown_for_ever_t280() {
    let rig = Rig::new();
    let (pass, entered, release) = gate();
    rig.ctx.queue_stream([vec![1], vec![2]]).foreach_rdd(move |_, _| {
        pass();
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND * 2);
    stands_in(entered).await;
    rig.until(|event| matches!(event, Event::BatchSubmitted(info) if info.batch.as_millis() == 2_000)).await;
    let metrics = rig.ctx.metrics();
    assert_eq!((metrics.running_batches, metrics.waiting_batches), (1, 1));
    rig.ctx.request_stop(StopMode::Immediate);
    release.send(()).unwrap();
    in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap();
    assert_eq!(rig.ctx.metrics().unprocessed_batches(), 0);
}

#[tokio::test]
async fn the_page_shows_receivers_and_batches_with_their_outputs_and_errors_t281() {
    let rig = Rig::with(|builder| builder.on_batch_failure(BatchFailure::Continue).batch_attempts(1));
    let lines = Seeing::new();
    rig.ctx.add_listener(Arc::new(BatchLines::new(SECOND, Lines(lines.clone()))));
    let source = Source::new(Fault::None);
    let numbers = source.stream(&rig.ctx, "numbers");
    numbers.foreach_rdd(|_, _| Ok(()));
    numbers.foreach_rdd(|rdd, _| if rdd.count()? > 3 { Err("too many".into()) } else { Ok(()) });
    assert!(rig.ctx.statistics().to_string().contains("Not started; batches of 1 sec"));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    rig.batch().await;
    source.put(Span(2, 8)).await;
    rig.clock.advance(SECOND);
    rig.until(|event| matches!(event, Event::BatchFailed(_))).await;

    let statistics = rig.ctx.statistics();
    let stages: Vec<_> = statistics.batches.iter().map(|batch| (batch.stage, batch.succeeded_outputs())).collect();
    assert_eq!(stages, [(BatchStage::Completed, (2, 2)), (BatchStage::Failed, (1, 2))]);
    assert_eq!(statistics.receivers[0].stage, ReceiverStage::Active);
    let page = statistics.to_string();
    for line in [
        "Streaming Statistics",
        "Running batches of 1 sec for 2 sec since 1970/01/01 00:00:00 (1 completed batches, 8 records)",
        "Receivers: 1 / 1 active",
        "numbers   ACTIVE",
        "Active Batches (0)",
        "Completed Batches (last 2 out of 2)",
        "Output Ops: Succeeded/Total  Error",
        "1970/01/01 00:00:02  6 ",
        "1/2                          too many",
    ] {
        assert!(page.contains(line), "no {line:?} in\n{page}");
    }
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert!(rig.ctx.statistics().to_string().contains("Receivers: 0 / 1 active"));
    let expected =
        ["00:00:01  2 records  waited 0 ms  took 0 ms", "00:00:02  6 records  waited 0 ms  took 0 ms  failed"];
    assert_eq!(lines.all(), expected);
}

/// Takes whole lines.
struct Lines(Seeing<String>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.push(String::from_utf8_lossy(bytes).trim_end().to_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

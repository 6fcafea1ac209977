//! What happens when user code, a receiver or a batch fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the receivers and gates of tests stand outside of test functions"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Fault, Number, Rig, Seeing, Seen, Source, Span, TestReceiver, in_time};
use dstream_core::{Event, ReceiverError, StartError, StopMode, StorageLevel, StreamingError, Time, error_chain};

#[tokio::test]
async fn a_batch_that_keeps_failing_stops_the_context_and_holds_all_positions_back() {
    let rig = Rig::with(|builder| builder.batch_attempts(3));
    let source = Source::new(Fault::None);
    let tried = Seeing::new();
    let sink = tried.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, time| {
        sink.push((time.as_millis(), rdd.collect()?));
        Err("the database is down".into())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    rig.clock.advance(crate::support::SECOND * 3);
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    let text = error_chain(&error);
    assert!(text.contains("batch 1000 ms failed in foreach_rdd #1 after 3 attempts"), "{text}");
    assert!(text.ends_with("the database is down"), "{text}");
    assert_eq!(tried.all(), vec![(1_000, vec![0, 1]); 3]);
    assert_eq!(source.processed(), []);
    assert_eq!(source.seen().split_off(2), [Seen::StoppedFetching, Seen::Closed]);
    assert!(rig.events().iter().any(|event| matches!(event, Event::BatchFailed(info) if info.failed_attempts == 3)));
}

#[tokio::test]
async fn a_batch_that_fails_once_is_tried_again_with_the_same_records_from_the_failed_output_on() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let stream = source.stream(&rig.ctx, "s");
    let tried = Seeing::new();
    let (first, second) = (tried.clone(), tried.clone());
    let failures = AtomicU32::new(0);
    stream.foreach_rdd(move |rdd, _| {
        first.push(("first", rdd.collect()?));
        Ok(())
    });
    stream.foreach_rdd(move |rdd, _| {
        second.push(("second", rdd.collect()?));
        if failures.fetch_add(1, Ordering::SeqCst) == 0 { Err("once".into()) } else { Ok(()) }
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    rig.batch().await;
    assert_eq!(tried.all(), [("first", vec![0, 1]), ("second", vec![0, 1]), ("second", vec![0, 1])]);
    assert_eq!(source.processed(), [Span(0, 2)]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn a_panic_names_operator_batch_partition_and_where_the_records_came_from_t247() {
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    let source = Source::new(Fault::None);
    let stream = source.stream(&rig.ctx, "orders").map(|n| n + 1);
    let stream = stream.map(|n| if n == 6 { panic!("six") } else { (n, n) }).filter(|_| true);
    stream.reduce_by_key(|m, _| m).foreach_rdd(|rdd, _| Ok(rdd.collect().map(drop)?));
    rig.ctx.start().await.unwrap();
    source.put(Span(4, 9)).await;
    rig.clock.advance(crate::support::SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    let origin = "on records of \"orders\", block input-0-0: numbers 4 to 9";
    let expected = format!("map #2 failed in batch 1000 ms, partition 0, {origin}: panicked: six");
    assert!(text.contains(&expected), "{text}");
}

#[tokio::test]
async fn an_error_of_the_handler_fails_the_batch_and_names_the_record() {
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    let source = Source::new(Fault::None);
    let handler = |n: &Number| if n.0 == 2 { Err("bad record".into()) } else { Ok(n.0) };
    let stream = rig.ctx.receiver_stream("s", StorageLevel::MemoryOnly, TestReceiver(Arc::clone(&source)), handler);
    stream.foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 5)).await;
    rig.clock.advance(crate::support::SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.contains("receiver_stream #0 failed"), "{text}");
    assert!(text.ends_with("failed on record 2 of block input-0-0: bad record"), "{text}");
    assert_eq!(source.processed(), []);
}

#[tokio::test]
async fn a_panic_in_an_output_operation_outside_of_its_tasks_is_named() {
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| panic!("in the driver part"));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(crate::support::SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.ends_with("foreach_rdd #1 panicked in batch 1000 ms: in the driver part"), "{text}");
}

#[tokio::test]
async fn a_receiver_that_fails_stops_the_context_with_its_error() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "orders").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.store().fail(ReceiverError::new("GetRecords was denied"));
    source.store().fail(ReceiverError::new("a later error"));
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert_eq!(error_chain(&error), "receiver 0 (orders) failed: GetRecords was denied");
    assert_eq!(source.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
    in_time(rig.ctx.ready()).await;
}

#[tokio::test]
async fn a_receiver_that_does_not_start_takes_the_others_back_and_ends_the_context() {
    for (fault, message) in [
        (Fault::FailsToStart, "no such stream"),
        (Fault::PanicsAtStart, "the receiver panicked: start went wrong"),
        (Fault::PanicsAtPositions, "the receiver panicked: no positions"),
    ] {
        let rig = Rig::new();
        let (good, bad) = (Source::new(Fault::None), Source::new(fault));
        good.stream(&rig.ctx, "good").foreach_rdd(|_, _| Ok(()));
        bad.stream(&rig.ctx, "bad").foreach_rdd(|_, _| Ok(()));
        let Err(StartError::Failed(error)) = in_time(rig.ctx.start()).await else { panic!("it started") };
        assert_eq!(error_chain(&error), format!("receiver 1 (bad) failed: {message}"));
        assert_eq!(good.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
        assert_eq!(bad.seen(), []);
        let again = in_time(rig.ctx.await_termination()).await.unwrap_err();
        assert!(matches!(again, StreamingError::Receiver { .. }));
        assert!(matches!(rig.ctx.start().await, Err(StartError::AlreadyStopped)));
    }
}

#[tokio::test]
async fn a_receiver_that_panics_when_its_start_is_given_up_does_not_keep_the_others_from_closing() {
    let rig = Rig::new();
    let (good, bad) = (Source::new(Fault::None), Source::new(Fault::PanicsWhenGivenUp));
    good.stream(&rig.ctx, "good").foreach_rdd(|_, _| Ok(()));
    bad.stream(&rig.ctx, "bad").foreach_rdd(|_, _| Ok(()));
    let ctx = rig.ctx.clone();
    let starting = tokio::spawn(async move { ctx.start().await });
    good.saw(Seen::Started).await;
    let error = in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap_err();
    assert!(
        matches!(&error, StreamingError::PanickedInDrop { message } if message == "giving up went wrong"),
        "{error:?}"
    );
    let Err(StartError::Failed(_)) = in_time(starting).await.unwrap() else { panic!("it started") };
    assert_eq!(good.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
    assert_eq!(bad.seen(), [Seen::GaveUpStart]);
}

#[tokio::test]
async fn a_receiver_that_panics_when_it_is_dropped_is_reported_after_a_run_and_after_a_failed_start() {
    for fault in [Fault::None, Fault::FailsToStart] {
        let rig = Rig::new();
        let (dropped, other) = (Source::new(Fault::PanicsInDrop), Source::new(fault));
        dropped.stream(&rig.ctx, "dropped").foreach_rdd(|_, _| Ok(()));
        other.stream(&rig.ctx, "other").foreach_rdd(|_, _| Ok(()));
        let started = in_time(rig.ctx.start()).await;
        let ended = in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
        match fault {
            Fault::None => {
                started.unwrap();
                assert!(
                    matches!(&ended, StreamingError::PanickedInDrop { message } if message == "the drop went wrong")
                );
            }
            // The first error is the one that counts.
            _ => assert!(started.is_err() && matches!(ended, StreamingError::Receiver { .. })),
        }
        assert_eq!(dropped.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
        assert_eq!(rig.ctx.state(), dstream_core::ContextState::Stopped);
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_close_is_reported_by_stop() {
    let rig = Rig::new();
    let source = Source::new(Fault::FailsToClose);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    let error = in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert!(matches!(error, StreamingError::ReceiverClose { .. }));
    assert!(error_chain(&error).ends_with("the table is gone"));
}

#[tokio::test]
async fn a_batch_that_fails_during_a_graceful_stop_ends_it_and_frees_those_who_wait_for_memory() {
    let rig = Rig::with(|builder| builder.memory_budget(8).batch_attempts(1));
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Err("no".into()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    let store = source.store();
    let waiting = tokio::spawn(async move { store.store(vec![Number(1)], Span(1, 2)).await });
    let error = in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert!(matches!(error, StreamingError::Batch { batch, .. } if batch == Time::from_millis(1_000)));
    assert!(in_time(waiting).await.unwrap().is_err());
    assert_eq!(source.processed(), []);
}

#[tokio::test]
async fn a_dataset_that_outlives_the_context_says_so_instead_of_running_user_code() {
    let rig = Rig::new();
    let kept = Arc::new(std::sync::Mutex::new(None));
    let sink = Arc::clone(&kept);
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(move |rdd, _| {
        *sink.lock().unwrap() = Some(rdd);
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let rdd = kept.lock().unwrap().take().unwrap();
    assert!(rdd.collect().unwrap_err().to_string().contains("has stopped"));
}

#[tokio::test]
async fn a_panic_of_positions_ends_the_context_with_an_error_and_closes_the_receivers() {
    let rig = Rig::new();
    let source = Source::new(Fault::PanicsAtProcessed);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.clock.advance(crate::support::SECOND);
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(error.to_string().contains("positions went wrong"));
    assert_eq!(source.seen().last(), Some(&Seen::Closed));
}

/// An error whose text cannot be had.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Unspeakable {}

#[tokio::test]
async fn an_error_that_panics_when_it_is_read_fails_the_batch_and_the_receivers_are_closed() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Err(Unspeakable.into()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.clock.advance(crate::support::SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.contains("batch 1000 ms failed in foreach_rdd #1 after 1 attempts"), "{text}");
    assert!(text.ends_with("panicked in batch 1000 ms: no words"), "{text}");
    assert!(rig.events().iter().any(|event| matches!(event, Event::BatchFailed(_))));
    assert_eq!(source.processed(), []);
    assert_eq!(source.seen().split_off(2), [Seen::StoppedFetching, Seen::Closed]);
}

#[tokio::test]
async fn a_panic_while_a_receiver_gives_its_positions_ends_the_start_with_its_error() {
    let rig = Rig::new();
    let (good, bad) = (Source::new(Fault::None), Source::new(Fault::PanicsAtPositions));
    good.stream(&rig.ctx, "good").foreach_rdd(|_, _| Ok(()));
    bad.stream(&rig.ctx, "bad").foreach_rdd(|_, _| Ok(()));
    let Err(StartError::Failed(error)) = in_time(rig.ctx.start()).await else { panic!("it started") };
    assert!(error_chain(&error).starts_with("receiver 1 (bad) failed: the receiver panicked"), "{error:?}");
    assert_eq!(good.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
    in_time(rig.ctx.await_termination()).await.unwrap_err();
}

#[tokio::test]
async fn a_panic_when_user_code_is_dropped_is_the_error_of_the_stop_and_the_context_has_ended() {
    for start in [true, false] {
        let rig = Rig::new();
        let source = Source::new(Fault::PanicsInDrop);
        source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
        if start {
            rig.ctx.start().await.unwrap();
        }
        let error = in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
        assert!(matches!(error, StreamingError::PanickedInDrop { .. }), "{error:?}");
        assert!(error.to_string().contains("the drop went wrong"), "{error}");
        assert_eq!(rig.ctx.state(), dstream_core::ContextState::Stopped);
    }
}

#[tokio::test]
async fn a_panic_when_user_code_is_dropped_after_a_failed_start_does_not_hide_why_it_failed() {
    let rig = Rig::new();
    let (fragile, bad) = (Source::new(Fault::PanicsInDrop), Source::new(Fault::FailsToStart));
    fragile.stream(&rig.ctx, "fragile").foreach_rdd(|_, _| Ok(()));
    bad.stream(&rig.ctx, "bad").foreach_rdd(|_, _| Ok(()));
    let Err(StartError::Failed(error)) = in_time(rig.ctx.start()).await else { panic!("it started") };
    assert_eq!(error_chain(&error), "receiver 1 (bad) failed: no such stream");
    assert!(matches!(in_time(rig.ctx.await_termination()).await, Err(StreamingError::Receiver { .. })));
}

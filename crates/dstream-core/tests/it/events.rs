//! What listeners hear, in which order, and when no more.

use std::sync::Arc;

use crate::support::{Fault, Rig, SECOND, Seeing, Source, Span, in_time};
use dstream_core::{BatchFailure, Event, OutputInfo, ReceiverError, StopMode, StreamingError, Time};
use futures::FutureExt;

#[tokio::test]
async fn the_events_of_a_batch_come_in_order_and_none_after_the_stop_t260_t262_t265() {
    let rig = Rig::new();
    let numbers = rig.ctx.queue_stream([vec![1]]);
    for _ in 0..3 {
        numbers.foreach_rdd(|_, _| Ok(()));
    }
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let output = |what, output: &OutputInfo| format!("{what} output {} {}", output.id, output.name);
    let names: Vec<String> = rig
        .events()
        .iter()
        .map(|event| match event {
            Event::StreamingStarted { time } => format!("started {time}"),
            Event::BatchSubmitted(info) => format!("submitted {:?}", info.scheduling_delay()),
            Event::BatchStarted(info) => format!("running {}", info.started.unwrap()),
            Event::OutputStarted(info) => output("began", info),
            Event::OutputCompleted(info) => output("ended", info),
            Event::BatchCompleted(info) => format!("completed {}", info.ended.unwrap()),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "started 0 ms",
        "submitted None",
        "running 1000 ms",
        "began output 0 foreach_rdd #1",
        "ended output 0 foreach_rdd #1",
        "began output 1 foreach_rdd #2",
        "ended output 1 foreach_rdd #2",
        "began output 2 foreach_rdd #3",
        "ended output 2 foreach_rdd #3",
        "completed 1000 ms",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn four_batches_know_their_delays_their_records_and_their_outputs_t137_t260() {
    let rig = Rig::new();
    let (one, two) = (Source::new(Fault::None), Source::new(Fault::None));
    one.stream(&rig.ctx, "one").foreach_rdd(|_, _| Ok(()));
    two.stream(&rig.ctx, "two").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    for n in 0..4 {
        one.put(Span(n, n + 1)).await;
        two.put(Span(3 * n, 3 * n + 3)).await;
        rig.batch().await;
    }
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let mut completed = Vec::new();
    for event in rig.events() {
        match event {
            Event::BatchSubmitted(info) => {
                assert_eq!((info.started, info.scheduling_delay(), info.total_delay()), (None, None, None));
                assert!(info.outputs.iter().all(|output| output.started.is_none()));
            }
            Event::BatchStarted(info) => {
                assert!(info.scheduling_delay().is_some() && info.processing_delay().is_none());
            }
            Event::BatchCompleted(info) => {
                let (waited, took) = (info.scheduling_delay().unwrap(), info.processing_delay().unwrap());
                assert_eq!(info.total_delay(), Some(waited + took));
                let records: Vec<usize> = info.inputs.values().map(|input| input.records).collect();
                assert_eq!((records, info.records()), (vec![1, 3], 4));
                let ids: Vec<u32> = info.outputs.iter().map(|output| output.id.number()).collect();
                assert_eq!(ids, [0, 1]);
                assert!(info.outputs.iter().all(|output| output.has_succeeded() && output.duration().is_some()));
                completed.push(info.batch.as_millis());
            }
            _ => {}
        }
    }
    assert_eq!(completed, [1_000, 2_000, 3_000, 4_000]);
}

#[tokio::test]
async fn a_receiver_starts_fails_and_stops_t261() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "orders").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.store().fail(ReceiverError::new("report error"));
    in_time(rig.ctx.await_termination()).await.unwrap_err();
    let heard: Vec<String> = rig
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::ReceiverStarted { stream, name } => Some(format!("{stream} {name} started")),
            Event::ReceiverFailed { stream, error, .. } => Some(format!("{stream} {error}")),
            Event::ReceiverStopped { stream, .. } => Some(format!("{stream} stopped")),
            _ => None,
        })
        .collect();
    assert_eq!(heard, ["0 orders started", "0 report error", "0 stopped"]);
}

#[tokio::test]
async fn a_batch_tells_which_of_its_outputs_failed_and_why_t264() {
    for failing in [&[][..], &[0], &[0, 1]] {
        let rig = Rig::with(|builder| builder.batch_attempts(1).on_batch_failure(BatchFailure::Continue));
        let numbers = rig.ctx.queue_stream([vec![1]]);
        for output in 0..2 {
            numbers.foreach_rdd(move |_, _| {
                if failing.contains(&output) { Err(format!("output {output} is broken").into()) } else { Ok(()) }
            });
        }
        rig.ctx.start().await.unwrap();
        rig.clock.advance(SECOND);
        rig.until(|event| matches!(event, Event::BatchCompleted(_) | Event::BatchFailed(_))).await;
        let stopped = in_time(rig.ctx.stop(StopMode::Graceful)).await;
        assert_eq!(stopped.is_err(), !failing.is_empty());
        let outputs = rig.events().into_iter().find_map(|event| match event {
            Event::BatchCompleted(info) | Event::BatchFailed(info) => Some(info.outputs),
            _ => None,
        });
        let reasons: Vec<Option<String>> =
            outputs.unwrap().iter().map(|output| output.failure.as_ref().map(|text| text.to_string())).collect();
        let expected: Vec<Option<String>> =
            (0..2).map(|n| failing.contains(&n).then(|| format!("output {n} is broken"))).collect();
        assert_eq!(reasons, expected);
        let failed =
            rig.events().iter().filter(|event| matches!(event, Event::OutputFailed { retry_in: None, .. })).count();
        assert_eq!(failed, failing.len());
    }
}

#[tokio::test]
async fn a_stop_that_is_awaited_in_a_listener_is_an_error_and_the_context_goes_on_t263() {
    let rig = Rig::new();
    let (ctx, errors) = (rig.ctx.clone(), Seeing::new());
    let sink = errors.clone();
    rig.ctx.add_listener(Arc::new(move |event: &Event| {
        if matches!(event, Event::BatchStarted(_)) {
            sink.push(ctx.stop(StopMode::Graceful).now_or_never().unwrap());
            sink.push(ctx.await_termination().now_or_never().unwrap());
        }
    }));
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.batch().await;
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(errors.all().len(), 4);
    for error in errors.all() {
        let error = error.unwrap_err();
        assert!(matches!(error, StreamingError::WaitsForItself { .. }));
        assert!(error.to_string().contains("in a listener of the same context"), "{error}");
    }
}

#[tokio::test]
async fn a_stop_that_is_awaited_in_the_future_of_an_output_operation_is_an_error_t263() {
    let rig = Rig::new();
    let ctx = rig.ctx.clone();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd_async(move |_, _| {
        let ctx = ctx.clone();
        async move {
            tokio::task::yield_now().await;
            let error = ctx.stop(StopMode::Graceful).await.unwrap_err();
            assert!(matches!(error, StreamingError::WaitsForItself { .. }));
            assert!(error.to_string().contains("in an output operation of the same context"), "{error}");
            Ok(())
        }
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
}

#[tokio::test]
async fn a_stop_that_is_awaited_in_an_output_operation_or_a_task_of_it_is_an_error_t263() {
    let rig = Rig::new();
    let (ctx, in_task, errors) = (rig.ctx.clone(), rig.ctx.clone(), Seeing::new());
    let (sink, task_sink) = (errors.clone(), errors.clone());
    let numbers = rig.ctx.queue_stream([vec![1]]).map(move |n| {
        task_sink.push(in_task.stop(StopMode::Graceful).now_or_never().unwrap().unwrap_err().to_string());
        n
    });
    numbers.foreach_rdd(move |rdd, _| {
        rdd.count()?;
        sink.push(ctx.stop(StopMode::Graceful).now_or_never().unwrap().unwrap_err().to_string());
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(errors.all().len(), 2);
    assert!(errors.all().iter().all(|text| text.contains("stop() was called in an output operation")));
}

#[tokio::test]
async fn a_listener_that_still_runs_is_waited_for_by_the_stop_t265() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    let (pass, entered, release) = crate::support::gate();
    rig.ctx.add_listener(Arc::new(move |event: &Event| {
        if matches!(event, Event::ReceiverReady { .. }) {
            pass();
        }
    }));
    rig.ctx.start().await.unwrap();
    let store = source.store();
    let other = tokio::task::spawn_blocking(move || store.ready());
    crate::support::stands_in(entered).await;
    let ctx = rig.ctx.clone();
    let stopping = tokio::spawn(async move { ctx.stop(StopMode::Graceful).await });
    source.saw(crate::support::Seen::Closed).await;
    assert!(!stopping.is_finished());
    release.send(()).unwrap();
    in_time(stopping).await.unwrap().unwrap();
    in_time(other).await.unwrap();
    let heard = rig.events().len();
    source.store().fail(ReceiverError::new("too late"));
    assert_eq!(rig.events().len(), heard);
}

#[tokio::test]
async fn batches_that_are_not_made_are_told_of() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND * 5_000);
    let wanted = Time::from_millis(5_000_000);
    rig.until(|event| matches!(event, Event::BatchesSkipped { skipped: 4_999, time } if *time == wanted)).await;
    rig.ctx.stop(StopMode::Immediate).await.unwrap();
}

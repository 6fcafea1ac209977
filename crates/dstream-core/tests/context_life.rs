//! Starting, stopping, and doing either at the wrong time.

mod support;

use dstream_core::{Event, ReceiverError, StartError, StopMode, StreamingError};
use support::{Fault, Rig, Seeing, Seen, Source, Span, in_time};

#[tokio::test]
async fn a_context_without_outputs_does_not_start_and_may_be_mended() {
    let rig = Rig::new();
    let error = rig.ctx.start().await.unwrap_err();
    assert!(matches!(error, StartError::NoOutputs));
    assert!(error.to_string().contains("no output operations registered"));
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn a_second_start_is_an_error_and_does_no_harm_t235() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    assert!(matches!(rig.ctx.start().await, Err(StartError::AlreadyStarted)));
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn stopping_twice_is_as_good_as_once_t236() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap();
    in_time(rig.ctx.await_termination()).await.unwrap();
}

#[tokio::test]
async fn a_context_that_was_stopped_before_its_start_never_starts_t237() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    in_time(rig.ctx.ready()).await;
    assert!(matches!(rig.ctx.start().await, Err(StartError::AlreadyStopped)));
}

#[tokio::test]
async fn a_stopped_context_does_not_start_again_t238() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.ctx.stop(StopMode::Immediate).await.unwrap();
    let error = rig.ctx.start().await.unwrap_err();
    assert!(error.to_string().contains("already been stopped"));
}

#[tokio::test]
async fn an_output_added_after_the_start_stops_the_context_and_is_named_t253() {
    let rig = Rig::new();
    let numbers = rig.ctx.queue_stream([vec![1]]);
    numbers.foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    numbers.print();
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::ChangedAfterStart { .. }));
    assert!(error.to_string().contains("output print"));
}

#[tokio::test]
async fn a_batch_without_any_block_still_runs() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let counts = Seeing::new();
    let sink = counts.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, time| {
        sink.push((time.as_millis(), rdd.num_partitions(), rdd.count()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(counts.all(), [(1_000, 0, 0), (2_000, 0, 0)]);
}

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
    let names: Vec<String> = rig
        .events()
        .iter()
        .map(|event| match event {
            Event::StreamingStarted { time } => format!("started {time}"),
            Event::BatchSubmitted(info) => format!("submitted {:?}", info.scheduling_delay()),
            Event::BatchStarted(info) => format!("running {}", info.started.unwrap()),
            Event::OutputCompleted(info) => info.name.to_string(),
            Event::BatchCompleted(info) => format!("completed {}", info.ended.unwrap()),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "started 0 ms",
        "submitted None",
        "running 1000 ms",
        "foreach_rdd #1",
        "foreach_rdd #2",
        "foreach_rdd #3",
        "completed 1000 ms",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_panicking_listener_disturbs_nobody() {
    let rig = Rig::new();
    rig.ctx.add_listener(std::sync::Arc::new(|_: &Event| panic!("listener")));
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(rig.completed(), [1_000]);
}

#[tokio::test]
async fn a_context_is_ready_when_each_of_its_receivers_is() {
    let rig = Rig::new();
    let (one, two) = (Source::new(Fault::None), Source::new(Fault::None));
    one.stream(&rig.ctx, "one").foreach_rdd(|_, _| Ok(()));
    two.stream(&rig.ctx, "two").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    let ready = rig.ctx.ready();
    tokio::pin!(ready);
    assert!(futures::poll!(&mut ready).is_pending());
    one.store().ready();
    one.store().ready();
    assert!(futures::poll!(&mut ready).is_pending());
    two.store().ready();
    in_time(ready).await;
    assert_eq!(rig.events().iter().filter(|event| matches!(event, Event::ReceiverReady { .. })).count(), 2);
    rig.ctx.stop(StopMode::Immediate).await.unwrap();
}

#[tokio::test]
async fn a_running_context_whose_last_handle_is_dropped_stops_its_receivers() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    drop(rig);
    source.saw(Seen::Closed).await;
}

#[tokio::test]
async fn a_stop_during_the_start_drops_the_starts_that_wait_and_takes_back_the_others() {
    for mode in [StopMode::Immediate, StopMode::Graceful] {
        let rig = Rig::new();
        let (good, slow) = (Source::new(Fault::None), Source::new(Fault::NeverStarts));
        good.stream(&rig.ctx, "good").foreach_rdd(|_, _| Ok(()));
        slow.stream(&rig.ctx, "slow").foreach_rdd(|_, _| Ok(()));
        let ctx = rig.ctx.clone();
        let starting = tokio::spawn(async move { ctx.start().await });
        good.saw(Seen::Started).await;
        good.put(Span(0, 1)).await;
        in_time(rig.ctx.stop(mode)).await.unwrap();
        let error = in_time(starting).await.unwrap().unwrap_err();
        assert!(matches!(error, StartError::StoppedWhileStarting));
        assert!(error.to_string().contains("stopped while it was starting"));
        assert_eq!(good.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
        assert_eq!(slow.seen(), [Seen::GaveUpStart]);
        assert!(!rig.events().iter().any(|event| matches!(event, Event::StreamingStarted { .. })));
        assert!(matches!(rig.ctx.start().await, Err(StartError::AlreadyStopped)));
    }
}

#[tokio::test]
async fn a_receiver_that_fails_while_another_one_still_starts_ends_the_start_with_its_error() {
    let rig = Rig::new();
    let (bad, slow) = (Source::new(Fault::FailsToClose), Source::new(Fault::NeverStarts));
    bad.stream(&rig.ctx, "bad").foreach_rdd(|_, _| Ok(()));
    slow.stream(&rig.ctx, "slow").foreach_rdd(|_, _| Ok(()));
    let ctx = rig.ctx.clone();
    let starting = tokio::spawn(async move { ctx.start().await });
    bad.saw(Seen::Started).await;
    bad.store().fail(ReceiverError::new("GetRecords was denied"));
    let Err(StartError::Failed(error)) = in_time(starting).await.unwrap() else { panic!("it started") };
    assert!(matches!(error, StreamingError::Receiver { .. }));
    assert_eq!(bad.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
    assert_eq!(slow.seen(), [Seen::GaveUpStart]);
    let again = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(again, StreamingError::Receiver { .. }));
}

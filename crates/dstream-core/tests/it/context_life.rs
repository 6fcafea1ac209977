//! Starting, stopping, and doing either at the wrong time.

use crate::support::{Fault, Rig, SECOND, Seeing, Seen, Source, Span, in_time};
use dstream_core::{ContextState, DStream, Event, ReceiverError, StartError, StopMode, StreamingError, error_chain};
use futures::FutureExt;

#[tokio::test]
async fn a_context_whose_start_fails_has_stopped_t233() {
    let rig = Rig::new();
    let error = rig.ctx.start().await.unwrap_err();
    assert!(matches!(error, StartError::NoOutputs));
    assert!(error.to_string().contains("no output operations registered"));
    assert_eq!(rig.ctx.state(), ContextState::Stopped);
    assert!(rig.ctx.start().await.unwrap_err().to_string().contains("already been stopped"));
    in_time(rig.ctx.await_termination()).await.unwrap();
}

#[tokio::test]
async fn a_context_goes_through_its_states_in_order_t231() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    assert_eq!(rig.ctx.state(), ContextState::Initialized);
    rig.ctx.start().await.unwrap();
    assert_eq!(rig.ctx.state(), ContextState::Active);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(rig.ctx.state(), ContextState::Stopped);
}

#[test]
fn a_start_without_a_runtime_fails_and_may_be_repeated() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    let error = rig.ctx.start().now_or_never().unwrap().unwrap_err();
    assert!(matches!(error, StartError::NoRuntime));
    assert_eq!(rig.ctx.state(), ContextState::Initialized);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_end_with_a_timeout_tells_whether_it_came_t245_t246_t249() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    assert!(!rig.ctx.await_termination_timeout(SECOND / 2).await.unwrap());
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert!(rig.ctx.await_termination_timeout(SECOND / 2).await.unwrap());
    rig.ctx.await_termination().await.unwrap();
}

#[tokio::test]
async fn an_error_while_a_batch_is_made_is_the_error_of_the_context_t248() {
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    let broken = std::iter::from_fn(|| -> Option<Vec<i32>> { panic!("transform") });
    rig.ctx.queue_stream(broken).foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.contains("batch 1000 ms") && text.contains("transform"), "{text}");
}

#[tokio::test]
async fn a_graceful_stop_does_not_work_off_the_time_up_to_a_clock_in_the_far_future_t257() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND * 1_000_000);
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert!(rig.completed().len() <= 1_000, "{:?}", rig.completed().len());
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
async fn what_is_added_after_the_start_stops_the_context_and_is_named_t253() {
    type Add = fn(&Rig, &DStream<i32>);
    let additions: [(Add, &str); 4] = [
        (|_, numbers| numbers.print(), "output print"),
        (|_, numbers| drop(numbers.map(|n| n + 1)), "operator map"),
        (|rig, _| drop(Source::new(Fault::None).stream(&rig.ctx, "late")), "receiver stream late"),
        (|rig, _| rig.ctx.remember(SECOND), "remember(1s)"),
    ];
    for (add, named) in additions {
        let rig = Rig::new();
        let numbers = rig.ctx.queue_stream([vec![1]]);
        numbers.foreach_rdd(|_, _| Ok(()));
        rig.ctx.start().await.unwrap();
        add(&rig, &numbers);
        let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
        assert!(matches!(error, StreamingError::ChangedAfterStart { .. }));
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.to_string().contains("start"), "{error}");
    }
}

#[tokio::test]
async fn what_is_added_after_the_stop_is_named_by_whoever_asks_how_it_ended_t253() {
    let rig = Rig::new();
    let numbers = rig.ctx.queue_stream([vec![1]]);
    numbers.foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    numbers.print();
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::ChangedAfterStop { .. }));
    assert!(error.to_string().contains("output print") && error.to_string().contains("stop"), "{error}");
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

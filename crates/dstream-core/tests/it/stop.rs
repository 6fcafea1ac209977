//! The order of stopping, and what is left when it is over.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the receivers and gates of tests stand outside of test functions"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::{Fault, Number, Rig, SECOND, Seeing, Seen, Source, Span, gate, in_time, stands_in};
use async_trait::async_trait;
use dstream_core::{Event, Positions, Receiver, ReceiverError, ReceiverStore, StopMode, StorageLevel, Time};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[tokio::test]
async fn a_graceful_stop_processes_what_is_stored_in_one_last_batch_without_waiting_for_its_time() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let outputs = Seeing::new();
    let sink = outputs.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, time| {
        sink.push((time.as_millis(), rdd.collect()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    rig.batch().await;
    source.put(Span(2, 4)).await;
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(outputs.all(), [(1_000, vec![0, 1]), (2_000, vec![2, 3])]);
    let last = [
        Seen::StoppedFetching,
        Seen::Stored(vec![Span(2, 4)]),
        Seen::Processed(Time::from_millis(2_000), vec![Span(2, 4)]),
        Seen::Closed,
    ];
    assert_eq!(source.seen().split_off(3), last);
}

#[tokio::test]
async fn a_graceful_stop_right_after_the_start_ends_without_a_batch_t242() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(source.seen(), [Seen::Started, Seen::StoppedFetching, Seen::Closed]);
    assert_eq!(rig.completed(), Vec::<i64>::new());
}

/// Stores one number after the other, as fast as it may.
struct Flood {
    stored: Arc<AtomicU64>,
    processed: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

struct Count(Arc<AtomicU64>);

impl Positions<Span> for Count {
    fn on_stored(&self, _ranges: &[Span]) {}

    fn on_processed(&self, _batch: Time, ranges: &[Span]) {
        for range in ranges {
            // Each follows the one before: nothing is skipped, nothing comes twice.
            assert_eq!(self.0.swap(range.1, Ordering::SeqCst), range.0);
        }
    }
}

#[async_trait]
impl Receiver for Flood {
    type Record = Number;
    type Range = Span;

    async fn start(&mut self, store: ReceiverStore<Number, Span>) -> Result<(), ReceiverError> {
        let (stored, mut stop) = (Arc::clone(&self.stored), self.stop.subscribe());
        self.task = Some(tokio::spawn(async move {
            for n in 0.. {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return,
                    result = store.store(vec![Number(n)], Span(n, n + 1)) => result.unwrap(),
                }
                stored.store(n + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }));
        Ok(())
    }

    fn positions(&self) -> Arc<dyn Positions<Span>> {
        Arc::new(Count(Arc::clone(&self.processed)))
    }

    async fn stop_fetching(&mut self) {
        self.stop.send_replace(true);
        self.task.take().unwrap().await.unwrap();
    }

    async fn close(&mut self) -> Result<(), ReceiverError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_graceful_stop_all_that_was_received_was_processed_t241() {
    for _ in 0..4 {
        let rig = Rig::with(|builder| builder.memory_budget(4_000));
        let (stored, processed, counted) = <(Arc<AtomicU64>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let receiver = Flood {
            stored: Arc::clone(&stored),
            processed: Arc::clone(&processed),
            stop: watch::Sender::new(false),
            task: None,
        };
        let sink = Arc::clone(&counted);
        rig.ctx.receiver_stream("flood", StorageLevel::MemoryOnly, receiver, |n: &Number| Ok(n.0)).foreach_rdd(
            move |rdd, _| {
                sink.fetch_add(rdd.count()?, Ordering::SeqCst);
                Ok(())
            },
        );
        rig.ctx.start().await.unwrap();
        for _ in 0..5 {
            rig.batch().await;
        }
        in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
        let received = stored.load(Ordering::SeqCst);
        assert_eq!(counted.load(Ordering::SeqCst), received);
        assert_eq!(processed.load(Ordering::SeqCst), received);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_graceful_stop_was_asked_for_under_load_one_more_batch_is_made_at_most() {
    let rig = Rig::with(|builder| builder.memory_budget(4_000));
    let (stored, processed) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
    let stop = watch::Sender::new(false);
    let receiver = Flood { stored: Arc::clone(&stored), processed: Arc::clone(&processed), stop, task: None };
    let (pass, entered, release) = gate();
    rig.ctx.receiver_stream("flood", StorageLevel::MemoryOnly, receiver, |n: &Number| Ok(n.0)).foreach_rdd(
        move |rdd, _| {
            pass();
            Ok(rdd.count().map(drop)?)
        },
    );
    rig.ctx.start().await.unwrap();
    // One batch runs, slowly; three wait for it.
    rig.clock.advance(SECOND * 4);
    let _entered = stands_in(entered).await;
    let submitted = |rig: &Rig| rig.events().iter().filter(|event| matches!(event, Event::BatchSubmitted(_))).count();
    rig.until(|event| matches!(event, Event::BatchSubmitted(info) if info.batch == Time::from_millis(4_000))).await;
    assert_eq!(submitted(&rig), 4);
    rig.ctx.request_stop(StopMode::Graceful);
    for _ in 0..8 {
        release.send(()).unwrap();
    }
    in_time(rig.ctx.await_termination()).await.unwrap();
    assert!(submitted(&rig) <= 5, "{:?}", rig.completed());
    assert_eq!(rig.completed().len(), submitted(&rig), "all that were made have run");
    assert_eq!(processed.load(Ordering::SeqCst), stored.load(Ordering::SeqCst));
}

#[tokio::test]
async fn an_immediate_stop_cancels_the_running_tasks_between_records_and_runs_no_further_batch() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let (pass, entered, release) = gate();
    let mapped = Seeing::new();
    let sink = mapped.clone();
    let stream = source.stream(&rig.ctx, "s").map(move |n| {
        sink.push(n);
        if n == 0 {
            pass();
        }
        n
    });
    stream.foreach_rdd(|rdd, _| Ok(rdd.collect().map(drop)?));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1_000)).await;
    rig.clock.advance(SECOND * 2);
    stands_in(entered).await;
    let ctx = rig.ctx.clone();
    let stopping = tokio::spawn(async move { ctx.stop(StopMode::Immediate).await });
    source.saw(Seen::StoppedFetching).await;
    assert!(!stopping.is_finished(), "the running task was not waited for");
    release.send(()).unwrap();
    in_time(stopping).await.unwrap().unwrap();
    assert_eq!(mapped.all(), [0]);
    assert_eq!(source.processed(), []);
    assert_eq!(source.seen().last(), Some(&Seen::Closed));
}

#[tokio::test]
async fn a_running_batch_whose_outputs_all_succeed_in_an_immediate_stop_counts_as_processed() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let (pass, entered, release) = gate();
    source.stream(&rig.ctx, "s").foreach_rdd(move |_, _| {
        pass();
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.clock.advance(SECOND);
    stands_in(entered).await;
    rig.ctx.request_stop(StopMode::Immediate);
    release.send(()).unwrap();
    in_time(rig.ctx.await_termination()).await.unwrap();
    assert_eq!(source.processed(), [Span(0, 1)]);
}

#[tokio::test]
async fn a_panic_of_positions_during_an_immediate_stop_does_not_keep_receivers_from_closing() {
    let rig = Rig::new();
    let source = Source::new(Fault::PanicsAtProcessed);
    let (pass, entered, release) = gate();
    source.stream(&rig.ctx, "s").foreach_rdd(move |_, _| {
        pass();
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.clock.advance(SECOND);
    stands_in(entered).await;
    rig.ctx.request_stop(StopMode::Immediate);
    source.saw(Seen::StoppedFetching).await;
    release.send(()).unwrap();
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(error.to_string().contains("positions went wrong"));
    assert_eq!(source.seen().last(), Some(&Seen::Closed));
}

#[tokio::test]
async fn a_graceful_stop_can_be_made_urgent() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let (pass, entered, release) = gate();
    source.stream(&rig.ctx, "s").foreach_rdd(move |_, _| {
        pass();
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND);
    stands_in(entered).await;
    source.put(Span(0, 1)).await;
    rig.ctx.request_stop(StopMode::Graceful);
    source.saw(Seen::Stored(vec![Span(0, 1)])).await;
    rig.ctx.request_stop(StopMode::Immediate);
    release.send(()).unwrap();
    in_time(rig.ctx.await_termination()).await.unwrap();
    assert_eq!(rig.completed(), [1_000]);
    assert_eq!(source.processed(), []);
}

#[tokio::test]
async fn no_user_code_runs_after_stop_has_returned() {
    let rig = Rig::new();
    let (stopped, late) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
    let (is_stopped, is_late) = (Arc::clone(&stopped), Arc::clone(&late));
    let endless = std::iter::repeat_with(|| (0..100).collect::<Vec<u32>>());
    rig.ctx
        .queue_stream(endless)
        .map(move |n| is_late.fetch_or(is_stopped.load(Ordering::SeqCst), Ordering::SeqCst) || n > 0)
        .foreach_rdd(|rdd, _| Ok(rdd.collect().map(drop)?));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND * 50);
    rig.until(|event| matches!(event, Event::BatchCompleted(_))).await;
    in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap();
    stopped.store(true, Ordering::SeqCst);
    rig.clock.advance(SECOND * 50);
    tokio::task::yield_now().await;
    assert!(!late.load(Ordering::SeqCst));
}

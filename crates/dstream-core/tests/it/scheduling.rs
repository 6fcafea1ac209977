//! Output operations side by side, and batches after one that failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{Fault, Rig, SECOND, Seeing, Seen, Source, Span, gate, in_time, stands_in};
use dstream_core::{BatchFailure, ContextState, DStream, Event, StopMode, StreamingError, Time, error_chain};

fn concurrent(jobs: usize) -> Rig {
    Rig::with(|builder| builder.concurrent_jobs(jobs).master("local[4]"))
}

fn submitted(rig: &Rig) -> usize {
    rig.events().iter().filter(|event| matches!(event, Event::BatchSubmitted(_))).count()
}

#[tokio::test]
async fn with_two_concurrent_jobs_two_outputs_of_a_batch_run_at_once() {
    let rig = concurrent(2);
    let numbers = rig.ctx.queue_stream([vec![1]]);
    let (pass, entered, release) = gate();
    let pass = Arc::new(pass);
    for _ in 0..2 {
        let pass = Arc::clone(&pass);
        numbers.foreach_rdd(move |_, _| {
            pass();
            Ok(())
        });
    }
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND);
    let entered = stands_in(entered).await;
    drop(stands_in(entered).await);
    release.send(()).unwrap();
    release.send(()).unwrap();
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(rig.completed(), [1_000]);
}

#[tokio::test]
async fn a_later_batch_may_run_before_an_earlier_one_has_ended_but_is_completed_after_it() {
    let rig = concurrent(2);
    let source = Source::new(Fault::None);
    let (pass, entered, release) = gate();
    let done = Seeing::new();
    let sink = done.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, time| {
        let records = rdd.collect()?;
        if time == Time::from_millis(1_000) {
            pass();
        }
        sink.push((time.as_millis(), records));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.clock.advance(SECOND);
    stands_in(entered).await;
    source.put(Span(1, 2)).await;
    rig.clock.advance(SECOND);
    let second = Time::from_millis(2_000);
    rig.until(|event| matches!(event, Event::OutputCompleted(output) if output.batch == second)).await;
    assert_eq!(rig.completed(), Vec::<i64>::new());
    assert_eq!(source.processed(), []);
    release.send(()).unwrap();
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(done.all(), [(2_000, vec![1]), (1_000, vec![0])]);
    assert_eq!(rig.completed(), [1_000, 2_000]);
    assert_eq!(source.processed(), [Span(0, 1), Span(1, 2)]);
}

#[tokio::test]
async fn overlapping_batches_have_their_own_records_and_windows_and_compute_what_outputs_share_once() {
    let rig = concurrent(4);
    let computed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&computed);
    let numbers = rig.ctx.queue_stream((1..).map(|n| vec![n]));
    let counted = numbers.map(move |n: i64| {
        counter.fetch_add(1, Ordering::SeqCst);
        (n, n)
    });
    let shared = counted.reduce_by_key(|m, _| m);
    let seen = Seeing::new();
    let note = |stream: &DStream<(i64, i64)>| {
        let sink = seen.clone();
        stream.foreach_rdd(move |rdd, time| {
            let sum: i64 = rdd.collect()?.iter().map(|(_, n)| n).sum();
            sink.push((time.as_millis() / 1_000, sum));
            Ok(())
        });
    };
    note(&shared);
    note(&shared);
    note(&shared.window(SECOND * 3, SECOND));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND * 60);
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    let mut seen = seen.all();
    seen.sort_unstable();
    let expected: Vec<_> =
        (1..=60).flat_map(|n| [(n, n), (n, n), (n, (1.max(n - 2)..=n).sum())]).collect::<Vec<(i64, i64)>>();
    let mut expected = expected;
    expected.sort_unstable();
    assert_eq!(seen, expected);
    assert_eq!(computed.load(Ordering::SeqCst), 60);
    assert_eq!(rig.completed(), (1..=60).map(|n| n * 1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_that_succeeds_beside_one_that_fails_moves_no_positions() {
    let rig = Rig::with(|builder| builder.concurrent_jobs(2).batch_attempts(1));
    let source = Source::new(Fault::None);
    let (pass, entered, release) = gate();
    source.stream(&rig.ctx, "s").foreach_rdd(move |_, time| {
        if time == Time::from_millis(1_000) {
            pass();
            return Err("the first one".into());
        }
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.clock.advance(SECOND);
    stands_in(entered).await;
    source.put(Span(1, 2)).await;
    rig.clock.advance(SECOND);
    rig.until(|event| matches!(event, Event::OutputCompleted(_))).await;
    release.send(()).unwrap();
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(error_chain(&error).ends_with("the first one"));
    assert_eq!(source.processed(), []);
    assert_eq!(rig.completed(), Vec::<i64>::new());
}

#[tokio::test]
async fn the_blocks_of_a_batch_that_is_held_up_stay_while_ten_more_are_made_t139() {
    for jobs in [1, 2] {
        let rig = concurrent(jobs);
        let source = Source::new(Fault::None);
        let (pass, entered, release) = gate();
        let seen = Seeing::new();
        let sink = seen.clone();
        source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, time| {
            if time == Time::from_millis(3_000) {
                pass();
            }
            sink.push((time.as_millis(), rdd.collect()?));
            Ok(())
        });
        rig.ctx.start().await.unwrap();
        rig.batch().await;
        rig.batch().await;
        source.put(Span(0, 3)).await;
        rig.clock.advance(SECOND);
        stands_in(entered).await;
        rig.clock.advance(SECOND * 10);
        let last = Time::from_millis(13_000);
        rig.until(|event| matches!(event, Event::BatchSubmitted(info) if info.batch == last)).await;
        assert_eq!((submitted(&rig), source.processed()), (13, vec![]));
        release.send(()).unwrap();
        in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
        assert!(seen.all().contains(&(3_000, vec![0, 1, 2])));
        assert_eq!(source.processed(), [Span(0, 3)]);
        assert_eq!(rig.completed().len(), 13);
    }
}

fn going_on() -> Rig {
    Rig::with(|builder| builder.batch_attempts(2).on_batch_failure(BatchFailure::Continue).memory_budget(16))
}

#[tokio::test]
async fn after_a_failed_batch_later_ones_run_and_its_streams_stay_where_they_were_t247() {
    let rig = going_on();
    let (failing, other) = (Source::new(Fault::None), Source::new(Fault::None));
    let seen = Seeing::new();
    let sink = seen.clone();
    failing.stream(&rig.ctx, "failing").foreach_rdd(move |rdd, time| {
        let records = rdd.collect()?;
        if records.contains(&1) {
            return Err("map task".into());
        }
        sink.push((time.as_millis(), records));
        Ok(())
    });
    other.stream(&rig.ctx, "other").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    failing.put(Span(0, 1)).await;
    rig.batch().await;
    failing.put(Span(1, 2)).await;
    rig.clock.advance(SECOND);
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::Batch { attempts: 2, .. }));
    assert!(error_chain(&error).ends_with("map task"));
    assert_eq!(rig.ctx.state(), ContextState::Active);
    // The memory of what failed is free again: two numbers fill it.
    for n in 2..5 {
        failing.put(Span(n, n + 1)).await;
        other.put(Span(n, n + 1)).await;
        rig.batch().await;
    }
    let again = in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    assert_eq!(rig.ctx.state(), ContextState::Stopped);
    assert_eq!(seen.all(), [(1_000, vec![0]), (3_000, vec![2]), (4_000, vec![3]), (5_000, vec![4])]);
    assert_eq!(failing.processed(), [Span(0, 1)]);
    assert_eq!(other.processed(), [Span(2, 3), Span(3, 4), Span(4, 5)]);
    assert_eq!(failing.seen().last(), Some(&Seen::Closed));
}

#[tokio::test]
async fn a_window_goes_on_without_the_batch_that_it_could_not_compute() {
    for jobs in [1, 3] {
        let rig = Rig::with(|builder| {
            builder.batch_attempts(1).on_batch_failure(BatchFailure::Continue).concurrent_jobs(jobs)
        });
        let source = Source::new(Fault::None);
        let seen = Seeing::new();
        let sink = seen.clone();
        let fragile = source.stream(&rig.ctx, "s").map(|n| if n == 1 { panic!("one") } else { n });
        fragile.window(SECOND * 3, SECOND).foreach_rdd(move |rdd, time| {
            sink.push((time.as_millis(), rdd.collect()?));
            Ok(())
        });
        rig.ctx.start().await.unwrap();
        for n in 0..4 {
            source.put(Span(n, n + 1)).await;
            rig.clock.advance(SECOND);
            let at = Time::from_millis(1_000).plus(Duration::from_secs(n));
            let ended = |event: &Event| matches!(event, Event::BatchCompleted(info) | Event::BatchFailed(info) if info.batch == at);
            rig.until(ended).await;
        }
        let error = in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
        assert!(error_chain(&error).contains("panicked: one"));
        assert_eq!(seen.all(), [(1_000, vec![0]), (3_000, vec![0, 2]), (4_000, vec![2, 3])]);
        assert_eq!(source.processed(), [Span(0, 1)]);
    }
}

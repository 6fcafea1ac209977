//! When checkpoints are written, what waits for them, and what follows when they cannot be.
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of their functions")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::fresh_dir::FreshDir;
use crate::support::runs::{Run, every_two_seconds};
use crate::support::{Fault, Rig, Seen, Source, Span, in_time};
use dstream_core::{BatchFailure, DStream, Event, StopMode, StreamingContext, StreamingError, error_chain};

use crate::support::SECOND;
use serde::{Deserialize, Serialize};

fn sum_of(numbers: &DStream<u64>) -> DStream<((), u64)> {
    numbers.map(|n| ((), n)).update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
}

/// A program with a receiver, that has begun.
async fn receiving<T: dstream_core::Data + Ord>(
    dir: &FreshDir,
    build: impl FnOnce(DStream<u64>) -> DStream<T>,
) -> (Run<T>, Arc<Source>) {
    let source = Source::new(Fault::None);
    let run = Run::start(dir, 0, |ctx| build(source.stream(ctx, "numbers"))).await;
    (run, source)
}

#[tokio::test]
async fn the_positions_of_a_batch_wait_for_a_checkpoint_of_it_or_of_a_later_one() {
    let dir = FreshDir::new();
    let (run, source) = receiving(&dir, |numbers| sum_of(&numbers)).await;
    source.put(Span(0, 3)).await;
    run.until(1).await;
    assert_eq!(source.processed(), []);
    source.put(Span(3, 5)).await;
    run.until(2).await;
    run.written(2).await;
    assert_eq!(source.processed(), [Span(0, 3), Span(3, 5)]);
    source.put(Span(5, 6)).await;
    run.until(3).await;
    run.kill().await;
    assert_eq!(source.processed(), [Span(0, 3), Span(3, 5)], "the last batch is in no checkpoint");
}

#[tokio::test]
async fn the_positions_of_a_window_wait_as_well_and_those_of_a_program_without_memory_do_not() {
    let dir = FreshDir::new();
    let (run, source) = receiving(&dir, |numbers| numbers.window(SECOND * 2, SECOND)).await;
    source.put(Span(0, 3)).await;
    run.until(1).await;
    assert_eq!(source.processed(), []);
    run.kill().await;

    let dir = FreshDir::new();
    let (run, source) = receiving(&dir, |numbers| numbers.map(|n| n + 1)).await;
    source.put(Span(0, 3)).await;
    run.until(1).await;
    assert_eq!(source.processed(), [Span(0, 3)]);
    run.kill().await;
}

#[tokio::test]
async fn a_graceful_stop_writes_a_last_checkpoint_and_then_reports_the_last_positions_before_receivers_close() {
    let dir = FreshDir::new();
    let (run, source) = receiving(&dir, |numbers| sum_of(&numbers)).await;
    source.put(Span(0, 3)).await;
    run.until(1).await;
    source.put(Span(3, 5)).await;
    let seen = run.stop().await;
    assert_eq!(seen, [(1, vec![((), 3)]), (2, vec![((), 10)])]);
    let seen = source.seen();
    let at = |wanted: &dyn Fn(&Seen) -> bool| seen.iter().position(wanted).unwrap();
    assert_eq!(source.processed(), [Span(0, 3), Span(3, 5)]);
    assert!(at(&|seen| matches!(seen, Seen::Processed(..))) < at(&|seen| *seen == Seen::Closed));
    assert_eq!(dir.checkpoints().len(), 2);
}

/// A sum of what two receivers bring, with an output that fails in the batch of `fails_at` seconds.
async fn failing_once(dir: &FreshDir, at: i64, fails_at: i64) -> (Run<((), u64)>, [Arc<Source>; 2]) {
    let sources = [Source::new(Fault::None), Source::new(Fault::None)];
    let builder = |builder| {
        let builder = every_two_seconds(dir, builder);
        builder.on_batch_failure(BatchFailure::Continue).batch_attempts(1)
    };
    let run = Run::prepare(at, builder, |ctx| {
        let sums = sum_of(&sources[0].stream(ctx, "left").union(&sources[1].stream(ctx, "right")));
        sums.foreach_rdd(move |rdd, time| {
            rdd.count()?;
            if time.as_millis() == fails_at * 1_000 { Err("not this one".into()) } else { Ok(()) }
        });
        sums
    });
    in_time(run.rig.ctx.start()).await.unwrap();
    (run, sources)
}

#[tokio::test]
async fn what_comes_again_after_a_failed_batch_was_passed_over_meets_a_state_that_has_not_seen_it() {
    let dir = FreshDir::new();
    let (run, [left, right]) = failing_once(&dir, 0, 3).await;
    // One number of each receiver for each batch; the third has none of the right one.
    for second in 0..6 {
        left.put(Span(second, second + 1)).await;
        if second != 2 {
            right.put(Span(100 + second, 101 + second)).await;
        }
        run.rig.clock.advance(SECOND);
        let ended = i64::try_from(second + 1).unwrap() * 1_000;
        let has_ended = |event: &Event| match event {
            Event::BatchCompleted(info) | Event::BatchFailed(info) => info.batch.as_millis() == ended,
            _ => false,
        };
        run.rig.until(has_ended).await;
    }
    in_time(run.rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    let whole: u64 = (0..6).sum::<u64>() + [100, 101, 103, 104, 105].iter().sum::<u64>();
    assert_eq!(run.seen.all().last(), Some(&(6, vec![((), whole)])));
    let processed = |source: &Source| source.processed().last().map(|span| span.1);
    assert_eq!((processed(&left), processed(&right)), (Some(2), Some(102)), "both stay before the failed batch");

    // What was not reported comes once more, all at once.
    let (run, [left, right]) = failing_once(&dir, 6, 0).await;
    left.put(Span(2, 6)).await;
    right.put(Span(103, 106)).await;
    run.until(7).await;
    assert_eq!(run.stop().await, [(7, vec![((), whole)])]);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_written_stops_the_context_and_holds_the_positions_back() {
    let dir = FreshDir::new();
    let (run, source) = receiving(&dir, |numbers| sum_of(&numbers)).await;
    run.written(0).await;
    std::fs::remove_dir_all(dir.path()).unwrap();
    std::fs::write(dir.path(), "in the way").unwrap();
    source.put(Span(0, 3)).await;
    run.rig.clock.advance(SECOND);
    run.rig.until(|event| matches!(event, Event::BatchCompleted(_))).await;
    run.rig.clock.advance(SECOND);
    let error = in_time(run.rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::Checkpoint { .. }), "{error:?}");
    let text = error_chain(&error);
    assert!(text.contains("checkpoint of batch 2000 ms could not be written"), "{text}");
    assert!(text.contains("after 3 attempts"), "{text}");
    assert_eq!(source.processed(), []);
    assert!(source.seen().contains(&Seen::Closed));
    std::fs::remove_file(dir.path()).unwrap();
}

#[tokio::test]
async fn after_checkpoints_could_not_be_written_a_restart_with_room_for_them_loses_and_repeats_nothing_in_the_state() {
    let dir = FreshDir::new();
    let (run, source) = receiving(&dir, |numbers| sum_of(&numbers)).await;
    source.put(Span(0, 3)).await;
    run.until(2).await;
    run.written(2).await;
    assert_eq!(source.processed(), [Span(0, 3)]);
    // As good as a full disk: nothing more can be written, what is there stays.
    let aside = dir.path().with_extension("aside");
    std::fs::rename(dir.path(), &aside).unwrap();
    std::fs::write(dir.path(), "in the way").unwrap();
    source.put(Span(3, 5)).await;
    for _ in 3..=4 {
        run.rig.clock.advance(SECOND);
    }
    let error = in_time(run.rig.ctx.await_termination()).await.unwrap_err();
    let text = error_chain(&error);
    assert!(text.contains(dir.url()) && text.contains("check space"), "{text}");
    assert_eq!(source.processed(), [Span(0, 3)], "the position stays before what is in no checkpoint");

    std::fs::remove_file(dir.path()).unwrap();
    std::fs::rename(&aside, dir.path()).unwrap();
    let next = Source::new(Fault::None);
    let again = Arc::clone(&next);
    let run = Run::start(&dir, 4, move |ctx| sum_of(&again.stream(ctx, "s"))).await;
    next.put(Span(3, 5)).await;
    run.until(5).await;
    assert_eq!(run.stop().await.last(), Some(&(5, vec![((), 10)])));
    assert_eq!(next.processed(), [Span(3, 5)]);
}

#[tokio::test]
async fn what_a_receiver_that_cannot_read_again_delivers_behind_its_lost_positions_is_in_the_state_twice() {
    let dir = FreshDir::new();
    let (run, source) = receiving(&dir, |numbers| sum_of(&numbers)).await;
    source.put(Span(0, 3)).await;
    run.until(2).await;
    run.written(2).await;
    run.kill().await;
    // It had not made its positions safe.
    let next = Source::new(Fault::None);
    let again = Arc::clone(&next);
    let run = Run::start(&dir, 2, move |ctx| sum_of(&again.stream(ctx, "numbers"))).await;
    next.put(Span(0, 3)).await;
    run.until(3).await;
    assert_eq!(run.stop().await, [(3, vec![((), 6)])]);
}

#[tokio::test]
async fn files_appear_old_ones_go_and_state_survives_two_restarts_and_a_gap_t201() {
    let dir = FreshDir::new();
    let count = |ctx: &StreamingContext| sum_of(&ctx.generated_stream(|_| vec![1]));
    let run = Run::start(&dir, 0, count).await;
    run.until(1).await;
    run.written(0).await;
    assert_eq!(dir.checkpoints().len(), 1);
    for seconds in 2..=30 {
        run.until(seconds).await;
        if seconds % 2 == 0 {
            run.written(seconds).await;
        }
    }
    assert_eq!(dir.checkpoints().len(), 10);
    assert!(dir.files().iter().all(|file| !file.contains("00000000000000000005-")), "{:?}", dir.files());
    let last = run.kill().await;
    assert_eq!(last.last().unwrap(), &(30, vec![((), 30)]));

    let again = Run::start(&dir, 30, count).await;
    again.until(32).await;
    assert_eq!(again.kill().await.last().unwrap(), &(32, vec![((), 32)]));
    let after_a_gap = Run::start(&dir, 39, count).await;
    after_a_gap.until(40).await;
    let batches: Vec<_> = after_a_gap.stop().await;
    assert_eq!(batches.last().unwrap(), &(40, vec![((), 40)]));
}

/// Counts how often it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Counted(u64);

static READ: AtomicU32 = AtomicU32::new(0);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ.fetch_add(1, Ordering::SeqCst);
        u64::deserialize(deserializer).map(Self)
    }
}

#[tokio::test]
async fn a_stream_is_restored_once_however_many_outputs_share_it_t213() {
    let dir = FreshDir::new();
    let program = |ctx: &StreamingContext| {
        let ones = ctx.generated_stream(|_| vec![((), 1_u64)]);
        let sum = ones.update_state_by_key(|new: Vec<u64>, sum: Option<Counted>| {
            Some(Counted(sum.map_or(0, |Counted(sum)| sum) + new.iter().sum::<u64>()))
        });
        sum.foreach_rdd(|rdd, _| rdd.count().map(drop).map_err(Into::into));
        sum.foreach_rdd(|rdd, _| rdd.count().map(drop).map_err(Into::into));
        sum
    };
    let run = Run::start(&dir, 0, program).await;
    run.until(3).await;
    run.stop().await;
    assert_eq!(READ.load(Ordering::SeqCst), 0);
    let again = Run::start(&dir, 3, program).await;
    again.until(4).await;
    assert_eq!(READ.load(Ordering::SeqCst), 1);
    assert_eq!(again.kill().await, [(4, vec![((), Counted(4))])]);
}

/// Writing it takes as long as the test wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Slow(u64);

static GATE: std::sync::Mutex<Option<std::sync::mpsc::Receiver<()>>> = std::sync::Mutex::new(None);

impl Serialize for Slow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let gate = GATE.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.recv().unwrap();
        }
        self.0.serialize(serializer)
    }
}

#[tokio::test]
async fn batches_go_on_while_a_checkpoint_is_written_and_it_is_as_of_its_own_batch() {
    let dir = FreshDir::new();
    let source = Source::new(Fault::None);
    let program = |source: &Arc<Source>| {
        let source = Arc::clone(source);
        move |ctx: &StreamingContext| {
            let pairs = source.stream(ctx, "numbers").map(|n| ((), n));
            pairs.update_state_by_key(|new: Vec<u64>, sum: Option<Slow>| {
                Some(Slow(sum.map_or(0, |Slow(sum)| sum) + new.iter().sum::<u64>()))
            })
        }
    };
    let (open, gate) = std::sync::mpsc::sync_channel(1);
    *GATE.lock().unwrap() = Some(gate);
    let run = Run::start(&dir, 0, program(&source)).await;
    run.written(0).await;
    for n in 1..=5 {
        source.put(Span(n, n + 1)).await;
        run.until(n.try_into().unwrap()).await;
    }
    assert_eq!(source.processed(), []);
    assert_eq!(dir.checkpoints().len(), 1);
    open.send(()).unwrap();
    // The next one was due meanwhile, and is of the newest batch.
    run.written(5).await;
    let written =
        |event: &Event| if let Event::CheckpointWritten { batch } = event { Some(batch.as_millis()) } else { None };
    assert_eq!(run.rig.events().iter().filter_map(written).collect::<Vec<_>>(), [0, 2_000, 5_000]);
    run.kill().await;

    std::fs::remove_file(dir.checkpoints().last().unwrap()).unwrap();
    let source = Source::new(Fault::None);
    let again = Run::start(&dir, 5, program(&source)).await;
    again.until(6).await;
    assert_eq!(again.kill().await, [(6, vec![((), Slow(3))])], "1 and 2 were in the checkpoint of batch 2");
}

#[tokio::test]
async fn a_second_program_on_the_same_directory_is_found_out() {
    let dir = FreshDir::new();
    let count = |ctx: &StreamingContext| sum_of(&ctx.generated_stream(|_| vec![1]));
    let (one, two) = (Run::start(&dir, 0, count).await, Run::start(&dir, 0, count).await);
    one.until(1).await;
    one.stop().await;
    two.until(1).await;
    two.rig.clock.advance(SECOND);
    let error = in_time(two.rig.ctx.await_termination()).await.unwrap_err();
    assert!(error_chain(&error).contains("another process writes to this directory"), "{}", error_chain(&error));
}

#[tokio::test]
async fn the_limits_of_back_pressure_are_in_force_again_after_a_restart_t211() {
    let dir = FreshDir::new();
    let source = Source::new(Fault::None);
    let start = |at, source: &Arc<Source>| {
        let rig = Rig::at(at, |builder| every_two_seconds(&dir, builder).backpressure(true));
        let clock = Arc::clone(&rig.clock);
        // Each batch takes half a second by the clock of the context.
        source.stream(&rig.ctx, "numbers").foreach_rdd(move |rdd, _| {
            rdd.count()?;
            clock.advance(SECOND / 2);
            Ok(())
        });
        rig
    };
    let limits = |rig: &Rig| {
        let limit = |event| if let Event::RateUpdated { limit, .. } = event { Some(limit.get()) } else { None };
        rig.events().into_iter().filter_map(limit).collect::<Vec<_>>()
    };
    let rig = start(0, &source);
    rig.ctx.start().await.unwrap();
    for n in 0..3 {
        source.put(Span(n * 100, n * 100 + 100)).await;
        rig.batch().await;
    }
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    let learnt = *limits(&rig).last().unwrap();

    let again = start(rig.now_seconds() + 1, &Source::new(Fault::None));
    again.ctx.start().await.unwrap();
    assert_eq!(limits(&again), [learnt]);
    again.ctx.stop(StopMode::Immediate).await.unwrap();
}

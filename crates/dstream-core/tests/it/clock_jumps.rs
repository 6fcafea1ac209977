//! A clock that is set forwards or back while batches run: no batch time comes twice, and no record is lost or repeated.
//!
//! The clock of programs, `SystemClock`, does not jump when the wall clock is set; a unit test beside it says so. These tests
//! have a clock that does, as one of a program's own may.
#![allow(clippy::unwrap_used, reason = "what the tests share stands outside of test functions")]

use std::sync::Arc;

use crate::support::{Fault, Rig, Seeing, Source, Span, in_time};
use dstream_core::{Clock, Event, StopMode, Time};
use futures::future::BoxFuture;
use tokio::sync::watch;

const HOUR: i64 = 3_600;

/// A clock that goes where it is told to.
struct Jumping(watch::Sender<Time>);

impl Jumping {
    fn to(&self, seconds: i64) {
        self.0.send_replace(Time::from_millis(seconds * 1_000));
    }
}

impl Clock for Jumping {
    fn now(&self) -> Time {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Time) -> BoxFuture<'_, ()> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            let _ = now.wait_for(|now| *now >= at).await;
        })
    }
}

/// Programs under a clock that jumps.
struct Program {
    rig: Rig,
    clock: Arc<Jumping>,
    source: Arc<Source>,
    /// Batch times in seconds, with what was in them, in the order in which they ran.
    seen: Seeing<(i64, Vec<u64>)>,
}

async fn begun_at(seconds: i64) -> Program {
    let clock = Arc::new(Jumping(watch::Sender::new(Time::from_millis(seconds * 1_000))));
    let rig = Rig::with(|builder| builder.clock(Arc::<Jumping>::clone(&clock)));
    let (source, seen) = (Source::new(Fault::None), Seeing::new());
    let sink = seen.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, time| {
        sink.push((time.as_millis() / 1_000, rdd.collect()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    Program { rig, clock, source, seen }
}

impl Program {
    /// Waits until the batch of `seconds` has run.
    async fn ran(&self, seconds: i64) {
        let is_it =
            |event: &Event| matches!(event, Event::BatchCompleted(info) if info.batch.as_millis() == seconds * 1_000);
        self.rig.until(is_it).await;
    }

    /// Stops, and checks that each number up to `count` was in one batch and that batch times ascend.
    async fn has_seen_each_once(self, count: u64) -> Vec<(i64, Vec<u64>)> {
        in_time(self.rig.ctx.stop(StopMode::Graceful)).await.unwrap();
        let seen = self.seen.all();
        assert!(seen.is_sorted_by(|(a, _), (b, _)| a < b), "a batch time came twice or too early: {seen:?}");
        let numbers: Vec<u64> = seen.iter().flat_map(|(_, numbers)| numbers.clone()).collect();
        assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        assert_eq!(self.source.processed().len(), numbers.len(), "positions have moved over all of it");
        seen
    }
}

#[tokio::test]
async fn a_clock_that_is_set_forwards_by_an_hour_repeats_no_batch_time_and_loses_nothing() {
    let program = begun_at(0).await;
    program.source.put(Span(0, 1)).await;
    program.clock.to(1);
    program.ran(1).await;
    program.source.put(Span(1, 2)).await;
    program.clock.to(HOUR);
    program.ran(HOUR).await;
    program.source.put(Span(2, 3)).await;
    program.clock.to(HOUR + 1);
    program.ran(HOUR + 1).await;
    let skipped = program
        .rig
        .events()
        .iter()
        .any(|event| matches!(event, Event::BatchesSkipped { skipped, .. } if *skipped > 2_000));
    assert!(skipped, "more batches are due than may wait; that some are not made is told");
    let seen = program.has_seen_each_once(3).await;
    assert!(
        seen.contains(&(HOUR, vec![1])),
        "what was stored before the jump is in the first batch after it: {seen:?}"
    );
}

#[tokio::test]
async fn a_clock_that_is_set_forwards_by_a_few_batches_makes_up_for_them() {
    let program = begun_at(0).await;
    program.source.put(Span(0, 1)).await;
    program.clock.to(5);
    program.ran(5).await;
    let seen = program.has_seen_each_once(1).await;
    assert_eq!(seen.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_repeats_no_batch_time_and_what_is_stored_waits_for_its_batch() {
    let program = begun_at(HOUR).await;
    program.source.put(Span(0, 1)).await;
    program.clock.to(HOUR + 1);
    program.ran(HOUR + 1).await;
    program.clock.to(2);
    program.source.put(Span(1, 2)).await;
    program.clock.to(100);
    tokio::task::yield_now().await;
    assert_eq!(program.rig.completed(), [(HOUR + 1) * 1_000]);
    program.clock.to(HOUR + 2);
    program.ran(HOUR + 2).await;
    program.has_seen_each_once(2).await;
}

#[tokio::test]
async fn a_graceful_stop_under_a_clock_that_was_set_back_processes_what_is_stored_at_once() {
    let program = begun_at(HOUR).await;
    program.source.put(Span(0, 1)).await;
    program.clock.to(HOUR + 1);
    program.ran(HOUR + 1).await;
    program.clock.to(2);
    program.source.put(Span(1, 2)).await;
    let seen = program.has_seen_each_once(2).await;
    assert_eq!(seen.last(), Some(&(HOUR + 2, vec![1])), "its time is the one that was next");
}

#[tokio::test]
async fn a_clock_that_goes_to_and_fro_at_random_loses_nothing() {
    let program = begun_at(0).await;
    // Multiples of a generator of the numbers modulo 101: in no order, and each once.
    for number in 0..50 {
        program.source.put(Span(number, number + 1)).await;
        program.clock.to(i64::try_from(number * 37 % 101).unwrap());
        tokio::task::yield_now().await;
    }
    program.clock.to(101);
    program.ran(101).await;
    program.has_seen_each_once(50).await;
}

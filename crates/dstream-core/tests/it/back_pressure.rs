//! Receivers are held to the speed of processing.
#![allow(clippy::unwrap_used, reason = "the parts of a test stand outside of test functions")]

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Fault, Number, Rig, SECOND, Source, Span, in_time, numbers};
use dstream_core::testing::receiver_store;
use dstream_core::{Event, RecordsPerSecond, StopMode, StoreClosed, StreamId};

fn rate(rate: f64) -> Option<RecordsPerSecond> {
    RecordsPerSecond::new(rate)
}

fn limits(rig: &Rig) -> Vec<(u32, f64)> {
    let limit = |event| match event {
        Event::RateUpdated { stream, limit } => Some((stream.number(), limit.get())),
        _ => None,
    };
    rig.events().into_iter().filter_map(limit).collect()
}

/// Two batches of 500 and of 1 000 records, each worked on for half a second.
async fn two_batches(rig: &Rig, one: &Arc<Source>, two: &Arc<Source>) {
    let clock = Arc::clone(&rig.clock);
    one.stream(&rig.ctx, "one").foreach_rdd(move |_, _| {
        clock.advance(SECOND / 2);
        Ok(())
    });
    two.stream(&rig.ctx, "two");
    rig.ctx.start().await.unwrap();
    for _ in 0..2 {
        one.put(Span(0, 500)).await;
        two.put(Span(0, 1_000)).await;
        let done = rig.completed().len();
        let left = Duration::from_millis(if done == 0 { 1_000 } else { 500 });
        rig.clock.advance(left);
        in_time(async {
            while rig.completed().len() == done {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn completed_batches_set_the_limit_of_each_receiver_t117() {
    let rig = Rig::with(|builder| builder.backpressure(true));
    let (one, two) = (Source::new(Fault::None), Source::new(Fault::None));
    two_batches(&rig, &one, &two).await;
    assert_eq!(limits(&rig), [(0, 1_000.0), (1, 2_000.0)]);
    assert_eq!((one.store().rate_limit(), two.store().rate_limit()), (rate(1_000.0), rate(2_000.0)));
}

#[tokio::test]
async fn the_maximum_wins_over_what_is_estimated() {
    let rig = Rig::with(|builder| builder.backpressure(true).initial_rate(600_000.0).max_rate(1_500.0));
    let (one, two) = (Source::new(Fault::None), Source::new(Fault::None));
    two_batches(&rig, &one, &two).await;
    assert_eq!(limits(&rig), [(0, 1_000.0), (1, 1_500.0)]);
    assert_eq!(two.store().rate_limit(), rate(1_500.0));
}

#[tokio::test]
async fn without_back_pressure_no_batch_sets_a_limit() {
    let rig = Rig::new();
    let (one, two) = (Source::new(Fault::None), Source::new(Fault::None));
    two_batches(&rig, &one, &two).await;
    assert_eq!(limits(&rig), []);
    assert_eq!(one.store().rate_limit(), None);
}

#[tokio::test]
async fn an_initial_rate_holds_before_the_first_batch() {
    let rig = Rig::with(|builder| builder.backpressure(true).initial_rate(50.0));
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    assert_eq!(source.store().rate_limit(), rate(50.0));
    rig.ctx.stop(StopMode::Immediate).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rates_reach_every_handle_of_a_receivers_store_t118_t119() {
    let (store, probe) = receiver_store::<Number, Span>(StreamId::new(0), 1_000_000);
    let other = store.clone();
    for limit in [100.0, 200.0, 300.0] {
        probe.limit_rate(RecordsPerSecond::new(limit).unwrap());
        assert_eq!((store.rate_limit(), other.rate_limit()), (rate(limit), rate(limit)));
    }
    let begun = tokio::time::Instant::now();
    store.store(numbers(Span(0, 900)), Span(0, 900)).await.unwrap();
    other.store(numbers(Span(900, 901)), Span(900, 901)).await.unwrap();
    // The page passed whole, and the next one waited until it was paid for.
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!(probe.cut().unwrap().records().len(), 901);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_waits_for_its_rate_is_refused_when_the_context_stops() {
    let (store, probe) = receiver_store::<Number, Span>(StreamId::new(0), 1_000_000);
    probe.limit_rate(RecordsPerSecond::new(1.0).unwrap());
    store.store(numbers(Span(0, 900)), Span(0, 900)).await.unwrap();
    let waiting = store.store(numbers(Span(900, 901)), Span(900, 901));
    let (waited, ()) = tokio::join!(waiting, async { probe.close() });
    assert_eq!(waited, Err(StoreClosed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_tasks_that_store_a_thousand_records_each_store_ten_thousand_t273() {
    let (store, probe) = receiver_store::<Number, Span>(StreamId::new(0), 1_000_000);
    let tasks: Vec<_> = (0..10)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in task * 1_000..(task + 1) * 1_000 {
                    store.store(numbers(Span(n, n + 1)), Span(n, n + 1)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        in_time(task).await.unwrap();
    }
    let mut stored: Vec<u64> = probe.cut().unwrap().records().iter().map(|number| number.0).collect();
    stored.sort_unstable();
    assert_eq!(stored, (0..10_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn all_that_a_slow_receiver_stores_before_the_stop_is_processed_t243() {
    let rig = Rig::with(|builder| builder.max_rate(1_000.0));
    let source = Source::new(Fault::None);
    let seen = crate::support::Seeing::new();
    let sink = seen.clone();
    source.stream(&rig.ctx, "slow").foreach_rdd(move |rdd, _| {
        rdd.collect()?.into_iter().for_each(|n| sink.push(n));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    for n in 0..15 {
        source.put(Span(n, n + 1)).await;
        if n % 4 == 0 {
            rig.batch().await;
        }
    }
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(seen.all(), (0..15).collect::<Vec<_>>());
    assert_eq!(source.processed().len(), 15);
}

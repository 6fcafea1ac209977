//! From a stored page to a processed position, and the memory in between.

use std::sync::Arc;
use std::task::Poll;

use crate::support::{Fault, Rig, SECOND, Seeing, Seen, Source, Span, in_time, numbers};
use dstream_core::{StopMode, StoreClosed, Time};

#[tokio::test]
async fn a_page_is_reported_stored_and_after_the_outputs_of_its_batch_processed() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let (outputs, watched) = (Seeing::new(), Arc::clone(&source));
    let sink = outputs.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, _| {
        sink.push((rdd.collect()?, watched.processed()));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 3)).await;
    source.put(Span(3, 5)).await;
    rig.batch().await;
    assert_eq!(outputs.all(), [((0..5).collect(), vec![])]);
    let spans = vec![Span(0, 3), Span(3, 5)];
    let processed = Seen::Processed(Time::from_millis(1_000), spans.clone());
    assert_eq!(source.seen(), [Seen::Started, Seen::Stored(spans), processed]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn each_block_interval_makes_one_partition() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    let outputs = Seeing::new();
    let sink = outputs.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, _| {
        sink.push((rdd.num_partitions(), rdd.collect()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    for n in 0..3 {
        source.put(Span(n, n + 1)).await;
        rig.clock.advance(SECOND / 5);
        source.saw(Seen::Stored(vec![Span(n, n + 1)])).await;
    }
    rig.clock.advance(SECOND / 5);
    rig.clock.advance(SECOND / 5);
    source.saw(Seen::Processed(Time::from_millis(1_000), vec![Span(0, 1), Span(1, 2), Span(2, 3)])).await;
    assert_eq!(outputs.all(), [(3, vec![0, 1, 2])]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn a_page_without_records_has_its_position_processed_too() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.put(Span(7, 7)).await;
    rig.batch().await;
    assert_eq!(source.processed(), [Span(7, 7)]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn storing_waits_while_the_memory_is_full_and_goes_on_when_a_batch_is_done() {
    let rig = Rig::with(|builder| builder.memory_budget(16));
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 2)).await;
    let store = source.store();
    // Larger than the whole budget: it passes, alone.
    let mut waiting = Box::pin(store.store(numbers(Span(2, 9)), Span(2, 9)));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    rig.batch().await;
    assert_eq!(in_time(waiting).await, Ok(()));
    let mut next = Box::pin(store.store(numbers(Span(9, 10)), Span(9, 10)));
    assert!(futures::poll!(next.as_mut()).is_pending());
    rig.batch().await;
    assert_eq!(in_time(next).await, Ok(()));
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(source.processed(), [Span(0, 2), Span(2, 9), Span(9, 10)]);
}

#[tokio::test]
async fn a_store_that_waits_for_memory_is_refused_when_the_context_stops_at_once() {
    let rig = Rig::with(|builder| builder.memory_budget(8));
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    let store = source.store();
    let mut waiting = Box::pin(store.store(numbers(Span(1, 2)), Span(1, 2)));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap();
    assert_eq!(futures::poll!(waiting), Poll::Ready(Err(StoreClosed)));
    assert_eq!(store.store(vec![], Span(2, 2)).await, Err(StoreClosed));
    assert_eq!(source.processed(), []);
}

#[tokio::test]
async fn streams_are_numbered_in_the_order_in_which_they_are_made_t276() {
    let rig = Rig::new();
    let sources: Vec<_> = (0..5).map(|_| Source::new(Fault::None)).collect();
    sources.iter().for_each(|source| source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(())));
    rig.ctx.start().await.unwrap();
    let ids: Vec<_> = sources.iter().map(|source| source.store().stream_id().number()).collect();
    assert_eq!(ids, [0, 1, 2, 3, 4]);
    rig.ctx.stop(StopMode::Immediate).await.unwrap();
}

#[tokio::test]
async fn a_receiver_that_no_output_uses_is_started_and_its_positions_move_t255() {
    let rig = Rig::new();
    let (used, unused) = (Source::new(Fault::None), Source::new(Fault::None));
    used.stream(&rig.ctx, "used").foreach_rdd(|_, _| Ok(()));
    unused.stream(&rig.ctx, "unused");
    rig.ctx.start().await.unwrap();
    unused.put(Span(0, 4)).await;
    rig.batch().await;
    assert_eq!(unused.processed(), [Span(0, 4)]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn a_store_after_a_graceful_stop_is_refused() {
    let rig = Rig::new();
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(source.store().store(numbers(Span(0, 1)), Span(0, 1)).await, Err(StoreClosed));
}

#[tokio::test]
async fn ten_tasks_that_store_a_thousand_records_each_one_by_one_store_ten_thousand_t273() {
    let rig = Rig::new();
    let (source, counts) = (Source::new(Fault::None), Seeing::new());
    let sink = counts.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, _| {
        sink.push(rdd.count()?);
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    let tasks = (0..10).map(|task| {
        let store = source.store();
        tokio::spawn(async move {
            for n in task * 1_000..(task + 1) * 1_000 {
                store.store(numbers(Span(n, n + 1)), Span(n, n + 1)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        in_time(task).await.unwrap();
    }
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(counts.all(), [10_000]);
}

#[tokio::test]
async fn a_batch_without_blocks_is_an_empty_dataset_and_one_with_five_has_five_partitions_t172_t173() {
    let rig = Rig::new();
    let (source, seen) = (Source::new(Fault::None), Seeing::new());
    let sink = seen.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, _| {
        sink.push((rdd.num_partitions(), rdd.collect()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    for n in 0..5 {
        source.put(Span(n, n + 1)).await;
        rig.clock.advance(SECOND / 5);
        source.saw(Seen::Stored(vec![Span(n, n + 1)])).await;
    }
    source.saw(Seen::Processed(Time::from_millis(2_000), (0..5).map(|n| Span(n, n + 1)).collect())).await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all(), [(0, vec![]), (5, vec![0, 1, 2, 3, 4])]);
}

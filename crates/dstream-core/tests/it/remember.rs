//! How long datasets outlive their batch, and that nothing outlives it for ever.

use std::sync::{Arc, Mutex};

use crate::support::{Fault, Rig, SECOND, Seeing, Source, Span};
use dstream_core::{GraphError, Rdd, StartError, StopMode};

/// What the dataset of the first batch still gives in each batch.
async fn looks_back(remembered: Option<u32>) -> (Vec<Option<u64>>, Vec<Span>) {
    let rig = Rig::new();
    if let Some(seconds) = remembered {
        rig.ctx.remember(SECOND * seconds);
    }
    let source = Source::new(Fault::None);
    let (first, counts) = (Arc::new(Mutex::new(None::<Rdd<u64>>)), Seeing::new());
    let sink = counts.clone();
    source.stream(&rig.ctx, "s").foreach_rdd(move |rdd, _| {
        let first = first.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(rdd).clone();
        sink.push(first.count().ok());
        Ok(())
    });
    rig.ctx.start().await.unwrap_or_else(|error| unreachable!("{error}"));
    source.put(Span(0, 5)).await;
    for _ in 0..4 {
        rig.batch().await;
    }
    let processed = source.processed();
    rig.ctx.stop(StopMode::Graceful).await.unwrap_or_else(|error| unreachable!("{error}"));
    (counts.all(), processed)
}

#[tokio::test]
async fn a_dataset_can_be_used_for_as_long_as_it_is_remembered_and_positions_do_not_wait_for_that() {
    let processed = vec![Span(0, 5)];
    assert_eq!(looks_back(None).await, (vec![Some(5), None, None, None], processed.clone()));
    assert_eq!(looks_back(Some(1)).await, (vec![Some(5), Some(5), None, None], processed.clone()));
    assert_eq!(looks_back(Some(2)).await, (vec![Some(5), Some(5), Some(5), None], processed));
}

#[tokio::test]
async fn the_time_to_remember_is_set_once() {
    let rig = Rig::new();
    rig.ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.remember(SECOND);
    rig.ctx.remember(SECOND * 2);
    let error = rig.ctx.start().await.unwrap_err();
    assert!(matches!(error, StartError::Graph(GraphError::RememberedTwice { .. })), "{error}");
}

#[tokio::test]
async fn what_is_remembered_counts_against_the_memory_budget() {
    let rig = Rig::with(|builder| builder.memory_budget(8));
    rig.ctx.remember(SECOND);
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.batch().await;
    let store = source.store();
    let mut waiting = Box::pin(store.store(crate::support::numbers(Span(1, 2)), Span(1, 2)));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    rig.batch().await;
    crate::support::in_time(waiting).await.unwrap();
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(source.processed(), [Span(0, 1), Span(1, 2)]);
}

//! How long datasets outlive their batch, and that nothing outlives it for ever.

use std::sync::{Arc, Mutex, PoisonError};

use crate::support::{Fault, Rig, SECOND, Seeing, Source, Span};
use dstream_core::{GraphError, Rdd, StartError, StopMode, StorageLevel, error_chain};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

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

/// A row that can be counted: it holds what all of them hold.
#[derive(Clone, Debug)]
struct Row(#[expect(dead_code, reason = "held to be counted")] Arc<()>);

#[tokio::test]
async fn of_six_batches_of_lines_the_newest_is_there_and_rows_and_blocks_of_the_oldest_are_gone_t039() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let rig = Rig::new();
    let (rows, lines) = (Arc::new(()), Arc::new(Mutex::new(Vec::new())));
    let received = rig.ctx.socket_text_stream("127.0.0.1", port, StorageLevel::MemoryOnly);
    let row = Arc::clone(&rows);
    let cached = received.map(move |_| Row(Arc::clone(&row))).cache();
    let counts = Seeing::new();
    let (sink, alive, all) = (counts.clone(), Arc::clone(&rows), Arc::clone(&lines));
    received.foreach_rdd(move |rdd, _| {
        all.lock().unwrap_or_else(PoisonError::into_inner).push(rdd);
        Ok(())
    });
    cached.foreach_rdd(move |rdd, _| {
        let of_batch = rdd.count()?;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = lines.last().map(|rdd: &Rdd<String>| rdd.count().map_err(|error| error_chain(&error)));
        let oldest = lines.first().map(|rdd| rdd.count().map_err(|error| error_chain(&error)));
        // Besides the rows, the test and its two closures hold it.
        sink.push((of_batch, Arc::strong_count(&alive) - 3, newest.unwrap(), oldest.unwrap()));
        // Batches without lines are of no interest.
        if of_batch == 0 {
            lines.pop();
        }
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    let (mut connection, _) = crate::support::in_time(listener.accept()).await.unwrap();
    let mut batches = 0;
    while batches < 6 {
        connection.write_all(b"line\n").await.unwrap();
        while counts.all().iter().map(|(lines, ..)| lines).sum::<u64>() == batches {
            rig.batch().await;
        }
        batches += 1;
    }
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    let last = counts.all().into_iter().rfind(|(lines, ..)| *lines > 0).unwrap();
    let (of_batch, alive, newest, oldest) = last;
    assert_eq!((of_batch, alive, newest), (1, 1, Ok(1)), "{:?}", counts.all());
    assert!(oldest.unwrap_err().contains("is gone"));
}

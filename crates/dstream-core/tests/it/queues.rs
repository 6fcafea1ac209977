//! Queues as inputs: an item for each batch, or all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::support::{Rig, Seeing};
use dstream_core::testing::batches_of;
use dstream_core::{QueueOptions, StopMode};

#[tokio::test]
async fn one_at_a_time_each_batch_has_one_item_t274() {
    let batches = batches_of(5, |ctx| Ok(ctx.queue_stream((1..=5).map(|n| vec![n])))).await.unwrap();
    assert_eq!(batches, [[1], [2], [3], [4], [5]]);
}

#[tokio::test]
async fn all_at_once_each_batch_has_the_items_that_came_since_the_last_one_t275() {
    let queue = Arc::new(Mutex::new(VecDeque::from([vec![1], vec![2], vec![3]])));
    let taken = Arc::clone(&queue);
    let items = std::iter::from_fn(move || taken.lock().unwrap().pop_front());
    let (rig, seen) = (Rig::new(), Seeing::new());
    let sink = seen.clone();
    rig.ctx.queue_stream_with(items, QueueOptions::default().all_at_once()).foreach_rdd(move |rdd, _| {
        sink.push(rdd.collect()?);
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    queue.lock().unwrap().extend([vec![4], vec![5]]);
    rig.batch().await;
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all(), [vec![1, 2, 3], vec![4, 5], vec![]]);
}

#[tokio::test]
async fn an_empty_queue_gives_the_records_named_for_it_and_an_empty_item_does_not() {
    let options = QueueOptions::default().when_empty(vec![0]);
    let batches = batches_of(3, |ctx| Ok(ctx.queue_stream_with([vec![1], vec![]], options))).await.unwrap();
    assert_eq!(batches, [vec![1], vec![], vec![0]]);
}

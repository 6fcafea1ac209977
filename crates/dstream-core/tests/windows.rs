//! Windows, batch by batch, as the acceptance table of Spark has them.

use std::time::Duration;

use dstream_core::testing::batches_of;
use dstream_core::{DStream, GraphError, StartError, StreamingContext};

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn numbers(ctx: &StreamingContext) -> DStream<i32> {
    ctx.queue_stream((0..6).map(|n| vec![n]))
}

#[tokio::test]
async fn a_window_of_two_slides_by_one_batch_t040() {
    let batches = batches_of(6, |ctx| Ok(numbers(ctx).window(seconds(2), seconds(1)))).await.unwrap();
    assert_eq!(batches, [vec![0], vec![0, 1], vec![1, 2], vec![2, 3], vec![3, 4], vec![4, 5]]);
}

#[tokio::test]
async fn a_window_that_slides_by_its_length_holds_each_batch_once_t041() {
    let batches = batches_of(6, |ctx| Ok(numbers(ctx).window(seconds(2), seconds(2)))).await.unwrap();
    assert_eq!(batches, [[0, 1], [2, 3], [4, 5]]);
}

#[tokio::test]
async fn a_window_that_slides_by_half_its_length_holds_each_batch_twice_t042() {
    let batches = batches_of(8, |ctx| Ok(numbers(ctx).window(seconds(4), seconds(2)))).await.unwrap();
    assert_eq!(batches, [vec![0, 1], vec![0, 1, 2, 3], vec![2, 3, 4, 5], vec![4, 5]]);
}

#[tokio::test]
async fn a_window_that_does_not_fall_on_batches_is_refused_at_the_start_with_both_durations_t061() {
    for (window, slide, wrong) in [(1_500, 1_000, "window"), (2_000, 700, "slide"), (0, 1_000, "window")] {
        let ctx = StreamingContext::builder("t").batch_interval(seconds(1)).build().unwrap();
        numbers(&ctx).window(Duration::from_millis(window), Duration::from_millis(slide)).print();
        let error = ctx.start().await.unwrap_err();
        assert!(
            matches!(&error, StartError::Graph(GraphError::NotAMultiple { what, .. }) if *what == wrong),
            "{error}"
        );
        assert!(error.to_string().contains("must be a multiple of the slide duration of its parent, 1s"), "{error}");
    }
}

//! Streams that meet by key: cogroup and the joins.
#![allow(clippy::unwrap_used, reason = "part of tests, outside of their functions")]

use dstream_core::testing::batches_of;
use dstream_core::{DStream, Data, GraphError, StartError, StreamingContext};
use std::time::Duration;

type Pairs<V> = DStream<(String, V)>;

/// Keys with 1 for each.
fn ones(ctx: &StreamingContext, batches: [&[&str]; 4]) -> Pairs<i32> {
    with(ctx, batches, &1)
}

/// Keys with `x` for each.
fn xs(ctx: &StreamingContext, batches: [&[&str]; 4]) -> Pairs<char> {
    with(ctx, batches, &'x')
}

fn with<V: Data>(ctx: &StreamingContext, batches: [&[&str]; 4], value: &V) -> Pairs<V> {
    ctx.queue_stream(batches.map(|keys| keys.iter().map(|key| ((*key).to_owned(), value.clone())).collect()))
}

fn keyed<V: Clone>(rows: &[(&str, V)]) -> Vec<(String, V)> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

const LEFT: [&[&str]; 4] = [&["a", "b"], &["a", ""], &[""], &[]];
const RIGHT: [&[&str]; 4] = [&["a", "b"], &["b", ""], &[], &[""]];

async fn batches<T: Send + Ord + 'static>(
    make: impl Fn(&Pairs<i32>, &Pairs<char>) -> DStream<T> + Send + Sync,
) -> Vec<Vec<T>> {
    let batches = batches_of(4, |ctx| Ok(make(&ones(ctx, LEFT), &xs(ctx, RIGHT))));
    let mut batches = batches.await.unwrap();
    batches.iter_mut().for_each(|batch| batch.sort());
    batches
}

#[tokio::test]
async fn cogroup_gives_the_values_of_both_streams_for_each_key_of_either_t025() {
    let left: [&[&str]; 4] = [&["a", "a", "b"], &["a", ""], &[""], &[]];
    let right: [&[&str]; 4] = [&["a", "a", "b"], &["b", ""], &[], &[]];
    let mut batches = batches_of(4, |ctx| Ok(ones(ctx, left).cogroup(&xs(ctx, right)))).await.unwrap();
    batches.iter_mut().for_each(|batch| batch.sort());
    let expected = [
        keyed(&[("a", (vec![1, 1], vec!['x', 'x'])), ("b", (vec![1], vec!['x']))]),
        keyed(&[("", (vec![1], vec!['x'])), ("a", (vec![1], vec![])), ("b", (vec![], vec!['x']))]),
        keyed(&[("", (vec![1], vec![]))]),
        vec![],
    ];
    assert_eq!(batches, expected);
}

#[tokio::test]
async fn join_gives_only_keys_of_both_streams_t026() {
    let expected = [keyed(&[("a", (1, 'x')), ("b", (1, 'x'))]), keyed(&[("", (1, 'x'))]), vec![], vec![]];
    assert_eq!(batches(DStream::join).await, expected);
}

#[tokio::test]
async fn transform_with_a_join_is_the_join_t021() {
    let joined = batches(|left, right| left.transform_with(right, |left, right, _| Ok(left.join(right)))).await;
    assert_eq!(joined, batches(DStream::join).await);
}

#[tokio::test]
async fn left_outer_join_keeps_the_keys_of_the_left_stream_t027() {
    let both = (1, Some('x'));
    let expected =
        [keyed(&[("a", both), ("b", both)]), keyed(&[("", both), ("a", (1, None))]), keyed(&[("", (1, None))]), vec![]];
    assert_eq!(batches(DStream::left_outer_join).await, expected);
}

#[tokio::test]
async fn right_outer_join_keeps_the_keys_of_the_right_stream_t028() {
    let both = (Some(1), 'x');
    let expected = [
        keyed(&[("a", both), ("b", both)]),
        keyed(&[("", both), ("b", (None, 'x'))]),
        vec![],
        keyed(&[("", (None, 'x'))]),
    ];
    assert_eq!(batches(DStream::right_outer_join).await, expected);
}

#[tokio::test]
async fn full_outer_join_keeps_the_keys_of_both_streams_t029() {
    let both = (Some(1), Some('x'));
    let expected = [
        keyed(&[("a", both), ("b", both)]),
        keyed(&[("", both), ("a", (Some(1), None)), ("b", (None, Some('x')))]),
        keyed(&[("", (Some(1), None))]),
        keyed(&[("", (None, Some('x')))]),
    ];
    assert_eq!(batches(DStream::full_outer_join).await, expected);
}

#[tokio::test]
async fn every_value_meets_every_value_of_the_same_key_in_the_order_of_both() {
    let batches = batches_of(1, |ctx| {
        let left = ctx.queue_stream([vec![('k', 1), ('k', 2)]]);
        Ok(left.join(&ctx.queue_stream([vec![('k', 'x'), ('k', 'y')]])))
    });
    let expected = [('k', (1, 'x')), ('k', (1, 'y')), ('k', (2, 'x')), ('k', (2, 'y'))];
    assert_eq!(batches.await.unwrap(), [expected]);
}

#[tokio::test]
async fn joins_of_streams_with_other_slides_or_contexts_are_refused_at_the_start() {
    let context = || StreamingContext::builder("t").batch_interval(Duration::from_secs(1)).build().unwrap();
    let (one, other) = (context(), context());
    ones(&one, LEFT).join(&ones(&other, LEFT)).foreach_rdd(|_, _| Ok(()));
    let error = one.start().await.unwrap_err();
    assert!(matches!(error, StartError::Graph(GraphError::DifferentContexts { .. })), "{error}");
    let windowed = ones(&other, LEFT).window(Duration::from_secs(2), Duration::from_secs(2));
    windowed.cogroup(&ones(&other, LEFT)).foreach_rdd(|_, _| Ok(()));
    let error = other.start().await.unwrap_err();
    assert!(matches!(error, StartError::Graph(GraphError::DifferentSlides { .. })), "{error}");
}

//! transform in its three forms, constant streams and caches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of tests, outside of their functions")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Rig, Seeing};
use dstream_core::testing::batches_of;
use dstream_core::{BoxError, DStream, StopMode, StreamingContext, StreamingError, Time, error_chain};

const NUMBERS: [[i32; 4]; 3] = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]];

fn numbers(ctx: &StreamingContext) -> DStream<i32> {
    ctx.queue_stream(NUMBERS.map(Vec::from))
}

/// An input that has nothing to give for its fourth batch, not even an empty one.
fn broken(ctx: &StreamingContext) -> DStream<i32> {
    ctx.queue_stream((1..).map(|n| {
        assert!(n < 4, "there is no fourth batch");
        vec![n]
    }))
}

/// The error of the fourth batch of a stream.
async fn fourth(make: impl FnOnce(&StreamingContext) -> DStream<i32>) -> String {
    let error = batches_of(4, |ctx| Ok(make(ctx))).await.unwrap_err();
    let batch = match error.downcast_ref() {
        Some(StreamingError::Batch { batch, .. }) => *batch,
        _ => panic!("{error}"),
    };
    assert_eq!(batch, Time::from_millis(4_000));
    error_chain(&*error)
}

#[tokio::test]
async fn a_parent_without_a_batch_fails_the_batch_and_the_error_names_its_time_t016_t020_t022_t024() {
    for error in [
        fourth(|ctx| broken(ctx).union(&numbers(ctx))).await,
        fourth(|ctx| broken(ctx).transform(|rdd, _| Ok(rdd.clone()))).await,
        fourth(|ctx| numbers(ctx).transform_with(&broken(ctx), |rdd, _, _| Ok(rdd.clone()))).await,
        fourth(|ctx| ctx.transform([numbers(ctx), broken(ctx)], |rdds, _| Ok(rdds[0].clone()))).await,
    ] {
        assert!(error.contains("batch 4000 ms") && error.contains("there is no fourth batch"), "{error}");
    }
}

#[tokio::test]
async fn transform_gives_what_its_function_makes_of_the_batch_t018() {
    let batches = batches_of(3, |ctx| Ok(numbers(ctx).transform(|rdd, _| Ok(rdd.map(|n| n.to_string())))));
    assert_eq!(batches.await.unwrap(), NUMBERS.map(|batch| batch.map(|n| n.to_string())));
}

#[tokio::test]
async fn transform_sees_the_batch_time_and_may_use_actions() {
    let batches = batches_of(2, |ctx| {
        Ok(numbers(ctx).transform(|rdd, time| {
            let total: i32 = rdd.collect()?.iter().sum();
            Ok(rdd.parallelize(vec![(time.as_millis(), total)], 1))
        }))
    });
    assert_eq!(batches.await.unwrap(), [[(1_000, 10)], [(2_000, 26)]]);
}

/// In Rust a function cannot return null; its error stands for that.
#[tokio::test]
async fn an_error_of_the_function_fails_the_batch_and_names_the_operator_t019() {
    let refuse = |_: &dstream_core::Rdd<i32>, _| Err::<dstream_core::Rdd<i32>, BoxError>("not today".into());
    let error = batches_of(1, |ctx| Ok(numbers(ctx).transform(refuse))).await.unwrap_err();
    let error = error_chain(&*error);
    assert!(error.contains("transform #1 failed in batch 1000 ms: not today"), "{error}");
    let error = batches_of(1, |ctx| {
        Ok(numbers(ctx).transform(|rdd, time| {
            assert_ne!(time.as_millis(), 1_000, "went wrong");
            Ok(rdd.clone())
        }))
    });
    let error = error_chain(&*error.await.unwrap_err());
    assert!(
        error.contains("transform #1 failed in batch 1000 ms: panicked") && error.contains("went wrong"),
        "{error}"
    );
}

#[tokio::test]
async fn user_code_of_operators_inside_a_transform_is_named_by_the_transform() {
    let batches = batches_of(1, |ctx| Ok(numbers(ctx).transform(|rdd, _| Ok(rdd.map(|n| 10 / (n - 3))))));
    let error = error_chain(&*batches.await.unwrap_err());
    assert!(error.contains("transform #1 failed in batch 1000 ms, partition 1"), "{error}");
}

#[tokio::test]
async fn transform_of_a_list_sees_all_streams_in_their_order_t023() {
    let input = || [(1..=4).collect::<Vec<_>>(), (101..=104).collect(), (201..=204).collect()];
    let batches = batches_of(3, |ctx| {
        let streams = [0, 4, 8].map(|add| ctx.queue_stream(input()).map(move |n| n + add));
        Ok(ctx.transform(streams, |rdds, _| {
            let [first, rest @ ..] = rdds else { return Err("no streams".into()) };
            Ok(rest.iter().fold(first.clone(), |all, rdd| all.union(rdd)))
        }))
    });
    let expected: Vec<Vec<i32>> = vec![(1..=12).collect(), (101..=112).collect(), (201..=212).collect()];
    assert_eq!(batches.await.unwrap(), expected);
}

#[tokio::test]
async fn a_transform_of_no_streams_is_refused_at_the_start() {
    let rig = Rig::new();
    let none: [DStream<i32>; 0] = [];
    rig.ctx.transform(none, |_, _| Err::<dstream_core::Rdd<i32>, _>("never called".into())).print();
    let error = rig.ctx.start().await.unwrap_err();
    assert!(error.to_string().contains("list of streams to transform is empty"), "{error}");
}

#[tokio::test]
async fn several_shuffles_inside_one_transform_do_not_mix() {
    let batches = batches_of(2, |ctx| {
        Ok(ctx.queue_stream([vec![1, 2, 2], vec![3]]).transform(|rdd, _| {
            let counts = rdd.count_by_value();
            let sums = rdd.map(|n| (n, n)).reduce_by_key(|m, n| m + n);
            Ok(counts.join(&sums))
        }))
    });
    let mut batches = batches.await.unwrap();
    batches.iter_mut().for_each(|batch| batch.sort_unstable());
    assert_eq!(batches, [vec![(1, (1, 1)), (2, (2, 4))], vec![(3, (1, 3))]]);
}

#[tokio::test]
async fn a_constant_stream_has_the_same_records_in_every_batch() {
    let batches = batches_of(3, |ctx| Ok(ctx.constant_stream(vec![1, 2]).union(&ctx.constant_stream(vec![3]))));
    assert_eq!(batches.await.unwrap(), [[1, 2, 3]; 3]);
}

#[tokio::test]
async fn what_is_cached_is_computed_once_for_all_outputs_and_attempts_of_a_batch() {
    let rig = Rig::with(|builder| builder.batch_attempts(2));
    let (calls, seen) = (Arc::new(AtomicU32::new(0)), Seeing::new());
    let counted = Arc::clone(&calls);
    let stream = numbers(&rig.ctx).map(move |n| {
        counted.fetch_add(1, Ordering::Relaxed);
        n
    });
    let cached = stream.cache();
    let (first, second) = (seen.clone(), seen.clone());
    cached.foreach_rdd(move |rdd, _| {
        first.push(rdd.count()?);
        Ok(())
    });
    let failed = AtomicU32::new(0);
    cached.foreach_rdd(move |rdd, _| {
        second.push(rdd.count()?);
        if failed.fetch_add(1, Ordering::Relaxed) == 0 { Err("once".into()) } else { Ok(()) }
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(seen.all(), [4, 4, 4]);
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

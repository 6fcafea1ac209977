//! remember_for and slice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of tests, outside of their functions")]

use std::time::Duration;

use crate::support::{Rig, SECOND};
use dstream_core::{DStream, SliceError, StopMode, Time};

async fn remembered(span: Duration, batches: u32) -> (Rig, DStream<i32>) {
    let rig = Rig::new();
    let stream = rig.ctx.queue_stream((1..).map(|n| vec![n]));
    stream.remember_for(span);
    // Outputs need not use it.
    rig.ctx.queue_stream([vec![()]]).foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    for _ in 0..batches {
        rig.batch().await;
    }
    (rig, stream)
}

fn slice(stream: &DStream<i32>, from: i64, to: i64) -> Result<Vec<i32>, SliceError> {
    let batches = stream.slice(Time::from_millis(from), Time::from_millis(to))?;
    assert!(
        batches.iter().all(|(time, rows)| time.as_millis() == i64::from(*rows.first().unwrap()) * 1_000),
        "{batches:?}"
    );
    Ok(batches.into_iter().flat_map(|(_, rows)| rows).collect())
}

#[tokio::test]
async fn a_slice_includes_both_ends_t035() {
    let (rig, stream) = remembered(SECOND * 60, 4).await;
    assert_eq!(slice(&stream, 0, 1_000).unwrap(), [1]);
    assert_eq!(slice(&stream, 0, 2_000).unwrap(), [1, 2]);
    assert_eq!(slice(&stream, 1_000, 2_000).unwrap(), [1, 2]);
    assert_eq!(slice(&stream, 2_000, 4_000).unwrap(), [2, 3, 4]);
    assert_eq!(slice(&stream, 3_000, 9_000).unwrap(), [3, 4]);
    assert_eq!(slice(&stream, 4_000, 1_000).unwrap(), [0; 0]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(slice(&stream, 0, 4_000).unwrap(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn ends_between_batch_times_are_rounded_down() {
    let (rig, stream) = remembered(SECOND * 60, 4).await;
    assert_eq!(slice(&stream, 1_999, 3_001).unwrap(), [1, 2, 3]);
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn a_slice_before_the_start_says_that_the_stream_has_not_been_initialized_t036() {
    let rig = Rig::new();
    let stream = rig.ctx.queue_stream([vec![1]]).remember_for(SECOND);
    let error = stream.slice(Time::from_millis(0), Time::from_millis(1_000)).unwrap_err();
    assert!(error.to_string().contains("has not been initialized"), "{error}");
}

#[tokio::test]
async fn a_slice_of_a_stream_that_is_not_remembered_says_what_to_call() {
    let rig = Rig::new();
    let stream = rig.ctx.queue_stream([vec![1]]);
    let error = stream.slice(Time::from_millis(0), Time::from_millis(1_000)).unwrap_err();
    assert!(error.to_string().contains("call remember_for(..) on it before start()"), "{error}");
}

#[tokio::test]
async fn a_slice_that_reaches_back_too_far_is_an_error_and_not_shorter() {
    let (rig, stream) = remembered(SECOND * 2, 5).await;
    assert_eq!(slice(&stream, 4_000, 5_000).unwrap(), [4, 5]);
    let error = slice(&stream, 3_000, 5_000).unwrap_err();
    assert!(
        matches!(error, SliceError::Forgotten { forgotten, .. } if forgotten == Time::from_millis(3_000)),
        "{error}"
    );
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
}

#[tokio::test]
async fn the_remembered_stream_and_the_stream_itself_give_the_same_slices() {
    let rig = Rig::new();
    let stream = rig.ctx.queue_stream((1..).map(|n| vec![n]));
    let remembered = stream.remember_for(SECOND * 10);
    remembered.map(|n| n + 1).foreach_rdd(|rdd, _| {
        rdd.collect()?;
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(slice(&stream, 1_000, 2_000).unwrap(), [1, 2]);
    assert_eq!(slice(&remembered, 1_000, 2_000).unwrap(), [1, 2]);
}

#[tokio::test]
async fn remembering_after_the_start_stops_the_context() {
    let rig = Rig::new();
    let stream = rig.ctx.queue_stream([vec![1]]);
    stream.foreach_rdd(|_, _| Ok(()));
    rig.ctx.start().await.unwrap();
    stream.remember_for(SECOND);
    let error = rig.ctx.await_termination().await.unwrap_err();
    assert!(error.to_string().contains("was added after the context was started"), "{error}");
}

//! The operators that know about partitions: map_partitions, glom, repartition.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of tests, outside of their functions")]

use crate::support::{Rig, Seeing};
use dstream_core::testing::batches_of;
use dstream_core::{DStream, StreamingContext};

const NUMBERS: [[i32; 4]; 3] = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]];

fn numbers(ctx: &StreamingContext) -> DStream<i32> {
    ctx.queue_stream(NUMBERS.map(Vec::from))
}

#[tokio::test]
async fn glom_gives_one_list_for_each_partition_t004() {
    let batches = batches_of(3, |ctx| Ok(numbers(ctx).glom())).await.unwrap();
    assert_eq!(batches, [[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]);
}

#[tokio::test]
async fn map_partitions_sees_each_partition_whole_t005() {
    let batches = batches_of(3, |ctx| Ok(numbers(ctx).map_partitions(|part| [part.sum::<i32>()]))).await.unwrap();
    assert_eq!(batches, [[3, 7], [11, 15], [19, 23]]);
}

#[tokio::test]
async fn map_partitions_is_not_called_with_a_partition_that_broke_off() {
    let calls = Seeing::new();
    let seen = calls.clone();
    let error = batches_of(1, |ctx| {
        let broken = numbers(ctx).map(|n| {
            assert_ne!(n, 4, "four is not for us");
            n
        });
        Ok(broken.map_partitions(move |part| {
            let part: Vec<i32> = part.collect();
            seen.push(part.clone());
            part
        }))
    });
    let error = dstream_core::error_chain(&*error.await.unwrap_err());
    assert!(error.contains("map #1 failed in batch 1000 ms, partition 1: panicked"), "{error}");
    assert!(calls.all().iter().all(|part| *part == [1, 2]), "{:?}", calls.all());
}

#[tokio::test]
async fn a_panic_in_map_partitions_names_it_also_when_its_iterator_panics() {
    let error = batches_of(1, |ctx| {
        let lazy = numbers(ctx).map_partitions(|part| part.map(|n| 10 / (n - 2)));
        Ok(lazy.map(|n| n + 1))
    });
    let error = dstream_core::error_chain(&*error.await.unwrap_err());
    assert!(error.contains("map_partitions #1 failed in batch 1000 ms, partition 0"), "{error}");
}

async fn repartitioned(threads: &str, partitions: usize) {
    let rig = Rig::with(|builder| builder.master(threads));
    let input = || [1..=100, 101..=200, 201..=300].map(Iterator::collect::<Vec<i32>>);
    let seen = Seeing::new();
    let sink = seen.clone();
    rig.ctx.queue_stream(input()).repartition(partitions).foreach_rdd(move |rdd, _| {
        sink.push((rdd.num_partitions(), rdd.glom().collect()?));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    for _ in 0..3 {
        rig.batch().await;
    }
    rig.ctx.stop(dstream_core::StopMode::Graceful).await.unwrap();
    for ((count, parts), expected) in seen.all().into_iter().zip(input()) {
        assert_eq!((count, parts.len()), (partitions, partitions));
        assert!(parts.iter().all(|part| part.len() == 100 / partitions), "{parts:?}");
        let mut all = parts.concat();
        all.sort_unstable();
        assert_eq!(all, expected);
    }
    assert_eq!(seen.all().len(), 3);
}

#[tokio::test]
async fn two_partitions_become_exactly_five_equal_ones_t006() {
    repartitioned("local[2]", 5).await;
}

#[tokio::test]
async fn five_partitions_become_exactly_two_equal_ones_t007() {
    repartitioned("local[5]", 2).await;
}

#[tokio::test]
async fn an_empty_batch_has_the_wanted_partitions_too_and_zero_counts_as_one() {
    let batches = batches_of(1, |ctx| Ok(ctx.queue_stream([vec![0_u8; 0]]).repartition(3).glom())).await.unwrap();
    assert_eq!(batches, [[[0_u8; 0], [], []]]);
    let batches = batches_of(1, |ctx| Ok(ctx.queue_stream([vec![1, 2]]).repartition(0).glom())).await.unwrap();
    assert_eq!(batches, [[[1, 2]]]);
}

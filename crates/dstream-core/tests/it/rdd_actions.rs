//! The actions on a dataset, and that equal input gives equal output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of tests, outside of their functions")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{Rig, Seeing};
use dstream_core::testing::batches_of;
use dstream_core::{DStream, Rdd, StopMode, StreamingContext, error_chain};

/// Runs `test` with an empty dataset of a batch, in which others can be made.
async fn in_a_batch(test: impl Fn(&Rdd<()>) + Send + Sync + 'static) {
    let batches = batches_of(1, |ctx| {
        Ok(ctx.constant_stream(Vec::new()).transform(move |rdd, _| {
            test(rdd);
            Ok(rdd.clone())
        }))
    });
    if let Err(error) = batches.await {
        panic!("{}", error_chain(&*error));
    }
}

#[tokio::test]
async fn actions_give_what_they_promise_in_the_order_of_the_partitions() {
    in_a_batch(|rdd| {
        for partitions in [1, 2, 3, 7, 0] {
            let numbers = rdd.parallelize((1..=10).collect::<Vec<u64>>(), partitions);
            assert_eq!(numbers.num_partitions(), partitions.max(1));
            assert_eq!(numbers.collect().unwrap(), Vec::from_iter(1..=10));
            assert_eq!(numbers.reduce(|m, n| m + n).unwrap(), Some(55));
            assert_eq!(numbers.first().unwrap(), Some(1));
            assert!(!numbers.is_empty().unwrap());
            let joined = numbers.fold(String::new, |text, n| text + &n.to_string(), |a, b| a + &b).unwrap();
            assert_eq!(joined, "12345678910");
            let sum = AtomicU64::new(0);
            let add = |n| {
                sum.fetch_add(n, Ordering::Relaxed);
            };
            numbers.for_each(add).unwrap();
            assert_eq!(sum.into_inner(), 55);
            let parity = numbers.map(|n| n % 2).count_by_value().collect_as_map().unwrap();
            assert_eq!(parity, HashMap::from([(0, 5), (1, 5)]));
            let last = numbers.map(|n| (n % 2, n)).collect_as_map().unwrap();
            assert_eq!(last, HashMap::from([(0, 10), (1, 9)]));
        }
    })
    .await;
}

#[tokio::test]
async fn actions_on_nothing_give_nothing() {
    in_a_batch(|rdd| {
        let nothing = rdd.parallelize(Vec::<u64>::new(), 2);
        assert_eq!(nothing.reduce(|m, n| m + n).unwrap(), None);
        assert_eq!(nothing.first().unwrap(), None);
        assert!(nothing.is_empty().unwrap());
        assert_eq!(nothing.fold(|| 7, |n, _| n, |m, _| m).unwrap(), 7);
        assert_eq!(nothing.count_by_value().collect().unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_an_action_is_an_error_that_names_the_output() {
    in_a_batch(|rdd| {
        let numbers = rdd.parallelize(vec![1, 2, 3], 3);
        for error in [
            numbers.for_each(|n| assert_ne!(n, 2, "two")).unwrap_err(),
            numbers.fold(|| 0, |_, n| if n == 2 { panic!("two") } else { n }, |m, _| m).unwrap_err(),
        ] {
            let error = error_chain(&error);
            assert!(error.contains("foreach_rdd #2 failed in batch 1000 ms, partition 1: panicked"), "{error}");
        }
    })
    .await;
}

type Words = DStream<(String, u64)>;

/// Every wide operator, its output in words.
fn wide_operators(words: &Words, other: &Words) -> Vec<DStream<String>> {
    fn told<T: std::fmt::Debug + Send + 'static>(stream: &DStream<T>) -> DStream<String> {
        stream.map(|row| format!("{row:?}"))
    }
    vec![
        told(&words.reduce_by_key_into(3, |m, n| m + n)),
        told(&words.combine_by_key_into(3, |n| vec![n], |ns, n| [ns, vec![n]].concat(), |a, b| [a, b].concat())),
        told(&words.group_by_key_into(3)),
        told(&words.cogroup_into(3, other)),
        told(&words.join_into(3, other)),
        told(&words.left_outer_join_into(3, other)),
        told(&words.right_outer_join_into(3, other)),
        told(&words.full_outer_join_into(3, other)),
        told(&words.map(|(word, _)| word).count_by_value_into(3)),
        told(&words.repartition(3)),
        told(&words.reduce(|a, b| (a.0 + &b.0, a.1 + b.1))),
        told(&words.count()),
    ]
}

/// Two batches of all wide operators, on inputs of four partitions each.
async fn outputs(master: &str) -> Vec<(usize, Vec<String>)> {
    let rig = Rig::with(|builder| builder.master(master));
    let input = |ctx: &StreamingContext, factor: u64| {
        let batches = (0..2).map(move |batch| (0..300).map(|n| (format!("w{}", n * factor % 41), n + batch)).collect());
        ctx.queue_stream(batches).transform(|rdd, _| Ok(rdd.parallelize(rdd.collect()?, 4)))
    };
    let (words, other) = (input(&rig.ctx, 7), input(&rig.ctx, 13));
    let seen = Seeing::new();
    for (number, stream) in wide_operators(&words, &other).into_iter().enumerate() {
        let sink = seen.clone();
        stream.foreach_rdd(move |rdd, _| {
            sink.push((number, rdd.collect()?));
            Ok(())
        });
    }
    rig.ctx.start().await.unwrap();
    rig.batch().await;
    rig.batch().await;
    rig.ctx.stop(StopMode::Graceful).await.unwrap();
    seen.all()
}

#[tokio::test]
async fn equal_input_gives_equal_output_in_equal_order_whatever_the_number_of_threads() {
    let one = outputs("local[1]").await;
    assert_eq!(one.len(), 24);
    assert_eq!(outputs("local[2]").await, one);
    assert_eq!(outputs("local[4]").await, one);
    assert_eq!(outputs("local[4]").await, one);
}

//! The operators, batch by batch, as the acceptance table of Spark has them.

use dstream_core::testing::batches_of;
use dstream_core::{DStream, GraphError, StartError, StreamingContext};
use std::time::Duration;

const NUMBERS: [[i32; 4]; 3] = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]];

fn numbers(ctx: &StreamingContext) -> DStream<i32> {
    ctx.queue_stream(NUMBERS.map(Vec::from))
}

fn sorted<T: Ord>(mut batches: Vec<Vec<T>>) -> Vec<Vec<T>> {
    batches.iter_mut().for_each(|batch| batch.sort());
    batches
}

#[tokio::test]
async fn map_gives_one_record_for_each_t001() {
    let batches = batches_of(3, |ctx| Ok(numbers(ctx).map(|n| n.to_string()))).await.unwrap();
    assert_eq!(batches, NUMBERS.map(|batch| batch.map(|n| n.to_string())));
}

#[tokio::test]
async fn flat_map_gives_all_items_of_each_t002() {
    let batches = batches_of(3, |ctx| Ok(numbers(ctx).flat_map(|n| [n, n * 2]))).await.unwrap();
    assert_eq!(batches[0], [1, 2, 2, 4, 3, 6, 4, 8]);
    assert_eq!(batches[2], [9, 18, 10, 20, 11, 22, 12, 24]);
}

#[tokio::test]
async fn filter_keeps_what_passes_t003() {
    let batches = batches_of(3, |ctx| Ok(numbers(ctx).filter(|n| n % 2 == 0))).await.unwrap();
    assert_eq!(batches, [[2, 4], [6, 8], [10, 12]]);
}

#[tokio::test]
async fn reduce_by_key_gives_one_value_for_each_key_t009_t013() {
    let input = || {
        [vec!["a", "a", "b"], vec!["", ""], vec![]].map(|batch| Vec::from_iter(batch.into_iter().map(str::to_owned)))
    };
    let pair = |key: &str, n: i32| (key.to_owned(), n);
    let counts = |ctx: &StreamingContext| ctx.queue_stream(input()).map(|word| (word, 1)).reduce_by_key(|m, n| m + n);
    let batches = sorted(batches_of(3, |ctx| Ok(counts(ctx))).await.unwrap());
    assert_eq!(batches, [vec![pair("a", 2), pair("b", 1)], vec![pair("", 2)], vec![]]);
    let batches = sorted(batches_of(3, |ctx| Ok(counts(ctx).map_values(|n| n + 10))).await.unwrap());
    assert_eq!(batches, [vec![pair("a", 12), pair("b", 11)], vec![pair("", 12)], vec![]]);
}

#[tokio::test]
async fn count_gives_one_record_also_for_an_empty_batch_t011() {
    let input: Vec<Vec<usize>> = (0..5).map(|len| (0..len).collect()).collect();
    let batches = batches_of(5, |ctx| Ok(ctx.queue_stream(input).count())).await.unwrap();
    assert_eq!(batches, [[0], [1], [2], [3], [4]]);
}

#[tokio::test]
async fn union_of_two_streams_concatenates_them_t015() {
    let input = || [(1..=4).collect::<Vec<_>>(), (101..=104).collect(), (201..=204).collect()];
    let batches = batches_of(3, |ctx| Ok(ctx.queue_stream(input()).union(&ctx.queue_stream(input()).map(|n| n + 4))));
    let expected: Vec<Vec<i32>> = vec![(1..=8).collect(), (101..=108).collect(), (201..=208).collect()];
    assert_eq!(batches.await.unwrap(), expected);
}

#[tokio::test]
async fn union_of_three_streams_concatenates_them_t017() {
    let input = || [(1..=4).collect::<Vec<_>>(), (101..=104).collect(), (201..=204).collect()];
    let batches = batches_of(3, |ctx| {
        let streams = [0, 4, 8].map(|add| ctx.queue_stream(input()).map(move |n| n + add));
        Ok(ctx.union(streams))
    });
    let expected: Vec<Vec<i32>> = vec![(1..=12).collect(), (101..=112).collect(), (201..=212).collect()];
    assert_eq!(batches.await.unwrap(), expected);
}

#[tokio::test]
async fn union_refuses_no_streams_and_streams_of_another_context() {
    let context = || StreamingContext::builder("t").batch_interval(Duration::from_secs(1)).build().unwrap();
    let (one, other) = (context(), context());
    numbers(&one).union(&numbers(&other)).print();
    let error = one.start().await.unwrap_err();
    assert!(matches!(error, StartError::Graph(GraphError::DifferentContexts { .. })), "{error}");
    let empty = context();
    empty.union::<i32>([]).print();
    assert!(empty.start().await.unwrap_err().to_string().contains("list of streams to union is empty"));
}

#[tokio::test]
async fn an_input_that_two_branches_use_is_read_once_for_each_batch() {
    let batches = batches_of(2, |ctx| {
        let input = ctx.queue_stream([vec![1], vec![2]]);
        Ok(input.map(|n| n * 10).union(&input))
    });
    assert_eq!(batches.await.unwrap(), [[10, 1], [20, 2]]);
}

#[tokio::test]
async fn a_large_word_count_is_exact_and_comes_in_the_same_order_each_time() {
    let run = || {
        batches_of(1, |ctx| {
            let words = ctx.queue_stream([(0..50_000_u64).map(|n| format!("w{}", n * n % 97)).collect()]);
            Ok(words.map(|word| (word, 1_u64)).reduce_by_key(|m, n| m + n))
        })
    };
    let first = run().await.unwrap();
    assert_eq!(first[0].iter().map(|(_, n)| n).sum::<u64>(), 50_000);
    for (word, n) in &first[0] {
        let expected = (0..50_000_u64).filter(|n| *word == format!("w{}", n * n % 97)).count();
        assert_eq!(usize::try_from(*n).unwrap(), expected, "{word}");
    }
    assert_eq!(run().await.unwrap(), first);
}

//! The keyed operators of one stream, and those that reduce a batch.

use dstream_core::testing::batches_of;

fn words() -> [Vec<String>; 3] {
    [vec!["a", "a", "b"], vec!["", ""], vec![]].map(|batch| batch.into_iter().map(str::to_owned).collect())
}

fn keyed<V: Clone>(rows: &[(&str, V)]) -> Vec<(String, V)> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn sorted<T: Ord>(mut batches: Vec<Vec<T>>) -> Vec<Vec<T>> {
    batches.iter_mut().for_each(|batch| batch.sort());
    batches
}

#[tokio::test]
async fn group_by_key_gives_all_values_of_each_key_t008() {
    let grouped = batches_of(3, |ctx| Ok(ctx.queue_stream(words()).map(|word| (word, 1)).group_by_key()));
    let expected = [keyed(&[("a", vec![1, 1]), ("b", vec![1])]), keyed(&[("", vec![1, 1])]), vec![]];
    assert_eq!(sorted(grouped.await.unwrap()), expected);
}

#[tokio::test]
async fn reduce_gives_one_record_and_none_for_an_empty_batch_t010() {
    let input = [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12], vec![]];
    let batches = batches_of(4, |ctx| Ok(ctx.queue_stream(input).reduce(|m, n| m + n))).await.unwrap();
    assert_eq!(batches, [vec![10], vec![26], vec![42], vec![]]);
}

#[tokio::test]
async fn count_by_value_counts_equal_records_t012() {
    let input = [vec![1], vec![1, 1, 1], vec![1, 2], vec![1, 1, 2, 2]];
    let batches = batches_of(4, |ctx| Ok(ctx.queue_stream(input).count_by_value())).await.unwrap();
    assert_eq!(sorted(batches), [vec![(1, 1)], vec![(1, 3)], vec![(1, 1), (2, 1)], vec![(1, 2), (2, 2)]]);
}

#[tokio::test]
async fn flat_map_values_keeps_the_keys_t014() {
    let batches = batches_of(3, |ctx| {
        let counts = ctx.queue_stream(words()).map(|word| (word, 1)).reduce_by_key(|m, n| m + n);
        Ok(counts.flat_map_values(|n| [n, n + 10]))
    });
    let expected = [keyed(&[("a", 2), ("a", 12), ("b", 1), ("b", 11)]), keyed(&[("", 2), ("", 12)]), vec![]];
    assert_eq!(sorted(batches.await.unwrap()), expected);
}

#[tokio::test]
async fn equal_keys_are_in_the_partition_of_the_same_number_whatever_the_operator() {
    let pairs = || (0..200_u64).map(|n| (n % 37, n)).collect::<Vec<_>>();
    let keys = |parts: Vec<Vec<u64>>| {
        Vec::from_iter(parts.into_iter().map(|mut part| {
            part.sort_unstable();
            part.dedup();
            part
        }))
    };
    let run = async |which: u8| {
        let batches = batches_of(1, |ctx| {
            let (left, right) = (ctx.queue_stream([pairs()]), ctx.queue_stream([pairs()]));
            Ok(match which {
                0 => left.reduce_by_key_into(5, |m, n| m + n).map(|(key, _)| key).glom(),
                1 => left.group_by_key_into(5).map(|(key, _)| key).glom(),
                2 => left.join_into(5, &right).map(|(key, _)| key).glom(),
                3 => left.cogroup_into(5, &right).map(|(key, _)| key).glom(),
                _ => left.map(|(key, _)| key).count_by_value_into(5).map(|(key, _)| key).glom(),
            })
        });
        keys(batches.await.unwrap().remove(0))
    };
    let first = run(0).await;
    assert_eq!((first.len(), first.concat().len()), (5, 37));
    for which in 1..5 {
        assert_eq!(run(which).await, first, "{which}");
    }
}

#[tokio::test]
async fn a_panic_in_the_function_of_a_reduce_names_the_operator() {
    let add = |m: i32, n: i32| m.checked_add(n).expect("too large");
    let input = [vec![i32::MAX, 1, 0, 0]];
    let error = batches_of(1, |ctx| Ok(ctx.queue_stream(input).reduce(add))).await.unwrap_err();
    let error = dstream_core::error_chain(&*error);
    assert!(error.contains("reduce #1 failed in batch 1000 ms, partition 0: panicked: too large"), "{error}");
}

//! Windows of all kinds, batch by batch, as the acceptance table of Spark has them.
//!
//! Not applicable here: where the batches of a window are kept (t044); they are kept by the stream that is windowed.
#![allow(clippy::unwrap_used, reason = "what tests share stands outside of test functions")]

use std::time::Duration;

use dstream_core::testing::batches_of;
use dstream_core::{BoxError, DStream, GraphError, StartError, StreamingContext, error_chain};

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

/// One pair for each letter, as `"aab"`.
fn letters(ctx: &StreamingContext, batches: &[&'static str]) -> DStream<(char, i32)> {
    let batches: Vec<_> = batches.iter().map(|batch| batch.chars().map(|letter| (letter, 1)).collect()).collect();
    ctx.queue_stream::<(char, i32), Vec<Vec<(char, i32)>>>(batches)
}

/// The batches of a stream of sums, sorted, as `"a2 b1"`.
async fn sums_of(
    batches: usize,
    build: impl FnOnce(&StreamingContext) -> DStream<(char, i32)>,
) -> Result<Vec<String>, BoxError> {
    let text = |mut batch: Vec<(char, i32)>| {
        batch.sort_unstable();
        batch.iter().map(|(letter, n)| format!("{letter}{n}")).collect::<Vec<_>>().join(" ")
    };
    Ok(batches_of(batches, |ctx| Ok(build(ctx))).await?.into_iter().map(text).collect())
}

async fn reduced(batches: &[&'static str]) -> Vec<String> {
    let sums = sums_of(batches.len(), |ctx| {
        letters(ctx, batches).reduce_by_key_and_window(|m, n| m + n, seconds(2), seconds(1))
    });
    sums.await.unwrap()
}

async fn corrected(batches: &[&'static str]) -> Vec<String> {
    let sums = sums_of(batches.len(), |ctx| {
        letters(ctx, batches).reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, seconds(2), seconds(1))
    });
    sums.await.unwrap()
}

async fn filtered(batches: &[&'static str]) -> Vec<String> {
    let sums = sums_of(batches.len(), |ctx| {
        let letters = letters(ctx, batches);
        let (window, slide) = (seconds(2), seconds(1));
        letters.reduce_by_key_and_window_filtered(|m, n| m + n, |m, n| m - n, window, slide, |_, n| *n != 0)
    });
    sums.await.unwrap()
}

const BIG: [&str; 12] = ["a", "ab", "abc", "ab", "a", "", "a", "ab", "abc", "ab", "a", ""];
const BIG_SUMS: [&str; 12] =
    ["a1", "a2 b1", "a2 b2 c1", "a2 b2 c1", "a2 b1", "a1", "a1", "a2 b1", "a2 b2 c1", "a2 b2 c1", "a2 b1", "a1"];

#[tokio::test]
async fn a_window_is_reduced_by_key_t045_t046_t047_t048() {
    assert_eq!(reduced(&["aaaa"]).await, ["a4"]);
    assert_eq!(reduced(&["a", "a"]).await, ["a1", "a2"]);
    assert_eq!(reduced(&["a", "ab"]).await, ["a1", "a2 b1"]);
    assert_eq!(reduced(&["a", "a", "", ""]).await, ["a1", "a2", "a1", ""]);
}

#[tokio::test]
async fn keys_of_a_reduced_window_come_and_go_t050() {
    assert_eq!(reduced(&BIG).await, BIG_SUMS);
}

/// The numbers from 1 to 6 under one key.
fn growing(ctx: &StreamingContext) -> DStream<(char, i32)> {
    ctx.queue_stream((1..=6).map(|n| vec![('a', n)]))
}

#[tokio::test]
async fn a_window_that_slides_by_more_than_a_batch_is_reduced_once_for_each_slide_t049() {
    let sums = sums_of(8, |ctx| growing(ctx).reduce_by_key_and_window(|m, n| m + n, seconds(4), seconds(2)));
    assert_eq!(sums.await.unwrap(), ["a3", "a10", "a18", "a11"]);
}

#[tokio::test]
async fn a_corrected_window_is_the_reduced_one_t051_t052_t053() {
    assert_eq!(corrected(&["aaaa"]).await, ["a4"]);
    assert_eq!(corrected(&["a", "a"]).await, ["a1", "a2"]);
    assert_eq!(corrected(&["a", "ab"]).await, ["a1", "a2 b1"]);
}

#[tokio::test]
async fn a_key_that_left_a_corrected_window_stays_with_the_neutral_value_t054() {
    assert_eq!(corrected(&["a", "a", "", ""]).await, ["a1", "a2", "a1", "a0"]);
}

#[tokio::test]
async fn a_corrected_window_slides_by_more_than_a_batch_t055() {
    let (window, slide) = (seconds(4), seconds(2));
    let sums =
        sums_of(8, |ctx| growing(ctx).reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, window, slide));
    assert_eq!(sums.await.unwrap(), ["a3", "a10", "a18", "a11"]);
}

#[tokio::test]
async fn a_corrected_window_keeps_every_key_that_ever_was_in_it() {
    let sums = corrected(&BIG).await;
    assert_eq!(sums[..6], ["a1", "a2 b1", "a2 b2 c1", "a2 b2 c1", "a2 b1 c0", "a1 b0 c0"]);
    assert_eq!(sums[11], "a1 b0 c0");
}

#[tokio::test]
async fn a_filter_drops_the_keys_that_left_a_corrected_window_t057() {
    assert_eq!(filtered(&BIG).await, BIG_SUMS);
}

#[tokio::test]
async fn a_filter_that_drops_keys_of_the_window_fails_the_batch_with_operator_time_and_key_type() {
    let error = sums_of(3, |ctx| {
        let (window, slide) = (seconds(2), seconds(1));
        letters(ctx, &["a"]).reduce_by_key_and_window_filtered(|m, n| m + n, |m, n| m - n, window, slide, |_, _| false)
    });
    let text = error_chain(&*error.await.unwrap_err());
    assert!(text.contains("reduce_by_key_and_window_filtered #"), "{text}");
    assert!(text.contains("batch 3000 ms"), "{text}");
    assert!(text.contains("neither previous window has value for key"), "{text}");
    assert!(text.contains("key type char"), "{text}");
}

#[tokio::test]
async fn a_window_is_grouped_by_key_oldest_batch_first_t058() {
    let mut batches =
        batches_of(BIG.len(), |ctx| Ok(letters(ctx, &BIG).group_by_key_and_window(seconds(2), seconds(1))))
            .await
            .unwrap();
    let text = |batch: &mut Vec<(char, Vec<i32>)>| {
        batch.sort();
        let sums = batch.iter().map(|(letter, ones)| format!("{letter}{}", ones.len()));
        sums.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(batches.iter_mut().map(text).collect::<Vec<_>>(), BIG_SUMS);
    let ordered = batches_of(2, |ctx| {
        let pairs = ctx.queue_stream([vec![('a', 1), ('a', 2), ('a', 3)], vec![('a', 4)]]);
        Ok(pairs.group_by_key_and_window(seconds(2), seconds(1)))
    });
    assert_eq!(ordered.await.unwrap()[1], [('a', vec![1, 2, 3, 4])]);
}

#[tokio::test]
async fn the_records_of_a_window_are_counted_and_0_is_a_count_t059() {
    let input = [vec![1], vec![1], vec![1, 2], vec![0], vec![], vec![]];
    let counts = batches_of(6, |ctx| Ok(ctx.queue_stream(input).count_by_window(seconds(2), seconds(1))));
    assert_eq!(counts.await.unwrap(), [[1], [2], [3], [3], [1], [0]]);
}

#[tokio::test]
async fn the_values_of_a_window_are_counted_and_those_that_left_are_absent() {
    let input = ["a", "ba", "bb", "", ""];
    let counts = sums_of(5, |ctx| {
        let values = letters(ctx, &input).map(|(letter, _)| letter);
        let counts = values.count_by_value_and_window(seconds(2), seconds(1));
        counts.map_values(|count| i32::try_from(count).unwrap())
    });
    assert_eq!(counts.await.unwrap(), ["a1", "a2 b1", "a1 b3", "b2", ""]);
}

#[tokio::test]
async fn a_window_of_a_window_holds_the_windows_in_it() {
    let batches = batches_of(6, |ctx| Ok(numbers(ctx).window(seconds(2), seconds(1)).window(seconds(4), seconds(2))));
    let expected = [vec![0, 0, 1], vec![0, 0, 1, 1, 2, 2, 3], vec![1, 2, 2, 3, 3, 4, 4, 5]];
    assert_eq!(batches.await.unwrap(), expected);
}

#[tokio::test]
async fn a_window_is_reduced_to_one_record() {
    let plain = batches_of(4, |ctx| {
        Ok(ctx.queue_stream([vec![1, 2], vec![3]]).reduce_by_window(|m, n| m + n, seconds(2), seconds(1)))
    });
    assert_eq!(plain.await.unwrap(), [vec![3], vec![6], vec![3], vec![]]);
    let corrected = batches_of(4, |ctx| {
        let numbers = ctx.queue_stream([vec![1, 2], vec![3]]);
        Ok(numbers.reduce_by_window_inverse(|m, n| m + n, |m, n| m - n, seconds(2), seconds(1)))
    });
    assert_eq!(corrected.await.unwrap(), [vec![3], vec![6], vec![3], vec![0]]);
}

#[tokio::test]
async fn keyed_windows_that_do_not_fall_on_batches_are_refused_at_the_start_t061() {
    type Build = fn(&DStream<(char, i32)>, Duration, Duration) -> DStream<(char, i32)>;
    let builds: [Build; 3] = [
        |pairs, window, slide| pairs.reduce_by_key_and_window(|m, n| m + n, window, slide),
        |pairs, window, slide| pairs.reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, window, slide),
        |pairs, window, slide| pairs.group_by_key_and_window(window, slide).map_values(|_| 0),
    ];
    for build in builds {
        let ctx = StreamingContext::builder("t").batch_interval(seconds(1)).build().unwrap();
        build(&letters(&ctx, &[]), Duration::from_millis(1_500), seconds(1)).print();
        let error = ctx.start().await.unwrap_err();
        assert!(matches!(error, StartError::Graph(GraphError::NotAMultiple { what: "window", .. })), "{error}");
    }
}

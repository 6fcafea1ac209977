//! Programs that are killed and started again, against ones that are not.
//!
//! Not here: outputs to files (t207 to t209), see `text_files.rs`.
#![allow(clippy::unwrap_used, clippy::future_not_send, reason = "helpers of tests, outside of their functions")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::fresh_dir::FreshDir;
use crate::support::runs::{Run, merged};
use crate::support::{Fault, SECOND, Source, Span};
use dstream_core::{DStream, FileStreamOptions, State, StateSpec, StreamingContext, UpdateSpec};
use proptest::prelude::*;

type Pair = (String, u64);

/// One `"a"` in every batch, as Spark's tests have it.
fn letters(ctx: &StreamingContext) -> DStream<Pair> {
    ctx.generated_stream(|_| vec![("a".to_owned(), 1)])
}

fn a(counts: impl IntoIterator<Item = u64>) -> Vec<Vec<Pair>> {
    counts.into_iter().map(|n| vec![("a".to_owned(), n)]).collect()
}

/// Runs to `first`, is killed, and runs to `last`.
async fn restarted<T: dstream_core::Data + Ord + Debug>(
    (first, last): (i64, i64),
    program: impl Fn(&StreamingContext) -> DStream<T>,
) -> Vec<Vec<T>> {
    let dir = FreshDir::new();
    let run = Run::start(&dir, 0, &program).await;
    run.until(first).await;
    let before = run.kill().await;
    let run = Run::start(&dir, first, &program).await;
    run.until(last).await;
    let all = merged([before, run.stop().await]);
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    all.into_values().collect()
}

#[tokio::test]
async fn reduced_batches_are_the_same_over_a_restart_t205() {
    let program = |ctx: &StreamingContext| letters(ctx).map(|pair| pair).reduce_by_key(|m, n| m + n);
    assert_eq!(restarted((3, 7), program).await, a([1; 7]));
}

#[tokio::test]
async fn a_corrected_window_goes_on_over_a_restart_t206() {
    let program = |ctx: &StreamingContext| {
        letters(ctx).reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, SECOND * 4, SECOND)
    };
    assert_eq!(restarted((7, 10), program).await, a([1, 2, 3, 4, 4, 4, 4, 4, 4, 4]));
}

#[tokio::test]
async fn sums_go_on_over_a_restart_t210() {
    let program = |ctx: &StreamingContext| {
        letters(ctx).update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
    };
    assert_eq!(restarted((5, 10), program).await, a(1..=10));
}

#[tokio::test]
async fn two_states_on_top_of_each_other_both_go_on_t217() {
    let program = |ctx: &StreamingContext| {
        let sum = |new: Vec<u64>, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>());
        letters(ctx).update_state_by_key(sum).update_state_by_key(sum)
    };
    assert_eq!(restarted((5, 8), program).await, a([1, 3, 6, 10, 15, 21, 28, 36]));
}

#[tokio::test]
async fn states_without_a_key_are_written_and_read_like_others_t084() {
    let program = |ctx: &StreamingContext| {
        // The first number comes after the restart.
        let late = letters(ctx).transform(|rdd, time| Ok(rdd.filter(move |_| time.as_millis() > 5_000)));
        let count = |key: &String, value: Option<u64>, state: &mut State<'_, u64>| {
            state.update(state.get_option().copied().unwrap_or(0) + value.unwrap_or(0));
            key.clone()
        };
        let sum = |new: Vec<u64>, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>());
        let counts = late.map_with_state(StateSpec::function(count)).state_snapshots();
        counts.union(&late.update_state_by_key(sum).map_values(|sum| sum + 10))
    };
    let both = |n: u64| vec![("a".to_owned(), n), ("a".to_owned(), n + 10)];
    let expected = [vec![], vec![], vec![], vec![], vec![], both(1), both(2)];
    assert_eq!(restarted((4, 7), program).await, expected);
}

/// Sums of the numbers in files, one file for each second.
#[tokio::test]
async fn files_of_a_killed_batch_and_of_the_time_in_between_are_read_once_t212() {
    let (dir, input) = (FreshDir::new(), FreshDir::new());
    let put = |seconds: u64| {
        let file = std::fs::File::create(input.path().join(seconds.to_string())).unwrap();
        std::io::Write::write_all(&mut &file, format!("{seconds}\n").as_bytes()).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + SECOND * u32::try_from(seconds).unwrap()).unwrap();
    };
    let program = |ctx: &StreamingContext| {
        let numbers = ctx
            .text_file_stream(input.path(), FileStreamOptions::default())
            .map(|line| ((), line.parse::<u64>().unwrap()));
        numbers.update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
    };
    let run = Run::start(&dir, 0, program).await;
    run.written(0).await;
    for seconds in 1..=3 {
        put(seconds);
        run.until(seconds.try_into().unwrap()).await;
        if seconds == 2 {
            run.written(2).await;
        }
    }
    // The third batch is in no checkpoint.
    let before = run.kill().await;
    (4..=6).for_each(put);
    let run = Run::start(&dir, 6, program).await;
    for seconds in 7..=9 {
        put(seconds);
        run.until(seconds.try_into().unwrap()).await;
    }
    let again = run.stop().await;
    assert_eq!(again.first().map(|(time, _)| *time), Some(3));
    let sums: Vec<u64> = merged([before, again]).into_values().map(|rows| rows[0].1).collect();
    assert_eq!(sums, [1, 3, 6, 10, 15, 21, 28, 36, 45]);
}

#[tokio::test]
async fn windows_slide_at_the_same_times_as_before_a_restart() {
    let dir = FreshDir::new();
    let program = |ctx: &StreamingContext| {
        ctx.generated_stream(|time| vec![time.as_millis() / 1_000]).window(SECOND * 4, SECOND * 3)
    };
    let run = Run::start(&dir, 1, program).await;
    run.until(5).await;
    let before = run.stop().await;
    let run = Run::start(&dir, 6, program).await;
    run.until(10).await;
    let all = merged([before, run.stop().await]);
    assert_eq!(all, BTreeMap::from([(4, vec![2, 3, 4]), (7, vec![4, 5, 6, 7]), (10, vec![7, 8, 9, 10])]));
}

#[tokio::test]
async fn batches_of_the_time_in_between_are_made_up_for_however_many_they_are() {
    let dir = FreshDir::new();
    let program = |ctx: &StreamingContext| ctx.generated_stream(|time| vec![time.as_millis() / 1_000]);
    let run = Run::start(&dir, 0, program).await;
    run.until(3).await;
    let before = run.stop().await;
    let run = Run::start(&dir, 2_500, program).await;
    run.until(2_501).await;
    let all = merged([before, run.stop().await]);
    assert!(all.iter().all(|(time, rows)| rows == &[*time]));
    assert_eq!(all.into_keys().collect::<Vec<_>>(), (1..=2_501).collect::<Vec<_>>());
}

#[tokio::test]
async fn receivers_make_up_for_nothing_and_their_states_see_the_time_in_between_as_empty() {
    let dir = FreshDir::new();
    let program = |ctx: &StreamingContext, source: &Arc<Source>| {
        let idle = |new: Vec<u64>, idle: Option<u64>| Some(if new.is_empty() { idle.unwrap_or(0) + 1 } else { 0 });
        source.stream(ctx, "numbers").map(|n| (n, n)).update_state_by_key(idle)
    };
    let source = Source::new(Fault::None);
    let run = Run::start(&dir, 0, |ctx| program(ctx, &source)).await;
    source.put(Span(7, 8)).await;
    run.until(2).await;
    run.stop().await;
    let run = Run::start(&dir, 9, |ctx| program(ctx, &Source::new(Fault::None))).await;
    run.until(10).await;
    assert_eq!(run.stop().await, [(10, vec![(7, 9)])]);
}

#[tokio::test]
async fn a_gap_costs_a_state_that_is_mapped_no_call_however_long_it_is() {
    let dir = FreshDir::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let program = |ctx: &StreamingContext, source: &Arc<Source>| {
        let calls = Arc::clone(&calls);
        let count = move |_: &u64, value: Option<u64>, state: &mut State<'_, u64>| {
            calls.fetch_add(1, Ordering::SeqCst);
            state.update(state.get_option().copied().unwrap_or(0) + value.unwrap_or(0));
            *state.get_option().unwrap()
        };
        source.stream(ctx, "numbers").map(|n| (0, n)).map_with_state(StateSpec::function(count)).map(|sum| sum)
    };
    let source = Source::new(Fault::None);
    let run = Run::start(&dir, 0, |ctx| program(ctx, &source)).await;
    source.put(Span(7, 8)).await;
    run.until(1).await;
    run.stop().await;
    let source = Source::new(Fault::None);
    let run = Run::start(&dir, 9_999, |ctx| program(ctx, &source)).await;
    source.put(Span(3, 4)).await;
    run.until(10_000).await;
    assert_eq!(run.stop().await, [(10_000, vec![10])]);
    assert_eq!(calls.load(Ordering::SeqCst), 2, "one for each record");
}

#[tokio::test]
async fn no_batch_time_comes_twice_when_the_clock_is_behind_the_checkpoint() {
    let dir = FreshDir::new();
    let program = |ctx: &StreamingContext| {
        letters(ctx).update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
    };
    let run = Run::start(&dir, 0, program).await;
    run.until(4).await;
    run.stop().await;
    let run = Run::start(&dir, 2, program).await;
    run.rig.clock.advance(SECOND * 2);
    run.rig.clock.advance(SECOND);
    run.until(5).await;
    assert_eq!(run.stop().await, [(5, a([5]).remove(0))]);
}

/// How long a run goes on, whether it is killed, and how long nothing runs after it.
#[derive(Clone, Copy, Debug)]
struct Life {
    batches: i64,
    killed: bool,
    pause: i64,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let life = (0..6_i64, proptest::bool::weighted(0.7), prop_oneof![3 => Just(0_i64), 1 => 1..5_i64]);
    proptest::collection::vec(life.prop_map(|(batches, killed, pause)| Life { batches, killed, pause }), 1..7)
}

/// Lives through `lives`, and then up to the batch of `last` seconds.
async fn lived<T: dstream_core::Data + Ord + Debug>(
    lives: &[Life],
    last: i64,
    program: impl Fn(&StreamingContext) -> DStream<T>,
) -> BTreeMap<i64, Vec<T>> {
    let dir = FreshDir::new();
    let (mut now, mut seen) = (0, Vec::new());
    for life in lives {
        let run = Run::start(&dir, now, &program).await;
        now += life.batches;
        if life.batches > 0 {
            run.until(now).await;
        }
        seen.push(if life.killed { run.kill().await } else { run.stop().await });
        now += life.pause;
    }
    let run = Run::start(&dir, now, &program).await;
    run.until(last.max(now + 1)).await;
    seen.push(run.stop().await);
    merged(seen)
}

/// So many batches without checkpoints.
async fn never_interrupted<T: dstream_core::Data + Ord + Debug>(
    batches: usize,
    program: impl Fn(&StreamingContext) -> DStream<T>,
) -> BTreeMap<i64, Vec<T>> {
    let run = Run::prepare(0, |builder| builder, program);
    run.rig.ctx.start().await.unwrap();
    run.rig.clock.advance(SECOND * u32::try_from(batches).unwrap());
    merged([run.stop().await])
}

fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A few pairs for each batch, the same in every run.
fn pairs(seconds: i64) -> Vec<(u8, u64)> {
    let n = seconds.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let key = |i| u8::try_from((n >> (8 * i)) % 5).unwrap();
    (0..n >> 62).map(|i| (key(i), (n >> (7 * i + 3)) % 10)).collect()
}

/// All that carries something from batch to batch, told apart by a letter.
fn everything(ctx: &StreamingContext) -> DStream<(char, u8, u64)> {
    let rows = ctx.generated_stream(|time| pairs(time.as_millis() / 1_000));
    let (four, two) = (SECOND * 4, SECOND * 2);
    let marked = |letter, stream: &DStream<(u8, u64)>| stream.map(move |(key, n)| (letter, key, n));
    let sums = rows.update_state_by_key(|new: Vec<u64>, sum| {
        let sum = sum.unwrap_or(0) + new.iter().sum::<u64>();
        (sum % 7 != 3).then_some(sum)
    });
    let count = |key: &u8, value: Option<u64>, state: &mut State<'_, u64>| {
        let before = state.get_option().copied().unwrap_or(0);
        if value.is_some() {
            state.update(before + 1);
        }
        (*key, before)
    };
    let counts = rows.map_with_state(StateSpec::function(count).timeout(SECOND * 3).partitions(3));
    let snapshots = counts.state_snapshots();
    let corrected = rows.reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, four, SECOND);
    let grouped = rows.reduce_by_key_and_window(|m, n| m + n, SECOND * 3, SECOND);
    let slow = rows.window(four, two);
    // Its batches are only every other second; another output sees to them.
    slow.foreach_rdd(|rdd, _| rdd.count().map(drop).map_err(Into::into));
    // Every key moves on to the next one.
    let moving = rows.update_state_by_key_with(UpdateSpec::function_of_partitions(|_, keys| {
        let moved = keys.map(|(key, new, sum): (u8, Vec<u64>, Option<u64>)| {
            ((key + 1) % 5, sum.unwrap_or(0) + new.iter().sum::<u64>())
        });
        moved.filter(|(_, sum)| sum % 7 != 3).collect::<Vec<_>>()
    }));
    marked('u', &sums)
        .union(&marked('p', &moving))
        .union(&marked('m', &counts))
        .union(&marked('s', &snapshots))
        .union(&marked('c', &corrected))
        .union(&marked('g', &grouped))
}

fn slowly(ctx: &StreamingContext) -> DStream<(u8, u64)> {
    let rows = ctx.generated_stream(|time| pairs(time.as_millis() / 1_000));
    rows.window(SECOND * 4, SECOND * 2).reduce_by_key_and_window_filtered(
        |m, n| m + n,
        |m, n| m - n,
        SECOND * 8,
        SECOND * 4,
        |_, n| *n != 0,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_and_states_are_as_if_the_program_had_never_been_interrupted(lives in lives()) {
        on_a_runtime(async {
            let interrupted = lived(&lives, 20, everything).await;
            assert_eq!(interrupted, never_interrupted(interrupted.len(), everything).await);
            let interrupted = lived(&lives, 20, slowly).await;
            let last = usize::try_from(*interrupted.keys().next_back().unwrap()).unwrap();
            assert_eq!(interrupted, never_interrupted(last, slowly).await);
        });
    }

    #[test]
    fn over_thirty_batches_every_number_is_mapped_t220(lives in lives()) {
        on_a_runtime(async {
            let numbers = |ctx: &StreamingContext| ctx.generated_stream(|time| vec![time.as_millis() / 1_000]).map(|n| n);
            let seen = lived(&lives, 30, numbers).await;
            assert!((1..=30).all(|n| seen.get(&n) == Some(&vec![n])), "{seen:?}");
        });
    }

    #[test]
    fn over_thirty_batches_every_sum_is_the_expected_one_t221(lives in lives()) {
        on_a_runtime(async {
            let sums = |ctx: &StreamingContext| {
                let numbers = ctx.generated_stream(|time| vec![((), u64::try_from(time.as_millis() / 1_000).unwrap())]);
                numbers.update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
            };
            let seen = lived(&lives, 30, sums).await;
            assert!(seen.iter().all(|(n, rows)| rows == &[((), u64::try_from(n * (n + 1) / 2).unwrap())]), "{seen:?}");
            assert_eq!(seen.get(&30), Some(&vec![((), 465)]));
        });
    }

    /// The receiver delivers everything after what it heard of as processed once more.
    #[test]
    fn what_is_delivered_again_after_a_kill_is_counted_once(lives in lives()) {
        on_a_runtime(async {
            let dir = FreshDir::new();
            let (mut now, mut position) = (0, 0);
            let mut sum = Vec::new();
            let end = Life { batches: 3, killed: false, pause: 0 };
            for life in lives.iter().copied().chain([end]) {
                let source = Source::new(Fault::None);
                let run = Run::start(&dir, now, |ctx| {
                    let numbers = source.stream(ctx, "numbers").map(|n| ((), n));
                    numbers.update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
                })
                .await;
                let mut next = position;
                for _ in 0..life.batches {
                    source.put(Span(next, next + 3)).await;
                    next += 3;
                    now += 1;
                    run.rig.batch().await;
                }
                sum = if life.killed { run.kill().await } else { run.stop().await };
                position = source.processed().last().map_or(position, |span| span.1);
                now += life.pause;
            }
            let expected: u64 = (0..position).sum();
            assert_eq!(sum.last().map(|(_, rows)| rows.clone()), Some(vec![((), expected)]));
        });
    }
}

//! What a batch costs: in proportion to the keys that it touches; and what is held: no more after many batches.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::dstream::DStream;
use crate::state::State;
use crate::stateful::StateSpec;
use crate::stepper::{SECOND, Stepper, context};

/// A key that counts how often one is hashed: nothing can be done with a key in a map without that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counted(u32);

static HASHED: AtomicUsize = AtomicUsize::new(0);

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        HASHED.fetch_add(1, Ordering::Relaxed);
        self.0.hash(state);
    }
}

/// How often keys are hashed in the fourth batch, which has 10 keys, when the first had `keys`.
fn hashed_in_a_small_batch(keys: u32, build: impl Fn(&DStream<(Counted, u64)>) -> Stepper<()>) -> usize {
    let all: Vec<_> = (0..keys).map(|key| (Counted(key), 1)).collect();
    let some = |from| (from..from + 10).map(|key| (Counted(key), 1)).collect();
    let stepper = build(&context(2).queue_stream([all, some(0), some(10), some(5)]));
    for seconds in 1..=3 {
        stepper.remember(seconds).unwrap();
        stepper.complete(seconds);
    }
    HASHED.store(0, Ordering::Relaxed);
    stepper.remember(4).unwrap();
    stepper.complete(4);
    HASHED.load(Ordering::Relaxed)
}

// One test, since the keys are counted together.
#[test]
fn a_batch_costs_in_proportion_to_the_keys_that_it_touches_however_many_there_are() {
    let sum = |_: &Counted, value: Option<u64>, state: &mut State<'_, u64>| {
        if !state.is_timing_out() {
            state.update(state.get_option().copied().unwrap_or(0) + value.unwrap_or(0));
        }
    };
    let mapped = |pairs: &DStream<(Counted, u64)>| {
        Stepper::new(&pairs.map_with_state(StateSpec::function(sum).timeout(SECOND * 60)))
    };
    let windowed = |pairs: &DStream<(Counted, u64)>| {
        let window = pairs.reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, SECOND * 2, SECOND);
        Stepper::new(&window.map(|_| ()))
    };
    for keys in [1_000, 30_000] {
        let (mapped, windowed) = (hashed_in_a_small_batch(keys, mapped), hashed_in_a_small_batch(keys, windowed));
        assert!((10..=200).contains(&mapped), "{keys} keys: {mapped} hashes");
        assert!((10..=300).contains(&windowed), "{keys} keys: {windowed} hashes");
    }
}

#[test]
fn streams_whose_state_goes_back_to_the_start_are_marked_and_windows_are_not() {
    let is_stateful = |build: fn(&DStream<(u32, u64)>) -> DStream<()>| {
        Stepper::new(&build(&context(1).queue_stream([vec![(1, 1)]]))).is_stateful()
    };
    assert!(!is_stateful(|pairs| pairs.window(SECOND, SECOND).map(|_| ())));
    assert!(!is_stateful(|pairs| pairs.reduce_by_key_and_window(|m, n| m + n, SECOND, SECOND).map(|_| ())));
    assert!(!is_stateful(|pairs| pairs.count_by_window(SECOND, SECOND).map(|_| ())));
    assert!(is_stateful(|pairs| pairs.count_by_value_and_window(SECOND, SECOND).map(|_| ())));
    assert!(is_stateful(|pairs| pairs.update_state_by_key(|_, n: Option<u64>| n).map(|_| ())));
    assert!(is_stateful(|pairs| {
        let spec = StateSpec::function(|_: &u32, _: Option<u64>, _: &mut State<'_, u64>| ());
        pairs.map_with_state(spec).state_snapshots().map(|_| ())
    }));
}

/// The most batches or versions that the memories of a stream held in any of 3 000 batches.
fn held<T: Send + 'static>(build: impl Fn(&DStream<(u32, u64)>) -> DStream<T>) -> usize {
    let rows = |batch: u32| (0..5).map(|n| ((batch * 7 + n) % 50, 1)).collect::<Vec<_>>();
    let stepper = Stepper::new(&build(&context(2).queue_stream((0..3_000).map(rows))));
    let after = |seconds| {
        stepper.batch(seconds);
        stepper.held().into_iter().max().unwrap_or(0)
    };
    (1..=3_000).map(after).max().unwrap()
}

#[test]
fn after_thousands_of_batches_no_more_batches_and_versions_are_held_than_after_a_few() {
    let (window, slide) = (SECOND * 6, SECOND * 2);
    assert!(held(|pairs| pairs.window(window, slide)) <= 6);
    assert!(held(|pairs| pairs.window(window, slide).window(window, window)) <= 6);
    assert!(held(|pairs| pairs.reduce_by_key_and_window(|m, n| m + n, window, slide)) <= 6);
    assert!(held(|pairs| pairs.group_by_key_and_window(window, slide)) <= 6);
    assert!(held(|pairs| pairs.count_by_window(window, slide)) <= 6);
    // A window, and what left it since the one before.
    assert!(held(|pairs| pairs.reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, window, slide)) <= 10);
    assert!(held(|pairs| pairs.count_by_value_and_window(window, slide)) <= 10);
    assert!(held(|pairs| pairs.update_state_by_key(|new, n: Option<usize>| Some(n.unwrap_or(0) + new.len()))) <= 1);
    let count = |_: &u32, _: Option<u64>, state: &mut State<'_, u64>| {
        if !state.is_timing_out() {
            state.update(state.get_option().copied().unwrap_or(0) + 1);
        }
    };
    let spec = move || StateSpec::function(count).timeout(SECOND * 5);
    assert!(held(|pairs| pairs.map_with_state(spec()).state_snapshots()) <= 1);
}

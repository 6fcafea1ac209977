//! Cases of Spark's record update table, and of the chain of updates.

use std::convert::Infallible;

use super::*;
use crate::state::{Expiry, StateMap};

const KEY: &str = "k";
const INIT: Time = Time::from_millis(1_000);
const NOW: Time = Time::from_millis(2_000);

/// What one update of a map with at most one key came to.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// What the function saw: the value of the record, the state, whether it was timing out.
    calls: Vec<(Option<i32>, Option<i32>, bool)>,
    mapped: Vec<i32>,
    /// The state afterwards, and when it was last updated.
    state: Option<(i32, i64)>,
}

fn update(
    initial: Option<i32>,
    data: &[i32],
    threshold: Option<i64>,
    mut function: impl FnMut(&mut State<'_, i32>) -> Option<i32>,
) -> Found {
    let mut map = StateMap::from_pairs(INIT, Expiry::ByTime, initial.map(|state| (KEY, state)));
    let mut open = map.begin(NOW).unwrap();
    let mut calls = Vec::new();
    let data = data.iter().map(|value| (KEY, *value));
    let mapped = update_records(&mut open, data, threshold.map(Time::from_millis), |time, key, value, state| {
        assert_eq!((time, *key), (NOW, KEY));
        calls.push((value, state.get_option().copied(), state.is_timing_out()));
        Ok::<_, Infallible>(function(state))
    })
    .unwrap();
    open.commit();
    let state = map.newest_view().get(&KEY).map(|(state, updated)| (*state, updated.as_millis()));
    Found { calls, mapped, state }
}

fn noop(_: &mut State<'_, i32>) -> Option<i32> {
    None
}

#[test]
fn without_data_the_function_is_not_called_t081() {
    let found = update(Some(0), &[], None, |_| panic!("called"));
    assert_eq!(found, Found { calls: vec![], mapped: vec![], state: Some((0, 1_000)) });
}

#[test]
fn a_function_that_does_nothing_changes_nothing_t081() {
    let found = update(None, &[7], None, noop);
    assert_eq!(found, Found { calls: vec![(Some(7), None, false)], mapped: vec![], state: None });
    let found = update(Some(0), &[7], None, noop);
    assert_eq!(found, Found { calls: vec![(Some(7), Some(0), false)], mapped: vec![], state: Some((0, 1_000)) });
}

#[test]
fn the_state_that_there_is_can_be_returned_t081() {
    let read = |state: &mut State<'_, i32>| Some(state.get_option().copied().unwrap_or(-1));
    assert_eq!(update(None, &[7], None, read).mapped, [-1]);
    let found = update(Some(123), &[7], None, read);
    assert_eq!((found.mapped, found.state), (vec![123], Some((123, 1_000))));
}

#[test]
fn an_update_sets_the_state_and_its_time_t081() {
    let next = |state: &mut State<'_, i32>| {
        state.update(state.get_option().map_or(0, |n| n + 1));
        None
    };
    assert_eq!(update(None, &[7], None, next).state, Some((0, 2_000)));
    assert_eq!(update(Some(0), &[7], None, next).state, Some((1, 2_000)));
}

#[test]
fn a_removal_leaves_no_state_t081() {
    let remove = |state: &mut State<'_, i32>| {
        state.remove();
        Some(345)
    };
    let found = update(None, &[7], None, remove);
    assert_eq!((found.mapped, found.state), (vec![345], None));
    let found = update(Some(123), &[7], None, remove);
    assert_eq!((found.mapped, found.state), (vec![345], None));
}

#[test]
fn a_state_times_out_only_when_its_time_is_before_the_threshold_t081() {
    let last = |state: &mut State<'_, i32>| state.get_option().copied();
    let kept = update(Some(123), &[], Some(1_000), last);
    assert_eq!(kept, Found { calls: vec![], mapped: vec![], state: Some((123, 1_000)) });
    let out = update(Some(123), &[], Some(1_001), last);
    assert_eq!(out, Found { calls: vec![(None, Some(123), true)], mapped: vec![123], state: None });
}

#[test]
fn data_keeps_a_state_alive_that_would_have_timed_out_t081() {
    let found = update(Some(123), &[7], Some(1_001), noop);
    assert_eq!(found.state, Some((123, 2_000)));
    assert_eq!(found.calls, [(Some(7), Some(123), false)]);
}

#[test]
fn a_state_removed_by_data_does_not_time_out_as_well_t081() {
    let found = update(Some(123), &[7], Some(1_001), |state| {
        state.remove();
        Some(345)
    });
    assert_eq!(found, Found { calls: vec![(Some(7), Some(123), false)], mapped: vec![345], state: None });
}

#[test]
fn data_for_a_key_without_state_makes_none_even_with_a_threshold_t081() {
    let found = update(None, &[7], Some(3_000), noop);
    assert_eq!(found, Found { calls: vec![(Some(7), None, false)], mapped: vec![], state: None });
}

#[test]
fn an_update_touches_only_the_keys_in_the_data_and_no_earlier_version_t082() {
    let at = Time::from_millis;
    let mut map = StateMap::from_pairs(at(0), Expiry::Off, [("k1", 0), ("k2", 0)]);
    let mut step = |time, keys: &[&'static str]| {
        let mut open = map.begin(at(time)).unwrap();
        let data = keys.iter().map(|key| (*key, ()));
        update_records(&mut open, data, None, |_, key, _, state| {
            if *key == "x" {
                return Ok::<Option<()>, Infallible>(None);
            }
            match state.get_option() {
                Some(2) => state.remove(),
                other => state.update(other.map_or(0, |n| n + 1)),
            }
            Ok(None)
        })
        .unwrap();
        open.commit();
        let mut rows: Vec<_> = map
            .versions()
            .map(|each| map.at(each).unwrap().rows().into_iter().map(|row| (*row.0, *row.1)).collect::<Vec<_>>())
            .collect();
        rows.iter_mut().for_each(|rows| rows.sort_unstable());
        rows
    };
    assert_eq!(step(1, &["k1"]).last().unwrap(), &[("k1", 1), ("k2", 0)]);
    assert_eq!(step(2, &["x", "k2", "k2", "k3"]).last().unwrap(), &[("k1", 1), ("k2", 2), ("k3", 0)]);
    let versions = step(3, &["k2", "k1", "k1", "k3", "k3", "k3"]);
    assert_eq!(
        versions,
        [vec![("k1", 0), ("k2", 0)], vec![("k1", 1), ("k2", 0)], vec![("k1", 1), ("k2", 2), ("k3", 0)], vec![],]
    );
}

#[test]
fn an_error_of_the_function_ends_the_update_and_the_version_can_be_dropped() {
    let mut map = StateMap::from_pairs(INIT, Expiry::Off, [(KEY, 1)]);
    let mut open = map.begin(NOW).unwrap();
    let failed = update_records(&mut open, [(KEY, 1), (KEY, 2)], None, |_, _, value, state| {
        state.update(9);
        if value == Some(2) { Err("no") } else { Ok(Some(())) }
    });
    assert_eq!(failed, Err("no"));
    open.roll_back();
    assert_eq!(map.newest_view().get(&KEY), Some((&1, INIT)));
    assert_eq!(map.newest(), INIT);
}

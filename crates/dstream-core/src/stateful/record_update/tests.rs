//! Cases of Spark's record update table, and of the chain of updates.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::batch::Batch;
use crate::stateful::keyed_states::KeyedStates;
use crate::time::Time;

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

/// States of one partition that begin as `initial`, updated at `INIT`.
fn states(expiry: Expiry, initial: Vec<(&str, i32)>) -> KeyedStates<String, i32> {
    let initial = initial.into_iter().map(|(key, state)| (key.to_owned(), state)).collect();
    let states = KeyedStates::new(1, expiry, initial);
    states.be_born(0, &Batch::new(INIT, Time::default(), BTreeMap::new())).unwrap();
    states
}

/// The batch of `now`: each key once, with its values.
fn batch(
    states: &KeyedStates<String, i32>,
    now: Time,
    records: &[(&str, &[i32])],
    expiring: Vec<(String, Shared<i32>)>,
    expiry: Expiry,
) -> Records<String, i32, i32> {
    let keys: Vec<String> = records.iter().map(|(key, _)| (*key).to_owned()).collect();
    let held = states.read(0, states.version_before(0, now), keys.iter()).unwrap();
    let records =
        keys.into_iter().zip(records).zip(held).map(|((key, (_, values)), held)| (key, values.to_vec(), held));
    Records { expiry, gone: Vec::new(), records: records.collect(), expiring }
}

fn update(
    initial: Option<i32>,
    data: &[i32],
    threshold: Option<i64>,
    mut function: impl FnMut(&mut State<'_, i32>) -> Option<i32>,
) -> Found {
    let states = states(Expiry::ByTime, initial.map(|state| (KEY, state)).into_iter().collect());
    let expiry = if threshold.is_some() { Expiry::ByTime } else { Expiry::Off };
    let expiring = threshold.map(|at| states.expired(0, NOW, Time::from_millis(at)).unwrap().unwrap());
    let records: &[(&str, &[i32])] = if data.is_empty() { &[] } else { &[(KEY, data)] };
    let batch = batch(&states, NOW, records, expiring.unwrap_or_default(), expiry);
    let mut calls = Vec::new();
    let Ok(outcome) = update_records(batch, |key, value, state| {
        assert_eq!(key, KEY);
        calls.push((value, state.get_option().copied(), state.is_timing_out()));
        Ok::<_, Infallible>(function(state))
    });
    states.commit(0, NOW, outcome.changes).unwrap();
    let rows = states.rows(0, NOW).unwrap();
    // What is younger than a threshold does not time out; so the threshold from which it does tells its time.
    let later = Time::from_millis(3_000);
    let state = rows.first().map(|(_, state)| {
        let older = |at: &i64| !states.expired(0, later, Time::from_millis(*at)).unwrap().unwrap().is_empty();
        (*state.as_ref(), [1_001, 2_001].into_iter().find(older).unwrap() - 1)
    });
    Found { calls, mapped: outcome.rows, state }
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
    let states = states(Expiry::Off, vec![("k1", 0), ("k2", 0)]);
    let step = |time, keys: &[(&str, &[i32])]| {
        let batch = batch(&states, at(time), keys, Vec::new(), Expiry::Off);
        let Ok(outcome) = update_records(batch, |key, _, state| {
            if key == "x" {
                return Ok::<Option<()>, Infallible>(None);
            }
            match state.get_option() {
                Some(2) => state.remove(),
                other => state.update(other.map_or(0, |n| n + 1)),
            }
            Ok(None)
        });
        let touched = outcome.changes.len();
        states.commit(0, at(time), outcome.changes).unwrap();
        touched
    };
    assert_eq!(step(1, &[("k1", &[0])]), 1);
    assert_eq!(step(2, &[("x", &[0]), ("k2", &[0, 0]), ("k3", &[0])]), 2);
    assert_eq!(step(3, &[("k2", &[0]), ("k1", &[0, 0]), ("k3", &[0, 0, 0])]), 3);
    let rows = |version| {
        let rows = states.rows(0, version).unwrap();
        let mut rows: Vec<(String, i32)> = rows.into_iter().map(|(key, state)| (key, *state.as_ref())).collect();
        rows.sort_unstable();
        rows
    };
    let named = |rows: &[(&str, i32)]| rows.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(rows(Time::default()), named(&[("k1", 0), ("k2", 0)]));
    assert_eq!(rows(at(1)), named(&[("k1", 1), ("k2", 0)]));
    assert_eq!(rows(at(2)), named(&[("k1", 1), ("k2", 2), ("k3", 0)]));
    assert_eq!(rows(at(3)), []);
}

#[test]
fn the_first_error_of_the_function_ends_the_update() {
    let states = states(Expiry::Off, vec![(KEY, 1)]);
    let batch = batch(&states, NOW, &[(KEY, &[1, 2, 3])], Vec::new(), Expiry::Off);
    let mut called = 0;
    let failed = update_records(batch, |_, value, state| {
        called += 1;
        state.update(9);
        if value == Some(2) { Err("no") } else { Ok(Some(())) }
    });
    assert_eq!(failed.err(), Some("no"));
    assert_eq!(called, 2);
}

/// The value of a record, and the state that was found.
type Call = (Option<i32>, Option<i32>);

/// A state that timed out at a time without a batch: what came of it, with `data` for its key.
fn update_gone(data: &[(&str, &[i32])]) -> (Vec<Call>, Vec<(String, Update<i32>)>) {
    let states = states(Expiry::ByTime, vec![(KEY, 5)]);
    let gone = states.expired(0, NOW, NOW).unwrap().unwrap();
    let mut batch = batch(&states, NOW, data, gone.clone(), Expiry::ByTime);
    batch.gone = gone;
    let mut calls = Vec::new();
    let Ok(outcome) = update_records(batch, |_, value, state| {
        calls.push((value, state.get_option().copied()));
        if value == Some(7) {
            state.update(7);
        }
        Ok::<Option<()>, Infallible>(None)
    });
    (calls, outcome.changes)
}

#[test]
fn a_state_that_is_gone_is_removed_once_and_no_record_finds_it() {
    let key = KEY.to_owned();
    assert_eq!(update_gone(&[]), (vec![(None, Some(5))], vec![(key.clone(), Update::Remove)]));
    let nothing = update_gone(&[(KEY, &[1])]);
    assert_eq!(nothing, (vec![(None, Some(5)), (Some(1), None)], vec![(key.clone(), Update::Remove)]));
    let again = update_gone(&[(KEY, &[7])]);
    assert_eq!(again, (vec![(None, Some(5)), (Some(7), None)], vec![(key, Update::Put(7))]));
}

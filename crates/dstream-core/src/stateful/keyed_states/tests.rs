//! Initial states, versions, and what checkpoints store, whatever the number of partitions.

use std::collections::BTreeMap;

use super::*;

const FIRST: Time = Time::from_millis(1_000);
const SECOND: Time = Time::from_millis(2_000);
const THIRD: Time = Time::from_millis(3_000);

fn batch(time: Time) -> Batch {
    Batch::new(time, Time::default(), BTreeMap::new())
}

fn states(partitions: usize, initial: &[(u32, u32)]) -> KeyedStates<u32, u32> {
    KeyedStates::new(partitions, Expiry::ByTime, initial.to_vec())
}

fn put(states: &KeyedStates<u32, u32>, time: Time, pairs: &[(u32, u32)]) {
    for partition in 0..states.partitions() {
        states.be_born(partition, &batch(time)).unwrap();
        let mine = pairs.iter().filter(|(key, _)| bucket_of(key, states.partitions()) == partition);
        let changes = mine.map(|(key, state)| (*key, Update::Put(*state))).collect();
        states.commit(partition, time, changes).unwrap();
    }
}

fn all(states: &KeyedStates<u32, u32>, version: Time) -> Vec<(u32, u32)> {
    let rows = |partition| states.rows(partition, version).unwrap();
    let mut all: Vec<_> = (0..states.partitions()).flat_map(rows).map(|(key, state)| (key, state.to_state())).collect();
    all.sort_unstable();
    all
}

/// The keys that time out in `batch` when `threshold` is that of the time-out.
fn expired(states: &KeyedStates<u32, u32>, batch: Time, threshold: i64) -> Vec<u32> {
    let threshold = Time::from_millis(threshold);
    let rows = |partition| states.expired(partition, batch, threshold).unwrap().unwrap();
    let mut keys: Vec<_> = (0..states.partitions()).flat_map(rows).map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn initial_states_are_there_before_the_first_batch_and_count_as_updated_in_it_t080() {
    let states = states(2, &[(1, 10), (2, 20), (3, 30)]);
    assert_eq!(states.oldest(), None);
    put(&states, FIRST, &[(2, 21)]);
    assert_eq!(all(&states, Time::default()), [(1, 10), (2, 20), (3, 30)]);
    assert_eq!(all(&states, FIRST), [(1, 10), (2, 21), (3, 30)]);
    assert_eq!(expired(&states, SECOND, 1_000), [0_u32; 0]);
    assert_eq!(expired(&states, SECOND, 1_001), [1, 2, 3]);
}

#[test]
fn a_version_can_be_read_until_it_is_forgotten_and_later_ones_do_not_change_it() {
    let states = states(2, &[]);
    put(&states, FIRST, &[(1, 10), (2, 20)]);
    put(&states, SECOND, &[(1, 11), (3, 30)]);
    assert_eq!(all(&states, FIRST), [(1, 10), (2, 20)]);
    states.forget_through(FIRST);
    assert_eq!(all(&states, FIRST), [(1, 10), (2, 20)]);
    states.forget_through(SECOND);
    assert!(states.rows(0, FIRST).is_err());
    assert_eq!(all(&states, SECOND), [(1, 11), (2, 20), (3, 30)]);
    // A batch in which the stream was not due leaves the version that the next one goes on from.
    states.forget_through(THIRD);
    assert_eq!((states.version_before(0, Time::from_millis(4_000)), states.held()), (Some(SECOND), 1));
}

#[test]
fn the_oldest_version_is_the_first_that_was_made_also_while_the_empty_one_before_it_is_kept() {
    let states = states(2, &[]);
    put(&states, FIRST, &[(1, 10)]);
    put(&states, SECOND, &[(1, 11)]);
    // Nothing was forgotten, as while the first snapshot, of no states, is being made.
    assert_eq!((states.version_before(0, FIRST), states.oldest()), (None, Some(FIRST)));
    states.forget_through(SECOND);
    assert_eq!(states.oldest(), Some(SECOND));
}

#[test]
fn a_version_that_was_made_is_not_looked_through_for_time_outs_again() {
    let states = states(1, &[(1, 10)]);
    put(&states, FIRST, &[]);
    assert!(states.expired(0, FIRST, THIRD).unwrap().is_none());
    assert!(states.commit(0, FIRST, Vec::new()).is_err());
}

#[test]
fn a_checkpoint_restores_states_and_their_times_whatever_the_number_of_partitions() {
    let stored = states(2, &[(1, 10), (2, 20)]);
    put(&stored, FIRST, &[]);
    put(&stored, SECOND, &[(2, 21), (3, 30)]);
    let parts = stored.encode(FIRST).unwrap();
    for partitions in [1, 2, 3, 8] {
        let restored = states(partitions, &[(9, 90)]);
        restored.decode(FIRST, &parts).unwrap();
        assert_eq!(all(&restored, FIRST), [(1, 10), (2, 20)]);
        put(&restored, SECOND, &[(2, 21)]);
        assert_eq!(all(&restored, SECOND), [(1, 10), (2, 21)]);
        assert_eq!(expired(&restored, THIRD, 1_001), [1]);
        if partitions == 2 {
            assert_eq!(stored.encode(FIRST).unwrap(), restored.encode(FIRST).unwrap());
        }
    }
}

#[test]
fn states_that_never_were_restore_to_the_initial_ones() {
    let parts = states(2, &[]).encode(FIRST).unwrap();
    for partitions in [2, 3] {
        let restored = states(partitions, &[(9, 90)]);
        restored.decode(FIRST, &parts).unwrap();
        put(&restored, SECOND, &[]);
        assert_eq!(all(&restored, SECOND), [(9, 90)]);
    }
}

#[test]
fn bytes_of_something_else_are_refused() {
    let error = states(1, &[]).decode(FIRST, &[Bytes::from_static(b"nonsense")]).unwrap_err();
    assert!(matches!(error, CodecError::State { .. }), "{error}");
}

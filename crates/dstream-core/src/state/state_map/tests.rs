//! The map against a naive one, and Spark's cases of state maps, in the terms of this design: a copy of a map is a version.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::state::StateCodecError;

type Map = StateMap<u32, u32>;

const fn at(millis: i64) -> Time {
    Time::from_millis(millis)
}

fn rows(map: &Map, version: Time) -> BTreeMap<u32, (u32, Time)> {
    let rows = map.at(version).unwrap().rows();
    let found: BTreeMap<_, _> = rows.iter().map(|(key, state, updated)| (**key, (**state, *updated))).collect();
    assert_eq!(found.len(), rows.len(), "no key comes twice");
    assert_eq!(map.at(version).unwrap().len(), rows.len());
    found
}

fn states(map: &Map, version: Time) -> Vec<(u32, u32)> {
    rows(map, version).into_iter().map(|(key, (state, _))| (key, state)).collect()
}

/// Makes a version: `Some` puts, `None` removes.
fn commit(map: &mut Map, version: i64, changes: &[(u32, Option<u32>)]) {
    let mut open = map.begin(at(version)).unwrap();
    for (key, state) in changes {
        match state {
            Some(state) => open.put(key, *state, at(version)),
            None => open.remove(key),
        }
    }
    open.commit();
}

fn encoded(map: &Map, version: Time) -> Vec<u8> {
    map.encode(version, Vec::new()).unwrap()
}

#[test]
fn initial_pairs_are_updated_at_their_creation_t080() {
    let map = Map::from_pairs(at(123), Expiry::ByTime, [(1, 10), (2, 20), (3, 30)]);
    let expected = [(1, (10, at(123))), (2, (20, at(123))), (3, (30, at(123)))];
    assert_eq!(rows(&map, at(123)), BTreeMap::from(expected));
}

/// Spark's empty map refuses to put; here every version can be built upon.
#[test]
fn an_empty_map_has_nothing_and_lets_remove_what_is_not_there_t085() {
    let mut map = Map::new(at(0), Expiry::ByTime);
    let mut open = map.begin(at(1)).unwrap();
    assert_eq!(open.get(&1), None);
    open.remove(&1);
    open.touch(&1, at(1));
    assert_eq!((open.len(), open.updated(&1)), (0, None));
    open.commit();
    assert_eq!(states(&map, at(1)), []);
}

#[test]
fn keys_expire_when_their_time_is_strictly_before_the_threshold_t086() {
    let mut map = Map::new(at(0), Expiry::ByTime);
    let mut open = map.begin(at(30)).unwrap();
    open.put(&1, 100, at(10));
    open.put(&2, 200, at(20));
    let expired = |open: &OpenVersion<'_, u32, u32>, threshold| open.expired(at(threshold));
    assert_eq!(expired(&open, 10), [0; 0]);
    assert_eq!(expired(&open, 11), [1]);
    assert_eq!(expired(&open, 20), [1]);
    assert_eq!(expired(&open, 21), [1, 2]);
    assert_eq!((open.get(&1), open.updated(&2)), (Some(&100), Some(at(20))));
    open.remove(&1);
    assert_eq!(expired(&open, 21), [2]);
    open.touch(&2, at(21));
    assert_eq!(expired(&open, 21), [0; 0]);
}

#[test]
fn without_an_index_nothing_expires() {
    let mut map = Map::from_pairs(at(0), Expiry::Off, [(1, 1)]);
    assert_eq!(map.begin(at(9)).unwrap().expired(at(9)), [0; 0]);
}

#[test]
fn a_version_never_changes_the_ones_before_it_t087() {
    let mut map = Map::new(at(0), Expiry::Off);
    commit(&mut map, 1, &[(1, Some(100)), (2, Some(200))]);
    commit(&mut map, 2, &[(3, Some(300)), (1, Some(101)), (2, None)]);
    commit(&mut map, 3, &[(2, Some(222)), (3, None), (1, None), (1, Some(102))]);
    assert_eq!(states(&map, at(0)), []);
    assert_eq!(states(&map, at(1)), [(1, 100), (2, 200)]);
    assert_eq!(states(&map, at(2)), [(1, 101), (3, 300)]);
    assert_eq!(states(&map, at(3)), [(1, 102), (2, 222)]);
    assert_eq!(map.at(at(1)).unwrap().get(&2), Some((&200, at(1))));
}

#[test]
fn every_version_comes_back_whole_however_many_there_are_t088() {
    let mut map = Map::new(at(0), Expiry::Off);
    commit(&mut map, 1, &[(1, Some(100)), (2, Some(200))]);
    commit(&mut map, 2, &[(1, None), (3, Some(300))]);
    commit(&mut map, 3, &[(2, Some(201))]);
    for version in 0..=3 {
        let back = Map::decode(&*encoded(&map, at(version)), Expiry::ByTime).unwrap();
        assert_eq!(rows(&back, at(version)), rows(&map, at(version)));
        assert_eq!((back.oldest(), back.newest()), (at(version), at(version)));
    }
}

/// Spark compacts a chain of deltas when it is encoded; here the versions are forgotten, and none is encoded but the asked.
#[test]
fn a_long_history_shrinks_to_what_is_still_asked_for_t089() {
    let mut map = Map::new(at(0), Expiry::Off);
    (1..=10).for_each(|version| commit(&mut map, version, &[(1, Some(u32::try_from(version).unwrap()))]));
    assert_eq!(map.versions().count(), 11);
    map.forget_before(at(6));
    assert_eq!(map.versions().collect::<Vec<_>>(), [6, 7, 8, 9, 10].map(at));
    assert_eq!(Map::decode(&*encoded(&map, at(8)), Expiry::Off).unwrap().versions().count(), 1);
    map.forget_before(at(99));
    assert_eq!(map.versions().collect::<Vec<_>>(), [at(10)]);
    assert_eq!(states(&map, at(10)), [(1, 10)]);
}

#[test]
fn all_sequences_of_puts_and_removes_equal_a_naive_map_t090() {
    const KEYS: [u32; 2] = [1, 2];
    // Three versions of three operations, each a put or a remove, on one key and on two taking turns.
    for (bits, stride) in (0..1_u32 << 9).flat_map(|bits| [(bits, 1), (bits, 2)]) {
        let mut map = Map::new(at(0), Expiry::ByTime);
        let mut naive = vec![BTreeMap::new()];
        for version in 0..3 {
            let mut next = naive[version].clone();
            let mut changes = Vec::new();
            for op in version * 3..version * 3 + 3 {
                let key = KEYS[op % stride];
                let put = (bits >> op) & 1 == 1;
                let state = put.then_some(u32::try_from(op).unwrap());
                changes.push((key, state));
                match state {
                    Some(state) => next.insert(key, state),
                    None => next.remove(&key),
                };
            }
            naive.push(next);
            commit(&mut map, i64::try_from(version).unwrap() + 1, &changes);
        }
        for (version, expected) in (0..).zip(naive) {
            assert_eq!(states(&map, at(version)), expected.into_iter().collect::<Vec<_>>(), "{bits:b}");
        }
    }
}

/// The type that a program encodes in its own way.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "String", into = "String")]
struct Session {
    user: String,
    clicks: u32,
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self { user: self.user.clone(), clicks: self.clicks }
    }
}

impl From<String> for Session {
    fn from(text: String) -> Self {
        let (user, clicks) = text.split_once('/').unwrap();
        Self { user: user.to_owned(), clicks: clicks.parse().unwrap() }
    }
}

impl From<Session> for String {
    fn from(session: Session) -> Self {
        format!("{}/{}", session.user, session.clicks)
    }
}

#[test]
fn states_with_an_encoding_of_their_own_come_back_t091() {
    let session = Session { user: "ann".to_owned(), clicks: 3 };
    let map = StateMap::from_pairs(at(0), Expiry::Off, [("k".to_owned(), session.clone())]);
    let bytes = map.encode(at(0), Vec::new()).unwrap();
    let back = StateMap::<String, Session>::decode(&*bytes, Expiry::Off).unwrap();
    assert_eq!(back.at(at(0)).unwrap().get(&"k".to_owned()), Some((&session, at(0))));
}

#[test]
fn a_version_must_be_held_and_a_new_one_later() {
    let mut map = Map::new(at(5), Expiry::Off);
    commit(&mut map, 7, &[]);
    let missing = map.at(at(6)).unwrap_err();
    assert_eq!(missing, VersionError::NotHeld { version: at(6), oldest: at(5), newest: at(7) });
    assert_eq!(map.begin(at(7)).unwrap_err(), VersionError::NotLater { version: at(7), newest: at(7) });
    assert!(map.roll_back_to(at(8)).is_err());
    assert!(matches!(map.encode(at(4), Vec::new()), Err(StateCodecError::Version(_))));
    assert!(matches!(map.encode_delta(at(4), at(7), Vec::new()), Err(StateCodecError::Version(_))));
}

#[test]
fn equal_states_have_equal_rows_and_bytes_however_they_came() {
    let forwards = Map::from_pairs(at(1), Expiry::Off, (0..1_000).map(|key| (key, key)));
    let mut backwards = Map::new(at(0), Expiry::ByTime);
    let mut open = backwards.begin(at(1)).unwrap();
    (0..3_000).rev().for_each(|key| open.put(&key, key, at(1)));
    (1_000..3_000).for_each(|key| open.remove(&key));
    open.commit();
    assert_eq!(forwards.newest_view().rows(), backwards.newest_view().rows());
    assert_eq!(encoded(&forwards, at(1)), encoded(&backwards, at(1)));
}

#[test]
fn a_delta_has_the_touched_keys_only_and_of_those_kept_alive_no_states() {
    let mut map = StateMap::from_pairs(at(0), Expiry::ByTime, (0..1_000_u32).map(|key| (key, "s".repeat(1_000))));
    let mut open = map.begin(at(1)).unwrap();
    (0..10).for_each(|key| open.touch(&key, at(1)));
    open.put(&10, "t".to_owned(), at(1));
    open.remove(&11);
    open.commit();
    let delta = map.encode_delta(at(0), at(1), Vec::new()).unwrap();
    assert!(delta.len() < 100, "{} bytes", delta.len());
    let mut back = StateMap::decode(&*map.encode(at(0), Vec::new()).unwrap(), Expiry::ByTime).unwrap();
    back.apply_delta(&*delta).unwrap();
    assert_eq!(back.newest_view().rows(), map.newest_view().rows());
}

#[test]
fn bytes_of_something_else_are_refused_and_change_nothing() {
    let mut map = Map::from_pairs(at(0), Expiry::Off, [(1, 1)]);
    commit(&mut map, 1, &[(1, Some(2))]);
    commit(&mut map, 2, &[(1, Some(3))]);
    let whole = encoded(&map, at(1));
    let decode = |bytes: &[u8]| Map::decode(bytes, Expiry::Off).unwrap_err();
    assert!(matches!(decode(b"hello"), StateCodecError::NotState));
    assert!(matches!(decode(b""), StateCodecError::NotState));
    let mut newer = whole.clone();
    newer[4] = 2;
    assert!(matches!(decode(&newer), StateCodecError::Format { found: 2 }));
    let delta = map.encode_delta(at(0), at(1), Vec::new()).unwrap();
    assert!(matches!(decode(&delta), StateCodecError::NotWhole));

    let mut other = Map::decode(&*encoded(&map, at(0)), Expiry::Off).unwrap();
    assert!(matches!(other.apply_delta(&*whole), Err(StateCodecError::OtherBase { after: None, .. })));
    let skipping = map.encode_delta(at(1), at(2), Vec::new()).unwrap();
    assert!(matches!(other.apply_delta(&*skipping), Err(StateCodecError::OtherBase { .. })));
    for end in 0..delta.len() {
        assert!(other.apply_delta(&delta[..end]).is_err());
    }
    assert_eq!((other.newest(), states(&other, at(0))), (at(0), vec![(1, 1)]));
}

#[derive(Clone, Debug)]
enum Step {
    /// Changes, and whether they are committed.
    Version(Vec<Change>, bool),
    /// To the version at this place among those held.
    RollBack(usize),
    ForgetBefore(usize),
    /// Starts over from the encoded newest version.
    Restart,
    /// Starts over from an encoded older version and the changes since.
    RestartFromDelta(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Put(u32, u32),
    Touch(u32),
    Remove(u32),
    Expire(i64),
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (0_u32..12, 0_u32..1_000).prop_map(|(key, state)| Change::Put(key, state)),
        2 => (0_u32..12).prop_map(Change::Touch),
        2 => (0_u32..12).prop_map(Change::Remove),
        1 => (0_i64..60).prop_map(Change::Expire),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (proptest::collection::vec(changes(), 0..8), prop::bool::weighted(0.8)).prop_map(|(c, b)| Step::Version(c, b)),
        1 => (0_usize..10).prop_map(Step::RollBack),
        1 => (0_usize..10).prop_map(Step::ForgetBefore),
        1 => Just(Step::Restart),
        1 => (0_usize..10).prop_map(Step::RestartFromDelta),
    ];
    proptest::collection::vec(step, 0..40)
}

type Naive = BTreeMap<Time, BTreeMap<u32, (u32, Time)>>;

/// The version at `place` among those held, counted round and round.
fn pick(naive: &Naive, place: usize) -> Time {
    *naive.keys().nth(place % naive.len()).unwrap()
}

fn change(open: &mut OpenVersion<'_, u32, u32>, naive: &mut BTreeMap<u32, (u32, Time)>, change: &Change, now: Time) {
    match *change {
        Change::Put(key, state) => {
            open.put(&key, state, now);
            naive.insert(key, (state, now));
        }
        Change::Touch(key) => {
            open.touch(&key, now);
            naive.entry(key).and_modify(|(_, updated)| *updated = now);
        }
        Change::Remove(key) => {
            open.remove(&key);
            naive.remove(&key);
        }
        Change::Expire(age) => {
            let threshold = now.minus(std::time::Duration::from_millis(age.unsigned_abs()));
            let due: BTreeSet<u32> = naive.iter().filter(|(_, row)| row.1 < threshold).map(|(key, _)| *key).collect();
            let expired = open.expired(threshold);
            assert_eq!(expired.iter().copied().collect::<BTreeSet<_>>(), due);
            assert!(expired.is_sorted_by_key(|key| open.updated(key)));
            expired.iter().for_each(|key| open.remove(key));
            naive.retain(|_, row| row.1 >= threshold);
        }
    }
}

proptest! {
    /// The cases 85 to 90 of Spark's suite at random.
    #[test]
    fn any_history_reads_like_a_naive_map_of_all_versions_t090(steps in steps()) {
        let mut map = Map::new(at(0), Expiry::ByTime);
        let mut naive = Naive::from([(at(0), BTreeMap::new())]);
        for (time, step) in (1_i64..).zip(steps) {
            match step {
                Step::Version(changes, committed) => {
                    let version = at(time * 10);
                    let mut next = naive.last_key_value().unwrap().1.clone();
                    let mut open = map.begin(version).unwrap();
                    changes.iter().for_each(|each| change(&mut open, &mut next, each, version));
                    prop_assert_eq!(open.len(), next.len());
                    if committed {
                        open.commit();
                        naive.insert(version, next);
                    } else {
                        drop(open);
                    }
                }
                Step::RollBack(place) => {
                    let version = pick(&naive, place);
                    map.roll_back_to(version).unwrap();
                    naive.retain(|each, _| *each <= version);
                }
                Step::ForgetBefore(place) => {
                    let version = pick(&naive, place);
                    map.forget_before(version);
                    naive.retain(|each, _| *each >= version);
                }
                Step::Restart => {
                    let version = map.newest();
                    map = Map::decode(&*encoded(&map, version), Expiry::ByTime).unwrap();
                    naive.retain(|each, _| *each == version);
                }
                Step::RestartFromDelta(place) => {
                    let (from, to) = (pick(&naive, place), map.newest());
                    let delta = map.encode_delta(from, to, Vec::new()).unwrap();
                    map = Map::decode(&*encoded(&map, from), Expiry::ByTime).unwrap();
                    map.apply_delta(&*delta).unwrap();
                    naive.retain(|each, _| *each == from || *each == to);
                }
            }
            prop_assert_eq!(map.versions().collect::<Vec<_>>(), naive.keys().copied().collect::<Vec<_>>());
            for (version, expected) in &naive {
                prop_assert_eq!(&rows(&map, *version), expected);
                for key in 0..12 {
                    let found = map.at(*version).unwrap().get(&key).map(|(state, updated)| (*state, updated));
                    prop_assert_eq!(found, expected.get(&key).copied());
                }
            }
        }
    }
}

//! The rule of `update_state_by_key` for one partition and one batch: the function once for every key that has a state or
//! new values. Pure.

use std::hash::Hash;

use crate::key_hash::KeyMap;
use crate::state::open_version::OpenVersion;
use crate::state::version_view::hash_of;
use crate::time::Time;

/// Applies `function` to every key that has a state, with its new values or none, and to every other key of `values`; both
/// in the order of the keys' hashes. What it returns is the key's new state.
///
/// # Errors
/// The first one of `function`; the version is then unchanged.
pub(crate) fn update_every_key<K, V, S, E>(
    open: &mut OpenVersion<'_, K, S>,
    mut values: KeyMap<K, Vec<V>>,
    mut function: impl FnMut(Time, &K, Vec<V>, Option<&S>) -> Result<Option<S>, E>,
) -> Result<(), E>
where
    K: Hash + Eq + Clone,
{
    let now = open.version();
    let mut updates = Vec::with_capacity(open.len());
    for (key, state, _) in open.rows() {
        let new = values.remove(key).unwrap_or_default();
        updates.push((key.clone(), function(now, key, new, Some(state))?));
    }
    let mut new_keys: Vec<(u64, K, Vec<V>)> = values.into_iter().map(|(key, new)| (hash_of(&key), key, new)).collect();
    new_keys.sort_unstable_by_key(|(hash, _, _)| *hash);
    for (_, key, new) in new_keys {
        let state = function(now, &key, new, None)?;
        updates.push((key, state));
    }
    for (key, state) in updates {
        match state {
            Some(state) => open.put(&key, state, now),
            None => open.remove(&key),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::state::{Expiry, StateMap};

    /// Sums the values; a key without values loses one, and at zero its state.
    fn step(
        map: &mut StateMap<&'static str, u32>,
        time: i64,
        values: &[(&'static str, u32)],
    ) -> Vec<(&'static str, u32)> {
        let mut grouped = KeyMap::<_, Vec<u32>>::default();
        for (key, value) in values {
            grouped.entry(*key).or_default().push(*value);
        }
        let mut open = map.begin(Time::from_millis(time)).unwrap();
        update_every_key(&mut open, grouped, |_, _, new, state| {
            let sum = state.copied().unwrap_or(0) + new.iter().sum::<u32>() - u32::from(new.is_empty());
            Ok::<_, Infallible>((sum > 0).then_some(sum))
        })
        .unwrap();
        open.commit();
        let mut rows: Vec<_> = map.newest_view().rows().into_iter().map(|(key, sum, _)| (*key, *sum)).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn every_known_key_is_asked_in_every_batch_and_none_deletes_it() {
        let mut map = StateMap::new(Time::from_millis(0), Expiry::Off);
        assert_eq!(step(&mut map, 1, &[("a", 1), ("b", 2), ("a", 1)]), [("a", 2), ("b", 2)]);
        assert_eq!(step(&mut map, 2, &[("b", 5)]), [("a", 1), ("b", 7)]);
        assert_eq!(step(&mut map, 3, &[]), [("b", 6)]);
        assert_eq!(step(&mut map, 4, &[("c", 1)]), [("b", 5), ("c", 1)]);
    }

    #[test]
    fn an_error_leaves_the_version_unchanged() {
        let mut map = StateMap::from_pairs(Time::from_millis(0), Expiry::Off, [("a", 1), ("b", 2)]);
        let mut open = map.begin(Time::from_millis(1)).unwrap();
        let refused = update_every_key(&mut open, KeyMap::<_, Vec<u32>>::default(), |_, key, _, state| {
            if *key == "b" { Err("no") } else { Ok(state.map(|n| n + 1)) }
        });
        assert_eq!(refused, Err("no"));
        assert_eq!((open.get(&"a"), open.get(&"b")), (Some(&1), Some(&2)));
    }
}

//! The rule of `update_state_by_key` for one partition and one batch: the function once for every key that has a state or
//! new values. Pure.

use std::hash::Hash;

use crate::key_hash::KeyMap;

/// The new values of each key, each key once.
pub(crate) type Grouped<K, V> = Vec<(K, Vec<V>)>;

/// Gives `function` every key that has a state, with its new values or none, in the order of `states`, and then every other
/// key of `values`, in their order. What it returns is the key's new state; the states that there are keep their order.
///
/// # Errors
/// The first one of `function`.
pub(crate) fn update_every_key<K, V, S, E>(
    states: Vec<(K, S)>,
    values: Grouped<K, V>,
    mut function: impl FnMut(&K, Vec<V>, Option<S>) -> Result<Option<S>, E>,
) -> Result<Vec<(K, S)>, E>
where
    K: Hash + Eq,
{
    // Where the values of a key are; those that have gone to a key with a state are taken out of their place.
    let mut places: KeyMap<K, Vec<V>> = KeyMap::default();
    places.reserve(values.len());
    places.extend(values);
    let mut updated = Vec::with_capacity(states.len());
    for (key, state) in states {
        let new = if places.is_empty() { Vec::new() } else { places.remove(&key).unwrap_or_default() };
        if let Some(state) = function(&key, new, Some(state))? {
            updated.push((key, state));
        }
    }
    for (key, new) in places {
        if let Some(state) = function(&key, new, None)? {
            updated.push((key, state));
        }
    }
    Ok(updated)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Sums the values; a key without values loses one, and at zero its state.
    fn step(states: &mut Vec<(&'static str, u32)>, values: &[(&'static str, &[u32])]) -> Vec<(&'static str, u32)> {
        let values = values.iter().map(|(key, values)| (*key, values.to_vec())).collect();
        let Ok(updated) = update_every_key(states.clone(), values, |_, new, state| {
            let sum = state.unwrap_or(0) + new.iter().sum::<u32>() - u32::from(new.is_empty());
            Ok::<_, Infallible>((sum > 0).then_some(sum))
        });
        states.clone_from(&updated);
        updated
    }

    #[test]
    fn every_known_key_is_asked_in_every_batch_and_none_deletes_it() {
        let mut states = Vec::new();
        let mut first = step(&mut states, &[("a", &[1, 1]), ("b", &[2])]);
        first.sort_unstable();
        assert_eq!(first, [("a", 2), ("b", 2)]);
        states = first;
        assert_eq!(step(&mut states, &[("b", &[5])]), [("a", 1), ("b", 7)]);
        assert_eq!(step(&mut states, &[]), [("b", 6)]);
        assert_eq!(step(&mut states, &[("c", &[1])]), [("b", 5), ("c", 1)]);
    }

    #[test]
    fn the_first_error_of_the_function_is_returned() {
        let states = vec![("a", 1), ("b", 2)];
        let refused = update_every_key(states, Grouped::<_, u32>::new(), |key, _, state| {
            if *key == "b" { Err("no") } else { Ok(state.map(|n| n + 1)) }
        });
        assert_eq!(refused, Err("no"));
    }
}

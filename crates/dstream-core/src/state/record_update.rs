//! The rule of `map_with_state` for one partition and one batch: the function once for each record, then once for each key
//! that times out. Pure.

use std::hash::Hash;

use crate::state::handle::{Change, State};
use crate::state::open_version::OpenVersion;
use crate::time::Time;

/// Applies `function` to each of `records`, in their order, and then, without a value, to each key that was last updated
/// before `threshold`, which loses its state thereby. Returns what the function returned.
///
/// With a threshold, a record keeps the state of its key alive even if the function does not update it; without one, only
/// an update changes the time. A record for a key without state makes none by itself.
///
/// # Errors
/// The first one of `function`; the version is then to be rolled back.
pub(crate) fn update_records<K, V, S, T, E>(
    open: &mut OpenVersion<'_, K, S>,
    records: impl IntoIterator<Item = (K, V)>,
    threshold: Option<Time>,
    mut function: impl FnMut(Time, &K, Option<V>, &mut State<'_, S>) -> Result<Option<T>, E>,
) -> Result<Vec<T>, E>
where
    K: Hash + Eq + Clone,
{
    let now = open.version();
    let mut mapped = Vec::new();
    for (key, value) in records {
        let mut state = State::of(open.get(&key));
        mapped.extend(function(now, &key, Some(value), &mut state)?);
        match state.into_change() {
            Change::Updated(state) => open.put(&key, state, now),
            Change::Removed => open.remove(&key),
            Change::None if threshold.is_some() => open.touch(&key, now),
            Change::None => {}
        }
    }
    for key in threshold.map(|threshold| open.expired(threshold)).unwrap_or_default() {
        if let Some(state) = open.get(&key) {
            mapped.extend(function(now, &key, None, &mut State::timing_out(state))?);
        }
        open.remove(&key);
    }
    Ok(mapped)
}

#[cfg(test)]
mod tests;

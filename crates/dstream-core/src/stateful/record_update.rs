//! The rule of `map_with_state` for one partition and one batch: the function once for each record, and once for each key
//! that times out. Pure.

use std::hash::Hash;

use crate::key_hash::KeyMap;
use crate::state::{Change, Expiry, State};
use crate::stateful::keyed_states::{HeldStates, Update};
use crate::stateful::shared_state::Shared;
use crate::stateful::state_step::Outcome;

/// What comes together in a batch.
pub(crate) struct Records<K, V, S> {
    /// Whether a record keeps the state of its key alive even if the function does not update it.
    pub(crate) expiry: Expiry,
    /// States that timed out at a batch time that was skipped: before the records, which do not find them any more.
    pub(crate) gone: HeldStates<K, S>,
    /// Each key once, with its values in their order, and its state before the batch.
    pub(crate) records: Vec<(K, Vec<V>, Option<Shared<S>>)>,
    /// States that time out in this batch, unless a record keeps them alive. Those that are gone may be among them.
    pub(crate) expiring: HeldStates<K, S>,
}

/// Applies `function` to the keys that are gone, to each record in its order, and to each key that times out now. The states
/// of those that time out are removed. A record for a key without state makes none by itself.
///
/// # Errors
/// The first one of `function`.
pub(crate) fn update_records<K, V, S, T, E>(
    batch: Records<K, V, S>,
    mut function: impl FnMut(&K, Option<V>, &mut State<'_, S>) -> Result<Option<T>, E>,
) -> Result<Outcome<K, S, T>, E>
where
    K: Hash + Eq + Clone,
{
    let Records { expiry, gone, records, expiring } = batch;
    let mut out = Outcome::default();
    // Whether the state of the key is settled already, so that it does not time out (again).
    let mut settled: KeyMap<K, ()> = KeyMap::default();
    for (key, state) in gone {
        out.rows.extend(function(&key, None, &mut State::timing_out(state.as_ref()))?);
        settled.insert(key, ());
    }
    let mut removed = std::mem::take(&mut settled);
    for (key, values, held) in records {
        let timed_out = removed.remove(&key).is_some();
        let before = held.as_ref().filter(|_| !timed_out).map(Shared::as_ref);
        let mut change = Change::None;
        for value in values {
            out.rows.extend(next_change(&mut change, before, |state| function(&key, Some(value), state))?);
        }
        let exists = held.is_some();
        if !expiring.is_empty() {
            settled.insert(key.clone(), ());
        }
        match change {
            Change::Updated(state) => out.changes.push((key, Update::Put(state))),
            Change::Removed if exists => out.changes.push((key, Update::Remove)),
            Change::None if timed_out => out.changes.push((key, Update::Remove)),
            Change::None if exists && expiry == Expiry::ByTime => out.changes.push((key, Update::Touch)),
            Change::Removed | Change::None => {}
        }
    }
    for (key, state) in expiring {
        if !settled.contains_key(&key) && !removed.contains_key(&key) {
            out.rows.extend(function(&key, None, &mut State::timing_out(state.as_ref()))?);
            out.changes.push((key, Update::Remove));
        }
    }
    out.changes.extend(removed.into_keys().map(|key| (key, Update::Remove)));
    Ok(out)
}

/// Lets `call` see the state after `change`, and adds to that what it does.
fn next_change<S, R>(change: &mut Change<S>, before: Option<&S>, call: impl FnOnce(&mut State<'_, S>) -> R) -> R {
    let held = match change {
        Change::None => before,
        Change::Updated(state) => Some(&*state),
        Change::Removed => None,
    };
    let mut state = State::of(held);
    let result = call(&mut state);
    match state.into_change() {
        Change::None => {}
        changed => *change = changed,
    }
    result
}

#[cfg(test)]
mod tests;

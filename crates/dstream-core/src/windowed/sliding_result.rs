//! The result of a keyed window, kept and corrected: what enters the window is added, what leaves it is taken away.
//!
//! A window costs in proportion to the keys that enter and leave, not to all that are in it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::batch::Batch;
use crate::cached::Cached;
use crate::data::{Data, Key};
use crate::dataset::{Dataset, Task, TaskError};
use crate::job::{Job, JobError};
use crate::kept::Kept;
use crate::key_hash::KeyMap;
use crate::operator::OperatorName;
use crate::stateful::{KeyedStates, Outcome, Shared, StateWork, Update};
use crate::windowed::bucket::bucket_rows;

/// The functions of such a window.
pub(crate) struct Reducing<K, V> {
    pub(crate) add: Arc<dyn Fn(V, V) -> V + Send + Sync>,
    pub(crate) take_away: Box<dyn Fn(V, V) -> V + Send + Sync>,
    /// Keys for which it is false are dropped.
    pub(crate) keep: Option<Box<Keep<K, V>>>,
}

type Keep<K, V> = dyn Fn(&K, &V) -> bool + Send + Sync;

/// One step of such a window.
pub(crate) struct SlidingResult<K, V> {
    pub(crate) operator: OperatorName,
    pub(crate) batch: Arc<Batch>,
    pub(crate) window: Duration,
    pub(crate) batches: Arc<Kept<(K, V)>>,
    pub(crate) states: Arc<KeyedStates<K, V>>,
    pub(crate) reducing: Arc<Reducing<K, V>>,
    pub(crate) moved: OnceLock<Moved<K, V>>,
}

/// The batches that the window loses and gains, each oldest first.
pub(crate) struct Moved<K, V> {
    leaving: Vec<Arc<Cached<(K, V)>>>,
    entering: Vec<Arc<Cached<(K, V)>>>,
}

/// What happens to a key.
struct Moves<V> {
    leaving: Option<V>,
    entering: Option<V>,
}

impl<V> Default for Moves<V> {
    fn default() -> Self {
        Self { leaving: None, entering: None }
    }
}

impl<K: Key, V: Data> SlidingResult<K, V> {
    /// What moved since the last window that was computed, however long ago that was: batches that both entered and left
    /// meanwhile never were in a result, and are not taken out of one.
    fn moved(&self) -> Moved<K, V> {
        let now = self.batch.time;
        let begin = now.minus(self.window);
        let Some(before) = self.states.version_before(0, now) else {
            return Moved { leaving: Vec::new(), entering: self.batches.between(begin, now) };
        };
        Moved {
            leaving: self.batches.between(before.minus(self.window), before.min(begin)),
            entering: self.batches.between(before.max(begin), now),
        }
    }

    /// Adds up each key's values of `batches`.
    fn gather<'a>(
        &self,
        batches: &'a [Arc<Cached<(K, V)>>],
        partition: usize,
        task: &Task<'_>,
        moves: &mut KeyMap<&'a K, Moves<V>>,
        side: impl Fn(&mut Moves<V>) -> &mut Option<V>,
    ) -> Result<(), TaskError> {
        for batch in batches {
            let rows = batch.all_rows().ok_or(TaskError::NotPrepared(self.operator))?;
            for (key, value) in bucket_rows(rows, partition, self.states.partitions()) {
                task.check()?;
                let sum = side(moves.entry(key).or_default());
                *sum = Some(match sum.take() {
                    Some(before) => (self.reducing.add)(before, value.clone()),
                    None => value.clone(),
                });
            }
        }
        Ok(())
    }

    fn update(&self, key: &K, held: Option<Shared<V>>, moves: Moves<V>) -> Result<Option<Update<V>>, TaskError> {
        let existed = held.is_some();
        let value = self.reducing.slide(held.map(|held| held.to_state()), moves);
        let value = value.ok_or(TaskError::NoPreviousValue { key: std::any::type_name::<K>() })?;
        if self.reducing.keep.as_ref().is_none_or(|keep| keep(key, &value)) {
            return Ok(Some(Update::Put(value)));
        }
        Ok(existed.then_some(Update::Remove))
    }
}

impl<K, V> Reducing<K, V> {
    /// The next value of a key; `None` when something leaves that is in no value.
    fn slide(&self, held: Option<V>, Moves { leaving, entering }: Moves<V>) -> Option<V> {
        let Some(held) = held else { return entering };
        let left = match leaving {
            Some(leaving) => (self.take_away)(held, leaving),
            None => held,
        };
        Some(match entering {
            Some(entering) => (self.add)(left, entering),
            None => left,
        })
    }
}

impl<K: Key, V: Data> StateWork<K, V, ()> for SlidingResult<K, V> {
    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        let moved = self.moved.get_or_init(|| self.moved());
        moved.leaving.iter().chain(&moved.entering).try_for_each(|batch| batch.prepare(job))
    }

    fn compute(&self, partition: usize, task: &Task<'_>) -> Result<Outcome<K, V, ()>, TaskError> {
        let moved = self.moved.get().ok_or(TaskError::NotPrepared(self.operator))?;
        let mut moves = KeyMap::default();
        self.gather(&moved.leaving, partition, task, &mut moves, |moves| &mut moves.leaving)?;
        self.gather(&moved.entering, partition, task, &mut moves, |moves| &mut moves.entering)?;
        let version = self.states.version_before(partition, self.batch.time);
        let held = self.states.read(partition, version, moves.keys().copied()).map_err(TaskError::of_state)?;
        let mut outcome = Outcome::default();
        for ((key, moves), held) in moves.into_iter().zip(held) {
            task.check()?;
            let update = self.update(key, held, moves)?;
            outcome.changes.extend(update.map(|update| (key.clone(), update)));
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slid(held: Option<i32>, leaving: Option<i32>, entering: Option<i32>) -> Option<i32> {
        let reducing: Reducing<(), i32> =
            Reducing { add: Arc::new(|m, n| m + n), take_away: Box::new(|m, n| m - n), keep: None };
        reducing.slide(held, Moves { leaving, entering })
    }

    #[test]
    fn what_leaves_is_taken_away_and_what_enters_is_added() {
        assert_eq!(slid(Some(5), Some(2), Some(10)), Some(13));
        assert_eq!(slid(Some(5), Some(5), None), Some(0));
        assert_eq!(slid(Some(5), None, Some(1)), Some(6));
    }

    #[test]
    fn a_new_key_begins_with_what_enters() {
        assert_eq!(slid(None, None, Some(1)), Some(1));
        assert_eq!(slid(None, Some(3), Some(1)), Some(1));
    }

    #[test]
    fn a_value_cannot_leave_a_result_that_does_not_exist() {
        assert_eq!(slid(None, Some(3), None), None);
    }
}

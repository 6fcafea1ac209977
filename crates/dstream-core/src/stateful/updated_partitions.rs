//! The iterator form of `update_state_by_key`: the function is given whole partitions, and may give other keys than it got.
//!
//! What it gives goes to the partitions of its keys by a shuffle, so that the next batch finds each state where its key is.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::batch::Batch;
use crate::cached::{Cached, Partitions};
use crate::data::{Data, Key};
use crate::dataset::{Dataset, SharedDataset, SharedRows, Sink, Task, TaskError};
use crate::grouping::Placing;
use crate::job::{Job, JobError};
use crate::key_hash::KeyMap;
use crate::operator::OperatorName;
use crate::rdd::Rdd;
use crate::stateful::every_key::Grouped;
use crate::stateful::spec::UpdatePartition;
use crate::stateful::whole_states::WholeStates;
use crate::time::Time;

/// The dataset of all states as of the end of a batch.
pub(crate) struct UpdatedPartitions<K, V, S> {
    pub(crate) operator: OperatorName,
    pub(crate) batch: Arc<Batch>,
    pub(crate) slide: Duration,
    pub(crate) states: Arc<WholeStates<K, S>>,
    pub(crate) function: UpdatePartition<K, V, S>,
    /// The new values of each key, in as many partitions as there are of states.
    pub(crate) values: Rdd<(K, Vec<V>)>,
    pub(crate) rows: OnceLock<Partitions<(K, S)>>,
}

impl<K: Key, V: Data, S: Data> UpdatedPartitions<K, V, S> {
    /// The states after `time`, in the partitions of their keys.
    fn step(
        &self,
        job: &Job,
        time: Time,
        states: &Partitions<(K, S)>,
        values: Option<&SharedDataset<(K, Vec<V>)>>,
    ) -> Result<Partitions<(K, S)>, JobError> {
        let updated = job.run_tasks(0..self.states.partitions(), &|_| None, &|partition, task| {
            let mut new: Grouped<K, V> = Vec::new();
            if let Some(values) = values {
                values.run(partition, task, &mut |row| {
                    new.push(row);
                    ControlFlow::Continue(())
                })?;
            }
            task.check()?;
            task.enter(self.operator);
            let states = states.get(partition).map_or(&[][..], |rows| rows.as_slice());
            Ok(Arc::new((self.function)(time, keys_of(states, new))))
        })?;
        let updated = self.values.with(Arc::new(Cached::of(self.operator, None, updated)));
        let placed = Cached::new(self.operator, updated.wide(Placing, self.states.partitions()).into_dataset());
        placed.prepare(job)?;
        Ok(placed.all_rows().cloned().unwrap_or_default())
    }
}

/// Every key that has a state, in the order of `states`, and then every other one of `values`. Of two states of a key the first
/// one counts.
fn keys_of<K: Key, V, S: Clone>(states: &[(K, S)], values: Grouped<K, V>) -> Vec<(K, Vec<V>, Option<S>)> {
    let mut rows: Vec<(K, Vec<V>, Option<S>)> = Vec::with_capacity(states.len().saturating_add(values.len()));
    let mut places: KeyMap<&K, usize> = KeyMap::default();
    for (key, state) in states {
        places.entry(key).or_insert_with(|| {
            rows.push((key.clone(), Vec::new(), Some(state.clone())));
            rows.len().saturating_sub(1)
        });
    }
    for (key, new) in values {
        match places.get(&key).and_then(|place| rows.get_mut(*place)) {
            Some(row) => row.1 = new,
            None => rows.push((key, new, None)),
        }
    }
    rows
}

impl<K: Key, V: Data, S: Data> Dataset<(K, S)> for UpdatedPartitions<K, V, S> {
    fn partitions(&self) -> usize {
        self.states.partitions()
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        if self.rows.get().is_some() {
            return Ok(());
        }
        self.values.prepare()?;
        let (version, mut rows) = self.states.before(self.batch.time);
        let mut time = version.map_or(self.batch.time, |version| version.plus(self.slide));
        // A batch time that was skipped is a batch without values.
        while time < self.batch.time && rows.iter().any(|rows| !rows.is_empty()) {
            rows = self.step(job, time, &rows, None)?;
            time = time.plus(self.slide);
        }
        let rows = self.step(job, self.batch.time, &rows, Some(self.values.dataset()))?;
        // An attempt that failed has changed nothing.
        self.states.commit(self.batch.time, self.rows.get_or_init(|| rows));
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, (K, S)>) -> Result<(), TaskError> {
        let rows = self.rows.get().ok_or(TaskError::NotPrepared(self.operator))?;
        task.push_copies(self.operator, rows.get(partition).map_or(&[][..], |rows| rows.as_slice()), sink)
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }

    fn in_memory(&self, partition: usize) -> Option<Vec<SharedRows<(K, S)>>> {
        Some(vec![Arc::clone(self.rows.get()?.get(partition)?)])
    }

    fn buckets(&self) -> Option<usize> {
        Some(self.states.partitions())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_comes_once_with_its_first_state_and_its_values() {
        let states = [("a", 1), ("b", 2), ("a", 3)];
        let values = vec![("c", vec![7]), ("b", vec![8, 9])];
        let expected = [("a", vec![], Some(1)), ("b", vec![8, 9], Some(2)), ("c", vec![7], None)];
        // Borrowed text is no key, for it cannot be decoded; numbers stand for it.
        let number = |key: &str| u32::from(key.as_bytes()[0]);
        let rows = keys_of(
            &states.map(|(key, n)| (number(key), n)),
            values.into_iter().map(|(k, v)| (number(k), v)).collect(),
        );
        assert_eq!(rows, expected.map(|(key, new, state)| (number(key), new, state)));
    }
}

//! The states of `update_state_by_key`: every batch makes them all anew, so a version is simply all rows.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::batch::Batch;
use crate::cached::Partitions;
use crate::codec::{self, CodecError};
use crate::data::{Data, Key};
use crate::dataset::{Dataset, SharedDataset, SharedRows, Sink, Task, TaskError};
use crate::job::{Job, JobError};
use crate::key_hash::{KeyMap, bucket_of};
use crate::lock::lock;
use crate::operator::OperatorName;
use crate::stateful::every_key::{Grouped, update_every_key};
use crate::stateful::spec::UpdateKey;
use crate::stream_node::Memory;
use crate::time::Time;

/// All states, in the versions that are still needed.
pub(crate) struct WholeStates<K, S> {
    partitions: usize,
    // Held for one map operation; versions are batch times.
    versions: Mutex<BTreeMap<Time, Partitions<(K, S)>>>,
    /// The states before the first batch.
    initial: Partitions<(K, S)>,
}

impl<K: Key, S: Data> WholeStates<K, S> {
    /// Of two initial states of a key the later one counts.
    pub(crate) fn new(partitions: usize, initial: Vec<(K, S)>) -> Self {
        let mut newest: KeyMap<K, S> = KeyMap::default();
        newest.extend(initial);
        Self { partitions, versions: Mutex::default(), initial: into_partitions(partitions, newest) }
    }

    pub(crate) const fn partitions(&self) -> usize {
        self.partitions
    }

    /// The newest version before `batch`, and its rows; the initial ones when there is none.
    pub(crate) fn before(&self, batch: Time) -> (Option<Time>, Partitions<(K, S)>) {
        let versions = lock(&self.versions);
        let newest = versions.range(..batch).next_back();
        newest.map_or_else(|| (None, self.initial.clone()), |(version, rows)| (Some(*version), rows.clone()))
    }

    pub(crate) fn commit(&self, batch: Time, rows: &Partitions<(K, S)>) {
        lock(&self.versions).entry(batch).or_insert_with(|| rows.clone());
    }
}

impl<K: Key, S: Data> Memory for WholeStates<K, S> {
    fn forget_through(&self, batch: Time) {
        let mut versions = lock(&self.versions);
        let Some(newest) = versions.range(..=batch).next_back().map(|(version, _)| *version) else { return };
        let kept = versions.split_off(&newest);
        let forgotten = std::mem::replace(&mut *versions, kept);
        // Outside the lock: dropping rows takes a while.
        drop(versions);
        drop(forgotten);
    }

    fn undo(&self, batch: Time) {
        let undone = lock(&self.versions).remove(&batch);
        drop(undone);
    }

    /// One part for each partition; none before the first batch.
    fn encode(&self, through: Time) -> Result<Vec<Bytes>, CodecError> {
        let newest = lock(&self.versions).range(..=through).next_back().map(|(version, rows)| (*version, rows.clone()));
        let Some((version, rows)) = newest else { return Ok(Vec::new()) };
        rows.par_iter().map(|rows| codec::encode(&(version.as_millis(), rows.as_slice()))).collect()
    }

    fn decode(&self, _through: Time, parts: &[Bytes]) -> Result<(), CodecError> {
        let mut rows = Vec::new();
        let mut version = None;
        for part in parts {
            let (millis, part) = codec::decode::<(i64, Vec<(K, S)>)>(part)?;
            version = Some(Time::from_millis(millis));
            rows.extend(part);
        }
        let restored = version.map(|version| (version, into_partitions(self.partitions, rows)));
        *lock(&self.versions) = restored.into_iter().collect();
        Ok(())
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        lock(&self.versions).len()
    }
}

/// Rows in the partitions of their keys; those of a partition keep their order.
fn into_partitions<K: Key, S>(partitions: usize, rows: impl IntoIterator<Item = (K, S)>) -> Partitions<(K, S)> {
    let mut parts: Vec<Vec<(K, S)>> = std::iter::repeat_with(Vec::new).take(partitions).collect();
    for row in rows {
        if let Some(part) = parts.get_mut(bucket_of(&row.0, partitions)) {
            part.push(row);
        }
    }
    parts.into_iter().map(Arc::new).collect()
}

/// The dataset of all states as of the end of a batch.
pub(crate) struct UpdatedStates<K, V, S> {
    pub(crate) operator: OperatorName,
    pub(crate) batch: Arc<Batch>,
    pub(crate) slide: Duration,
    pub(crate) states: Arc<WholeStates<K, S>>,
    pub(crate) function: UpdateKey<K, V, S>,
    /// The new values of each key, in as many partitions as there are of states.
    pub(crate) values: SharedDataset<(K, Vec<V>)>,
    pub(crate) rows: OnceLock<Partitions<(K, S)>>,
}

impl<K: Key, V: Data, S: Data> UpdatedStates<K, V, S> {
    fn update(
        &self,
        partition: usize,
        task: &Task<'_>,
        (version, rows): (Option<Time>, &[(K, S)]),
    ) -> Result<Vec<(K, S)>, TaskError> {
        let mut values: Grouped<K, V> = Vec::new();
        self.values.run(partition, task, &mut |row| {
            values.push(row);
            ControlFlow::Continue(())
        })?;
        let mut states = rows.to_vec();
        let mut time = version.map_or(self.batch.time, |version| version.plus(self.slide));
        // A batch time that was skipped is a batch without values.
        while time < self.batch.time && !states.is_empty() {
            states = self.apply(task, time, states, Grouped::new())?;
            time = time.plus(self.slide);
        }
        self.apply(task, self.batch.time, states, values)
    }

    fn apply(
        &self,
        task: &Task<'_>,
        time: Time,
        states: Vec<(K, S)>,
        values: Grouped<K, V>,
    ) -> Result<Vec<(K, S)>, TaskError> {
        update_every_key(states, values, |key, new, state| {
            task.check()?;
            task.enter(self.operator);
            Ok((self.function)(time, key, new, state))
        })
    }
}

impl<K: Key, V: Data, S: Data> Dataset<(K, S)> for UpdatedStates<K, V, S> {
    fn partitions(&self) -> usize {
        self.states.partitions
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        if self.rows.get().is_some() {
            return Ok(());
        }
        self.values.prepare(job)?;
        let (version, before) = self.states.before(self.batch.time);
        let rows = job.run_tasks(0..self.states.partitions, &|_| None, &|partition, task| {
            let rows = before.get(partition).map_or(&[][..], |rows| rows.as_slice());
            Ok(Arc::new(self.update(partition, task, (version, rows))?))
        })?;
        // All partitions at once: an attempt that failed has changed nothing.
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
        Some(self.states.partitions)
    }
}

//! The result of a keyed window, merged anew from the reduced batches in it. They are cut alike, so nothing is shuffled.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::cached::Cached;
use crate::data::{Data, Key};
use crate::dataset::{Dataset, Sink, Task, TaskError};
use crate::job::{Job, JobError};
use crate::key_hash::KeyMap;
use crate::operator::OperatorName;
use crate::shuffle::Combine;
use crate::windowed::bucket::bucket_rows;

pub(crate) struct MergedWindow<K, V, C> {
    pub(crate) operator: OperatorName,
    /// The reduced batches in the window, oldest first.
    pub(crate) batches: Vec<Arc<Cached<(K, C)>>>,
    pub(crate) combine: Arc<dyn Combine<V, C>>,
    pub(crate) buckets: usize,
}

impl<K: Key, V, C: Data> Dataset<(K, C)> for MergedWindow<K, V, C> {
    fn partitions(&self) -> usize {
        self.buckets
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.batches.iter().try_for_each(|batch| batch.prepare(job))
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, (K, C)>) -> Result<(), TaskError> {
        // Keys by reference: most are in several batches, and one copy of each is enough.
        let mut merged: KeyMap<&K, Option<C>> = KeyMap::default();
        // The keys of the largest batch are all in it, and growing would hash them anew.
        let sizes = self.batches.iter().filter_map(|batch| Some(batch.all_rows()?.get(partition)?.len()));
        merged.reserve(sizes.max().unwrap_or(0));
        for batch in &self.batches {
            let rows = batch.all_rows().ok_or(TaskError::NotPrepared(self.operator))?;
            for (key, value) in bucket_rows(rows, partition, self.buckets) {
                task.check()?;
                task.enter(self.operator);
                let slot = merged.entry(key).or_default();
                *slot = Some(match slot.take() {
                    Some(before) => self.combine.merge(before, value.clone()),
                    None => value.clone(),
                });
            }
        }
        for (key, value) in merged {
            let Some(value) = value else { continue };
            task.enter(self.operator);
            if let ControlFlow::Break(()) = sink((key.clone(), value)) {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }

    fn buckets(&self) -> Option<usize> {
        Some(self.buckets)
    }
}

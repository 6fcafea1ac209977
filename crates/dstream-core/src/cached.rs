//! A dataset whose rows are computed once and kept, partition by partition.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock};

use crate::dataset::{Dataset, SharedDataset, SharedRows, Sink, Task, TaskError};
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::operator::OperatorName;

/// The rows of a dataset, computed when they are first needed. Once they are there, what they were computed from is let go:
/// blocks and earlier batches need not outlive it.
pub(crate) struct Cached<T> {
    operator: OperatorName,
    partitions: usize,
    buckets: Option<usize>,
    // Held to copy or take the handle.
    parent: Mutex<Option<SharedDataset<T>>>,
    rows: OnceLock<Partitions<T>>,
}

/// Rows, by partition.
pub(crate) type Partitions<T> = Vec<SharedRows<T>>;

impl<T> Cached<T> {
    pub(crate) fn new(operator: OperatorName, parent: SharedDataset<T>) -> Self {
        let (partitions, buckets) = (parent.partitions(), parent.buckets());
        Self { operator, partitions, buckets, parent: Mutex::new(Some(parent)), rows: OnceLock::new() }
    }

    /// A dataset of rows that are there already.
    pub(crate) fn of(operator: OperatorName, buckets: Option<usize>, rows: Partitions<T>) -> Self {
        Self { operator, partitions: rows.len(), buckets, parent: Mutex::new(None), rows: OnceLock::from(rows) }
    }

    /// `None` before the rows were computed.
    pub(crate) fn all_rows(&self) -> Option<&Partitions<T>> {
        self.rows.get()
    }
}

impl<T: Clone + Send + Sync> Dataset<T> for Cached<T> {
    fn partitions(&self) -> usize {
        self.partitions
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        // Not held while tasks run: a thread that waits for tasks may take up another job, which may ask for this dataset.
        let Some(parent) = lock(&self.parent).clone() else { return Ok(()) };
        parent.prepare(job)?;
        let rows = job.run_tasks(0..self.partitions, &|partition| parent.origin(partition), &|partition, task| {
            // One piece can be kept where it is.
            if let Some([rows]) = parent.in_memory(partition).as_deref() {
                return Ok(Arc::clone(rows));
            }
            let mut rows = Vec::new();
            parent.run(partition, task, &mut |row| {
                rows.push(row);
                ControlFlow::Continue(())
            })?;
            Ok(Arc::new(rows))
        })?;
        // Whoever was first is as good as we are.
        let _ = self.rows.set(rows);
        lock(&self.parent).take();
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let rows = self.rows.get().ok_or(TaskError::NotPrepared(self.operator))?;
        task.push_copies(self.operator, rows.get(partition).map_or(&[][..], |rows| rows.as_slice()), sink)
    }

    fn origin(&self, partition: usize) -> Option<String> {
        lock(&self.parent).clone()?.origin(partition)
    }

    fn in_memory(&self, partition: usize) -> Option<Vec<SharedRows<T>>> {
        Some(vec![Arc::clone(self.rows.get()?.get(partition)?)])
    }

    fn buckets(&self) -> Option<usize> {
        self.buckets
    }
}

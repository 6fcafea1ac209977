//! A dataset whose rows are computed once and kept on disk, partition by partition, until nobody holds the dataset.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::block::{BlockId, StreamId};
use crate::block_store::BlockStore;
use crate::codec;
use crate::data::Data;
use crate::dataset::{Dataset, SharedDataset, Sink, Task, TaskError};
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::operator::OperatorName;

/// The rows of a dataset, computed when they are first needed. Once they are there, what they were computed from is let go.
pub(crate) struct CachedOnDisk<T> {
    operator: OperatorName,
    partitions: usize,
    buckets: Option<usize>,
    store: Arc<dyn BlockStore>,
    // Held to copy or take the handle.
    parent: Mutex<Option<SharedDataset<T>>>,
    kept: OnceLock<Vec<OnDisk>>,
}

/// The rows of a partition; they go when this does.
struct OnDisk {
    block: BlockId,
    store: Arc<dyn BlockStore>,
}

impl OnDisk {
    fn write<T: Data>(store: &Arc<dyn BlockStore>, rows: &[T]) -> Result<Self, TaskError> {
        let block = BlockId::new(PERSISTED, NEXT.fetch_add(1, Ordering::Relaxed));
        let bytes = codec::encode(rows).map_err(TaskError::persisting)?;
        store.put(block, &bytes).map_err(TaskError::persisting)?;
        Ok(Self { block, store: Arc::clone(store) })
    }

    fn read<T: Data>(&self) -> Result<Vec<T>, TaskError> {
        let bytes = self.store.get(self.block).map_err(TaskError::persisting)?;
        let bytes = bytes.ok_or_else(|| TaskError::persisting(format!("block {} is gone", self.block)))?;
        codec::decode(&bytes).map_err(TaskError::persisting)
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        self.store.remove(self.block);
    }
}

impl<T> CachedOnDisk<T> {
    pub(crate) fn new(operator: OperatorName, parent: SharedDataset<T>, store: Arc<dyn BlockStore>) -> Self {
        let (partitions, buckets) = (parent.partitions(), parent.buckets());
        Self { operator, partitions, buckets, store, parent: Mutex::new(Some(parent)), kept: OnceLock::new() }
    }
}

impl<T: Data> Dataset<T> for CachedOnDisk<T> {
    fn partitions(&self) -> usize {
        self.partitions
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        // Not held while tasks run: a thread that waits for tasks may take up another job, which may ask for this dataset.
        let Some(parent) = lock(&self.parent).clone() else { return Ok(()) };
        parent.prepare(job)?;
        let kept = job.run_tasks(0..self.partitions, &|partition| parent.origin(partition), &|partition, task| {
            let mut rows = Vec::new();
            parent.run(partition, task, &mut |row| {
                rows.push(row);
                ControlFlow::Continue(())
            })?;
            // Encoding is code of the rows.
            task.enter(self.operator);
            OnDisk::write(&self.store, &rows)
        })?;
        // Whoever was first is as good as we are.
        let _ = self.kept.set(kept);
        lock(&self.parent).take();
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let kept = self.kept.get().ok_or(TaskError::NotPrepared(self.operator))?;
        task.enter(self.operator);
        let Some(rows) = kept.get(partition) else { return Ok(()) };
        for row in rows.read()? {
            task.check()?;
            if let ControlFlow::Break(()) = sink(row) {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, partition: usize) -> Option<String> {
        lock(&self.parent).clone()?.origin(partition)
    }

    fn buckets(&self) -> Option<usize> {
        self.buckets
    }
}

/// In the place of a receiver's stream; no program has so many.
const PERSISTED: StreamId = StreamId::new(u32::MAX);

/// One for the process: contexts may share a block store.
static NEXT: AtomicU64 = AtomicU64::new(0);

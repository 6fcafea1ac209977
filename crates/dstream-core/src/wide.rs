//! A wide operator: what it does on both sides of a shuffle, and the dataset of its result.
//!
//! The result is computed once and kept for the rest of the batch: every reader, and every further attempt of the batch,
//! gets copies of the same rows in the same order.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use crate::data::Data;
use crate::dataset::{Dataset, SharedDataset, SharedRows, Sink, Task, TaskError};
use crate::exchange::ShuffleName;
use crate::job::{Job, JobError};
use crate::operator::OperatorName;
use crate::rdd::Rdd;
use crate::shuffle::{Buckets, Shuffle};

/// Makes a dataset of `U` out of one of `T`.
pub(crate) trait Wide<T, U>: Send + Sync {
    /// What goes through the exchange.
    type Row: Data;
    /// What is kept of a bucket, one for each key or record.
    type Kept: Send + Sync;

    /// Whether a row belongs to the bucket of its key, and what comes of it has the same key.
    const BY_KEY: bool;

    /// Cuts the records of a partition into exactly `buckets` buckets.
    fn scatter(&self, part: &Part<'_, T>, buckets: usize) -> Result<Vec<Vec<Self::Row>>, TaskError>;

    /// What is kept of a bucket; `sources` are its rows from each partition that had any, in a fixed order.
    fn gather(&self, sources: Vec<Vec<Self::Row>>) -> Vec<Self::Kept>;

    /// The rows of a bucket where they lie, if what is kept is what comes of it.
    fn in_memory(kept: &SharedRows<Self::Kept>) -> Option<SharedRows<U>>;

    /// Pushes what comes of one that was kept.
    fn emit(&self, kept: &Self::Kept, sink: &mut Sink<'_, U>) -> ControlFlow<()>;
}

/// A partition that is to be scattered.
pub(crate) struct Part<'a, T> {
    pub(crate) parent: &'a dyn Dataset<T>,
    pub(crate) number: usize,
    pub(crate) task: &'a Task<'a>,
    pub(crate) operator: OperatorName,
}

impl<T> Part<'_, T> {
    /// Calls `f` with each record, in the name of the wide operator.
    pub(crate) fn each(&self, mut f: impl FnMut(T)) -> Result<(), TaskError> {
        self.parent.run(self.number, self.task, &mut |record| {
            self.task.enter(self.operator);
            f(record);
            ControlFlow::Continue(())
        })
    }

    /// The records where they lie, if they lie in memory. To be gone through with [`begin_record`](Self::begin_record).
    pub(crate) fn in_memory(&self) -> Option<Vec<SharedRows<T>>> {
        self.parent.in_memory(self.number)
    }

    /// Code of the operator is about to run for a record that nobody pushed.
    #[inline]
    pub(crate) fn begin_record(&self) -> Result<(), TaskError> {
        self.task.check()?;
        self.task.enter(self.operator);
        Ok(())
    }
}

/// As many empty lists as there are buckets.
pub(crate) fn empty_buckets<Row>(buckets: usize) -> Vec<Vec<Row>> {
    std::iter::repeat_with(Vec::new).take(buckets).collect()
}

impl<T: Send + 'static> Rdd<T> {
    /// What a wide operator makes of it, in `buckets` buckets over all processes; 0 counts as 1.
    pub(crate) fn wide<U: 'static, W: Wide<T, U> + 'static>(&self, wide: W, buckets: usize) -> Rdd<U> {
        let buckets = buckets.max(1);
        self.with(Arc::new(Shuffled {
            name: self.next_shuffle(),
            parent: Arc::clone(self.dataset()),
            wide,
            buckets,
            owned: self.job().engine.exchange.owned(buckets).count(),
            kept: OnceLock::new(),
        }))
    }
}

struct Shuffled<T, K, W> {
    name: ShuffleName,
    parent: SharedDataset<T>,
    wide: W,
    buckets: usize,
    /// How many of the buckets are this process's.
    owned: usize,
    kept: OnceLock<Buckets<K>>,
}

impl<T, U, W: Wide<T, U>> Dataset<U> for Shuffled<T, W::Kept, W> {
    fn partitions(&self) -> usize {
        self.owned
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        if self.kept.get().is_none() {
            let shuffle = Shuffle { job, name: self.name, buckets: self.buckets };
            // Whoever was first is as good as we are.
            let _ = self.kept.set(shuffle.run(&*self.parent, &self.wide)?);
        }
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, U>) -> Result<(), TaskError> {
        let buckets = self.kept.get().ok_or(TaskError::NotPrepared(self.name.operator))?;
        for kept in buckets.get(partition).map_or(&[][..], |kept| kept.as_slice()) {
            task.check()?;
            task.enter(self.name.operator);
            if let ControlFlow::Break(()) = self.wide.emit(kept, sink) {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }

    fn in_memory(&self, partition: usize) -> Option<Vec<SharedRows<U>>> {
        Some(vec![W::in_memory(self.kept.get()?.get(partition)?)?])
    }

    fn buckets(&self) -> Option<usize> {
        W::BY_KEY.then_some(self.buckets)
    }
}

#[cfg(test)]
mod tests;

//! What all narrow operators share: each output partition is computed from the input partition of the same number.

use std::ops::ControlFlow;

use crate::dataset::{Dataset, SharedDataset, Sink, Task, TaskError};
use crate::job::{Job, JobError};
use crate::operator::OperatorName;

/// The dataset of a narrow operator. `P` takes each record of the parent and pushes what comes of it.
pub(crate) struct Narrow<T, P> {
    operator: OperatorName,
    parent: SharedDataset<T>,
    pipe: P,
    keys: Keys,
}

/// What a narrow operator does to the keys of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Every row has the key of the row that it is made of, so it belongs to the same bucket.
    Kept,
    /// Rows may get other keys, or none.
    Changed,
}

/// Lets a pipe say that its user code is about to run again, after it pushed a record downstream.
pub(crate) struct Stage<'a, 'b> {
    operator: OperatorName,
    task: &'a Task<'b>,
}

impl Stage<'_, '_> {
    #[inline]
    pub(crate) fn enter(&self) {
        self.task.enter(self.operator);
    }
}

impl<T, P> Narrow<T, P> {
    pub(crate) fn new<U>(operator: OperatorName, parent: SharedDataset<T>, keys: Keys, pipe: P) -> Self
    where
        P: Fn(T, &Stage<'_, '_>, &mut Sink<'_, U>) -> ControlFlow<()> + Send + Sync,
    {
        Self { operator, parent, pipe, keys }
    }
}

impl<T, U, P> Dataset<U> for Narrow<T, P>
where
    P: Fn(T, &Stage<'_, '_>, &mut Sink<'_, U>) -> ControlFlow<()> + Send + Sync,
{
    fn partitions(&self) -> usize {
        self.parent.partitions()
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        self.parent.prepare(job)
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, U>) -> Result<(), TaskError> {
        let stage = Stage { operator: self.operator, task };
        self.parent.run(partition, task, &mut |record| {
            stage.enter();
            (self.pipe)(record, &stage, sink)
        })
    }

    fn origin(&self, partition: usize) -> Option<String> {
        self.parent.origin(partition)
    }

    fn buckets(&self) -> Option<usize> {
        (self.keys == Keys::Kept).then(|| self.parent.buckets()).flatten()
    }
}

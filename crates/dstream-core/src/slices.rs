//! A dataset of records from memory, cut evenly into partitions.

use std::ops::Range;
use std::sync::Arc;

use crate::dataset::{Dataset, Sink, Task, TaskError};
use crate::job::{Job, JobError};
use crate::operator::OperatorName;

pub(crate) struct Slices<T> {
    operator: OperatorName,
    records: Arc<[T]>,
    partitions: usize,
}

impl<T> Slices<T> {
    /// `partitions` of 0 counts as 1.
    pub(crate) fn new(operator: OperatorName, records: Arc<[T]>, partitions: usize) -> Self {
        Self { operator, records, partitions: partitions.max(1) }
    }
}

impl<T: Clone + Send + Sync> Dataset<T> for Slices<T> {
    fn partitions(&self) -> usize {
        self.partitions
    }

    fn prepare(&self, _job: &Job) -> Result<(), JobError> {
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, T>) -> Result<(), TaskError> {
        let slice = slice_of(self.records.len(), self.partitions, partition);
        task.push_copies(self.operator, self.records.get(slice).unwrap_or_default(), sink)
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }
}

/// The part of `len` records that falls to `partition` when they are cut evenly.
fn slice_of(len: usize, partitions: usize, partition: usize) -> Range<usize> {
    let cut = |at: usize| len.saturating_mul(at).checked_div(partitions).unwrap_or(len);
    cut(partition)..cut(partition.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slices_of_a_batch_cover_it_once_and_differ_by_at_most_one() {
        for (len, partitions) in [(0, 2), (1, 2), (4, 2), (7, 3), (100, 8)] {
            let slices: Vec<_> = (0..partitions).map(|p| slice_of(len, partitions, p)).collect();
            assert_eq!(slices.iter().cloned().flatten().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
            let sizes = slices.iter().map(ExactSizeIterator::len);
            assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }
    }
}

//! Further actions on a dataset, and datasets made from memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::job::JobError;
use crate::rdd::Rdd;
use crate::slices::Slices;

impl<T: Send + 'static> Rdd<T> {
    /// Takes all records into values of type `A`, one for each partition, beginning with `init()`, and merges those in the
    /// order of the partitions, beginning with `init()` again.
    ///
    /// ```
    /// # use dstream_core::{JobError, Rdd};
    /// /// The sum and the number of the records.
    /// fn sum_and_count(rdd: &Rdd<u64>) -> Result<(u64, u64), JobError> {
    ///     rdd.fold(|| (0, 0), |(sum, n), record| (sum + record, n + 1), |a, b| (a.0 + b.0, a.1 + b.1))
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`Rdd`].
    pub fn fold<A: Send>(
        &self,
        init: impl Fn() -> A + Send + Sync,
        add: impl Fn(A, T) -> A + Send + Sync,
        merge: impl Fn(A, A) -> A,
    ) -> Result<A, JobError> {
        self.prepare()?;
        let folded = self.run(0..self.num_partitions(), &|partition, task| {
            task.enter(self.job().output);
            // Empty only while user code runs; if that panics, all of it is thrown away.
            let mut folded = Some(init());
            self.dataset().run(partition, task, &mut |record| {
                task.enter(self.job().output);
                folded = Some(add(folded.take().unwrap_or_else(&init), record));
                ControlFlow::Continue(())
            })?;
            Ok(folded)
        })?;
        Ok(folded.into_iter().flatten().fold(init(), merge))
    }

    /// The first record in the order of [`collect`](Self::collect), or `None` if there is none.
    ///
    /// # Errors
    /// See [`Rdd`] and [`take`](Self::take).
    pub fn first(&self) -> Result<Option<T>, JobError> {
        Ok(self.take(1)?.pop())
    }

    /// True when there is no record. Partitions after the first record are not computed.
    ///
    /// # Errors
    /// See [`Rdd`] and [`take`](Self::take).
    pub fn is_empty(&self) -> Result<bool, JobError> {
        Ok(self.take(1)?.is_empty())
    }

    /// Calls `f` with each record, partitions in parallel. When a partition fails, `f` has seen the records before.
    ///
    /// # Errors
    /// See [`Rdd`]. A panic of `f` is an error too.
    pub fn for_each(&self, f: impl Fn(T) + Send + Sync) -> Result<(), JobError> {
        self.prepare()?;
        self.run(0..self.num_partitions(), &|partition, task| {
            self.dataset().run(partition, task, &mut |record| {
                task.enter(self.job().output);
                f(record);
                ControlFlow::Continue(())
            })
        })?;
        Ok(())
    }

    /// A dataset of `records` in the same batch, cut evenly into `partitions` partitions; 0 counts as 1. For joins with
    /// data that does not come in batches; see [`DStream::transform`](crate::DStream::transform).
    pub fn parallelize<U: Clone + Send + Sync + 'static>(&self, records: Vec<U>, partitions: usize) -> Rdd<U> {
        self.with(Arc::new(Slices::new(self.operator(), records.into(), partitions)))
    }

    /// Partitions of a wide operator that is not told how many.
    pub(crate) fn parallelism(&self) -> usize {
        self.job().engine.parallelism
    }
}

impl<K: Hash + Eq + Send + 'static, V: Send + 'static> Rdd<(K, V)> {
    /// All pairs as a map. Of the values of one key, the last in the order of [`collect`](Self::collect) stays.
    ///
    /// # Errors
    /// See [`Rdd`].
    pub fn collect_as_map(&self) -> Result<HashMap<K, V>, JobError> {
        Ok(self.collect()?.into_iter().collect())
    }
}

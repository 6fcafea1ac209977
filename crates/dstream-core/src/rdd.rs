//! The records of a stream in one batch, and the actions on them.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::dataset::{SharedDataset, Sink, Task, TaskError};
use crate::exchange::ShuffleName;
use crate::job::{Job, JobError};
use crate::narrow::{Keys, Narrow, Stage};
use crate::operator::OperatorName;

/// The records of one batch, in partitions, as an output operation sees them.
///
/// Nothing is computed before an action asks, and each action computes anew what is not behind a shuffle. An `Rdd` is of
/// use only while its batch runs. Every action blocks the calling thread, works on the task pool, and fails with a
/// [`JobError`] that names operator, batch, partition and origin when user code fails, or when the context stops.
///
/// ```
/// # use dstream_core::testing::batches_of;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
/// batches_of(1, |ctx| {
///     let numbers = ctx.queue_stream([vec![1, 2, 3, 4]]);
///     numbers.foreach_rdd(|rdd, _time| {
///         assert_eq!((rdd.count()?, rdd.first()?, rdd.is_empty()?), (4, Some(1), false));
///         assert_eq!((rdd.take(2)?, rdd.reduce(|m, n| m + n)?), (vec![1, 2], Some(10)));
///         // Operators make new datasets, as those of streams do.
///         let by_parity = rdd.map(|n| (n % 2, n)).reduce_by_key(|m, n| m + n);
///         assert_eq!(by_parity.collect_as_map()?.get(&0), Some(&6));
///         let names = rdd.parallelize(vec![(0, "even".to_owned()), (1, "odd".to_owned())], 1);
///         let mut named = by_parity.join(&names).map(|(_, (sum, name))| (name, sum)).collect()?;
///         named.sort();
///         assert_eq!(named, [("even".to_owned(), 6), ("odd".to_owned(), 4)]);
///         Ok(())
///     });
///     Ok(numbers)
/// })
/// .await?;
/// # Ok(()) }
/// ```
pub struct Rdd<T> {
    dataset: SharedDataset<T>,
    job: Job,
    scope: Arc<Scope>,
}

/// The operator of the stream that datasets are made for. What is made in it bears its name.
struct Scope {
    operator: OperatorName,
    // Every process makes the same datasets in the same order, so all number their shuffles alike.
    shuffles: AtomicU32,
}

impl<T: Send + 'static> Rdd<T> {
    /// The dataset as `operator` sees it in `job`.
    pub(crate) fn new(dataset: SharedDataset<T>, job: Job, operator: OperatorName) -> Self {
        Self { dataset, job, scope: Arc::new(Scope { operator, shuffles: AtomicU32::new(0) }) }
    }

    /// Another dataset of the same operator and job.
    pub(crate) fn with<U>(&self, dataset: SharedDataset<U>) -> Rdd<U> {
        Rdd { dataset, job: self.job.clone(), scope: Arc::clone(&self.scope) }
    }

    /// What a narrow operator makes of it; see [`Narrow`].
    pub(crate) fn narrow<U: Send + 'static, P>(&self, keys: Keys, pipe: P) -> Rdd<U>
    where
        P: Fn(T, &Stage<'_, '_>, &mut Sink<'_, U>) -> ControlFlow<()> + Send + Sync + 'static,
    {
        self.with(Arc::new(Narrow::new(self.scope.operator, Arc::clone(&self.dataset), keys, pipe)))
    }

    pub(crate) fn into_dataset(self) -> SharedDataset<T> {
        self.dataset
    }

    pub(crate) const fn dataset(&self) -> &SharedDataset<T> {
        &self.dataset
    }

    pub(crate) const fn job(&self) -> &Job {
        &self.job
    }

    /// The operator in whose name this dataset was made.
    pub(crate) fn operator(&self) -> OperatorName {
        self.scope.operator
    }

    /// Names the next shuffle of the operator.
    pub(crate) fn next_shuffle(&self) -> ShuffleName {
        let number = self.scope.shuffles.fetch_add(1, Ordering::Relaxed);
        ShuffleName { operator: self.scope.operator, number }
    }

    /// How many partitions the records are in.
    pub fn num_partitions(&self) -> usize {
        self.dataset.partitions()
    }

    /// All records, partition by partition.
    ///
    /// # Errors
    /// See [`Rdd`].
    pub fn collect(&self) -> Result<Vec<T>, JobError> {
        self.prepare()?;
        let partitions =
            self.run(0..self.num_partitions(), &|partition, task| self.gather(partition, task, usize::MAX))?;
        Ok(partitions.into_iter().flatten().collect())
    }

    /// How many records there are.
    ///
    /// # Errors
    /// See [`Rdd`].
    pub fn count(&self) -> Result<u64, JobError> {
        self.prepare()?;
        let counts = self.run(0..self.num_partitions(), &|partition, task| {
            let mut count = 0_u64;
            self.dataset.run(partition, task, &mut |_| {
                count = count.saturating_add(1);
                ControlFlow::Continue(())
            })?;
            Ok(count)
        })?;
        Ok(counts.into_iter().fold(0, u64::saturating_add))
    }

    /// The first `n` records, in the order of [`collect`](Self::collect). Partitions that are not needed are not
    /// computed; in particular, no error of theirs is found.
    ///
    /// # Errors
    /// See [`Rdd`].
    pub fn take(&self, n: usize) -> Result<Vec<T>, JobError> {
        self.prepare()?;
        let mut taken = Vec::new();
        let (mut next, mut width) = (0, 1);
        while taken.len() < n && next < self.num_partitions() {
            let missing = n.saturating_sub(taken.len());
            let end = self.num_partitions().min(next.saturating_add(width));
            let round = self.run(next..end, &|partition, task| self.gather(partition, task, missing))?;
            taken.extend(round.into_iter().flatten().take(missing));
            // Few records are usually found in the first partition; the wider rounds are for sparse ones.
            (next, width) = (end, width.saturating_mul(4));
        }
        Ok(taken)
    }

    /// Calls `f` with the records of each partition, in parallel. The partition is computed whole before the call, so
    /// that `f` never sees one that broke off.
    ///
    /// # Errors
    /// See [`Rdd`]. A panic of `f` is an error too.
    pub fn for_each_partition(&self, f: impl Fn(std::vec::IntoIter<T>) + Send + Sync) -> Result<(), JobError> {
        self.prepare()?;
        self.run(0..self.num_partitions(), &|partition, task| {
            let records = self.gather(partition, task, usize::MAX)?;
            task.enter(self.job.output);
            f(records.into_iter());
            Ok(())
        })?;
        Ok(())
    }

    pub(crate) fn prepare(&self) -> Result<(), JobError> {
        self.dataset.prepare(&self.job)
    }

    pub(crate) fn run<R: Send>(
        &self,
        partitions: std::ops::Range<usize>,
        work: &(dyn Fn(usize, &Task<'_>) -> Result<R, TaskError> + Sync),
    ) -> Result<Vec<R>, JobError> {
        self.job.run_tasks(partitions, &|partition| self.dataset.origin(partition), work)
    }

    /// At most `limit` records of a partition.
    fn gather(&self, partition: usize, task: &Task<'_>, limit: usize) -> Result<Vec<T>, TaskError> {
        let mut records = Vec::new();
        self.dataset.run(partition, task, &mut |record| {
            records.push(record);
            if records.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(records)
    }
}

// By hand: a derived `Clone` would ask for `T: Clone`.
impl<T> Clone for Rdd<T> {
    fn clone(&self) -> Self {
        Self { dataset: Arc::clone(&self.dataset), job: self.job.clone(), scope: Arc::clone(&self.scope) }
    }
}

impl<T> fmt::Debug for Rdd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (batch, partitions) = (self.job.batch.time, self.dataset.partitions());
        f.debug_struct("Rdd").field("batch", &batch).field("partitions", &partitions).finish_non_exhaustive()
    }
}

//! `combine_by_key`: the values of each key become one. What the other keyed operators are made of.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use crate::data::{Data, Key};
use crate::dataset::{Dataset, SharedDataset, SharedRows, Sink, Task, TaskError};
use crate::dstream::DStream;
use crate::exchange::ShuffleName;
use crate::job::{Job, JobError};
use crate::lock::lock;
use crate::rdd::Rdd;
use crate::shuffle::{Buckets, Combine, Shuffle};

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives one `(key, combined)` for each key of the batch: `create` begins with a first value, `add` takes a further one
    /// in, `merge` joins what two partitions have made. Values are combined inside each partition first.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1), ('a', 5), ('a', 3)]]);
    ///     // The least and the greatest value of each key.
    ///     Ok(pairs.combine_by_key(|n| (n, n), |(lo, hi), n| (n.min(lo), n.max(hi)), |a, b| (a.0.min(b.0), a.1.max(b.1))))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![('a', (1, 5))]]);
    /// # Ok(()) }
    /// ```
    pub fn combine_by_key<C: Data>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> DStream<(K, C)> {
        let combine: Arc<dyn Combine<V, C>> = Arc::new(Functions { create, add, merge });
        self.derive("combine_by_key", move |rdd| rdd.shuffled(&combine, rdd.job().engine.parallelism))
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Gives one `(key, combined)` for each key; see [`DStream::combine_by_key`].
    pub fn combine_by_key<C: Data>(
        &self,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> Rdd<(K, C)> {
        let combine: Arc<dyn Combine<V, C>> = Arc::new(Functions { create, add, merge });
        self.shuffled(&combine, self.job().engine.parallelism)
    }

    /// One shuffle into `buckets` buckets.
    pub(crate) fn shuffled<C: Data>(&self, combine: &Arc<dyn Combine<V, C>>, buckets: usize) -> Rdd<(K, C)> {
        self.with(Arc::new(Combined {
            name: self.next_shuffle(),
            parent: Arc::clone(self.dataset()),
            combine: Arc::clone(combine),
            buckets,
            merged: Mutex::new(None),
        }))
    }
}

pub(crate) struct Functions<F, G, H> {
    pub(crate) create: F,
    pub(crate) add: G,
    pub(crate) merge: H,
}

impl<V, C, F, G, H> Combine<V, C> for Functions<F, G, H>
where
    F: Fn(V) -> C + Send + Sync,
    G: Fn(C, V) -> C + Send + Sync,
    H: Fn(C, C) -> C + Send + Sync,
{
    fn create(&self, value: V) -> C {
        (self.create)(value)
    }

    fn add(&self, combined: C, value: V) -> C {
        (self.add)(combined, value)
    }

    fn merge(&self, left: C, right: C) -> C {
        (self.merge)(left, right)
    }
}

struct Combined<K, V, C> {
    name: ShuffleName,
    parent: SharedDataset<(K, V)>,
    combine: Arc<dyn Combine<V, C>>,
    buckets: usize,
    // The buckets, once the shuffle has succeeded. Not held while it runs: a thread of the pool that waits for tasks may
    // take up another job's task, and that must not find this lock taken.
    merged: Mutex<Option<Arc<Buckets<K, C>>>>,
}

impl<K, V, C> Dataset<(K, C)> for Combined<K, V, C>
where
    K: Key,
    V: Data,
    C: Data,
{
    fn partitions(&self) -> usize {
        self.buckets
    }

    fn prepare(&self, job: &Job) -> Result<(), JobError> {
        if lock(&self.merged).is_some() {
            return Ok(());
        }
        let shuffle = Shuffle { job, name: self.name, buckets: self.buckets };
        let merged = shuffle.run(&*self.parent, &*self.combine)?;
        lock(&self.merged).get_or_insert_with(|| Arc::new(merged));
        Ok(())
    }

    fn run(&self, partition: usize, task: &Task<'_>, sink: &mut Sink<'_, (K, C)>) -> Result<(), TaskError> {
        let merged = lock(&self.merged).clone().ok_or(TaskError::NotPrepared(self.name.operator))?;
        // No bucket is there when the parent had no partition at all.
        let Some(bucket) = merged.get(partition) else { return Ok(()) };
        for (key, value) in bucket.iter() {
            task.check()?;
            task.enter(self.name.operator);
            if let ControlFlow::Break(()) = sink((key.clone(), value.clone())) {
                break;
            }
        }
        Ok(())
    }

    fn origin(&self, _partition: usize) -> Option<String> {
        None
    }

    fn in_memory(&self, partition: usize) -> Option<Vec<SharedRows<(K, C)>>> {
        let merged = lock(&self.merged).clone()?;
        Some(merged.get(partition).cloned().into_iter().collect())
    }

    fn buckets(&self) -> Option<usize> {
        // With several seats, this process has the rows of its own buckets only, and numbers them by itself.
        Some(self.buckets)
    }
}

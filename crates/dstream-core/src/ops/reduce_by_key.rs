//! `reduce_by_key`: one value for each key.

use std::sync::Arc;

use crate::data::{Data, Key};
use crate::dstream::DStream;
use crate::ops::combine_by_key::Functions;
use crate::rdd::Rdd;
use crate::shuffle::Combine;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives one `(key, value)` for each key of the batch, the values joined by `f`, which must be associative and
    /// commutative. Into one partition for each thread of the task pool.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(2, |ctx| {
    ///     let words = ctx.queue_stream([vec!['a', 'b', 'a'], vec!['b']]);
    ///     Ok(words.map(|word| (word, 1)).reduce_by_key(|m, n| m + n))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [vec![('a', 2), ('b', 1)], vec![('b', 1)]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self {
        self.reduce_by_key_into(self.context().parallelism(), f)
    }

    /// [`reduce_by_key`](Self::reduce_by_key) into exactly `partitions` partitions; 0 counts as 1.
    #[must_use]
    pub fn reduce_by_key_into(&self, partitions: usize, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self {
        let combine = joined_by(f);
        self.derive("reduce_by_key", move |rdd| rdd.shuffled(&combine, partitions))
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Gives one `(key, value)` for each key, the values joined by `f`; see [`DStream::reduce_by_key`].
    #[must_use]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self {
        self.reduce_by_key_into(self.parallelism(), f)
    }

    /// [`reduce_by_key`](Self::reduce_by_key) into exactly `partitions` partitions; 0 counts as 1.
    #[must_use]
    pub fn reduce_by_key_into(&self, partitions: usize, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self {
        self.shuffled(&joined_by(f), partitions)
    }
}

/// Values of the same type, joined by one function.
pub(crate) fn joined_by<V: 'static>(
    f: impl Fn(V, V) -> V + Send + Sync + 'static,
) -> Arc<impl Combine<V, V> + 'static> {
    let add = Arc::new(f);
    let merge = Arc::clone(&add);
    Arc::new(Functions { create: |value| value, add: move |m, n| add(m, n), merge: move |m, n| merge(m, n) })
}

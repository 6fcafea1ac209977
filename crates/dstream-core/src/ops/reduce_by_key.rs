//! `reduce_by_key`: one value for each key.

use std::hash::Hash;
use std::sync::Arc;

use crate::dstream::DStream;
use crate::ops::combine_by_key::Functions;

impl<K, V> DStream<(K, V)>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Gives one `(key, value)` for each key of the batch, the values joined by `f`, which must be associative and
    /// commutative. Into one partition for each thread of the task pool.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(2, |ctx| {
    ///     let words = ctx.queue_stream([vec!["a", "b", "a"], vec!["b"]]);
    ///     Ok(words.map(|word| (word, 1)).reduce_by_key(|m, n| m + n))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [vec![("a", 2), ("b", 1)], vec![("b", 1)]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + Send + Sync + 'static) -> Self {
        let add = Arc::new(f);
        let merge = Arc::clone(&add);
        let functions = Functions { create: |value| value, add: move |m, n| add(m, n), merge: move |m, n| merge(m, n) };
        self.shuffled("reduce_by_key", functions, self.context().parallelism())
    }
}

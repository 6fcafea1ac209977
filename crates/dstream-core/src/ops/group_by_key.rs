//! `group_by_key`: all values of each key.

use crate::data::{Data, Key};
use crate::dataset::Sink;
use crate::dstream::DStream;
use crate::grouping::Grouping;
use crate::rdd::Rdd;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives one `(key, values)` for each key of the batch, the values in the order of the batch. Into one partition for
    /// each thread of the task pool. To add values up, [`reduce_by_key`](Self::reduce_by_key) moves far fewer records.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(1, |ctx| {
    ///     Ok(ctx.queue_stream([vec![('a', 1), ('b', 2), ('a', 3)]]).group_by_key())
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [[('a', vec![1, 3]), ('b', vec![2])]]);
    /// # Ok(()) }
    /// ```
    pub fn group_by_key(&self) -> DStream<(K, Vec<V>)> {
        self.group_by_key_into(self.context().parallelism())
    }

    /// [`group_by_key`](Self::group_by_key) into exactly `partitions` partitions; 0 counts as 1.
    pub fn group_by_key_into(&self, partitions: usize) -> DStream<(K, Vec<V>)> {
        self.derive("group_by_key", move |rdd| rdd.group_by_key_into(partitions))
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Gives one `(key, values)` for each key; see [`DStream::group_by_key`].
    pub fn group_by_key(&self) -> Rdd<(K, Vec<V>)> {
        self.group_by_key_into(self.parallelism())
    }

    /// [`group_by_key`](Self::group_by_key) into exactly `partitions` partitions; 0 counts as 1.
    pub fn group_by_key_into(&self, partitions: usize) -> Rdd<(K, Vec<V>)> {
        let emit = |key: &K, values: &Vec<V>, sink: &mut Sink<'_, _>| sink((key.clone(), values.clone()));
        self.wide(Grouping { add: Vec::push, emit }, partitions)
    }
}

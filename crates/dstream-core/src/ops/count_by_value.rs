//! `count_by_value`: how often each record occurs.

use std::sync::Arc;

use crate::data::Key;
use crate::dstream::DStream;
use crate::ops::combine_by_key::Functions;
use crate::rdd::Rdd;

impl<T: Key> DStream<T> {
    /// Gives one `(record, count)` for each distinct record of the batch. Into one partition for each thread of the task
    /// pool.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(1, |ctx| Ok(ctx.queue_stream([vec!['a', 'b', 'a']]).count_by_value())).await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [[('a', 2), ('b', 1)]]);
    /// # Ok(()) }
    /// ```
    pub fn count_by_value(&self) -> DStream<(T, u64)> {
        self.count_by_value_into(self.context().parallelism())
    }

    /// [`count_by_value`](Self::count_by_value) into exactly `partitions` partitions; 0 counts as 1.
    pub fn count_by_value_into(&self, partitions: usize) -> DStream<(T, u64)> {
        self.derive("count_by_value", move |rdd| rdd.count_by_value_into(partitions))
    }
}

impl<T: Key> Rdd<T> {
    /// Gives one `(record, count)` for each distinct record; see [`DStream::count_by_value`]. For a map of them, call
    /// [`collect_as_map`](Rdd::collect_as_map) on the result.
    pub fn count_by_value(&self) -> Rdd<(T, u64)> {
        self.count_by_value_into(self.parallelism())
    }

    /// [`count_by_value`](Self::count_by_value) into exactly `partitions` partitions; 0 counts as 1.
    pub fn count_by_value_into(&self, partitions: usize) -> Rdd<(T, u64)> {
        let combine = Functions { create: |()| 1, add: |n: u64, ()| n.saturating_add(1), merge: u64::saturating_add };
        self.map(|record| (record, ())).shuffled(&Arc::new(combine), partitions)
    }
}

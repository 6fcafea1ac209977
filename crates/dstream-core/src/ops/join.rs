//! `join`: each value with each value of the same key in another stream.

use std::ops::ControlFlow;

use crate::data::{Data, Key};
use crate::dataset::Sink;
use crate::dstream::DStream;
use crate::ops::cogroup::Both;
use crate::rdd::Rdd;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives `(key, (value, value of other))` for every pair of values that have the same key.
    /// Both streams must have the same context and slide; only records of the same batch meet. Into one partition for each
    /// thread of the task pool. A key with `m` values here and `n` in `other` gives `m * n` records.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(1, |ctx| {
    ///     let ages = ctx.queue_stream([vec![('a', 30), ('b', 40)]]);
    ///     let names = ctx.queue_stream([vec![('b', 'x'), ('c', 'y')]]);
    ///     Ok(ages.join(&names))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [[('b', (40, 'x'))]]);
    /// # Ok(()) }
    /// ```
    pub fn join<W: Data>(&self, other: &DStream<(K, W)>) -> DStream<(K, (V, W))> {
        self.join_into(self.context().parallelism(), other)
    }

    /// [`join`](Self::join) into exactly `partitions` partitions; 0 counts as 1.
    pub fn join_into<W: Data>(&self, partitions: usize, other: &DStream<(K, W)>) -> DStream<(K, (V, W))> {
        self.derive_with(other, "join", move |left, right| left.join_into(partitions, right))
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Gives `(key, (value, value of other))` for every pair of values with the same key; see [`DStream::join`].
    pub fn join<W: Data>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, W))> {
        self.join_into(self.parallelism(), other)
    }

    /// [`join`](Self::join) into exactly `partitions` partitions; 0 counts as 1.
    pub fn join_into<W: Data>(&self, partitions: usize, other: &Rdd<(K, W)>) -> Rdd<(K, (V, W))> {
        self.cogrouped(partitions, other, pairs)
    }
}

fn pairs<K: Clone, V: Clone, W: Clone>(
    key: &K,
    both: &Both<V, W>,
    sink: &mut Sink<'_, (K, (V, W))>,
) -> ControlFlow<()> {
    let (left, right) = both;
    for v in left {
        for w in right {
            sink((key.clone(), (v.clone(), w.clone())))?;
        }
    }
    ControlFlow::Continue(())
}

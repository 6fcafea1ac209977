//! `left_outer_join`: every value, with each value of the same key in another stream, or with none.

use std::ops::ControlFlow;

use crate::data::{Data, Key};
use crate::dataset::Sink;
use crate::dstream::DStream;
use crate::ops::cogroup::Both;
use crate::rdd::Rdd;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives `(key, (value, value of other))` for every pair of values that have the same key, and `(key, (value, None))`
    /// for every value whose key `other` does not have.
    /// Both streams must have the same context and slide; only records of the same batch meet. Into one partition for each
    /// thread of the task pool. A key with `m` values here and `n` in `other` gives `m * n` records.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(1, |ctx| {
    ///     let ages = ctx.queue_stream([vec![('a', 30), ('b', 40)]]);
    ///     let names = ctx.queue_stream([vec![('b', 'x'), ('c', 'y')]]);
    ///     Ok(ages.left_outer_join(&names))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [[('a', (30, None)), ('b', (40, Some('x')))]]);
    /// # Ok(()) }
    /// ```
    pub fn left_outer_join<W: Data>(&self, other: &DStream<(K, W)>) -> DStream<(K, (V, Option<W>))> {
        self.left_outer_join_into(self.context().parallelism(), other)
    }

    /// [`left_outer_join`](Self::left_outer_join) into exactly `partitions` partitions; 0 counts as 1.
    pub fn left_outer_join_into<W: Data>(
        &self,
        partitions: usize,
        other: &DStream<(K, W)>,
    ) -> DStream<(K, (V, Option<W>))> {
        self.derive_with(other, "left_outer_join", move |left, right| left.left_outer_join_into(partitions, right))
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Like [`join`](Self::join), and keeps the values that meet none; see [`DStream::left_outer_join`].
    pub fn left_outer_join<W: Data>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, Option<W>))> {
        self.left_outer_join_into(self.parallelism(), other)
    }

    /// [`left_outer_join`](Self::left_outer_join) into exactly `partitions` partitions; 0 counts as 1.
    pub fn left_outer_join_into<W: Data>(&self, partitions: usize, other: &Rdd<(K, W)>) -> Rdd<(K, (V, Option<W>))> {
        self.cogrouped(partitions, other, pairs)
    }
}

fn pairs<K: Clone, V: Clone, W: Clone>(
    key: &K,
    both: &Both<V, W>,
    sink: &mut Sink<'_, (K, (V, Option<W>))>,
) -> ControlFlow<()> {
    let (left, right) = both;
    if right.is_empty() {
        return left.iter().try_for_each(|v| sink((key.clone(), (v.clone(), None))));
    }
    for v in left {
        for w in right {
            sink((key.clone(), (v.clone(), Some(w.clone()))))?;
        }
    }
    ControlFlow::Continue(())
}

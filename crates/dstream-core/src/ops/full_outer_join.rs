//! `full_outer_join`: every value of two streams, with each value of the same key in the other one, or with none.

use std::ops::ControlFlow;

use crate::data::{Data, Key};
use crate::dataset::Sink;
use crate::dstream::DStream;
use crate::ops::cogroup::Both;
use crate::rdd::Rdd;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives `(key, (value, value of other))` for every pair of values that have the same key, and `(key, (value, None))` or
    /// `(key, (None, value of other))` for every value whose key the other stream does not have.
    /// Both streams must have the same context and slide; only records of the same batch meet. Into one partition for each
    /// thread of the task pool. A key with `m` values here and `n` in `other` gives `m * n` records.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(1, |ctx| {
    ///     let ages = ctx.queue_stream([vec![('a', 30), ('b', 40)]]);
    ///     let names = ctx.queue_stream([vec![('b', 'x'), ('c', 'y')]]);
    ///     Ok(ages.full_outer_join(&names))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [[('a', (Some(30), None)), ('b', (Some(40), Some('x'))), ('c', (None, Some('y')))]]);
    /// # Ok(()) }
    /// ```
    pub fn full_outer_join<W: Data>(&self, other: &DStream<(K, W)>) -> DStream<(K, (Option<V>, Option<W>))> {
        self.full_outer_join_into(self.context().parallelism(), other)
    }

    /// [`full_outer_join`](Self::full_outer_join) into exactly `partitions` partitions; 0 counts as 1.
    pub fn full_outer_join_into<W: Data>(
        &self,
        partitions: usize,
        other: &DStream<(K, W)>,
    ) -> DStream<(K, (Option<V>, Option<W>))> {
        self.derive_with(other, "full_outer_join", move |left, right| left.full_outer_join_into(partitions, right))
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Like [`join`](Self::join), and keeps the values of both that meet none; see [`DStream::full_outer_join`].
    pub fn full_outer_join<W: Data>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Option<V>, Option<W>))> {
        self.full_outer_join_into(self.parallelism(), other)
    }

    /// [`full_outer_join`](Self::full_outer_join) into exactly `partitions` partitions; 0 counts as 1.
    pub fn full_outer_join_into<W: Data>(
        &self,
        partitions: usize,
        other: &Rdd<(K, W)>,
    ) -> Rdd<(K, (Option<V>, Option<W>))> {
        self.cogrouped(partitions, other, pairs)
    }
}

fn pairs<K: Clone, V: Clone, W: Clone>(
    key: &K,
    both: &Both<V, W>,
    sink: &mut Sink<'_, (K, (Option<V>, Option<W>))>,
) -> ControlFlow<()> {
    let (left, right) = both;
    if right.is_empty() {
        return left.iter().try_for_each(|v| sink((key.clone(), (Some(v.clone()), None))));
    }
    if left.is_empty() {
        return right.iter().try_for_each(|w| sink((key.clone(), (None, Some(w.clone())))));
    }
    for v in left {
        for w in right {
            sink((key.clone(), (Some(v.clone()), Some(w.clone()))))?;
        }
    }
    ControlFlow::Continue(())
}

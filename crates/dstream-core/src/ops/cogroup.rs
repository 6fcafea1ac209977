//! `cogroup`: all values of each key, of two streams at once.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{Data, Key};
use crate::dataset::Sink;
use crate::dstream::DStream;
use crate::grouping::Grouping;
use crate::ops::union::Union;
use crate::rdd::Rdd;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives one `(key, (values, values of other))` for each key that this stream or `other` has in the batch. Both must
    /// have the same context and slide. Into one partition for each thread of the task pool.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let mut batches = batches_of(1, |ctx| {
    ///     let ages = ctx.queue_stream([vec![('a', 30), ('a', 31)]]);
    ///     let names = ctx.queue_stream([vec![('a', 'x'), ('b', 'y')]]);
    ///     Ok(ages.cogroup(&names))
    /// })
    /// .await?;
    /// batches.iter_mut().for_each(|batch| batch.sort());
    /// assert_eq!(batches, [[('a', (vec![30, 31], vec!['x'])), ('b', (vec![], vec!['y']))]]);
    /// # Ok(()) }
    /// ```
    pub fn cogroup<W: Data>(&self, other: &DStream<(K, W)>) -> DStream<(K, (Vec<V>, Vec<W>))> {
        self.cogroup_into(self.context().parallelism(), other)
    }

    /// [`cogroup`](Self::cogroup) into exactly `partitions` partitions; 0 counts as 1.
    pub fn cogroup_into<W: Data>(&self, partitions: usize, other: &DStream<(K, W)>) -> DStream<(K, (Vec<V>, Vec<W>))> {
        self.derive_with(other, "cogroup", move |left, right| left.cogroup_into(partitions, right))
    }
}

impl<K: Key, V: Data> Rdd<(K, V)> {
    /// Gives one `(key, (values, values of other))` for each key of both; see [`DStream::cogroup`].
    pub fn cogroup<W: Data>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        self.cogroup_into(self.parallelism(), other)
    }

    /// [`cogroup`](Self::cogroup) into exactly `partitions` partitions; 0 counts as 1.
    pub fn cogroup_into<W: Data>(&self, partitions: usize, other: &Rdd<(K, W)>) -> Rdd<(K, (Vec<V>, Vec<W>))> {
        self.cogrouped(partitions, other, |key, both, sink| sink((key.clone(), both.clone())))
    }

    /// One shuffle of both, and what `emit` makes of the values of each key.
    pub(crate) fn cogrouped<W: Data, U: Send + 'static>(
        &self,
        partitions: usize,
        other: &Rdd<(K, W)>,
        emit: EmitBoth<K, V, W, U>,
    ) -> Rdd<U> {
        let (left, right) = (self.map_values(Side::Left), other.map_values(Side::Right));
        let both = self.with(Arc::new(Union::of(vec![left.into_dataset(), right.into_dataset()])));
        both.wide(Grouping { add, emit }, partitions)
    }
}

/// The values of a key in two streams.
pub(crate) type Both<V, W> = (Vec<V>, Vec<W>);

/// Pushes what comes of the values of a key.
pub(crate) type EmitBoth<K, V, W, U> = fn(&K, &Both<V, W>, &mut Sink<'_, U>) -> ControlFlow<()>;

/// A value, and which of the two streams it is of.
#[derive(Clone, Serialize, Deserialize)]
enum Side<V, W> {
    Left(V),
    Right(W),
}

fn add<V, W>(both: &mut Both<V, W>, value: Side<V, W>) {
    match value {
        Side::Left(value) => both.0.push(value),
        Side::Right(value) => both.1.push(value),
    }
}

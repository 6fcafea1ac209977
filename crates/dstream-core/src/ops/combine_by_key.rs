//! `combine_by_key`: the values of each key become one. What `reduce_by_key` and `count_by_value` are made of.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::data::{Data, Key};
use crate::dataset::{SharedRows, Sink, TaskError};
use crate::dstream::DStream;
use crate::rdd::Rdd;
use crate::row_table::RowTable;
use crate::shuffle::Combine;
use crate::wide::{Part, Wide};

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Gives one `(key, combined)` for each key of the batch: `create` begins with a first value, `add` takes a further one
    /// in, `merge` joins what two partitions have made. Values are combined inside each partition first. Into one partition
    /// for each thread of the task pool.
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
        self.combine_by_key_into(self.context().parallelism(), create, add, merge)
    }

    /// [`combine_by_key`](Self::combine_by_key) into exactly `partitions` partitions; 0 counts as 1. Keyed operators with
    /// the same number of partitions put equal keys into partitions of the same number.
    pub fn combine_by_key_into<C: Data>(
        &self,
        partitions: usize,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> DStream<(K, C)> {
        let combine = Arc::new(Functions { create, add, merge });
        self.derive("combine_by_key", move |rdd| rdd.shuffled(&combine, partitions))
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
        self.combine_by_key_into(self.parallelism(), create, add, merge)
    }

    /// [`combine_by_key`](Self::combine_by_key) into exactly `partitions` partitions; 0 counts as 1.
    pub fn combine_by_key_into<C: Data>(
        &self,
        partitions: usize,
        create: impl Fn(V) -> C + Send + Sync + 'static,
        add: impl Fn(C, V) -> C + Send + Sync + 'static,
        merge: impl Fn(C, C) -> C + Send + Sync + 'static,
    ) -> Rdd<(K, C)> {
        self.shuffled(&Arc::new(Functions { create, add, merge }), partitions)
    }

    /// One shuffle into `buckets` buckets, the values of each key combined on both sides of it.
    pub(crate) fn shuffled<C: Data, F>(&self, combine: &Arc<F>, buckets: usize) -> Rdd<(K, C)>
    where
        F: Combine<V, C> + ?Sized + 'static,
    {
        self.wide(Combining(Arc::clone(combine)), buckets)
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

struct Combining<F: ?Sized>(Arc<F>);

impl<K: Key, V: Data, C: Data, F: Combine<V, C> + ?Sized> Wide<(K, V), (K, C)> for Combining<F> {
    type Row = (K, C);
    type Kept = (K, C);

    const BY_KEY: bool = true;

    fn scatter(&self, part: &Part<'_, (K, V)>, buckets: usize) -> Result<Vec<Vec<(K, C)>>, TaskError> {
        let join = |before: Option<C>, value: V| match before {
            Some(before) => self.0.add(before, value),
            None => self.0.create(value),
        };
        let Some(pieces) = part.in_memory() else {
            let mut table = RowTable::with_capacity(0);
            part.each(|(key, value)| table.join(key, |before| join(before, value)))?;
            return Ok(table.into_buckets(buckets));
        };
        let mut table = RowTable::with_capacity(pieces.iter().map(|rows| rows.len()).max().unwrap_or(0));
        for (key, value) in pieces.iter().flat_map(|rows| rows.iter()) {
            part.begin_record()?;
            table.join_shared(key, |before| join(before, value.clone()));
        }
        Ok(table.into_buckets(buckets))
    }

    fn gather(&self, mut sources: Vec<Vec<(K, C)>>) -> Vec<(K, C)> {
        if sources.len() <= 1 {
            // The keys of one source are different from each other already.
            return sources.pop().unwrap_or_default();
        }
        let mut table = RowTable::with_capacity(sources.iter().map(Vec::len).max().unwrap_or(0));
        for (key, value) in sources.into_iter().flatten() {
            table.join(key, |before| match before {
                Some(before) => self.0.merge(before, value),
                None => value,
            });
        }
        table.into_rows()
    }

    fn in_memory(kept: &SharedRows<(K, C)>) -> Option<SharedRows<(K, C)>> {
        Some(Arc::clone(kept))
    }

    fn emit(&self, (key, value): &(K, C), sink: &mut Sink<'_, (K, C)>) -> ControlFlow<()> {
        sink((key.clone(), value.clone()))
    }
}

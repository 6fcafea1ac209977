//! `combine_by_key`: the values of each key become one. What `reduce_by_key` and `count_by_value` are made of.

use std::collections::hash_map::Entry;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::data::{Data, Key};
use crate::dataset::{Sink, TaskError};
use crate::dstream::DStream;
use crate::key_hash::{KeyMap, bucket_of};
use crate::rdd::Rdd;
use crate::shuffle::Combine;
use crate::wide::{Part, Wide};

impl<K: Key, V: Send + 'static> DStream<(K, V)> {
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

impl<K: Key, V: Send + 'static> Rdd<(K, V)> {
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

impl<K: Key, V, C: Data, F: Combine<V, C> + ?Sized> Wide<(K, V), (K, C)> for Combining<F> {
    type Row = (K, C);
    type Kept = (K, C);

    fn scatter(&self, part: &Part<'_, (K, V)>, buckets: usize) -> Result<Vec<Vec<(K, C)>>, TaskError> {
        let mut combined: KeyMap<K, Option<C>> = KeyMap::default();
        part.each(|(key, value)| match combined.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Some(self.0.create(value)));
            }
            Entry::Occupied(mut entry) => {
                // The slot is empty only while user code runs; if that panics, the whole map is thrown away.
                let slot = entry.get_mut();
                *slot = Some(match slot.take() {
                    Some(before) => self.0.add(before, value),
                    None => self.0.create(value),
                });
            }
        })?;
        // About as many as fall to each.
        let share = combined.len().div_ceil(buckets.max(1));
        let mut rows: Vec<Vec<(K, C)>> = std::iter::repeat_with(|| Vec::with_capacity(share)).take(buckets).collect();
        for (key, value) in combined {
            let bucket = bucket_of(&key, buckets);
            if let (Some(rows), Some(value)) = (rows.get_mut(bucket), value) {
                rows.push((key, value));
            }
        }
        Ok(rows)
    }

    fn gather(&self, sources: Vec<Vec<(K, C)>>) -> Vec<(K, C)> {
        let most = sources.iter().map(Vec::len).max().unwrap_or(0);
        let mut sources = sources.into_iter();
        // The keys of one source differ from each other: alone, it is the result.
        let Some(first) = sources.next() else { return Vec::new() };
        if sources.len() == 0 {
            return first;
        }
        let mut merged: KeyMap<K, Option<C>> = KeyMap::default();
        merged.reserve(most);
        merged.extend(first.into_iter().map(|(key, value)| (key, Some(value))));
        for (key, value) in sources.flatten() {
            let slot = merged.entry(key).or_default();
            *slot = Some(match slot.take() {
                Some(before) => self.0.merge(before, value),
                None => value,
            });
        }
        merged.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    fn emit(&self, (key, value): &(K, C), sink: &mut Sink<'_, (K, C)>) -> ControlFlow<()> {
        sink((key.clone(), value.clone()))
    }
}

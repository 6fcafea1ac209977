//! `repartition`: the same records in another number of partitions.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::data::Data;
use crate::dataset::{SharedRows, Sink, TaskError};
use crate::dstream::DStream;
use crate::rdd::Rdd;
use crate::wide::{Part, Wide, empty_buckets};

impl<T: Data> DStream<T> {
    /// Deals the records of each partition out to exactly `partitions` partitions, one after the other; 0 counts as 1. Each
    /// partition gets equally many, give or take one for each partition dealt from.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| Ok(ctx.queue_stream([vec![1, 2, 3, 4, 5, 6]]).repartition(3).glom())).await?;
    /// assert_eq!(batches, [[[1, 6], [2, 4], [3, 5]]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn repartition(&self, partitions: usize) -> Self {
        self.derive("repartition", move |rdd| rdd.repartition(partitions))
    }
}

impl<T: Data> Rdd<T> {
    /// Deals the records out to exactly `partitions` partitions; see [`DStream::repartition`].
    #[must_use]
    pub fn repartition(&self, partitions: usize) -> Self {
        self.wide(Dealing, partitions)
    }
}

struct Dealing;

impl<T: Data> Wide<T, T> for Dealing {
    type Row = T;
    type Kept = T;

    const BY_KEY: bool = false;

    fn scatter(&self, part: &Part<'_, T>, buckets: usize) -> Result<Vec<Vec<T>>, TaskError> {
        let mut rows = empty_buckets(buckets);
        // Every partition begins with another bucket, or the first ones would get all that is left over.
        let mut next = part.number;
        part.each(|record| {
            let bucket = next.checked_rem(buckets).unwrap_or(0);
            next = bucket.saturating_add(1);
            if let Some(rows) = rows.get_mut(bucket) {
                rows.push(record);
            }
        })?;
        Ok(rows)
    }

    fn gather(&self, sources: Vec<Vec<T>>) -> Vec<T> {
        sources.into_iter().flatten().collect()
    }

    fn in_memory(kept: &SharedRows<T>) -> Option<SharedRows<T>> {
        Some(Arc::clone(kept))
    }

    fn emit(&self, record: &T, sink: &mut Sink<'_, T>) -> ControlFlow<()> {
        sink(record.clone())
    }
}

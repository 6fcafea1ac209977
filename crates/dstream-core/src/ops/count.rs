//! `count`: how many records a batch has.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::dataset::{SharedRows, Sink, TaskError};
use crate::dstream::DStream;
use crate::wide::{Part, Wide, empty_buckets};

impl<T: Send + 'static> DStream<T> {
    /// Gives exactly one record for each batch: the number of its records, 0 for an empty batch.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| Ok(ctx.queue_stream([vec!['a', 'b']]).count())).await?;
    /// assert_eq!(batches, [[2], [0]]);
    /// # Ok(()) }
    /// ```
    pub fn count(&self) -> DStream<u64> {
        self.derive("count", |rdd| rdd.wide(Total(|_| 1), 1))
    }
}

/// The sum over all records of what the function gives for each; 0 when there are none.
pub(crate) struct Total<F>(pub(crate) F);

impl<T, F: Fn(T) -> u64 + Send + Sync + 'static> Wide<T, u64> for Total<F> {
    type Row = u64;
    type Kept = u64;

    const BY_KEY: bool = false;

    fn scatter(&self, part: &Part<'_, T>, buckets: usize) -> Result<Vec<Vec<u64>>, TaskError> {
        let mut total = 0_u64;
        part.each(|record| total = total.saturating_add((self.0)(record)))?;
        let mut rows = empty_buckets(buckets);
        if let Some(first) = rows.first_mut() {
            first.push(total);
        }
        Ok(rows)
    }

    fn gather(&self, sources: Vec<Vec<u64>>) -> Vec<u64> {
        vec![sources.into_iter().flatten().fold(0, u64::saturating_add)]
    }

    fn in_memory(kept: &SharedRows<u64>) -> Option<SharedRows<u64>> {
        Some(Arc::clone(kept))
    }

    fn emit(&self, count: &u64, sink: &mut Sink<'_, u64>) -> ControlFlow<()> {
        sink(*count)
    }
}

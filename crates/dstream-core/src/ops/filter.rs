//! `filter`: the records that pass a test.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::dstream::DStream;
use crate::narrow::Keys;
use crate::rdd::Rdd;

impl<T: Send + 'static> DStream<T> {
    /// Keeps the records for which `keep` is true.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     Ok(ctx.queue_stream([vec![1, 2, 3, 4]]).filter(|n| n % 2 == 0))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![2, 4]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        let keep = Arc::new(keep);
        self.derive("filter", move |rdd| {
            let keep = Arc::clone(&keep);
            rdd.filter(move |record| keep(record))
        })
    }
}

impl<T: Send + 'static> Rdd<T> {
    /// Keeps the records for which `keep` is true; see [`DStream::filter`].
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.narrow(
            Keys::Kept,
            move |record, _, sink| if keep(&record) { sink(record) } else { ControlFlow::Continue(()) },
        )
    }
}

//! `filter`: the records that pass a test.

use std::ops::ControlFlow;

use crate::dstream::DStream;

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
        self.narrow(
            "filter",
            move |record, _, sink| {
                if keep(&record) { sink(record) } else { ControlFlow::Continue(()) }
            },
        )
    }
}

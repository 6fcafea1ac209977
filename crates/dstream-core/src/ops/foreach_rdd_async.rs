//! `foreach_rdd_async`: an output operation that ends in a future.

use std::future::Future;

use futures::FutureExt;

use crate::dstream::DStream;
use crate::error::BoxError;
use crate::graph::Ending;
use crate::rdd::Rdd;
use crate::time::Time;

impl<T: Send + 'static> DStream<T> {
    /// Calls `f` with the records and the time of each batch, on the task pool, and runs the future that it returns on the
    /// tokio runtime that the context was started on. The batch, and with it the next one, waits for the future; its error
    /// or panic fails the attempt. Otherwise as [`foreach_rdd`](Self::foreach_rdd).
    ///
    /// Use actions before the future begins: they block their thread, which on the task pool harms nobody. In the future,
    /// they would block a thread of the runtime.
    ///
    /// # Cancellation
    /// The future is dropped at its next await only when the context stops immediately or has failed. The batch is not
    /// done then, and its records will be delivered again. A graceful stop waits for the future.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (posting, mut posted) = tokio::sync::mpsc::channel(10);
    /// batches_of(1, |ctx| {
    ///     let counts = ctx.queue_stream([vec!['a', 'a']]).count_by_value();
    ///     counts.foreach_rdd_async(move |rdd, _time| {
    ///         let (counts, posting) = (rdd.collect(), posting.clone());
    ///         async move { Ok(posting.send(counts?).await?) }
    ///     });
    ///     Ok(counts)
    /// })
    /// .await?;
    /// assert_eq!(posted.recv().await, Some(vec![('a', 2)]));
    /// # Ok(()) }
    /// ```
    pub fn foreach_rdd_async<F>(&self, f: impl Fn(Rdd<T>, Time) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.add_output_ending("foreach_rdd_async", move |rdd, time| Ok(Ending::Awaiting(f(rdd, time).boxed())));
    }
}

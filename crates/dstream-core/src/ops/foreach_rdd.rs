//! `foreach_rdd`: the output operation that all others are made of.

use std::sync::Arc;

use crate::dstream::{DStream, Node};
use crate::error::BoxError;
use crate::graph::{Ending, Output, Role};
use crate::rdd::Rdd;
use crate::time::Time;

impl<T: Send + 'static> DStream<T> {
    /// Calls `f` with the records and the time of each batch, on the task pool, one batch after the other.
    ///
    /// When `f` fails or panics, the batch is tried again with the same records from this output operation on, as often
    /// as [`batch_attempts`](crate::StreamingContextBuilder::batch_attempts) allows; so what `f` does should bear being
    /// done twice. Positions move on only after all output operations of the batch have succeeded.
    ///
    /// An output that is added after the context was started stops the context with
    /// [`StreamingError::ChangedAfterStart`](crate::StreamingError::ChangedAfterStart).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicI32, Ordering};
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let total = Arc::new(AtomicI32::new(0));
    /// let sums = Arc::clone(&total);
    /// batches_of(2, |ctx| {
    ///     let numbers = ctx.queue_stream([vec![1, 2, 3], vec![4]]);
    ///     numbers.foreach_rdd(move |rdd, time| {
    ///         let sum: i32 = rdd.collect()?.iter().sum();
    ///         println!("{time}: {sum}");
    ///         sums.fetch_add(sum, Ordering::Relaxed);
    ///         Ok(())
    ///     });
    ///     Ok(numbers)
    /// })
    /// .await?;
    /// assert_eq!(total.load(Ordering::Relaxed), 10);
    /// # Ok(()) }
    /// ```
    pub fn foreach_rdd(&self, f: impl Fn(Rdd<T>, Time) -> Result<(), BoxError> + Send + Sync + 'static) {
        self.add_output("foreach_rdd", f);
    }

    pub(crate) fn add_output(
        &self,
        kind: &'static str,
        f: impl Fn(Rdd<T>, Time) -> Result<(), BoxError> + Send + Sync + 'static,
    ) {
        self.add_output_ending(kind, move |rdd, time| f(rdd, time).map(|()| Ending::Done));
    }

    /// An output operation that may have something left to do when `f` has returned.
    pub(crate) fn add_output_ending(
        &self,
        kind: &'static str,
        f: impl Fn(Rdd<T>, Time) -> Result<Ending, BoxError> + Send + Sync + 'static,
    ) {
        let node = Arc::clone(self.node());
        let name = self.context().name_operator(kind);
        self.context().add_output(Output {
            name,
            node: Arc::<Node<T>>::clone(&node),
            run: Box::new(move |job| f(Rdd::new(node.dataset(job)?, job.clone(), name), job.batch.time)),
            role: Role::Program,
        });
    }
}

//! `flat_map`: any number of records for each record.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::dstream::DStream;
use crate::narrow::Keys;
use crate::rdd::Rdd;

impl<T: Send + 'static> DStream<T> {
    /// Gives every item of `f(record)` for each record.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     let lines = ctx.queue_stream([vec!["to be or", "not"]]);
    ///     Ok(lines.flat_map(|line| line.split(' ')))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec!["to", "be", "or", "not"]]);
    /// # Ok(()) }
    /// ```
    pub fn flat_map<I>(&self, f: impl Fn(T) -> I + Send + Sync + 'static) -> DStream<I::Item>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
    {
        let f = Arc::new(f);
        self.derive("flat_map", move |rdd| {
            let f = Arc::clone(&f);
            rdd.flat_map(move |record| f(record))
        })
    }
}

impl<T: Send + 'static> Rdd<T> {
    /// Gives every item of `f(record)` for each record; see [`DStream::flat_map`].
    pub fn flat_map<I>(&self, f: impl Fn(T) -> I + Send + Sync + 'static) -> Rdd<I::Item>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
    {
        self.narrow(Keys::Changed, move |record, stage, sink| {
            for item in f(record) {
                sink(item)?;
                // The iterator is user code as well.
                stage.enter();
            }
            ControlFlow::Continue(())
        })
    }
}

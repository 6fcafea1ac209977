//! `map`: one record for each record.

use std::sync::Arc;

use crate::dstream::DStream;
use crate::narrow::Keys;
use crate::rdd::Rdd;

impl<T: Send + 'static> DStream<T> {
    /// Gives `f(record)` for each record.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(2, |ctx| {
    ///     Ok(ctx.queue_stream([vec![1, 2], vec![3]]).map(|n| n * 10))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![10, 20], vec![30]]);
    /// # Ok(()) }
    /// ```
    pub fn map<U: Send + 'static>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> DStream<U> {
        let f = Arc::new(f);
        self.derive("map", move |rdd| {
            let f = Arc::clone(&f);
            rdd.map(move |record| f(record))
        })
    }
}

impl<T: Send + 'static> Rdd<T> {
    /// Gives `f(record)` for each record; see [`DStream::map`].
    pub fn map<U: Send + 'static>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Rdd<U> {
        self.narrow(Keys::Changed, move |record, _, sink| sink(f(record)))
    }
}

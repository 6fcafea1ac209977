//! `flat_map_values`: any number of values for each value, under the same key.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::dstream::DStream;
use crate::narrow::Keys;
use crate::rdd::Rdd;

impl<K: Clone + Send + 'static, V: Send + 'static> DStream<(K, V)> {
    /// Gives `(key, item)` for every item of `f(value)`, for each `(key, value)`.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     Ok(ctx.queue_stream([vec![("a", 1), ("b", 2)]]).flat_map_values(|n| [n, n + 10]))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[("a", 1), ("a", 11), ("b", 2), ("b", 12)]]);
    /// # Ok(()) }
    /// ```
    pub fn flat_map_values<I>(&self, f: impl Fn(V) -> I + Send + Sync + 'static) -> DStream<(K, I::Item)>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
    {
        let f = Arc::new(f);
        self.derive("flat_map_values", move |rdd| {
            let f = Arc::clone(&f);
            rdd.flat_map_values(move |value| f(value))
        })
    }
}

impl<K: Clone + Send + 'static, V: Send + 'static> Rdd<(K, V)> {
    /// Gives `(key, item)` for every item of `f(value)`; see [`DStream::flat_map_values`].
    pub fn flat_map_values<I>(&self, f: impl Fn(V) -> I + Send + Sync + 'static) -> Rdd<(K, I::Item)>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
    {
        self.narrow(Keys::Kept, move |(key, value), stage, sink| {
            for item in f(value) {
                sink((key.clone(), item))?;
                // The iterator is user code as well.
                stage.enter();
            }
            ControlFlow::Continue(())
        })
    }
}

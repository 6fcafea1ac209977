//! `map_values`: the same keys, other values.

use std::sync::Arc;

use crate::dstream::DStream;
use crate::narrow::Keys;
use crate::rdd::Rdd;

impl<K: Send + 'static, V: Send + 'static> DStream<(K, V)> {
    /// Gives `(key, f(value))` for each `(key, value)`.
    ///
    /// ```
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let batches = batches_of(1, |ctx| {
    ///     Ok(ctx.queue_stream([vec![("a", 1), ("b", 2)]]).map_values(|n| n + 10))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![("a", 11), ("b", 12)]]);
    /// # Ok(()) }
    /// ```
    pub fn map_values<W: Send + 'static>(&self, f: impl Fn(V) -> W + Send + Sync + 'static) -> DStream<(K, W)> {
        let f = Arc::new(f);
        self.derive("map_values", move |rdd| {
            let f = Arc::clone(&f);
            rdd.map_values(move |value| f(value))
        })
    }
}

impl<K: Send + 'static, V: Send + 'static> Rdd<(K, V)> {
    /// Gives `(key, f(value))` for each `(key, value)`; see [`DStream::map_values`].
    pub fn map_values<W: Send + 'static>(&self, f: impl Fn(V) -> W + Send + Sync + 'static) -> Rdd<(K, W)> {
        self.narrow(Keys::Kept, move |(key, value), _, sink| sink((key, f(value))))
    }
}

//! `cache`: what several users need is computed once.

use std::sync::Arc;

use crate::cached::Cached;
use crate::dstream::DStream;
use crate::rdd::Rdd;

impl<T: Clone + Send + Sync + 'static> DStream<T> {
    /// The same records, computed once for each batch and kept in memory until the batch is done. Worth it where several
    /// outputs, or several actions of one, use what is costly to compute and not behind a shuffle: results of wide
    /// operators are kept anyway. To keep it on disk, see [`persist`](Self::persist).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicU32, Ordering};
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let calls = Arc::new(AtomicU32::new(0));
    /// let seen = Arc::clone(&calls);
    /// let batches = batches_of(1, |ctx| {
    ///     let costly = ctx.queue_stream([vec![1, 2]]).map(move |n| {
    ///         seen.fetch_add(1, Ordering::Relaxed);
    ///         n * 10
    ///     });
    ///     let costly = costly.cache();
    ///     Ok(costly.union(&costly))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[10, 20, 10, 20]]);
    /// assert_eq!(calls.load(Ordering::Relaxed), 2);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn cache(&self) -> Self {
        self.derive("cache", Rdd::cache)
    }
}

impl<T: Clone + Send + Sync + 'static> Rdd<T> {
    /// The same records, computed by the first action and kept in memory for the further ones.
    #[must_use]
    pub fn cache(&self) -> Self {
        self.with(Arc::new(Cached::new(self.operator(), Arc::clone(self.dataset()))))
    }
}

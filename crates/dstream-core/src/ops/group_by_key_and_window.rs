//! `group_by_key_and_window`: all values of each key in the last batches together.

use std::sync::Arc;
use std::time::Duration;

use crate::data::{Data, Key};
use crate::dstream::DStream;
use crate::ops::combine_by_key::Functions;
use crate::shuffle::Combine;

impl<K: Key, V: Data> DStream<(K, V)> {
    /// Every `slide`, gives one `(key, values)` for each key in the last `window`, oldest batch first, and in a batch in the
    /// order of its partitions. Which batches are in a window, and what its durations must be: see [`window`](Self::window).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(3, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1), ('a', 2)], vec![('a', 3)]]);
    ///     Ok(pairs.group_by_key_and_window(window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[('a', vec![1, 2])], [('a', vec![1, 2, 3])], [('a', vec![3])]]);
    /// # Ok(()) }
    /// ```
    pub fn group_by_key_and_window(&self, window: Duration, slide: Duration) -> DStream<(K, Vec<V>)> {
        self.group_by_key_and_window_into(self.context().parallelism(), window, slide)
    }

    /// [`group_by_key_and_window`](Self::group_by_key_and_window) into exactly `partitions` partitions; 0 counts as 1.
    pub fn group_by_key_and_window_into(
        &self,
        partitions: usize,
        window: Duration,
        slide: Duration,
    ) -> DStream<(K, Vec<V>)> {
        let kind = "group_by_key_and_window";
        self.context().composite(kind, || self.combined_in_window(kind, into_lists(), partitions, (window, slide)))
    }
}

/// The values of a key, in the order of partitions and in each of them.
pub(crate) fn into_lists<V: Data>() -> Arc<dyn Combine<V, Vec<V>>> {
    Arc::new(Functions { create: |value| vec![value], add: with, merge: joined })
}

fn with<V>(mut values: Vec<V>, value: V) -> Vec<V> {
    values.push(value);
    values
}

fn joined<V>(mut left: Vec<V>, right: Vec<V>) -> Vec<V> {
    left.extend(right);
    left
}

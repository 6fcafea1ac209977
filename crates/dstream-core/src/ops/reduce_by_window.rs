//! `reduce_by_window`: the records of the last batches, joined into one.

use std::sync::Arc;
use std::time::Duration;

use crate::data::Data;
use crate::dstream::DStream;
use crate::ops::reduce_by_key::joined_by;
use crate::windowed::Reducing;

impl<T: Data> DStream<T> {
    /// Every `slide`, gives the records in the last `window`, joined by `f`, which must be associative and commutative; no
    /// record when there are none. Which batches are in a window, and what its durations must be: see
    /// [`window`](Self::window). Each batch is reduced once.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     Ok(ctx.queue_stream([vec![1, 2], vec![3]]).reduce_by_window(|m, n| m + n, window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![3], vec![6], vec![3], vec![]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_window(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Self {
        let kind = "reduce_by_window";
        self.context().composite(kind, || {
            let reduced = self.under_one_key().combined_in_window(kind, joined_by(f), 1, (window, slide));
            reduced.map(|((), record)| record)
        })
    }

    /// As [`reduce_by_window`](Self::reduce_by_window), but each window is made from the one before: what left the window is
    /// taken away by `inverse`, what entered it is added by `f`; `inverse(f(a, b), b)` must be `a`. Once there was a record,
    /// there is always a result: the neutral one, when the window is empty. The stream is a stateful one, see
    /// [`reduce_by_key_and_window_inverse`](DStream::reduce_by_key_and_window_inverse).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     let numbers = ctx.queue_stream([vec![1, 2], vec![3]]);
    ///     Ok(numbers.reduce_by_window_inverse(|m, n| m + n, |m, n| m - n, window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[3], [6], [3], [0]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_window_inverse(
        &self,
        f: impl Fn(T, T) -> T + Send + Sync + 'static,
        inverse: impl Fn(T, T) -> T + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Self {
        let reducing = Reducing { add: Arc::new(f), take_away: Box::new(inverse), keep: None };
        let kind = "reduce_by_window_inverse";
        self.context().composite(kind, || {
            let reduced = self.under_one_key().sliding_result(kind, reducing, 1, (window, slide));
            reduced.map(|((), record)| record)
        })
    }

    fn under_one_key(&self) -> DStream<((), T)> {
        self.map(|record| ((), record))
    }
}

//! `reduce_by_key_and_window_inverse`: one value for each key in the last batches together, corrected from window to window.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::data::{Data, Key};
use crate::dstream::{DStream, Lineage};
use crate::ops::reduce_by_key::joined_by;
use crate::state::Expiry;
use crate::stateful::{KeyedStates, StateRows, StateStep};
use crate::windowed::{Reducing, SlidingResult};

impl<K: Key, V: Data> DStream<(K, V)> {
    /// As [`reduce_by_key_and_window`](Self::reduce_by_key_and_window), but each window is made from the one before: what
    /// left the window is taken away by `inverse`, what entered it is added by `f`. `inverse(f(a, b), b)` must be `a`.
    /// So a window costs in proportion to the keys that enter and leave it, however long it is.
    ///
    /// A key stays in the result for ever, even when all its values have left, with the neutral value that `inverse` then
    /// gives; to drop such keys, use
    /// [`reduce_by_key_and_window_filtered`](Self::reduce_by_key_and_window_filtered). The result goes back to the first
    /// batch, so the stream is a stateful one: without a checkpoint directory, a restart loses it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1)], vec![('a', 1)]]);
    ///     Ok(pairs.reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [[('a', 1)], [('a', 2)], [('a', 1)], [('a', 0)]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_key_and_window_inverse(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
    ) -> Self {
        let reducing = Reducing { add: Arc::new(f), take_away: Box::new(inverse), keep: None };
        let kind = "reduce_by_key_and_window_inverse";
        self.sliding_result(kind, reducing, self.context().parallelism(), (window, slide))
    }

    /// As [`reduce_by_key_and_window_inverse`](Self::reduce_by_key_and_window_inverse), but keys for whose value `keep` is
    /// false are dropped. It is asked when a value changes. It must drop only keys that have no value in the window any
    /// more: when a value of a key that is not in the result leaves, the batch fails with
    /// [`TaskError::NoPreviousValue`](crate::TaskError::NoPreviousValue).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(4, |ctx| {
    ///     let pairs = ctx.queue_stream([vec![('a', 1)], vec![('a', 1)]]);
    ///     Ok(pairs.reduce_by_key_and_window_filtered(|m, n| m + n, |m, n| m - n, window, slide, |_, n| *n != 0))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![('a', 1)], vec![('a', 2)], vec![('a', 1)], vec![]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reduce_by_key_and_window_filtered(
        &self,
        f: impl Fn(V, V) -> V + Send + Sync + 'static,
        inverse: impl Fn(V, V) -> V + Send + Sync + 'static,
        window: Duration,
        slide: Duration,
        keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        let reducing = Reducing { add: Arc::new(f), take_away: Box::new(inverse), keep: Some(Box::new(keep)) };
        let kind = "reduce_by_key_and_window_filtered";
        self.sliding_result(kind, reducing, self.context().parallelism(), (window, slide))
    }

    /// A window whose result is kept and corrected.
    pub(crate) fn sliding_result(
        &self,
        kind: &'static str,
        reducing: Reducing<K, V>,
        buckets: usize,
        (window, slide): (Duration, Duration),
    ) -> Self {
        let add = Arc::clone(&reducing.add);
        let kept = self.combined_and_kept(kind, &joined_by(move |m, n| add(m, n)), buckets, window);
        let states = Arc::new(KeyedStates::new(buckets, Expiry::Off, Vec::new()));
        let floor = Arc::clone(&states);
        // What is in the result is needed when it leaves, even if batch times are skipped until then.
        kept.batches.keep_after(move || Some(floor.oldest()?.minus(window)));
        let (parent, batches, reducing) = (Arc::clone(kept.stream.node()), kept.batches, Arc::new(reducing));
        let memory = Arc::clone(&states);
        let lineage = Lineage::of(&parent).sliding(slide).with_state(memory);
        let windowed = Self::new(self.context(), kind, lineage, |operator| {
            Box::new(move |job| {
                // So that the batch of this very time is among the kept ones.
                parent.dataset(job)?;
                let batch = Arc::clone(&job.batch);
                let (batches, reducing) = (Arc::clone(&batches), Arc::clone(&reducing));
                let slid = SlidingResult {
                    operator,
                    batch: Arc::clone(&batch),
                    window,
                    batches,
                    states: Arc::clone(&states),
                    reducing,
                    moved: OnceLock::new(),
                };
                let step = Arc::new(StateStep::new(operator, &batch, &states, slid));
                Ok(Arc::new(StateRows { batch, states: Arc::clone(&states), step }))
            })
        });
        self.check_window(&windowed, window, slide);
        windowed
    }
}

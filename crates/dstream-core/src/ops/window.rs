//! `window`: the records of the last batches together.

use std::sync::Arc;
use std::time::Duration;

use crate::cached::Cached;
use crate::data::Data;
use crate::dataset::SharedDataset;
use crate::dstream::{DStream, Lineage};
use crate::graph_error::GraphError;
use crate::ops::union::Union;

impl<T: Data> DStream<T> {
    /// Every `slide`, gives the records of the batches that lie in the last `window`, oldest first: at batch time `t` those
    /// in `(t - window, t]`. Batches before the start are absent, so the first windows are shorter.
    ///
    /// Both durations must be multiples of this stream's [`slide_duration`](Self::slide_duration); if they are not,
    /// [`start`](crate::StreamingContext::start) fails. The batches of the window are kept in memory, whatever the window is
    /// made of is computed once.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use dstream_core::testing::batches_of;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), dstream_core::BoxError> {
    /// // `batches_of` makes a batch every second.
    /// let (window, slide) = (Duration::from_secs(2), Duration::from_secs(1));
    /// let batches = batches_of(3, |ctx| {
    ///     Ok(ctx.queue_stream([vec![1], vec![2], vec![3]]).window(window, slide))
    /// })
    /// .await?;
    /// assert_eq!(batches, [vec![1], vec![1, 2], vec![2, 3]]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn window(&self, window: Duration, slide: Duration) -> Self {
        self.context().composite("window", || self.windowed(window, slide))
    }

    fn windowed(&self, window: Duration, slide: Duration) -> Self {
        let kept = self.kept(window);
        let (parent, batches) = (Arc::clone(kept.stream.node()), kept.batches);
        let windowed = Self::new(self.context(), "window", Lineage::of(&parent).sliding(slide), |_| {
            Box::new(move |job| {
                let now = job.batch.time;
                // So that the batch of this very time is among the kept ones.
                parent.dataset(job)?;
                let parts = batches.between(now.minus(window), now);
                let untyped = |batch: Arc<Cached<T>>| -> SharedDataset<T> { batch };
                Ok(Arc::new(Union::of(parts.into_iter().map(untyped).collect())))
            })
        });
        self.check_window(&windowed, window, slide);
        windowed
    }
}

impl<T: Send + 'static> DStream<T> {
    /// Lets the start fail if `window` or `slide`, of `made`, is no multiple of this stream's slide.
    pub(crate) fn check_window<U: Send + 'static>(&self, made: &DStream<U>, window: Duration, slide: Duration) {
        self.check_multiple(made, "window", window);
        self.check_multiple(made, "slide", slide);
    }

    fn check_multiple<U: Send + 'static>(&self, made: &DStream<U>, what: &'static str, value: Duration) {
        let slide = self.slide_duration();
        if value.is_zero() || value.as_nanos().checked_rem(slide.as_nanos()) != Some(0) {
            self.context().graph().note_defect(GraphError::NotAMultiple { operator: made.name(), what, value, slide });
        }
    }
}

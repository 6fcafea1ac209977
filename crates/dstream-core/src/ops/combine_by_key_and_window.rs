//! What the keyed windows share: batches reduced by key and kept, and the windows over them. No operator of its own.

use std::sync::Arc;
use std::time::Duration;

use crate::data::{Data, Key};
use crate::dstream::{DStream, Lineage};
use crate::kept::KeptStream;
use crate::shuffle::Combine;
use crate::windowed::MergedWindow;

impl<K: Key, V: Send + 'static> DStream<(K, V)> {
    /// Each batch combined by key, in `buckets` partitions, and kept for at least `span`.
    pub(crate) fn combined_and_kept<C: Data>(
        &self,
        kind: &'static str,
        combine: &Arc<dyn Combine<V, C>>,
        buckets: usize,
        span: Duration,
    ) -> KeptStream<(K, C)> {
        let combine = Arc::clone(combine);
        self.derive(kind, move |rdd| rdd.shuffled(&combine, buckets)).kept(span)
    }

    /// Every `slide`, the values of each key in the last `window`, combined in each batch first.
    pub(crate) fn combined_in_window<C: Data>(
        &self,
        kind: &'static str,
        combine: Arc<dyn Combine<V, C>>,
        buckets: usize,
        (window, slide): (Duration, Duration),
    ) -> DStream<(K, C)> {
        let kept = self.combined_and_kept(kind, &combine, buckets, window);
        let (parent, batches) = (Arc::clone(kept.stream.node()), kept.batches);
        let windowed = DStream::new(self.context(), kind, Lineage::of(&parent).sliding(slide), |operator| {
            Box::new(move |job| {
                let now = job.batch.time;
                // So that the batch of this very time is among the kept ones.
                parent.dataset(job)?;
                let batches = batches.between(now.minus(window), now);
                Ok(Arc::new(MergedWindow { operator, batches, combine: Arc::clone(&combine), buckets }))
            })
        });
        self.check_window(&windowed, window, slide);
        windowed
    }
}
